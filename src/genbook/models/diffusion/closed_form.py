r"""The velocity that networks learn, in closed form where the data are known.

Where the data are a mixture of Gaussians, what a diffusion or flow matching strives for
is a formula. It is the yardstick of both chapters, and a bridge without any training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook._validate import check_tensor
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion._doors import check_times
from genbook.models.diffusion.schedules import Schedule, Straight


class GaussianMixtureVelocity(nn.Module):
    r"""The best network there can be for a mixture of Gaussians, in closed form.

    It stands in the place of a trained one where an exact answer is wanted:
    ``Diffusion((d,), network=GaussianMixtureVelocity(schedule, weights, means, S))``.
    In component :math:`k` the noisy data are Gaussian with covariance
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
        TypeError: If an argument is of another type.
        ValueError: If shapes disagree, a value is NaN or infinite, a weight not
            positive, or a covariance not symmetric and positive semidefinite.

    Example:
        >>> from genbook.models.diffusion.diffusion import Diffusion
        >>> from genbook.models.diffusion.schedules import Cosine
        >>> one, centre, round_ = torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None]
        >>> exact = GaussianMixtureVelocity(Cosine(), one, centre, 4 * round_)
        >>> model = Diffusion((2,), network=exact)
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
        if not isinstance(schedule, Schedule):
            raise TypeError(
                f"schedule must be a Schedule, got {type(schedule).__name__}"
            )
        k, d = check_tensor(means, "means", ("k", "d")).shape
        check_tensor(weights, "weights", (k,), dtype=means.dtype)
        check_tensor(covariances, "covariances", (k, d, d), dtype=means.dtype)
        off = (covariances - covariances.mT).abs().max()
        if off > 1e-4 * covariances.abs().max():
            raise ValueError(
                f"covariances must be symmetric, got two sides {off:.3g} apart"
            )
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
            x: Points, ``(n, d)``; NaN and infinity give NaN.
            t: Times from 0 to 1, ``(n,)``, or one for all, ``(1,)``; NaN and infinity
                give NaN.
            y: Ignored; a tensor of any type, of any shape, NaN or infinite.

        Raises:
            TypeError: If ``x`` or ``t`` is not a tensor of the means' type.
            ValueError: If a shape is another.
        """
        if not (y is None or isinstance(y, Tensor)):
            raise TypeError(f"y must be a torch.Tensor or None, got {type(y).__name__}")
        d, dtype = self.means.shape[1], self.means.dtype
        check_tensor(x, "x", ("n", d), dtype=dtype, finite=False, allow_empty=True)
        check_tensor(t, "t", dtype=dtype, finite=False, allow_empty=True)
        if t.shape not in ((1,), (len(x),)):
            raise ValueError(f"t must be ({len(x)},) or (1,), got {tuple(t.shape)}")
        s, t = self.schedule, t[:, None, None]
        a, b, da, db = s.alpha(t), s.sigma(t), s.d_alpha(t), s.d_sigma(t)
        # Coordinates along each component's own axes, where it is a product.
        u = torch.einsum("nkd,kde->nke", x[:, None] - a * self.means, self.axes)
        spread = a**2 * self.variances + b**2
        logits = self.log_weights - 0.5 * (u**2 / spread + spread.log()).sum(2)
        gain = (da * a * self.variances + db * b) / spread
        v = da * self.means + torch.einsum("nke,kde->nkd", gain * u, self.axes)
        return torch.einsum("nk,nkd->nd", logits.softmax(1), v)


def mixture_velocity(mixture: GaussianMixture, x: Tensor, t: Tensor) -> Tensor:
    r"""Return the exact velocity of flow matching where the data are a mixture.

    Given component :math:`j`, the point :math:`\mathbf x_t` is Gaussian with mean
    :math:`(1-t)\boldsymbol\mu_j` and covariance
    :math:`C_j = (1-t)^2\Sigma_j + t^2 I`, and so

    .. math::

        \mathbf v(\mathbf x, t) = \sum_j P(j \mid \mathbf x)\,
        \bigl[\,t\,\mathbf g_j - \boldsymbol\mu_j - (1-t)\,\Sigma_j\,\mathbf g_j\bigr],
        \qquad \mathbf g_j = C_j^{-1}\bigl(\mathbf x - (1-t)\boldsymbol\mu_j\bigr).

    Args:
        mixture: The distribution of the data.
        x: Points, ``(n, dim)``.
        t: One time in [0, 1], ``()``.

    Returns:
        The velocity at each point, ``(n, dim)``.

    Raises:
        TypeError: If ``mixture`` is no mixture, or another argument not a tensor of its
            floating-point type.
        ValueError: If a shape is another, a value NaN or infinite, or the time outside.

    Example:
        >>> import torch
        >>> mu, cov = torch.tensor([[1.0, 0.0]]), torch.eye(2)[None]
        >>> one = GaussianMixture.from_parameters(torch.ones(1), mu, cov)
        >>> mixture_velocity(one, torch.zeros(1, 2), torch.tensor(0.0))
        tensor([[0., 0.]])
        >>> mixture_velocity(one, torch.zeros(1, 2), torch.tensor(1.0))
        tensor([[-1.,  0.]])
    """
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(
            f"mixture must be a GaussianMixture, got {type(mixture).__name__}"
        )
    check_tensor(x, "x", ("n", *mixture.event_shape), dtype=mixture.dtype)
    check_times(t, dtype=mixture.dtype)
    mu, cov = mixture.means.detach(), mixture.covariances.detach()
    net = GaussianMixtureVelocity(Straight(), mixture.weights.detach(), mu, cov)
    return net(x, t.expand(len(x)))
