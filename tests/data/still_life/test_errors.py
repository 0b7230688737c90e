"""Kinds of error: exchanged kinds and colours, and counts."""

from __future__ import annotations

import pytest
import torch

from genbook.data.still_life.captions import still_life
from genbook.data.still_life.errors import (
    EXCHANGES,
    counts_seen,
    exchanged_pairs,
    shares_exchanged,
)
from genbook.data.still_life.meaning import COLOURS, KINDS, Group, Meaning
from genbook.data.still_life.scenes import complete, layouts
from seeding import seeded

PAIRS = exchanged_pairs(60, generator=seeded(0))


def test_exchanges_exchange_what_they_say() -> None:
    grammar = still_life("all")
    for i, text in enumerate(PAIRS["nothing"].texts):
        one, two = grammar.parse(text.split()).groups
        assert one.kind != two.kind
        assert one.colour != two.colour
        wanted = {
            "colours": ((one.kind, two.colour), (two.kind, one.colour)),
            "kinds": ((two.kind, one.colour), (one.kind, two.colour)),
            "both": ((two.kind, two.colour), (one.kind, one.colour)),
        }
        for name, things in wanted.items():
            meaning = PAIRS[name].meanings[i]
            assert tuple((g.kind, g.colour) for g in meaning.groups) == things
            assert meaning.relation == PAIRS["nothing"].meanings[i].relation
    for data in PAIRS.values():
        assert not any(m.held_out for m in data.meanings)


def test_captions_are_all_different() -> None:
    every = exchanged_pairs(744, generator=seeded(1))["nothing"].texts
    assert len(set(every)) == 744
    # a caption and what it is exchanged to are all among them
    assert set(PAIRS["both"].texts) | set(PAIRS["kinds"].texts) <= set(every)


def test_a_picture_shows_one_exchange_only() -> None:
    for name in EXCHANGES:
        shares = shares_exchanged(PAIRS[name].scenes, PAIRS)
        assert shares.pop(name) == 1
        assert set(shares.values()) == {0.0}


def test_what_is_no_exchange_is_other() -> None:
    scenes = PAIRS["nothing"].scenes.clone()
    scenes[:15] = PAIRS["kinds"].scenes[:15]
    for i in range(15, 30):  # a colour that was not asked for
        colours = set(scenes[i, [1, 4, 7]].tolist())
        place = int((scenes[i, :9:3] >= 0).nonzero()[0])
        scenes[i, 3 * place + 1] = min(set(range(len(COLOURS))) - colours)
    shares = shares_exchanged(scenes, PAIRS)
    assert shares["nothing"] == shares["colours"] + 0.5
    assert shares["kinds"] == shares["other"] == pytest.approx(0.25)


def test_counts_are_those_of_the_scene() -> None:
    said = still_life().captions(300, generator=seeded(2)).meanings
    counts = counts_seen(complete(said, generator=seeded(3)), said)
    assert counts[:, 0].sum() == 0
    for n in (1, 2, 3):
        asked = sum(
            group.count == n
            for m in said
            for group in m.groups
            if [g.kind for g in m.groups].count(group.kind) == 1
        )
        assert counts[n - 1, n] == counts[n - 1].sum() == asked


def test_counts_leave_out_what_has_no_number_of_its_own() -> None:
    cup = KINDS.index("cup")
    scene = torch.tensor([[cup, 0, 0, cup, 1, 0, -1, -1, -1, 0, 0]])
    some = Meaning((Group("cup", None),))
    twice = Meaning((Group("cup"), Group("cup", colour="green")), "left")
    three = Meaning((Group("cup", 3),))
    assert len(layouts(twice)) == 3
    assert counts_seen(scene, [some]).sum() == counts_seen(scene, [twice]).sum() == 0
    assert counts_seen(scene, [three]).tolist() == [[0] * 4, [0] * 4, [0, 0, 1, 0]]
    assert counts_seen(scene[:0], []).shape == (3, 4)


def test_errors_name_what_came() -> None:
    with pytest.raises(ValueError, match="n must be at most 744, got 745"):
        exchanged_pairs(745)
    with pytest.raises(TypeError, match="pairs must hold StillLifes of 'kinds'"):
        shares_exchanged(
            PAIRS["nothing"].scenes, {k: PAIRS[k] for k in ("nothing", "colours")}
        )
    with pytest.raises(ValueError, match="scenes must be 60, one a caption, got 2"):
        shares_exchanged(PAIRS["both"].scenes[:2], PAIRS)
    with pytest.raises(ValueError, match="meanings must be 60, one a scene, got 59"):
        counts_seen(PAIRS["both"].scenes, PAIRS["both"].meanings[:59])
