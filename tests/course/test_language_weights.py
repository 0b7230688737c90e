"""The language model in the package: its card holds, and its recipe begins so again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genbook.course.pretrained import load_pretrained
from genbook.course.recipes import language
from seeding import seeded

TOOLS = str(Path(__file__).parents[2] / "tools")


def test_what_the_card_says_holds() -> None:
    model, card = load_pretrained("still-life-language")
    said, words = card["evaluation"], language.still_life_words()
    assert sum(p.numel() for p in model.parameters()) == card["parameters"]
    gap = language.caption_scores(model, words, 300, seed=21)
    error = gap.std().item() / len(gap) ** 0.5
    assert abs(gap.mean().item() - said["nats a caption above the floor"]) < 5 * error
    assert gap.mean() < 0.03
    drawn = model.sample(300, generator=seeded(22))
    judged = language.judge_captions([words.decode(row) for row in drawn])
    assert judged.grammatical > 0.98
    assert said["grammatical"] >= 0.99


def test_the_recipe_begins_as_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    import pretrain  # type: ignore[import-not-found]

    card = load_pretrained("still-life-language").card
    again = torch.tensor(pretrain.first_losses(card["seed"]))
    assert torch.allclose(again, torch.tensor(card["first losses on a CPU"]), atol=2e-3)
