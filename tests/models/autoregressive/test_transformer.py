"""The transformer: causality, the chain rule, prompts, a pattern learned."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from doors import check_doors
from genbook._looking import unseen
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.networks.attention import Past
from genbook.training import fit
from seeding import seeded
from starts import check_start


def transformer(vocab_size: int = 5, context_length: int = 6) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(vocab_size, context_length, width=16, depth=2, heads=2)


def test_no_token_sees_what_comes_after() -> None:
    model = transformer().double()
    tokens = torch.randint(5, (1, 6), generator=seeded(1))
    out = model.logits(tokens)
    for t in range(6):
        other = tokens.clone()
        other[0, t] = (tokens[0, t] + 1) % 5
        changed = model.logits(other)
        assert torch.allclose(changed[0, :t], out[0, :t], rtol=0, atol=1e-12)
        assert not torch.allclose(changed[0, t], out[0, t])


def test_attention_is_the_formula() -> None:
    layer = transformer().double().blocks[0].attention
    x = torch.randn(2, 6, 16, generator=seeded(2), dtype=torch.float64)
    q, k, v = layer.qkv(x).chunk(3, 2)
    parts = []
    for h in range(2):
        cut = slice(8 * h, 8 * h + 8)
        score = q[..., cut] @ k[..., cut].mT / 8**0.5
        score = score.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
        parts.append(score.softmax(-1) @ v[..., cut])
    assert torch.allclose(layer(x), layer.out(torch.cat(parts, 2)), atol=1e-12)


def test_probabilities_of_all_continuations_sum_to_one() -> None:
    model = transformer(3, 4).double()
    rest = torch.tensor(list(itertools.product(range(3), repeat=3)))
    tokens = torch.cat([torch.zeros(27, 1).long(), rest], 1)
    total = model.token_log_probs(tokens).sum(1).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-10)


def test_samples_follow_the_probabilities() -> None:
    model = transformer(2, 4).double().requires_grad_(False)
    x = model.sample(20_000, prompt=[1], generator=seeded(3))
    rest = torch.tensor(list(itertools.product(range(2), repeat=3)))
    tokens = torch.cat([torch.ones(8, 1).long(), rest], 1)
    p = model.token_log_probs(tokens).sum(1).exp()
    counts = torch.bincount((x[:, 1:] * torch.tensor([4, 2, 1])).sum(1), minlength=8)
    deviation = (counts / 20_000 - p) / (p * (1 - p) / 20_000).sqrt()
    assert deviation.abs().max() < 4.5


def test_a_pattern_is_learned() -> None:
    start = torch.randint(5, (200, 1), generator=seeded(4))
    x = (start + torch.arange(6)) % 5  # each token is one more than the one before
    model = transformer()
    fit(model, x, steps=150, batch_size=100, lr=1e-2)
    assert model.loss(x).item() < 0.05
    assert model.sample(1, prompt=[3], temperature=0.1).tolist() == [[3, 4, 0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (torch.zeros(2, 6), TypeError, "x must hold integer tokens"),
        (torch.zeros(2, 5).long(), ValueError, r"x must be \(n, 6\), got \(2, 5\)"),
        (torch.full((2, 6), 5), ValueError, "x must hold tokens 0 to 4"),
    ],
)
def test_bad_tokens_are_refused(
    tokens: torch.Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        transformer().loss(tokens)


def test_a_text_begins_with_token_zero_unless_told_otherwise() -> None:
    model = transformer()
    x = model.sample(50, generator=seeded(5))
    assert torch.equal(x, model.sample(50, prompt=[0], generator=seeded(5)))
    assert (x[:, 0] == 0).all()
    assert len(x[:, 1].unique()) > 1  # and the rest is drawn


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_tokens_may_be_integers_of_any_type(dtype: torch.dtype) -> None:
    model = transformer()
    x = torch.randint(5, (3, 6), generator=seeded(6))
    assert torch.equal(model.log_prob(x.to(dtype)), model.log_prob(x))
    assert torch.equal(model.logits(x.to(dtype)), model.logits(x))
    again = model.sample(2, prompt=x[0].to(dtype)[:4], generator=seeded(7))
    assert torch.equal(again[:, :4], x[:1, :4].expand(2, -1))


def test_the_coldest_temperature_takes_the_likeliest_token() -> None:
    model = transformer().requires_grad_(False)
    x = model.sample(20, temperature=1e-300, generator=seeded(8))
    best = model.logits(x)[:, :-1].argmax(2)
    assert torch.equal(x[:, 1:], best)


@pytest.mark.parametrize(
    ("prompt", "error", "message"),
    [
        ([], ValueError, "prompt must hold 1 to 6 tokens, got 0"),
        ([0] * 7, ValueError, "prompt must hold 1 to 6 tokens, got 7"),
        ([5], ValueError, "prompt must hold tokens 0 to 4, got 5"),
        ([-1], ValueError, "each token of prompt must be at least 0"),
        ([0.5], TypeError, "each token of prompt must be an integer"),
        ("01", TypeError, "prompt must be a sequence of tokens, got str"),
        (3, TypeError, "prompt must be a sequence of tokens, got int"),
    ],
)
def test_bad_prompts_are_refused(
    prompt: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        transformer().sample(2, prompt=prompt)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: m.loss(x, generator=0), TypeError, "generator must be a torch"),
        (
            lambda m, x: m.logits(x.repeat(1, 2)),
            ValueError,
            r"tokens must be \(n, 1 to",
        ),
        (lambda m, x: m.logits(x + 5), ValueError, "tokens must hold tokens 0 to 4"),
        (lambda m, x: m.sample(1, temperature=None), TypeError, "temperature must be"),
        (lambda m, x: Transformer(5, 6, heads="2"), TypeError, "heads must be an int"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(transformer(), torch.zeros(2, 6).long())


def test_no_text_has_no_probabilities() -> None:
    model = transformer()
    none = torch.zeros(0, 6).long()
    assert model.log_prob(none).shape == (0,)
    assert model.logits(none).shape == (0, 6, 5)
    with unseen():  # tokens are compared no more, shapes are
        model._check_tokens(none + 9, "x")
        model._check_tokens(torch.full((2, 6), 9), "x")
        with pytest.raises(ValueError, match="x must be"):
            model._check_tokens(torch.zeros(2, 5).long(), "x")


def test_every_method_names_what_it_refuses() -> None:
    x = torch.randint(5, (6, 8), generator=seeded(0))
    check_doors(lambda: Transformer(5, 8, width=8, depth=1, heads=2), x)


def test_sizes_have_a_least_value() -> None:
    least = {"vocab_size": 2, "context_length": 2, "width": 1, "depth": 1, "heads": 1}
    Transformer(**least)
    for name, value in least.items():
        with pytest.raises(ValueError, match=f"{name} must be at least {value}"):
            Transformer(**least | {name: value - 1})


def test_a_past_and_what_follows_fill_the_context_and_no_more() -> None:
    model, past = transformer(), [Past(), Past()]
    model.logits(torch.zeros(1, 4, dtype=torch.long), past)
    two = torch.zeros(1, 2, dtype=torch.long)
    assert model.logits(two, past).shape == (1, 2, 5)
    with pytest.raises(ValueError, match="past and tokens must hold at most 6, got 8"):
        model.logits(two, past)


def test_logits_are_what_the_layers_say() -> None:
    model = transformer().double()
    for i, p in enumerate(model.parameters()):
        torch.nn.init.normal_(p, std=0.4, generator=seeded(i))
    tokens = torch.randint(5, (3, 4), generator=seeded(1))
    h = model.token_embedding.weight[tokens] + model.position_embedding[:4]
    for block in model.blocks:
        h = h + block.attention(block.norm1(h))
        h = h + block.mlp(block.norm2(h))
    wanted = model.final_norm(h) @ model.token_embedding.weight.T
    assert torch.allclose(model.logits(tokens), wanted, atol=1e-10)


def test_each_text_of_a_row_is_read_alone() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Transformer(5, 8, width=16, depth=2, heads=2, separator=0).double()
    for i, p in enumerate(model.parameters()):
        torch.nn.init.normal_(p, std=0.4, generator=seeded(i))
    row = torch.tensor([[0, 1, 2, 0, 3, 4, 0, 0]])
    out = model.logits(row)
    for begin, end in ((0, 3), (3, 6), (6, 7), (7, 8)):
        alone = model.logits(row[:, begin:end])
        assert torch.allclose(out[:, begin:end], alone, atol=1e-10)
    mass = out.log_softmax(2)
    wanted = [mass[0, t, row[0, t + 1]].item() for t in range(7)]
    wanted[6] = 0.0  # a separator after another one costs nothing
    found = model.token_log_probs(row)[0]
    assert found.tolist() == pytest.approx(wanted, abs=1e-9)
    assert model.log_prob(row).item() == pytest.approx(sum(wanted), abs=1e-9)
    assert model.loss(row).item() == pytest.approx(-sum(wanted) / 6, abs=1e-9)
    filled = torch.zeros(2, 8, dtype=torch.long)
    assert model.loss(filled).item() == 0.0


def test_a_separator_is_a_token() -> None:
    for good in (0, 4):
        made = Transformer(5, 8, width=8, depth=1, heads=2, separator=good)
        assert made.config["separator"] == good
    for bad, error in ((-1, ValueError), (5, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match=r"^separator must be"):
            Transformer(5, 8, width=8, depth=1, heads=2, separator=bad)  # type: ignore[arg-type]
    plain = Transformer(5, 8, width=8, depth=1, heads=2)
    assert "separator" not in plain.config
    with pytest.raises(ValueError, match="heads must divide width 8, got 3"):
        Transformer(5, 8, width=8, heads=3)


def test_the_past_has_one_entry_a_block() -> None:
    model, row = transformer(), torch.zeros(1, 2, dtype=torch.long)
    for bad, error in (([Past()], ValueError), ([None, None], TypeError)):
        with pytest.raises(error, match=r"past must|past"):
            model.logits(row, bad)  # type: ignore[arg-type]


def test_a_new_model_has_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = Transformer(11, 20, width=16, depth=2, heads=2)
    check_start(
        model,
        {
            "token_embedding.weight": (11, 16),
            "position_embedding": (20, 16),
            "*.qkv.weight": (48, 16),
            "*.qkv.bias": (48,),
            "*.out.weight": (16, 16),
            "*.mlp.0.weight": (64, 16),
            "*.mlp.0.bias": (64,),
            "*.mlp.2.weight": (16, 64),
            "*": (16,),
        },
        normal={"token_embedding.weight": 0.02, "position_embedding": 0.02},
    )
