"""The formulas of Gaussians: what they are given, and what they give back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from genbook.models.gaussians import (
    from_tril,
    gaussian_kl,
    gaussian_log_prob,
    to_tril,
)
from seeding import seeded

ROW, EYE = torch.zeros(3, 2), torch.eye(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: to_tril(None), TypeError, "raw_tril must be a torch.Tensor"),
        (lambda: to_tril(ROW), ValueError, r"raw_tril must be \(\.\.\., dim, dim\)"),
        (lambda: to_tril(EYE.long()), TypeError, "raw_tril must be floating point"),
        (lambda: from_tril(torch.zeros(3)), ValueError, "tril must be"),
        (lambda: from_tril(-EYE), ValueError, "tril must have a positive diagonal"),
        (lambda: from_tril(EYE * torch.nan), ValueError, "tril must be finite"),
        (lambda: gaussian_kl(ROW, ROW[:2]), ValueError, r"log_scale must be \(3, 2\)"),
        (lambda: gaussian_kl(ROW, ROW.double()), TypeError, "log_scale must be torch"),
        (lambda: gaussian_kl(ROW[0], ROW), ValueError, r"mu must be \(n, k\)"),
        (lambda: gaussian_log_prob(ROW, ROW, 1.0), TypeError, "log_scale must be a t"),
        (
            lambda: gaussian_log_prob(ROW[:1], ROW, ROW),
            ValueError,
            r"mu must be \(1, 2",
        ),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_what_is_no_number_stays_so() -> None:
    """A loss that is no number is for the training loop to name."""
    lost = ROW * torch.nan
    assert gaussian_kl(lost, ROW).isnan().all()
    assert gaussian_log_prob(ROW, lost, ROW).isnan().all()
    assert to_tril(EYE * torch.nan).isnan().any()


def test_divergence_and_density_are_those_of_torch() -> None:
    x, mu, log_scale = torch.randn(3, 5, 2, generator=seeded(0)).double()
    there = Normal(mu, log_scale.exp())
    here = Normal(torch.zeros(2).double(), torch.ones(2).double())
    assert torch.allclose(gaussian_kl(mu, log_scale), kl_divergence(there, here).sum(1))
    assert torch.allclose(gaussian_log_prob(x, mu, log_scale), there.log_prob(x).sum(1))


def test_triangles_come_back() -> None:
    raw = torch.randn(4, 3, 3, generator=seeded(1)).double()
    tril = to_tril(raw)
    assert torch.equal(tril, tril.tril())
    assert (tril.diagonal(dim1=-2, dim2=-1) > 0).all()
    assert torch.allclose(from_tril(tril), raw.tril())
    assert torch.allclose(to_tril(from_tril(tril)), tril)
