"""Kinds of error of a picture: what is exchanged, and how many things there are.

"There is a red cup left of a blue pear" can be got wrong with every word heard: the
colours change places, or the kinds, or the things themselves. A picture that shows one
of these has the right kinds and the right colours, and only who has what is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import Tensor

from genbook._validate import check_count, check_each, check_generator, check_kind
from genbook.data.still_life.meaning import COLOURS, HELD_OUT, KINDS, Meaning
from genbook.data.still_life.pictures import StillLifes, still_lifes_of
from genbook.data.still_life.render import PLACES, check_scenes
from genbook.data.still_life.scenes import compare

#: What may be exchanged; "both" is the things themselves, each with its own colour.
EXCHANGES = ("nothing", "colours", "kinds", "both")
_SIDES = ("left", "right")
_Pair = tuple[str, str, str, str, str]


@cache
def _all_pairs() -> tuple[_Pair, ...]:
    """Return every colour, kind, side, colour and kind, exchanged ones not held out."""
    return tuple(
        (c, k, side, d, m)
        for k, m in itertools.permutations(KINDS, 2)
        for c, d in itertools.permutations(COLOURS, 2)
        for side in _SIDES
        if not set(HELD_OUT) & set(itertools.product((c, d), (k, m)))
    )


def exchanged_pairs(
    n: int, *, generator: torch.Generator | None = None
) -> dict[str, StillLifes]:
    """Draw captions of two things, exchange what they have, and draw pictures of all.

    The two differ in kind and in colour, one stands left or right of the other, and no
    caption, exchanged or not, names a pair of
    :data:`~genbook.data.still_life.meaning.HELD_OUT`.

    Args:
        n: How many captions, all different, at most 744.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        By what is exchanged, one of :data:`EXCHANGES`, the captions and their pictures.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``n`` is out of range.

    Example:
        >>> pairs = exchanged_pairs(1, generator=torch.Generator().manual_seed(0))
        >>> for name in ("nothing", "colours"):
        ...     print(pairs[name].texts[0])
        there is a yellow banana left of a blue cup .
        there is a blue banana left of a yellow cup .
    """
    pairs = _all_pairs()
    n = check_count(n, "n", 0, len(pairs))
    check_generator(generator)
    order = torch.randperm(len(pairs), generator=generator)[:n].tolist()
    texts: dict[str, list[str]] = {name: [] for name in EXCHANGES}
    for i in order:
        c, k, side, d, m = pairs[i]
        ways = ((c, k, d, m), (d, k, c, m), (c, m, d, k), (d, m, c, k))
        for name, (c1, k1, c2, k2) in zip(EXCHANGES, ways, strict=True):
            texts[name].append(f"there is a {c1} {k1} {side} of a {c2} {k2} .")
    return {k: still_lifes_of(v, generator=generator) for k, v in texts.items()}


def shares_exchanged(
    scenes: Tensor, pairs: Mapping[str, StillLifes]
) -> dict[str, float]:
    """Return how often scenes show what was asked, and how often it is exchanged.

    Args:
        scenes: What is seen, ``(n, 11)``.
        pairs: What was asked, and what it is exchanged, see :func:`exchanged_pairs`.

    Returns:
        For each of :data:`EXCHANGES` the share of scenes that show it, and for
        ``"other"`` that of all the rest.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are not as many captions as scenes.

    Example:
        >>> pairs = exchanged_pairs(5)
        >>> shares_exchanged(pairs["kinds"].scenes, pairs)["kinds"]
        1.0
    """
    scenes = check_scenes(scenes)
    check_kind(pairs, "pairs", Mapping)
    for name in EXCHANGES:
        if not isinstance(pairs.get(name), StillLifes):
            raise TypeError(
                f"pairs must hold StillLifes of {name!r}, got "
                f"{type(pairs.get(name)).__name__}"
            )
        if len(pairs[name]) != len(scenes):
            raise ValueError(
                f"scenes must be {len(pairs[name])}, one a caption, got {len(scenes)}"
            )
    shares = {
        k: compare(scenes, pairs[k].meanings)["all"].mean().item() for k in EXCHANGES
    }
    return {**shares, "other": 1 - sum(shares.values())}


def counts_seen(scenes: Tensor, meanings: Sequence[Meaning]) -> Tensor:
    """Count how many things of a kind are seen where so many were asked for.

    A group counts if it says how many it has, and no other group is of its kind.

    Args:
        scenes: What is seen, ``(n, 11)``.
        meanings: What was asked, ``n``.

    Returns:
        How many groups were asked to have 1, 2 and 3 things, by the 0 to 3 things of
        their kind that are seen, ``(3, 4)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are not as many meanings as scenes.

    Example:
        >>> from genbook.data.still_life.meaning import Group
        >>> scene = torch.tensor([[4, 0, 0, 4, 0, 0, -1, -1, -1, 0, 0]])
        >>> counts_seen(scene, [Meaning((Group("cup", 3),))])[2]
        tensor([0, 0, 1, 0])
    """
    scenes = check_scenes(scenes)
    meanings = check_each(meanings, "meanings", Meaning)
    if len(scenes) != len(meanings):
        raise ValueError(
            f"meanings must be {len(scenes)}, one a scene, got {len(meanings)}"
        )
    found = torch.zeros(PLACES, PLACES + 1, dtype=torch.long)
    for scene, meaning in zip(scenes.tolist(), meanings, strict=True):
        kinds = [group.kind for group in meaning.groups]
        for group in meaning.groups:
            if group.count is not None and kinds.count(group.kind) == 1:
                seen = scene[0 : 3 * PLACES : 3].count(KINDS.index(group.kind))
                found[group.count - 1, seen] += 1
    return found
