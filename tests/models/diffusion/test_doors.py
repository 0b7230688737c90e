"""Bad values are refused with a word: times, guidance, schedules, and all the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion import prediction as convert
from genbook.models.diffusion._doors import (
    MOST_GUIDANCE,
    check_eta,
    check_guidance,
    check_order,
    check_times,
)
from genbook.models.diffusion.bridge import ddim, translate, translation_path
from genbook.models.diffusion.closed_form import (
    GaussianMixtureVelocity,
    mixture_velocity,
)
from genbook.models.diffusion.conditions import check_condition, drop
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import (
    FlowMatching,
    straightness,
    trajectory,
)
from genbook.models.diffusion.schedules import SCHEDULES, Cosine, LinearBeta, Straight
from genbook.models.diffusion.solvers import odeint, velocity_and_divergence

X, Z = torch.zeros(3, 2), torch.zeros(2)
HALF, Y = torch.tensor(0.5), torch.tensor([0, 1, 1])
SMALL: dict[str, Any] = {"width": 8, "depth": 1, "steps": 2}
PLAIN, ASKED = Diffusion((2,), **SMALL), Diffusion((2,), classes=2, **SMALL)
FLOW = FlowMatching((2,), **SMALL)

GUIDED: dict[str, Callable[..., Any]] = {
    "velocity": lambda m, y, w: m.velocity(X, HALF, y, guidance=w),
    "decode": lambda m, y, w: m.decode(X, y, guidance=w),
    "sample": lambda m, y, w: m.sample(3, y, guidance=w),
    "sample_ancestral": lambda m, y, w: m.sample_ancestral(3, y, guidance=w),
    "reverse_step": lambda m, y, w: m.reverse_step(X, HALF, HALF / 2, y, guidance=w),
}


@pytest.mark.parametrize("ask", GUIDED)
def test_guidance_wants_a_condition_and_a_sensible_weight(ask: str) -> None:
    call = GUIDED[ask]
    for model in (PLAIN, ASKED):
        with pytest.raises(ValueError, match=r"guidance must be 1 .* no condition y"):
            call(model, None, 5)
        call(model, None, 1)
    for w, error in (
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-1.0, ValueError),
        (1e4, ValueError),
        ("abc", TypeError),
        (None, TypeError),
        (True, TypeError),
    ):
        for model, y in ((PLAIN, None), (ASKED, None), (ASKED, Y)):
            with pytest.raises(error, match="guidance must be"):
                call(model, y, w)
    call(ASKED, Y, 5)


@pytest.mark.parametrize("model", [PLAIN, FLOW, Diffusion((2,), prediction="x0")])
@pytest.mark.parametrize("t", [5.0, -1.0, math.nan, math.inf])
def test_times_outside_are_refused(model: Any, t: float) -> None:
    for shape in ((), (3,)):
        with pytest.raises(ValueError, match="t must"):
            model.velocity(X, torch.full(shape, t))
        if isinstance(model, Diffusion):
            with pytest.raises(ValueError, match="t must"):
                model.score(X, torch.full(shape, t))
    assert model.velocity(X, torch.tensor(1.0)).isfinite().all()
    assert model.velocity(X, torch.tensor(model.t_min)).isfinite().all()


def test_the_score_wants_some_noise() -> None:
    with pytest.raises(ValueError, match="t must be above 0, where there is no noise"):
        PLAIN.score(X, torch.tensor([0.5, 0.0, 0.5]))
    each = PLAIN.score(X, torch.full((3,), 0.5))
    assert torch.equal(PLAIN.score(X, HALF), each)  # one for all


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LinearBeta(beta_min=-5), ValueError, "beta_min must be zero or"),
        (lambda: LinearBeta(beta_max=0.05), ValueError, "beta_max must be from"),
        (lambda: LinearBeta(beta_max=1e30), ValueError, "beta_max must be from"),
        (lambda: LinearBeta(beta_max=math.nan), ValueError, "beta_max must be pos"),
        (lambda: LinearBeta(t_min=0), ValueError, "t_min must be positive"),
        (lambda: LinearBeta(t_min=1), ValueError, "t_min must be below 1"),
        (lambda: Cosine(max_angle=math.nan), ValueError, "max_angle must be pos"),
        (lambda: Cosine(max_angle=-1), ValueError, "max_angle must be positive"),
        (lambda: Cosine(max_angle=math.pi / 2), ValueError, "max_angle must be at"),
        (lambda: Cosine("abc"), TypeError, "max_angle must be a number"),  # type: ignore[arg-type]
    ],
)
def test_schedules_that_are_none(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("schedule", [cls() for cls in SCHEDULES.values()])
@pytest.mark.parametrize("what", ["alpha", "sigma", "d_alpha", "d_sigma"])
def test_schedules_take_tensors(schedule: Any, what: str) -> None:
    for bad in (0.5, None, torch.tensor([0, 1]), [0.5]):
        with pytest.raises(TypeError, match="t must be"):
            getattr(schedule, what)(bad)


ONE = torch.ones(1)
ROUND = torch.eye(2)[None]


def mixture() -> GaussianMixture:
    return GaussianMixture.from_parameters(ONE, Z[None], ROUND)


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "path-noise": (lambda: PLAIN.add_noise(X, X[:2], HALF), ValueError, "eps must be"),
    "path-times": (
        lambda: PLAIN.add_noise(X, X, torch.zeros(2)),
        ValueError,
        r"t must be \(\) or \(3,\)",
    ),
    "path-float": (lambda: PLAIN.add_noise(X, X, 0.5), TypeError, "t must be a torch"),  # type: ignore[arg-type]
    "target": (lambda: FLOW.target(X, None, HALF), TypeError, "eps must be a torch"),  # type: ignore[arg-type]
    "output": (
        lambda: PLAIN.predict_x0_eps(X, X[:, :1], HALF),
        ValueError,
        "model_output must be",
    ),
    "velocity-point": (
        lambda: PLAIN.velocity(X / 0, HALF),
        ValueError,
        "x must be finite",
    ),
    "velocity-type": (
        lambda: PLAIN.velocity(X, HALF.double()),
        TypeError,
        "t must be torch.float32",
    ),
    "step-back": (
        lambda: PLAIN.reverse_step(X, HALF / 2, HALF),
        ValueError,
        "s must be at most t",
    ),
    "eta": (
        lambda: PLAIN.reverse_step(X, HALF, HALF / 2, eta=2),
        ValueError,
        r"eta must be in \[0, 1\]",
    ),
    "eta-walk": (
        lambda: PLAIN.sample_ancestral(3, eta=math.nan),
        ValueError,
        "eta must be",
    ),
    "std-without-noise": (
        lambda: PLAIN.posterior_std(0 * HALF, 0 * HALF),
        ValueError,
        "t must be above 0",
    ),
    "std-shapes": (
        lambda: PLAIN.posterior_std(HALF, HALF[None]),
        ValueError,
        r"s must be \(1,\) like t",
    ),
    "steps": (
        lambda: PLAIN.sample(3, steps=10**12),
        ValueError,
        "steps must be at most 100,000",
    ),
    "model-steps": (
        lambda: FlowMatching((2,), steps=10**12),
        ValueError,
        "steps must be at most 100,000",
    ),
    "draws": (
        lambda: PLAIN.elbo(X, draws=10**12),
        ValueError,
        "draws must be at most 100,000",
    ),
    "probes": (
        lambda: PLAIN.log_prob(X, probes=10**12),
        ValueError,
        "probes must be at most 100,000",
    ),
    "method": (
        lambda: PLAIN.encode(X, method=["heun"]),  # type: ignore[arg-type]
        ValueError,
        "method must be euler, ",
    ),
    "generator": (
        lambda: PLAIN.log_prob(X, generator=3),  # type: ignore[arg-type]
        TypeError,
        "generator must be",
    ),
    "sigma_data": (
        lambda: Diffusion((2,), sigma_data=1e300),
        ValueError,
        "sigma_data must be at most",
    ),
    "width": (
        lambda: Diffusion((2,), width=10**9),
        ValueError,
        "width must be at most 65,536",
    ),
    "frequencies": (
        lambda: Diffusion((2,), frequencies=1000),
        ValueError,
        "frequencies must be at most 30",
    ),
    "schedule": (
        lambda: Diffusion((2,), schedule=["cosine"]),  # type: ignore[arg-type]
        ValueError,
        "schedule must be",
    ),
    "convert-shape": (
        lambda: convert.x0_from_eps(X, X[:1], 0.5, 0.5),
        ValueError,
        "eps must be of the shape of x",
    ),
    "convert-scale": (
        lambda: convert.eps_from_x0(X, X, torch.ones(2, 2), 0.5),
        ValueError,
        "alpha must broadcast",
    ),
    "convert-number": (
        lambda: convert.eps_from_x0(X, X, 0.5, math.nan),
        ValueError,
        "sigma must be from 0",
    ),
    "convert-text": (
        lambda: convert.v_from_x0_eps(X, X, "abc", 1.0),  # type: ignore[arg-type]
        TypeError,
        "d_alpha must be a number or",
    ),
    "convert-sigma_data": (
        lambda: convert.gaussian_x0_eps(X, HALF, HALF, 1e300),
        ValueError,
        "sigma_data must be at most",
    ),
    "ode-velocity": (
        lambda: odeint(None, X, torch.tensor([0.0, 1.0])),  # type: ignore[arg-type]
        TypeError,
        "velocity must be callable",
    ),
    "ode-shape": (
        lambda: odeint(lambda x, t: x[:1], X, torch.tensor([0.0, 1.0])),
        ValueError,
        r"velocity must return \(3, 2\), got \(1, 2\)",
    ),
    "ode-times": (
        lambda: odeint(lambda x, t: x, X, torch.tensor([0.0, 1.0, 0.5])),
        ValueError,
        "times must rise or fall",
    ),
    "ode-twice": (
        lambda: odeint(lambda x, t: x, X, torch.tensor([0.0, 0.0])),
        ValueError,
        "times must rise or fall",
    ),
    "ode-point": (
        lambda: odeint(lambda x, t: x, X, torch.zeros(1)),
        ValueError,
        "times must hold two",
    ),
    "ode-flag": (
        lambda: odeint(
            lambda x, t: x,
            X,
            torch.tensor([0.0, 1.0]),
            return_intermediates="no",  # type: ignore[arg-type]
        ),
        TypeError,
        "return_intermediates must be True or False",
    ),
    "divergence-shape": (
        lambda: velocity_and_divergence(lambda x: x, Z),
        ValueError,
        r"x must be \(n, d\)",
    ),
    "divergence-probes": (
        lambda: velocity_and_divergence(lambda x: x, X, X),
        ValueError,
        "probes must be",
    ),
    "divergence-of-nothing": (
        lambda: velocity_and_divergence(lambda x: x.detach(), X),
        ValueError,
        "velocity must be differentiable",
    ),
    "trajectory": (
        lambda: trajectory(PLAIN, torch.zeros(3, 3)),
        ValueError,
        "z must be",
    ),
    "trajectory-of": (lambda: trajectory(None, X), TypeError, "model must be"),  # type: ignore[arg-type]
    "straight-times": (
        lambda: straightness(torch.zeros(3), torch.zeros(3, 1, 2)),
        ValueError,
        "times must rise",
    ),
    "straight-nowhere": (
        lambda: straightness(torch.linspace(0, 1, 3), torch.zeros(3, 1, 2)),
        ValueError,
        "path must lead elsewhere",
    ),
    "mixture": (
        lambda: mixture_velocity(None, X, HALF),  # type: ignore[arg-type]
        TypeError,
        "mixture must be",
    ),
    "mixture-time": (
        lambda: mixture_velocity(mixture(), X, torch.tensor(2.0)),
        ValueError,
        "t must lie from 0 to 1",
    ),
    "known-schedule": (
        lambda: GaussianMixtureVelocity("cosine", ONE, Z[None], ROUND),  # type: ignore[arg-type]
        TypeError,
        "schedule must be a Schedule",
    ),
    "known-lopsided": (
        lambda: GaussianMixtureVelocity(
            Straight(), ONE, Z[None], torch.tensor([[[1.0, 0.5], [0.0, 1.0]]])
        ),
        ValueError,
        "covariances must be symmetric",
    ),
    "known-times": (
        lambda: GaussianMixtureVelocity(Straight(), ONE, Z[None], ROUND)(X, HALF),
        ValueError,
        r"t must be \(3,\) or \(1,\)",
    ),
    "translate": (lambda: translate(None, PLAIN, X), TypeError, "source must encode"),  # type: ignore[arg-type]
    "translate-label": (
        lambda: translate(PLAIN, PLAIN, X, y_target=Y),
        ValueError,
        "y_target: y must be None",
    ),
    "translation": (
        lambda: translation_path(PLAIN, None, X),  # type: ignore[arg-type]
        TypeError,
        "target must be",
    ),
    "ddim": (lambda: ddim(FLOW, X, HALF), TypeError, "model must be a Diffusion"),  # type: ignore[arg-type]
    "ddim-times": (
        lambda: ddim(PLAIN, X, torch.tensor([0.0, 2.0])),
        ValueError,
        "times must lie from 0 to 1",
    ),
    "drop": (
        lambda: drop(Y, torch.zeros(3), torch.tensor(2)),
        ValueError,
        r"out must be \(3,\) torch.bool",
    ),
    "drop-shape": (
        lambda: drop(X, torch.zeros(3).bool(), torch.tensor(2)),
        ValueError,
        "y must be",
    ),
    "null": (
        lambda: check_condition(X, torch.full((2,), math.nan), 3),
        ValueError,
        "null must be finite",
    ),
    "classes": (
        lambda: Diffusion((2,), classes=10**12),
        ValueError,
        "classes must be at most",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_refused(name: str) -> None:
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_are_integers_of_any_type(dtype: torch.dtype) -> None:
    y = Y.to(dtype)
    calls: list[Callable[[Tensor], Tensor]] = [
        lambda y: ASKED.loss(X, y, generator=torch.Generator().manual_seed(0)),
        lambda y: ASKED.log_prob(X, y),
        lambda y: ASKED.encode(X, y),
        lambda y: ASKED.decode(X, y, guidance=2.0),
        lambda y: ASKED.velocity(X, HALF, y),
        lambda y: ASKED.net(X, HALF[None], y),
    ]
    for call in calls:
        assert torch.equal(call(y), call(Y))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_tokens_are_integers_of_any_type(dtype: torch.dtype) -> None:
    words = torch.tensor([[1, 2], [3, 0]])
    got = check_condition(words.to(dtype), torch.tensor([0, 9]), 2)
    assert torch.equal(got, words)
    assert got.dtype == torch.int64


def test_no_times_are_times() -> None:
    none = torch.zeros(0)
    assert check_times(none, n=0) is none
    assert check_times(none, n=...) is none
    with pytest.raises(ValueError, match=r"t must be \(\), got \(0,\)"):
        check_times(none)


def test_what_is_no_time_is_named() -> None:
    for bad in (0.5, None, torch.tensor(1), torch.tensor(0.5).double()):
        with pytest.raises(TypeError, match=r"^s must be"):
            check_times(bad, "s", dtype=torch.float32)
    for bad in (torch.tensor(torch.nan), torch.tensor(torch.inf)):
        with pytest.raises(ValueError, match=r"^s must be finite"):
            check_times(bad, "s")


@pytest.mark.parametrize(
    ("t", "fits"), [(-2e-6, False), (0, True), (1, True), (1 + 2e-6, False)]
)
def test_times_end_where_they_should(t: float, fits: bool) -> None:
    time = torch.tensor(t, dtype=torch.float64)
    if fits:
        assert check_times(time) is time
    else:
        with pytest.raises(ValueError, match="t must lie from 0 to 1"):
            check_times(time)


def test_the_ends_of_weights() -> None:
    assert check_guidance(MOST_GUIDANCE, Y) == 1000
    assert check_guidance(0.0, Y) == 0
    with pytest.raises(ValueError, match="guidance must be at most 1000"):
        check_guidance(1000.1, Y)
    assert check_eta(1) == 1
    assert check_eta(0) == 0
    check_order(HALF, HALF)
    with pytest.raises(ValueError, match="s must be at most t"):
        check_order(HALF, HALF - 1e-6)
    with pytest.raises(ValueError, match="t must be above 0"):
        check_order(0 * HALF, 0 * HALF)
