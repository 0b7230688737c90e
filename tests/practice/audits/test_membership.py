"""The attack by loss, beside scikit-learn's curve and a count of pairs."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from genbook.practice.audits.membership import membership_inference


def losses(n: int, shift: float, seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return (torch.randn(n, generator=g) + shift).mul(4).round().div(4)  # with ties


@pytest.mark.parametrize("shift", [-1.0, -0.2, 0.0, 0.5])
def test_auc_is_that_of_scikit_learn_and_of_all_pairs(shift: float) -> None:
    a, b = losses(300, shift, 0), losses(200, 0.0, 1)
    found = membership_inference(a, b)
    score = torch.cat([-a, -b]).numpy()
    label = torch.cat([torch.ones(300), torch.zeros(200)]).numpy()
    assert found.auc == pytest.approx(roc_auc_score(label, score))
    pairs = (a[:, None] < b).double() + 0.5 * (a[:, None] == b).double()
    assert found.auc == pytest.approx(pairs.mean().item())


def test_caught_is_a_point_of_the_curve() -> None:
    a, b = torch.randn(400) - 1, torch.randn(500)
    found = membership_inference(a, b, false_alarms=0.1)
    score = torch.cat([-a, -b]).numpy()
    label = torch.cat([torch.ones(400), torch.zeros(500)]).numpy()
    false, true, _ = roc_curve(label, score, drop_intermediate=False)
    assert found.caught == pytest.approx(true[false <= 0.1 + 1e-9].max(), abs=0.005)
    # With the threshold put there, no more strangers are taken for members.
    threshold = b.sort().values[50]
    assert (b < threshold).double().mean() <= 0.1


def test_nothing_given_away_is_a_half_within_the_error() -> None:
    g = torch.Generator().manual_seed(0)
    found = [
        membership_inference(*torch.randn(2, 150, generator=g)) for _ in range(400)
    ]
    z = torch.tensor([(f.auc - 0.5) / f.error for f in found])
    assert abs(z.mean()) < 0.2
    assert z.std().item() == pytest.approx(1, abs=0.1)
    share = sum(f.p_value < 0.05 for f in found) / len(found)
    assert 0.02 < share < 0.09


def test_the_spread_is_that_of_repeated_attacks() -> None:
    g = torch.Generator().manual_seed(0)
    found = [
        membership_inference(
            torch.randn(60, generator=g) - 1, 2 * torch.randn(90, generator=g)
        )
        for _ in range(500)
    ]
    real = torch.tensor([f.auc for f in found]).std().item()
    said = sum(f.spread for f in found) / len(found)
    assert said == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("wrong", [torch.zeros(0), torch.tensor([torch.nan])])
def test_bad_losses(wrong: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="members must"):
        membership_inference(wrong, torch.zeros(2))
    with pytest.raises(ValueError, match="strangers must"):
        membership_inference(torch.zeros(2), wrong)
