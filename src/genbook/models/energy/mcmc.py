r"""Markov chains that need slopes only: Langevin's walk, jumps, and annealing.

An energy :math:`E` stands for the density :math:`e^{-E(\mathbf x)}/Z`. Nothing here
asks for :math:`Z`; annealed importance sampling estimates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from genbook._validate import check_corners, check_count, check_flag, check_generator
from genbook.models.energy import _slopes
from genbook.models.energy._slopes import Energy

__all__ = [
    "annealed_importance_sampling",
    "energy_and_grad",
    "independence_metropolis",
    "langevin",
]


def energy_and_grad(energy: Energy, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return energies ``(n,)`` and their gradients ``(n, dim)`` at ``x``.

    Neither carries a gradient itself, and both come under ``torch.inference_mode`` too.

    Args:
        energy: Gives ``(n,)`` for ``(n, dim)``.
        x: Where, ``(n, dim)``; infinity and NaN, where a chain may get, are for the
            energy to answer.

    Raises:
        TypeError: If ``energy`` cannot be called or ``x`` is not a floating-point
            tensor.
        ValueError: If ``x`` has the wrong shape, or ``energy`` gives another shape, or
            values that do not depend on ``x``.

    Example:
        >>> energy_and_grad(lambda x: (x**2).sum(1), torch.ones(1, 2))[1]
        tensor([[2., 2.]])
    """
    _slopes.check_callable(energy, "energy")
    _slopes.check_start(x, finite=False)
    e, g = _slopes.slope_at(energy, x)
    return e.detach(), g


def langevin(
    energy: Energy,
    x: Tensor,
    *,
    steps: int,
    step_size: float,
    adjusted: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Walk downhill with noise; in the long run the points follow ``exp(-energy)``.

    .. math:: \mathbf x' = \mathbf x - \tfrac{h^2}{2}\nabla E(\mathbf x)
              + h\,\boldsymbol\varepsilon.

    A finite step makes a small error, which the Metropolis–Hastings test removes: a
    move is taken with a probability that keeps the target exactly invariant. Untested
    it is the unadjusted Langevin algorithm, tested the Metropolis-adjusted one (MALA).

    Args:
        energy: Gives ``(n,)`` for ``(n, dim)``.
        x: Where the chains start, ``(n, dim)``.
        steps: How many moves.
        step_size: The ``h`` of the equation.
        adjusted: Whether moves are tested.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Where the chains end, ``(n, dim)``, without gradient.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` has the wrong shape or a value that is not finite, a number
            is out of range, or ``energy`` gives another shape, values that do not
            depend on ``x``, or NaN where a chain starts.

    Reference:
        G. Roberts and R. Tweedie, "Exponential convergence of Langevin distributions
        and their discrete approximations", 1996, doi:10.2307/3318418.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> bowl = lambda x: 0.5 * (x**2).sum(1)
        >>> x = langevin(bowl, torch.zeros(2000, 1), steps=50, step_size=1, generator=g)
        >>> round(x.std().item(), 1)
        1.0
    """
    _slopes.check_callable(energy, "energy")
    _slopes.check_start(x)
    check_count(steps, "steps")
    step_size = _slopes.check_step(step_size, x.dtype)
    check_flag(adjusted, "adjusted")
    check_generator(generator)
    state = (x.detach(), *energy_and_grad(energy, x))
    _slopes.check_numbers(state[1], "energy")
    for _ in range(steps):
        state = _move(energy, *state, step_size, adjusted, generator)
    return state[0]


def _move(
    energy: Energy,
    x: Tensor,
    e: Tensor,
    g: Tensor,
    h: float,
    adjusted: bool,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Move each chain once; return places, energies and slopes.

    Equation :eq:`eq-energy-langevin` proposes, :eq:`eq-energy-metropolis` decides.
    """
    eps = torch.empty_like(x).normal_(generator=generator)  # (n, dim)
    there = x - h**2 / 2 * g + h * eps  # (15.3)
    e_new, g_new = energy_and_grad(energy, there)  # (n,), (n, dim)
    if not adjusted:
        return there, e_new, g_new
    # How likely the move is, and how likely the move back.
    out = (there - x + h**2 / 2 * g).square().sum(1)
    back = (x - there + h**2 / 2 * g_new).square().sum(1)
    log_accept = e - e_new + (out - back) / (2 * h**2)  # (15.5)
    u = torch.empty_like(e).uniform_(generator=generator)
    taken = u.log() < log_accept
    x = torch.where(taken[:, None], there, x)
    return x, torch.where(taken, e_new, e), torch.where(taken[:, None], g_new, g)


def independence_metropolis(
    energy: Energy,
    x: Tensor,
    low: Tensor | Sequence[float],
    high: Tensor | Sequence[float],
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Offer each chain a place anywhere in a box, and test the offer.

    The offer does not depend on where the chain is, so that the Metropolis test,
    equation :eq:`eq-energy-metropolis`, is

    .. math:: \text{accept with probability }
              \min\bigl(1, e^{E(\mathbf x)-E(\mathbf x')}\bigr),

    and a chain outside the box, which no offer could bring back there, stays. In two
    dimensions a good share is accepted; in a hundred none is.

    Args:
        energy: Gives ``(n,)`` for ``(n, dim)``.
        x: Where the chains are, ``(n, dim)``.
        low: The lower corner of the box, ``(dim,)``, numbers of any type.
        high: Its upper corner, numbers of any type.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Where the chains are now, ``(n, dim)``, without gradient.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a shape is wrong, a value not finite, the box without a width, or
            ``energy`` gives another shape or NaN.

    Reference:
        L. Tierney, "Markov chains for exploring posterior distributions", 1994,
        doi:10.1214/aos/1176325750.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> slope_up = lambda x: -x.log().sum(1)
        >>> x, ends = torch.full((2000, 1), 0.5), torch.tensor([[0.0], [1.0]])
        >>> for _ in range(20):
        ...     x = independence_metropolis(slope_up, x, *ends, generator=g)
        >>> round(x.mean().item(), 2)
        0.67
    """
    _slopes.check_callable(energy, "energy")
    _slopes.check_start(x)
    low, high = _box_of(low, high, x)
    check_generator(generator)
    u = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    v = torch.rand(len(x), generator=generator, dtype=x.dtype, device=x.device)
    there = low + u * (high - low)  # (n, dim)
    with torch.no_grad():
        e = energy(torch.cat([x, there]))
    e, e_new = _slopes.check_answer(e, 2 * len(x), "energy").chunk(2)
    _slopes.check_numbers(e, "energy")
    inside = ((x >= low) & (x <= high)).all(1)
    taken = inside & (v.log() < e - e_new)  # (15.5)
    return torch.where(taken[:, None], there, x.detach())


def _box_of(
    low: Tensor | Sequence[float], high: Tensor | Sequence[float], x: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the corners of a box around points like ``x``."""
    low, high = check_corners(low, high)
    if low.shape != x.shape[1:]:
        raise ValueError(
            f"low and high must be {tuple(x.shape[1:])} like the rows of x, got "
            f"{tuple(low.shape)}"
        )
    return low.to(x), high.to(x)


def annealed_importance_sampling(
    energy: Energy,
    x: Tensor,
    base_log_prob: Energy,
    *,
    anneal_steps: int,
    step_size: float,
    langevin_steps: int = 1,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Carry samples of a base to a target, and weigh what the journey cost.

    At temperature :math:`1/\beta` the chains follow
    :math:`p_0(\mathbf x)^{1-\beta} e^{-\beta E(\mathbf x)}`, equation
    :eq:`eq-energy-anneal`. The mean of the weights estimates :math:`Z` without bias.

    Args:
        energy: The target's energy.
        x: Samples of the base, ``(n, dim)``.
        base_log_prob: The base's log density, ``(n,)`` for ``(n, dim)``.
        anneal_steps: How many steps of :math:`\beta` from 0 to 1.
        step_size: Of the Langevin moves.
        langevin_steps: How many moves at each temperature.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The chains' ends, ``(n, dim)``, and the logs of their weights, ``(n,)``, both
        without gradient; ``log_weights.logsumexp(0) - log(n)`` estimates
        :math:`\log Z`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` has the wrong shape or a value that is not finite, a number
            is out of range, or a function gives another shape, NaN, or no gradient.

    Reference:
        R. Neal, "Annealed importance sampling", 2001, doi:10.1023/A:1008923215028.

    Example:
        >>> import math
        >>> g = torch.Generator().manual_seed(0)
        >>> base = torch.distributions.Normal(0.0, 1.0)
        >>> x = torch.randn(2000, 1, generator=g)
        >>> narrow = lambda x: 2 * x[:, 0] ** 2
        >>> _, w = annealed_importance_sampling(
        ...     narrow, x, lambda x: base.log_prob(x[:, 0]), anneal_steps=30,
        ...     step_size=0.5, generator=g)
        >>> exact = 0.5 * math.log(math.pi / 2)
        >>> abs((w.logsumexp(0) - math.log(2000)).item() - exact) < 0.05
        True
    """
    _slopes.check_callable(energy, "energy")
    _slopes.check_callable(base_log_prob, "base_log_prob")
    _slopes.check_start(x)
    check_count(anneal_steps, "anneal_steps", minimum=1)
    check_count(langevin_steps, "langevin_steps")
    _slopes.check_step(step_size, x.dtype)
    check_generator(generator)
    _check_both(energy, base_log_prob, x)
    beta = torch.linspace(0, 1, anneal_steps + 1, dtype=x.dtype).tolist()
    log_w = x.new_zeros(len(x))  # (n,)
    for before, now in pairwise(beta):
        with torch.no_grad():
            log_w -= (now - before) * (energy(x) + base_log_prob(x))  # (15.8)

        def bridge(v: Tensor, b: float = now) -> Tensor:
            return b * energy(v) - (1 - b) * base_log_prob(v)

        x = langevin(
            bridge,
            x,
            steps=langevin_steps,
            step_size=step_size,
            generator=generator,
        )
    _slopes.check_numbers(log_w, "energy + base_log_prob")
    return x, log_w


@torch.no_grad()
def _check_both(energy: Energy, base_log_prob: Energy, x: Tensor) -> None:
    """Refuse functions that do not give a number for each start of a chain."""
    for f, name in ((energy, "energy"), (base_log_prob, "base_log_prob")):
        e = _slopes.check_answer(f(x), len(x), name)
        _slopes.check_numbers(e, name)
