"""The reader drags a point through a latent space, and the decoder runs in the page."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from genbook._validate import check_corners, check_tensor
from genbook.course.plotting import ACCENT, MODEL, subplots
from genbook.data.tins import FLOOR, TILT
from genbook.explorables.export import Layer, bundle, signed
from genbook.models.representation.autoencoder import Autoencoder

_WIDTH = 640  # of the drawing, in its own units
_LABEL = (
    "A plane of codes, covered by {n} small images, each decoded from the code at its "
    "middle. One code can be moved with the sliders that follow, or by dragging."
)
_masks = count()  # every drawing on a page needs a mask of its own name


@dataclass(frozen=True)
class LatentExplorer:
    """A plane of codes and the decoder; shown at the end of a cell.

    On a web page one code can be moved and its image is decoded there. In print, in an
    EPUB and in a notebook the plane stands still, covered by decoded images.

    Attributes:
        layers: The decoder's linear layers, rounded.
        activation: What stands between them, ``"relu"`` or ``"silu"``.
        output: What comes last, ``"sigmoid"`` or ``"linear"``.
        side: Height and width of an image, in pixels.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        sheet: The images that cover the plane, side by side, ``(height, width)``.
        places: Codes that the page offers by name.
        outlines: Closed lines drawn on the plane, each ``(k, 2)``.
        tins: Whether the page measures the image as a tin.
    """

    layers: tuple[Layer, ...]
    activation: str
    output: str
    side: tuple[int, int]
    low: Tensor
    high: Tensor
    sheet: Tensor
    places: Mapping[str, Sequence[float]]
    outlines: tuple[Tensor, ...]
    tins: bool

    def decode(self, z: Tensor) -> Tensor:
        """Return the images of codes as the page computes them.

        Args:
            z: Codes, ``(n, 2)``.

        Returns:
            Images, ``(n, 1, height, width)``, in double precision.
        """
        v = check_tensor(z, "z", ("n", 2), allow_empty=True).detach().cpu().numpy()
        v = v.astype(float)
        for layer in self.layers[:-1]:
            v = layer(v)
            v = v / (1 + np.exp(-v)) if self.activation == "silu" else v.clip(0)
        v = self.layers[-1](v)
        v = 1 / (1 + np.exp(-v)) if self.output == "sigmoid" else v
        return torch.from_numpy(v).reshape(-1, 1, *self.side)

    def html(self) -> str:
        """Return the explorable for a web page.

        It is a drawing that says what it says without a script, and the rounded decoder
        with which the script of the website runs it.
        """
        mask = f"gb-sheet-{next(_masks)}"
        height = self._height()
        ink = self.sheet.clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
        stream = io.BytesIO()
        Image.fromarray(ink).save(stream, format="png", optimize=True)
        sheet = base64.b64encode(stream.getvalue()).decode()
        n = self.sheet.numel() // (self.side[0] * self.side[1])
        lines = "".join(
            f'<path class="gb-outline" d="{self._path(line)}" style="fill:none;'
            'stroke-width:2;stroke:var(--gb-model,#b8500b)"/>'
            for line in self.outlines
        )
        whole = f'width="{_WIDTH}" height="{height}"'
        lo, hi = self.low.tolist(), self.high.tolist()
        still = " and ".join(
            f"z{name} from {signed(a)} to {signed(b)}"
            for name, a, b in zip("₁₂", lo, hi, strict=True)
        )
        return (
            '<div class="gb-explorable" data-explorable="latent">'
            f'<script type="application/json">{json.dumps(self._data())}</script>'
            f'<svg class="gb-plane" viewBox="0 0 {_WIDTH} {height}" role="img" '
            f'aria-label="{escape(_LABEL.format(n=n))}">'
            f'<mask id="{mask}"><image {whole} preserveAspectRatio="none" '
            f'href="data:image/png;base64,{sheet}"/></mask>'
            f'<rect class="gb-ink" {whole} mask="url(#{mask})" '
            f'style="fill:var(--ink,#1b1f24)"/>{lines}</svg>'
            f'<p class="gb-still">Decoded images on the plane of codes, {still}.</p>'
            "</div>"
        )

    def subplots(self) -> Any:
        """Return the plane as a still figure for print."""
        lo, hi = self.low.tolist(), self.high.tolist()
        fig, ax = subplots(height=0.5 + 5.6 * self._height() / _WIDTH)
        ax.imshow(
            1 - self.sheet.clamp(0, 1).numpy(),
            cmap="gray",
            vmin=0,
            vmax=1,
            extent=(lo[0], hi[0], lo[1], hi[1]),
            aspect="auto",
        )
        for line in self.outlines:
            ax.plot(*torch.cat([line, line[:1]]).T.numpy(), color=MODEL)
        for name, z in self.places.items():
            ax.plot(*z, "o", color=ACCENT)
            ax.annotate(name, z, xytext=(5, 4), textcoords="offset points", size=8)
        ax.set(xlim=(lo[0], hi[0]), ylim=(lo[1], hi[1]))
        ax.set(xlabel="$z_1$", ylabel="$z_2$")
        return fig

    def _height(self) -> int:
        return round(_WIDTH * self.sheet.shape[0] / self.sheet.shape[1])

    def _path(self, line: Tensor) -> str:
        unit = ((line - self.low) / (self.high - self.low)).double().numpy()
        x, y = unit[:, 0] * _WIDTH, (1 - unit[:, 1]) * self._height()
        return (
            "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "Z"
        )

    def _data(self) -> dict[str, Any]:
        size = self.side[0]
        row = round((1 - (FLOOR + 0.12)) * size / 2)  # as in measure_tins
        return {
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "width": _WIDTH,
            "height": self._height(),
            "side": self.side,
            "activation": self.activation,
            "output": self.output,
            "layers": [layer.data() for layer in self.layers],
            "places": {name: list(z) for name, z in self.places.items()},
            "tins": {"row": row, "tilt": TILT} if self.tins else None,
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return bundle(self.html(), self.subplots(), repr(self))

    def __repr__(self) -> str:
        weights = sum(layer.weight.size for layer in self.layers)
        return f"LatentExplorer({weights:,} weights of 8 bits)"


def explore_latent(
    model: Autoencoder,
    low: Tensor | Sequence[float],
    high: Tensor | Sequence[float],
    *,
    grid: tuple[int, int] = (9, 7),
    places: Mapping[str, Sequence[float]] | None = None,
    outlines: Sequence[Tensor] = (),
    tins: bool = False,
) -> LatentExplorer:
    """Show a plane of codes in which the reader can drag a point and see it decoded.

    Args:
        model: An autoencoder of images in one channel, with a code of two numbers.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        grid: How many decoded images cover the plane: across and down.
        places: Codes that the page offers by name, each two numbers.
        outlines: Closed lines to draw on the plane, each ``(k, 2)``.
        tins: Whether the page measures the height and width of the image as those of
            a biscuit tin (:func:`~genbook.data.tins.measure_tins`).

    Returns:
        What a notebook shows at the end of a cell.

    Raises:
        TypeError: If ``model`` is not an
            :class:`~genbook.models.representation.autoencoder.Autoencoder`.
        ValueError: If its code is not two numbers, or its observations are not images
            of one channel, or a place lies outside the plane.

    Example:
        >>> model = Autoencoder((1, 8, 8), latent_dim=2, hidden=(16,))
        >>> explorer = explore_latent(model, (-1.0, -1.0), (1.0, 1.0))
        >>> explorer.decode(torch.zeros(3, 2)).shape
        torch.Size([3, 1, 8, 8])
    """
    if not isinstance(model, Autoencoder):
        raise TypeError(f"model must be an Autoencoder, got {type(model).__name__}")
    if model.latent_dim != 2:
        raise ValueError(f"model must have a code of 2 numbers, got {model.latent_dim}")
    if len(model.event_shape) != 3 or model.event_shape[0] != 1:
        raise ValueError(
            "model must have observations of shape (1, height, width), got "
            f"{model.event_shape}"
        )
    low, high = (c.cpu().float() for c in check_corners(low, high))
    if len(low) != 2:
        raise ValueError(f"low and high must be (2,), got ({len(low)},)")
    for name, place in (places or {}).items():
        z = torch.tensor(list(place), dtype=low.dtype)
        if z.shape != (2,) or ((z < low) | (z > high)).any():
            raise ValueError(
                f"places must be codes between low and high, got {name!r} at "
                f"{list(place)}"
            )
    for line in outlines:
        check_tensor(line, "outlines", ("k", 2))
    across, down = grid
    height, width = model.event_shape[1:]
    unit = [(torch.arange(n) + 0.5) / n for n in grid]
    y, x = torch.meshgrid(unit[1].flip(0), unit[0], indexing="ij")
    codes = low + (high - low) * torch.stack([x, y], -1).reshape(-1, 2)
    with torch.inference_mode():
        images = model.decode(codes.to(model.dtype).to(model.device)).cpu().float()
    sheet = images.reshape(down, across, height, width).permute(0, 2, 1, 3)
    return LatentExplorer(
        layers=tuple(Layer.of(m) for m in model.decoder if isinstance(m, nn.Linear)),
        activation=str(model.config["activation"]),
        output=model.output,
        side=(height, width),
        low=low,
        high=high,
        sheet=sheet.reshape(down * height, across * width),
        places={k: [float(v) for v in z] for k, z in (places or {}).items()},
        outlines=tuple(line.detach().cpu().float() for line in outlines),
        tins=tins,
    )
