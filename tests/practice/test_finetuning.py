"""Low-rank adaptation: what it changes, and what it equals."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.finetuning import (
    LowRankLinear,
    add_lora,
    merge_lora,
    replay,
    trained_share,
)
from genbook.training import fit, isolated_rng
from seeding import seeded


def transformer() -> Transformer:
    with isolated_rng(0):
        return Transformer(7, 6, width=16, depth=2, heads=2)


def rows(n: int = 64) -> torch.Tensor:
    return torch.randint(7, (n, 6), generator=seeded(1))


def test_it_begins_where_the_model_stood() -> None:
    model = transformer()
    before = model.logits(rows())
    assert torch.equal(add_lora(model, 2).logits(rows()), before)


def test_training_moves_only_the_differences() -> None:
    model = add_lora(transformer(), 2)
    before = copy.deepcopy(model.state_dict())
    fit(model, rows(), steps=5)
    for name, now in model.state_dict().items():
        moved = not torch.equal(now, before[name])
        assert moved == name.endswith((".A", ".B")), name


def test_merged_and_unmerged_say_the_same() -> None:
    model = add_lora(transformer(), 3).double()
    fit(model, rows(), steps=20)
    apart = model.logits(rows())
    merged = merge_lora(copy.deepcopy(model))
    torch.testing.assert_close(merged.logits(rows()), apart)
    assert not any(isinstance(m, LowRankLinear) for m in merged.modules())
    assert set(merged.state_dict()) == set(transformer().state_dict())
    assert all(p.requires_grad for p in merged.parameters())


def test_the_difference_has_its_rank_and_full_rank_reaches_every_update() -> None:
    """With rank 4 of a 4 x 6 layer any target is met; with rank 2 its best rank 2."""
    with isolated_rng(3):
        base = nn.Linear(6, 4).double()
    target = torch.randn(4, 6, generator=seeded(2)).double()
    singular = torch.linalg.svdvals(target)
    for rank in (2, 4):
        layer = LowRankLinear(copy.deepcopy(base), rank)
        optimiser = torch.optim.LBFGS(
            [layer.A, layer.B], max_iter=600, line_search_fn="strong_wolfe"
        )

        def off(layer=layer, optimiser=optimiser):
            optimiser.zero_grad()
            gone = layer.scale * layer.B @ layer.A
            loss = (gone - target).square().sum()
            loss.backward()
            return loss

        optimiser.step(off)
        update = (layer.merged().weight - base.weight).detach()
        assert torch.linalg.matrix_rank(update, rtol=1e-8) == rank
        left = (update - target).square().sum().item()
        assert left == pytest.approx(singular[rank:].square().sum().item(), abs=1e-6)


def test_the_share_of_weights_is_counted() -> None:
    model = transformer()
    whole = sum(p.numel() for p in model.parameters())
    assert trained_share(model) == 1
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    extra = sum(3 * sum(layer.weight.shape) for layer in layers)
    assert trained_share(add_lora(model, 3)) == pytest.approx(extra / whole)


def test_the_seed_decides_the_first_differences_and_nothing_else_moves() -> None:
    torch.manual_seed(5)
    after = torch.rand(1)
    torch.manual_seed(5)
    a, b, c = (add_lora(transformer(), 2, seed=s) for s in (0, 0, 1))
    assert torch.rand(1) == after
    first = [m.blocks[0].attention.qkv.A for m in (a, b, c)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_replay_takes_its_share_evenly() -> None:
    new, old = torch.zeros(10, 2).long(), torch.arange(1, 5)[:, None].expand(4, 2)
    mixed = replay(new, old, 0.6, seed=1)
    assert torch.equal(mixed[:10], new)
    counts = mixed[10:, 0].bincount(minlength=5)[1:]
    assert counts.sum() == 6
    assert counts.max() - counts.min() <= 1
    assert len(replay(new, old, 0.0)) == 10


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="must have a linear layer inside"):
        add_lora(nn.Sequential(nn.ReLU()), 2)
    with pytest.raises(ValueError, match="old must be"):
        replay(torch.zeros(3, 2).long(), torch.zeros(3, 4).long(), 0.5)
    with pytest.raises(ValueError, match="share must be at most 100, got 101"):
        replay(torch.zeros(3, 2).long(), torch.zeros(3, 2).long(), 101)


def test_a_low_rank_layer_names_what_it_cannot_take() -> None:
    layer = LowRankLinear(nn.Linear(3, 2), rank=1)
    for x, error, message in (
        (None, TypeError, r"^x must be a torch.Tensor, got NoneType"),
        (torch.zeros(2, 3).long(), TypeError, r"^x must be floating point"),
        (torch.zeros(2, 3).double(), TypeError, r"^x must be torch.float32"),
        (torch.zeros(2, 4), ValueError, r"^x must be \(..., 3\), got \(2, 4\)"),
        (torch.zeros(()), ValueError, r"^x must be \(..., 3\), got \(\)"),
    ):
        with pytest.raises(error, match=message):
            layer(x)
    for shape in ((3,), (0, 3), (2, 3), (2, 4, 3)):
        assert layer(torch.full(shape, torch.nan)).shape == (*shape[:-1], 2)
