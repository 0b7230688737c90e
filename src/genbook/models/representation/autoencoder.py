"""Autoencoders: a code that is enough to draw the observation again.

An encoder maps an observation to a short code, a decoder maps it back, and both are
trained to lose as little as possible on the way. There is no distribution over the
codes, so an autoencoder represents, but does not generate.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

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
from genbook.models.base import RepresentationModel
from genbook.models.networks.mlp import mlp


class Autoencoder(RepresentationModel):
    r"""A nonlinear code: two networks that meet in a narrow middle.

    .. math:: \mathbf z = e_\phi(\mathbf x), \qquad
              \hat{\mathbf x} = d_\theta(\mathbf z), \qquad
              \min_{\phi, \theta}\;
              \tfrac1D \lVert \hat{\mathbf x} - \mathbf x \rVert^2.

    Args:
        event_shape: The shape of one observation.
        latent_dim: The length of the code.
        hidden: The widths of the encoder's hidden layers; the decoder mirrors them.
        output: ``"sigmoid"`` for observations in [0, 1], ``"linear"`` for any.
        activation: The function between two layers: ``"relu"``, which bends sharply,
            or ``"silu"``, which bends smoothly, as do the two maps then.
        standardise_code: Whether each number of the code is shifted and scaled to mean
            0 and variance 1 over the observations (over the batch while training).
        latent_noise: The standard deviation of Gaussian noise added to the code while
            the loss is taken. Codes of unlike observations then have to keep apart;
            with a standardised code they cannot do so by growing.
        input_noise: The standard deviation of Gaussian noise added to the observation
            before it is encoded, while the loss is taken. The clean one is the target.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``output`` or ``activation`` is unknown, a size is not positive
            or a noise is negative.

    Reference:
        Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural
        networks", 2006, doi:10.1126/science.1127647; for ``input_noise`` Vincent et
        al., "Extracting and composing robust features with denoising autoencoders",
        2008, doi:10.1145/1390156.1390294.

    Example:
        >>> model = Autoencoder((1, 8, 8), latent_dim=2, hidden=(16,))
        >>> model.decode(model.encode(torch.rand(5, 1, 8, 8))).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        latent_dim: int = 2,
        *,
        hidden: Sequence[int] = (256, 64),
        output: Literal["sigmoid", "linear"] = "sigmoid",
        activation: Literal["relu", "silu"] = "relu",
        standardise_code: bool = False,
        latent_noise: float = 0.0,
        input_noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.output = check_choice(output, "output", ("sigmoid", "linear"))
        if not isinstance(activation, str) or activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {list(_ACTIVATIONS)}, got {activation!r}"
            )
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.latent_dim = check_count(latent_dim, "latent_dim", minimum=1)
        hidden = check_sizes(hidden, "hidden", empty=True)
        self.standardise_code = check_flag(standardise_code, "standardise_code")
        self.latent_noise = check_positive(latent_noise, "latent_noise", zero=True)
        self.input_noise = check_positive(input_noise, "input_noise", zero=True)
        self.config = {
            "event_shape": self.event_shape,
            "latent_dim": self.latent_dim,
            "hidden": hidden,
            "output": output,
            "activation": activation,
            "standardise_code": self.standardise_code,
            "latent_noise": self.latent_noise,
            "input_noise": self.input_noise,
        }
        between = _ACTIVATIONS[activation]
        sizes = (prod(self.event_shape), *hidden, self.latent_dim)
        self.encoder = nn.Sequential(nn.Flatten(), *mlp(sizes, between))
        if self.standardise_code:
            norm = nn.BatchNorm1d(self.latent_dim, affine=False, momentum=0.02)
            self.encoder.append(norm)
        last = [nn.Sigmoid()] if output == "sigmoid" else []
        self.decoder = nn.Sequential(
            *mlp(sizes[::-1], between), *last, nn.Unflatten(1, self.event_shape)
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return the code of each observation, ``(n, latent_dim)``."""
        return self.encoder(self._check_x(x))

    def decode(self, z: Tensor) -> Tensor:
        """Return the observation that each code stands for, ``(n, *event_shape)``."""
        check_tensor(z, "z", ("n", self.latent_dim), dtype=self.dtype, allow_empty=True)
        return self.decoder(z)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error of the reconstructions, over all features.

        Equation :eq:`eq-autoencoder`.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Must be ``None``.
            generator: The source of the noise on the observations and on the code.

        Raises:
            ValueError: If the output is a sigmoid and ``x`` leaves [0, 1]: the
                decoder could never draw it, and the loss would hardly fall. If the
                code is standardised, the model in training mode and ``x`` a single
                observation: one has no variance.
        """
        self._refuse_condition(y)
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        if self.output == "sigmoid":
            hint = "; rescale x, or use output='linear'"
            check_unit_interval(x, "x", " for a sigmoid output", hint)
        if self.standardise_code and self.training and len(x) < 2:
            raise ValueError("x must hold at least 2 observations, got 1")
        z = self.encode(_noisy(x, self.input_noise, generator))  # (n, latent_dim)
        again = self.decode(_noisy(z, self.latent_noise, generator))
        return (again - x).square().mean()  # (9.1)


_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}


def _noisy(v: Tensor, scale: float, generator: torch.Generator | None) -> Tensor:
    """Return ``v`` with Gaussian noise of a standard deviation, or as it is."""
    if not scale:
        return v
    return v + scale * torch.empty_like(v).normal_(generator=generator)
