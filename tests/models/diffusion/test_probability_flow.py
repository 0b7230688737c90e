"""The way along a known velocity, and its likelihood, against closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genbook.models.diffusion.closed_form import GaussianMixtureVelocity
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.schedules import Cosine
from seeding import seeded


@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_likelihood_of_the_ode_is_the_closed_form(
    known: Any, prediction: str, schedule: str
) -> None:
    model = known.diffusion(prediction, schedule)
    target = torch.distributions.Normal(known.mean, known.std)
    z = torch.randn(50, 2, generator=seeded(12))
    x = known.mean + known.std * z
    wanted = target.log_prob(x).sum(1)
    got = model.log_prob(x, method="rk4")
    # linear-beta ends with 0.7 % of the data still there: its end is not quite noise.
    tolerance = 1e-3 if schedule == "cosine" else 5e-2
    assert torch.allclose(got, wanted, atol=tolerance)


def leaning() -> Diffusion:
    """Return the exact diffusion of a Gaussian whose axes are not the coordinates'."""
    covariance = torch.tensor([[[1.0, 0.6], [0.6, 0.5]]]).double()
    one, mean = torch.ones(1).double(), torch.zeros(1, 2).double()
    network = GaussianMixtureVelocity(Cosine(), one, mean, covariance)
    return Diffusion((2,), network=network, steps=20)


def test_likelihood_by_hutchinson_s_estimate_is_right_in_the_mean() -> None:
    model, k = leaning(), 400
    x = torch.randn(1, 2, generator=seeded(1)).double()
    many = model.log_prob(
        x.expand(k, 2), divergence="hutchinson", generator=seeded(2)
    )  # a probe for each copy of the point
    error = (many.std() / k**0.5).item()
    exact = model.log_prob(x).item()
    assert error > 1e-3  # each of them errs
    assert many.mean().item() == pytest.approx(exact, abs=4 * error)
    fewer = model.log_prob(
        x.expand(k, 2), divergence="hutchinson", probes=16, generator=seeded(3)
    )
    assert fewer.std() < many.std() / 3  # 16 probes, a quarter of the error
    assert fewer.mean().item() == pytest.approx(exact, abs=4 * error)


def test_hutchinson_s_probes_follow_the_generator() -> None:
    model = leaning()
    x = torch.randn(5, 2, generator=seeded(4)).double()
    a, b, c = (
        model.log_prob(x, divergence="hutchinson", generator=seeded(s))
        for s in (5, 5, 6)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(model.log_prob(x), model.log_prob(x, divergence="exact"))


def test_bad_divergences_are_refused() -> None:
    x = torch.zeros(1, 2).double()
    with pytest.raises(ValueError, match="divergence must be exact or hutchinson"):
        leaning().log_prob(x, divergence="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="probes must be at least 1, got 0"):
        leaning().log_prob(x, divergence="hutchinson", probes=0)
