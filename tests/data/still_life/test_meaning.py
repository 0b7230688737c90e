"""What a caption says: which values there are, and what fits on a table."""

from __future__ import annotations

from typing import Any

import pytest

from genbook.data.still_life.meaning import Group, Meaning, meaning_of


def test_facts_become_groups_in_order() -> None:
    facts = {
        "kind2": "cup",
        "count2": 1,
        "kind1": "pear",
        "count1": 1,
        "size1": "small",
    }
    meaning = meaning_of(facts | {"relation": "left", "light": "dusk"})
    assert meaning == Meaning(
        (Group("pear", size="small"), Group("cup")), "left", light="dusk"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Group("plum"), ValueError, "kind must be apple, pear"),
        (lambda: Group("pear", 4), ValueError, "count must be at most 3"),
        (lambda: Group("pear", colour="pink"), ValueError, "colour must be red"),
        (lambda: Group("pear", size="big"), ValueError, "size must be small or large"),
        (lambda: Meaning(()), ValueError, "one to three things, got 0"),
        (
            lambda: Meaning((Group("cup", 2), Group("pear", None)), "left"),
            ValueError,
            "got 4",
        ),
        (lambda: Meaning((Group("cup"),), "left"), ValueError, "relation must stand"),
        (
            lambda: Meaning((Group("cup"), Group("pear"))),
            ValueError,
            "got None for 2",
        ),
        (lambda: Meaning((Group("cup"),), light="sun"), ValueError, "light must be"),
        (lambda: Meaning((Group("cup"),), cloth="red"), ValueError, "cloth must be"),
        (lambda: Meaning(("cup",)), TypeError, "groups must be a sequence of Group"),
        (lambda: meaning_of([]), TypeError, "facts must be a mapping, got list"),
    ],
)
def test_what_cannot_be_is_refused(
    make: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_what_is_held_out_is_the_pair() -> None:
    assert Group("lemon", colour="green").held_out
    assert not Group("lemon", colour="blue").held_out
    assert not Group("lemon").held_out
    both = (Group("cup", colour="green"), Group("bottle", colour="red"))
    assert Meaning(both, "beside").held_out
    assert not Meaning(both[:1]).held_out
