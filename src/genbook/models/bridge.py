r"""Dual diffusion implicit bridges: from one data set to another through shared noise.

Two models are trained apart and never meet. The source's ODE carries an observation to
the noise that it comes from; the target's ODE carries that noise to an observation of
the other kind.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from genbook._validate import check_tensor
from genbook.models.base import LatentVariableModel
from genbook.models.paths import PathModel
from genbook.models.schedules import Schedule
from genbook.models.solvers import solve


def translate(
    source: LatentVariableModel,
    target: LatentVariableModel,
    x: Tensor,
    *,
    y_source: Tensor | None = None,
    y_target: Tensor | None = None,
    **solver: Any,
) -> Tensor:
    r"""Carry observations of the source's kind to the target's.

    .. math:: \mathbf x' = d_\text{target}\bigl(e_\text{source}(\mathbf x)\bigr).

    The codes of the two must follow one distribution, such as the standard Gaussian;
    nothing here can see whether they do.

    Args:
        source: A model that encodes ``x``.
        target: A model that decodes the source's codes; both may be one conditional
            model.
        x: Observations of the source, ``(n, *event_shape)``.
        y_source: Their labels, ``(n,)``, where the source is conditional.
        y_target: The labels wanted, ``(n,)``, where the target is.
        solver: What ``encode`` and ``decode`` are told, such as ``steps`` and
            ``method``.

    Returns:
        Observations of the target's shape, ``(n, *event_shape)``.

    Raises:
        ValueError: If the models' codes differ in length.

    Reference:
        X. Su, J. Song, C. Meng and S. Ermon, "Dual diffusion implicit bridges for
        image-to-image translation", 2023, arXiv:2203.08382.

    Example:
        >>> from genbook.models.flow import Flow
        >>> model = Flow(2, transforms=2)
        >>> x = torch.zeros(3, 2)
        >>> torch.allclose(translate(model, model, x), x, atol=1e-5)
        True
    """
    given = {} if y_source is None else {"y": y_source}
    wanted = {} if y_target is None else {"y": y_target}
    z = source.encode(x, **given, **solver)
    return target.decode(z, **wanted, **solver)


def cycle_error(
    source: LatentVariableModel,
    target: LatentVariableModel,
    x: Tensor,
    *,
    y_source: Tensor | None = None,
    y_target: Tensor | None = None,
    **solver: Any,
) -> float:
    r"""Return the root mean square distance after a journey there and back.

    .. math:: \sqrt{\tfrac1n\textstyle\sum_i \bigl\lVert T_\text{back}\bigl(
              T(\mathbf x^{(i)})\bigr) - \mathbf x^{(i)} \bigr\rVert^2}

    where :math:`T` is :func:`translate`, and :math:`T_\text{back}` the same with source
    and target exchanged.

    Args:
        source: A model that encodes ``x``.
        target: The model at the other side.
        x: Observations of the source, ``(n, *event_shape)``, at least one.
        y_source: Their labels.
        y_target: Labels at the other side.
        solver: What ``encode`` and ``decode`` are told.

    Returns:
        The distance, in the units of ``x``.

    Raises:
        ValueError: If ``x`` is empty, or the models' codes differ in length.

    Example:
        >>> from genbook.models.flow import Flow
        >>> error = cycle_error(Flow(2), Flow(2), torch.zeros(3, 2))
        >>> error < 1e-4
        True
    """
    check_tensor(x, "x")
    with torch.no_grad():
        there = translate(
            source, target, x, y_source=y_source, y_target=y_target, **solver
        )
        back = translate(
            target, source, there, y_source=y_target, y_target=y_source, **solver
        )
        return (back - x).flatten(1).square().sum(1).mean().sqrt().item()


@torch.no_grad()
def journey(
    source: PathModel, target: PathModel, x: Tensor, *, steps: int = 50
) -> Tensor:
    """Return every place on the way from the source through the noise to the target.

    Args:
        source: A diffusion or a flow-matching model.
        target: Another; observations of both have one shape.
        x: Observations of the source, ``(n, *event_shape)``.
        steps: Heun's steps on either side.

    Returns:
        A tensor ``(2 * steps + 1, n, *event_shape)``: first ``x``, in the middle the
        noise, last the translations.

    Raises:
        ValueError: If the shapes of the observations differ.

    Example:
        >>> from genbook.models.diffusion import Diffusion
        >>> model = Diffusion((1,), width=8, depth=1)
        >>> journey(model, model, torch.zeros(3, 1), steps=5).shape
        torch.Size([11, 3, 1])
    """
    if source.event_shape != target.event_shape:
        raise ValueError(
            f"target must have observations of shape {source.event_shape}, as the "
            f"source, got {target.event_shape}"
        )
    places = [source._check_x(x)]
    legs = (source, source.times(steps)), (target, target.times(steps).flip(0))
    for model, times in legs:
        for step in times.unfold(0, 2, 1):
            places.append(solve(model.velocity, places[-1], step, "heun"))
    return torch.stack(places)


@torch.no_grad()
def ddim(model: PathModel, x: Tensor, times: Tensor) -> Tensor:
    r"""Follow a diffusion's ODE with the steps of DDIM, in either direction.

    A step splits the point into its data and its noise, and mixes them anew for the
    next time:

    .. math:: \mathbf x_s = \alpha_s\,\hat{\mathbf x}_0(\mathbf x_t, t)
              + \sigma_s\,\hat{\boldsymbol\varepsilon}(\mathbf x_t, t).

    Args:
        model: A diffusion without conditions.
        x: Where to start, ``(n, *event_shape)``.
        times: The times to pass through, ``(steps + 1,)``: rising to encode, falling
            to decode.

    Returns:
        The points at the last time, of the shape of ``x``.

    Reference:
        J. Song, C. Meng and S. Ermon, "Denoising diffusion implicit models", 2021,
        arXiv:2010.02502.

    Example:
        >>> from genbook.models.diffusion import Diffusion
        >>> model = Diffusion((2,), width=8, depth=1)
        >>> ddim(model, torch.zeros(3, 2), model.times(10)).shape
        torch.Size([3, 2])
    """
    x = model._check_x(x)
    for t, s in pairwise(times):
        x0, eps = model.split(x, model._say(x, t.expand(len(x)), None), t)
        x = model.blend(x0, eps, s)
    return x


class MixtureVelocity(nn.Module):
    r"""The best network there can be for a mixture of Gaussians, in closed form.

    It stands in the place of a trained one where an exact answer is wanted:
    ``model.net = MixtureVelocity(model.schedule, weights, means, covariances)``. In
    component :math:`k` the noisy data are Gaussian with covariance
    :math:`S_k = \alpha_t^2\Sigma_k + \sigma_t^2 I`, and the velocity expected there is

    .. math:: \mathbf v_k = \dot\alpha_t\,\boldsymbol\mu_k
              + (\dot\alpha_t\alpha_t\Sigma_k + \dot\sigma_t\sigma_t I)\,
              S_k^{-1}(\mathbf x_t - \alpha_t\boldsymbol\mu_k).

    The components count by their probability, given :math:`\mathbf x_t`.

    Args:
        schedule: The schedule of the model, whose prediction must be ``"v"``.
        weights: The share of each component, positive, ``(k,)``.
        means: Their means, ``(k, d)``.
        covariances: Their covariances, symmetric, ``(k, d, d)``.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If shapes disagree, a weight is not positive, or a covariance is
            not positive semidefinite.

    Example:
        >>> from genbook.models.diffusion import Diffusion
        >>> model = Diffusion((2,))
        >>> one, centre, round_ = torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None]
        >>> model.net = MixtureVelocity(model.schedule, one, centre, 4 * round_)
        >>> model.decode(torch.ones(1, 2)).round(decimals=2)
        tensor([[2., 2.]])
    """

    log_weights: Tensor
    means: Tensor
    variances: Tensor
    axes: Tensor

    def __init__(
        self, schedule: Schedule, weights: Tensor, means: Tensor, covariances: Tensor
    ) -> None:
        super().__init__()
        k, d = check_tensor(means, "means", ("k", "d")).shape
        check_tensor(weights, "weights", (k,))
        check_tensor(covariances, "covariances", (k, d, d))
        variances, axes = torch.linalg.eigh(covariances)
        if (weights <= 0).any():
            raise ValueError(f"weights must be positive, got {weights.tolist()}")
        if (variances < -1e-6 * variances.abs().max()).any():
            raise ValueError(
                f"covariances must be positive semidefinite, got one with the "
                f"eigenvalue {variances.min().item():.3g}"
            )
        self.schedule = schedule
        self.register_buffer("log_weights", (weights / weights.sum()).log())
        self.register_buffer("means", means.clone())
        self.register_buffer("variances", variances.clamp(min=0))  # (k, d)
        self.register_buffer("axes", axes)  # (k, d, d)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the expected velocity, ``(n, d)``.

        Args:
            x: Points, ``(n, d)``.
            t: Times, ``(n,)``.
            y: Ignored.
        """
        s, t = self.schedule, t[:, None, None]
        a, b, da, db = s.alpha(t), s.sigma(t), s.d_alpha(t), s.d_sigma(t)
        # Coordinates along each component's own axes, where it is a product.
        u = torch.einsum("nkd,kde->nke", x[:, None] - a * self.means, self.axes)
        spread = a**2 * self.variances + b**2
        logits = self.log_weights - 0.5 * (u**2 / spread + spread.log()).sum(2)
        gain = (da * a * self.variances + db * b) / spread
        v = da * self.means + torch.einsum("nke,kde->nkd", gain * u, self.axes)
        return torch.einsum("nk,nkd->nd", logits.softmax(1), v)
