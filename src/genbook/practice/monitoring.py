"""An alarm for drift: do the requests of today look like those that we prepared for?

A model is right about data like its own. Nothing in a service fails when the data
change; answers become wrong quietly. So windows of what is asked are compared with a
reference by a test whose rate of false alarms is chosen beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_kind,
    check_seed,
    check_share,
    check_tensor,
)
from genbook.metrics import energy_test

__all__ = ["DriftAlarm", "DriftReport", "alarm_rate"]


@dataclass(frozen=True)
class DriftReport:
    """What an alarm says of one window.

    Attributes:
        p_value: The chance of a window so unlike the reference if nothing has changed.
        alarm: Whether that is at most the alarm's ``alpha``.
    """

    p_value: float
    alarm: bool


class DriftAlarm:
    r"""Compare each full window of observations with a reference.

    The test is the permutation test of the energy distance,
    :func:`~genbook.metrics.two_sample.energy_test`. Its p-value is at most ``alpha`` in
    a share ``alpha`` of unchanged windows, when reference and window are both fresh. A
    reference that the model was trained on is not: its surprise is lower than that of
    new observations, and the alarm rings for nothing.

    Args:
        reference: Observations, or what was summarised of them, ``(n, k)``.
        window: How many make a window.
        alpha: The share of false alarms.
        permutations: How many shuffles each test makes; with fewer than
            ``1 / alpha - 1`` there could be no alarm.
        seed: Decides the shuffles.

    Attributes:
        scale: The standard deviations of the reference, the unit of each column.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If ``reference`` is not ``(n, k)`` with two rows or more, a number
            is out of range, or there are too few permutations for ``alpha``.

    Reference:
        G. J. Székely and M. L. Rizzo, "Testing for equal distributions in high
        dimension", InterStat, 2004.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> alarm = DriftAlarm(torch.randn(200, 2, generator=g), window=50)
        >>> alarm.watch(torch.randn(30, 2, generator=g) + 2)
        []
        >>> alarm.watch(torch.randn(30, 2, generator=g) + 2)
        [DriftReport(p_value=0.005, alarm=True)]
    """

    def __init__(
        self,
        reference: Tensor,
        *,
        window: int = 100,
        alpha: float = 0.01,
        permutations: int = 199,
        seed: int = 0,
    ) -> None:
        check_tensor(reference, "reference", ("n", "k"))
        if len(reference) < 2:
            raise ValueError("reference must have 2 rows or more, got 1")
        self.window = check_count(window, "window", 2, 100_000)
        self.alpha = check_share(alpha, "alpha")
        self.permutations = check_count(permutations, "permutations", 1, 100_000)
        if self.alpha * (1 + self.permutations) < 1:
            raise ValueError(
                f"permutations must be at least 1 / alpha - 1 = "
                f"{1 / self.alpha - 1:.0f}, got {permutations}"
            )
        self.generator = torch.Generator().manual_seed(check_seed(seed))
        self.scale = reference.std(0).clamp(min=1e-12)
        self.reference = reference / self.scale
        self._kept = reference[:0]

    def watch(self, x: Tensor) -> list[DriftReport]:
        """Take observations; return a report on each window that they fill.

        Args:
            x: Observations like those of the reference, ``(m, k)``.

        Raises:
            TypeError: If ``x`` is not a tensor of the type of the reference.
            ValueError: If its shape is another, or it is not finite.
        """
        k, dtype = self.reference.shape[1], self.reference.dtype
        check_tensor(x, "x", ("m", k), dtype=dtype, allow_empty=True)
        self._kept = torch.cat([self._kept, x])
        reports = []
        while len(self._kept) >= self.window:
            now, self._kept = self._kept.split(
                [self.window, len(self._kept) - self.window]
            )
            test = energy_test(
                self.reference,
                now / self.scale,
                self.permutations,
                generator=self.generator,
            )
            reports.append(DriftReport(test.p_value, test.p_value <= self.alpha))
        return reports


def alarm_rate(alarm: DriftAlarm, windows: Tensor) -> float:
    """Return the share of windows that an alarm calls drifted.

    Of unchanged windows that is the rate of false alarms, of changed ones the power.

    Args:
        alarm: The alarm; what it holds of a window that is not full is dropped.
        windows: Whole windows, ``(m, window, k)``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shape of ``windows`` is another.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> alarm = DriftAlarm(torch.randn(100, 2, generator=g), window=20)
        >>> alarm_rate(alarm, torch.randn(10, 20, 2, generator=g) + 2)
        1.0
    """
    check_kind(alarm, "alarm", DriftAlarm)
    k = alarm.reference.shape[1]
    check_tensor(windows, "windows", ("m", alarm.window, k))
    alarm._kept = alarm._kept[:0]
    reports = alarm.watch(windows.flatten(0, 1))
    return sum(r.alarm for r in reports) / len(reports)
