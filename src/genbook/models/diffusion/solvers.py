r"""Solvers of :math:`\mathrm d\mathbf x/\mathrm dt = \mathbf v(\mathbf x, t)`.

Each takes fixed steps along given times, forwards or backwards. What counts is how
often the velocity, a network, has to be evaluated. Beside them stands the divergence of
a velocity, which says how the density changes along the way.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import grad

from genbook._validate import check_choice, check_flag, check_tensor

__all__ = ["EVALUATIONS", "Method", "odeint", "velocity_and_divergence"]

Velocity = Callable[[Tensor, Tensor], Tensor]
Method = Literal["euler", "heun", "adams", "rk4"]

#: Evaluations of the velocity that one step costs.
EVALUATIONS: dict[str, int] = {"euler": 1, "adams": 1, "heun": 2, "rk4": 4}


def odeint(
    velocity: Velocity,
    x: Tensor,
    times: Tensor,
    method: Method = "heun",
    *,
    return_intermediates: bool = False,
) -> Tensor:
    r"""Follow the velocity from ``x`` at the first time to the last.

    It solves Equation :eq:`eq-diffusion-ode`, by

    - ``"euler"``: one evaluation a step, error of order 1.
    - ``"adams"``: Adams–Bashforth, one evaluation a step, order 2: the slope of the
      step before is used again. The first step is one of Heun's.
    - ``"heun"``: two evaluations a step, order 2.
    - ``"rk4"``: the classical Runge–Kutta method, four evaluations, order 4.

    Args:
        velocity: Gives :math:`\mathbf v(\mathbf x, t)`, of the shape of ``x``, for a
            scalar time.
        x: Where to start, of any shape.
        times: The times to pass through, ``(steps + 1,)``, rising or falling.
        method: The solver.
        return_intermediates: Whether every stop is returned, not only the last.

    Returns:
        The solution at the last time, of the shape of ``x``; with
        ``return_intermediates`` that at every time, ``(steps + 1, *x.shape)``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If ``method`` is unknown, ``times`` holds no step or turns back, a
            value is NaN or infinite, or the velocity has another shape than ``x``.

    Reference:
        E. Hairer, S. Nørsett and G. Wanner, *Solving Ordinary Differential Equations
        I*, Springer, 1993.

    Example:
        >>> import torch
        >>> t = torch.linspace(0, 1, 11, dtype=torch.float64)
        >>> x = torch.ones(1, dtype=torch.float64)
        >>> round(odeint(lambda x, t: x, x, t, "rk4").item(), 4)
        2.7183
    """
    check_choice(method, "method", tuple(EVALUATIONS))
    check_flag(return_intermediates, "return_intermediates")
    check_tensor(x, "x", allow_empty=True)
    check_steps(times)
    velocity = _checked(velocity)
    path = [x]
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
            slope = _heun_slope(velocity, x, v, a, b)
        x = x + step * slope  # (16.7)
        before, last = v, step
        if return_intermediates:
            path.append(x)
    return torch.stack(path) if return_intermediates else x


def _heun_slope(
    velocity: Velocity, x: Tensor, v: Tensor, a: Tensor, b: Tensor
) -> Tensor:
    """Return Heun's slope from ``a``, where it is ``v``, to ``b``."""
    ahead = x + (b - a) * v  # where Euler's step leads
    return (v + velocity(ahead, b)) / 2


def check_steps(times: Tensor, name: str = "times") -> Tensor:
    """Return ``times`` if a solver can pass through them.

    Args:
        times: The times, ``(steps + 1,)``.
        name: The argument's name, for the message.

    Raises:
        TypeError: If they are not a floating-point tensor.
        ValueError: If there is no step, a time is NaN or infinite, or they neither rise
            nor fall all the way.

    Example:
        >>> check_steps(torch.tensor([1.0, 0.5, 0.0]))
        tensor([1.0000, 0.5000, 0.0000])
    """
    check_tensor(times, name, ("steps + 1",))
    if len(times) < 2:
        raise ValueError(f"{name} must hold two times or more, got {len(times)}")
    step = times.diff()
    if not ((step > 0).all() or (step < 0).all()):
        raise ValueError(f"{name} must rise or fall all the way, they do neither")
    return times


def velocity_and_divergence(
    velocity: Callable[[Tensor], Tensor],
    x: Tensor,
    probes: Tensor | None = None,
    *,
    create_graph: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Return a velocity at each point, and its divergence there.

    Without probes the divergence is exact, the sum of :math:`\partial v_j/\partial
    x_j`, and costs one derivative a feature. With probes it is Hutchinson's estimate,
    Equation :eq:`eq-fm-hutchinson`, which costs one derivative a probe; the mean over
    random probes :math:`\mathbf u` with :math:`\mathbb E\,\mathbf u\mathbf u^\top = I`
    is the exact one.

    Args:
        velocity: Gives the velocities, ``(n, d)``, of points ``(n, d)``, each from its
            own point alone.
        x: Points, ``(n, d)``; NaN and infinity give NaN.
        probes: Random directions for each point, ``(k, n, d)``.
        create_graph: Whether the results can be differentiated by what the velocity is
            made of, such as weights.

    Returns:
        The velocities, ``(n, d)``, and their divergences, ``(n,)``, both differentiable
        where ``x`` is, or with ``create_graph``; by second derivatives of the velocity,
        which must bend smoothly for them to be right.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a shape is another.

    Reference:
        M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix
        for Laplacian smoothing splines", 1989; W. Grathwohl et al., "FFJORD", 2019,
        arXiv:1810.01367.

    Example:
        >>> v, divergence = velocity_and_divergence(lambda x: 3 * x, torch.ones(2, 5))
        >>> divergence
        tensor([15., 15.])
    """
    n, d = check_tensor(x, "x", ("n", "d"), finite=False, allow_empty=True).shape
    if probes is not None:
        check_tensor(probes, "probes", ("k", n, d), allow_empty=n == 0)
    keep = check_flag(create_graph, "create_graph") or x.requires_grad
    keep = keep and torch.is_grad_enabled()
    velocity = _checked(velocity, differentiable=True)
    with torch.enable_grad():
        if not (keep and x.requires_grad):
            x = x.detach().requires_grad_()
        v = velocity(x)  # (n, d)

        def gradient(of: Tensor) -> Tensor:  # (n, d)
            return grad(of, x, create_graph=keep, retain_graph=True)[0]

        if probes is None:
            parts = [gradient(v[:, i].sum())[:, i] for i in range(v.shape[1])]
            divergence = torch.stack(parts).sum(0)  # (n,)
        else:
            parts = [(gradient((v * u).sum()) * u).sum(1) for u in probes]  # (17.5)
            divergence = torch.stack(parts).mean(0)  # (n,)
    return (v, divergence) if keep else (v.detach(), divergence.detach())


def _checked(
    velocity: Callable[..., Tensor], *, differentiable: bool = False
) -> Callable[..., Tensor]:
    """Return the same velocity, which is refused where it cannot be used."""
    if not callable(velocity):
        raise TypeError(f"velocity must be callable, got {type(velocity).__name__}")

    def checked(x: Tensor, *t: Tensor) -> Tensor:
        v = velocity(x, *t)
        if not isinstance(v, Tensor) or v.shape != x.shape:
            got = tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__
            raise ValueError(f"velocity must return {tuple(x.shape)}, got {got}")
        if differentiable and not v.requires_grad:
            raise ValueError(
                "velocity must be differentiable by its points, got one that keeps no "
                "gradient"
            )
        return v

    return checked
