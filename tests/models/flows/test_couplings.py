"""Couplings: they start as the identity, keep one half, and listen to a condition."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from doors import check_function_doors, check_limits, check_range
from genbook.models.flows.couplings import AffineCoupling, Coupling, SplineCoupling
from genbook.models.flows.splines import knots
from seeding import seeded


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


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("cls", [AffineCoupling, SplineCoupling])
def test_a_coupling_of_several_coordinates_is_undone(cls: type, swap: bool) -> None:
    """And its log-determinant is that of the Jacobian."""
    t = cls(5, swap, context_features=2).double()
    torch.nn.init.normal_(t.conditioner.net[-1].weight, generator=seeded(5))
    x, h = torch.randn(2, 6, 5, generator=seeded(6), dtype=torch.float64)
    z, log_det = t(x, h[:, :2])
    moved = (z - x).abs().amax(0) > 0.01
    assert moved.tolist() == [i < 2 if swap else i > 2 for i in range(5)]
    assert torch.allclose(t.inverse(z, h[:, :2]), x, atol=1e-9)
    for row, context, found in zip(x, h[:, :2], log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda v, c=context: t(v[None], c[None])[0][0], row
        )
        assert torch.allclose(jacobian.slogdet().logabsdet, found, atol=1e-9)


def test_a_spline_climbs_through_its_knots() -> None:
    t = SplineCoupling(2, False, bins=6).double()
    g = torch.Generator().manual_seed(4)
    theta = torch.randn(3, 1, t.params_per_dim, generator=g, dtype=torch.float64)
    at, image, slope = knots(theta, 6, linear_tails=True)
    at, image = (t.bound * (2 * end - 1) for end in (at, image))
    for k in range(1, 6):
        value, log_slope = t.univariate(at[..., k], theta)
        assert torch.allclose(value, image[..., k], atol=1e-12)
        assert torch.allclose(log_slope.exp(), slope[..., k], atol=1e-10)
    v = torch.linspace(-5, 5, 400, dtype=torch.float64).expand(3, -1)[:, None]
    curve = torch.cat([t.univariate(v[:, :, i], theta)[0] for i in range(400)], 1)
    assert (curve.diff(dim=1) > 0).all()
    assert torch.equal(curve[:, 0], v[:, 0, 0])  # outside lies the identity


def test_a_condition_changes_a_coupling() -> None:
    t = AffineCoupling(2, False, context_features=3)
    torch.nn.init.normal_(t.conditioner.net[-1].weight)
    x, h = torch.ones(3, 2), torch.eye(3)
    z, _ = t(x, h)
    assert len(z[:, 1].unique()) == 3
    assert torch.allclose(t.inverse(z, h), x, atol=1e-5)


class Shift(Coupling):
    """The simplest coupling: one number for each coordinate."""

    def __init__(self, params: int = 1) -> None:
        super().__init__(3, False, params)

    def univariate(self, x, theta):  # type: ignore[no-untyped-def]
        return x + theta[..., 0], torch.zeros_like(x)

    def univariate_inverse(self, z, theta):  # type: ignore[no-untyped-def]
        return z - theta[..., 0]


def test_one_number_for_each_coordinate_is_enough() -> None:
    t, x = Shift(), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    torch.nn.init.ones_(t.conditioner.net[-1].bias)
    z, log_det = t(x)
    assert torch.allclose(z[:, 2], x[:, 2] + 1)
    assert torch.allclose(t.inverse(z), x)
    assert not log_det.any()
    with pytest.raises(ValueError, match="params_per_dim must be at least 1, got 0"):
        Shift(0)


def test_couplings_name_what_they_refuse() -> None:
    check_function_doors(SplineCoupling, dim=3, swap=True, linear_tails=True, bound=2.0)
    check_function_doors(AffineCoupling, dim=3, swap=True)
    for bins in (1, 1000, -1):
        with pytest.raises(ValueError, match="bins must be at"):
            SplineCoupling(3, False, bins=bins)
    for cls, p in ((AffineCoupling, 2), (SplineCoupling, 23)):
        piece, theta = cls(3, False), torch.zeros(4, 2, p)
        x, part = torch.zeros(4, 3), torch.zeros(4, 2)
        for call, whole, name in (
            (piece.forward, (x,), "x"),
            (piece.inverse, (x,), "z"),
            (piece.univariate, (part, theta), "x"),
            (piece.univariate_inverse, (part, theta), "z"),
        ):
            call(*whole)
            for bad, error in (
                (whole[0].tolist(), TypeError),
                (whole[0].long(), TypeError),
                (whole[0].double(), (TypeError, ValueError)),
                (torch.zeros(4, 5), ValueError),
                (whole[0][0], ValueError),
            ):
                if (
                    len(whole) == 2
                    and isinstance(bad, torch.Tensor)
                    and bad.dtype == torch.float64
                    and cls is AffineCoupling
                ):
                    continue  # two types are no error there
                with pytest.raises(
                    error, match=f"{name} must be|theta must be|for {name} of"
                ):
                    call(bad, *whole[1:])


def test_what_a_coupling_may_be_told_has_limits() -> None:
    class Plain(AffineCoupling):
        def __init__(self, params: int, swap: bool = True) -> None:
            Coupling.__init__(self, 2, swap, params)

    assert Plain(1).params_per_dim == 1
    for params in (0, 3 * 999 + 1):
        with pytest.raises(ValueError, match="params_per_dim must be at"):
            Plain(params)


def test_coordinates_have_limits() -> None:
    for kind in (AffineCoupling, SplineCoupling):
        check_limits(
            lambda dim, kind=kind: kind(dim, True, hidden=(4,)), {"dim": 16_384}, dim=2
        )


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        AffineCoupling,
        SplineCoupling,
        lambda dim, swap: SplineCoupling(dim, swap, bound=1.5, bins=3),
        lambda dim, swap: SplineCoupling(dim, swap, bound=9.0, linear_tails=False),
    ],
)
def test_what_was_done_is_undone_inside_the_bound_and_outside(
    make: Callable[[int, bool], Coupling], swap: bool
) -> None:
    t = make(3, swap).double()
    torch.nn.init.normal_(t.conditioner.net[-1].weight, std=0.5, generator=seeded(1))
    torch.nn.init.normal_(t.conditioner.net[-1].bias, std=0.5, generator=seeded(2))
    x = 2 * torch.randn(40, 3, generator=seeded(3), dtype=torch.float64)
    z, log_det = t(x)
    assert torch.allclose(t.inverse(z), x, atol=1e-8)
    kept = slice(1, 3) if swap else slice(0, 2)
    assert torch.equal(z[:, kept], x[:, kept])
    assert (z != x).any()
    jacobian = torch.autograd.functional.jacobian(lambda v: t(v)[0].sum(0), x)
    wanted = torch.linalg.slogdet(jacobian.movedim(1, 0)).logabsdet
    assert torch.allclose(log_det, wanted, atol=1e-9)


def test_a_log_scale_is_bent_to_within_two() -> None:
    t = AffineCoupling(2, False)
    theta = torch.tensor([[[0.0, 0.5]], [[100.0, 0.0]], [[-100.0, 0.0]], [[1.0, -1.0]]])
    x = torch.ones(4, 1)
    z, s = t.univariate(x, theta)
    wanted = [0.0, 2.0, -2.0, 2 * math.tanh(0.5)]
    assert s[:, 0].tolist() == pytest.approx(wanted, abs=1e-6)
    shifted = [math.exp(a) + b for a, b in zip(wanted, [0.5, 0, 0, -1], strict=True)]
    assert z[:, 0].tolist() == pytest.approx(shifted, rel=1e-5)
    assert t.univariate_inverse(z, theta)[:, 0].tolist() == pytest.approx([1.0] * 4)


def test_beyond_a_bound_without_tails_lies_the_end() -> None:
    t = SplineCoupling(2, False, bound=2.0, linear_tails=False)
    theta = torch.zeros(3, 1, t.params_per_dim)
    x = torch.tensor([[-3.0], [1.0], [7.0]])
    assert t.univariate(x, theta)[0][:, 0].tolist() == pytest.approx([-2.0, 1.0, 2.0])
    back = t.univariate_inverse(x, theta)[:, 0].tolist()
    assert back == pytest.approx([-2.0, 1.0, 2.0])
    assert t.params_per_dim == 3 * 8 + 1
    assert SplineCoupling(2, False).params_per_dim == 3 * 8 - 1


def test_bounds_and_networks_are_as_asked() -> None:
    check_range(
        lambda bound: SplineCoupling(2, True, hidden=(4,), bound=bound),
        "bound",
        (1e-3, 100.0),
        (0.0, -1.0),
    )
    check_limits(
        lambda bins: SplineCoupling(2, True, hidden=(4,), bins=bins),
        {"bins": 999},
        bins=2,
    )
    for dim, swap, seen, said in ((5, False, 3, 2), (5, True, 3, 2), (2, True, 1, 1)):
        t = AffineCoupling(
            dim, swap, hidden=(7,), context_features=4, frequencies=2
        ).conditioner
        assert t.net[0].in_features == seen * 5 + 4
        assert t.net[-1].out_features == 2 * said
