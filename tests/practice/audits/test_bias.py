"""Bias and its amplification, beside quantiles of the beta law and a density."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from genbook.practice.audits.bias import bias_amplification, tilted_share


def test_share_and_interval() -> None:
    labels = torch.tensor([4] * 70 + [9] * 30 + [1] * 25)
    found = bias_amplification(labels, 4, 9, trained=0.6)
    assert (found.share, found.counted) == (0.7, 100)
    assert found.amplification == pytest.approx(0.1)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 70, 31))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 71, 30))


def test_a_faithful_model_is_rarely_accused() -> None:
    g = torch.Generator().manual_seed(0)
    draws = (torch.rand(400, 200, generator=g) < 0.7).long()
    found = [bias_amplification(d, 1, 0, trained=0.7) for d in draws]
    assert sum(f.p_value < 0.05 for f in found) / 400 < 0.08
    assert sum(f.low <= 0.7 <= f.high for f in found) / 400 > 0.93
    assert bias_amplification(draws[0], 1, 0, trained=0.4).p_value < 1e-6


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.0, 5.0])
def test_the_tilt_is_that_of_a_density_on_a_grid(weight: float) -> None:
    """Two far Gaussians in one condition, and one more mode without it."""
    x = torch.linspace(-20, 20, 8001, dtype=torch.float64)

    def at(m: float) -> torch.Tensor:
        return torch.exp(-((x - m) ** 2) / 2)

    given = 0.7 * at(-8) + 0.3 * at(8)
    whole = 0.25 * at(-8) + 0.35 * at(8) + 0.4 * at(0)
    tilted = whole * (given / whole) ** weight
    left, right = tilted[x < -4].sum(), tilted[x > 4].sum()
    wanted = (left / (left + right)).item()
    assert tilted_share(0.7, 0.25 / 0.6, weight) == pytest.approx(wanted, abs=1e-4)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="must differ, got 4 for both"):
        bias_amplification(torch.tensor([4]), 4, 4, trained=0.5)
    with pytest.raises(ValueError, match="labels must show 4 or 9, got neither"):
        bias_amplification(torch.tensor([1]), 4, 9, trained=0.5)
    with pytest.raises(ValueError, match="trained must be between 0 and 1"):
        bias_amplification(torch.tensor([4]), 4, 9, trained=1.0)
    with pytest.raises(ValueError, match="weight must be between"):
        tilted_share(0.5, 0.5, 1e9)
