"""Calibration and the Brier score against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from torch import Tensor

from doors import check_function_doors
from genbook.metrics import brier_score, calibration_error, reliability


def forecast(n: int = 500) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    p = torch.rand(n, generator=g, dtype=torch.float64)
    return p, (torch.rand(n, generator=g, dtype=torch.float64) < p**2).long()


@pytest.mark.parametrize("bins", [1, 5, 10])
def test_reliability_equals_scikit_learn(bins: int) -> None:
    p, y = forecast()
    ours = reliability(p, y, bins=bins)
    observed, predicted = calibration_curve(y.numpy(), p.numpy(), n_bins=bins)
    assert np.abs(ours.observed.numpy() - observed).max() < 1e-12
    assert np.abs(ours.predicted.numpy() - predicted).max() < 1e-12
    assert ours.size.sum() == len(p)


def test_error_weights_the_bins_by_their_size() -> None:
    p, y = forecast()
    total = 0.0
    for low in np.arange(10) / 10:
        rows = [
            i
            for i in range(len(p))
            if low <= p[i] < low + 0.1 or p[i] == low + 0.1 == 1
        ]
        gap = sum(p[i].item() for i in rows) - sum(y[i].item() for i in rows)
        total += abs(gap) / len(p)
    assert abs(calibration_error(p, y) - total) < 1e-9


def test_brier_score_equals_scikit_learn() -> None:
    p, y = forecast()
    assert abs(brier_score(p, y) - brier_score_loss(y.numpy(), p.numpy())) < 1e-12


def test_certain_and_right_is_perfect() -> None:
    y = torch.tensor([0, 1, 1])
    assert calibration_error(y.float(), y) == 0
    assert brier_score(y.float(), y) == 0


def test_bad_input_is_named() -> None:
    p, y = forecast(4)
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\]"):
        brier_score(p + 1, y)
    with pytest.raises(ValueError, match="y must hold labels 0 to 1"):
        calibration_error(p, y + 2)
    with pytest.raises(ValueError, match="bins must be at least 1"):
        reliability(p, y, bins=0)


def test_what_is_certain_shares_the_last_bin() -> None:
    p, y = torch.tensor([1.0, 0.95, 0.0]), torch.tensor([1, 0, 0])
    r = reliability(p, y, bins=10)
    assert r.size.tolist() == [1, 2]
    assert r.predicted.tolist() == pytest.approx([0, 0.975])
    assert r.observed.tolist() == [0, 0.5]
    with pytest.raises(ValueError, match="bins must be at most 1,000,000"):
        reliability(p, y, bins=1_000_001)


def test_reliability_names_what_it_refuses() -> None:
    p, y = forecast(20)
    check_function_doors(reliability, p=p, y=y, bins=4)
