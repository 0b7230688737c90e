r"""Generative adversarial networks: two networks that teach one another.

The generator turns noise into observations; the discriminator says which observations
are real. Nobody writes a density down: the model is what the generator draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from genbook._validate import (
    check_choice,
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.adversarial._networks import connected, given
from genbook.models.base import GenerativeModel
from genbook.models.networks._doors import describe
from genbook.models.networks.mlp import fourier_features


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
        networks: A generator, which makes vectors ``(n, latent_dim + classes)`` into as
            many numbers as observations have, and a discriminator, which gives one
            score each, ``(n, 1)``, to observations and labels after one another,
            ``(n, features + classes)``; for example a
            :class:`~genbook.models.networks.dcgan.ConvolutionalGenerator` and
            its opponent. Without them fully connected networks are built from
            ``hidden``, ``lipschitz`` and ``frequencies``.
        r1_weight: The weight of the squared gradient of ``D`` at the data (R1); 0 plays
            the plain game.
        r1_every: The penalty is expensive. With more than 1 it is computed at one step
            in so many, at most 10,000, which chance picks, and counts so many times,
            which comes to the same on average.
        lipschitz: The steepest that the discriminator may be in what it sees, by
            spectral normalisation of its layers; 0 leaves them free.
        ema_decay: How much of its past the averaged generator keeps at each step; it
            draws the samples, the other one plays. 0 keeps no average.
        frequencies: The frequencies that the discriminator sees of each feature.
        output: ``"sigmoid"`` for observations in [0, 1], ``"linear"`` for any.
        classes: How many labels ``y`` may take; 0 for a model without conditions.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``output`` is unknown, a size is too small, or ``networks`` do
            not fit.

    Reference:
        I. Goodfellow et al., "Generative adversarial networks", 2014,
        arXiv:1406.2661; L. Mescheder, A. Geiger and S. Nowozin, "Which training methods
        for GANs do actually converge?", 2018, arXiv:1801.04406; T. Miyato et al.,
        "Spectral normalization for GANs", 2018, arXiv:1802.05957; T. Karras et al.,
        "Analyzing and improving the image quality of StyleGAN", 2020, arXiv:1912.04958,
        who compute the penalty at every sixteenth step.

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
        networks: tuple[nn.Module, nn.Module] | None = None,
        r1_weight: float = 0.0,
        r1_every: int = 1,
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
        self.r1_every = check_count(r1_every, "r1_every", 1, 10_000)
        lipschitz = check_positive(lipschitz, "lipschitz", zero=True)
        self.ema_decay = check_positive(ema_decay, "ema_decay", zero=True)
        if self.ema_decay >= 1:
            raise ValueError(f"ema_decay must be below 1, got {ema_decay}")
        self.frequencies = check_count(frequencies, "frequencies")
        self.classes = check_count(classes, "classes")
        hidden = check_sizes(hidden, "hidden")
        self.config: dict[str, Any] = {
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
        if self.r1_every > 1:  # files of before know no such thing
            self.config["r1_every"] = self.r1_every
        inputs, features = self.latent_dim + self.classes, prod(self.event_shape)
        if networks is None:
            seen = features * (1 + 2 * self.frequencies) + self.classes
            sizes = (inputs, *hidden, features), (seen, *hidden[::-1], 1)
            G, D = connected(*sizes, lipschitz)
        else:
            for_free = {"lipschitz": lipschitz, "frequencies": self.frequencies}
            G, D = given(networks, inputs, features, features + self.classes, for_free)
            self.config["networks"] = [describe(net) for net in networks]
        self.G = nn.Sequential(*G, nn.Sigmoid()) if output == "sigmoid" else G
        if self.ema_decay:
            self.G_ema = deepcopy(self.G).requires_grad_(False)
        self.D = D

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
        loss_d = self.discriminator_loss(x, fake.detach(), y, generator=generator)
        return loss_d + self.generator_loss(fake, y)

    def discriminator_loss(
        self,
        x: Tensor,
        fake: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return how badly the discriminator tells ``x`` from what was made.

        Args:
            x: Observations, ``(n, *event_shape)``.
            fake: What the generator made, ``(m, *event_shape)``.
            y: Their labels, for a conditional model.
            generator: Picks the steps with a penalty, where ``r1_every`` is above 1.
        """
        self._check_fake(fake)
        r1_weight = self._penalty_now(check_generator(generator))
        if r1_weight:
            x = x.detach().requires_grad_()
        d_real = self.discriminate(x, y)  # (n,)
        d_fake = self.discriminate(fake, y)  # (n,)
        value = softplus(-d_real).mean() + softplus(d_fake).mean()  # (18.3)
        if r1_weight:
            (slope,) = torch.autograd.grad(d_real.sum(), x, create_graph=True)
            steep = slope.flatten(1).square().sum(1)  # (n,)
            value = value + r1_weight / 2 * steep.mean()  # (18.4)
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
        z = self._normal(self._asked(n, y), self.latent_dim, generator=generator)
        return self.generate(z, y)

    def _make(self, G: nn.Module, z: Tensor, y: Tensor | None) -> Tensor:
        """Return what a generator makes of noise."""
        return G(self._with_label(z, y)).reshape(len(z), *self.event_shape)

    def _penalty_now(self, generator: torch.Generator | None) -> float:
        """Return what R1 weighs at this step: at most of them nothing, maybe."""
        if not self.r1_weight or not torch.is_grad_enabled():
            return 0.0
        if self.r1_every > 1:
            chance = self._uniform(1, generator=generator).item()
            if chance * self.r1_every >= 1:
                return 0.0
        return self.r1_weight * self.r1_every

    def _check_fake(self, fake: Tensor) -> None:
        shape: tuple[int | str, ...] = "n", *self.event_shape
        check_tensor(fake, "fake", shape, dtype=self.dtype, allow_empty=True)

    def _embed(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Return what the discriminator sees, ``(n, features)``."""
        seen = fourier_features(self._check_x(x).flatten(1), self.frequencies)
        return self._with_label(seen, y)
