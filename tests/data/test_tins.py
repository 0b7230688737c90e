"""Tins are what their two factors say, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbook.data.tins import (
    FLOOR,
    HEIGHT,
    TILT,
    WIDTH,
    draw_tins,
    is_held_out,
    measure_tins,
    sample_tins,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=25)
@given(height=st.floats(*HEIGHT), width=st.floats(*WIDTH))
def test_silhouette_has_the_area_of_a_tin(height: float, width: float) -> None:
    """A rectangle of 2 w by h and an ellipse of half-axes w and TILT w."""
    tin = draw_tins(torch.tensor([[height, width]], dtype=torch.float64), size=64)
    # Ink differs over the tin; the covered area does not depend on it.
    covered = (tin > 0.15).double().sum().item() * (2 / 64) ** 2
    area = 2 * width * height + math.pi * TILT * width**2
    edge = 2 * math.pi * width + 2 * height  # about the outline, times half a pixel
    assert abs(covered - area) < edge / 64 + 0.01


def test_factors_are_uniform_and_independent_off_the_hole() -> None:
    tins = sample_tins(4000, region="all", generator=generator())
    h, w = tins.factors.T
    assert abs(h.mean() - sum(HEIGHT) / 2) < 0.02
    assert abs(w.mean() - sum(WIDTH) / 2) < 0.02
    assert abs(torch.corrcoef(tins.factors.T)[0, 1]) < 0.05


def test_regions_do_not_overlap() -> None:
    seen = sample_tins(500, generator=generator())
    held = sample_tins(50, region="held-out", generator=generator())
    assert not is_held_out(seen.factors).any()
    assert is_held_out(held.factors).all()


def test_every_tin_is_inside_the_frame() -> None:
    largest = draw_tins(torch.tensor([[HEIGHT[1], WIDTH[1]]]))
    rows = largest[0, 0]
    border = torch.cat([rows[0], rows[-1], rows[:, 0], rows[:, -1]])
    assert border.max() == 0
    assert FLOOR - TILT * WIDTH[1] > -1


def test_measurement_recovers_the_factors() -> None:
    tins = sample_tins(300, region="all", generator=generator(1))
    error = measure_tins(tins.x) - tins.factors
    assert error.abs().max() < 2 / 32  # a pixel, at worst
    assert error.std(0).max() < 0.02


def test_types_generators_and_empty_batches() -> None:
    a = sample_tins(3, generator=generator(5), dtype=torch.float64)
    b = sample_tins(3, generator=generator(5), dtype=torch.float64)
    assert torch.equal(a.x, b.x)
    assert a.x.dtype == torch.float64
    before = torch.get_rng_state()
    assert len(sample_tins(0, generator=generator())) == 0
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="region must be seen, held-out or all"):
        sample_tins(1, region="unseen")
    with pytest.raises(ValueError, match="n must be at least 0"):
        sample_tins(-1)
    with pytest.raises(ValueError, match="factors must be positive"):
        draw_tins(torch.tensor([[0.0, 0.5]]))
    with pytest.raises(ValueError, match=r"factors must be \(n, 2\), got \(2, 3\)"):
        draw_tins(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="square images, got 4 by 5"):
        measure_tins(torch.zeros(1, 1, 4, 5))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        sample_tins(1, generator=3)  # type: ignore[arg-type]
