"""Every transform against autograd: inverse, log-determinant, shape, start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genbook.models.splines import Bend, knots
from genbook.models.transforms import (
    Affine,
    AffineCoupling,
    Linear,
    SplineCoupling,
    Transform,
)

MAKE: dict[str, Callable[[int], Transform]] = {
    "affine": Affine,
    "linear": lambda d: Linear(d, seed=3),
    "affine-coupling": lambda d: AffineCoupling(d, False, hidden=(16,)),
    "affine-coupling-swapped": lambda d: AffineCoupling(d, True, hidden=(16,)),
    "spline": lambda d: SplineCoupling(d, False, hidden=(16,), bins=5),
    "spline-swapped": lambda d: SplineCoupling(d, True, hidden=(16,), octaves=2),
    "spline-in-a-box": lambda d: SplineCoupling(
        d, True, hidden=(16,), bound=1.0, open_ends=False
    ),
}


@pytest.fixture(params=MAKE)
def transform(request: pytest.FixtureRequest, dim: int) -> Transform:
    """Each transform with random weights, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        t = MAKE[request.param](dim).double()
        with torch.no_grad():
            for p in t.parameters():
                p += 0.5 * torch.randn_like(p)
    return t.requires_grad_(False)


@pytest.fixture(params=[2, 3, 5])
def dim(request: pytest.FixtureRequest) -> int:
    """The length of a vector."""
    return request.param


@pytest.fixture
def x(transform: Transform, dim: int) -> Tensor:
    """Points, most of them where a spline acts, some outside."""
    g = torch.Generator().manual_seed(1)
    x = 2 * torch.randn(40, dim, generator=g, dtype=torch.float64)
    boxed = isinstance(transform, SplineCoupling) and not transform.open_ends
    return x.tanh() if boxed else x


def test_inverse_undoes_forward(transform: Transform, x: Tensor) -> None:
    z, _ = transform(x)
    assert z.shape == x.shape
    assert torch.allclose(transform.inverse(z), x, rtol=0, atol=1e-9)
    assert torch.allclose(transform(transform.inverse(x))[0], x, rtol=0, atol=1e-9)


def test_log_determinant_is_that_of_the_jacobian(
    transform: Transform, x: Tensor
) -> None:
    _, log_det = transform(x)
    assert log_det.shape == (len(x),)
    for row, value in zip(x[:12], log_det, strict=False):
        jacobian = torch.autograd.functional.jacobian(
            lambda v: transform(v[None])[0][0], row
        )
        exact = torch.linalg.slogdet(jacobian).logabsdet
        assert value.item() == pytest.approx(exact.item(), abs=1e-8)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("cls", [AffineCoupling, SplineCoupling])
def test_a_new_coupling_is_the_identity(cls: type, swap: bool) -> None:
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    z, log_det = cls(3, swap)(x)
    assert torch.allclose(z, x, atol=1e-5)
    assert torch.allclose(log_det, torch.zeros(20), atol=1e-4)


def test_a_coupling_keeps_one_half_and_looks_only_at_it() -> None:
    t = SplineCoupling(4, False)
    torch.nn.init.normal_(t.conditioner.net[-1].weight)
    x = torch.randn(1, 4, generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda v: t(v)[0][0], x)[:, 0]
    assert torch.equal(jacobian[:2], torch.eye(2, 4))
    assert (jacobian[2:, :2] != 0).any()
    assert torch.equal(jacobian[2:, 2:], jacobian[2:, 2:].diagonal().diag())


def test_a_spline_climbs_through_its_knots() -> None:
    t = SplineCoupling(2, False, bins=6).double()
    g = torch.Generator().manual_seed(4)
    theta = torch.randn(3, 1, t.per_coordinate, generator=g, dtype=torch.float64)
    at, image, slope = knots(theta, 6, open_ends=True)
    at, image = (t.bound * (2 * end - 1) for end in (at, image))
    for k in range(1, 6):
        value, log_slope = t.scalar(at[..., k], theta)
        assert torch.allclose(value, image[..., k], atol=1e-12)
        assert torch.allclose(log_slope.exp(), slope[..., k], atol=1e-10)
    v = torch.linspace(-5, 5, 400, dtype=torch.float64).expand(3, -1)[:, None]
    curve = torch.cat([t.scalar(v[:, :, i], theta)[0] for i in range(400)], 1)
    assert (curve.diff(dim=1) > 0).all()
    assert torch.equal(curve[:, 0], v[:, 0, 0])  # outside lies the identity


def test_linear_starts_as_a_rotation() -> None:
    t = Linear(4, seed=5).double()
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(6)).double()
    z, log_det = t(x)
    assert torch.allclose(z.norm(dim=1), x.norm(dim=1), atol=1e-5)
    assert torch.allclose(log_det, torch.zeros(10).double(), atol=1e-5)


def test_affine_standardises() -> None:
    x = 3 + 2 * torch.randn(500, 2, generator=torch.Generator().manual_seed(7))
    t = Affine(2)
    t.standardise(x)
    z, _ = t(x)
    assert torch.allclose(z.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(z.std(0, unbiased=False), torch.ones(2), atol=1e-5)


def test_a_condition_changes_a_coupling() -> None:
    t = AffineCoupling(2, False, features=3)
    torch.nn.init.normal_(t.conditioner.net[-1].weight)
    x, h = torch.ones(3, 2), torch.eye(3)
    z, _ = t(x, h)
    assert len(z[:, 1].unique()) == 3
    assert torch.allclose(t.inverse(z, h), x, atol=1e-5)


@pytest.mark.parametrize("open_ends", [False, True])
def test_the_written_derivatives_are_those_of_autograd(open_ends: bool) -> None:
    """The backward pass of a spline against finite differences and against autograd."""
    g = torch.Generator().manual_seed(8)
    bins = 5
    numbers = 3 * bins + (-1 if open_ends else 1)
    theta = torch.randn(6, 2, numbers, generator=g, dtype=torch.float64)
    x = torch.rand(6, 2, generator=g, dtype=torch.float64)
    theta.requires_grad_(), x.requires_grad_()

    def bend(x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return Bend.apply(x, theta, bins, open_ends)

    assert torch.autograd.gradcheck(bend, (x, theta))
    z, log_slope = bend(x, theta)
    slope = torch.autograd.grad(z.sum(), x)[0]
    assert torch.allclose(slope.log(), log_slope, rtol=0, atol=1e-12)


def test_the_ends_of_the_interval_stay() -> None:
    g = torch.Generator().manual_seed(9)
    theta = torch.randn(50, 25, generator=g, dtype=torch.float64)
    for end in (0.0, 1.0):
        x = torch.full((50,), end, dtype=torch.float64)
        z, log_slope = Bend.apply(x, theta, 8, False)
        assert torch.allclose(z, x, rtol=0, atol=1e-12)
        assert log_slope.isfinite().all()
