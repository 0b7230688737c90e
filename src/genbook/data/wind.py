"""Wind at two places, hour by hour: real numbers with a direction that wraps around.

Extracted by ``tools/make_wind.py`` from typical-meteorological-year files (TMY3): each
month comes from whichever year was the most typical, so this is a typical year of
hours, not a time series. Anemometers reported whole knots and tens of degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbook._validate import check_dtype, check_generator
from genbook.data._files import FOLDER, read_arrays

SHA256 = "99aeaf2e16a500e990f3ad37a23b37bfa9637dda256fa0cbdf2ff49a55b61637"
SITES: tuple[str, ...] = ("greensboro", "sand-point")
KNOT = 1852 / 3600  # m/s


@dataclass(frozen=True)
class Wind:
    """The measured hours of one site.

    An hour is calm (speed zero, no direction) or windy. Calms are a point mass: no
    density describes them together with the rest, so they are only counted.

    Attributes:
        site: ``"greensboro"`` or ``"sand-point"``.
        speed: The speeds of the windy hours in metres a second, ``(n,)``.
        direction: Where the wind comes from, in degrees clockwise from north, in
            [0, 360), in tens, ``(n,)``.
        calm_hours: How many hours were calm.
        hours: How many hours were measured, ``n + calm_hours``.
    """

    site: str
    speed: Tensor
    direction: Tensor
    calm_hours: int
    hours: int

    def dequantised(self, generator: torch.Generator | None = None) -> Tensor:
        """Return the windy hours spread over the bins they were rounded to.

        A density of rounded numbers can grow without limit by placing spikes on them.
        Uniform noise of half a bin to either side, ±5° and ±½ knot (0.257 m/s), gives
        values that a density can describe; a speed below zero is reflected.

        Args:
            generator: Where the randomness comes from.

        Returns:
            Speed in metres a second and direction in [0, 360) degrees, ``(n, 2)``.

        Raises:
            TypeError: If ``generator`` is not a ``torch.Generator``.

        Reference:
            Uria, Murray and Larochelle, "RNADE: the real-valued neural autoregressive
            density-estimator", 2013, arXiv:1306.0186.

        Example:
            >>> wind = load_wind("greensboro")
            >>> wind.dequantised(torch.Generator().manual_seed(0)).shape
            torch.Size([7624, 2])
        """
        check_generator(generator)
        u = torch.rand(len(self.speed), 2, generator=generator, dtype=torch.float64)
        speed = (self.speed + KNOT * (u[:, 0] - 0.5)).abs()
        direction = (self.direction + 10 * (u[:, 1] - 0.5)) % 360
        spread = torch.stack([speed, direction], dim=1).to(self.speed.dtype)
        spread[spread[:, 1] == 360, 1] = 0  # rounded up to a full turn
        return spread


def load_wind(site: str = "greensboro", *, dtype: torch.dtype = torch.float32) -> Wind:
    """Return the measured hours of a typical year at one site.

    Only hours whose speed and direction were both measured are kept (TMY3 flag A):
    nearly all of Greensboro's, two thirds of Sand Point's. A handful with a speed but
    no direction, where two months are joined, are left out as well.

    Args:
        site: ``"greensboro"`` (North Carolina, inland) or ``"sand-point"`` (Alaska,
            an island in the Pacific).
        dtype: ``torch.float32`` or ``torch.float64``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there is no such site, or the package's ``wind.npz`` is corrupt.
        FileNotFoundError: If ``wind.npz`` is missing.

    Reference:
        Wilcox and Marion, "Users manual for TMY3 data sets", NREL/TP-581-43156, 2008.

    Example:
        >>> wind = load_wind("sand-point")
        >>> wind.hours, wind.calm_hours, len(wind.speed)
        (5836, 501, 5335)
    """
    if not isinstance(site, str):
        raise TypeError(f"site must be a string, got {type(site).__name__} {site!r}")
    if site not in SITES:
        raise ValueError(f"site must be one of {', '.join(SITES)}, got {site!r}")
    check_dtype(dtype)
    arrays = read_arrays(FOLDER / "wind.npz", SHA256)
    measured = arrays[f"{site}/measured"]
    speed = arrays[f"{site}/speed"][measured]  # tenths of a metre a second
    direction = arrays[f"{site}/direction"][measured]  # 1 to 360, and 0 for none
    calm, windy = (speed == 0) & (direction == 0), (speed > 0) & (direction > 0)
    return Wind(
        site=site,
        speed=torch.from_numpy(speed[windy]).to(dtype) / 10,
        direction=torch.from_numpy(direction[windy] % 360).to(dtype),
        calm_hours=int(calm.sum()),
        hours=int(calm.sum() + windy.sum()),
    )
