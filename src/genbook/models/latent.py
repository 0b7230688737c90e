r"""Instruments for a Gaussian code: what is in it, and what the bound leaves out.

A variational autoencoder is judged by a bound. Where the code is short the bound can be
compared with the integral that it replaces, and in any case we can ask whether the
codes of the data fill the distribution that samples are drawn from.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_generator, check_positive
from genbook.metrics import energy_test
from genbook.models.autoencoder import Autoencoder
from genbook.models.gaussian import LOG_2PI
from genbook.models.ppca import ProbabilisticPCA
from genbook.models.vae import VAE, gaussian_kl, gaussian_log_prob

# --- the aggregated posterior ---------------------------------------------------------

#: A number of the code is used where its posterior means vary by more than this.
ACTIVE = 0.01
#: A code is in a hole where the data have less than this share of the prior.
HOLE = 0.1


class AggregatedPosterior(NamedTuple):
    r"""How the codes of some observations lie against the prior.

    The aggregated posterior is the mixture of the posteriors of the ``n``
    observations, :math:`q(\mathbf z) = \frac1n \sum_i q(\mathbf z\mid\mathbf x_i)`.

    Attributes:
        rate: The mean divergence of a posterior from the prior, in nats. It is the sum
            of the next two.
        mutual_information: What a code tells about which of the observations made it,
            in nats; at most ``log n``.
        marginal_kl: The divergence of the aggregated posterior from the prior, in nats.
        posterior_mean_variance: The variance of the posterior means of each number of
            the code, ``(latent_dim,)``.
        holes: The share of the prior's draws where the aggregated posterior has less
            than a tenth of the prior's density.
        energy_distance: The energy distance between draws of both.
        p_value: The chance of such a distance, or a larger one, were they equal.
    """

    rate: float
    mutual_information: float
    marginal_kl: float
    posterior_mean_variance: Tensor
    holes: float
    energy_distance: float
    p_value: float

    @property
    def active_units(self) -> int:
        """How many numbers of the code depend on the observation."""
        return int((self.posterior_mean_variance > ACTIVE).sum())


@torch.no_grad()
def aggregated_posterior(
    model: VAE,
    x: Tensor,
    y: Tensor | None = None,
    *,
    permutations: int = 199,
    generator: torch.Generator | None = None,
) -> AggregatedPosterior:
    """Measure where the codes of observations lie, against where samples are drawn.

    Equation :eq:`eq-vae-surgery`.

    One code is drawn for each observation, and as many from the prior. Where a
    posterior is narrow, many observations are needed to fill the gaps between them:
    ``marginal_kl`` and ``holes`` belong to the mixture of these ``n`` posteriors.

    Args:
        model: A variational autoencoder.
        x: Observations, ``(n, *event_shape)``, two or more.
        y: Labels, ``(n,)``, for a conditional model.
        permutations: The number of shuffles of the test.
        generator: The source of the codes and of the shuffles.

    Returns:
        An :class:`AggregatedPosterior`.

    Raises:
        ValueError: If ``x`` has another shape, or fewer than two observations.

    Reference:
        M. D. Hoffman and M. J. Johnson, "ELBO surgery", 2016; for the active numbers
        Y. Burda, R. Grosse and R. Salakhutdinov, 2016, arXiv:1509.00519.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(200, 2, generator=g)
        >>> found = aggregated_posterior(VAE((2,), latent_dim=3), x, generator=g)
        >>> found.posterior_mean_variance.shape
        torch.Size([3])
    """
    check_generator(generator)
    if len(x) < 2:
        raise ValueError(f"x must hold two observations or more, got {len(x)}")
    mu, log_scale = model.posterior(model.check_observations(x), y)
    z, prior = (torch.empty_like(mu).normal_(generator=generator) for _ in range(2))
    z = mu + log_scale.exp() * z
    zero = torch.zeros_like(mu)
    mixture = _mixture_log_prob(z, mu, log_scale)  # (n,)
    own = gaussian_log_prob(z, mu, log_scale)  # (n,)
    expected = gaussian_log_prob(prior, zero, zero)  # (n,)
    missed = _mixture_log_prob(prior, mu, log_scale) < expected + math.log(HOLE)
    test = energy_test(z, prior, permutations, generator=generator)
    return AggregatedPosterior(
        rate=gaussian_kl(mu, log_scale).mean().item(),  # (12.8)
        mutual_information=(own - mixture).mean().item(),
        marginal_kl=(mixture - gaussian_log_prob(z, zero, zero)).mean().item(),
        posterior_mean_variance=mu.var(0),
        holes=missed.double().mean().item(),
        energy_distance=test.statistic,
        p_value=test.p_value,
    )


def _mixture_log_prob(z: Tensor, mu: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log density of an equal mixture of diagonal Gaussians, ``(n,)``.

    The squares are multiplied out, so that all pairs cost two matrix products; what
    cancels in them needs double precision.
    """
    z, mu, log_scale = z.double(), mu.double(), log_scale.double()
    weight = (-2 * log_scale).exp()
    constant = (mu.square() * weight + 2 * log_scale + LOG_2PI).sum(1)
    square = z.square() @ weight.T - 2 * z @ (mu * weight).T  # (n, m)
    return (-0.5 * (square + constant)).logsumexp(1) - math.log(len(mu))


# --- closed forms ---------------------------------------------------------------------


@torch.no_grad()
def log_prob_by_quadrature(
    model: VAE,
    x: Tensor,
    y: Tensor | None = None,
    *,
    nodes: int = 400,
    limit: float = 6.0,
) -> Tensor:
    r"""Return the log density as a sum over a grid of codes, for one or two of them.

    .. math:: \log \sum_j p(\mathbf x\mid\mathbf z_j)\, p(\mathbf z_j)\, h^k,

    with the nodes in the middles of cells of side ``h``: equation
    :eq:`eq-vae-integral` by the rule of the midpoint. The error falls fast once the
    cells are narrower than the posterior: compare two numbers of nodes.

    Args:
        model: A variational autoencoder with a code of one or two numbers.
        x: Observations, ``(n, *event_shape)``.
        y: Labels, ``(n,)``, for a conditional model.
        nodes: How many nodes along each number of the code.
        limit: The grid reaches from ``-limit`` to ``limit``, in standard deviations of
            the prior.

    Returns:
        A tensor ``(n,)``, in nats.

    Raises:
        ValueError: If the code is longer than two, or ``nodes`` or ``limit`` is not
            positive.

    Example:
        >>> model = VAE((2,), latent_dim=1, hidden=(8,))
        >>> log_prob_by_quadrature(model, torch.zeros(3, 2)).shape
        torch.Size([3])
    """
    k = model.latent_dim
    if k > 2:
        raise ValueError(f"model must have a code of 1 or 2 numbers, got {k}")
    check_count(nodes, "nodes", minimum=1)
    h = 2 * check_positive(limit, "limit") / nodes
    model.check_observations(x)
    side = h * (torch.arange(nodes, dtype=model.dtype, device=model.device) + 0.5)
    axes = torch.meshgrid([side - limit] * k, indexing="ij")
    z = torch.stack(axes, -1).reshape(-1, k)  # (nodes ** k, k)
    zero = torch.zeros_like(z)
    mass = gaussian_log_prob(z, zero, zero) + k * math.log(h)  # (nodes ** k,)
    found = x.new_empty(len(x))
    same = None if model.classes else model.likelihood_params(z)
    for i in range(len(x)):
        label = None if y is None else y[i : i + 1].expand(len(z))
        params = model.likelihood_params(z, label) if same is None else same
        copies = x[i : i + 1].expand(len(z), *x.shape[1:])
        given = model.likelihood_log_prob(copies, params)  # (nodes ** k,)
        found[i] = (given + mass).logsumexp(0)  # (12.1)
    return found


@torch.no_grad()
def linear_vae(plane: ProbabilisticPCA) -> VAE:
    r"""Return the variational autoencoder that is a given probabilistic PCA.

    Both networks are single linear layers. The decoder is the plane with its noise, and
    the encoder is the true posterior,

    .. math:: \mathbf z\mid\mathbf x \sim \mathcal N\bigl(M^{-1}W^\top
              (\mathbf x-\boldsymbol\mu),\; \sigma^2 M^{-1}\bigr),
              \qquad M = W^\top W + \sigma^2 I,

    so that the bound is the exact likelihood.

    Args:
        plane: A fitted model; the columns of its ``W`` are at right angles then.

    Raises:
        ValueError: If they are not: the true posterior has correlations that the
            encoder cannot say.

    Reference:
        J. Lucas, G. Tucker, R. Grosse and M. Norouzi, "Don't blame the ELBO!", 2019,
        arXiv:1911.02469.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()
        >>> plane = ProbabilisticPCA((3,), components=1).double().fit(x)
        >>> model = linear_vae(plane)
        >>> torch.allclose(model.elbo(x, k=2), plane.log_prob(x))
        True
    """
    W, variance = plane.W, plane.log_variance.exp()
    features, q = W.shape
    precision = W.T @ W
    size = precision.diagonal() + variance
    if (precision - precision.diag().diag()).abs().max() > 1e-4 * size.max():
        raise ValueError("plane must have columns of W at right angles: fit it first")
    model = VAE(plane.event_shape, q, hidden=()).to(W.dtype)
    gain = W.T / size[:, None]  # (q, features)
    log_scale = 0.5 * (plane.log_variance - size.log())
    (encoder,), (decoder,) = _linear(model.encoder), _linear(model.decoder)
    encoder.weight.copy_(torch.cat([gain, torch.zeros_like(gain)]))
    encoder.bias.copy_(torch.cat([-gain @ plane.mu, log_scale]))
    decoder.weight.copy_(torch.cat([W, torch.zeros_like(W)]))
    same = (0.5 * plane.log_variance).expand(features)
    decoder.bias.copy_(torch.cat([plane.mu, same]))
    return model


@torch.no_grad()
def to_autoencoder(model: VAE) -> Autoencoder:
    """Return the means of both networks of a model as a plain autoencoder.

    Args:
        model: A model without conditions and octaves, with a Bernoulli likelihood.

    Raises:
        ValueError: If the model is of another kind.

    Example:
        >>> model = VAE((1, 4, 4), latent_dim=2, hidden=(8,), likelihood="bernoulli")
        >>> twin, z = to_autoencoder(model), torch.zeros(3, 2)
        >>> torch.allclose(twin.decode(z), model.decode(z))
        True
    """
    if model.classes or model.octaves or model.likelihood != "bernoulli":
        raise ValueError(
            "model must have a Bernoulli likelihood, no classes and no octaves, got "
            f"{model.config}"
        )
    hidden = [m.out_features for m in _linear(model.encoder)[:-1]]
    twin = Autoencoder(model.event_shape, model.latent_dim, hidden=hidden)
    twin = twin.to(model.dtype)
    for net, ours in ((twin.encoder, model.encoder), (twin.decoder, model.decoder)):
        for new, old in zip(_linear(net), _linear(ours), strict=True):
            new.weight.copy_(old.weight[: len(new.weight)])
            new.bias.copy_(old.bias[: len(new.bias)])
    return twin


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [m for m in network.modules() if isinstance(m, nn.Linear)]
