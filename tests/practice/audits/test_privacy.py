"""The accountant, beside closed forms, published numbers and an exact trade-off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import comb, logsumexp
from scipy.stats import norm

from genbook.practice.audits.privacy import (
    noise_for,
    privacy_spent,
    renyi_divergence,
)


@pytest.mark.parametrize("order", [2, 3, 16, 64])
@pytest.mark.parametrize(("noise", "rate"), [(1.1, 0.01), (0.5, 0.2), (4.0, 0.5)])
def test_integer_orders_are_a_binomial_sum(
    noise: float, rate: float, order: int
) -> None:
    """Mironov, Talwar and Zhang, equation 3."""
    k = np.arange(order + 1)
    terms = np.log(comb(order, k)) + k * math.log(rate)
    terms += (order - k) * math.log1p(-rate) + (k * k - k) / (2 * noise**2)
    wanted = logsumexp(terms) / (order - 1)
    assert renyi_divergence(noise, rate, order) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("order", [1.05, 2.5, 33.3, 256])
def test_without_sampling_it_is_that_of_two_gaussians(order: float) -> None:
    wanted = order / (2 * 1.7**2)
    assert renyi_divergence(1.7, 1.0, order) == pytest.approx(wanted, rel=1e-9)


def test_fractional_orders_lie_between_their_neighbours() -> None:
    found = [renyi_divergence(0.9, 0.05, a) for a in (2, 2.25, 2.5, 2.75, 3)]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("noise", "epochs", "published"),
    [(1.3, 15, 1.19), (1.1, 60, 3.01), (0.7, 45, 7.10)],
)
def test_the_table_of_tensorflow_privacy(
    noise: float, epochs: int, published: float
) -> None:
    """Its tutorial on MNIST, δ = 1e-5, with the older step from ρ to ε."""
    rate, steps = 256 / 60_000, epochs * 60_000 // 256
    orders = [*np.arange(1.1, 11, 0.1), *range(12, 64)]
    older = min(
        steps * renyi_divergence(noise, rate, float(a)) + math.log(1e5) / (a - 1)
        for a in orders
    )
    assert older == pytest.approx(published, abs=0.005)
    assert privacy_spent(noise, rate, steps, delta=1e-5) < older


@pytest.mark.parametrize("noise", [0.6, 1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 20])
def test_never_below_the_exact_trade_off_of_gaussians(noise: float, steps: int) -> None:
    """Balle and Wang 2018: without sampling δ(ε) is known; T steps are one of σ/√T."""
    delta, sigma = 1e-5, noise / math.sqrt(steps)
    spent = privacy_spent(noise, 1.0, steps, delta=delta)

    def exact(eps: float) -> float:
        a = 1 / (2 * sigma)
        return float(
            norm.cdf(a - eps * sigma) - math.exp(eps) * norm.cdf(-a - eps * sigma)
        )

    assert exact(spent) <= delta  # the promise holds
    assert exact(0.8 * spent) > delta  # and gives little away


def test_more_noise_fewer_steps_and_rarer_use_spend_less() -> None:
    base = privacy_spent(1.0, 0.02, 500, delta=1e-4)
    assert privacy_spent(1.2, 0.02, 500, delta=1e-4) < base
    assert privacy_spent(1.0, 0.01, 500, delta=1e-4) < base
    assert privacy_spent(1.0, 0.02, 400, delta=1e-4) < base
    assert privacy_spent(1.0, 0.02, 500, delta=1e-3) < base


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 8.0, 50.0])
def test_the_noise_for_a_promise_is_the_least(epsilon: float) -> None:
    noise = noise_for(epsilon, 0.05, 300, delta=1e-3)
    assert privacy_spent(noise, 0.05, 300, delta=1e-3) <= epsilon
    assert privacy_spent(0.99 * noise, 0.05, 300, delta=1e-3) > epsilon


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="noise must be between"):
        privacy_spent(0.1, 0.1, 10, delta=1e-5)
    with pytest.raises(ValueError, match="rate must be at most 1"):
        privacy_spent(1.0, 1.1, 10, delta=1e-5)
    with pytest.raises(ValueError, match="order must be above 1"):
        renyi_divergence(1.0, 0.1, 1.0)
    with pytest.raises(ValueError, match="epsilon must be at least"):
        noise_for(0.01, 0.1, 10, delta=1e-5)
