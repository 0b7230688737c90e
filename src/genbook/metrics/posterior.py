r"""How the codes of a variational autoencoder lie against its prior.

Samples are drawn from the prior, so we ask whether the codes of the data fill it, and
how much a code tells about its observation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator
from genbook.metrics.two_sample import energy_test
from genbook.models.gaussians import LOG_2PI, gaussian_kl, gaussian_log_prob
from genbook.models.variational.vae import VAE

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
    if not isinstance(model, VAE):
        raise TypeError(f"model must be a VAE, got {type(model).__name__}")
    check_count(permutations, "permutations", 1)
    x = model.check_observations(x)
    if len(x) < 2:
        raise ValueError(f"x must hold two observations or more, got {len(x)}")
    mu, log_scale = model.posterior(x, y)
    z, prior = (torch.empty_like(mu).normal_(generator=generator) for _ in range(2))
    z = mu + log_scale.exp() * z
    zero = torch.zeros_like(mu)
    mixture = _mixture_log_prob(z, mu, log_scale)  # (n,)
    own = gaussian_log_prob(z, mu, log_scale)  # (n,)
    expected = gaussian_log_prob(prior, zero, zero)  # (n,)
    missed = _mixture_log_prob(prior, mu, log_scale) < expected + math.log(HOLE)
    test = energy_test(z, prior, permutations, generator=generator)
    return AggregatedPosterior(
        rate=gaussian_kl(mu, log_scale).mean().item(),  # (14.8)
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
