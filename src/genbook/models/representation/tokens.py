"""An autoencoder whose code is made of symbols: a few tokens for each place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_generator, check_integers
from genbook.models.networks.mlp import mlp
from genbook.models.networks.quantiser import FiniteScalarQuantiser
from genbook.models.representation.places import PlaceAutoencoder

_MOST_TOKENS = 65_536


class TokenAutoencoder(PlaceAutoencoder):
    r"""An autoencoder whose code of a place is a few tokens.

    .. math:: \mathcal L = \frac{1}{2\sigma^2}
              \lVert \hat{\mathbf x} - \mathbf x \rVert^2

    It is a :class:`~genbook.models.representation.places.PlaceAutoencoder` with a
    :class:`~genbook.models.networks.quantiser.FiniteScalarQuantiser` between encoder
    and decoder. A code of few values carries few bits by itself, so nothing else has to
    keep it short.

    Args:
        levels: How many values each number of a token may take.
        tokens: How many tokens describe a place.
        event_shape: The shape of a picture, ``(channels, height, width)``.
        places: How many parts the width is cut into.
        components: The principal components of a part that are kept.
        width: The width of the two hidden layers of each network.
        margin: How many pixels of its neighbours a part is shown with.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range.

    Example:
        >>> x = torch.rand(40, 3, 8, 12)
        >>> code = TokenAutoencoder([4, 4], 2, event_shape=(3, 8, 12), components=9)
        >>> tokens = code.fit_components(x).tokens(x)
        >>> tokens.shape, code.pictures(tokens).shape, code.vocab_size
        (torch.Size([40, 6]), torch.Size([40, 3, 8, 12]), 16)
    """

    def __init__(
        self,
        levels: Sequence[int] = (4, 4, 4, 4),
        tokens: int = 4,
        *,
        event_shape: Sequence[int] = (3, 24, 48),
        places: int = 3,
        components: int = 128,
        width: int = 256,
        margin: int = 4,
    ) -> None:
        quantiser = FiniteScalarQuantiser(levels)
        each = check_count(tokens, "tokens", 1, _MOST_TOKENS)
        super().__init__(
            event_shape,
            places,
            latent_dim=each * len(quantiser.levels),
            components=components,
            width=width,
            margin=margin,
        )
        for name in ("latent_dim", "sigma"):
            del self.config[name]
        self.config |= quantiser.config | {"tokens": each}
        k, d = len(self.scale), self.latent_shape[1]
        self.encoder = nn.Sequential(*mlp([k, width, width, d]))
        self.quantiser, self.vocab_size = quantiser, quantiser.vocab_size
        self.token_shape = (self.places * each,)

    @torch.no_grad()
    def begin_from(self, code: PlaceAutoencoder) -> TokenAutoencoder:
        """Take over the networks of a code of any numbers, and return the model.

        Args:
            code: An autoencoder with the same sizes.

        Raises:
            TypeError: If it is no ``PlaceAutoencoder``.
            ValueError: If a size is another.
        """
        if not isinstance(code, PlaceAutoencoder) or isinstance(code, TokenAutoencoder):
            raise TypeError(
                f"code must be a PlaceAutoencoder, got {type(code).__name__}"
            )
        d = self.latent_shape[1]
        last = f"encoder.{len(self.encoder) - 1}."  # it also says variances: left out
        state = {
            k: v[:d] if k.startswith(last) else v for k, v in code.state_dict().items()
        }
        own = {k: v.shape for k, v in self.state_dict().items()}
        wrong = [k for k in own if k not in state or state[k].shape != own[k]]
        if wrong or code.latent_shape != self.latent_shape:
            raise ValueError(
                f"code must have the sizes {self.latent_shape} and {len(self.scale)} "
                f"components, got {code.latent_shape} and {len(code.scale)}"
            )
        self.load_state_dict(state)
        return self

    def _encode(self, c: Tensor) -> tuple[Tensor, Tensor]:
        z = self.to_code(c) + self.encoder(c)
        q = self.quantiser(z.unflatten(1, (-1, len(self.quantiser.levels))))
        return q.flatten(1), z

    @torch.no_grad()
    def tokens(self, x: Tensor) -> Tensor:
        """Return the tokens of pictures, place by place, ``(n, places * tokens)``.

        Args:
            x: Pictures, ``(n, *event_shape)``.
        """
        z = self.encode(x).unflatten(2, (-1, len(self.quantiser.levels)))
        return self.quantiser.indices(z).flatten(1)

    @torch.no_grad()
    def pictures(self, tokens: Tensor) -> Tensor:
        """Return the pictures that tokens stand for, ``(n, *event_shape)``.

        Args:
            tokens: Integers, ``(n, places * tokens)``.

        Raises:
            ValueError: If the shape is another, or an integer is no token.
        """
        tokens = check_integers(tokens, "tokens", "tokens")
        if tokens.ndim != 2 or tokens.shape[1] != self.token_shape[0]:
            raise ValueError(
                f"tokens must be (n, {self.token_shape[0]}), got {tuple(tokens.shape)}"
            )
        q = self.quantiser.values(tokens).to(self.dtype)  # (n, places * tokens, d)
        return self.decode(q.reshape(-1, *self.latent_shape))

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error in units of the pixel's, over a component.

        Args:
            x: Pictures, ``(n, *event_shape)``.
            y: Must be ``None``.
            generator: Unused.
        """
        self._refuse_condition(y)
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        c = self._components(x)
        again = self._decode(self._encode(c)[0])
        error = ((again - c) * self.scale).square().sum(1) / (2 * self.sigma**2)
        return error.mean() / c.shape[1]
