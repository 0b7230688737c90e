r"""Generative adversarial networks: two networks that teach one another.

The generator turns noise into observations; the discriminator says which observations
are real. Nobody writes a density down: the model is what the generator draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm

from genbook._validate import (
    check_choice,
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import GenerativeModel
from genbook.models.networks.mlp import fourier_features, mlp


class _Times(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return ``factor * x``."""
        return self.factor * x


class GAN(GenerativeModel):
    r"""A generator and a discriminator in the non-saturating game.

    .. math::

        \mathcal L_D = \mathbb E\,\operatorname{softplus}(-D(\mathbf x))
        + \mathbb E\,\operatorname{softplus}(D(G(\mathbf z))),
        \qquad
        \mathcal L_G = \mathbb E\,\operatorname{softplus}(-D(G(\mathbf z))).

    Equation :eq:`eq-gan-losses`; the penalty R1 is :eq:`eq-gan-r1`.
    ``loss`` returns the sum of both, each with the other player's weights held fixed,
    so that one step of one optimiser moves both players.

    Args:
        event_shape: The shape of one observation.
        latent_dim: The length of the noise.
        hidden: The widths of the generator's hidden layers; the discriminator mirrors
            them.
        r1_weight: The weight of the squared gradient of ``D`` at the data (R1); 0 plays
            the plain game.
        lipschitz: The steepest that the discriminator may be in what it sees, by
            spectral normalisation of its layers; 0 leaves them free.
        ema_decay: How much of its past the averaged generator keeps at each step; it
            draws the samples, the other one plays. 0 keeps no average.
        frequencies: The frequencies that the discriminator sees of each feature.
        output: ``"sigmoid"`` for observations in [0, 1], ``"linear"`` for any.
        classes: How many labels ``y`` may take; 0 for a model without conditions.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``output`` is unknown or a size is too small.

    Reference:
        I. Goodfellow et al., "Generative adversarial networks", 2014,
        arXiv:1406.2661; L. Mescheder, A. Geiger and S. Nowozin, "Which training methods
        for GANs do actually converge?", 2018, arXiv:1801.04406; T. Miyato et al.,
        "Spectral normalization for GANs", 2018, arXiv:1802.05957.

    Example:
        >>> model = GAN((2,), hidden=(16,))
        >>> model.sample(3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (2,),
        latent_dim: int = 2,
        *,
        hidden: Sequence[int] = (128, 128),
        r1_weight: float = 0.0,
        lipschitz: float = 0.0,
        ema_decay: float = 0.0,
        frequencies: int = 0,
        output: Literal["sigmoid", "linear"] = "linear",
        classes: int = 0,
    ) -> None:
        super().__init__()
        check_choice(output, "output", ("sigmoid", "linear"))
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.latent_dim = check_count(latent_dim, "latent_dim", minimum=1)
        self.r1_weight = check_positive(
            r1_weight, "r1_weight", zero=True, maximum=10**6
        )
        lipschitz = check_positive(lipschitz, "lipschitz", zero=True)
        self.ema_decay = check_positive(ema_decay, "ema_decay", zero=True)
        if self.ema_decay >= 1:
            raise ValueError(f"ema_decay must be below 1, got {ema_decay}")
        self.frequencies = check_count(frequencies, "frequencies")
        self.classes = check_count(classes, "classes")
        hidden = check_sizes(hidden, "hidden")
        self.config = {
            "event_shape": list(self.event_shape),
            "latent_dim": self.latent_dim,
            "hidden": list(hidden),
            "r1_weight": self.r1_weight,
            "lipschitz": lipschitz,
            "ema_decay": self.ema_decay,
            "frequencies": self.frequencies,
            "output": output,
            "classes": self.classes,
        }
        features, seen = prod(self.event_shape), 1 + 2 * self.frequencies
        last = [nn.Sigmoid()] if output == "sigmoid" else []
        sizes = self.latent_dim + self.classes, *hidden, features
        self.G = nn.Sequential(*mlp(sizes), *last)
        if self.ema_decay:
            self.G_ema = deepcopy(self.G).requires_grad_(False)
        sizes = features * seen + self.classes, *hidden[::-1], 1
        parts = mlp(sizes, lambda: nn.LeakyReLU(0.2))
        if lipschitz:
            parts = [spectral_norm(m) if isinstance(m, nn.Linear) else m for m in parts]
            parts.append(_Times(lipschitz))
        self.D = nn.Sequential(*parts)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what the generator makes of noise ``(n, latent_dim)``.

        It is the averaged generator that makes it, if there is one.
        """
        check_tensor(z, "z", ("n", self.latent_dim), dtype=self.dtype, allow_empty=True)
        return self._make(self.G_ema if self.ema_decay else self.G, z, y)

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the discriminator's log-odds that each observation is real, ``(n,)``.

        For the best discriminator they are the log of the ratio of the two densities.
        """
        return self.D(self._embed(x, y)).squeeze(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the sum of both players' losses, each blind to the other's weights.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a conditional model.
            generator: The source of the generator's noise.
        """
        self._check_x(x, allow_empty=False)
        if self.ema_decay and self.training:
            self.update_ema()
        z = torch.empty(len(x), self.latent_dim, dtype=x.dtype, device=x.device)
        fake = self._make(self.G, z.normal_(generator=check_generator(generator)), y)
        loss_d = self.discriminator_loss(x, fake.detach(), y)
        return loss_d + self.generator_loss(fake, y)

    def discriminator_loss(
        self, x: Tensor, fake: Tensor, y: Tensor | None = None
    ) -> Tensor:
        """Return how badly the discriminator tells ``x`` from what was made."""
        self._check_fake(fake)
        if self.r1_weight and torch.is_grad_enabled():
            x = x.detach().requires_grad_()
        d_real = self.discriminate(x, y)  # (n,)
        d_fake = self.discriminate(fake, y)  # (n,)
        value = softplus(-d_real).mean() + softplus(d_fake).mean()  # (18.3)
        if self.r1_weight and torch.is_grad_enabled():
            (slope,) = torch.autograd.grad(d_real.sum(), x, create_graph=True)
            steep = slope.flatten(1).square().sum(1)  # (n,)
            value = value + self.r1_weight / 2 * steep.mean()  # (18.4)
        return value

    def generator_loss(self, fake: Tensor, y: Tensor | None = None) -> Tensor:
        """Return how well the discriminator sees through what was made."""
        self._check_fake(fake)
        weights = self.D.state_dict(keep_vars=True)
        fixed = {name: w.detach() for name, w in weights.items()}
        d_fake = functional_call(self.D, fixed, (self._embed(fake, y),))  # (n, 1)
        return softplus(-d_fake).mean()  # (18.3)

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the averaged generator a little towards the present one.

        Raises:
            ValueError: If the model has none: ``ema_decay`` is 0.
        """
        if not self.ema_decay:
            raise ValueError("ema_decay must be above 0 for an averaged generator")
        pairs = zip(self.G_ema.parameters(), self.G.parameters(), strict=True)
        for slow, now in pairs:
            slow.lerp_(now, 1 - self.ema_decay)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw noise and let the generator make observations of it."""
        z = self._normal(check_count(n, "n"), self.latent_dim, generator=generator)
        return self.generate(z, y)

    def _make(self, G: nn.Module, z: Tensor, y: Tensor | None) -> Tensor:
        """Return what a generator makes of noise."""
        return G(self._with_label(z, y)).unflatten(1, self.event_shape)

    def _check_fake(self, fake: Tensor) -> None:
        shape: tuple[int | str, ...] = "n", *self.event_shape
        check_tensor(fake, "fake", shape, dtype=self.dtype, allow_empty=True)

    def _embed(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return what the discriminator sees, ``(n, features)``."""
        seen = fourier_features(self._check_x(x).flatten(1), self.frequencies)
        return self._with_label(seen, y)
