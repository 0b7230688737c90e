"""Still lifes with their captions below, and captions with looks above their words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from torch import Tensor

from genbook._validate import check_count, check_each, check_tensor
from genbook.course import plotting

_GAP = 0.06  # between pictures, in their width
_SIZE = 6.5  # of the letters, in points


def captioned_pictures(
    x: Tensor, texts: Sequence[str], *, columns: int = 4, letters: int = 30
) -> list[Axes]:
    """Draw pictures in rows, what was asked for below each.

    Args:
        x: Pictures, ``(n, 3, height, width)``, with values in [0, 1].
        texts: What stands below each.
        columns: Pictures in a row, at most 20.
        letters: The longest line of a text.

    Returns:
        The axes of the pictures.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there is not one text a picture, or a size is out of range.

    Example:
        >>> import torch
        >>> len(captioned_pictures(torch.rand(2, 3, 24, 48), ["a cup", "a pear"]))
        2
    """
    check_tensor(x, "x", ("n", 3, "height", "width"))
    texts = check_each(texts, "texts", str)
    columns = check_count(columns, "columns", 1, 20)
    letters = check_count(letters, "letters", 1, 1000)
    if len(texts) != len(x):
        raise ValueError(f"texts must be {len(x)}, one a picture, got {len(texts)}")
    plain = [text.removesuffix(" .").replace(" ,", ",") for text in texts]
    said = [textwrap.wrap(text, letters) for text in plain]
    rows = -(-len(x) // columns)
    wide = 0.98 * plotting.WIDTH["text"] / (columns + _GAP * (columns - 1))
    tall = wide * x.shape[2] / x.shape[3]
    below = max(map(len, said), default=0) * _SIZE * 1.2 / 72 + 0.12  # for the texts
    height = rows * (tall + below) + 0.05
    fig, grid = plotting.subplots(rows, columns, height=height, squeeze=False)
    fig.set_layout_engine("none")  # texts below would push the pictures apart
    axes = [ax for row in grid for ax in row]
    for ax in axes:
        ax.set_axis_off()
    for ax, picture, lines in zip(axes, x, said, strict=False):
        ax.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy())
        start, size = 1.03 * x.shape[2], {"fontsize": _SIZE, "linespacing": 1}
        ax.text(0, start, "\n".join(lines), va="top", **size)
    sides = {"left": 0.01, "right": 0.99, "top": 1 - 0.05 / height}
    sides |= {"bottom": below / height, "wspace": _GAP, "hspace": below / tall}
    grid[0, 0].get_gridspec().update(**sides)
    return axes[: len(x)]
