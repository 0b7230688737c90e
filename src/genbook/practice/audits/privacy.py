r"""Differential privacy: training that shows little of any one observation.

A training is :math:`(\varepsilon, \delta)`-differentially private if adding or removing
one observation changes the probability of no outcome by more than a factor
:math:`e^\varepsilon`, up to a probability :math:`\delta`. Stochastic gradient descent
becomes so by two changes. The gradient of each observation is clipped to a length
:math:`C`, and Gaussian noise of standard deviation :math:`\sigma C` is added to their
sum; each observation takes part in a step with probability :math:`q`.

One step, seen by the Rényi divergence of order :math:`\alpha`, gives away

.. math:: \rho_\alpha = \frac1{\alpha-1} \log \int p_0(z)
          \Bigl(1 - q + q\,\frac{p_1(z)}{p_0(z)}\Bigr)^{\alpha} \mathrm dz

with :math:`p_\mu = \mathcal N(\mu, \sigma^2)`. The integral has one dimension, and is
computed as it stands. Steps add up, and an order gives

.. math:: \varepsilon = T \rho_\alpha + \log\frac{\alpha-1}{\alpha}
          - \frac{\log \delta + \log \alpha}{\alpha - 1};

the smallest over all orders counts.

Reference:
    M. Abadi et al., "Deep Learning with Differential Privacy", 2016, arXiv:1607.00133;
    I. Mironov, K. Talwar and L. Zhang, "Rényi Differential Privacy of the Sampled
    Gaussian Mechanism", 2019, arXiv:1908.10530; C. L. Canonne, G. Kamath and
    T. Steinke, "The Discrete Gaussian for Differential Privacy", 2020,
    arXiv:2004.00010, proposition 12.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from genbook._validate import check_count, check_number, check_positive, check_share

__all__ = ["noise_for", "privacy_spent", "renyi_divergence"]

#: The orders that are tried.
ORDERS = (*np.arange(1.05, 4, 0.15), *range(4, 33), 40, 48, 64, 96, 128, 256)
#: The most steps of a training.
MOST_STEPS = 10_000_000


def renyi_divergence(noise: float, rate: float, order: float) -> float:
    """Return what one step gives away, the Rényi divergence in nats.

    Args:
        noise: The standard deviation of the noise, in lengths of a clipped gradient,
            0.2 to 1,000.
        rate: The probability with which an observation takes part, between 0 and 1,
            or 1.
        order: The order of the divergence, above 1 and up to 512.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If one is out of range.

    Example:
        >>> round(renyi_divergence(2.0, 1.0, order=8), 6)  # order / (2 noise²)
        1.0
    """
    noise, rate = _check_noise(noise), _check_rate(rate)
    if not 1 < check_number(order, "order") <= 512:
        raise ValueError(f"order must be above 1 and at most 512, got {order}")
    step = min(noise, noise**2) / 12
    z = np.arange(-14 * noise, order + 14 * noise, step)
    ratio = (2 * z - 1) / (2 * noise**2)  # log p₁ / p₀
    if rate < 1:
        ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + ratio)
    p0 = -0.5 * (z / noise) ** 2 - math.log(noise * math.sqrt(2 * math.pi))
    whole = logsumexp(p0 + order * ratio) + math.log(step)
    return max(float(whole), 0.0) / (order - 1)


def privacy_spent(noise: float, rate: float, steps: int, *, delta: float) -> float:
    """Return the ε of a training: the smaller, the less it shows of anybody.

    Args:
        noise: The standard deviation of the noise, in lengths of a clipped gradient,
            0.2 to 1,000.
        rate: The probability with which an observation takes part in a step.
        steps: How many steps, up to ten million.
        delta: The probability up to which the promise may fail; below one over the
            number of observations.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If one is out of range.

    Example:
        >>> round(privacy_spent(1.1, 256 / 60_000, 14_062, delta=1e-5), 1)
        2.6
    """
    noise, rate = _check_noise(noise), _check_rate(rate)
    steps = check_count(steps, "steps", 1, MOST_STEPS)
    delta = check_share(delta, "delta")
    found = [
        steps * renyi_divergence(noise, rate, order)
        + math.log((order - 1) / order)
        - (math.log(delta) + math.log(order)) / (order - 1)
        for order in map(float, ORDERS)
    ]
    return max(min(found), 0.0)


def noise_for(epsilon: float, rate: float, steps: int, *, delta: float) -> float:
    """Return the least noise with which a training keeps a promise.

    Args:
        epsilon: The ε that may be spent, 0.1 to 100.
        rate: The probability with which an observation takes part in a step.
        steps: How many steps, up to ten million.
        delta: The probability up to which the promise may fail.

    Returns:
        The noise, found by halving intervals, within a thousandth of itself above the
        least, 0.2 to 1,000.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If one is out of range, or no noise up to 1,000 is enough.

    Example:
        >>> noise = noise_for(2.0, 0.01, 1000, delta=1e-5)
        >>> 1.98 < privacy_spent(noise, 0.01, 1000, delta=1e-5) <= 2
        True
    """
    epsilon = check_positive(epsilon, "epsilon", maximum=100)
    if epsilon < 0.1:
        raise ValueError(f"epsilon must be at least 0.1, got {epsilon}")
    low, high = 0.2, 0.4
    while privacy_spent(high, rate, steps, delta=delta) > epsilon:
        low, high = high, 2 * high
        if high > 1000:
            raise ValueError(f"epsilon must be within reach of a noise, got {epsilon}")
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        if privacy_spent(middle, rate, steps, delta=delta) > epsilon:
            low = middle
        else:
            high = middle
    return high


def _check_noise(noise: float) -> float:
    """Return a noise of which the integral is exact."""
    if not 0.2 <= check_number(noise, "noise") <= 1000:
        raise ValueError(f"noise must be between 0.2 and 1,000, got {noise}")
    return float(noise)


def _check_rate(rate: float) -> float:
    """Return a probability of taking part."""
    if check_positive(rate, "rate") > 1:
        raise ValueError(f"rate must be at most 1, got {rate}")
    return float(rate)
