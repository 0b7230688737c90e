r"""Energy-based models: any function may be an energy, if nobody asks for its integral.

A low energy means a likely observation, :math:`p(\mathbf x) = e^{-E(\mathbf x)}/Z`. The
normaliser :math:`Z` is out of reach, but slopes do not need it: Markov chains sample
by walking downhill with noise, and training compares slopes at the data with slopes at
the model's own samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_corners,
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import EnergyModel
from genbook.models.networks import layers, waves

Energy = Callable[[Tensor], Tensor]


def slope(energy: Energy, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return energies ``(n,)`` and their gradients ``(n, dim)`` at ``x``.

    Example:
        >>> slope(lambda x: (x**2).sum(1), torch.ones(1, 2))[1]
        tensor([[2., 2.]])
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        e = energy(x)
        (g,) = torch.autograd.grad(e.sum(), x)
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
    move is taken with a probability that keeps the target exactly invariant.

    Args:
        energy: Gives ``(n,)`` for ``(n, dim)``.
        x: Where the chains start, ``(n, dim)``.
        steps: How many moves.
        step_size: The ``h`` of the equation.
        adjusted: Whether moves are tested.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Where the chains end, ``(n, dim)``, without gradient.

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
    check_tensor(x, "x", ("n", "dim"), allow_empty=True)
    check_count(steps, "steps")
    check_positive(step_size, "step_size")
    draw: dict[str, Any] = {
        "generator": check_generator(generator),
        "dtype": x.dtype,
        "device": x.device,
    }
    h2 = step_size**2
    e, g = slope(energy, x)
    x = x.detach()
    for _ in range(steps):
        there = x - h2 / 2 * g + step_size * torch.randn(x.shape, **draw)
        e_new, g_new = slope(energy, there)
        if not adjusted:
            x, e, g = there, e_new, g_new
            continue
        # How likely the move is, and how likely the move back.
        out = (there - x + h2 / 2 * g).square().sum(1)
        back = (x - there + h2 / 2 * g_new).square().sum(1)
        log_accept = e - e_new + (out - back) / (2 * h2)
        taken = torch.rand(len(x), **draw).log() < log_accept
        x = torch.where(taken[:, None], there, x)
        g = torch.where(taken[:, None], g_new, g)
        e = torch.where(taken, e_new, e)
    return x


def annealed_importance(
    energy: Energy,
    x: Tensor,
    base_log_prob: Energy,
    *,
    temperatures: int,
    step_size: float,
    moves: int = 1,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Carry samples of a base to a target, and weigh what the journey cost.

    At temperature :math:`\beta` the chains follow
    :math:`p_0(\mathbf x)^{1-\beta} e^{-\beta E(\mathbf x)}`. The mean of the weights
    estimates :math:`Z` without bias.

    Args:
        energy: The target's energy.
        x: Samples of the base, ``(n, dim)``.
        base_log_prob: The base's log density, ``(n,)`` for ``(n, dim)``.
        temperatures: How many steps from 0 to 1.
        step_size: Of the Langevin moves.
        moves: How many moves at each temperature.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The chains' ends, ``(n, dim)``, and the logs of their weights, ``(n,)``;
        ``log_weights.logsumexp(0) - log(n)`` estimates :math:`\log Z`.

    Reference:
        R. Neal, "Annealed importance sampling", 2001, doi:10.1023/A:1008923215028.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> base = torch.distributions.Normal(0.0, 1.0)
        >>> x = torch.randn(2000, 1, generator=g)
        >>> narrow = lambda x: 2 * x[:, 0] ** 2
        >>> _, w = annealed_importance(
        ...     narrow, x, lambda x: base.log_prob(x[:, 0]), temperatures=30,
        ...     step_size=0.5, generator=g)
        >>> exact = 0.5 * math.log(math.pi / 2)
        >>> abs((w.logsumexp(0) - math.log(2000)).item() - exact) < 0.05
        True
    """
    check_count(temperatures, "temperatures", minimum=1)
    beta = torch.linspace(0, 1, temperatures + 1, dtype=x.dtype).tolist()
    log_w = x.new_zeros(len(x))
    for before, now in pairwise(beta):
        with torch.no_grad():
            log_w -= (now - before) * (energy(x) + base_log_prob(x))

        def bridge(v: Tensor, b: float = now) -> Tensor:
            return b * energy(v) - (1 - b) * base_log_prob(v)

        x = langevin(bridge, x, steps=moves, step_size=step_size, generator=generator)
    return x, log_w


class EnergyNetwork(EnergyModel):
    r"""A network that gives each point an energy.

    Outside the box of the data a wall rises, so that the energy can be normalised:

    .. math:: E_\theta(\mathbf x) = f_\theta(\mathbf x)
              + \tfrac12\,\lVert \operatorname{out}(\mathbf x)/w \rVert^2.

    With ``objective="contrastive"`` training lowers the energy of the data and raises
    it where the chains of a replay buffer are, which follow the model. With
    ``"score"`` no chain is run: the slope of the energy learns to point from noisy
    data back to the data.

    Args:
        low: The lower corner of the box that holds the data, ``(dim,)``.
        high: Its upper corner.
        hidden: The widths of the network's hidden layers.
        octaves: The frequencies of sines and cosines of each coordinate that it sees.
        objective: ``"contrastive"`` or ``"score"``.
        chains: How many chains the replay buffer holds.
        moves: How many Langevin moves a chain makes between two steps of training.
        step_size: The size of a move, as a share of the box.
        noise: The standard deviation of the noise of ``"score"``, as a share of the
            box: the model learns the density of data blurred by so much.
        wall: How steep the wall is: its width, as a share of the box.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a corner, name or size is out of range.

    Reference:
        Y. LeCun et al., "A tutorial on energy-based learning", 2006; T. Tieleman,
        "Training restricted Boltzmann machines using approximations to the likelihood
        gradient", 2008, doi:10.1145/1390156.1390290; Y. Du and I. Mordatch, "Implicit
        generation and modeling with energy-based models", 2019, arXiv:1903.08689;
        P. Vincent, "A connection between score matching and denoising autoencoders",
        2011, doi:10.1162/NECO_a_00142.

    Example:
        >>> model = EnergyNetwork([-1.0, -1.0], [1.0, 1.0], hidden=(16,))
        >>> model.energy(torch.zeros(3, 2)).shape
        torch.Size([3])
    """

    low: Tensor
    high: Tensor
    buffer: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        *,
        hidden: Sequence[int] = (128, 128),
        octaves: int = 4,
        objective: Literal["contrastive", "score"] = "contrastive",
        chains: int = 2048,
        moves: int = 4,
        step_size: float = 0.02,
        noise: float = 0.02,
        wall: float = 0.01,
    ) -> None:
        super().__init__()
        if objective not in ("contrastive", "score"):
            raise ValueError(
                f"objective must be contrastive or score, got {objective!r}"
            )
        low, high = check_corners(low, high)
        dim = len(low)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.event_shape = (dim,)
        self.objective = objective
        self.octaves = check_count(octaves, "octaves")
        self.moves = check_count(moves, "moves", minimum=1)
        self.step_size = check_positive(step_size, "step_size")
        self.noise = check_positive(noise, "noise")
        self.wall = check_positive(wall, "wall")
        self.config = {
            "low": low.tolist(),
            "high": high.tolist(),
            "hidden": list(check_sizes(hidden, "hidden")),
            "octaves": octaves,
            "objective": objective,
            "chains": check_count(chains, "chains", minimum=1),
            "moves": moves,
            "step_size": step_size,
            "noise": noise,
            "wall": wall,
        }
        seen = dim * (1 + 2 * octaves)
        self.f = nn.Sequential(*layers((seen, *hidden, 1), nn.SiLU))
        start = torch.Generator().manual_seed(0)
        unit = torch.rand(chains, dim, generator=start, dtype=low.dtype)
        self.register_buffer("buffer", low + unit * (high - low))

    @property
    def span(self) -> Tensor:
        """Half the width of the box, ``(dim,)``: what shares of the box refer to."""
        return (self.high - self.low) / 2

    def energy(self, x: Tensor) -> Tensor:
        """Return the energy of each observation, ``(n,)``, up to a constant."""
        return self._energy(self._check_x(x))

    def _energy(self, x: Tensor) -> Tensor:
        unit = (x - self.low) / self.span - 1
        out = (unit.abs() - 1).clamp(min=0) / self.wall
        inside = unit.clamp(-1, 1)
        seen = waves(inside, self.octaves)
        return self.f(seen).squeeze(1) + 0.5 * out.square().sum(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return what training minimises, by the model's objective.

        The value of ``"contrastive"`` is the difference of two mean energies: its
        gradient is that of the negative log-likelihood, but the value itself is not.

        Args:
            x: Observations, ``(n, dim)``.
            y: Must be ``None``.
            generator: The source of the chains' or the data's noise.
        """
        self._refuse_condition(y)
        self._check_x(x, allow_empty=False)
        check_generator(generator)
        if self.objective == "score":
            return self._score_loss(x, generator)
        if self.training:
            self._advance(generator)
        return self._energy(x).mean() - self._energy(self.buffer).mean()

    def _score_loss(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        sigma = self.noise * self.span
        eps = torch.empty_like(x).normal_(generator=generator)
        with torch.enable_grad():
            there = (x + sigma * eps).requires_grad_()
            e = self._energy(there).sum()
            (g,) = torch.autograd.grad(e, there, create_graph=True)
        return (sigma * g - eps).square().sum(1).mean()

    @torch.no_grad()
    def _advance(self, generator: torch.Generator | None) -> None:
        """Let the chains of the buffer follow the model as it is now."""
        unit = (self.buffer - self.low) / self.span - 1
        unit = langevin(
            lambda u: self._energy(self.low + (u + 1) * self.span),
            unit,
            steps=self.moves,
            step_size=self.step_size,
            generator=generator,
        )
        self.buffer.copy_(self.low + (unit + 1) * self.span)

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        temperatures: int = 200,
        moves: int = 2,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw by annealing: from a uniform start, slowly down to the model.

        The chains end with weights; the samples are redrawn by them.

        Args:
            n: How many.
            y: Must be ``None``.
            temperatures: Steps of the annealing.
            moves: Langevin moves at each of them.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        n = check_count(n, "n")
        x, log_w = self._anneal(
            max(n, 1), temperatures, moves, check_generator(generator)
        )
        u = torch.rand(1, generator=generator, dtype=x.dtype, device=x.device)
        at = (u + torch.arange(n, device=x.device)) / max(n, 1)  # systematic
        cdf = log_w.softmax(0).cumsum(0)
        rows = torch.searchsorted(cdf, at).clamp(max=len(x) - 1)
        shuffle = torch.rand(n, generator=generator, device=x.device).argsort()
        return x[rows][shuffle]

    def _anneal(
        self,
        n: int,
        temperatures: int,
        moves: int,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Return chains that end at the model, and the logs of their weights."""
        # The base: even in the box, with the wall's Gaussian tails outside it.
        tail = self.wall * math.sqrt(2 * math.pi)
        u = self._uniform(n, *self.event_shape, generator=generator)
        flat = (2 + tail) * u - 1 - tail / 2
        z = self._normal(n, *self.event_shape, generator=generator)
        unit = torch.where(
            flat.abs() < 1, flat, flat.sign() * (1 + self.wall * z.abs())
        )

        def base(u: Tensor) -> Tensor:
            out = (u.abs() - 1).clamp(min=0) / self.wall
            return -0.5 * out.square().sum(1)

        unit, log_w = annealed_importance(
            lambda u: self._energy(self.low + (u + 1) * self.span),
            unit,
            base,
            temperatures=temperatures,
            step_size=2 * self.step_size,
            moves=moves,
            generator=generator,
        )
        return self.low + (unit + 1) * self.span, log_w

    @torch.no_grad()
    def log_normaliser(
        self,
        *,
        method: Literal["quadrature", "annealed"] = "quadrature",
        points: int = 512,
        temperatures: int = 200,
        generator: torch.Generator | None = None,
    ) -> float:
        """Return the log of the integral of ``exp(-energy)``.

        Args:
            method: ``"quadrature"`` on a grid, for one or two dimensions, or
                ``"annealed"`` importance sampling, an estimate for any number.
            points: Grid points along each side, or the number of chains.
            temperatures: Steps of the annealing.
            generator: The source of randomness of the chains.

        Raises:
            ValueError: If the method is unknown, or a grid is asked for in more than
                two dimensions.
        """
        dim = len(self.low)
        if method == "annealed":
            _, log_w = self._anneal(points, temperatures, 2, generator)
            # The base's own integral: the box and the Gaussian tails of its wall.
            side = 2 + self.wall * math.sqrt(2 * math.pi)
            log_base = dim * math.log(side)
            log_volume = self.span.log().sum().item()
            return (
                (log_w.logsumexp(0) - math.log(points)).item() + log_base + log_volume
            )
        if method != "quadrature" or dim > 2:
            raise ValueError(
                f"method must be annealed, or quadrature in one or two dimensions, got "
                f"{method!r} in {dim}"
            )
        margin = 6 * self.wall * self.span
        low, high = self.low - margin, self.high + margin
        t = (torch.arange(points, dtype=self.dtype, device=self.device) + 0.5) / points
        grid = torch.cartesian_prod(*[t] * dim).view(-1, dim)
        cell = ((high - low) / points).log().sum()
        e = torch.cat([self._energy(low + c * (high - low)) for c in grid.split(65536)])
        return ((-e).logsumexp(0) + cell).item()
