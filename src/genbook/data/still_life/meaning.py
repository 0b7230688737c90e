"""What a caption of a still life says, and what it leaves open.

A table has three places. On them stand one to three groups of things, each of one kind,
colour and size. What a caption does not mention is ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genbook._validate import check_choice, check_count, check_each

KINDS = ("apple", "pear", "lemon", "banana", "cup", "bottle")
COLOURS = ("red", "green", "yellow", "blue", "purple")
SIZES = ("small", "large")
RELATIONS = ("left", "right", "beside", "between")
CLOTHS = ("wood", "white", "blue", "stone")
LIGHTS = ("day", "dusk", "night")

#: Colours and kinds that no training caption puts together.
HELD_OUT = (("green", "lemon"), ("blue", "pear"), ("red", "bottle"))


@dataclass(frozen=True)
class Group:
    """Things of one kind, as a caption names them.

    Attributes:
        kind: One of ``KINDS``.
        count: One, two or three; ``None`` for "some", two or three.
        colour: One of ``COLOURS``, or ``None``.
        size: One of ``SIZES``, or ``None``.

    Raises:
        TypeError: If ``count`` is not an integer.
        ValueError: If a value is unknown.

    Example:
        >>> Group("pear", 2, colour="blue").held_out
        True
    """

    kind: str
    count: int | None = 1
    colour: str | None = None
    size: str | None = None

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", KINDS)
        if self.count is not None:
            check_count(self.count, "count", 1, 3)
        _check_open(self.colour, "colour", COLOURS)
        _check_open(self.size, "size", SIZES)

    @property
    def held_out(self) -> bool:
        """Whether no training caption says this colour of this kind."""
        return (self.colour, self.kind) in HELD_OUT


@dataclass(frozen=True)
class Meaning:
    """What a caption says.

    Attributes:
        groups: One to three groups, the one that the sentence is about first.
        relation: Where the first group stands, seen from the others: one of
            ``RELATIONS``; ``None`` where there is one group alone.
        cloth: What they stand on, one of ``CLOTHS``, or ``None``.
        light: One of ``LIGHTS``, or ``None``.

    Raises:
        TypeError: If ``groups`` holds anything else.
        ValueError: If a value is unknown, or the groups do not fit on three places.

    Example:
        >>> Meaning((Group("cup", 3),), cloth="wood").held_out
        False
    """

    groups: tuple[Group, ...]
    relation: str | None = None
    cloth: str | None = None
    light: str | None = None

    def __post_init__(self) -> None:
        groups = tuple(check_each(self.groups, "groups", Group))
        object.__setattr__(self, "groups", groups)
        things = sum(group.count or 2 for group in groups)
        if not groups or things > 3:
            raise ValueError(f"groups must hold one to three things, got {things}")
        _check_open(self.relation, "relation", RELATIONS)
        if (self.relation is None) != (len(groups) == 1):
            raise ValueError(
                f"relation must stand between groups, got {self.relation!r} for "
                f"{len(groups)}"
            )
        _check_open(self.cloth, "cloth", CLOTHS)
        _check_open(self.light, "light", LIGHTS)

    @property
    def held_out(self) -> bool:
        """Whether it names a colour of a kind that no training caption names."""
        return any(group.held_out for group in self.groups)


def meaning_of(facts: Mapping[str, str | int | None]) -> Meaning:
    """Return the meaning that single facts make up: ``kind1``, ``count1``, ``light``…

    Args:
        facts: Names and values, as the rules of the grammar state them.

    Raises:
        TypeError: If ``facts`` is no mapping.
        ValueError: If there is no ``kind1``, or a value is unknown.

    Example:
        >>> meaning_of({"kind1": "cup", "count1": 1, "light": "dusk"}).light
        'dusk'
    """
    if not isinstance(facts, Mapping):
        raise TypeError(f"facts must be a mapping, got {type(facts).__name__}")
    parts = ("kind", "count", "colour", "size")
    groups = tuple(
        Group(*(facts.get(f"{part}{i}") for part in parts))  # type: ignore[arg-type]
        for i in (1, 2, 3)
        if f"kind{i}" in facts
    )
    others = (facts.get(name) for name in ("relation", "cloth", "light"))
    return Meaning(groups, *others)  # type: ignore[arg-type]


def _check_open(value: str | None, name: str, choices: tuple[str, ...]) -> None:
    """Check a value that may be left open."""
    if value is not None:
        check_choice(value, name, choices)
