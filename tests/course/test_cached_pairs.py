"""Shared pairs are those that would be drawn, and another flow's are drawn anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genbook.course import cached_pairs as module
from genbook.course.cached_fit import FOLDER, seeded_init
from genbook.course.cached_pairs import cached_pairs
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.reflow import draw_pairs

Y = torch.arange(12) % 3


def flow(seed: int = 0, steps: int = 2) -> FlowMatching:
    with seeded_init(seed):
        return FlowMatching((2,), width=8, depth=1, classes=3, steps=steps).eval()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_they_are_what_the_flow_draws(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cached_pairs(flow(), Y, guidance=2.0, seed=5)
    g = torch.Generator().manual_seed(5)
    assert torch.equal(kept, draw_pairs(flow(), 12, Y, guidance=2.0, generator=g))
    monkeypatch.delenv(FOLDER)
    assert torch.equal(kept, cached_pairs(flow(), Y, guidance=2.0, seed=5))


def test_the_second_caller_draws_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_pairs(flow(), Y)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(module, "draw_pairs", never)
    assert torch.equal(first, cached_pairs(flow(), Y))
    (file,) = folder.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged"):
        cached_pairs(flow(), Y)


def test_anything_that_they_depend_on_draws_anew(folder: Path) -> None:
    drawn = [
        cached_pairs(flow(), Y),
        cached_pairs(flow(), Y, guidance=2.0),
        cached_pairs(flow(), Y, seed=1),
        cached_pairs(flow(1), Y),
        cached_pairs(flow(steps=3), Y),
        cached_pairs(flow(), Y.flip(0)),
    ]
    assert len(list(folder.glob("*.safetensors"))) == len(drawn)
    assert not torch.equal(drawn[0], drawn[2])
