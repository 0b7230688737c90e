"""The learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Callable

from genbook._validate import check_count, check_positive

__all__ = ["constant", "one_cycle"]

#: Gives the learning rate from the step, the number of steps and the peak.
Schedule = Callable[[int, int, float], float]


def constant(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a schedule that never changes it.

    Args:
        step: The step about to be taken, from 0.
        steps: How many steps the run has.
        peak: The learning rate.

    Returns:
        ``peak``.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If the run has no such step, or ``peak`` is negative.

    Example:
        >>> constant(5, 10, 0.01)
        0.01
    """
    _check(step, steps, peak)
    return peak


def one_cycle(step: int, steps: int, peak: float) -> float:
    r"""Return the learning rate of the one-cycle schedule.

    It climbs from ``peak / 25`` to ``peak`` over the first 30 % of the steps and falls
    to ``peak / 250000`` over the rest, each time along half a cosine,

    .. math:: \eta = a + (b - a)\,\tfrac12\,(1 - \cos \pi t), \qquad t \in [0, 1].

    Args:
        step: The step about to be taken, from 0.
        steps: How many steps the run has.
        peak: The highest learning rate.

    Returns:
        The learning rate of this step.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If the run has no such step, or ``peak`` is negative.

    Reference:
        L. N. Smith and N. Topin, "Super-Convergence", 2018, arXiv:1708.07120.

    Example:
        >>> [round(one_cycle(step, 10, 1.0), 3) for step in range(10)]
        [0.04, 0.52, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
    """
    _check(step, steps, peak)
    top, last = 0.3 * steps - 1, steps - 1
    if step <= top:
        t, start, end = step / top, peak / 25, peak
    else:
        t, start, end = (step - top) / (last - top), peak, peak / 250_000
    return start + (end - start) * (1 - math.cos(math.pi * t)) / 2


def _check(step: int, steps: int, peak: float) -> None:
    """Refuse a step that the run does not have, and a rate that is none."""
    check_count(step, "step", 0, check_count(steps, "steps", 1) - 1)
    check_positive(peak, "peak", zero=True)


SCHEDULES: dict[str, Schedule] = {"one-cycle": one_cycle, "constant": constant}
