"""The curve between two distributions against NumPy, closed forms and ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from doors import check_function_doors, check_limits
from genbook.models.diffusion.tones import match_quantiles
from seeding import seeded


def test_the_curve_is_numpys_between_the_same_quantiles() -> None:
    g = seeded(1)
    source = torch.randn(4000, dtype=torch.float64, generator=g)
    target = torch.rand(900, dtype=torch.float64, generator=g) ** 3
    x = torch.linspace(-5, 5, 301, dtype=torch.float64)  # beyond both ends too
    at = np.linspace(0, 1, 50)
    ends = np.quantile(source.numpy(), at), np.quantile(target.numpy(), at)
    wanted = torch.from_numpy(np.interp(x.numpy(), *ends))
    assert torch.allclose(match_quantiles(x, source, target, levels=50), wanted)


def test_two_gaussians_have_a_straight_line_between_them() -> None:
    source = torch.randn(400_000, generator=seeded(2))
    target = 3 * torch.randn(300_000, generator=seeded(3)) + 1
    x = torch.linspace(-2, 2, 41)
    found = match_quantiles(x, source, target, levels=2000)
    assert (found - (3 * x + 1)).abs().max() < 0.06


def test_what_it_makes_of_the_source_has_the_distribution_of_the_target() -> None:
    source = torch.rand(40, 5, 5, generator=seeded(4))
    target = torch.randn(1000, generator=seeded(5))
    made = match_quantiles(source, source, target, levels=1000)
    assert made.shape == source.shape
    rank = made.flatten().sort()[0]
    assert (rank - target.sort()[0]).abs().max() < 1e-4
    assert torch.equal(made.flatten().argsort(), source.flatten().argsort())


def test_values_that_many_share_stay_where_they_are() -> None:
    """Paper is exactly -1 in both: it must not become a grey of the target."""
    ink = torch.rand(200, generator=seeded(6))
    paper = torch.full((800,), -1.0)
    source, target = torch.cat([paper, 0.5 * ink]), torch.cat([paper, ink])
    made = match_quantiles(source, source, target, levels=1000)
    assert torch.equal(made[:800], paper)
    assert torch.allclose(made[800:], ink, atol=1e-5)
    flat = match_quantiles(torch.tensor([-3.0, 0.0, 3.0]), paper, target)
    assert flat.min() >= -1
    assert flat.max() <= 1


def test_a_blur_of_two_values_becomes_two_values_again() -> None:
    """A squared error answers p; the curve answers 1 where p is among the largest."""
    p = torch.rand(10_000, generator=seeded(7))
    drawn = (torch.rand(10_000, generator=seeded(8)) < p).float()
    made = match_quantiles(p, p, drawn, levels=10_000)
    assert ((made > 0.01) & (made < 0.99)).float().mean() < 0.001
    assert made.mean().item() == pytest.approx(drawn.mean().item(), abs=1e-3)


def test_doors() -> None:
    x = torch.linspace(0, 1, 7)
    assert match_quantiles(x[:0], x, x).shape == (0,)
    with pytest.raises(TypeError, match="source must be"):
        match_quantiles(x, x.double(), x)
    with pytest.raises(ValueError, match="target must"):
        match_quantiles(x, x, x[:0])
    check_function_doors(match_quantiles, x=x, source=x, target=x)
    check_limits(
        lambda levels: match_quantiles(x, x, x, levels=levels),
        {"levels": 1_000_000},
        levels=2,
    )
