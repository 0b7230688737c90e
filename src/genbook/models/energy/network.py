r"""Energy-based models: any function may be an energy, if nobody asks for its integral.

A low energy means a likely observation, :math:`p(\mathbf x) = e^{-E(\mathbf x)}/Z`. The
normaliser :math:`Z` is out of reach, but slopes do not need it: Markov chains sample
by walking downhill with noise, and training compares slopes at the data with slopes at
the model's own samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_choice,
    check_corners,
    check_count,
    check_generator,
    check_share,
    check_sizes,
)
from genbook.models.base import EnergyModel
from genbook.models.energy import _walls
from genbook.models.energy._slopes import slope_at
from genbook.models.energy.mcmc import (
    annealed_importance_sampling,
    independence_metropolis,
    langevin,
)
from genbook.models.networks.mlp import fourier_features, mlp


class EnergyNetwork(EnergyModel):
    r"""A network that gives each point an energy.

    Outside the box of the data a wall rises, so that the energy can be normalised:

    .. math:: E_\theta(\mathbf x) = f_\theta(\mathbf x)
              + \tfrac12\,\lVert \operatorname{out}(\mathbf x)/w \rVert^2.

    With ``objective="pcd"``, persistent contrastive divergence, training lowers the
    energy of the data and raises it where the chains of a replay buffer are, which
    follow the model. With ``"dsm"``, denoising score matching, no chain is run: the
    slope of the energy learns to point from noisy data back to the data.

    Args:
        low: The lower corner of the box that holds the data, ``(dim,)``.
        high: Its upper corner.
        hidden: The widths of the network's hidden layers.
        frequencies: How many sines and cosines of each coordinate it sees, up to 24.
        objective: ``"pcd"`` or ``"dsm"``.
        chains: How many chains the replay buffer holds, up to a million.
        langevin_steps: How many Langevin moves a chain makes between two steps of
            training.
        independence_steps: How many places anywhere in the box it is offered then.
        step_size: The size of a move, as a share of half the box: from 0 to 1.
        noise_std: The standard deviation of the noise of ``"dsm"``, as a share of the
            half box: the model learns the density of data blurred by so much.
        wall: How steep the wall is: its width, as such a share.

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
    replay_buffer: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        *,
        hidden: Sequence[int] = (128, 128),
        frequencies: int = 4,
        objective: Literal["pcd", "dsm"] = "pcd",
        chains: int = 2048,
        langevin_steps: int = 4,
        independence_steps: int = 0,
        step_size: float = 0.02,
        noise_std: float = 0.02,
        wall: float = 0.01,
    ) -> None:
        super().__init__()
        check_choice(objective, "objective", ("pcd", "dsm"))
        low, high = check_corners(low, high)
        dim = len(low)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.event_shape = (dim,)
        self.objective = objective
        self.frequencies = check_count(frequencies, "frequencies", 0, 24)
        self.langevin_steps = check_count(langevin_steps, "langevin_steps", minimum=1)
        self.independence_steps = check_count(independence_steps, "independence_steps")
        self.step_size = check_share(step_size, "step_size")
        self.noise_std = check_share(noise_std, "noise_std")
        self.wall = check_share(wall, "wall")
        chains = check_count(chains, "chains", 1, 1_000_000)
        self.config = {
            "low": low.tolist(),
            "high": high.tolist(),
            "hidden": list(check_sizes(hidden, "hidden")),
            "frequencies": self.frequencies,
            "objective": objective,
            "chains": chains,
            "langevin_steps": self.langevin_steps,
            "independence_steps": self.independence_steps,
            "step_size": self.step_size,
            "noise_std": self.noise_std,
            "wall": self.wall,
        }
        seen = dim * (1 + 2 * frequencies)
        # A slope is fitted by a smooth function; sharp coasts need kinks.
        between = nn.SiLU if objective == "dsm" else nn.ReLU
        self.f = nn.Sequential(*mlp((seen, *hidden, 1), between))
        start = torch.Generator().manual_seed(0)
        unit = torch.rand(chains, dim, generator=start, dtype=low.dtype)
        self.register_buffer("replay_buffer", low + unit.to(low) * (high - low))
        self.to(low)  # its type and device

    @property
    def half_width(self) -> Tensor:
        """Half the width of the box, ``(dim,)``: what shares of the box refer to."""
        return (self.high - self.low) / 2

    def energy(self, x: Tensor) -> Tensor:
        """Return the energy of each observation, ``(n,)``, up to a constant."""
        return self._energy(self._check_x(x))

    def _energy(self, x: Tensor) -> Tensor:
        unit = (x - self.low) / self.half_width - 1
        seen = fourier_features(unit.clamp(-1, 1), self.frequencies)
        return self.f(seen).squeeze(1) + _walls.rise(unit, self.wall)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return what training minimises, by the model's objective.

        The value of ``"pcd"`` is the difference of two mean energies: its gradient is
        that of the negative log-likelihood, equation :eq:`eq-energy-phases`, but the
        value itself is not.

        Args:
            x: Observations, ``(n, dim)``.
            y: Must be ``None``.
            generator: The source of the chains' or the data's noise.
        """
        self._refuse_condition(y)
        self._check_x(x, allow_empty=False)
        check_generator(generator)
        if self.objective == "dsm":
            return self._dsm_loss(x, generator)
        if self.training:
            self._advance(generator)
        positive = self._energy(x).mean()
        negative = self._energy(self.replay_buffer).mean()
        return positive - negative  # (15.7)

    def _dsm_loss(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return how badly the slope guesses noise: equation :eq:`eq-energy-dsm`."""
        sigma = self.noise_std * self.half_width  # (dim,)
        eps = torch.empty_like(x).normal_(generator=generator)  # (n, dim)
        _, g = slope_at(self._energy, x + sigma * eps, learn=True)  # (n, dim)
        return (sigma * g - eps).square().sum(1).mean()  # (15.10)

    @torch.no_grad()
    def _advance(self, generator: torch.Generator | None) -> None:
        """Let the chains of the buffer follow the model as it is now."""
        unit = (self.replay_buffer - self.low) / self.half_width - 1
        unit = langevin(
            lambda u: self._energy(self.low + (u + 1) * self.half_width),
            unit,
            steps=self.langevin_steps,
            step_size=self.step_size,
            generator=generator,
        )
        x = self.low + (unit + 1) * self.half_width
        for _ in range(self.independence_steps):
            x = independence_metropolis(
                self._energy, x, self.low, self.high, generator=generator
            )
        self.replay_buffer.copy_(x)

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        anneal_steps: int = 60,
        langevin_steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw by annealing: from a uniform start, slowly down to the model.

        The chains end with weights, and the samples are redrawn by them. The slopes
        that they need are taken under ``torch.inference_mode`` too.

        Args:
            n: How many, up to ten million in one call.
            y: Must be ``None``.
            anneal_steps: Steps of the annealing.
            langevin_steps: Langevin moves at each of them.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        n = check_count(n, "n", 0, 10_000_000)
        check_generator(generator)
        x, log_w = self._anneal(max(n, 1), anneal_steps, langevin_steps, generator)
        return _walls.redraw(x, log_w, n, generator)

    def _anneal(
        self,
        n: int,
        anneal_steps: int,
        langevin_steps: int,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Return chains that end at the model, and the logs of their weights."""
        u = self._uniform(n, *self.event_shape, generator=generator)
        z = self._normal(n, *self.event_shape, generator=generator)
        unit = _walls.inside_and_tails(u, z, self.wall)
        unit, log_w = annealed_importance_sampling(
            lambda u: self._energy(self.low + (u + 1) * self.half_width),
            unit,
            lambda u: -_walls.rise(u, self.wall),
            anneal_steps=anneal_steps,
            step_size=2 * self.step_size,
            langevin_steps=langevin_steps,
            generator=generator,
        )
        return self.low + (unit + 1) * self.half_width, log_w

    @torch.no_grad()
    def log_partition(
        self,
        *,
        method: Literal["quadrature", "annealed"] = "quadrature",
        points: int = 512,
        anneal_steps: int = 200,
        generator: torch.Generator | None = None,
    ) -> float:
        """Return the log of the integral of ``exp(-energy)``.

        Args:
            method: ``"quadrature"`` on a grid, for one or two dimensions, or
                ``"annealed"`` importance sampling, an estimate for any number.
            points: Grid points along each side, up to 4096, or the number of chains,
                up to a million.
            anneal_steps: Steps of the annealing.
            generator: The source of randomness of the chains.

        Raises:
            ValueError: If the method is unknown, a grid is asked for in more than two
                dimensions, or a count is out of range.
        """
        dim = len(self.low)
        check_count(anneal_steps, "anneal_steps", 1)
        check_generator(generator)
        check_count(points, "points", 1, 1_000_000 if method == "annealed" else 4096)
        if method == "annealed":
            _, log_w = self._anneal(points, anneal_steps, 2, generator)
            log_base = (
                _walls.log_size(dim, self.wall) + self.half_width.log().sum().item()
            )
            return (log_w.logsumexp(0) - math.log(points)).item() + log_base
        if method != "quadrature" or dim > 2:
            raise ValueError(
                f"method must be annealed, or quadrature in one or two dimensions, got "
                f"{method!r} in {dim}"
            )
        margin = 6 * self.wall * self.half_width
        ends = self.low - margin, self.high + margin
        return _walls.log_integral(self._energy, *ends, points)
