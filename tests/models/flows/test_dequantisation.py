"""Dequantisation: each bin belongs to one whole number, and the bound is a bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from doors import check_function_doors, check_limits
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.flows.dequantisation import (
    bits_per_dimension,
    dequantise,
    quantise,
)
from genbook.models.flows.flow import Flow
from genbook.training import fit
from seeding import seeded

LEVELS = 4
#: A joint distribution of two pixels of four levels: dark ones tend to be neighbours.
P = torch.tensor(
    [[10, 4, 1, 0], [4, 6, 2, 1], [1, 2, 3, 2], [0, 1, 2, 9]], dtype=torch.float64
)
P = P / P.sum()
ENTROPY = -(P[P > 0] * P[P > 0].log()).sum().item()


@pytest.fixture
def x() -> Tensor:
    """Draws of ``P`` as shares of ink, ``(20000, 2)``."""
    cell = torch.multinomial(P.flatten(), 20_000, True, generator=seeded(0))
    k = torch.stack([cell // LEVELS, cell % LEVELS], 1)
    return k.double() / (LEVELS - 1)


def test_noise_fills_the_bin_of_each_level_and_no_other() -> None:
    levels = torch.arange(256, dtype=torch.float64) / 255
    x = levels.repeat(400, 1)
    y = dequantise(x, generator=seeded(1))
    assert torch.equal(quantise(y), x)
    place = y * 256 - torch.arange(256)
    assert place.min() >= 0
    assert place.max() < 1
    standard_error = math.sqrt(1 / 12 / place.numel())
    assert abs(place.mean() - 0.5) < 4 * standard_error
    assert abs(place.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / place.numel())


def test_float32_never_rounds_into_the_next_bin() -> None:
    x = torch.ones(2_000_000)
    y = dequantise(x, generator=seeded(2))
    assert y.max() < 1
    assert torch.equal(quantise(y), x)


def test_the_bound_is_the_entropy_for_a_density_constant_on_bins(x: Tensor) -> None:
    model = Histogram(torch.zeros(2), torch.ones(2), LEVELS).double()
    y = dequantise(x, LEVELS, generator=seeded(3))
    model.fit(y)
    log_p = model.log_prob(y)
    counts = torch.bincount((x * 3).round().long() @ torch.tensor([4, 1]), minlength=16)
    shares = counts.double() / len(x)
    seen = -(shares[shares > 0] * shares[shares > 0].log()).sum().item()
    nats = bits_per_dimension(log_p, 2, LEVELS).mean().item() * 2 * math.log(2)
    assert nats == pytest.approx(seen, abs=1e-9)


@pytest.mark.parametrize("kind", ["spline", "affine"])
def test_a_trained_flow_costs_at_least_the_entropy(kind: str, x: Tensor) -> None:
    corners = {"low": [0.0, 0.0], "high": [1.0, 1.0]}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Flow(2, kind=kind, transforms=4, hidden=(32,), **corners)  # type: ignore
    fit(model, dequantise(x, LEVELS, generator=seeded(4)).float(), steps=150)
    new = torch.multinomial(P.flatten(), 20_000, True, generator=seeded(5))
    ink = torch.stack([new // LEVELS, new % LEVELS], 1) / (LEVELS - 1)
    with torch.no_grad():
        log_p = model.log_prob(dequantise(ink, LEVELS, generator=seeded(6)))
    nats = bits_per_dimension(log_p, 2, LEVELS) * 2 * math.log(2)
    assert nats.mean() > ENTROPY - 3 * nats.std() / math.sqrt(len(nats))
    assert nats.mean() < math.log(16)  # better than not looking


def test_without_noise_the_likelihood_has_no_limit(x: Tensor) -> None:
    """The narrower the bumps on the levels, the better they seem: beyond any bound."""
    found = []
    noisy = dequantise(x[:2000], LEVELS, generator=seeded(7))
    for width in (1e-2, 1e-4, 1e-6):
        bare, spread = (
            KernelDensity(2, bandwidth=width).double().fit(t[:1000]).log_prob(t[1000:])
            for t in (x[:2000], noisy)
        )
        found.append((bare[bare > -1e9].mean().item(), spread.mean().item()))
    bare, spread = zip(*found, strict=True)
    step = 2 * math.log(100)
    assert bare[1] - bare[0] == pytest.approx(step, abs=0.5)
    assert bare[2] - bare[1] == pytest.approx(step, abs=0.5)
    assert bare[2] > 20
    assert max(spread) < 2 * math.log(LEVELS) - ENTROPY + 0.5


def test_bits_of_a_uniform_pixel() -> None:
    assert bits_per_dimension(torch.zeros(3), 10).tolist() == [8.0] * 3
    log_p = torch.full((1,), 10 * math.log(2.0))
    assert bits_per_dimension(log_p, 10).item() == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("x", "levels", "message"),
    [
        (torch.tensor([1.5]), 256, "x must lie between 0 and 1, got 1.5 to 1.5"),
        (torch.tensor([-0.5, 0.0]), 256, "x must lie between 0 and 1"),
        (torch.tensor([torch.nan]), 256, "x must be finite"),
        (torch.zeros(3), 1, "levels must be at least 2, got 1"),
    ],
)
def test_bad_input_is_refused(x: Tensor, levels: int, message: str) -> None:
    for door in (dequantise, quantise):
        with pytest.raises(ValueError, match=message):
            door(x, levels)


def test_same_generator_same_noise() -> None:
    state = torch.get_rng_state()
    a, b = (dequantise(torch.rand(5, 3), generator=seeded(8)) * 0 for _ in range(2))
    assert torch.equal(a, b)
    x = torch.zeros(0, 3)
    assert dequantise(x, generator=seeded(8)).shape == (0, 3)
    torch.set_rng_state(state)


@pytest.mark.parametrize("levels", [2, 3, 100, 1000, 5000, 65_536])
def test_numbers_at_the_edges_of_bins_belong_to_one(levels: int) -> None:
    """In float32 a product may round into the next bin; the whole number may not."""
    k = torch.arange(levels).float()
    first, beyond = k / levels, (k + 1) / levels
    last = torch.nextafter(beyond, torch.zeros(levels))
    for y in (first, last):
        assert torch.equal((quantise(y, levels) * (levels - 1)).round(), k)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dequantise(torch.zeros(2), 2**16 + 1), ValueError, "levels must be a"),
        (
            lambda: dequantise(torch.zeros(2).half(), 257),
            ValueError,
            "levels must be at mo",
        ),
        (lambda: quantise(torch.zeros(2), 2.0), TypeError, "levels must be an integer"),
        (lambda: dequantise(torch.zeros(2), generator=1), TypeError, "generator must"),
        (lambda: bits_per_dimension(None, 2), TypeError, "log_p must be a torch.Tens"),
        (lambda: bits_per_dimension(torch.zeros(1, 1), 2), ValueError, "log_p must be"),
        (lambda: bits_per_dimension(torch.zeros(1) / 0, 2), ValueError, "got 1 NaN"),
        (lambda: bits_per_dimension(torch.zeros(1), 10**12), ValueError, "dims must "),
        (lambda: bits_per_dimension(torch.zeros(1), 1, 1), ValueError, "levels must "),
    ],
)
def test_bad_arguments_are_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_no_mass_costs_infinitely_many_bits() -> None:
    assert bits_per_dimension(torch.tensor([-torch.inf]), 10).tolist() == [math.inf]


def test_dequantise_names_what_it_refuses() -> None:
    x = torch.randint(4, (3, 2), generator=seeded(0)).float() / 3
    check_function_doors(dequantise, x=x, levels=4, generator=seeded(1))


def test_pixels_and_levels_have_limits() -> None:
    log_p = torch.zeros(2)
    check_limits(
        lambda **n: bits_per_dimension(log_p, **{"dims": 3, "levels": 4} | n),
        {"levels": 65_536},
        dims=1,
        levels=2,
    )


def test_noise_fills_the_level_by_the_dice() -> None:
    x = torch.tensor([[0.0, 1 / 3, 1.0]]).double()
    u = torch.rand(1, 3, generator=seeded(5), dtype=torch.float64)
    wanted = (torch.tensor([[0.0, 1.0, 3.0]]) + u) / 4
    assert torch.allclose(dequantise(x, 4, generator=seeded(5)), wanted)


def test_levels_have_both_ends_in_every_type() -> None:
    for dtype, most in ((torch.float32, 2**16), (torch.float64, 2**16)):
        x = torch.zeros(2, dtype=dtype)
        dequantise(x, most)
        with pytest.raises(ValueError, match="levels must be at most 65,536, got"):
            dequantise(x, most + 1)
    x = torch.zeros(2, dtype=torch.float16)
    most = int(1 / (4 * torch.finfo(torch.float16).eps))
    quantise(x, most)
    with pytest.raises(ValueError, match=f"levels must be at most {most}, got"):
        quantise(x, most + 1)
    for call in (dequantise, quantise):
        with pytest.raises(ValueError, match="levels must be at least 2"):
            call(torch.zeros(2), 1)
        assert call(torch.zeros(0)).shape == (0,)
        assert call(torch.tensor([0.0, 1.0]), 2).shape == (2,)
        for bad in (-1e-3, 1.001):
            with pytest.raises(ValueError, match="x must lie between 0 and 1, got"):
                call(torch.tensor([0.5, bad]))


def test_bits_are_those_of_whole_levels() -> None:
    log_p = torch.tensor([3.0, -2.0]).double()
    wanted = [(5 * math.log(8) - v) / (5 * math.log(2)) for v in (3.0, -2.0)]
    assert bits_per_dimension(log_p, 5, 8).tolist() == pytest.approx(wanted)
    check_limits(
        lambda **n: bits_per_dimension(log_p, **{"dims": 1, "levels": 2} | n),
        {"levels": 65_536},
        dims=1,
        levels=2,
    )
    assert bits_per_dimension(log_p - torch.inf, 5).isinf().all()
    with pytest.raises(ValueError, match="log_p must hold numbers, got 1 NaN"):
        bits_per_dimension(torch.tensor([0.0, torch.nan]), 5)
