"""The watermark: counts by hand, false alarms over many keys, and what it survives."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats

from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.audits.watermark import (
    GreenLists,
    detect,
    replace_tokens,
    write,
)
from genbook.training import isolated_rng


def seed(s: int) -> torch.Generator:
    return torch.Generator().manual_seed(s)


@pytest.fixture(scope="module")
def model() -> Transformer:
    with isolated_rng(0):
        return Transformer(200, context_length=8, width=16, depth=1, heads=2)


def test_lists_follow_from_key_and_token_alone() -> None:
    a, b = GreenLists(1, 5000), GreenLists(1, 5000)
    b.after(7)
    assert torch.equal(a.after(3), b.after(3))
    same = [
        (a.after(3) == other).double().mean().item()
        for other in (a.after(4), GreenLists(2, 5000).after(3))
    ]
    assert same == pytest.approx([0.625, 0.625], abs=0.03)  # γ² + (1 - γ)²
    assert a.after(3).double().mean().item() == pytest.approx(0.25, abs=0.02)


def test_counts_by_hand() -> None:
    lists = GreenLists(5, 6, gamma=0.5)
    text = [0, 1, 2, 0, 1, 2, 3]  # the pairs 01 and 12 stand in it twice
    pairs = {(0, 1), (1, 2), (2, 0), (2, 3)}
    green = sum(bool(lists.after(a)[b]) for a, b in pairs)
    found = detect(torch.tensor([text]), lists)
    assert (int(found.green), int(found.pairs)) == (green, 4)
    assert float(found.z) == pytest.approx((green - 2) / 1)
    chance = sum(math.comb(4, k) for k in range(green, 5)) / 16
    assert float(found.p_value) == pytest.approx(chance)


def test_a_text_without_it_is_rarely_accused_whatever_the_text() -> None:
    words = torch.randint(200, (120,), generator=seed(0))
    loop = words[:6].repeat(20)  # says the same again and again
    for text in (words, loop):
        p = torch.cat(
            [detect(text[None], GreenLists(k, 200)).p_value for k in range(400)]
        )
        for level in (0.01, 0.05, 0.2):
            wrong = (p <= level).double().mean().item()
            assert wrong <= level + 3 * math.sqrt(level / 400)


def test_p_values_of_long_texts_are_nearly_even() -> None:
    texts = torch.randint(200, (300, 300), generator=seed(1))
    p = torch.cat(
        [detect(t[None], GreenLists(k, 200)).p_value for k, t in enumerate(texts)]
    )
    assert stats.kstest(p.numpy(), "uniform").statistic < 0.1


def test_what_is_written_with_it_is_found_by_the_key_alone(model) -> None:
    lists = GreenLists(3, 200)
    marked = write(model, 20, 60, lists=lists, delta=2.0, generator=seed(2)).tokens
    assert (detect(marked, lists).p_value < 1e-3).double().mean() > 0.9
    assert (detect(marked, GreenLists(4, 200)).p_value < 1e-3).double().mean() < 0.1


def test_an_endless_push_writes_green_alone(model) -> None:
    lists = GreenLists(3, 200)
    found = detect(
        write(model, 5, 40, lists=lists, delta=100.0, generator=seed(3)).tokens, lists
    )
    assert torch.equal(found.green, found.pairs)


def test_no_push_is_no_mark(model) -> None:
    model = copy.deepcopy(model)
    with torch.no_grad():
        model.token_embedding.weight *= 40  # some tokens are likelier than others
    plain = write(model, 4, 20, generator=seed(4))
    none = write(model, 4, 20, lists=GreenLists(3, 200), delta=0.0, generator=seed(4))
    assert torch.equal(plain.tokens, none.tokens)
    pushed = write(
        model, 50, 20, lists=GreenLists(3, 200), delta=4.0, generator=seed(4)
    )
    assert pushed.nats.mean() > plain.nats.mean()


def test_surprise_is_that_of_the_model_as_it_is(model) -> None:
    lists = GreenLists(3, 200)
    text = write(model, 3, 7, lists=lists, prompt=[5], generator=seed(5))
    whole = torch.cat([torch.full((3, 1), 5), text.tokens], 1)  # fits its context
    wanted = -model.token_log_probs(whole).mean(1)
    torch.testing.assert_close(text.nats, wanted.detach())


def test_replaced_tokens() -> None:
    text = torch.arange(1000).view(2, 500)
    new = replace_tokens(text, 0.3, 10**6, generator=seed(6))
    assert (new != text).sum(1).tolist() == [150, 150]
    assert torch.equal(replace_tokens(text, 0.0, 10), text)
    assert (replace_tokens(text, 1.0, 1) == 0).all()


def test_edits_leave_what_they_do_not_touch(model) -> None:
    lists = GreenLists(3, 200)
    text = write(model, 20, 100, lists=lists, delta=100.0, generator=seed(7)).tokens
    edited = replace_tokens(text, 0.3, 200, generator=seed(8))
    share = (detect(edited, lists).green / detect(edited, lists).pairs).mean().item()
    assert share == pytest.approx(0.49 + 0.51 * 0.25, abs=0.05)  # both kept, or chance


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: write(m, 1, 5, lists=GreenLists(1, 9)),
            ValueError,
            "for 200 tokens",
        ),
        (lambda m: write(m, 1, 5, lists=7), TypeError, "lists must be of the type"),
        (
            lambda m: detect(torch.tensor([[1, 9]]), GreenLists(1, 9)),
            ValueError,
            "tokens must be 0 to 8, got 1 to 9",
        ),
        (
            lambda m: detect(torch.tensor([[1]]), GreenLists(1, 9)),
            ValueError,
            r"tokens must be \(n, 2 or more\)",
        ),
        (
            lambda m: replace_tokens(torch.tensor([[1]]), 1.5, 9),
            ValueError,
            "share must be at most 1",
        ),
    ],
)
def test_bad_input(
    model: Transformer,
    call: Callable[[Transformer], object],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        call(model)
