"""Private descent, beside gradients taken one at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.audits.privacy import privacy_spent
from genbook.practice.audits.private_training import clipped_sum, fit_privately
from genbook.training import isolated_rng


def a_model(seed: int = 0) -> Transformer:
    with isolated_rng(seed):
        return Transformer(11, context_length=6, width=8, depth=1, heads=2)


def tokens(n: int) -> torch.Tensor:
    return torch.randint(11, (n, 6), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("clip", [0.5, 1e6])
def test_each_gradient_is_shortened_on_its_own(clip: float) -> None:
    model, x = a_model(), tokens(7)
    total, lengths = clipped_sum(model, x, clip=clip)
    wanted = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for i in range(len(x)):
        model.zero_grad()
        model.loss(x[i : i + 1]).backward()
        grads = {n: p.grad for n, p in model.named_parameters()}
        length = math.sqrt(sum(float(g.square().sum()) for g in grads.values()))
        assert lengths[i].item() == pytest.approx(length, rel=1e-4)
        for name, g in grads.items():
            wanted[name] += g * min(1.0, clip / length)
    assert total.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(total[name], wanted[name], rtol=1e-3, atol=1e-5)


def test_without_noise_and_limit_it_is_adam() -> None:
    x = tokens(9)
    model, plain = a_model(), a_model()
    done = fit_privately(
        model, x, steps=1, batch_size=9, lr=1e-2, clip=1e6, noise=0.0, seed=0
    )
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-2)
    plain.loss(x).backward()
    optimiser.step()
    assert (done.epsilon, done.clipped) == (math.inf, 0)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        clear = theirs.grad.abs() > 1e-5  # Adam makes steps of rounding errors, too
        torch.testing.assert_close(ours[clear], theirs[clear], rtol=1e-3, atol=1e-4)


def test_the_noise_has_the_size_that_was_promised(monkeypatch) -> None:
    """Two runs that differ in the noise alone: the same rows, the same weights."""
    seen: list[torch.Tensor] = []

    def step(self, closure=None):
        group = self.param_groups[0]["params"]
        seen.append(torch.cat([p.grad.flatten() for p in group]))

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    x = tokens(40)
    for noise in (0.0, 3.0):
        fit_privately(a_model(), x, steps=20, batch_size=10, clip=0.5, noise=noise)
    clean, noisy = torch.stack(seen[:20]), torch.stack(seen[20:])
    spread = (noisy - clean).std().item()
    assert spread == pytest.approx(3.0 * 0.5 / 10, rel=0.05)


def test_rows_take_part_at_random_and_not_in_turns(monkeypatch) -> None:
    from genbook.practice.audits import private_training

    sizes, real = [], private_training._clipped_sum

    def count(model, x, clip):
        sizes.append(len(x))
        return real(model, x, clip)

    monkeypatch.setattr(private_training, "_clipped_sum", count)
    fit_privately(a_model(), tokens(60), steps=60, batch_size=20, noise=1.0)
    spread = torch.tensor(sizes, dtype=torch.float64)
    assert spread.mean().item() == pytest.approx(20, abs=2)
    assert spread.std().item() == pytest.approx(math.sqrt(60 / 3 * 2 / 3), rel=0.4)


def test_what_is_spent_is_what_the_accountant_says() -> None:
    done = fit_privately(a_model(), tokens(50), steps=2, batch_size=5, noise=1.5)
    assert done.epsilon == privacy_spent(1.5, 0.1, 2, delta=1 / 50)
    assert (done.delta, done.steps) == (0.02, 2)


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="model must be of the type Model"):
        fit_privately(nn.Linear(2, 2), torch.zeros(3, 2), steps=1)
    with pytest.raises(ValueError, match="x must be"):
        fit_privately(a_model(), tokens(5)[:, :4], steps=1)
    with pytest.raises(ValueError, match="clip must be positive"):
        clipped_sum(a_model(), tokens(5), clip=0.0)
