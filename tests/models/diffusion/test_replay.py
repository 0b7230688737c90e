"""Derivatives of what runs again: those of autograd, with the dice of the first run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genbook.models.diffusion._replay import outside_inference, replay
from seeding import seeded


def net(dropout: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2)
        return nn.Sequential(*layers).double()


def twice(model: nn.Module, x: Tensor) -> Tensor:
    """Two runs in a row, as along a differential equation."""
    return replay(model, model, x + replay(model, model, x))


def test_derivatives_of_first_and_second_order() -> None:
    model, x = net(), torch.randn(5, 2, generator=seeded(1)).double()
    x.requires_grad_()
    inputs = (x, *model.parameters())

    def orders(out: Tensor) -> list[Tensor]:
        first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
        total = sum(g.square().sum() for g in first)
        return [*first, *torch.autograd.grad(total, inputs)]

    found, wanted = orders(twice(model, x)), orders(model(x + model(x)))
    assert all(torch.allclose(a, b) for a, b in zip(found, wanted, strict=True))


def test_only_what_needs_a_gradient_gets_one() -> None:
    model, x = net(), torch.ones(3, 2).double()
    model[0].requires_grad_(False)
    replay(model, model, x).sum().backward()
    assert x.grad is None
    assert model[0].weight.grad is None
    assert model[3].weight.grad is not None
    y = torch.ones(3, 2).double().requires_grad_()
    out = replay(model, lambda a, b, c: model(a) * c, x, None, y)
    out.sum().backward()
    assert torch.allclose(y.grad, model(x))
    with torch.no_grad():
        assert not replay(model, model, y).requires_grad


def test_dropout_falls_as_it_fell_and_leaves_the_dice() -> None:
    model = net(dropout=0.5).train()
    x = torch.randn(50, 2, generator=seeded(2)).double().requires_grad_()
    torch.manual_seed(5)
    out = replay(model, model, x)
    after = torch.get_rng_state()
    torch.rand(7)
    now = torch.get_rng_state()
    (found,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(torch.get_rng_state(), now)
    torch.manual_seed(5)
    (wanted,) = torch.autograd.grad(model(x).sum(), x)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.allclose(found, wanted)


def test_inference_mode() -> None:
    model = net()
    with torch.inference_mode():
        x = torch.ones(2, 2).double()
        with outside_inference(model):
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_grad_enabled()
            assert torch.equal(replay(model, model, x), model(x))
        made = net()
    with torch.enable_grad():
        assert replay(model, model, x).requires_grad
    with pytest.raises(ValueError, match=r"made outside of torch\.inference_mode"):
        outside_inference(made).__enter__()
    with outside_inference(model):
        assert torch.is_grad_enabled()


def test_a_question_may_lack_a_part() -> None:
    model, x = net(), torch.randn(5, 2, generator=seeded(1)).double()
    found = replay(model, lambda y, x: model(x), None, x)
    assert torch.equal(found, model(x))
    found.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
