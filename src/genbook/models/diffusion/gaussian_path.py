r"""What diffusion and flow matching share: a Gaussian path from data to noise.

A network learns the velocity with which probability flows along the path. How that is
followed, there and back, stands in ``probability_flow.py``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_choice,
    check_count,
    check_positive,
    check_sizes,
)
from genbook.models.diffusion import conditions
from genbook.models.diffusion import prediction as convert
from genbook.models.diffusion._doors import MOST
from genbook.models.diffusion.path import GaussianPath
from genbook.models.diffusion.probability_flow import ProbabilityFlowModel
from genbook.models.diffusion.schedules import SCHEDULES
from genbook.models.networks.time import TimeConditionedMLP


class PathOptions(TypedDict, total=False):
    """What every model of a path may be told, see :class:`GaussianPathModel`."""

    network: nn.Module | None
    width: int
    depth: int
    frequencies: int
    classes: int
    label_dropout: float
    steps: int
    sigma_data: float
    times: Literal["log-uniform", "uniform", "logit-normal"]


#: How times to train at may be drawn, see :meth:`GaussianPathModel.sample_times`.
TIMES = ("log-uniform", "uniform", "logit-normal")


class GaussianPathModel(GaussianPath, ProbabilityFlowModel):
    r"""A model of the velocity along a path from the data to standard Gaussian noise.

    .. math:: \mathbf x_t = \alpha_t\,\mathbf x_0 + \sigma_t\,\boldsymbol\varepsilon.

    What a condition ``y`` may be stands in ``conditions.py``: labels, vectors, tokens.

    Args:
        event_shape: The shape of one observation.
        schedule: ``"straight"``, ``"cosine"`` or ``"linear-beta"``.
        prediction: What the network says: ``"eps"`` (the noise), ``"x0"`` (the data)
            or ``"v"`` (the velocity).
        network: Sees points ``(n, *event_shape)``, times ``(n,)`` or one for all,
            ``(1,)``, and conditions ``(n, ...)`` or ``None``, and returns a tensor of
            the points' shape. When ``None``, a
            :class:`~genbook.models.networks.time.TimeConditionedMLP` is built:
        width: The width of its layers.
        depth: The number of its residual blocks.
        frequencies: The frequencies of each coordinate that it sees.
        classes: How many labels ``y`` may take; 0 where conditions are no labels.
        label_dropout: How often a condition is left out in training, so that one
            network learns the conditional and the unconditional model.
        steps: The steps of the solver, unless a call says otherwise.
        sigma_data: About the standard deviation of the data. The network then learns
            only what differs from the answer for Gaussian data that wide; 0 for all.
            It still sees the data as they are, so data want about unit scale: what is
            learned, and how well, is another thing in other units.
        times: How the times are drawn to train at: ``"log-uniform"``, most of them near
            the data, for sharp edges; ``"uniform"``; or ``"logit-normal"``, most in the
            middle, for images. The densities stand at :meth:`sample_times`.
    """

    NEAR = 0.01  #: Log-uniform times have a density that falls as ``1 / (t + NEAR)``.

    @abstractmethod  # a model says which path it is
    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        schedule: str,
        prediction: str,
        network: nn.Module | None = None,
        width: int = 128,
        depth: int = 3,
        frequencies: int = 0,
        classes: int = 0,
        label_dropout: float = 0.1,
        steps: int = 40,
        sigma_data: float = 0.0,
        times: str = "log-uniform",
    ) -> None:
        super().__init__()
        check_choice(schedule, "schedule", tuple(SCHEDULES))
        check_choice(prediction, "prediction", convert.PREDICTIONS)
        if not 0 <= check_positive(label_dropout, "label_dropout", zero=True) < 1:
            raise ValueError(f"label_dropout must be in [0, 1), got {label_dropout}")
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.schedule = SCHEDULES[schedule]()
        self.prediction = prediction
        self.classes = check_count(classes, "classes")
        self.label_dropout = float(label_dropout)
        self.steps = check_count(steps, "steps", 1, MOST)
        self.sigma_data = check_positive(sigma_data, "sigma_data", zero=True)
        if self.sigma_data > convert.LARGEST:
            raise ValueError(
                f"sigma_data must be at most {convert.LARGEST:g}, got {sigma_data}"
            )
        self.times = check_choice(times, "times", TIMES)
        kind: dict[str, Any] = {
            "width": width,
            "depth": depth,
            "frequencies": frequencies,
        }
        if network is None:
            network = TimeConditionedMLP(self.event_shape, classes=classes, **kind)
            kind = {name: int(n) for name, n in kind.items()}
        else:
            kind = {"network": conditions.describe(network)}
        conditions.null_condition(network, classes)  # refuses what cannot be
        self.net = network
        self.config: dict[str, Any] = {
            "event_shape": list(self.event_shape),
            **kind,
            "classes": self.classes,
            "label_dropout": self.label_dropout,
            "steps": self.steps,
            "sigma_data": self.sigma_data,
            "times": self.times,
        }

    # --- the velocity -----------------------------------------------------------------

    def _velocity(
        self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float
    ) -> Tensor:
        t = t.expand(len(x)) if t.ndim else t.view(1)
        output = self._classifier_free(x, t, y, guidance)
        if self.prediction == "v":
            return output
        x0, eps = self.predict_x0_eps(x, output, t)
        return convert.v_from_x0_eps(x0, eps, *self._rates(t, x))

    def _classifier_free(
        self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float
    ) -> Tensor:
        """Ask the network with the condition and without, and weigh the answers.

        Equation :eq:`eq-diffusion-guidance`.
        """
        output = self._predict(x, t, y)
        if y is not None and guidance != 1:
            free = self._predict(x, t, None)
            output = free + guidance * (output - free)  # (16.9)
        return output

    def _predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Ask the network; a conditional one hears "none" where there is no condition.

        With a ``sigma_data``, add what would be true of Gaussian data. One time,
        ``(1,)``, stands for all points.
        """
        null = self.null_condition
        if y is None and null is not None:  # labels need be no more than the times
            y = null.expand(len(t if self.classes else x), *null.shape)
        output = self.net(x, t, y)
        if output.shape != x.shape:
            raise ValueError(
                f"network must return the shape of its points {tuple(x.shape)}, got "
                f"{tuple(output.shape)}"
            )
        if self.sigma_data:
            scales = self._alpha_sigma(t, x)
            x0, eps = convert.gaussian_x0_eps(x, *scales, self.sigma_data)
            output = output + self.target(x0, eps, t)
        return output

    # --- training ---------------------------------------------------------------------

    @property
    def null_condition(self) -> Tensor | None:
        """What stands for no condition, one row; ``None`` if the model takes none."""
        if self.classes:  # made where it is needed: a GPU would wait for a copy
            return torch.full((), self.classes, device=self.device)
        null = conditions.null_condition(self.net)
        return null if null is None else null.to(self.device)

    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        null = self.null_condition
        if null is None or y is None:
            self._refuse_condition(y)
            return None
        return conditions.check_condition(y, null, n, self.classes)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error of what the network says, at random times.

        Equation :eq:`eq-diffusion-loss`.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Conditions, ``(n, ...)``, for a conditional model.
            generator: The source of times and noise.
        """
        self._check_x(x, allow_empty=False)
        y = self._check_y(y, len(x))
        t = self.sample_times(len(x), generator=generator)  # (n,)
        eps = self._normal(*x.shape, generator=generator)  # (n, *event_shape)
        if y is not None:
            out = self._uniform(len(x), generator=generator) < self.label_dropout
            y = conditions.drop(y, out, self.null_condition)
        output = self._predict(self.add_noise(x, eps, t), t, y)
        return (output - self.target(x, eps, t)).square().mean()  # (16.3)

    def sample_times(
        self, n: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Draw times to train at, ``(n,)``.

        Their density in [0, 1] is, as ``times`` says,

        - log-uniform: :math:`p(t) = \dfrac{1}{(t + c)\,\log(1 + 1 / c)}` with
          :math:`c` the ``NEAR``, so that :math:`\log(t + c)` is uniform. An error of
          the velocity costs the more likelihood the less noise there is;
        - uniform: :math:`p(t) = 1`;
        - logit-normal: :math:`p(t) = \dfrac{1}{\sqrt{2\pi}\,t\,(1 - t)}
          \exp\Bigl(-\dfrac12 \log^2 \dfrac{t}{1 - t}\Bigr)`, the sigmoid of a
          standard Gaussian number. Halfway the network has most to learn.

        A model that begins at a ``t_min`` above 0 squeezes them into what is left. The
        loss is the plain mean over these times, so they also say what counts most.
        Likelihoods and bounds do not depend on them.

        One time is drawn in each of ``n`` equally likely intervals, so that means over
        them vary less. Which row gets which is drawn too, so that the order of the rows
        tells nothing.

        Args:
            n: How many.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If ``n`` is not an integer or ``generator`` no generator.
            ValueError: If ``n`` is negative.

        Reference:
            P. Esser et al., "Scaling rectified flow transformers for high-resolution
            image synthesis", 2024, arXiv:2403.03206, for the logit-normal.
        """
        n = check_count(n, "n")
        u = self._uniform(n, generator=generator) + torch.arange(n, device=self.device)
        t = self._quantile(u / n)
        t = self.t_min + (1 - self.t_min) * t  # they rise, and no row may be early
        return t[torch.randperm(n, generator=generator, device=self.device)]

    def _quantile(self, u: Tensor) -> Tensor:
        """Return the times below which the shares ``u`` of all times are drawn."""
        if self.times == "uniform":
            return u
        if self.times == "logit-normal":
            return torch.special.ndtri(u).sigmoid()
        return self.NEAR * ((1 + 1 / self.NEAR) ** u - 1)
