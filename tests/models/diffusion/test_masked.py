"""Masked diffusion: its bound by all hidings, its samples by all orders."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.training import fit, load, save
from seeding import seeded
from starts import check_start

EVERY = torch.tensor(list(itertools.product(range(2), repeat=3)))


def masked(**config: Any) -> MaskedDiffusion:
    sizes = {"vocab_size": 2, "context_length": 3, "width": 8, "depth": 1, "heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MaskedDiffusion(**sizes | config).double().requires_grad_(False)
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def guess(model: MaskedDiffusion, x: Tensor, hidden: tuple[int, ...], i: int) -> Tensor:
    """Return log p of token i of each text while some are hidden."""
    seen = x.clone()
    seen[:, list(hidden)] = model.vocab_size
    out = model.logits(seen)[:, i].log_softmax(1)
    return out.gather(1, x[:, [i]])[:, 0]


def of_orders(model: MaskedDiffusion, x: Tensor) -> Tensor:
    """Return log p of each text by each order of uncovering, ``(6, n)``."""
    return torch.stack(
        [
            sum(guess(model, x, order[i:], order[i]) for i in range(3))  # type: ignore
            for order in itertools.permutations(range(3))
        ]
    )


def test_the_bound_is_the_mean_over_all_orders() -> None:
    model = masked()
    exact = of_orders(model, EVERY).mean(0)
    draws = model.elbo(EVERY.repeat(3000, 1), generator=seeded(0)).view(3000, 8)
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - exact).abs() / error).max() < 4.5
    assert exact.std() > 0.1
    p = of_orders(model, EVERY).exp().mean(0)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert (exact < p.log()).all()


def test_samples_one_by_one_follow_the_mean_of_the_orders() -> None:
    model = masked()
    p = of_orders(model, EVERY).exp().mean(0)
    x = model.sample(20_000, generator=seeded(1))
    share = torch.bincount((x * torch.tensor([4, 2, 1])).sum(1), minlength=8) / len(x)
    assert ((share - p).abs() / (p * (1 - p) / len(x)).sqrt()).max() < 4.5


def test_in_one_step_tokens_do_not_know_each_other() -> None:
    model = masked()
    alone = model.logits(torch.full((1, 3), 2)).softmax(2)[0]  # (3, 2)
    p = torch.stack([alone[i, EVERY[:, i]] for i in range(3)]).prod(0)
    x = model.sample(20_000, steps=1, generator=seeded(2))
    share = torch.bincount((x * torch.tensor([4, 2, 1])).sum(1), minlength=8) / len(x)
    assert ((share - p).abs() / (p * (1 - p) / len(x)).sqrt()).max() < 4.5


def test_loss_is_minus_the_bound_a_token() -> None:
    model = masked()
    bound = model.elbo(EVERY, generator=seeded(3)).mean()
    assert model.loss(EVERY, generator=seeded(3)) == pytest.approx(-bound.item() / 3)


def test_a_pattern_is_learned() -> None:
    x = (torch.randint(3, (300, 1), generator=seeded(4)) + torch.arange(4)) % 3
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MaskedDiffusion(3, 4, width=16, depth=1, heads=2)
    fit(model, x, steps=120, batch_size=64, lr=1e-2)
    bound = torch.cat([model.elbo(x, generator=seeded(i)).detach() for i in range(20)])
    assert -bound.mean() == pytest.approx(math.log(3), abs=0.25)
    drawn = model.sample(200, generator=seeded(5))
    right = ((drawn[:, 1:] - drawn[:, :-1]) % 3 == 1).all(1)
    assert right.double().mean() > 0.8
    assert model.sample(50, steps=2, temperature=0.5).max() < 3


def test_a_file_keeps_it(tmp_path: Any) -> None:
    model, path = masked(), tmp_path / "model"
    save(model, path)
    twin = load(MaskedDiffusion(**model.config).double(), path)
    assert torch.equal(
        twin.sample(9, generator=seeded(6)), model.sample(9, generator=seeded(6))
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.elbo(EVERY + 1), ValueError, "x must hold tokens 0 to 1"),
        (lambda m: m.elbo(EVERY.double()), TypeError, "x must hold integer tokens"),
        (lambda m: m.loss(EVERY[:, :2]), ValueError, r"x must be \(n, 3\)"),
        (lambda m: m.loss(EVERY[:0]), ValueError, "at least one observation"),
        (lambda m: m.logits(EVERY + 2), ValueError, "tokens must hold tokens 0 to 2"),
        (lambda m: m.sample(1, steps=0), ValueError, "steps must be at least 1"),
        (lambda m: m.sample(1, torch.zeros(1)), ValueError, "y must be None"),
        (lambda m: masked(heads=3), ValueError, "heads must divide width 8, got 3"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(masked())


def test_logits_are_what_the_layers_say_of_all_tokens_at_once() -> None:
    model = masked()
    tokens = torch.tensor([[0, 2, 1], [2, 2, 2]])
    h = model.token_embedding.weight[tokens] + model.position_embedding
    for block in model.blocks:
        a = block.norm1(h)
        q, k, v = (t.unflatten(2, (2, 4)) for t in block.attention.qkv(a).chunk(3, 2))
        share = (torch.einsum("nqhd,nkhd->nhqk", q, k) / 2).softmax(3)
        seen = torch.einsum("nhqk,nkhd->nqhd", share, v).flatten(2)
        h = h + block.attention.out(seen)
        h = h + block.mlp(block.norm2(h))
    wanted = model.head(model.final_norm(h))
    assert torch.allclose(model.logits(tokens), wanted, atol=1e-9)


def test_the_bound_hides_as_many_as_the_dice_say() -> None:
    model = masked()
    u = torch.rand(8, 4, generator=seeded(7), dtype=torch.float64)
    wanted = []
    for row, x in zip(u.tolist(), EVERY, strict=True):
        k = min(int(row[0] * 3), 2) + 1
        order = sorted(range(3), key=lambda i: row[1 + i])
        hidden = tuple(order[:k])
        total = sum(guess(model, x[None], hidden, i) for i in hidden)
        wanted.append(float(total) * 3 / k)
    found = model.elbo(EVERY, generator=seeded(7))
    assert found.tolist() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("steps", "ends"), [(None, [0, 1, 2, 3]), (2, [0, 1, 3])])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_are_uncovered_in_the_order_of_the_dice(
    steps: int | None, ends: list[int], temperature: float
) -> None:
    model, g = masked(), seeded(8)
    u = torch.rand(6, 3, generator=g, dtype=torch.float64)
    order = [sorted(range(3), key=row.__getitem__) for row in u.tolist()]
    x = torch.full((6, 3), 2)
    for begin, end in itertools.pairwise(ends):
        p = (model.logits(x) / temperature).softmax(2)
        v = torch.rand(18, 1, generator=g, dtype=torch.float64).view(6, 3)
        drawn = (v >= p[..., 0]).long()
        for n in range(6):
            for place in order[n][begin:end]:
                x[n, place] = drawn[n, place]
    options: dict[str, Any] = {"steps": steps, "temperature": temperature}
    assert torch.equal(model.sample(6, **options, generator=seeded(8)), x)
    assert model.sample(2, steps=9).shape == (2, 3)  # no more steps than tokens


def test_a_new_model_has_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = MaskedDiffusion(7, 20, width=16, depth=2, heads=2)
    check_start(
        model,
        {
            "token_embedding.weight": (8, 16),
            "position_embedding": (20, 16),
            "*.qkv.weight": (48, 16),
            "*.qkv.bias": (48,),
            "*.out.weight": (16, 16),
            "*.mlp.0.weight": (64, 16),
            "*.mlp.0.bias": (64,),
            "*.mlp.2.weight": (16, 64),
            "head.weight": (7, 16),
            "head.bias": (7,),
            "*": (16,),
        },
        normal={"token_embedding.weight": 0.02, "position_embedding": 0.02},
    )


def test_sizes_have_a_least_value_and_methods_name_what_they_refuse() -> None:
    small = {"vocab_size": 2, "context_length": 1, "width": 1, "depth": 1, "heads": 1}
    check_limits(lambda **n: MaskedDiffusion(**small | n), **small)
    check_doors(masked, EVERY, rows=["loss"], steps=2, temperature=1.0)
