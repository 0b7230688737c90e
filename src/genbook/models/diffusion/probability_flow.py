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

from genbook._validate import (
    check_choice,
    check_count,
    check_generator,
    check_tensor,
)
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.diffusion._doors import MOST, check_guidance, check_times
from genbook.models.diffusion._replay import outside_inference, replay
from genbook.models.diffusion.solvers import (
    EVALUATIONS,
    Method,
    Velocity,
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

    def velocity(
        self,
        x: Tensor,
        t: Tensor,
        y: Tensor | None = None,
        *,
        guidance: float = 1.0,
    ) -> Tensor:
        r"""Return the velocity of probability at ``x`` and time ``t``.

        Args:
            x: Points, ``(n, *event_shape)``.
            t: Times, ``(n,)``, or one, ``()``, for any number of points; from ``t_min``
                to 1.
            y: Conditions, ``(n, ...)``; without them a conditional model gives the
                velocity of all conditions together.
            guidance: The weight :math:`w` of
                :math:`\mathbf v_\varnothing + w(\mathbf v_y - \mathbf v_\varnothing)`:
                0 ignores the condition, 1 is the conditional model, more exaggerates,
                up to 1000.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN or infinite, a time outside,
                or ``guidance`` is not 1 where there is no condition.
        """
        self._check_x(x)
        check_times(t, n=len(x), low=self.t_min, dtype=self.dtype)
        y = self._check_y(y, len(x))
        return self._velocity(x, t, y, check_guidance(guidance, y))

    @abstractmethod
    def _velocity(
        self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float
    ) -> Tensor:
        """Return the velocity, of arguments that were checked.

        A solver asks here. Nothing may be drawn, and nothing used that can be learned
        but the parameters of the model: derivatives come from asking once more.
        """

    @abstractmethod
    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        """Check conditions of ``n`` observations."""

    def time_grid(self, steps: int | None = None) -> Tensor:
        """Return the times that a solver passes, data first, ``(steps + 1,)``.

        Steps are shorter near the data, where the velocity changes faster.

        Args:
            steps: How many steps, at most 100,000; those of the model when ``None``.

        Raises:
            TypeError: If ``steps`` is not an integer.
            ValueError: If it is below one, or too large.
        """
        steps = self.steps if steps is None else check_count(steps, "steps", 1, MOST)
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
        """Return the noise that each observation comes from, ``(n, features)``.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for a conditional model.
            steps: The steps of the solver; those of the model when ``None``.
            method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a value NaN, infinite or outside.
        """
        self._check_x(x)
        y = self._check_y(y, len(x))
        times = self.time_grid(steps)  # data first
        return odeint(self._follow(y, 1.0), x, times, method).flatten(
            1
        )  # (n, features)

    def decode(
        self,
        z: Tensor,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        method: Method = "heun",
        guidance: float = 1.0,
    ) -> Tensor:
        """Return the observation that each noise becomes, ``(n, *event_shape)``.

        Args:
            z: Noise, ``(n, features)``.
            y: Conditions, ``(n, ...)``, for a conditional model.
            steps: The steps of the solver; those of the model when ``None``.
            method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.
            guidance: See :meth:`velocity`.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN, infinite or outside, or
                ``guidance`` is not 1 where there is no condition.
        """
        shape = ("n", prod(self.event_shape))
        check_tensor(z, "z", shape, dtype=self.dtype, allow_empty=True)
        y = self._check_y(y, len(z))
        follow = self._follow(y, check_guidance(guidance, y))
        x = z.unflatten(1, self.event_shape)  # (n, *event_shape)
        return odeint(follow, x, self.time_grid(steps).flip(0), method)  # noise first

    def _follow(self, y: Tensor | None, guidance: float) -> Velocity:
        """Return the velocity as a solver wants it, which remembers no more than x."""

        def follow(x: Tensor, t: Tensor) -> Tensor:
            def run(x: Tensor, y: Tensor | None) -> Tensor:
                return self._velocity(x, t, y, guidance)

            return replay(self, run, x, y)

        return follow

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
        """Draw noise and decode it, without gradient.

        Args:
            n: How many.
            y: Conditions, ``(n, ...)``; without them a conditional model draws from
                all of them together.
            steps: The steps of the solver; those of the model when ``None``.
            method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.
            guidance: See :meth:`velocity`.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a count is too small or too large, a condition does not fit,
                ``method`` is unknown, or ``guidance`` is not 1 without a condition.
        """
        y = self._check_y(y, check_count(n, "n"))
        follow = self._follow(y, check_guidance(guidance, y))
        times = self.time_grid(steps).flip(0)  # noise first
        check_choice(method, "method", tuple(EVALUATIONS))
        x = self._normal(n, *self.event_shape, generator=generator)
        return odeint(follow, x, times, method)

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

        The result is differentiable by ``x`` and by the weights, at the price of the
        evaluations once more. Its gradient contains second derivatives of the network:
        that of the package bends smoothly, a network with kinks (ReLU) has none that
        tell the truth. It is not promised that the likelihood follows a change of
        units, since the network sees the data as they are: give them about unit scale.

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
            TypeError: If an argument is of another type.
            ValueError: If ``divergence`` or ``method`` is unknown, a count too small or
                too large, a shape another, a value NaN or infinite, or the weights were
                made in inference mode.
        """
        if steps is None:
            steps = max(self.steps // 2, 1)
        self._check_x(x)
        y = self._check_y(y, len(x))
        with outside_inference(self):
            u = self._directions(len(x), divergence, probes, generator)
            start = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], 1)  # (n, d + 1)
            rates = self._follow_with_divergence(y, u)
            end = odeint(rates, start, self.time_grid(steps), method)
            z, gained = end[:, :-1], end[:, -1]  # (n, d) and (n,)
            # (16.8)
            return gained - 0.5 * z.square().sum(1) - 0.5 * z.shape[1] * LOG_2PI

    def _directions(
        self, n: int, divergence: str, probes: int, generator: torch.Generator | None
    ) -> Tensor | None:
        """Draw Hutchinson's probes, ``(probes, n, d)``, where they are asked for."""
        check_choice(divergence, "divergence", ("exact", "hutchinson"))
        shape = check_count(probes, "probes", 1, MOST), n, prod(self.event_shape)
        check_generator(generator)
        if divergence == "exact":
            return None
        u = self._uniform(*shape, generator=generator)
        return 1 - 2 * (u < 0.5).to(u.dtype)

    def _follow_with_divergence(self, y: Tensor | None, u: Tensor | None) -> Velocity:
        """Return the velocity of a point and of the log density that it gathers."""

        def rates(state: Tensor, t: Tensor) -> Tensor:
            def run(x: Tensor, y: Tensor | None) -> Tensor:
                def flow(x: Tensor) -> Tensor:  # (n, d) to (n, d)
                    x = x.unflatten(1, self.event_shape)
                    return self._velocity(x, t, y, 1.0).flatten(1)

                again = torch.is_grad_enabled()  # done once more, for a gradient
                v, div = velocity_and_divergence(flow, x, u, create_graph=again)
                return torch.cat([v, div[:, None]], 1)  # (n, d + 1)

            return replay(self, run, state[:, :-1], y)

        return rates
