"""From what a caption says to a scene, and back: does a scene show what was asked?

A caption leaves much open: where a thing stands, its colour, the light. A scene, eleven
numbers (see ``render.py``), leaves nothing of this open.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor

from genbook._validate import check_each, check_flag, check_generator
from genbook.data.still_life import _tables
from genbook.data.still_life._rules import colour_probabilities
from genbook.data.still_life.meaning import (
    CLOTHS,
    COLOURS,
    KINDS,
    LIGHTS,
    SIZES,
    Meaning,
)
from genbook.data.still_life.render import PLACES, check_scenes

#: What :func:`compare` looks at, beside "all".
PARTS = ("kind", "colour", "size", "place", "cloth", "light")
_THREE = 0.4  # "some" are three this often, else two


@cache
def _layouts(
    counts: tuple[int | None, ...], relation: str | None
) -> tuple[tuple[int, ...], ...]:
    """Return all ways to set the table: the group at each place, 1 to 3, 0 for none."""
    first = (2, 3) if counts[0] is None else (counts[0],)
    rest = (*counts[1:], 0, 0)[:2]
    found = []
    for layout in itertools.product(range(4), repeat=PLACES):
        n1, *others = (layout.count(g) for g in (1, 2, 3))
        if n1 in first and tuple(others) == rest and _stands(layout, relation):
            found.append(layout)
    return tuple(found)


def _stands(layout: tuple[int, ...], relation: str | None) -> bool:
    """Whether the first group stands to the others as the relation says."""
    one, two = ([i for i, g in enumerate(layout) if g == k] for k in (1, 2))
    if relation is None:
        return True
    left, right = max(one) < min(two), min(one) > max(two)
    by_name = {"left": left, "right": right, "beside": left or right}
    return by_name.get(relation, layout[1] == 1)


def layouts(meaning: Meaning) -> tuple[tuple[int, ...], ...]:
    """Return all ways to set the table that a meaning allows.

    Args:
        meaning: What a caption says.

    Returns:
        For each way the number of the group at the left, the middle and the right
        place, 0 where nothing stands.

    Raises:
        TypeError: If it is no meaning.

    Example:
        >>> from genbook.data.still_life.meaning import Group
        >>> layouts(Meaning((Group("cup", 2),)))
        ((0, 1, 1), (1, 0, 1), (1, 1, 0))
    """
    check_each((meaning,), "meaning", Meaning)
    counts = tuple(group.count for group in meaning.groups)
    return _layouts(counts, meaning.relation)


def complete(
    meanings: Sequence[Meaning],
    *,
    held_out: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw a scene for each meaning: what it leaves open follows known tables.

    Args:
        meanings: What is said.
        held_out: Whether colours that are left open keep off the pairs of
            :data:`~genbook.data.still_life.meaning.HELD_OUT`.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Scenes, ``(n, 11)``.

    Raises:
        TypeError: If an argument has the wrong type.

    Example:
        >>> from genbook.data.still_life.meaning import Group
        >>> complete([Meaning((Group("cup", 3),), light="night")])[0, [0, 3, 6, 10]]
        tensor([4, 4, 4, 2])
    """
    meanings = check_each(meanings, "meanings", Meaning)
    check_flag(held_out, "held_out")
    check_generator(generator)
    start = int(torch.randint(2**31, (), generator=generator))
    source = random.Random(start)
    tables = {k: colour_probabilities(k, held_out=held_out) for k in KINDS}
    rows = [_complete(m, source, tables) for m in meanings]
    return torch.tensor(rows, dtype=torch.long).view(-1, 3 * PLACES + 2)


def _complete(
    m: Meaning, source: random.Random, tables: Mapping[str, Mapping[str, float]]
) -> list[int]:
    def pick(p: Mapping[str, float]) -> str:
        return source.choices(list(p), list(p.values()))[0]

    counts = [group.count for group in m.groups]
    if counts[0] is None:
        counts[0] = 3 if source.random() < _THREE else 2
    layout = source.choice(_layouts(tuple(counts), m.relation))
    things = [[-1] * 3]
    for group in m.groups:
        colour = group.colour or pick(tables[group.kind])
        size = group.size or pick(_tables.SIZE)
        row = KINDS.index(group.kind), COLOURS.index(colour), SIZES.index(size)
        things.append(list(row))
    cloth, light = m.cloth or pick(_tables.CLOTH), m.light or pick(_tables.LIGHT)
    places = [number for g in layout for number in things[g]]
    return [*places, CLOTHS.index(cloth), LIGHTS.index(light)]


def compare(scenes: Tensor, meanings: Sequence[Meaning]) -> dict[str, Tensor]:
    """Say of each scene how much of what was asked it shows.

    Of the layouts that a meaning allows the one is taken that fits best. What a meaning
    leaves open is right whatever it is.

    Args:
        scenes: What is seen, ``(n, 11)``.
        meanings: What was asked, ``n``.

    Returns:
        For each of :data:`PARTS` the share of what was asked that is right, NaN where
        nothing was asked; for ``"all"`` 1 where everything is right, else 0; all
        ``(n,)``. The place is right if things stand where they may and nowhere else.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are not as many meanings as scenes.

    Example:
        >>> from genbook.data.still_life.meaning import Group
        >>> said = [Meaning((Group("cup", colour="blue"),))]
        >>> scene = torch.tensor([[4, 0, 0, -1, -1, -1, -1, -1, -1, 0, 0]])
        >>> found = compare(scene, said)
        >>> {k: found[k].item() for k in ("kind", "colour", "cloth", "all")}
        {'kind': 1.0, 'colour': 0.0, 'cloth': nan, 'all': 0.0}
    """
    scenes = check_scenes(scenes)
    meanings = check_each(meanings, "meanings", Meaning)
    if len(scenes) != len(meanings):
        raise ValueError(
            f"meanings must be {len(scenes)}, one a scene, got {len(meanings)}"
        )
    found = [_compare(s, m) for s, m in zip(scenes.tolist(), meanings, strict=True)]
    rows = torch.tensor(found, dtype=torch.float64).view(-1, len(PARTS) + 1)
    return dict(zip((*PARTS, "all"), rows.T, strict=True))


def _compare(scene: list[int], m: Meaning) -> list[float]:
    best = max((_fit(scene, m, p) for p in layouts(m)), key=lambda r: (r[3][0], r[6]))
    shares = [right / asked if asked else float("nan") for right, asked in best[:6]]
    return [*shares, float(all(right == asked for right, asked in best[:6]))]


def _fit(scene: list[int], m: Meaning, layout: tuple[int, ...]) -> list:
    """Count what is right, and what was asked, if the table is set in one way."""
    counts = [[0, 0] for _ in range(6)]
    counts[3] = [1, 1]

    def ask(part: int, right: bool) -> None:
        counts[part][0] += right
        counts[part][1] += 1

    for i, g in enumerate(layout):
        kind, colour, size = scene[3 * i : 3 * i + 3]
        if (g == 0) != (kind < 0):
            counts[3][0] = 0
        if g == 0:
            continue
        group = m.groups[g - 1]
        ask(0, kind >= 0 and KINDS[kind] == group.kind)
        if group.colour is not None:
            ask(1, colour >= 0 and COLOURS[colour] == group.colour)
        if group.size is not None:
            ask(2, size >= 0 and SIZES[size] == group.size)
    score = sum(right for right, _ in counts[:3])
    if m.cloth is not None:
        ask(4, CLOTHS[scene[9]] == m.cloth)
    if m.light is not None:
        ask(5, LIGHTS[scene[10]] == m.light)
    return [*map(tuple, counts), score]


def shares_right(scenes: Tensor, meanings: Sequence[Meaning]) -> dict[str, float]:
    """Return the mean of each part over all scenes of which something was asked.

    Beside the parts and ``"all"`` stand ``"1 group"``, ``"2 groups"`` and ``"3
    groups"``: the shares of scenes that are all right of captions of so many groups.

    Args:
        scenes: What is seen, ``(n, 11)``.
        meanings: What was asked, ``n``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are not as many meanings as scenes.

    Example:
        >>> from genbook.data.still_life.meaning import Group
        >>> said = [Meaning((Group("cup"),))]
        >>> shares_right(complete(said), said)["1 group"]
        1.0
    """
    found = compare(scenes, meanings)
    groups = torch.tensor([len(m.groups) for m in meanings])
    shares = {k: v.nanmean().item() for k, v in found.items()}
    for k in (1, 2, 3):
        name = f"{k} group" + "s" * (k > 1)
        shares[name] = found["all"][groups == k].mean().item()
    return shares
