"""Accuracy against closed forms and SciPy."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import scipy.stats
import torch

from genbook.data.world import WorldMap
from genbook.metrics import (
    Estimate,
    mean_log_prob,
    nats_above_entropy,
)
from genbook.metrics.accuracy import _estimate
from genbook.models.base import TractableModel
from genbook.models.density.box import UniformBox
from genbook.models.density.gaussian import Gaussian
from known_densities import Halves, Normal, gaussian
from seeding import seeded

X = torch.randn(40, 2, generator=seeded(8))


Y = torch.randn(30, 2, generator=seeded(9))


NAN = torch.tensor([[0.0, math.nan]])


EMPTY = torch.zeros(0, 2)


def test_an_estimate_is_a_number() -> None:
    e = Estimate(0.30127, 0.0041)
    assert e == 0.30127
    assert e + 1 == 1.30127
    assert f"{e:.3f}" == "0.301"
    assert repr(e) == str(e) == "0.3013 ± 0.0041"
    for twin in (pickle.loads(pickle.dumps(e)), copy.deepcopy(e)):
        assert (twin, twin.se) == (e, e.se)


@pytest.mark.parametrize("chunk", [1, 7, 1000, 4096])
def test_mean_log_prob_equals_scipy(chunk: int) -> None:
    x = torch.randn(1000, 2, generator=seeded(0))
    got = mean_log_prob(gaussian([0.5, 0.0]), x, chunk=chunk)
    values = scipy.stats.multivariate_normal([0.5, 0.0]).logpdf(x.double().numpy())
    assert got == pytest.approx(values.mean(), abs=1e-6)
    assert got.se == pytest.approx(values.std(ddof=1) / math.sqrt(1000), rel=1e-5)


def test_the_mean_is_taken_in_double_precision() -> None:
    class Constant(TractableModel):
        event_shape = (1,)

        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            return torch.full((len(x),), -1e4 + 0.1)

        def sample(self, n, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            raise NotImplementedError

    single = float(torch.tensor(-1e4 + 0.1))
    assert mean_log_prob(Constant(), torch.zeros(100_003, 1)) == pytest.approx(
        single, rel=1e-15
    )


def test_impossible_observations_cost_everything() -> None:
    box = UniformBox.from_corners([0, 0], [1, 1])
    x = torch.full((5, 2), 0.5)
    assert mean_log_prob(box, x) == 0
    x[3] = 2
    got = mean_log_prob(box, x)
    assert got == -math.inf
    assert math.isnan(got.se)
    assert math.isnan(mean_log_prob(box, x[:1]).se)  # one value has no spread


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_gives_no_number_is_refused(value: float) -> None:
    class Broken(Gaussian):
        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            return super().log_prob(x).index_fill(0, torch.tensor([1]), value)

    with pytest.raises(ValueError, match=r"Broken gave NaN or .inf for 1 of 4"):
        mean_log_prob(Broken(2), torch.zeros(4, 2))


def test_conditions_are_cut_like_the_observations() -> None:
    class Conditional(Gaussian):
        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            assert torch.equal(x[:, 0], y)
            return super().log_prob(x)

    x = torch.randn(10, 2)
    mean_log_prob(Conditional(2), x, x[:, 0], chunk=3)


@pytest.mark.parametrize("scale", [1.0, 1.3])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_nats_above_entropy_equals_the_closed_form(shift: float, scale: float) -> None:
    model = gaussian([shift, 0.0], scale)
    exact = 2 * math.log(scale) + (2 + shift**2) / (2 * scale**2) - 1
    got = nats_above_entropy(model, Normal(), 20_000, generator=seeded(0))
    assert abs(got - exact) <= 4 * got.se + 1e-6
    assert got.se < 0.01
    x = Normal().sample(20_000, generator=seeded(0))
    assert nats_above_entropy(model, Normal(), x) == got


def test_pairs_cost_no_variance() -> None:
    """The loss minus the entropy is the same number, far less certain."""
    x = Normal().sample(5000, generator=seeded(1))
    close = gaussian([0.01, 0.0])
    paired = nats_above_entropy(close, Normal(), x)
    assert paired.se < 0.02 * mean_log_prob(close, x).se
    exact = nats_above_entropy(gaussian([0.0, 0.0]), Normal(), x)
    assert abs(exact) < 1e-6


def test_a_box_is_the_logarithm_of_its_spare_area_above_the_land() -> None:
    world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
    got = nats_above_entropy(square, world, 2000, generator=seeded(0))
    assert got == pytest.approx(math.log(4 / world.land_area), abs=1e-6)
    half = UniformBox.from_corners([-1, -1], [0, 1])
    assert nats_above_entropy(half, world, 2000, generator=seeded(0)) == math.inf


def test_observations_that_cannot_be_are_refused() -> None:
    x = torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
    with pytest.raises(ValueError, match="x must come from p_data, got 1 of 2 points"):
        nats_above_entropy(gaussian([0.0, 0.0]), Halves(), x)


# --- randomness ----------------------------------------------------------------------

RANDOM: dict[str, Callable[[torch.Generator | None], object]] = {
    "nats": lambda g: nats_above_entropy(
        gaussian([0.0, 1.0]), Normal(), 9, generator=g
    ),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_and_the_global_state_is_untouched(name: str) -> None:
    before = torch.get_rng_state()
    assert RANDOM[name](seeded(1)) == RANDOM[name](seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = RANDOM[name](None)
    torch.manual_seed(5)
    assert RANDOM[name](None) == first


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean_log_prob(object(), X), TypeError, "model must have a log_prob"),
        (lambda: mean_log_prob(Gaussian(2), X.T), ValueError, r"x must be \(n, 2\)"),
        (lambda: mean_log_prob(Gaussian(2), EMPTY), ValueError, "x must hold at least"),
        (lambda: mean_log_prob(Gaussian(2), NAN), ValueError, "x must be finite"),
        (lambda: mean_log_prob(Gaussian(2), [1]), TypeError, "x must be a torch.Tens"),
        (lambda: mean_log_prob(Gaussian(2), X, Y), ValueError, "y must have 40 rows"),
        (lambda: mean_log_prob(Gaussian(2), X, chunk=0), ValueError, "chunk must be"),
        (lambda: mean_log_prob(Gaussian(2), X.double()), TypeError, "torch.float32"),
        (
            lambda: nats_above_entropy(Gaussian(2), Gaussian(2), X),
            TypeError,
            "p_data must be a KnownDensity, got Gaussian",
        ),
        (
            lambda: nats_above_entropy(Gaussian(2), Normal(), 0),
            ValueError,
            "x must be at least 1",
        ),
        (
            lambda: nats_above_entropy(Gaussian(2), Normal(), 5, generator=3),
            TypeError,
            "generator must be a torch.Generator",
        ),
        (lambda: mean_log_prob(Gaussian(2), X, [0]), TypeError, "y must be a torch"),
        (
            lambda: mean_log_prob(Gaussian(2), torch.tensor(1.0)),
            ValueError,
            r"x must be \(n, size\), got \(\)",
        ),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_two_observations_have_an_error_and_one_has_none() -> None:
    two = _estimate(torch.tensor([1.0, 4.0]).double())
    assert two == 2.5
    assert two.se == pytest.approx(1.5)  # |a - b| / 2
    assert math.isnan(_estimate(torch.ones(1).double()).se)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_are_drawn_in_the_type_of_the_model(dtype: torch.dtype) -> None:
    seen: list[torch.dtype] = []

    class Halved(Halves):
        def _draw(self, n, generator, dtype):  # type: ignore[no-untyped-def]
            seen.append(dtype)
            return super()._draw(n, generator, dtype)

    nats_above_entropy(
        gaussian([0.0, 0.0]).to(dtype), Halved(), 50, generator=seeded(0)
    )
    assert seen == [dtype]

    class Untyped:
        def log_prob(self, x: torch.Tensor, y: object = None) -> torch.Tensor:
            return -x.square().sum(1)

    nats_above_entropy(Untyped(), Halved(), 50, generator=seeded(0))  # type: ignore[arg-type]
    assert seen[-1] == torch.get_default_dtype()
