r"""Variational autoencoders: a latent variable, and a bound in place of its integral.

The likelihood of an observation is an integral over all codes that might have made it.
An encoder guesses which codes are worth looking at, and what the guess loses is a
Kullback–Leibler divergence: subtract it and a lower bound is left, which both networks
raise together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from genbook._validate import (
    check_choice,
    check_count,
    check_flag,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
    check_unit_interval,
)
from genbook.models.base import LatentVariableModel, VariationalModel
from genbook.models.gaussians import gaussian_kl, gaussian_log_prob
from genbook.models.networks.mlp import fourier_features
from genbook.models.variational._networks import networks_of

LOG_STD_RANGE = (-6.0, 4.0)  # of any Gaussian that a network describes


class VAE(VariationalModel, LatentVariableModel):
    r"""A variational autoencoder with a Gaussian code.

    .. math::

        \log p_\theta(\mathbf x) \ge \mathbb E_{q_\phi(\mathbf z\mid\mathbf x)}
        \bigl[\log p_\theta(\mathbf x\mid\mathbf z)\bigr] - \beta\, D_\mathrm{KL}
        \bigl(q_\phi(\mathbf z\mid\mathbf x) \,\Vert\, \mathcal N(0, I)\bigr).

    For :math:`\beta = 1` this is equation :eq:`eq-vae-elbo`; codes are drawn by
    :eq:`eq-vae-reparametrisation`. Its networks see the observations in their own unit,
    and no standard deviation leaves ``exp(-6)`` to ``exp(4)``: standardise first.

    Args:
        event_shape: The shape of one observation.
        latent_dim: The length of the code.
        hidden: The widths of the encoder's hidden layers; the decoder mirrors them.
        likelihood: ``"gaussian"``, whose mean and standard deviation the decoder says
            for each feature, or ``"bernoulli"`` for observations in [0, 1].
        beta: The weight of the divergence in the loss; ``elbo`` does not use it.
        free_nats: How many nats each number of the code costs at least in the loss, so
            that none is given up while it carries fewer; ``elbo`` does not use it.
        frequencies: How many sines and cosines of their input both networks see, for
            densities with sharp borders.
        classes: How many labels ``y`` may take; 0 for a model without conditions.
        networks: An encoder and a decoder of rows in the place of those of ``hidden``,
            such as an :class:`.ImageEncoder` and an :class:`.ImageDecoder`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``likelihood`` is unknown, a size too small, a network does not
            fit, or there are ``frequencies`` beside ``networks``.

    Reference:
        D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", 2014,
        arXiv:1312.6114; I. Higgins et al., "beta-VAE", 2017; for ``free_nats`` D. P.
        Kingma et al., 2016, arXiv:1606.04934.

    Example:
        >>> model = VAE((2,), latent_dim=1, hidden=(16,))
        >>> model.elbo(torch.zeros(3, 2)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (2,),
        latent_dim: int = 2,
        *,
        hidden: Sequence[int] = (128, 128),
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        beta: float = 1.0,
        free_nats: float = 0.0,
        frequencies: int = 0,
        classes: int = 0,
        networks: tuple[nn.Module, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        choices = "gaussian", "bernoulli"
        self.likelihood = check_choice(likelihood, "likelihood", choices)
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.latent_dim = check_count(latent_dim, "latent_dim", minimum=1)
        self.beta = check_positive(beta, "beta", zero=True, maximum=10**6)
        self.free_nats = check_positive(free_nats, "free_nats", zero=True)
        self.frequencies = check_count(frequencies, "frequencies")
        self.classes = check_count(classes, "classes")
        hidden = check_sizes(hidden, "hidden", empty=True)
        latent_dim, classes = self.latent_dim, self.classes
        self.config = {
            "event_shape": list(self.event_shape),
            "latent_dim": latent_dim,
            "hidden": list(hidden),
            "likelihood": likelihood,
            "beta": self.beta,
            "free_nats": self.free_nats,
            "frequencies": self.frequencies,
            "classes": classes,
        }
        self.encoder, self.decoder = networks_of(self.config, networks)

    def posterior(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of the code, ``(n, latent_dim)``."""
        x = self.check_observations(x)
        seen = fourier_features(x.flatten(1), self.frequencies)
        mu, log_scale = self.encoder(self._with_label(seen, y)).chunk(2, dim=1)
        return mu, log_scale.clamp(*LOG_STD_RANGE)

    def log_likelihood(self, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log-likelihood of observations given codes, ``(n,)``, in nats.

        Args:
            x: Observations, ``(n, *event_shape)``.
            z: Codes, ``(n, latent_dim)``; NaN or infinite ones give NaN.
            y: Labels, ``(n,)``, for a conditional model.
        """
        return self.likelihood_log_prob(x, self.likelihood_params(z, y))

    def likelihood_params(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what the decoder says of each code: the parameters of p(x | z).

        Args:
            z: Codes, ``(n, latent_dim)``; NaN or infinite ones have such parameters.
            y: Labels, ``(n,)``, for a conditional model.

        Returns:
            A tensor ``(n, 2 * features)``, means and logarithms of standard
            deviations, or ``(n, features)``, the log-odds of black.
        """
        shape = "n", self.latent_dim
        check_tensor(z, "z", shape, dtype=self.dtype, finite=False, allow_empty=True)
        return self.decoder(self._with_label(fourier_features(z, self.frequencies), y))

    def likelihood_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Return the log-likelihood of observations under such parameters, ``(n,)``.

        Args:
            x: Observations, ``(n, *event_shape)``.
            params: From :meth:`likelihood_params`; NaN or infinite ones give NaN.
        """
        flat = self.check_observations(x).flatten(1)  # (n, features)
        shape = len(x), flat.shape[1] * (2 if self.likelihood == "gaussian" else 1)
        check_tensor(  # a loss may be NaN: fit says so
            params, "params", shape, dtype=self.dtype, finite=False, allow_empty=True
        )
        if self.likelihood == "bernoulli":
            loss = binary_cross_entropy_with_logits(params, flat, reduction="none")
            return -loss.sum(1)
        mu, log_scale = params.chunk(2, dim=1)  # (n, features) each
        return gaussian_log_prob(flat, mu, log_scale.clamp(*LOG_STD_RANGE))

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return minus the bound, with the divergence weighted by ``beta``.

        Each number of the code counts with ``free_nats`` nats at least, on average.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            generator: The source of the codes' noise.

        Raises:
            ValueError: If the likelihood is Bernoulli and ``x`` leaves [0, 1].
        """
        self.check_observations(x, allow_empty=False)
        mu, log_scale = self.posterior(x, y)  # (n, latent_dim) each
        z = mu + log_scale.exp() * self._noise(mu, generator)  # (14.6)
        each = gaussian_kl(mu.reshape(-1, 1), log_scale.reshape(-1, 1))
        kl = each.view_as(mu).mean(0).clamp(min=self.free_nats).sum()
        return self.beta * kl - self.log_likelihood(x, z, y).mean()  # (14.4)

    def elbo(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        k: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a lower bound of the log density of each observation, in nats.

        For ``k = 1`` the divergence is exact and the bound is the ELBO. For more it is
        the importance-weighted bound :eq:`eq-vae-iw`, which rises to the log density as
        ``k`` grows.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            k: How many codes are drawn for each observation.
            generator: The source of the codes' noise.

        Reference:
            Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted
            autoencoders", 2016, arXiv:1509.00519.
        """
        check_count(k, "k", minimum=1)
        mu, log_scale = self.posterior(x, y)  # (n, latent_dim) each
        if k == 1:
            z = mu + log_scale.exp() * self._noise(mu, generator)  # (14.6)
            return self.log_likelihood(x, z, y) - gaussian_kl(mu, log_scale)  # (14.4)
        weights = self.log_weights(x, y, k=k, generator=generator)  # (k, n)
        return weights.logsumexp(0) - math.log(k)  # (14.5)

    def log_weights(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        k: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the log importance weights of ``k`` codes each, ``(k, n)``, in nats.

        Equation :eq:`eq-vae-weights`, with codes drawn from the encoder's guess.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            k: How many codes are drawn for each observation.
            generator: The source of the codes' noise.
        """
        mu, log_scale = self.posterior(x, y)  # (n, latent_dim) each
        zero, weights = torch.zeros_like(mu), []
        for _ in range(check_count(k, "k", minimum=1)):
            z = mu + log_scale.exp() * self._noise(mu, generator)  # (14.6)
            prior = gaussian_log_prob(z, zero, zero)  # (n,)
            guess = gaussian_log_prob(z, mu, log_scale)  # (n,)
            weights.append(self.log_likelihood(x, z, y) + prior - guess)  # (14.3)
        return torch.stack(weights)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean of the code of each observation, ``(n, latent_dim)``."""
        return self.posterior(x, y)[0]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the mean observation of each code, ``(n, *event_shape)``."""
        check_tensor(z, "z", ("n", self.latent_dim), dtype=self.dtype, allow_empty=True)
        out = self.likelihood_params(z, y)
        mean = out.sigmoid() if self.likelihood == "bernoulli" else out.chunk(2, 1)[0]
        return mean.unflatten(1, self.event_shape)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw a code, then an observation from what the decoder says of it."""
        z = self._normal(self._asked(n, y), self.latent_dim, generator=generator)
        out = self.likelihood_params(z, y)
        if self.likelihood == "bernoulli":
            u = self._uniform(*out.shape, generator=generator)
            x = (u < out.sigmoid()).to(self.dtype)
        else:
            mu, log_scale = out.chunk(2, dim=1)  # (n, features) each
            scale = log_scale.clamp(*LOG_STD_RANGE).exp()
            x = mu + scale * self._normal(*mu.shape, generator=generator)
        return x.unflatten(1, self.event_shape)

    def check_observations(self, x: Tensor, *, allow_empty: bool = True) -> Tensor:
        """Return observations that the likelihood can explain; refuse others.

        Args:
            x: Observations, ``(n, *event_shape)``.
            allow_empty: Whether there may be none.

        Raises:
            ValueError: If the shape is wrong, or ``x`` leaves a Bernoulli's [0, 1].
        """
        self._check_x(x, allow_empty=check_flag(allow_empty, "allow_empty"))
        if self.likelihood == "bernoulli":
            check_unit_interval(x, "x", " for a Bernoulli likelihood")
        return x

    def _noise(self, like: Tensor, generator: torch.Generator | None) -> Tensor:
        return torch.empty_like(like).normal_(generator=check_generator(generator))
