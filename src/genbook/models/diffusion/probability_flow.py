r"""Models that are a velocity: followed from noise to data they draw, back they encode.

The network is anyone's: what is here asks only for the velocity at a point and a time,
and solves the ordinary differential equation that it makes.
"""

from __future__ import annotations

from abc import abstractmethod
from math import prod
from typing import Literal

import torch
from torch import Tensor

from genbook._validate import check_count, check_tensor
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.diffusion.solvers import (
    Method,
    odeint,
    velocity_and_divergence,
)
from genbook.models.gaussians import LOG_2PI


class ProbabilityFlowModel(TractableModel, LatentVariableModel):
    r"""A model that carries probability from the data to standard Gaussian noise.

    .. math::

        \frac{\mathrm d\mathbf x}{\mathrm dt} = \mathbf v_\theta(\mathbf x, t),
        \qquad
        \log p_\theta(\mathbf x_0) = \log \mathcal N(\mathbf x_1; 0, I)
        + \int_0^1 \nabla\cdot\mathbf v_\theta(\mathbf x_t, t)\,\mathrm dt.

    Attributes:
        steps: The steps of the solver, unless a call says otherwise.
    """

    steps: int

    @property
    @abstractmethod
    def t_min(self) -> float:
        """The time at which observations stand, 0 or a little later."""

    @abstractmethod
    def velocity(
        self,
        x: Tensor,
        t: Tensor,
        y: Tensor | None = None,
        *,
        guidance: float = 1.0,
    ) -> Tensor:
        """Return the velocity of probability at points ``x`` and time ``t``."""

    @abstractmethod
    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        """Check conditions of ``n`` observations."""

    def time_grid(self, steps: int | None = None) -> Tensor:
        """Return the times that a solver passes, data first, ``(steps + 1,)``.

        Steps are shorter near the data, where the velocity changes faster.
        """
        steps = self.steps if steps is None else check_count(steps, "steps", minimum=1)
        u = torch.linspace(0, 1, steps + 1, dtype=self.dtype, device=self.device)
        return self.t_min + (1 - self.t_min) * u.square()

    def encode(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        method: Method = "heun",
    ) -> Tensor:
        """Return the noise that each observation comes from, ``(n, features)``."""
        self._check_x(x)
        y = self._check_y(y, len(x))
        times = self.time_grid(steps)  # data first
        with torch.no_grad():
            z = odeint(lambda x, t: self.velocity(x, t, y), x, times, method)
        return z.flatten(1)  # (n, features)

    def decode(
        self,
        z: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        method: Method = "heun",
        guidance: float = 1.0,
    ) -> Tensor:
        """Return the observation that each noise becomes, ``(n, *event_shape)``."""
        shape = ("n", prod(self.event_shape))
        check_tensor(z, "z", shape, dtype=self.dtype, allow_empty=True)
        y = self._check_y(y, len(z))
        with torch.no_grad():
            return odeint(
                lambda x, t: self.velocity(x, t, y, guidance=guidance),
                z.unflatten(1, self.event_shape),  # (n, *event_shape)
                self.time_grid(steps).flip(0),  # noise first
                method,
            )

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        method: Method = "heun",
        guidance: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw noise and decode it.

        Args:
            n: How many.
            y: Conditions, ``(n, ...)``; without them a conditional model draws from
                all of them together.
            steps: The steps of the solver.
            method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.
            guidance: See :meth:`velocity`.
            generator: The source of randomness; the global one when ``None``.
        """
        features = prod(self.event_shape)
        z = self._normal(check_count(n, "n"), features, generator=generator)
        return self.decode(z, y, steps=steps, method=method, guidance=guidance)

    def log_prob(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        method: Method = "rk4",
        divergence: Literal["exact", "hutchinson"] = "exact",
        probes: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the log density in nats by the probability-flow ODE, ``(n,)``.

        Equation :eq:`eq-diffusion-likelihood`, but for the error of the solver. The
        exact divergence costs one derivative a feature, for a few dimensions;
        Hutchinson's estimate one a probe. Its probes are drawn once for the whole way,
        each feature -1 or 1, and the result is right in the mean over them.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for a conditional model.
            steps: The steps of the solver; half the model's when ``None``,
                since a step of the default solver takes twice the evaluations.
            method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.
            divergence: ``"exact"``, or ``"hutchinson"`` for an estimate.
            probes: How many random directions that averages.
            generator: Their source; the global one when ``None``.

        Raises:
            ValueError: If ``divergence`` is neither, or ``probes`` below one.
        """
        if steps is None:
            steps = max(self.steps // 2, 1)
        self._check_x(x)
        y = self._check_y(y, len(x))
        start = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], 1)  # (n, d + 1)
        directions = None
        if divergence == "hutchinson":
            shape = check_count(probes, "probes", 1), len(x), prod(self.event_shape)
            u = self._uniform(*shape, generator=generator)
            directions = 1 - 2 * (u < 0.5).to(x.dtype)  # (probes, n, d)
        elif divergence != "exact":
            raise ValueError(
                f"divergence must be exact or hutchinson, got {divergence!r}"
            )

        def rates(state: Tensor, t: Tensor) -> Tensor:
            def flow(point: Tensor) -> Tensor:  # (n, d) to (n, d)
                point = point.unflatten(1, self.event_shape)
                return self.velocity(point, t, y).flatten(1)

            v, div = velocity_and_divergence(flow, state[:, :-1], directions)
            return torch.cat([v, div[:, None]], 1)  # (n, d + 1)

        end = odeint(rates, start, self.time_grid(steps), method)
        z, gained = end[:, :-1], end[:, -1]  # (n, d) and (n,)
        # (14.8)
        return gained - 0.5 * z.square().sum(1) - 0.5 * z.shape[1] * LOG_2PI
