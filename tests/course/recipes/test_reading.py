"""The reader of digits is trained once for all who ask."""

from __future__ import annotations

import pytest
import torch

from genbook.course.cached_fit import FOLDER
from genbook.course.recipes.reading import digit_reader
from genbook.discriminative.convolutional import train_convolutional_classifier

from ...support.seeding import seeded

X = torch.rand(60, 1, 8, 8, generator=seeded())
Y = torch.arange(60) % 10


def test_it_is_the_classifier_that_learns_without_a_store() -> None:
    own = digit_reader(X, Y, steps=3, seed=2)
    theirs = train_convolutional_classifier(X, Y, 10, steps=3, seed=2)
    assert torch.equal(own.logits(X), theirs.logits(X))


def test_the_second_who_asks_trains_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    first = digit_reader(X, Y, steps=3)
    (file,) = tmp_path.glob("*.safetensors")
    written = file.stat().st_mtime_ns
    second = digit_reader(X, Y, steps=3)
    assert torch.equal(first.logits(X), second.logits(X))
    assert file.stat().st_mtime_ns == written
    assert not torch.equal(digit_reader(X, Y, steps=4).logits(X), first.logits(X))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        digit_reader(2 * X, Y)
    with pytest.raises(ValueError, match="y must"):
        digit_reader(X, Y + 1)
    with pytest.raises(ValueError, match="steps must"):
        digit_reader(X, Y, steps=0)
