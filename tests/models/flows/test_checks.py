"""The doors of the pieces of a flow, each a little on either side."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genbook.models.flows import _checks
from genbook.models.networks._doors import check_vectors

Z, LONG = torch.zeros, torch.zeros(2, 3).long()


@pytest.mark.parametrize(
    ("check", "last"),
    [
        (_checks.check_bins, 999),
        (_checks.check_frequencies, 24),
        (lambda n: _checks.check_widths([n])[0], 2**20),
    ],
)
def test_counts_have_limits(check: Any, last: int) -> None:
    assert check(last) == last
    for bad, error in ((last + 1, ValueError), (-1, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="must be"):
            check(bad)
    assert _checks.check_frequencies(0) == 0
    assert _checks.check_bins(1) == 1
    with pytest.raises(ValueError, match="bins must be at least 2"):
        _checks.check_bins(1, 2)
    assert _checks.MAX_DIM == 16_384
    assert _checks.MAX_NUMBERS == 2**30


def test_numbers_of_a_spline() -> None:
    _checks.check_theta(Z(5, 11), 4, True)
    _checks.check_theta(Z(0, 13), 4, False)
    for theta, tails in ((Z(5, 12), True), (Z(5, 11), False), (Z(()), True)):
        with pytest.raises(ValueError, match="theta must be"):
            _checks.check_theta(theta, 4, tails)
    with pytest.raises(TypeError, match="linear_tails must be True or False"):
        _checks.check_theta(Z(5, 11), 4, 1)  # type: ignore[arg-type]
    spoilt = Z(5, 11) / 0
    _checks.check_theta(spoilt, 4, True, values=False)
    with pytest.raises(ValueError, match="theta must be finite"):
        _checks.check_theta(spoilt, 4, True)
    _checks.check_numbers(Z(0), "x", Z(0, 11), 4, True)
    _checks.check_numbers(Z(5) + 2, "x", Z(5, 11), 4, True, values=False)
    for v, error in (
        (Z(4), ValueError),
        (Z(5).double(), TypeError),
        (Z(5) + 2, ValueError),
        (Z(5) / 0, ValueError),
    ):
        with pytest.raises(error, match="must"):
            _checks.check_numbers(v, "x", Z(5, 11), 4, True)


def test_pairs_vectors_and_what_is_unused() -> None:
    _checks.check_pairs(Z(0, 3), "x", Z(0, 3, 2))
    _checks.check_pairs(Z(4, 3) / 0, "x", Z(4, 3, 2) / 0)
    for v, theta in ((Z(4, 3), Z(4, 3, 1)), (Z(4, 2), Z(4, 3, 2))):
        with pytest.raises(ValueError, match="must be"):
            _checks.check_pairs(v, "x", theta)
    check_vectors(Z(0, 3), "x", 3, torch.float32)
    check_vectors(Z(2, 3) / 0, "x", 3, torch.float32)
    for v, error in ((Z(2, 4), ValueError), (Z(2, 3).double(), TypeError)):
        with pytest.raises(error, match="x must be"):
            check_vectors(v, "x", 3, torch.float32)
    _checks.check_unused(None, 4)
    _checks.check_unused(Z(4, 1) / 0, 4)
    _checks.check_unused(Z(0, 1), 0)
    for h, error in ((Z(3, 1), ValueError), (LONG, TypeError)):
        with pytest.raises(error, match="h must be"):
            _checks.check_unused(h, 2)


def test_a_constant_column_is_found() -> None:
    x = torch.tensor([[0.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="got 2 alone in column 1 of the first 2 rows"):
        _checks.check_varied(x)
    assert _checks.check_varied(x[:, ::2]).shape == (2, 2)


def test_features_of_conditions() -> None:
    f32 = torch.float32
    _checks.check_features(None, 4, 0, f32)
    _checks.check_features(Z(4, 3) / 0, 4, 3, f32)
    _checks.check_features(Z(0, 3), 0, 3, f32)
    for h, features, error in (
        (Z(4, 3), 0, ValueError),
        (None, 3, ValueError),
        (Z(4, 2), 3, ValueError),
        (Z(3, 3), 3, ValueError),
        (Z(4, 3).double(), 3, TypeError),
    ):
        with pytest.raises(error, match="h must be"):
            _checks.check_features(h, 4, features, f32)


def test_numbers_need_parameters_of_a_spline() -> None:
    for theta, tails, error, message in (
        (Z(5, 12), True, ValueError, r"^theta must be \(…, 11\)"),
        (Z(5, 11).long(), True, TypeError, r"^theta must be floating"),
        (Z(5, 11), "no", TypeError, r"^linear_tails must be True or False"),
        (Z(5, 11) / 0, True, ValueError, r"^theta must be finite"),
    ):
        with pytest.raises(error, match=message):
            _checks.check_numbers(Z(5), "x", theta, 4, tails)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^bins must be at most 999"):
        _checks.check_numbers(Z(5), "x", Z(5, 11), 1000, True)
    for v, message in ((Z(5) / 0, "x must be finite"), ([0.5], "x must be a torch.T")):
        with pytest.raises((TypeError, ValueError), match=message):
            _checks.check_numbers(v, "x", Z(5, 11), 4, True)  # type: ignore[arg-type]
