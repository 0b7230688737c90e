"""The writer of pictures: exact probabilities, and draws that follow them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from genbook.models.autoregressive.pictures import PictureWriter
from genbook.training import fit, isolated_rng
from seeding import seeded

CAPTIONS = torch.tensor([[1, 4, 2, 0, 0], [1, 3, 2, 4, 0], [2, 0, 0, 0, 0]])


def writer(**options) -> PictureWriter:
    with isolated_rng(0):
        model = PictureWriter(
            **{"levels": [3], "length": 4, "words": 6, "caption": 5, "width": 8}
            | {"heads": 2, "period": 2, "depth": 2} | options
        )  # fmt: skip
        for p in model.parameters():  # far from uniform
            torch.nn.init.normal_(p, std=0.7)
    return model.double()


def every() -> Tensor:
    return torch.tensor(list(itertools.product(range(3), repeat=4)))


def test_the_probabilities_of_all_pictures_sum_to_one() -> None:
    model, x = writer(), every()
    for y in CAPTIONS:
        total = model.log_prob(x, y.expand(len(x), -1)).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-9)


def test_a_token_depends_on_the_words_and_on_those_before() -> None:
    model, x = writer(), every()[[5, 40, 70]]
    out = model.logits(x, CAPTIONS)
    for i in range(4):
        other = x.clone()
        other[:, i] = (x[:, i] + 1) % 3
        changed = (model.logits(other, CAPTIONS) - out).abs().amax((0, 2)) > 1e-9
        assert changed.tolist() == [j > i for j in range(4)]
    for word in range(3):
        y = CAPTIONS[:1].clone()
        y[0, word] = 5
        assert (model.logits(x[:1], y) - out[:1]).abs().min() > 1e-9


def test_filling_says_nothing() -> None:
    model, x = writer(), every()[[5, 40, 70]]
    together = model.log_prob(x, CAPTIONS)
    for i, y in enumerate(CAPTIONS):
        alone = model.log_prob(x[i : i + 1], y[y > 0][None])
        assert torch.allclose(alone, together[i : i + 1])


def test_draws_follow_the_probabilities() -> None:
    model, n = writer(), 6000
    y = CAPTIONS[[0, 1]].repeat_interleave(n, 0)  # two lengths at once
    x = model.sample(len(y), y, generator=seeded(6))
    p = model.log_prob(every(), CAPTIONS[1:2].expand(81, -1)).exp()
    places = torch.tensor([27, 9, 3, 1])
    seen = torch.bincount((x[n:] * places).sum(1), minlength=81) / n
    error = (p * (1 - p) / n).sqrt()
    assert ((seen - p).abs() < 4.5 * error + 1e-3).all()


def test_cold_draws_are_the_likeliest_tokens() -> None:
    model = writer()
    x = model.sample(3, CAPTIONS, temperature=1e-9, generator=seeded(7))
    assert torch.equal(model.logits(x, CAPTIONS).argmax(2), x)
    small = model.sample(3, CAPTIONS, p=1e-9, generator=seeded(8))
    assert torch.equal(small, x)


def test_it_learns_what_a_word_means() -> None:
    y = torch.tensor([[1, 2], [1, 3]]).repeat(60, 1)
    x = torch.where(y[:, 1:] == 2, torch.tensor([0, 1, 2, 0]), torch.tensor([2] * 4))
    with isolated_rng(0):
        model = PictureWriter([3], 4, words=4, caption=2, width=8, depth=1, heads=2)
    fit(model, x, y, steps=120, lr=1e-2)
    assert model.log_prob(x, y).mean() > -0.3
    assert model.log_prob(x, y.roll(1, 0)).mean() < -3


def test_bad_arguments_are_refused() -> None:
    model, x = writer(), every()[:3]
    with pytest.raises(ValueError, match="period must divide length 4, got 3"):
        writer(period=3)
    with pytest.raises(ValueError, match="y must be captions"):
        model.log_prob(x)
    with pytest.raises(ValueError, match="x must hold tokens 0 to 2, got 0 to 7"):
        model.log_prob(x.clone().fill_diagonal_(7), CAPTIONS)
    with pytest.raises(ValueError, match="y must be filled up with 0 at the ends"):
        model.log_prob(x, CAPTIONS.flip(1))
    with pytest.raises(ValueError, match=r"y must be \(2, up to 5\), got \(3, 5\)"):
        model.sample(2, CAPTIONS)
    with pytest.raises(ValueError, match="x must hold at least one picture"):
        model.loss(x[:0], CAPTIONS[:0])
