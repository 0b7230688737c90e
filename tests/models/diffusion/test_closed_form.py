"""The exact velocity of a mixture, against the density of noisy data."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from doors import check_function_doors
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion.closed_form import (
    GaussianMixtureVelocity,
    mixture_velocity,
)
from genbook.models.diffusion.schedules import Cosine, Straight
from seeding import seeded

WEIGHTS = torch.tensor([0.3, 0.7]).double()
MEANS = torch.tensor([[1.0, -0.5, 0.2], [-0.4, 0.8, 1.5]]).double()
ROOTS = torch.randn(2, 3, 3, generator=seeded(0)).double()
COVARIANCES = ROOTS @ ROOTS.mT + 0.1 * torch.eye(3).double()
GOOD: dict[str, Any] = {
    "schedule": Cosine(),
    "weights": WEIGHTS,
    "means": MEANS,
    "covariances": COVARIANCES,
}


def by_sums(schedule: Any, x: Tensor, t: Tensor) -> Tensor:
    """Return E(da x0 + db eps) given x_t, component by component."""
    a, b = schedule.alpha(t), schedule.sigma(t)
    da, db = schedule.d_alpha(t), schedule.d_sigma(t)
    eye, log_p, each = torch.eye(3).double(), [], []
    for w, mu, cov in zip(WEIGHTS, MEANS, COVARIANCES, strict=True):
        there = a**2 * cov + b**2 * eye
        pull = torch.linalg.solve(there, (x - a * mu).T).T
        each.append(da * (mu + a * pull @ cov) + db * b * pull)
        log_p.append(w.log() + MultivariateNormal(a * mu, there).log_prob(x))
    share = torch.stack(log_p).softmax(0)
    return (share[..., None] * torch.stack(each)).sum(0)


@pytest.mark.parametrize("schedule", [Cosine(), Straight()])
@pytest.mark.parametrize("t", [0.1, 0.6])
def test_the_velocity_is_the_conditional_expectation(schedule: Any, t: float) -> None:
    x = torch.randn(7, 3, generator=seeded(1)).double()
    time = torch.tensor(t).double()
    net = GaussianMixtureVelocity(schedule, 2 * WEIGHTS, MEANS, COVARIANCES)
    wanted = by_sums(schedule, x, time)
    assert torch.allclose(net(x, time.expand(7)), wanted)
    assert torch.allclose(net(x, time[None]), wanted)
    if isinstance(schedule, Straight):
        mixture = GaussianMixture.from_parameters(WEIGHTS, MEANS, COVARIANCES)
        assert torch.allclose(mixture_velocity(mixture, x, time), wanted)


def test_flat_components_are_allowed() -> None:
    flat = torch.diag_embed(torch.tensor([[1.0, 0.0, 0.0]] * 2)).double()
    net = GaussianMixtureVelocity(Cosine(), WEIGHTS, MEANS, flat)
    assert net(torch.zeros(2, 3).double(), torch.ones(1).double()).isfinite().all()
    assert net(torch.zeros(0, 3).double(), torch.ones(0).double()).shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"schedule": "cosine"}, TypeError, "schedule must be a Schedule, got str"),
        ({"means": MEANS[0]}, ValueError, "means must be"),
        ({"weights": WEIGHTS[:1]}, ValueError, "weights must be"),
        ({"weights": WEIGHTS.float()}, TypeError, "weights must be"),
        ({"weights": WEIGHTS * 0}, ValueError, "weights must be positive"),
        ({"covariances": COVARIANCES[:1]}, ValueError, "covariances must be"),
        ({"covariances": ROOTS}, ValueError, "covariances must be symmetric"),
        ({"covariances": -COVARIANCES}, ValueError, "must be positive semidefinite"),
        ({"covariances": COVARIANCES / 0}, ValueError, "covariances must be finite"),
    ],
)
def test_bad_parameters_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        GaussianMixtureVelocity(**(GOOD | change))


@pytest.mark.parametrize(
    ("x", "t", "y", "error"),
    [
        (torch.zeros(4, 2).double(), torch.zeros(4).double(), None, ValueError),
        (torch.zeros(4, 3), torch.zeros(4).double(), None, TypeError),
        (torch.zeros(4, 3).double(), torch.zeros(4), None, TypeError),
        (torch.zeros(4, 3).double(), torch.zeros(3).double(), None, ValueError),
        (torch.zeros(4, 3).double(), torch.zeros(4).double(), 2, TypeError),
    ],
)
def test_bad_questions_are_refused(
    x: Tensor, t: Tensor, y: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="must be"):
        GaussianMixtureVelocity(**GOOD)(x, t, y)


def test_bad_mixtures_are_refused() -> None:
    mixture = GaussianMixture.from_parameters(WEIGHTS, MEANS, COVARIANCES)
    x, t = torch.zeros(4, 3).double(), torch.tensor(0.5).double()
    with pytest.raises(TypeError, match="mixture must be a GaussianMixture, got int"):
        mixture_velocity(3, x, t)  # type: ignore[arg-type]
    for bad_x, bad_t in ((x[:, 1:], t), (x, t + 1), (x / 0, t)):
        with pytest.raises(ValueError, match="must"):
            mixture_velocity(mixture, bad_x, bad_t)


def test_mixture_velocity_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    mixture = GaussianMixture(2, 2)
    check_function_doors(mixture_velocity, mixture=mixture, x=x, t=torch.tensor(0.5))


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_symmetry_is_asked_in_any_unit(unit: float) -> None:
    skew = COVARIANCES.clone()
    for share, refused in ((1e-5, False), (1e-3, True)):
        skew[0, 0, 1] = COVARIANCES[0, 0, 1] + share * COVARIANCES.abs().max()
        given = GOOD | {"covariances": unit * skew}
        if refused:
            with pytest.raises(ValueError, match="covariances must be symmetric"):
                GaussianMixtureVelocity(**given)
        else:
            GaussianMixtureVelocity(**given)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_a_negative_variance_is_refused_in_any_unit(unit: float) -> None:
    turn = torch.linalg.qr(ROOTS[0]).Q
    for least, refused in ((-1e-8, False), (-1e-4, True)):
        spectrum = torch.tensor([1.0, 0.3, least]).double()
        flat = (turn * spectrum) @ turn.mT
        given = GOOD | {"covariances": unit * torch.stack([flat, COVARIANCES[1]])}
        if refused:
            with pytest.raises(ValueError, match="must be positive semidefinite"):
                GaussianMixtureVelocity(**given)
        else:
            GaussianMixtureVelocity(**given)


def test_rounding_of_covariances_is_let_pass_and_no_more() -> None:
    def made(c: Tensor) -> GaussianMixtureVelocity:
        return GaussianMixtureVelocity(
            Straight(), torch.ones(1).double(), torch.zeros(1, 2).double(), c[None]
        )

    eye = torch.eye(2).double()
    for off, fits in ((0.9e-4, True), (1.1e-4, False)):
        c = eye.clone()
        c[0, 1] += off
        if fits:
            made(c)
        else:
            with pytest.raises(ValueError, match="covariances must be symmetric"):
                made(c)
    for low, fits in ((-0.9e-6, True), (-1.1e-6, False)):
        c = torch.tensor([[1.0, 0.0], [0.0, low]], dtype=torch.float64)
        if fits:
            assert made(c).variances.tolist() == [[0.0, 1.0]]
        else:
            with pytest.raises(ValueError, match="covariances must be positive semi"):
                made(c)


def test_weights_are_shares_of_their_sum() -> None:
    means, covariances = torch.zeros(3, 2), torch.eye(2).expand(3, 2, 2)
    net = GaussianMixtureVelocity(
        Straight(), torch.tensor([1.0, 2.0, 5.0]), means, covariances
    )
    assert net.log_weights.exp().tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    with pytest.raises(ValueError, match="weights must be positive, got"):
        GaussianMixtureVelocity(
            Straight(), torch.tensor([1.0, 0.0, 1.0]), means, covariances
        )
    assert net(torch.zeros(0, 2), torch.zeros(1)).shape == (0, 2)
    x, t = torch.randn(4, 2), torch.tensor([0.3])
    assert torch.allclose(net(x, t), net(x, t.expand(4)))
