"""The writer of pictures: exact probabilities, and draws that follow them."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.autoregressive.decoding import top_p
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.training import fit, isolated_rng
from seeding import seeded
from starts import check_start

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


def normed(h: Tensor, norm: torch.nn.LayerNorm) -> Tensor:
    h = h - h.mean(1, keepdim=True)
    return (
        h / (h.square().mean(1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias
    )


def logits_by_hand(model: PictureWriter, x: Tensor, y: Tensor) -> Tensor:
    """Answer one picture, for one caption without filling, ``(length, vocab)``."""
    words = model.reader(y[None])[0][0]
    digit = model.digits
    whole = model.whole(words.mean(0))
    h = []
    for i in range(len(x)):
        slot = model.part_position[i % model.period] + whole
        slot = slot + model.place_position[i // model.period]
        if i:
            table = model.token_digits[(i - 1) % model.period]
            slot = slot + digit[x[i - 1]] @ table
        h.append(slot)
    h = torch.stack(h)
    there = torch.ones(len(x), len(words) + len(x)).tril(len(words)).bool()
    for block in model.blocks:
        a = normed(h, block.norm1)
        known = torch.cat([block.kv_words(words), block.kv(a)])
        q, (k, v) = block.q(a).chunk(2, 1), (r.chunk(2, 1) for r in known.chunk(2, 1))
        seen = []
        for head in range(2):
            score = q[head] @ k[head].T / 4**0.5
            score = score.masked_fill(~there, -torch.inf)
            seen.append(score.softmax(1) @ v[head])
        h = h + block.out(torch.cat(seen, 1))
        h = h + block.down(torch.nn.functional.gelu(block.up(normed(h, block.norm2))))
    h = normed(h, model.final_norm)
    out = []
    for i in range(len(x)):
        part = i % model.period
        table = digit @ model.output_digits[part] + model.output[part]
        out.append(table @ h[i] + model.frequency[part])
    return torch.stack(out)


@pytest.mark.parametrize("period", [1, 2, 4])
def test_logits_are_what_the_layers_say(period: int) -> None:
    model = writer(levels=[3, 2], period=period)
    x = torch.randint(6, (3, 4), generator=seeded(1))
    out = model.logits(x, CAPTIONS)
    for i, y in enumerate(CAPTIONS):
        wanted = logits_by_hand(model, x[i], y[y > 0])
        assert torch.allclose(out[i], wanted, rtol=0, atol=1e-6)
    total = out.log_softmax(2).gather(2, x[..., None]).sum((1, 2))
    assert torch.allclose(model.log_prob(x, CAPTIONS), total)
    assert model.loss(x, CAPTIONS).item() == pytest.approx(-total.mean().item() / 4)


@pytest.mark.parametrize(("temperature", "p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.6)])
def test_draws_are_those_of_a_call_for_each_token(temperature: float, p: float) -> None:
    model, n = writer(levels=[3, 2]), len(CAPTIONS)
    u = torch.rand(n, 4, generator=seeded(4), dtype=torch.float64)
    x = torch.zeros(n, 4, dtype=torch.long)
    for i in range(4):
        out = model.logits(x, CAPTIONS)[:, i] / temperature
        mass = (top_p(out, p) if p < 1 else out).softmax(1).cumsum(1)
        x[:, i] = (mass <= u[:, i : i + 1]).sum(1)
    drawn = model.sample(n, CAPTIONS, temperature=temperature, p=p, generator=seeded(4))
    assert torch.equal(drawn, x)


def test_a_new_model_has_these_weights_and_knows_nothing() -> None:
    with isolated_rng(1):
        model = PictureWriter(
            [3, 2], 8, words=6, caption=5, width=16, heads=2, period=4, depth=2
        )
        fresh = model.logits(torch.zeros(1, 8).long(), torch.tensor([[1, 2]]))
        assert not fresh.any()
        assert torch.equal(model.digits.sum(1), torch.full((6,), 2.0))
        model.reader = torch.nn.Identity()
    check_start(
        model,
        {
            "whole.weight": (16, 16),
            "whole.bias": (16,),
            "token_digits": (4, 5, 16),
            "part_position": (4, 16),
            "place_position": (2, 16),
            "*.q.weight": (16, 16),
            "*.kv.weight": (32, 16),
            "*.kv_words.weight": (32, 16),
            "*.kv*.bias": (32,),
            "*.up.weight": (32, 16),
            "*.up.bias": (32,),
            "*.down.weight": (16, 32),
            "blocks.?.out.weight": (16, 16),
            "*norm*": (16,),
            "*.bias": (16,),
            "output_digits": (4, 5, 16),
            "output": (4, 6, 16),
            "frequency": (4, 6),
        },
        zero=("output*", "frequency"),
        normal={"token_digits": 0.3, "part_position": 0.3, "place_position": 0.3},
    )


def test_sizes_have_limits() -> None:
    check_limits(
        lambda **n: writer(**{"width": 2, "heads": 1, "period": 1} | n),
        {
            "length": 65_536,
            "words": 1_000_000,
            "caption": 65_536,
            "width": 16_384,
            "depth": 100,
        },
        length=1,
        words=2,
        caption=1,
        period=1,
        width=1,
        depth=1,
    )


def test_every_method_names_what_it_refuses() -> None:
    model, x = writer(), every()[:3]
    check_doors(writer, x, y=CAPTIONS, p=1.0)
    with pytest.raises(ValueError, match=r"^x must be \(n, 4\), got \(3, 3\)"):
        model.logits(x[:, :3], CAPTIONS)
    with pytest.raises(ValueError, match=r"^y must be \(3, up to 5\), got \(3, 6\)"):
        model.logits(x, torch.ones(3, 6).long())
    with pytest.raises(ValueError, match=r"^y must hold tokens 0 to 5, got 0 to 6"):
        model.logits(x, CAPTIONS + (CAPTIONS == 4) * 2)
    with pytest.raises(ValueError, match=r"^y must be 3 captions, got None"):
        model.sample(3)
    for p in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"^p must be"):
            model.sample(3, CAPTIONS, p=p)
    with pytest.raises(ValueError, match=r"^temperature must be positive"):
        model.sample(3, CAPTIONS, temperature=0.0)
    assert model.sample(0, CAPTIONS[:0]).shape == (0, 4)


def test_a_caption_without_words_is_heard_as_silence() -> None:
    model, x = writer(), every()[:2]
    none = torch.zeros(2, 5).long()
    out = model.logits(x, none)
    assert out.isfinite().all()
    assert torch.allclose(model.logits(x, none[:, :1]), out)
    assert model.sample(2, none, generator=seeded(1)).shape == (2, 4)
