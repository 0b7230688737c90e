"""Colours of painters, from MetBrewer (CC0)."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_each

#: Palettes of MetBrewer (Blake Robert Mills, CC0), after works at the Metropolitan
#: Museum of Art.
PALETTES = {
    "VanGogh1": "#2c2d54 #434475 #6b6ca3 #969bc7 #87bcbd #89ab7c #6f9954",
    "VanGogh2": "#bd3106 #d9700e #e9a00e #eebe04 #5b7314 #c3d6ce #89a6bb #454b87",
    "VanGogh3": "#e7e5cc #c2d6a4 #9cc184 #669d62 #447243 #1f5b25 #1e3d14 #192813",
    "Hokusai1": "#6d2f20 #b75347 #df7e66 #e09351 #edc775 #94b594 #224b5e",
    "Monet": "#4e6d58 #749e89 #abccbe #e3cacf #c399a2 #9f6e71 #41507b #7d87b2 #c2cae3",
    "Renoir": "#17154f #2f357c #6c5d9e #9d9cd5 #b0799a #f6b3b0 #e48171 #bf3729 #e69b00"
    " #f5bb50 #ada43b #355828",
}


def palette_colours(*names: str) -> Tensor:
    """Return the colours of some palettes, ``(k, 3)`` in [0, 1].

    Args:
        *names: Keys of :data:`PALETTES`.

    Raises:
        TypeError: If a name is no string.
        ValueError: If a palette is unknown.

    Example:
        >>> palette_colours("VanGogh1").shape
        torch.Size([7, 3])
    """
    if unknown := sorted(set(check_each(names, "names", str)) - set(PALETTES)):
        raise ValueError(f"names must be of {sorted(PALETTES)}, got {unknown}")
    codes = [code for name in names for code in PALETTES[name].split()]
    shares = [[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in codes]
    return torch.tensor(shares, dtype=torch.float32)


_HIS = tuple(palette_colours(f"VanGogh{i}") for i in (1, 2, 3))

_OTHERS = tuple(palette_colours(name) for name in ("Hokusai1", "Monet", "Renoir"))
