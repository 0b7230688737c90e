"""Every transform against autograd: inverse, log-determinant, shape, start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_limits
from genbook.models.flows.conditioner import Conditioner
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


def test_actnorm_knows_no_smallest_unit() -> None:
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(7))
    for unit in (1e-9, 1e9):
        t = ActNorm(2)
        t.standardise(unit * x)
        z, _ = t(unit * x)
        assert torch.allclose(z.std(0, unbiased=False), torch.ones(2), atol=1e-4)


FLAT = torch.tensor([[0.0, 3.0], [1.0, 3.0]])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (FLAT, ValueError, r"x must vary in every column, got 3 alone in column 1"),
        (FLAT[:1], ValueError, "x must vary in every column"),
        (FLAT[:0], ValueError, "x must hold at least one observation"),
        (FLAT / 0, ValueError, "x must be finite"),
        (FLAT.T[None], ValueError, r"x must be \(n, 2\), got \(1, 2, 2\)"),
        ([[0.0]], TypeError, "x must be a torch.Tensor, got list"),
    ],
)
def test_actnorm_refuses_to_standardise(
    x: Any, error: type[Exception], message: str
) -> None:
    t = ActNorm(2)
    with pytest.raises(error, match=message):
        t.standardise(x)
    assert torch.equal(t.shift, torch.zeros(2))


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(
    ("v", "error", "message"),
    [
        (torch.zeros(4, 3), ValueError, r"[xz] must be \(n, 2\), got \(4, 3\)"),
        (torch.zeros(2), ValueError, r"[xz] must be \(n, 2\)"),
        (torch.zeros(4, 2).double(), TypeError, "[xz] must be torch.float32"),
        (torch.zeros(4, 2).long(), TypeError, "[xz] must be floating point"),
        ([[0.0, 0.0]], TypeError, "[xz] must be a torch.Tensor, got list"),
        (None, TypeError, "[xz] must be a torch.Tensor, got NoneType"),
    ],
)
def test_transforms_refuse_what_is_no_vector(
    name: str, v: Any, error: type[Exception], message: str
) -> None:
    t = MAKE[name](2)
    for door in (t.forward, t.inverse):
        with pytest.raises(error, match=message):
            door(v)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("h", ["abc", [1.0], torch.zeros(3), torch.zeros(4, 2).long()])
def test_transforms_refuse_what_is_no_condition(name: str, h: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="h must be"):
        MAKE[name](2)(torch.zeros(4, 2), h)


def test_nan_comes_out_again() -> None:
    for make in MAKE.values():
        t = make(2)
        x = torch.tensor([[torch.nan, 0.0], [0.1, 0.2]])
        z, _ = t(x)
        assert z[0].isnan().any()
        assert z[1].isfinite().all()
        assert t.inverse(x)[0].isnan().any()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ActNorm(0), ValueError, "dim must be at least 1, got 0"),
        (lambda: ActNorm(10**12), ValueError, "dim must be at most 16,384"),
        (lambda: PLULinear(2.0), TypeError, "dim must be an integer"),
        (lambda: PLULinear(2, seed=2**70), ValueError, "seed must be at most"),
        (lambda: PLULinear(2, seed=-1), ValueError, "seed must be at least 0"),
        (lambda: AffineCoupling(1, False), ValueError, "dim must be at least 2, got 1"),
        (lambda: AffineCoupling(2, "no"), TypeError, "swap must be True or False"),
        (lambda: SplineCoupling(2, False, bins=1), ValueError, "bins must be at least"),
        (lambda: SplineCoupling(2, False, bins=1000), ValueError, "bins must be at m"),
        (lambda: SplineCoupling(2, False, bound=0), ValueError, "bound must be posit"),
        (lambda: SplineCoupling(2, False, linear_tails=1), TypeError, "linear_tails"),
        (lambda: SplineCoupling(2, False, hidden=3), TypeError, "hidden must be a seq"),
        (lambda: Conditioner(0, 1, (4,)), ValueError, "inputs must be at least 1"),
        (lambda: Conditioner(2, 0, (4,)), ValueError, "outputs must be at least 1"),
        (lambda: Conditioner(2, 1, (4,), -1), ValueError, "context_features must be"),
        (lambda: Conditioner(2, 1, (4,), 0, 99), ValueError, "frequencies must be at"),
    ],
)
def test_bad_sizes_are_named(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_conditions_are_asked_for() -> None:
    t = AffineCoupling(2, False, context_features=3)
    x = torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"h must be \(4, 3\), got None"):
        t(x)
    with pytest.raises(ValueError, match=r"h must be \(4, 3\), got \(4, 2\)"):
        t(x, torch.zeros(4, 2))
    with pytest.raises(ValueError, match="h must be None: context_features is 0"):
        AffineCoupling(2, False)(x, torch.zeros(4, 2))


@pytest.mark.parametrize("cls", [AffineCoupling, SplineCoupling])
def test_parameters_of_single_numbers_are_checked(cls: type) -> None:
    t = cls(2, False)
    x = torch.zeros(4, 1)
    for door in (t.univariate, t.univariate_inverse):
        for bad in (
            None,
            torch.zeros(4, 1),
            torch.zeros(4, 1, 1),
            torch.zeros(3, 1, 2),
        ):
            with pytest.raises((TypeError, ValueError), match=r"(theta|x|z) must be"):
                door(x, bad)


@pytest.mark.parametrize("transform", [ActNorm(2), PLULinear(2)])
def test_no_rows_with_features_that_change_nothing(transform: Transform) -> None:
    none, h = torch.zeros(0, 2), torch.zeros(0, 3)
    assert transform(none, h)[0].shape == transform.inverse(none, h).shape == (0, 2)


def test_the_way_back_looks_at_unused_conditions_too() -> None:
    x = torch.zeros(3, 2)
    for piece in (ActNorm(2), PLULinear(2)):
        for call in (piece.forward, piece.inverse):
            for bad, error in (([1.0], TypeError), (torch.zeros(2, 1), ValueError)):
                with pytest.raises(error, match="h must be"):
                    call(x, bad)


@pytest.mark.parametrize("kind", [ActNorm, PLULinear])
def test_coordinates_have_limits(kind: Any) -> None:
    check_limits(kind, {"dim": 16_384}, dim=1)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_seed_decides_the_rotation(seed: int) -> None:
    piece = PLULinear(4, seed=seed).double()
    g = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(4, 4, generator=g, dtype=torch.float64))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(9)).double()
    z, log_det = piece(x)
    assert torch.allclose(z, x @ q.T, atol=1e-5)
    assert torch.allclose(log_det, torch.zeros(5).double(), atol=1e-5)
    assert torch.equal(piece.U, piece.U.triu(1))  # the diagonal stands elsewhere
    assert torch.equal(piece.L, piece.L.tril(-1))
    assert not torch.equal(PLULinear(4, seed=seed + 1).P @ x[0].float(), z[0].float())


def test_a_norm_shifts_and_scales_each_column() -> None:
    piece = ActNorm(3).double()
    with torch.no_grad():
        piece.shift.copy_(torch.tensor([1.0, -2.0, 0.5]))
        piece.log_scale.copy_(torch.tensor([0.3, -1.0, 2.0]))
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(9)).double()
    z, log_det = piece(x)
    assert torch.allclose(z, (x - piece.shift) * piece.log_scale.exp())
    assert log_det.tolist() == pytest.approx([1.3] * 4)
    assert torch.allclose(piece.inverse(z), x)
    fresh = ActNorm(3)
    assert torch.equal(fresh(x.float())[0], x.float())
