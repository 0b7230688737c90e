"""Second derivatives of flows: Hessians, scores that are trained on, Laplacians."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import hessian, jacobian

from genbook.models.flows.flow import Flow
from genbook.models.flows.splines import RQSpline, rqs_forward
from seeding import seeded

BOX = {"low": [-1.0, -2.0], "high": [1.0, 2.0]}
CONFIGS = {
    "spline": {},
    "affine": {"kind": "affine"},
    "spline-in-a-box": BOX,
    "affine-in-a-box": {"kind": "affine", **BOX},
    "waves": {"frequencies": 2},
}
TAILS = pytest.mark.parametrize("linear_tails", [False, True])
EYE = torch.eye(2, dtype=torch.float64)
STEP = 1e-5


@pytest.fixture(params=CONFIGS)
def flow(request: pytest.FixtureRequest) -> Flow:
    """A flow of each kind with random weights and smooth networks, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Flow(2, hidden=(16,), **CONFIGS[request.param]).double()
        for t in model.transforms:
            if hasattr(t, "conditioner"):
                t.conditioner.net[1] = torch.nn.SiLU()  # a kink has no Hessian
        with torch.no_grad():
            for p in model.parameters():
                p += 0.1 * torch.randn_like(p)
    return model.requires_grad_(False)


@pytest.fixture
def points() -> Tensor:
    """Points inside the box, ``(3, 2)``."""
    return 0.8 * torch.rand(3, 2, generator=seeded(1)).double() - 0.4


def log_p(model: Flow) -> Callable[[Tensor], Tensor]:
    return lambda v: model.log_prob(v[None])[0]


@pytest.mark.parametrize("vectorize", [False, True])
def test_hessian_is_that_of_finite_differences(
    flow: Flow, points: Tensor, vectorize: bool
) -> None:
    def slope(v: Tensor) -> Tensor:
        return jacobian(log_p(flow), v)

    for v in points:
        found = hessian(log_p(flow), v, vectorize=vectorize)
        wanted = [(slope(v + STEP * e) - slope(v - STEP * e)) / (2 * STEP) for e in EYE]
        assert torch.allclose(found, torch.stack(wanted), rtol=1e-4, atol=1e-4)
        assert torch.allclose(found, found.T, rtol=1e-9, atol=1e-9)
        assert found.abs().max() > 0.01


def test_score_and_laplacian_are_those_of_finite_differences(
    flow: Flow, points: Tensor
) -> None:
    """What score matching differentiates: the score, and the sum of its slopes."""
    x = points.clone().requires_grad_()
    (score,) = torch.autograd.grad(flow.log_prob(x).sum(), x, create_graph=True)
    laplacian = torch.zeros(len(x)).double()
    for i in range(2):
        (row,) = torch.autograd.grad(score[:, i].sum(), x, retain_graph=True)
        laplacian += row[:, i]
    h = 2e-5
    moved = [
        (flow.log_prob(points + h * e), flow.log_prob(points - h * e)) for e in EYE
    ]
    middle = flow.log_prob(points)
    slopes = torch.stack([(a - b) / (2 * h) for a, b in moved], 1)
    bends = torch.stack([(a - 2 * middle + b) / h**2 for a, b in moved], 1)
    assert torch.allclose(score, slopes, rtol=1e-4, atol=1e-4)
    assert torch.allclose(laplacian, bends.sum(1), rtol=1e-3, atol=1e-3)


def test_a_score_can_be_trained_on() -> None:
    """The gradient of a squared score by the weights, against finite differences."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = Flow(2, transforms=2, hidden=(4,), bins=3).double()
        for t in model.transforms:
            if hasattr(t, "conditioner"):
                t.conditioner.net[1] = torch.nn.SiLU()
        with torch.no_grad():
            for p in model.parameters():
                p += 0.3 * torch.randn_like(p)
    x = torch.randn(4, 2, generator=seeded(3)).double().requires_grad_()
    weight = model.transforms[1].conditioner.net[0].weight  # type: ignore[union-attr]

    def loss() -> Tensor:
        (score,) = torch.autograd.grad(model.log_prob(x).sum(), x, create_graph=True)
        return score.square().sum()

    (found,) = torch.autograd.grad(loss(), weight)
    for at in ((0, 0), (3, 0)):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[at] += sign * STEP
            ends.append(loss().item())
            with torch.no_grad():
                weight[at] -= sign * STEP
        wanted = (ends[0] - ends[1]) / (2 * STEP)
        assert found[at].item() == pytest.approx(wanted, rel=1e-5, abs=1e-7)
        assert abs(wanted) > 1e-4


def spline_inputs(linear_tails: bool) -> tuple[Tensor, Tensor]:
    numbers = 15 + (-1 if linear_tails else 1)
    theta = torch.randn(2, 2, numbers, generator=seeded(4), dtype=torch.float64)
    x = torch.rand(2, 2, generator=seeded(5), dtype=torch.float64)
    return x.requires_grad_(), theta.requires_grad_()


@TAILS
def test_the_fast_spline_has_second_derivatives(linear_tails: bool) -> None:
    x, theta = spline_inputs(linear_tails)

    def bend(x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return RQSpline.apply(x, theta, 5, linear_tails)

    assert torch.autograd.gradgradcheck(bend, (x, theta))
    assert torch.autograd.gradgradcheck(lambda v: bend(v, theta.detach()), (x,))
    assert torch.autograd.gradgradcheck(lambda v: bend(x.detach(), v), (theta,))


@TAILS
def test_parameters_that_depend_on_the_number_count_once(linear_tails: bool) -> None:
    x, theta = spline_inputs(linear_tails)
    turn = theta.detach()

    def bend(x: Tensor) -> tuple[Tensor, Tensor]:
        return RQSpline.apply(x, (turn * x[..., None]).sin(), 5, linear_tails)

    assert torch.autograd.gradcheck(bend, (x,))
    assert torch.autograd.gradgradcheck(bend, (x,))


def test_third_derivatives_are_those_of_the_plain_form() -> None:
    x, theta = spline_inputs(False)
    found = []
    for form in (rqs_forward, RQSpline.apply):
        value = form(x, theta, 5, False)[1].sum()
        for _ in range(3):
            (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        found.append(value)
    assert torch.allclose(*found, rtol=1e-9, atol=1e-9)


def test_what_cannot_be_differentiated_says_so() -> None:
    """Functional transforms: PyTorch refuses them, and nobody gets a wrong zero."""
    model = Flow(2).double()
    v = torch.zeros(2).double()
    for transform in (torch.func.hessian, torch.func.grad):
        with pytest.raises(RuntimeError, match="setup_context"):
            transform(lambda v: model(v[None])[1][0])(v)


def test_slopes_on_the_border_of_the_box_are_one_sided() -> None:
    model = Flow(2, low=[0.0, 0.0], high=[1.0, 1.0]).double()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.3 * torch.randn(p.shape, generator=seeded(6))
    for border, inside in ((0.0, 1e-9), (1.0, 1 - 1e-9)):
        slopes = []
        for at in (border, inside):
            x = torch.tensor([[at, 0.3]]).double().requires_grad_()
            slopes.append(torch.autograd.grad(model.log_prob(x).sum(), x)[0])
        assert torch.allclose(*slopes, rtol=1e-5)
        assert slopes[0].abs().max() > 0.01
