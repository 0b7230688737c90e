"""From meanings to scenes and back."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from genbook.data.still_life.captions import still_life
from genbook.data.still_life.meaning import HELD_OUT, Group, Meaning
from genbook.data.still_life.pictures import (
    caption_tokens,
    caption_words,
    sample_still_lifes,
    still_lifes_of,
)
from genbook.data.still_life.scenes import compare, complete, layouts, shares_right
from seeding import seeded

CAPTIONS = still_life().captions(800, generator=seeded(0))
SCENES = complete(CAPTIONS.meanings, generator=seeded(1))


def test_what_a_caption_says_is_there() -> None:
    found = compare(SCENES, CAPTIONS.meanings)
    for part, share in found.items():
        assert (share[~share.isnan()] == 1).all(), part


def test_layouts_are_those_that_words_allow() -> None:
    def by_hand(p: tuple[int, ...]) -> bool:
        return p.count(1) == 1 and p.count(2) == 1 and p.count(3) == 0

    pair = Group("cup"), Group("pear")
    both = [p for p in itertools.product(range(4), repeat=3) if by_hand(p)]
    left = {p for p in both if p.index(1) < p.index(2)}
    assert set(layouts(Meaning(pair, "left"))) == left
    assert set(layouts(Meaning(pair, "right"))) == set(both) - left
    assert set(layouts(Meaning(pair, "beside"))) == set(both)
    three = Meaning((*pair, Group("apple")), "between")
    assert set(layouts(three)) == {(2, 1, 3), (3, 1, 2)}


def test_every_layout_is_drawn_as_often() -> None:
    said = [Meaning((Group("cup"),))] * 3000
    there = complete(said, generator=seeded(2))[:, 0:9:3] >= 0
    share = there.double().mean(0)
    assert (share - 1 / 3).abs().max() < 4 * math.sqrt(2 / 9 / 3000)


def test_open_colours_keep_off_what_is_held_out() -> None:
    said = [Meaning((Group("lemon"),))] * 500
    green = 1
    for held_out in (True, False):
        scenes = complete(said, held_out=held_out, generator=seeded(3))
        assert (scenes[:, [1, 4, 7]] == green).any().item() is not held_out
    assert ("green", "lemon") in HELD_OUT


@pytest.mark.parametrize(
    ("change", "part"),
    [((0, 4), "kind"), ((1, 2), "colour"), ((2, 0), "size"), ((9, 3), "cloth")],
)
def test_one_wrong_number_is_one_wrong_part(change: tuple[int, int], part: str) -> None:
    said = [Meaning((Group("pear", 1, "red", "large"),), cloth="wood", light="day")]
    scene = torch.tensor([[1, 0, 1, *[-1] * 6, 0, 0]])
    assert compare(scene, said)["all"] == 1
    scene[0, change[0]] = change[1]
    found = compare(scene, said)
    assert [k for k, v in found.items() if v < 1] == [part, "all"]


def test_one_thing_too_many_is_a_wrong_place() -> None:
    said = [Meaning((Group("pear"),))]
    scene = torch.tensor([[1, 0, 1, 1, 0, 1, -1, -1, -1, 0, 0]])
    found = compare(scene, said)
    assert (found["kind"], found["place"], found["all"]) == (1, 0, 0)


def test_shares_are_means() -> None:
    said = CAPTIONS.meanings
    shares = shares_right(SCENES, said[1:] + said[:1])
    found = compare(SCENES, said[1:] + said[:1])
    assert shares["all"] == found["all"].mean().item() < 0.05
    one = torch.tensor([len(m.groups) == 1 for m in said[1:] + said[:1]])
    assert shares["1 group"] == pytest.approx(found["all"][one].mean().item())


def test_tokens_are_words_in_their_order() -> None:
    data = sample_still_lifes(50, generator=seeded(4))
    words = caption_words()
    for row, text in zip(data.y.tolist(), data.texts, strict=True):
        said = [words[i] for i in row if i]
        assert said == ["<begin>", *text.split()]


def test_regions_hold_what_they_say() -> None:
    held = sample_still_lifes(30, "held out", generator=seeded(5))
    assert all(m.held_out for m in held.meanings)
    seen = sample_still_lifes(300, generator=seeded(5))
    assert not any(m.held_out for m in seen.meanings)
    assert (compare(held.scenes, held.meanings)["all"] == 1).all()


def test_captions_of_ones_own() -> None:
    text = "two red cups stand on the table at night ."
    data = still_lifes_of([text], generator=seeded(6))
    assert shares_right(data.scenes, data.meanings)["all"] == 1
    assert data.scenes[0, -1] == 2
    with pytest.raises(ValueError, match="must be captions"):
        still_lifes_of(["two red cups"])
    with pytest.raises(ValueError, match="unknown 'dog'"):
        caption_tokens(["a dog ."])
