"""Pictures of still lifes: three places on a table, 48 by 24 pixels.

A scene is eleven whole numbers: for the left, the middle and the right place the kind,
the colour and the size of what stands there, −1 three times where nothing does, then
the cloth and the light. The rest, where exactly a thing stands, how large and how far
turned, its tint, the wall and the lamp, is drawn at random: a picture is a sample given
its scene.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._looking import may_look
from genbook._validate import check_generator, check_integers
from genbook.data.still_life._shapes import HALF, SHAPES

HEIGHT, WIDTH = 24, 48  #: The pixels of a picture.
PLACES = 3  #: Left, middle and right.
#: How many kinds, colours and sizes there are, then cloths and lights.
VALUES = (6, 5, 2)
CLOTHS, LIGHTS_ = 4, 3
SCENE = 3 * PLACES + 2  #: The numbers of a scene.

_PALETTE = torch.tensor(  # red, green, yellow, blue, purple
    [
        [0.86, 0.16, 0.14],
        [0.36, 0.66, 0.20],
        [0.97, 0.80, 0.16],
        [0.20, 0.42, 0.85],
        [0.56, 0.24, 0.66],
    ]
)
_FLOORS = torch.tensor(  # wood, white cloth, blue cloth, stone
    [[0.66, 0.45, 0.27], [0.93, 0.91, 0.86], [0.36, 0.50, 0.72], [0.60, 0.60, 0.62]]
)
_LAMPS = torch.tensor([[1.0, 1.0, 1.0], [1.03, 0.84, 0.70], [0.58, 0.64, 0.84]])
_WALLS = torch.tensor([[0.84, 0.82, 0.76], [0.93, 0.72, 0.50], [0.42, 0.48, 0.62]])
_SIZES = torch.tensor([0.36, 0.54])
_SHRINK = torch.tensor([1.0, 1.0, 1.0, 0.9, 1.0, 1.0])  # a banana is long
_HALF = torch.tensor(HALF)
_CUP = 4  # from here on things are made of clay and glass
_AT_ONCE = 512  # pictures; more of them do not fit into a processor's cache


def check_scenes(scenes: Tensor, name: str = "scenes") -> Tensor:
    """Return scenes if each number is one that a scene may have.

    Args:
        scenes: Whole numbers, ``(n, 11)``.
        name: The argument's name, for the message.

    Raises:
        TypeError: If they are no tensor of whole numbers.
        ValueError: If the shape is another, or a number out of range.

    Example:
        >>> check_scenes(torch.tensor([[-1] * 3 + [0] * 6 + [1, 2]])).shape
        torch.Size([1, 11])
    """
    check_integers(scenes, name)
    if scenes.ndim != 2 or scenes.shape[1] != SCENE:
        raise ValueError(f"{name} must be (n, {SCENE}), got {tuple(scenes.shape)}")
    if not may_look():
        return scenes.long()
    most = torch.tensor([*VALUES * PLACES, CLOTHS, LIGHTS_], device=scenes.device)
    least = torch.tensor([-1] * (3 * PLACES) + [0, 0], device=scenes.device)
    bad = (scenes < least) | (scenes >= most)
    things = scenes[:, : 3 * PLACES].unflatten(1, (PLACES, 3)) < 0
    half = (things.any(2) & ~things.all(2)).any()
    if bad.any() or half:
        what = "a place half empty" if not bad.any() else "numbers out of range"
        raise ValueError(
            f"{name} must hold kinds below {VALUES[0]}, colours below {VALUES[1]}, "
            f"sizes below {VALUES[2]} or -1 for all three, a cloth below {CLOTHS} and "
            f"a light below {LIGHTS_}, got {what}"
        )
    return scenes.long()


def render(scenes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw a picture of each scene, edges smooth, nuisances from a generator.

    Eight thousand take about three seconds of one core.

    Args:
        scenes: What to draw, ``(n, 11)``.
        generator: The source of what a scene leaves open; the global one when ``None``.

    Returns:
        Red, green and blue in [0, 1], ``(n, 3, 24, 48)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a scene has another length, or a number out of range.

    Example:
        >>> scene = torch.tensor([[0, 0, 1, -1, -1, -1, 5, 1, 0, 0, 2]])
        >>> render(scene, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([1, 3, 24, 48])
    """
    scenes = check_scenes(scenes)
    check_generator(generator)
    parts = [_render(part, generator) for part in scenes.split(_AT_ONCE) if len(part)]
    return torch.cat([torch.empty(0, 3, HEIGHT, WIDTH), *parts])


def _render(scenes: Tensor, generator: torch.Generator | None) -> Tensor:
    n = len(scenes)

    def spread(*shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * 2 - 1

    y = 1 - (torch.arange(HEIGHT) + 0.5)[:, None] / HEIGHT * 2  # up, from -1 to 1
    x = (torch.arange(WIDTH) + 0.5)[None] / WIDTH * 4 - 2
    cloth, light = scenes[:, -2], scenes[:, -1]
    wall = _WALLS[light] * (1 + 0.05 * spread(1)) + 0.015 * spread(3)
    floor = _FLOORS[cloth] * (1 + 0.04 * spread(1)) + 0.01 * spread(3)
    lamp = (_LAMPS[light] * (1 + 0.03 * spread(1)))[:, :, None, None]
    edge = (-0.10 + 0.05 * spread())[:, None, None]
    below = ((edge - y) * HEIGHT / 2 + 0.5).clamp(0, 1)[:, None].expand(n, 1, HEIGHT, 1)
    near = 0.94 + 0.16 * (edge - y)[:, None]  # the table is lighter in front
    back = wall[:, :, None, None] * (1 + 0.08 * y - 0.05 * x)
    image = back * (1 - below) + floor[:, :, None, None] * lamp * near * below
    things = scenes[:, : 3 * PLACES].unflatten(1, (PLACES, 3))
    kind, colour, size = (things[..., k].clamp(min=0) for k in range(3))
    there = things[..., 0] >= 0
    at = torch.tensor([-4 / 3, 0.0, 4 / 3]) + 0.03 * spread(1) + 0.06 * spread(PLACES)
    foot = -0.70 + 0.04 * spread(1) + 0.04 * spread(PLACES)
    scale = _SIZES[size] * (1 + 0.05 * spread(PLACES)) * _SHRINK[kind]
    turn = 0.10 * spread(PLACES) * torch.where(kind >= _CUP, 0.3, 1.0)
    tint = _PALETTE[colour] * (1 + 0.06 * spread(PLACES, 1)) + 0.03 * spread(PLACES, 3)
    tint = tint.clamp(0, 1)
    for j in range(PLACES):
        wide = scale[:, j] * _HALF[kind[:, j], 0]
        image *= 1 - _shadow(x, y, at[:, j], foot[:, j], wide, there[:, j])
    for j in range(PLACES):
        window = slice(max(0, 16 * j - 3), min(WIDTH, 16 * j + 19))
        for k in range(len(SHAPES)):
            rows = (there[:, j] & (kind[:, j] == k)).nonzero()[:, 0]
            if len(rows):
                where = [t[rows, j, None, None] for t in (at, foot, scale, turn)]
                old = image[rows][..., window]
                spot = tint[rows, j], lamp[rows]
                new = _thing(old, k, x[:, window], y, where, *spot)
                image[rows, :, :, window] = new
    return image.clamp(0, 1)


def _shadow(
    x: Tensor, y: Tensor, at: Tensor, foot: Tensor, wide: Tensor, there: Tensor
) -> Tensor:
    """Return how much light a thing takes from the table, ``(n, 1, h, w)``."""
    at, foot, wide = (t[:, None, None] for t in (at, foot, wide))
    u = (x - at - 0.18 * wide) / (1.12 * wide)
    v = (y - foot - 0.02) / (0.32 * wide)
    dark = 0.42 * torch.exp(-0.7 * (u**2 + v**2) ** 2)
    return (dark * there[:, None, None])[:, None]


def _thing(
    image: Tensor,
    kind: int,
    x: Tensor,
    y: Tensor,
    where: list[Tensor],
    tint: Tensor,
    lamp: Tensor,
) -> Tensor:
    """Return images with things of one kind in front, ``(m, 3, h, w)``."""
    wide, high = HALF[kind]
    at, foot, scale, turn = where
    dx, dy = (x - at) / scale, (y - foot - scale * high) / scale
    u = dx * turn.cos() + dy * turn.sin()
    v = dy * turn.cos() - dx * turn.sin()
    pixels = scale * HEIGHT / 2  # of one unit

    def cover(inside: Tensor) -> Tensor:
        return (inside * pixels + 0.5).clamp(0, 1)[:, None]

    body, layers = SHAPES[kind](u, v)
    nx, ny = u / wide, v / high
    round_ = (nx**2 + ny**2).clamp(max=1.2) ** 2  # light falls off towards the edge
    shade = (0.88 - 0.11 * nx + 0.13 * ny - 0.22 * round_)[:, None]
    if kind < _CUP:
        gloss = 0.55 * torch.exp(-((nx + 0.38) ** 2 + (ny - 0.38) ** 2) / 0.05)
    else:
        gloss = 0.45 * torch.exp(-((nx + 0.35) ** 2) / 0.02) * (ny < 0.3)
    tint = tint[:, :, None, None]
    paint = (tint * shade * 1.08 + gloss[:, None] * (1 - tint)).clamp(0, 1)
    image = torch.lerp(image, paint * lamp, cover(body))
    for layer in layers:
        own = tint * 0.45
        colour = (
            own if layer.colour is None else own.new_tensor(layer.colour)[:, None, None]
        )
        image = torch.lerp(image, colour * lamp, cover(layer.inside))
    return image
