"""Decoding: the cache changes nothing, and what may come next is what was asked for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from genbook.models.autoregressive.decoding import generate, heat, top_k, top_p
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.networks.attention import Past
from genbook.training import load, save
from seeding import seeded

P = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.1, 0.2, 0.3, 0.4]]).double()


def transformer(**config: Any) -> Transformer:
    sizes = {"vocab_size": 5, "context_length": 9, "width": 16, "depth": 2, "heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Transformer(**sizes | config).requires_grad_(False)
        for p in model.parameters():  # weights at which every part matters
            p.add_(0.3 * torch.randn_like(p))
    return model


@pytest.mark.parametrize("separator", [None, 0])
@pytest.mark.parametrize("parts", [[1] * 9, [4, 5], [3, 1, 1, 4]])
def test_logits_with_a_cache_are_those_without(
    separator: int | None, parts: list[int]
) -> None:
    model = transformer(separator=separator)
    x = torch.randint(1, 5, (4, 9), generator=seeded(1))
    x[:, 0] = 0
    past = [Past(), Past()]
    out = torch.cat([model.logits(part, past) for part in x.split(parts, 1)], 1)
    assert torch.allclose(out, model.logits(x), atol=1e-5)
    assert len(past[0]) == len(past[1]) == 9
    assert not torch.allclose(model.logits(x[:, 3:4]), out[:, 3:4], atol=1e-2)


@pytest.mark.parametrize("separator", [None, 0])
@pytest.mark.parametrize("options", [{}, {"k": 2}, {"p": 0.8, "temperature": 0.7}])
def test_texts_with_a_cache_are_those_without(
    separator: int | None, options: dict
) -> None:
    model = transformer(separator=separator).double()
    prompt = torch.tensor([[0, 3]])
    a, b = (
        generate(model, 200, prompt, cached=c, generator=seeded(2), **options)
        for c in (True, False)
    )
    assert torch.equal(a, b)


def test_what_is_kept_is_the_likeliest() -> None:
    logits = P.log() + 3
    kept = top_k(logits, 2).softmax(1)
    assert torch.allclose(kept[0], torch.tensor([0.625, 0.375, 0, 0]).double())
    assert torch.allclose(kept[1], torch.tensor([0, 0, 3 / 7, 4 / 7]).double())
    assert torch.equal(top_k(logits, 9), logits)
    kept = top_p(logits, 0.75).softmax(1)
    assert torch.allclose(kept[0], torch.tensor([0.625, 0.375, 0, 0]).double())
    assert torch.allclose(kept[1], torch.tensor([0, 2, 3, 4]).double() / 9)
    assert torch.equal(top_p(logits, 1.0), logits)
    assert (top_p(logits, 1e-9).softmax(1).max(1).values == 1).all()
    assert torch.allclose(
        heat(logits, 0.5).softmax(1)[0], P[0] ** 2 / (P[0] ** 2).sum()
    )


def test_draws_have_only_what_is_kept() -> None:
    model, prompt = transformer(context_length=2).double(), torch.tensor([[1]])
    out = model.logits(prompt)[:, -1]
    for options, wanted in (
        ({"k": 2}, top_k(out, 2)),
        ({"p": 0.6}, top_p(out, 0.6)),
        ({"temperature": 0.5, "p": 0.6}, top_p(out / 0.5, 0.6)),
        ({"temperature": 2.0, "k": 3, "p": 0.5}, top_p(top_k(out / 2, 3), 0.5)),
    ):
        x = generate(model, 20_000, prompt, generator=seeded(3), **options)[:, 1]
        share = torch.bincount(x, minlength=5).double() / len(x)
        p = wanted.softmax(1)[0]
        assert (share[p == 0] == 0).all()
        assert (p == 0).any()
        error = (p * (1 - p) / len(x)).sqrt().clamp(min=1e-12)
        assert ((share - p).abs() / error).max() < 4.5


# --- texts between separators ---------------------------------------------------------


def test_texts_in_one_row_do_not_see_each_other() -> None:
    model = transformer(separator=0).double()
    one, two = torch.tensor([[0, 3, 1, 0]]), torch.tensor([[0, 2, 4, 4, 0]])
    both = torch.cat([one, two[:, 1:], torch.zeros(1, 1).long()], 1)
    out = model.logits(both)
    assert torch.allclose(out[:, :3], model.logits(one)[:, :3])
    assert torch.allclose(out[:, 3:7], model.logits(two)[:, :4])
    fill = lambda x: torch.cat([x, torch.zeros(1, 9 - x.shape[1]).long()], 1)  # noqa: E731
    apart = model.log_prob(fill(one)) + model.log_prob(fill(two))
    assert torch.allclose(model.log_prob(fill(both)), apart)
    nats = -model.token_log_probs(fill(both))
    assert torch.equal(nats[0] != 0, torch.arange(8) < 7)  # three and four tokens
    assert torch.allclose(model.loss(fill(both)), nats.sum() / 7)


def test_the_loss_is_the_mean_over_tokens_that_are_predicted() -> None:
    x = torch.tensor([[0, 1, 2, 0, 3, 0, 0, 0], [0, 4, 4, 4, 4, 4, 4, 4]])
    for separator, predicted in ((0, 5 + 7), (None, 14)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = Transformer(5, 8, width=8, depth=2, heads=2, separator=separator)
        for weight in model.double().parameters():
            weight.data *= 10  # far from where all tokens are as likely
        nats = -model.token_log_probs(x)
        assert int((nats != 0).sum()) == predicted
        wanted = nats.sum() / predicted
        assert torch.allclose(model.loss(x), wanted, rtol=1e-12, atol=0)
        one = torch.autograd.grad(model.loss(x), model.position_embedding)
        two = torch.autograd.grad(wanted, model.position_embedding)
        assert torch.allclose(one[0], two[0], rtol=1e-9, atol=1e-12)
    empty = Transformer(5, 8, width=8, depth=1, heads=2, separator=0)
    assert empty.loss(torch.zeros(2, 8).long()).item() == 0


def test_probabilities_of_all_texts_sum_to_one() -> None:
    model = transformer(vocab_size=3, context_length=4, separator=0).double()
    rest = torch.tensor(list(itertools.product(range(3), repeat=3)))
    ended = (rest == 0).cummax(1).values
    once = rest[((rest == 0) | ~ended).all(1) & (rest[:, 0] != 0)]  # nothing after it
    tokens = torch.cat([torch.zeros(len(once), 1).long(), once], 1)
    total = model.log_prob(tokens).exp().sum()
    empty = model.logits(torch.tensor([[0]]))[0, 0].softmax(0)[0]
    assert total + empty == pytest.approx(1, abs=1e-12)


def test_a_text_ends_once_and_for_all() -> None:
    model = transformer(separator=0)
    x = model.sample(500, generator=seeded(4))
    ended = (x[:, 1:] == 0).cummax(1).values
    assert (x[:, 1:][ended] == 0).all()
    assert 0.1 < ended[:, 3].double().mean() < 1
    assert model.sample(0).shape == (0, 9)


def test_a_file_without_a_separator_is_read_as_ever(tmp_path: Any) -> None:
    model, path = transformer(), tmp_path / "old.safetensors"
    assert "separator" not in model.config
    save(model, path)
    assert torch.equal(
        load(transformer(), path).final_norm.weight, model.final_norm.weight
    )
    with pytest.raises(ValueError, match="separator"):
        load(transformer(separator=0), path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: top_k(P, 0), ValueError, "k must be at least 1"),
        (lambda m: top_p(P, 0), ValueError, "p must be positive"),
        (lambda m: top_p(P, 1.5), ValueError, "p must be at most 1"),
        (lambda m: heat(P, -1), ValueError, "temperature must be positive"),
        (lambda m: heat(P[0], 1), ValueError, "logits must be"),
        (lambda m: m.sample(1, k=0), ValueError, "k must be at least 1"),
        (lambda m: m.sample(1, p="all"), TypeError, "p must be a number"),
        (lambda m: m.sample(1, cached=1), TypeError, "cached must be True or False"),
        (
            lambda m: m.logits(torch.zeros(1, 1).long(), [Past()]),
            ValueError,
            "past must hold 2, one a block, got 1",
        ),
        (lambda m: transformer(separator=5), ValueError, "separator must be at most 4"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(transformer())


def test_a_cache_that_is_full_is_refused() -> None:
    model, past = transformer(), [Past(), Past()]
    model.logits(torch.zeros(1, 9).long(), past)
    with pytest.raises(ValueError, match="past and tokens must hold at most 9, got 10"):
        model.logits(torch.zeros(1, 1).long(), past)


def test_texts_are_drawn_token_by_token_by_the_dice() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = Transformer(5, 6, width=8, depth=1, heads=2, separator=0).double()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.4)
    prompt = torch.tensor([[0, 3]])
    for options in ({}, {"k": 2}, {"p": 0.6}, {"temperature": 0.5, "k": 3, "p": 0.9}):
        u = torch.rand(20, 6, 1, generator=seeded(6), dtype=torch.float64)
        x = prompt.repeat(20, 1)
        for t in range(2, 6):
            out = model.logits(x)[:, -1] / options.get("temperature", 1.0)
            mass = out.softmax(1)
            if "k" in options:
                last = mass.sort(1, descending=True).values[:, options["k"] - 1, None]
                mass = torch.where(mass >= last, mass, 0.0)
                mass = mass / mass.sum(1, keepdim=True)
            if "p" in options:
                ordered, order = mass.sort(1, descending=True)
                kept = ordered.cumsum(1) - ordered < options["p"]
                mass = torch.zeros_like(mass).scatter(1, order, ordered * kept)
                mass = mass / mass.sum(1, keepdim=True)
            new = (mass.cumsum(1) <= u[:, t]).sum(1, keepdim=True)
            over = (x[:, 1:] == 0).any(1, keepdim=True)
            x = torch.cat([x, new.masked_fill(over, 0)], 1)
        found = generate(model, 20, prompt, **options, generator=seeded(6))
        assert torch.equal(found, x), options
        assert options or (x[:, 2:] == 0).any()


def test_heat_divides_and_counts_have_limits() -> None:
    logits = torch.tensor([[0.0, 1.0, -2.0]])
    assert heat(logits, 0.5).tolist() == [[0.0, 2.0, -4.0]]
    assert torch.equal(top_k(logits, 3), logits)
    assert torch.equal(top_k(logits, 99), logits)
    assert torch.equal(top_p(logits, 1.0), logits)
    assert top_k(logits, 1).tolist() == [[-math.inf, 1.0, -math.inf]]
    assert top_p(logits, 1e-9).tolist() == [[-math.inf, 1.0, -math.inf]]
    for bad in (0, -1):
        with pytest.raises(ValueError, match=r"^k must be at least 1"):
            top_k(logits, bad)
    for bad_share in (0.0, 1.001):
        with pytest.raises(ValueError, match=r"^p must be"):
            top_p(logits, bad_share)
    with pytest.raises(ValueError, match=r"^logits must be \(n, vocab_size\)"):
        heat(logits[0], 1.0)
    with pytest.raises(TypeError, match=r"^model must be a Transformer, got Linear"):
        generate(torch.nn.Linear(2, 2), 1, torch.zeros(1, 1).long())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "choose",
    [lambda x: heat(x, 0.5), lambda x: top_k(x, 2), lambda x: top_p(x, 0.7)],
)
def test_logits_are_numbers_or_say_what_may_not_come(choose: Any) -> None:
    logits = P.log()
    for bad in (math.nan, math.inf):
        spoilt = logits.clone()
        spoilt[1, 2] = bad
        with pytest.raises(
            ValueError, match=r"^logits must be numbers or -inf, got 1 NaN or inf of 8"
        ):
            choose(spoilt)
    closed = logits.clone()
    closed[0] = -math.inf
    with pytest.raises(ValueError, match=r"^logits must have .* got 1 of 2 rows of -"):
        choose(closed)
    closed[0, 3] = -5.0  # what is left comes
    mass = choose(closed).softmax(1)
    assert mass[0].tolist() == [0, 0, 0, 1]
    assert torch.equal(mass[1:], choose(logits[1:]).softmax(1))


@pytest.mark.parametrize("cached", [True, False])
def test_a_prompt_is_refused_before_anything_is_drawn(cached: bool) -> None:
    model, g = transformer(), seeded(1)
    before = g.get_state()
    for prompt, got in (
        (torch.zeros(1, 0), r"\(1, 0\)"),
        (torch.zeros(2, 0), r"\(2, 0\)"),
        (torch.zeros(3, 2), r"\(3, 2\)"),
        (torch.zeros(0, 2), r"\(0, 2\)"),
    ):
        wanted = rf"^prompt must be \(2 or 1, 1 to 9\), got {got}"
        with pytest.raises(ValueError, match=wanted):
            generate(model, 2, prompt.long(), cached=cached, generator=g)
    assert torch.equal(g.get_state(), before)
    for options in ({}, {"k": 2}, {"p": 0.5}):
        none = generate(model, 0, torch.zeros(1, 2).long(), cached=cached, **options)
        assert none.shape == (0, 9)
        assert none.dtype == torch.int64
