"""The formulas of Gaussians: what they are given, and what they give back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genbook.models.gaussians import (
    from_tril,
    gaussian_kl,
    gaussian_log_prob,
    to_tril,
)

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
