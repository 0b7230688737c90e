r"""What diffusion and flow matching share: a Gaussian path from data to noise.

A network learns the velocity with which probability flows along the path. Following it
from noise to data draws a sample; following it back encodes an observation; and the
divergence met on the way gives the exact density.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_labels,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import ExplicitModel, LatentVariableModel
from genbook.models.gaussian import LOG_2PI
from genbook.models.networks import TimeNetwork
from genbook.models.schedules import SCHEDULES
from genbook.models.solvers import Method, solve


class PathModel(ExplicitModel, LatentVariableModel):
    r"""A model of the velocity along a path from the data to standard Gaussian noise.

    .. math::

        \frac{\mathrm d\mathbf x}{\mathrm dt} = \mathbf v_\theta(\mathbf x, t),
        \qquad
        \log p_\theta(\mathbf x_0) = \log \mathcal N(\mathbf x_1; 0, I)
        + \int_0^1 \nabla\cdot\mathbf v_\theta(\mathbf x_t, t)\,\mathrm dt.

    Args:
        event_shape: The shape of one observation.
        schedule: ``"straight"``, ``"cosine"`` or ``"linear-beta"``.
        prediction: What the network says: ``"eps"`` (the noise), ``"x0"`` (the data)
            or ``"v"`` (the velocity).
        width: The width of the network's layers.
        depth: The number of its residual blocks.
        octaves: The frequencies of each coordinate that it sees.
        classes: How many labels ``y`` may take; 0 for a model without conditions.
        drop: How often a label is left out in training, so that one network learns the
            conditional and the unconditional model.
        steps: The steps of the solver, unless a call says otherwise.
        spread: About the standard deviation of the data. The network then learns only
            what differs from the answer for Gaussian data that wide; 0 for all of it.
    """

    NEAR = 0.01  #: Times are drawn with a density that falls as ``1 / (t + NEAR)``.

    @abstractmethod  # a model says which path it is
    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        schedule: str,
        prediction: str,
        width: int,
        depth: int,
        octaves: int,
        classes: int,
        drop: float,
        steps: int,
        spread: float = 0.0,
    ) -> None:
        super().__init__()
        if schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {list(SCHEDULES)}, got {schedule!r}"
            )
        if prediction not in ("eps", "x0", "v"):
            raise ValueError(f"prediction must be eps, x0 or v, got {prediction!r}")
        if not 0 <= check_positive(drop, "drop", zero=True) < 1:
            raise ValueError(f"drop must be in [0, 1), got {drop}")
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.schedule = SCHEDULES[schedule]()
        self.prediction = prediction
        self.classes = check_count(classes, "classes")
        self.drop = drop
        self.steps = check_count(steps, "steps", minimum=1)
        self.spread = check_positive(spread, "spread", zero=True)
        self.config = {
            "event_shape": list(self.event_shape),
            "width": width,
            "depth": depth,
            "octaves": octaves,
            "classes": classes,
            "drop": drop,
            "steps": steps,
            "spread": spread,
        }
        self.net = TimeNetwork(
            self.event_shape,
            width=check_count(width, "width", minimum=1),
            depth=check_count(depth, "depth"),
            octaves=check_count(octaves, "octaves"),
            classes=classes,
        )

    @property
    def start(self) -> float:
        """The time at which observations stand.

        Zero, but where the schedule is not smooth there, and where the velocity is a
        difference divided by the noise: a little later, with a little noise left.
        """
        return max(self.schedule.start, 0.01 if self.prediction == "x0" else 0.0)

    # --- the path ---------------------------------------------------------------------

    def blend(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return where data and noise have met at time ``t``: ``alpha x0 + sigma eps``.

        Args:
            x0: Observations, ``(n, *event_shape)``.
            eps: Noise of the same shape.
            t: Times, ``(n,)``.
        """
        return (
            self._like(self.schedule.alpha(t), x0) * x0
            + self._like(self.schedule.sigma(t), x0) * eps
        )

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return what the network should say about ``blend(x0, eps, t)``."""
        if self.prediction == "eps":
            return eps
        if self.prediction == "x0":
            return x0
        da, ds = self.schedule.d_alpha(t), self.schedule.d_sigma(t)
        return self._like(da, x0) * x0 + self._like(ds, x0) * eps

    def split(self, x: Tensor, said: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the data and the noise in ``x``, from what the network said.

        Args:
            x: Points of the path, ``(n, *event_shape)``.
            said: What the network says about them.
            t: Times, ``(n,)``.

        Returns:
            Estimates of ``x0`` and ``eps``, of the shape of ``x``.
        """
        s = self.schedule
        a, b = self._like(s.alpha(t), x), self._like(s.sigma(t), x)
        if self.prediction == "eps":
            return (x - b * said) / a, said
        if self.prediction == "x0":
            return said, (x - a * said) / b
        da, db = self._like(s.d_alpha(t), x), self._like(s.d_sigma(t), x)
        det = a * db - da * b
        return (db * x - b * said) / det, (a * said - da * x) / det

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
            t: A time for all, ``()``, or one for each, ``(n,)``.
            y: Labels, ``(n,)``; without them a conditional model gives the velocity of
                all classes together.
            guidance: The weight :math:`w` of
                :math:`\mathbf v_\varnothing + w(\mathbf v_y - \mathbf v_\varnothing)`:
                0 ignores the label, 1 is the conditional model, above 1 exaggerates.
        """
        t = t.expand(len(x)) if t.ndim else t.view(1)
        said = self._guided(x, t, y, guidance)
        if self.prediction == "v":
            return said
        x0, eps = self.split(x, said, t)
        s = self.schedule
        return self._like(s.d_alpha(t), x) * x0 + self._like(s.d_sigma(t), x) * eps

    def _guided(
        self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float
    ) -> Tensor:
        """Ask the network with the label and without, and weigh the answers."""
        said = self._say(x, t, y)
        if y is not None and guidance != 1:
            free = self._say(x, t, None)
            said = free + guidance * (said - free)
        return said

    def _say(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Ask the network; a conditional one hears "no label" where there is none.

        With a spread, add what would be true of Gaussian data. One time, ``(1,)``,
        stands for all points.
        """
        if self.classes and y is None:
            y = torch.full((len(t),), self.classes, device=x.device)
        said = self.net(x, t, y)
        if self.spread:
            a, b = self.schedule.alpha(t), self.schedule.sigma(t)
            whole = (a * self.spread).square() + b.square()  # variance of the blend
            x0 = self._like(a * self.spread**2 / whole, x) * x
            said = said + self.target(x0, self._like(b / whole, x) * x, t)
        return said

    def _like(self, t: Tensor, x: Tensor) -> Tensor:
        return t.view(-1, *(1 for _ in self.event_shape)) if t.ndim else t

    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        if not self.classes:
            self._refuse_condition(y)
        elif y is not None:
            check_labels(y, "y", self.classes, n)
        return y

    # --- training ---------------------------------------------------------------------

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error of what the network says, at random times.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            generator: The source of times and noise.
        """
        self._check_x(x, allow_empty=False)
        y = self._check_y(y, len(x))
        t = self.draw_times(len(x), generator=generator)
        eps = self._normal(*x.shape, generator=generator)
        if y is not None:
            out = self._uniform(len(x), generator=generator) < self.drop
            y = torch.where(out, self.classes, y)
        said = self._say(self.blend(x, eps, t), t, y)
        return (said - self.target(x, eps, t)).square().mean()

    def draw_times(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        r"""Draw times to train at, more of them near the data, ``(n,)``.

        Their density is proportional to :math:`1 / (t + c)`: an error of the velocity
        costs the more likelihood the less noise there is. One time is drawn in each of
        ``n`` equally likely intervals, so that means over them vary less.

        Args:
            n: How many.
            generator: The source of randomness; the global one when ``None``.
        """
        u = self._uniform(n, generator=generator) + torch.arange(n, device=self.device)
        t = self.NEAR * ((1 + 1 / self.NEAR) ** (u / n) - 1)
        return self.start + (1 - self.start) * t

    # --- there and back ---------------------------------------------------------------

    def times(self, steps: int | None = None) -> Tensor:
        """Return the times that a solver passes, data first, ``(steps + 1,)``.

        Steps are shorter near the data, where the velocity changes faster.
        """
        steps = self.steps if steps is None else check_count(steps, "steps", minimum=1)
        u = torch.linspace(0, 1, steps + 1, dtype=self.dtype, device=self.device)
        return self.start + (1 - self.start) * u.square()

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
        with torch.no_grad():
            z = solve(lambda x, t: self.velocity(x, t, y), x, self.times(steps), method)
        return z.flatten(1)

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
            return solve(
                lambda x, t: self.velocity(x, t, y, guidance=guidance),
                z.unflatten(1, self.event_shape),
                self.times(steps).flip(0),
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
            y: Labels, ``(n,)``; without them a conditional model draws from
                all classes.
            steps: The steps of the solver.
            method: The solver, see :func:`~genbook.models.solvers.solve`.
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
    ) -> Tensor:
        """Return the log density in nats by the probability-flow ODE, ``(n,)``.

        Exact but for the error of the solver. The divergence is computed exactly, one
        derivative a feature: meant for a few dimensions.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            steps: The steps of the solver; half the model's when ``None``,
                since a step of the default solver takes twice the evaluations.
            method: The solver, see :func:`~genbook.models.solvers.solve`.
        """
        if steps is None:
            steps = max(self.steps // 2, 1)
        self._check_x(x)
        y = self._check_y(y, len(x))

        def both(state: Tensor, t: Tensor) -> Tensor:
            with torch.enable_grad():
                point = state[:, :-1]
                if not point.requires_grad:
                    point = point.detach().requires_grad_()
                v = self.velocity(point.unflatten(1, self.event_shape), t, y).flatten(1)
                keep = state.requires_grad
                div = torch.stack(
                    [
                        torch.autograd.grad(
                            v[:, i].sum(), point, create_graph=keep, retain_graph=True
                        )[0][:, i]
                        for i in range(v.shape[1])
                    ]
                ).sum(0)
            out = torch.cat([v, div[:, None]], 1)
            return out if keep else out.detach()

        start = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], 1)
        end = solve(both, start, self.times(steps), method)
        z, gained = end[:, :-1], end[:, -1]
        return gained - 0.5 * z.square().sum(1) - 0.5 * z.shape[1] * LOG_2PI
