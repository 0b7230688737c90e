"""Reflow and distillation against maps that are known: Gaussians, and exact flows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_function_doors, check_limits
from genbook.models.diffusion.flow_matching import (
    FlowMatching,
    straightness,
    trajectory,
)
from genbook.models.diffusion.reflow import Reflow, draw_pairs
from genbook.training import fit
from seeding import seeded


def tiny(**options: Any) -> FlowMatching:
    """Return a flow whose weights are noise; fresh ones answer 0 to all."""
    flow = FlowMatching((2,), width=16, depth=1, **options)
    with torch.no_grad():
        for p in flow.parameters():
            p.copy_(torch.randn(p.shape, generator=seeded(2)) / 3)
    return flow


class Known(FlowMatching):
    """A flow that carries noise z to ``2 z + 1`` by straight lines."""

    def _predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        t = t.view(-1, *[1] * (x.ndim - 1)) if t.ndim else t
        z = (x - (1 - t)) / (2 - t)  # x = (1 - t) (2 z + 1) + t z
        return z - (2 * z + 1)


def known() -> Known:
    return Known((2,), width=4, depth=1).double()


def test_pairs_are_noises_and_what_becomes_of_them() -> None:
    pairs = draw_pairs(known(), 700, steps=3, generator=seeded(1))
    z = torch.randn(700, 2, dtype=torch.float64, generator=seeded(1))
    assert torch.equal(pairs[:, 0], z)
    assert torch.allclose(pairs[:, 1], 2 * z + 1, atol=1e-12)
    assert not pairs.requires_grad


def test_pairs_follow_their_conditions_and_their_guidance() -> None:
    flow = tiny(classes=3)
    y = torch.arange(1100) % 3
    pairs = draw_pairs(flow, 1100, y, guidance=2.0, steps=2, generator=seeded(1))
    noise, drawn = pairs.unbind(1)
    wanted = flow.decode(noise, y, guidance=2.0, steps=2).detach()
    assert torch.allclose(drawn, wanted, atol=1e-5)  # in parts of 500, as in one
    plain = flow.decode(noise, y, steps=2).detach()
    assert not torch.allclose(drawn, plain, atol=1e-2)
    turned = flow.decode(noise, y.roll(1), guidance=2.0, steps=2).detach()
    assert not torch.allclose(drawn, turned, atol=1e-2)


def test_pairs_keep_the_shape_of_images() -> None:
    flow = FlowMatching((1, 3, 2), width=8, depth=1)
    assert draw_pairs(flow, 4, steps=1, method="euler").shape == (4, 2, 1, 3, 2)


@pytest.mark.parametrize("start", ["everywhere", "noise"])
def test_the_loss_of_a_flow_that_walks_the_lines_of_its_pairs_is_zero(
    start: str,
) -> None:
    flow = known()
    pairs = draw_pairs(flow, 50, steps=1, generator=seeded(3))
    assert Reflow(flow, start=start).loss(pairs, generator=seeded(4)) < 1e-20
    swapped = torch.stack([pairs[:, 0], pairs[:, 1].roll(1, 0)], 1)
    assert Reflow(flow, start=start).loss(swapped, generator=seeded(4)) > 0.1


def test_from_the_noise_alone_the_loss_is_that_of_one_step() -> None:
    flow = tiny()
    pairs = draw_pairs(flow, 40, generator=seeded(3))
    one = flow.decode(pairs[:, 0], steps=1, method="euler")
    loss = Reflow(flow, start="noise").loss(pairs, generator=seeded(4))
    assert loss.item() == pytest.approx(
        (one - pairs[:, 1]).square().mean().item(), rel=1e-5
    )


def test_everywhere_the_times_are_those_of_the_flow() -> None:
    flow = tiny(times="logit-normal")
    pairs = draw_pairs(flow, 40, generator=seeded(3))
    t = flow.sample_times(40, generator=seeded(4))[:, None]
    eps, x0 = pairs.unbind(1)
    says = flow._predict((1 - t) * x0 + t * eps, t[:, 0], None)
    wanted = (says - (eps - x0)).square().mean()
    assert torch.allclose(Reflow(flow).loss(pairs, generator=seeded(4)), wanted)


def test_the_condition_is_heard_in_training() -> None:
    flow = tiny(classes=2)
    y = torch.arange(30) % 2
    pairs = draw_pairs(flow, 30, y, generator=seeded(3))
    model = Reflow(flow)
    a, b = (model.loss(pairs, c, generator=seeded(4)) for c in (y, 1 - y))
    assert a != b
    with pytest.raises(ValueError, match="y must hold labels 0 to 1, got 2"):
        model.loss(pairs, torch.full((30,), 2), generator=seeded(4))


def test_a_bent_flow_becomes_straighter_and_draws_in_one_step() -> None:
    """Two heaps: the paths of independent pairs bend, those of reflow hardly."""
    x = torch.randn(600, 2, generator=seeded(5)) / 8
    x[:, 0] += torch.where(torch.arange(600) % 2 == 0, 1.0, -1.0)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        flow = FlowMatching((2,), width=32, depth=2)
    run: dict[str, Any] = {"batch_size": 128, "lr": 5e-3, "seed": 0}
    fit(flow, x, steps=400, progress=False, **run)
    pairs = draw_pairs(flow, 1000, steps=12, generator=seeded(6))
    z = torch.randn(300, 2, generator=seeded(7))
    bent = straightness(*trajectory(flow, z, steps=20))
    ends = flow.decode(z, steps=20).detach()
    before = (flow.decode(z, steps=1, method="euler") - ends).square().mean().item()
    fit(Reflow(flow), pairs, steps=300, progress=False, **run)
    assert straightness(*trajectory(flow, z, steps=20)) < 0.4 * bent
    fit(Reflow(flow, start="noise"), pairs, steps=200, progress=False, **run)
    after = (flow.decode(z, steps=1, method="euler") - ends).square().mean().item()
    assert after < 0.2 * before


def test_it_teaches_flow_matching_only() -> None:
    with pytest.raises(TypeError, match="flow must be a FlowMatching, got Linear"):
        Reflow(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="flow must be a FlowMatching, got Linear"):
        draw_pairs(torch.nn.Linear(2, 2), 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start must be"):
        Reflow(tiny(), start="somewhere")
    for start in ("everywhere", "noise"):
        check_doors(
            lambda start=start: Reflow(tiny(), start=start),
            torch.zeros(3, 2, 2),
            rows=["loss"],
        )
    check_limits(lambda n: draw_pairs(tiny(), n, steps=1), {"n": 1_000_000}, n=1)
    check_function_doors(draw_pairs, flow=tiny(), n=3, steps=2)
