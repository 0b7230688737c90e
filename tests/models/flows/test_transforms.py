"""Every transform against autograd: inverse, log-determinant, shape, start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genbook.models.flows.couplings import AffineCoupling, SplineCoupling
from genbook.models.flows.transforms import ActNorm, PLULinear, Transform

MAKE: dict[str, Callable[[int], Transform]] = {
    "actnorm": ActNorm,
    "plu-linear": lambda d: PLULinear(d, seed=3),
    "affine-coupling": lambda d: AffineCoupling(d, False, hidden=(16,)),
    "affine-coupling-swapped": lambda d: AffineCoupling(d, True, hidden=(16,)),
    "spline": lambda d: SplineCoupling(d, False, hidden=(16,), bins=5),
    "spline-swapped": lambda d: SplineCoupling(d, True, hidden=(16,), frequencies=2),
    "spline-in-a-box": lambda d: SplineCoupling(
        d, True, hidden=(16,), bound=1.0, linear_tails=False
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
    boxed = isinstance(transform, SplineCoupling) and not transform.linear_tails
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


def test_plu_linear_starts_as_a_rotation() -> None:
    t = PLULinear(4, seed=5).double()
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(6)).double()
    z, log_det = t(x)
    assert torch.allclose(z.norm(dim=1), x.norm(dim=1), atol=1e-5)
    assert torch.allclose(log_det, torch.zeros(10).double(), atol=1e-5)


def test_actnorm_standardises() -> None:
    x = 3 + 2 * torch.randn(500, 2, generator=torch.Generator().manual_seed(7))
    t = ActNorm(2)
    t.standardise(x)
    z, _ = t(x)
    assert torch.allclose(z.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(z.std(0, unbiased=False), torch.ones(2), atol=1e-5)
