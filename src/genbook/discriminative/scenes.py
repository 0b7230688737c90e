"""A reader of still lifes: what stands where, on which cloth, in which light.

It has seen rendered pictures only, of all combinations, and never a drawn one, so that
it can say whether a drawn picture shows what was asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from genbook._validate import check_count, check_generator
from genbook.data.still_life.render import (
    CLOTHS,
    HEIGHT,
    LIGHTS_,
    PLACES,
    VALUES,
    WIDTH,
    check_scenes,
)
from genbook.models.base import Model

_MARGIN = 2  # pixels of its neighbours that a place is shown with
_PLACE = WIDTH // PLACES + 2 * _MARGIN
_AT_ONCE = 500


class SceneReader(Model):
    r"""A classifier of every attribute of a still life at once.

    Four convolutions look at each place, the same at all three, and say its kind or
    that it is empty, its colour and its size; a small network looks at the means of
    squares of the whole picture and says cloth and light. The loss is the sum of the
    negative log probabilities of all attributes:

    .. math:: -\sum_a \log p_\theta(y_a \mid \mathbf x).

    Args:
        width: The channels of the first convolution, at most 4,096.

    Raises:
        TypeError: If ``width`` is not an integer.
        ValueError: If it is out of range.

    Example:
        >>> SceneReader(width=4).read(torch.rand(2, 3, 24, 48)).shape
        torch.Size([2, 11])
    """

    event_shape = (3, HEIGHT, WIDTH)

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        w = check_count(width, "width", 1, 4_096)
        self.config = {"width": w}
        cells = (HEIGHT // 4) * (_PLACE // 4)
        self._heads = [VALUES[0] + 1, *VALUES[1:]]  # a place may be empty
        self.place = nn.Sequential(
            *_convolution(3, w, 1),
            *_convolution(w, 2 * w, 2),
            *_convolution(2 * w, 2 * w, 2),
            *_convolution(2 * w, 2 * w, 1),
            nn.Flatten(),
            nn.Linear(2 * w * cells, 96),
            nn.ReLU(),
            nn.Linear(96, sum(self._heads)),
        )
        self.whole = nn.Sequential(
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Linear(3 * HEIGHT * WIDTH // 16, 64),
            nn.ReLU(),
            nn.Linear(64, CLOTHS + LIGHTS_),
        )

    def logits(self, x: Tensor) -> list[Tensor]:
        """Return the logits of kind, colour and size, ``(n, 3, k)``, cloth and light.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
        """
        self._check_x(x)
        x = 2 * x - 1
        wide = pad(x, (_MARGIN, _MARGIN, 0, 0))
        places = wide.unfold(3, _PLACE, WIDTH // PLACES)  # (n, 3, 24, places, 20)
        places = places.permute(0, 3, 1, 2, 4).flatten(0, 1)
        places = places.contiguous(memory_format=torch.channels_last)
        said = self.place(places).unflatten(0, (len(x), PLACES))
        whole = self.whole(x)
        return [*said.split(self._heads, 2), *whole.split([CLOTHS, LIGHTS_], 1)]

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean of -log p(y | x) over the batch, in nats.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
            y: Their scenes, ``(n, 11)``.
            generator: Not used.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a picture NaN or infinite, or no scene.
        """
        self._check_x(x, allow_empty=False)
        check_generator(generator)
        if y is None:
            raise ValueError("y must be the scenes, (n, 11), got None")
        y = _check_scenes(y, len(x))
        things = y[:, : 3 * PLACES].unflatten(1, (PLACES, 3))
        wanted = [
            things[..., 0] + 1,
            things[..., 1],
            things[..., 2],
            y[:, -2],
            y[:, -1],
        ]
        total = x.new_zeros(())
        for said, right in zip(self.logits(x), wanted, strict=True):
            total = total + cross_entropy(
                said.flatten(0, -2), right.flatten(), ignore_index=-1
            ) * (right.ndim * 2 - 1)  # three places
        return total

    @torch.no_grad()
    def read(self, x: Tensor) -> Tensor:
        """Return the likeliest scene of each picture, ``(n, 11)``.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
        """
        self._check_x(x)
        found = [self._read(part) for part in x.split(_AT_ONCE)]
        return torch.cat(found)

    def _read(self, x: Tensor) -> Tensor:
        kind, colour, size, cloth, light = (s.argmax(-1) for s in self.logits(x))
        places = torch.stack([kind - 1, colour, size], 2)  # (n, 3, 3)
        places = places.masked_fill(kind[..., None] == 0, -1)
        return torch.cat([places.flatten(1), cloth[:, None], light[:, None]], 1)

    def accuracy(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Return the share of right answers for each attribute, of all that apply.

        Args:
            x: Pictures, ``(n, 3, 24, 48)``.
            y: Their scenes, ``(n, 11)``.

        Returns:
            The shares for ``"kind"`` (of a place, which may be empty), ``"colour"`` and
            ``"size"`` (of a place that is not), ``"cloth"``, ``"light"``, and
            ``"scene"``, all of them at once.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a picture NaN or infinite, or no scene.
        """
        self._check_x(x)
        y = _check_scenes(y, len(x))
        same = (self.read(x) == y).double()
        there = (y[:, 0:9:3] >= 0).double()
        shares = {"kind": same[:, 0:9:3].mean()}
        for k, name in ((1, "colour"), (2, "size")):
            shares[name] = (same[:, k:9:3] * there).sum() / there.sum()
        shares |= {"cloth": same[:, 9].mean(), "light": same[:, 10].mean()}
        shares["scene"] = same.prod(1).mean()
        return {k: v.item() for k, v in shares.items()}


def _check_scenes(y: Tensor, n: int) -> Tensor:
    """Return the scenes of ``n`` pictures, or refuse what is none."""
    y = check_scenes(y, "y")
    if len(y) != n:
        raise ValueError(f"y must be ({n}, {y.shape[1]}), got {tuple(y.shape)}")
    return y


def _convolution(a: int, b: int, stride: int) -> list[nn.Module]:
    """Return a convolution, its normalisation and a ReLU."""
    conv = nn.Conv2d(a, b, 3, stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(b), nn.ReLU()]
