"""Pretrained models: written in half precision, and read only as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genbook.course.pretrained import load_pretrained, save_pretrained
from genbook.models.autoregressive.transformer import Transformer

NAME = "still-life-language"


def model() -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(5, 6, width=8, depth=1, heads=2, separator=0)


def test_a_model_comes_back_as_its_halves(tmp_path: Path) -> None:
    one = model()
    path = save_pretrained(one, {"seed": 3}, NAME, tmp_path)
    twin, card = load_pretrained(NAME, tmp_path)
    assert card["seed"] == 3
    assert one.dtype == twin.dtype == torch.float32
    assert not twin.training
    for a, b in zip(one.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a.half().float(), b)
    assert path.stat().st_size < 4 * sum(p.numel() for p in one.parameters()) + 2500


def test_other_weights_than_those_of_the_card_are_refused(tmp_path: Path) -> None:
    path = save_pretrained(model(), {}, NAME, tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="must be the weights of its card"):
        load_pretrained(NAME, tmp_path)


def test_a_name_that_nobody_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name must be still-life-language"):
        load_pretrained("chat", tmp_path)
    with pytest.raises(FileNotFoundError):
        load_pretrained(NAME, tmp_path)
