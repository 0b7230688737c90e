"""An autoencoder of pictures in places: one short code for each part of the width.

Neighbouring parts overlap, and where they do the two drawings are blended. Each part is
first written in its principal components, and a small network makes a shorter code of
them. Beside it runs a linear road, so that training begins at principal components.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from genbook._validate import check_count, check_positive, check_sizes, check_tensor
from genbook.models.base import RepresentationModel
from genbook.models.networks.mlp import mlp

_AT_ONCE = 500


class PlaceAutoencoder(RepresentationModel):
    r"""A code for each place of a picture, about standard Gaussian.

    .. math:: \mathcal L = \frac{1}{2\sigma^2}
              \lVert \hat{\mathbf x} - \mathbf x \rVert^2
              + \operatorname{KL}\bigl(q(\mathbf z \mid \mathbf x)
              \,\Vert\, \mathcal N(\mathbf 0, I)\bigr)

    Args:
        event_shape: The shape of a picture, ``(channels, height, width)``.
        places: How many parts the width is cut into; it divides it.
        latent_dim: The numbers of each part's code.
        components: The principal components of a part that are kept.
        width: The width of the two hidden layers of each network.
        margin: How many pixels of its neighbours a part is shown with.
        sigma: The error of a pixel that is let pass.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range, or ``places`` does not divide the width.

    Example:
        >>> x = torch.rand(40, 3, 8, 12)
        >>> code = PlaceAutoencoder((3, 8, 12), 3, latent_dim=4, components=9, margin=2)
        >>> code.fit_components(x).decode(code.encode(x)).shape, code.encode(x).shape
        (torch.Size([40, 3, 8, 12]), torch.Size([40, 3, 4]))
    """

    mu: Tensor
    V: Tensor
    scale: Tensor

    def __init__(
        self,
        event_shape: Sequence[int] = (3, 24, 48),
        places: int = 3,
        *,
        latent_dim: int = 16,
        components: int = 128,
        width: int = 256,
        margin: int = 4,
        sigma: float = 0.03,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        channels, height, wide = self.event_shape
        self.places = check_count(places, "places", 1, wide)
        if wide % self.places:
            raise ValueError(f"places must divide the width {wide}, got {places}")
        self.part = wide // self.places
        self.margin = check_count(margin, "margin", 0, self.part)
        self.features = channels * height * (self.part + 2 * self.margin)
        k = check_count(components, "components", 1, self.features)
        d = check_count(latent_dim, "latent_dim", 1, k)
        width = check_count(width, "width", 1, 65_536)
        self.sigma = check_positive(sigma, "sigma")
        self.latent_shape = (self.places, d)
        self.config = {
            "event_shape": list(self.event_shape),
            "places": self.places,
            "latent_dim": d,
            "components": k,
            "width": width,
            "margin": self.margin,
            "sigma": self.sigma,
        }
        self.register_buffer("mu", torch.zeros(self.features))
        self.register_buffer("V", torch.eye(self.features, k))
        self.register_buffer("scale", torch.ones(k))
        self.encoder = nn.Sequential(*mlp([k, width, width, 2 * d]))
        self.decoder = nn.Sequential(*mlp([d, width, width, k]))
        self.to_code, self.from_code = nn.Linear(k, d), nn.Linear(d, k)

    @torch.no_grad()
    def fit_components(self, x: Tensor) -> PlaceAutoencoder:
        """Find the principal components of the parts, and begin as they would code.

        Args:
            x: Pictures, ``(n, *event_shape)``.
        """
        self._check_x(x, allow_empty=False)
        k, d = len(self.scale), self.latent_shape[1]
        rows = self._cut(x)
        self.mu.copy_(rows.mean(0))
        values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
        self.V.copy_(vectors[:, -k:].flip(1))
        variance = values[-k:].flip(0).clamp(min=1e-9)
        self.scale.copy_(variance**0.25)
        spread = variance.sqrt() / self.scale  # of a component after its scale
        for layer in (self.to_code, self.from_code):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.to_code.weight[range(d), range(d)] = 1 / spread[:d]
        self.from_code.weight[range(d), range(d)] = spread[:d]
        for network in (self.encoder, self.decoder):
            last = cast(nn.Linear, network[-1])
            last.weight.mul_(0.1)
            if network is self.encoder:
                last.bias[d:] = -3.0
        return self

    def _cut(self, x: Tensor) -> Tensor:
        """Return the parts of pictures, ``(n places, features)``."""
        m = self.margin
        wide = pad(x, (m, m, 0, 0), mode="replicate")
        parts = wide.unfold(3, self.part + 2 * m, self.part)  # (n, c, h, places, w)
        return parts.permute(0, 3, 1, 2, 4).reshape(-1, self.features)

    def _join(self, rows: Tensor) -> Tensor:
        """Return pictures of parts; where parts overlap they are blended."""
        channels, height, wide = self.event_shape
        m, w = self.margin, self.part + 2 * self.margin
        parts = rows.view(-1, self.places, channels, height, w)
        ramp = torch.arange(1, w + 1, dtype=rows.dtype, device=rows.device)
        weight = torch.minimum(ramp, ramp.flip(0)).clamp(max=2 * m + 1)
        out = rows.new_zeros(len(parts), channels, height, wide + 2 * m)
        total = rows.new_zeros(wide + 2 * m)
        for j in range(self.places):
            here = slice(self.part * j, self.part * j + w)
            out[..., here] += parts[:, j] * weight
            total[here] += weight
        return (out / total)[..., m : m + wide]

    def _components(self, x: Tensor) -> Tensor:
        return ((self._cut(x) - self.mu) @ self.V) / self.scale

    def _encode(self, c: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(c).chunk(2, 1)
        return self.to_code(c) + mean, log_variance.clamp(-10, 2)

    def _decode(self, z: Tensor) -> Tensor:
        return self.from_code(z) + self.decoder(z)

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes, ``(n, places, latent_dim)``.

        Args:
            x: Pictures, ``(n, *event_shape)``.
        """
        self._check_x(x)
        found = [self._encode(self._components(p))[0] for p in x.split(_AT_ONCE)]
        return torch.cat(found).view(-1, *self.latent_shape)

    def decode(self, z: Tensor) -> Tensor:
        """Return the pictures, ``(n, *event_shape)``, with values in [0, 1].

        Args:
            z: Codes, ``(n, places, latent_dim)``.
        """
        check_tensor(
            z, "z", ("n", *self.latent_shape), dtype=self.dtype, allow_empty=True
        )
        found = []
        for part in z.split(_AT_ONCE):
            rows = (self._decode(part.flatten(0, 1)) * self.scale) @ self.V.T + self.mu
            found.append(self._join(rows).clamp(0, 1))
        return torch.cat(found)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean of the negative lower bound, a number of a component.

        Args:
            x: Pictures, ``(n, *event_shape)``.
            y: Must be ``None``.
            generator: The source of the noise on the codes.
        """
        self._refuse_condition(y)
        self._check_x(x, allow_empty=False)
        c = self._components(x)
        mean, log_variance = self._encode(c)
        noise = self._normal(*mean.shape, generator=generator)
        again = self._decode(mean + (log_variance / 2).exp() * noise)
        error = ((again - c) * self.scale).square().sum(1) / (2 * self.sigma**2)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
        return (error + kl).mean() / c.shape[1]
