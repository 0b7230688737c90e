"""The histogram against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import Tensor

from doors import check_doors, check_limits, check_range
from genbook.models.density.histogram import Histogram, _bytes
from seeding import seeded


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 1000))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_counts_and_density_equal_numpy(bins: list[int], seed: int) -> None:
    dim, g = len(bins), seeded(seed)
    x = torch.rand(300, dim, generator=g).double() * 3 - 1
    low, high = torch.full((dim,), -1.0).double(), torch.full((dim,), 2.0).double()
    model = Histogram(low, high, bins).fit(x)
    sides = list(zip(low.tolist(), high.tolist(), strict=True))
    counts, edges = np.histogramdd(x.numpy(), bins=bins, range=sides)
    assert np.array_equal(model.counts, counts)
    density, _ = np.histogramdd(x.numpy(), bins=bins, range=sides, density=True)
    cell = tuple(
        np.clip(np.searchsorted(e, c, side="right") - 1, 0, len(e) - 2)
        for e, c in zip(edges, x.numpy().T, strict=True)
    )
    assert np.allclose(model.log_prob(x).exp(), density[cell], rtol=1e-10)


@pytest.mark.parametrize("pseudo_count", [0.0, 0.5])
def test_masses_sum_to_one(pseudo_count: float) -> None:
    x = torch.rand(50, 3, generator=seeded(0)).double()
    corners = torch.zeros(3).double(), torch.ones(3).double()
    model = Histogram(*corners, 4, pseudo_count=pseudo_count).fit(x)
    assert model.log_mass().exp().sum().item() == pytest.approx(1, abs=1e-10)
    assert (model.log_mass() == -torch.inf).any() == (pseudo_count == 0)


def test_pseudo_count_is_added_to_each_cell() -> None:
    model = Histogram([0.0], [1.0], 2, pseudo_count=1.0)
    model.fit(torch.tensor([[0.1], [0.2]]))
    assert torch.allclose(model.log_mass().exp(), torch.tensor([0.75, 0.25]))


def test_upper_side_belongs_to_the_last_cell() -> None:
    model = Histogram([0.0], [1.0], 4)
    x = torch.tensor([[0.0], [0.25], [1.0], [1.0001], [-0.0001]])
    assert model.cell(x).tolist() == [0, 1, 3, -1, -1]


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (None, TypeError, "x must be a torch.Tensor"),
        (torch.full((2, 1), torch.nan), ValueError, "x must be finite"),
        (torch.zeros(3), ValueError, r"x must be \(n, 1\)"),
    ],
)
def test_only_points_lie_in_a_cell(
    x: Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Histogram([0.0], [1.0], 4).cell(x)


def test_no_histogram_of_the_grid_is_likelier() -> None:
    x = torch.rand(100, 1, generator=seeded(1)) ** 2
    model = Histogram([0.0], [1.0], 5).fit(x)
    for pseudo_count in (0.1, 1.0, 10.0):
        other = Histogram([0.0], [1.0], 5, pseudo_count=pseudo_count).fit(x)
        assert other.loss(x) > model.loss(x)


def test_samples_never_stray_into_an_empty_cell() -> None:
    # Two full cells among many, far from zero, where float32 has few digits.
    model = Histogram([1000.0], [1001.0], 100)
    model.fit(torch.tensor([[1000.305], [1000.705]]))
    x = model.sample(200_000, generator=seeded(2))
    assert model.log_prob(x).isfinite().all()


def test_too_many_cells_are_refused_with_their_number() -> None:
    with pytest.raises(
        ValueError, match=r"64 \* 64 \* 64 \* 64 \* 64 \* 64 = 68,719,476,736 .*256 GiB"
    ):
        Histogram(torch.zeros(6), torch.ones(6), 64)
    with pytest.raises(ValueError, match=r"10\^20, in 20 dimensions \(347 EiB"):
        Histogram(torch.zeros(20), torch.ones(20), 10)
    with pytest.raises(ValueError, match=r"10\^784, in 784 dim.*10\^785 bytes") as e:
        Histogram(torch.zeros(784), torch.ones(784), 10)
    assert len(str(e.value)) < 200
    assert Histogram(torch.zeros(6), torch.ones(6), 8).cells == 8**6


def test_float64_is_exact_to_its_own_precision() -> None:
    """Counts are whole numbers; dividing them as such would give float32."""
    g = torch.Generator().manual_seed(5)
    x = torch.rand(1000, 1, generator=g, dtype=torch.float64)
    model = Histogram(torch.zeros(1), torch.ones(1), 7).double().fit(x)
    assert model.log_mass().dtype == torch.float64
    assert abs(model.log_mass().exp().sum().item() - 1) < 1e-14


def test_points_outside_are_refused() -> None:
    model = Histogram([0.0, 0.0], [1.0, 1.0], 4)
    x = torch.tensor([[0.5, 0.5], [0.5, 1.5], [-3.0, 0.5]])
    with pytest.raises(ValueError, match="got 2 of 3 points outside"):
        model.fit(x)
    assert model.counts.sum() == 0


def test_unfitted_histogram_says_so() -> None:
    model = Histogram([0.0], [1.0], 4, pseudo_count=1.0)
    for call in (lambda: model.log_prob(torch.zeros(1, 1)), lambda: model.sample(1)):
        with pytest.raises(ValueError, match="Histogram is not fitted: call fit"):
            call()


@pytest.mark.parametrize(
    ("bins", "low", "high", "error", "message"),
    [
        (0, [0.0], [1.0], ValueError, "bins must be at least 1"),
        (2.0, [0.0], [1.0], TypeError, "bins must be an integer"),
        ([2, 2], [0.0], [1.0], ValueError, "bins must be one number or 1 of them"),
        (2, [1.0], [0.0], ValueError, "low must be below high"),
        (2, [0.0], [torch.inf], ValueError, "high must be finite"),
    ],
)
def test_bad_grids_are_refused(
    bins: object, low: object, high: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Histogram(low, high, bins)  # type: ignore[arg-type]


def test_fit_replaces_what_was_counted(x: Tensor) -> None:
    model = Histogram(x.amin(0), x.amax(0), 5).fit(x).fit(x[:100])
    assert model.counts.sum() == 100


def test_one_observation_is_enough() -> None:
    model = Histogram([0.0], [1.0], bins=4).fit(torch.tensor([[0.3]]))
    assert model.log_prob(torch.tensor([[0.4]])).exp().item() == pytest.approx(4)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: Histogram([-1.0, -1.0], [1.0, 1.0], 4).fit(x), x)


def test_counts_have_limits() -> None:
    check_limits(lambda **n: Histogram([-1.0, -1.0], [1.0, 1.0], **n), bins=1)


def test_within_a_cell_samples_are_even() -> None:
    corners = torch.tensor([1.0, -3.0]).double(), torch.tensor([2.0, 5.0]).double()
    u = torch.rand(40, 2, generator=seeded(3)).double()
    data = corners[0] + (corners[1] - corners[0]) * u**2
    model = Histogram(*corners, (2, 4)).fit(data)
    x = model.sample(20_000, generator=seeded(4))
    within = ((x - corners[0]) / model.width).frac()
    assert kstest(within[:, 0].numpy(), "uniform").pvalue > 0.01
    assert kstest(within[:, 1].numpy(), "uniform").pvalue > 0.01


def test_what_every_cell_starts_with_is_not_negative() -> None:
    check_range(
        lambda **n: Histogram([0.0], [1.0], 2, **n),
        "pseudo_count",
        [0.0, 0.5],
        [-0.1, float("inf")],
    )


def test_a_cell_s_number_counts_the_last_coordinate_first() -> None:
    model = Histogram([0.0, -1.0, 2.0], [1.0, 1.0, 5.0], [2, 3, 4])
    grid = [(i, j, k) for i in range(2) for j in range(3) for k in range(4)]
    x = torch.tensor(
        [
            [(i + 0.5) / 2, -1 + (j + 0.5) * 2 / 3, 2 + (k + 0.5) * 3 / 4]
            for i, j, k in grid
        ]
    )
    assert model.cell(x).tolist() == list(range(24))
    assert model.width.tolist() == pytest.approx([0.5, 2 / 3, 0.75])
    x[3, 1], x[5, 2] = 1.01, 1.99
    assert model.cell(x)[[3, 5]].tolist() == [-1, -1]


def test_samples_are_those_of_the_masses_and_the_dice() -> None:
    x = torch.rand(50, 2, generator=seeded(1)) ** 2
    model = Histogram([0.0, 0.0], [1.0, 2.0], [3, 4], pseudo_count=0.5).fit(x)
    mass = model.log_mass().double().exp()
    g = seeded(2)
    u = torch.rand(30, generator=g, dtype=torch.float64) * mass.sum()
    cell = (mass.cumsum(0) <= u[:, None]).sum(1)
    v = torch.rand(30, 2, generator=g)
    wanted = torch.stack([(cell // 4 + v[:, 0]) / 3, (cell % 4 + v[:, 1]) / 4 * 2], 1)
    assert torch.allclose(model.sample(30, generator=seeded(2)), wanted, atol=1e-6)


def test_how_many_cells_there_may_be_and_how_they_are_written() -> None:
    assert Histogram.MAX_CELLS == 2**27
    for bins, text in (
        ([2**14, 2**13 + 1], r"= 134,234,112 \(512 MiB in float32\)"),
        ([2**14, 2**14], r"16384 \* 16384 = 268,435,456 \(1 GiB in float32\)"),
        ([10**7, 10**7, 9], r"= 900,000,000,000,000 \(3.2 PiB in float32\)"),
        ([10**7, 10**7, 10], r"about 10\^15, in 3 dimensions \(3.55 PiB"),
    ):
        corners = [0.0] * len(bins), [1.0] * len(bins)
        with pytest.raises(
            ValueError, match=f"at most 134,217,728 cells, got .*{text}"
        ):
            Histogram(*corners, bins)
    for n, text in (
        (0, "0 B"),
        (1023, "1.02e+03 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (2**20, "1 MiB"),
        (2**70 - 1, "1.02e+03 EiB"),
        (2**70, "about 10^21 bytes"),
    ):
        assert _bytes(n) == text
