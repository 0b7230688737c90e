"""The box against hand-made integrals and a search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from doors import check_doors, check_limits
from genbook.models.density.box import UniformBox
from seeding import seeded

X = torch.tensor([[0.5, -1.0], [2.0, 3.0], [1.0, 0.0]], dtype=torch.float64)


def test_fit_is_the_smallest_box() -> None:
    box = UniformBox(2).double().fit(X)
    assert box.theta.tolist() == [0.5, -1.0, 2.0, 3.0]
    assert box.volume.item() == 6.0
    assert np.allclose(box.log_prob(X), -np.log(6.0), rtol=0, atol=1e-12)


def test_density_integrates_to_one() -> None:
    box = UniformBox(2).double().fit(X)
    t = (torch.arange(2000).double() + 0.5) / 2000
    edge = 1.0  # a margin outside, of which nothing may count
    low, high = box.low - edge, box.high + edge
    points = low + torch.cartesian_prod(t, t) * (high - low)
    inside = points[box.log_prob(points).isfinite()]
    assert ((inside >= box.low) & (inside <= box.high)).all()
    exact = box.low + torch.cartesian_prod(t[:50], t[:50]) * (box.high - box.low)
    integral = box.log_prob(exact).exp().mean() * box.volume
    assert integral.item() == pytest.approx(1, abs=1e-9)


def test_log_prob_equals_scipy() -> None:
    box = UniformBox.from_corners([-1.0, 2.0], [1.0, 7.0])
    x = torch.tensor([[0.0, 3.0], [1.5, 3.0], [0.0, 1.0], [-1.0, 7.0]])
    wanted = sum(
        stats.uniform(low, high - low).logpdf(column.numpy())
        for low, high, column in zip(box.low, box.high, x.T, strict=True)
    )
    assert np.allclose(box.log_prob(x), wanted)


def test_closed_form_equals_the_optimum_found_by_search() -> None:
    def loss(theta: np.ndarray) -> float:
        low, high = torch.tensor(theta).split(2)
        if not (low < high).all():
            return 1e6
        value = UniformBox.from_corners(low, high).loss(X).item()
        return min(value, 1e6)

    box = UniformBox(2).double().fit(X)
    found = optimize.minimize(
        loss,
        np.array([-5.0, -5.0, 5.0, 5.0]),
        method="Powell",
        options={"xtol": 1e-13, "ftol": 1e-15, "maxiter": 10_000},
    )
    assert found.fun == pytest.approx(box.loss(X).item(), abs=1e-6)
    assert np.allclose(found.x, box.theta, atol=1e-6)


@given(
    st.lists(
        st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 3), min_size=2, max_size=20
    ).filter(lambda rows: all(len(set(c)) > 1 for c in zip(*rows, strict=True)))
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_no_box_is_likelier(rows: list[tuple[float, float, float]]) -> None:
    x = torch.tensor(rows, dtype=torch.float64)
    box = UniformBox(3).double().fit(x)
    assert box.log_prob(x).isfinite().all()
    for i in range(6):
        theta = box.theta
        theta[i] += -1e-3 if i < 3 else 1e-3  # wider
        assert UniformBox.from_corners(theta[:3], theta[3:]).loss(x) > box.loss(x)
        theta = box.theta
        theta[i] += 1e-6 if i < 3 else -1e-6  # narrower: a point is left outside
        if (theta[:3] < theta[3:]).all():
            narrow = UniformBox.from_corners(theta[:3], theta[3:])
            assert narrow.loss(x) == torch.inf


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_stay_inside(dtype: torch.dtype) -> None:
    low = torch.tensor([0.1, 1e4], dtype=dtype)
    box = UniformBox.from_corners(low, low + torch.tensor([0.7, 1e-2], dtype=dtype))
    x = box.sample(50_000, generator=torch.Generator().manual_seed(0))
    assert x.dtype == dtype
    assert box.log_prob(x).isfinite().all()


def test_left_half_has_likelihood_zero() -> None:
    left = UniformBox.from_corners([-1.0, -1.0], [0.0, 1.0])
    assert left.loss(torch.tensor([[-0.5, 0.0], [0.5, 0.0]])) == torch.inf


def test_a_box_without_volume_is_refused() -> None:
    x = torch.tensor([[0.0, 7.0], [1.0, 7.0]])
    box = UniformBox(2)
    with pytest.raises(ValueError, match="got only 7 in column 1"):
        box.fit(x)
    assert box.low.isnan().all()
    with pytest.raises(ValueError, match="column 0"):
        box.fit(x[:1])


@pytest.mark.parametrize(
    ("low", "high", "error", "message"),
    [
        ([0.0, 0.0], [1.0], ValueError, "low and high must be alike"),
        ([0.0, 1.0], [1.0, 1.0], ValueError, "low must be below high.*dimension 1"),
        ([0.0], [float("nan")], ValueError, "high must be finite"),
        ([[0.0]], [[1.0]], ValueError, r"low must be \(dim,\), got \(1, 1\)"),
        ([], [], ValueError, "low must hold at least one"),
        ("ab", [1.0], TypeError, "low must be a tensor or a sequence"),
        ([0.0], None, TypeError, "high must be a tensor or a sequence"),
        (torch.zeros(1), torch.ones(1).double(), ValueError, "must be alike"),
    ],
)
def test_bad_corners_are_refused(
    low: object, high: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        UniformBox.from_corners(low, high)  # type: ignore[arg-type]


def test_unfitted_box_says_so() -> None:
    box = UniformBox(2)
    for call in (lambda: box.log_prob(torch.zeros(1, 2)), lambda: box.sample(1)):
        with pytest.raises(ValueError, match="UniformBox is not fitted: call fit"):
            call()


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: UniformBox(2).fit(x), x)


def test_there_is_a_coordinate_at_least() -> None:
    check_limits(UniformBox, dim=1)
