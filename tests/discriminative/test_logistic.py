"""Logistic regression agrees with scikit-learn and with its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression as Reference
from torch import Tensor

from genbook.discriminative.logistic import LogisticRegression


@pytest.fixture(scope="module")
def patients() -> tuple[Tensor, Tensor]:
    data = load_breast_cancer()
    x = torch.tensor(data.data)
    return (x - x.mean(0)) / x.std(0), torch.tensor(data.target)


@pytest.mark.parametrize("l2", [1e-3, 1e-2, 1.0])
def test_equals_scikit_learn(patients: tuple[Tensor, Tensor], l2: float) -> None:
    x, y = patients
    ours = LogisticRegression(30, l2=l2).double().fit(x, y)
    theirs = Reference(C=1 / (len(x) * l2), tol=1e-10, max_iter=10_000)
    theirs.fit(x.numpy(), y.numpy())
    p = ours.predict_proba(x).detach().numpy()
    assert np.abs(p - theirs.predict_proba(x.numpy())[:, 1]).max() < 1e-5


def test_the_penalty_leaves_the_bias_alone() -> None:
    x = torch.zeros(10, 1, dtype=torch.float64)
    y = torch.tensor([1] * 8 + [0] * 2)
    model = LogisticRegression(1, l2=100.0).double().fit(x, y)
    assert abs(model.predict_proba(x)[0].item() - 0.8) < 1e-8


def test_gradcheck() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(6, 3, generator=g, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    model = LogisticRegression(3, l2=0.1).double()
    model.weight.data.normal_(generator=g)
    assert torch.autograd.gradcheck(lambda v: model.loss(v, y), (x,))


def test_contributions_add_up_to_the_log_odds(patients: tuple[Tensor, Tensor]) -> None:
    x, y = patients
    model = LogisticRegression(30, l2=1e-2).double().fit(x, y)
    p = model.predict_proba(x)
    total = model.contributions(x).sum(1) + model.bias
    assert torch.allclose(total, p.log() - (1 - p).log(), atol=1e-6)


def test_bad_input_moves_no_weight() -> None:
    model, x = LogisticRegression(2), torch.randn(4, 2)
    with pytest.raises(ValueError, match="y must hold labels 0 to 1, got 2"):
        model.fit(x, torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match=r"x must be \(n, 2\)"):
        model.fit(x[:, :1], torch.tensor([0, 1, 1, 0]))
    with pytest.raises(ValueError, match="x must be finite"):
        model.fit(x / 0, torch.tensor([0, 1, 1, 0]))
    with pytest.raises(ValueError, match="l2 must be zero or positive"):
        LogisticRegression(2, l2=-1.0)
    assert not model.weight.any()
