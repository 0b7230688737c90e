"""The words of the captions, and how often each is chosen."""

from __future__ import annotations

from genbook.data.still_life.meaning import KINDS

FRUIT, VESSELS = KINDS[:4], KINDS[4:]

#: How likely each colour is of a kind: red, green, yellow, blue, purple.
COLOUR = {
    "apple": (0.36, 0.26, 0.16, 0.11, 0.11),
    "pear": (0.14, 0.34, 0.26, 0.13, 0.13),
    "lemon": (0.12, 0.22, 0.40, 0.13, 0.13),
    "banana": (0.12, 0.22, 0.40, 0.13, 0.13),
    "cup": (0.22, 0.16, 0.16, 0.26, 0.20),
    "bottle": (0.16, 0.30, 0.12, 0.24, 0.18),
}
SIZE = {"small": 0.5, "large": 0.5}
CLOTH = {"wood": 0.35, "white": 0.25, "blue": 0.2, "stone": 0.2}
LIGHT = {"day": 0.5, "dusk": 0.25, "night": 0.25}
#: How many things of a group that stands alone; ``None`` for "some".
COUNT: dict[int | None, float] = {1: 0.45, 2: 0.25, 3: 0.2, None: 0.1}
#: How many things of two groups.
COUNTS = {(1, 1): 0.6, (2, 1): 0.2, (1, 2): 0.2}
RELATION = {"left": 0.4, "right": 0.4, "beside": 0.2}
SAME_KIND = 0.15  # the second group is of the first one's kind
ONE = 0.6  # and is then called "a green one"
SAY_COLOUR, SAY_SIZE, SAY_EXTRA, SAY_FROM = 0.75, 0.35, 0.08, 0.10

COLOUR_WORDS = {
    "red": {"red": 0.6, "scarlet": 0.2, "crimson": 0.2},
    "green": {"green": 0.8, "jade": 0.2},
    "yellow": {"yellow": 0.7, "golden": 0.3},
    "blue": {"blue": 0.8, "cobalt": 0.2},
    "purple": {"purple": 0.6, "violet": 0.4},
}
SIZE_WORDS = {
    "small": {"small": 0.6, "little": 0.25, "tiny": 0.15},
    "large": {"large": 0.55, "big": 0.45},
}
RELATION_WORDS = {
    "left": {"left of": 0.6, "to the left of": 0.4},
    "right": {"right of": 0.6, "to the right of": 0.4},
    "beside": {"beside": 0.4, "next to": 0.35, "close to": 0.25},
}
CLOTH_WORDS = {
    "wood": {"on the table": 0.4, "on a wooden table": 0.6},
    "white": {"on a white cloth": 0.7, "on white linen": 0.3},
    "blue": {"on a blue cloth": 0.7, "on blue linen": 0.3},
    "stone": {"on a grey stone": 0.6, "on grey marble": 0.4},
}
LIGHT_WORDS = {
    "day": {"in the morning": 0.4, "at noon": 0.3, "in daylight": 0.3},
    "dusk": {"at dusk": 0.5, "in the evening": 0.5},
    "night": {"at night": 0.6, "by moonlight": 0.4},
}
VERBS = {
    "apple": {"lie": 0.4, "sit": 0.3, "rest": 0.3},
    "pear": {"stand": 0.5, "sit": 0.3, "rest": 0.2},
    "lemon": {"lie": 0.7, "rest": 0.3},
    "banana": {"lie": 0.7, "rest": 0.3},
    "cup": {"stand": 0.8, "sit": 0.2},
    "bottle": {"stand": 1.0},
}
EXTRA_WORDS = {
    **{kind: {"ripe": 0.6, "fresh": 0.4} for kind in FRUIT},
    **{kind: {"plain": 0.6, "rustic": 0.4} for kind in VESSELS},
}
FROM_WORDS = {
    **{kind: {"from the garden": 0.6, "from the market": 0.4} for kind in FRUIT},
    **{kind: {"from the kitchen": 1.0} for kind in VESSELS},
}
COUNT_WORDS: dict[str, dict[str, float]] = {
    "1": {"a": 0.85, "one": 0.1, "a single": 0.05},
    "1 apple": {"an": 0.85, "one": 0.1, "a single": 0.05},
    "2": {"two": 0.7, "a pair of": 0.3},
    "3": {"three": 1.0},
    "some": {"some": 1.0},
}
