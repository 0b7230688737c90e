"""The chain's sums agree with brute force over every labelling."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from genbook.discriminative.crf import LinearChainCRF

T, F, K, N = 5, 4, 3, 2


@pytest.fixture
def crf() -> LinearChainCRF:
    g = torch.Generator().manual_seed(3)
    crf = LinearChainCRF(F, K).double()
    for p in crf.parameters():
        p.data = torch.randn(p.shape, generator=g, dtype=torch.float64)
    return crf


@pytest.fixture
def x() -> Tensor:
    g = torch.Generator().manual_seed(4)
    return torch.randn(N, T, F, generator=g, dtype=torch.float64)


def every_labelling() -> Tensor:
    return torch.tensor(list(product(range(K), repeat=T)))  # (K**T, T)


def brute_scores(crf: LinearChainCRF, x: Tensor) -> Tensor:
    """Score every labelling with loops, straight from the definition."""
    rows = []
    for labelling in every_labelling().tolist():
        total = x.new_zeros(())
        for t, k in enumerate(labelling):
            total = total + crf.emission.weight[k] @ x[t] + crf.emission.bias[k]
            if t:
                total = total + crf.transition[labelling[t - 1], k]
        rows.append(total)
    return torch.stack(rows)


def test_partition_function_equals_brute_force(crf: LinearChainCRF, x: Tensor) -> None:
    brute = torch.stack([brute_scores(crf, row).logsumexp(0) for row in x])
    assert torch.allclose(crf.log_partition(x), brute, atol=1e-10, rtol=0)


def test_probabilities_sum_to_one(crf: LinearChainCRF, x: Tensor) -> None:
    y = every_labelling()
    p = crf.log_conditional(x[:1].expand(len(y), -1, -1), y).exp()
    assert abs(p.sum().item() - 1) < 1e-12


def test_gradients_equal_those_of_brute_force(crf: LinearChainCRF, x: Tensor) -> None:
    y = torch.tensor([[0, 2, 1, 1, 0]])
    crf.log_conditional(x[:1], y).sum().backward()
    ours = [p.grad.clone() for p in crf.parameters() if p.grad is not None]
    crf.zero_grad()
    scores = brute_scores(crf, x[0])
    index = (every_labelling() == y).all(1).nonzero().item()
    (scores[index] - scores.logsumexp(0)).backward()
    theirs = [p.grad for p in crf.parameters() if p.grad is not None]
    assert len(ours) == 3
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


def test_gradcheck(crf: LinearChainCRF, x: Tensor) -> None:
    y = torch.tensor([[0, 2, 1, 1, 0], [1, 1, 1, 0, 2]])
    x = x.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: crf.loss(v, y), (x,))


def test_marginals_equal_the_gradient_of_log_z(crf: LinearChainCRF, x: Tensor) -> None:
    a = crf.emission(x).detach().requires_grad_()
    z = crf._forward(a)[:, -1].logsumexp(1).sum()
    (gradient,) = torch.autograd.grad(z, a)
    assert torch.allclose(crf.marginals(x), gradient, atol=1e-12)


def test_viterbi_finds_the_best_of_all(crf: LinearChainCRF, x: Tensor) -> None:
    found = crf.viterbi(x)
    for row, y in zip(x, found, strict=True):
        assert torch.equal(y, every_labelling()[brute_scores(crf, row).argmax()])


def test_one_step_is_logistic_regression(crf: LinearChainCRF, x: Tensor) -> None:
    p = crf.marginals(x[:, :1])[:, 0]
    assert torch.allclose(p, crf.emission(x[:, 0]).softmax(1))


def test_a_chain_of_one_step_learns_what_scikit_learn_does() -> None:
    g = torch.Generator().manual_seed(5)
    x = torch.randn(200, F, generator=g, dtype=torch.float64)
    y = (x[:, :K] + torch.randn(200, K, generator=g, dtype=torch.float64)).argmax(1)
    crf = LinearChainCRF(F, K).double().fit(x[:, None], y[:, None], l2=0, iterations=99)
    theirs = LogisticRegression(C=1e9, tol=1e-9, max_iter=5_000)
    p = theirs.fit(x.numpy(), y.numpy()).predict_proba(x.numpy())
    assert abs(crf.marginals(x[:, None])[:, 0].numpy() - p).max() < 1e-3


def test_fit_learns_which_label_follows_which() -> None:
    y = torch.tensor([[0, 1, 2, 0, 1, 2]])
    x = torch.zeros(1, 6, 1)
    crf = LinearChainCRF(1, 3).fit(x, y, l2=1e-4)
    assert torch.equal(crf.viterbi(x)[0], y[0])


def test_bad_input_is_named(crf: LinearChainCRF, x: Tensor) -> None:
    y = torch.zeros(N, T, dtype=torch.long)
    with pytest.raises(ValueError, match=r"x must be \(n, T, 4\), got \(2, 5, 3\)"):
        crf.viterbi(x[..., :3])
    with pytest.raises(ValueError, match=r"y must be \(2, 5\), got \(2, 4\)"):
        crf.score(x, y[:, :4])
    with pytest.raises(ValueError, match="y must hold labels 0 to 2, got 3"):
        crf.score(x, y + 3)
    with pytest.raises(TypeError, match="integer labels"):
        crf.score(x, y.double())
    with pytest.raises(ValueError, match="x must be finite"):
        crf.viterbi(x / 0)
