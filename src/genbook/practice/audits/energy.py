r"""The energy and carbon of a computation, as a range with its assumptions.

From processor time to grams there are three factors, and none of them is measured here:

.. math:: E = t \cdot P \cdot \mathrm{PUE}, \qquad m = E \cdot c.

:math:`P` is the power that one busy core adds, with its share of the memory and of the
power supply; the *power usage effectiveness* (PUE) is what the building takes for each
watt of the computer; :math:`c` is the carbon of one kilowatt-hour of the grid. Each is
a range, and the result is one.

Reference:
    E. Strubell, A. Ganesh and A. McCallum, "Energy and Policy Considerations for Deep
    Learning in NLP", 2019, arXiv:1906.02243; L. Lannelongue, J. Grealey and M. Inouye,
    "Green Algorithms: Quantifying the Carbon Footprint of Computation", 2021,
    doi:10.1002/advs.202100707.
"""

from __future__ import annotations

from dataclasses import dataclass

from genbook._validate import check_kind, check_positive

__all__ = ["EnergyAssumptions", "Footprint", "footprint"]

Range = tuple[float, float]


@dataclass(frozen=True)
class EnergyAssumptions:
    """What lies between processor time and carbon, each as (least, most).

    Attributes:
        watts: The power that one busy core adds: a core of a laptop with little memory
            to one of a server with its share of everything else.
        pue: The power of the building for each watt of the computer: a laptop at home,
            up to the average of data centres.
        grid: Grams of CO₂ equivalent for each kilowatt-hour: nearly all wind, water or
            nuclear power, up to nearly all coal.

    Raises:
        TypeError: If an attribute is not a pair of numbers.
        ValueError: If a pair is not positive and in order, or ``pue`` is below 1.

    Example:
        >>> EnergyAssumptions(grid=(350, 450)).pue
        (1.0, 1.6)
    """

    watts: Range = (5.0, 30.0)
    pue: Range = (1.0, 1.6)
    grid: Range = (20.0, 900.0)

    def __post_init__(self) -> None:
        for name, most in (("watts", 1e6), ("pue", 100.0), ("grid", 1e5)):
            pair = getattr(self, name)
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(f"{name} must be a pair (least, most), got {pair!r}")
            low, high = (check_positive(v, name, maximum=most) for v in pair)
            if low > high:
                raise ValueError(f"{name} must be (least, most), got {pair!r}")
            object.__setattr__(self, name, (low, high))
        if self.pue[0] < 1:
            raise ValueError(f"pue must be at least 1, got {self.pue[0]}")


@dataclass(frozen=True)
class Footprint:
    """What a computation took, as (least, most).

    Attributes:
        cpu_seconds: The processor time.
        watt_hours: The energy.
        grams: The carbon, in grams of CO₂ equivalent.
    """

    cpu_seconds: float
    watt_hours: Range
    grams: Range

    def __str__(self) -> str:
        parts = [f"{self.watt_hours[0]:.2g} to {self.watt_hours[1]:.2g} Wh"]
        parts.append(f"{self.grams[0]:.2g} to {self.grams[1]:.2g} g CO₂e")
        return ", ".join(parts)


def footprint(
    cpu_seconds: float, assumptions: EnergyAssumptions | None = None
) -> Footprint:
    """Return the range of energy and carbon of a computation.

    Args:
        cpu_seconds: The processor time, summed over cores, up to a trillion seconds.
        assumptions: Power, building and grid; broad ones when ``None``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``cpu_seconds`` is negative, or not finite, or too large.

    Example:
        >>> print(footprint(3600, EnergyAssumptions((10, 20), (1, 1.5), (100, 400))))
        10 to 30 Wh, 1 to 12 g CO₂e
    """
    seconds = check_positive(cpu_seconds, "cpu_seconds", zero=True, maximum=1e12)
    a = EnergyAssumptions() if assumptions is None else assumptions
    check_kind(a, "assumptions", EnergyAssumptions)
    wh = [seconds / 3600 * w * p for w, p in zip(a.watts, a.pue, strict=True)]
    grams = [e / 1000 * c for e, c in zip(wh, a.grid, strict=True)]
    return Footprint(seconds, (wh[0], wh[1]), (grams[0], grams[1]))
