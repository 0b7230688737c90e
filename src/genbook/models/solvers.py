r"""Solvers of :math:`\mathrm d\mathbf x/\mathrm dt = \mathbf v(\mathbf x, t)`.

Each takes fixed steps along given times, forwards or backwards. What counts is how
often the velocity, a network, has to be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]
Method = Literal["euler", "heun", "adams", "rk4"]

#: Evaluations of the velocity that one step costs.
EVALUATIONS: dict[str, int] = {"euler": 1, "adams": 1, "heun": 2, "rk4": 4}


def solve(
    velocity: Velocity, x: Tensor, times: Tensor, method: Method = "heun"
) -> Tensor:
    r"""Follow the velocity from ``x`` at the first time to the last.

    - ``"euler"``: one evaluation a step, error of order 1.
    - ``"adams"``: Adams–Bashforth, one evaluation a step, order 2: the slope of the
      step before is used again. The first step is one of Heun's.
    - ``"heun"``: two evaluations a step, order 2.
    - ``"rk4"``: the classical Runge–Kutta method, four evaluations, order 4.

    Args:
        velocity: Gives :math:`\mathbf v(\mathbf x, t)`, of the shape of ``x``, for a
            scalar time.
        x: Where to start.
        times: The times to pass through, ``(steps + 1,)``, in either direction.
        method: The solver.

    Returns:
        The solution at the last time, of the shape of ``x``.

    Raises:
        ValueError: If ``method`` is unknown or ``times`` holds no step.

    Reference:
        E. Hairer, S. Nørsett and G. Wanner, *Solving Ordinary Differential Equations
        I*, Springer, 1993.

    Example:
        >>> import torch
        >>> t = torch.linspace(0, 1, 11, dtype=torch.float64)
        >>> x = torch.ones(1, dtype=torch.float64)
        >>> round(solve(lambda x, t: x, x, t, "rk4").item(), 4)
        2.7183
    """
    if method not in EVALUATIONS:
        raise ValueError(f"method must be one of {list(EVALUATIONS)}, got {method!r}")
    if times.ndim != 1 or len(times) < 2:
        raise ValueError(f"times must be (steps + 1,), got {tuple(times.shape)}")
    before: Tensor | None = None  # the velocity at the step before, and that step
    last = times[0]
    for a, b in pairwise(times):
        step = b - a
        v = velocity(x, a)
        if method == "euler":
            slope = v
        elif method == "adams" and before is not None:
            slope = v + step / (2 * last) * (v - before)
        elif method == "rk4":
            v2 = velocity(x + step / 2 * v, a + step / 2)
            v3 = velocity(x + step / 2 * v2, a + step / 2)
            slope = (v + 2 * v2 + 2 * v3 + velocity(x + step * v3, b)) / 6
        else:
            slope = (v + velocity(x + step * v, b)) / 2
        x = x + step * slope
        before, last = v, step
    return x
