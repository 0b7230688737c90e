"""The convolutional players: their parts written out, and what they may depend on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from doors import check_event_shape, check_limits, check_range
from genbook.models.adversarial.gan import GAN
from genbook.models.networks.dcgan import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
)
from genbook.training import fit, load, save
from seeding import seeded
from starts import check_start

SHAPE = (1, 6, 8)
PIXELS = 48


def seen(n: int = 3, classes: int = 3) -> Tensor:
    """Return images beside their labels, ``(n, pixels + classes)``."""
    x = torch.rand(n, PIXELS, generator=seeded(9), dtype=torch.float64)
    return torch.cat([x, torch.eye(classes).double()[torch.arange(n) % classes]], 1)


def played(width: int = 4, **options: Any) -> GAN:
    """Return a conditional game of both on images ``(1, 6, 8)``."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        networks = (
            ConvolutionalGenerator(SHAPE, 2 + 3, width=width),
            ConvolutionalDiscriminator(SHAPE, 3, width=width),
        )
    rest: dict[str, Any] = {"output": "sigmoid", "classes": 3, **options}
    return GAN(SHAPE, 2, networks=networks, **rest)


def paced(pace: float) -> ConvolutionalGenerator:
    """Return a generator with the same first weights at every pace."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return ConvolutionalGenerator(SHAPE, 5, width=4, pace=pace).double()


def by_windows(x: Tensor, layer: nn.Conv2d, step: int = 1) -> Tensor:
    """Return what a convolution is: each window's numbers times the kernel, summed."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    windows = padded.unfold(2, 3, step).unfold(3, 3, step)  # (n, c, h, w, 3, 3)
    said = torch.einsum("nchwij,ocij->nohw", windows, layer.weight)
    return said if layer.bias is None else said + layer.bias[:, None, None]


def squares(x: Tensor) -> Tensor:
    """Return the pixels of each square of 2 by 2 as channels, row by row."""
    return torch.stack([x[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)


def test_the_generator_is_what_its_formula_says() -> None:
    net = ConvolutionalGenerator(SHAPE, 5, width=4, pace=1).double()
    z = torch.randn(3, 5, generator=seeded(1), dtype=torch.float64)
    cells = (z @ net.first.weight.T + net.first.bias).view(3, 3, 4, 4)
    h = cells.movedim(3, 1)
    h = h + by_windows(h.clamp(min=0), net.talk)
    wanted = by_windows(h.clamp(min=0), net.last)
    assert torch.allclose(squares(net(z)), wanted, rtol=0, atol=1e-12)


def test_a_pace_is_a_rate_of_its_own() -> None:
    """At twice the pace, Adam at one rate goes where it goes at twice the rate."""
    slow, fast = paced(1.0), paced(2.0)
    z = torch.randn(6, 5, generator=seeded(1), dtype=torch.float64)
    wanted = torch.rand(6, *SHAPE, generator=seeded(2), dtype=torch.float64)
    assert torch.allclose(slow(z), fast(z), rtol=0, atol=1e-12)
    for net, rate in (slow, 0.02), (fast, 0.01):
        adam = torch.optim.Adam(net.parameters(), lr=rate, eps=1e-20)
        for _ in range(5):
            adam.zero_grad()
            (net(z) - wanted).square().mean().backward()
            adam.step()
    assert torch.allclose(slow(z), fast(z), rtol=0, atol=1e-9)
    assert not torch.allclose(slow(z), paced(1.0)(z), rtol=0, atol=1e-2)


def test_the_discriminator_is_what_its_formula_says() -> None:
    net = ConvolutionalDiscriminator(SHAPE, 3, width=4).double()
    v = seen()
    h = by_windows(squares(v[:, :PIXELS].view(3, *SHAPE)), net.first)
    h = torch.maximum(h, 0.2 * h)
    h = by_windows(h, net.halve, 2)
    h = torch.maximum(h, 0.2 * h).flatten(1)
    wanted = h @ net.score.weight.T + net.score.bias
    assert torch.allclose(net(v)[:, 0], wanted.diagonal(), rtol=0, atol=1e-12)


def test_without_labels_there_is_one_score() -> None:
    net = ConvolutionalDiscriminator(SHAPE, width=4).double()
    assert net(seen()[:, :PIXELS]).shape == (3, 1)
    assert net.score.out_features == 1


@pytest.mark.parametrize("classes", [0, 3])
def test_nothing_comes_of_nothing(classes: int) -> None:
    made = ConvolutionalGenerator(SHAPE, 5, width=4)(torch.zeros(0, 5))
    assert made.shape == (0, *SHAPE)
    net = ConvolutionalDiscriminator(SHAPE, classes, width=4)
    assert net(torch.zeros(0, PIXELS + classes)).shape == (0, 1)


def test_the_penalty_is_what_finite_differences_say() -> None:
    """Through label, folding and both convolutions, without a derivative."""
    plain, game = played().double(), played(r1_weight=4.0).double()
    x, y = seen()[:, :PIXELS].view(3, *SHAPE), torch.tensor([0, 1, 2])
    fake = torch.zeros(3, *SHAPE).double()
    found = game.discriminator_loss(x, fake, y) - plain.discriminator_loss(x, fake, y)
    h = 1e-6 * torch.eye(PIXELS).double().view(PIXELS, *SHAPE)
    steep = torch.zeros(()).double()
    with torch.no_grad():
        for one, label in zip(x, y, strict=True):
            labels = label.expand(PIXELS)
            rise = plain.discriminate(one + h, labels)
            rise = rise - plain.discriminate(one - h, labels)
            steep += (rise / 2e-6).square().sum() / 3
    assert found.item() == pytest.approx(4 / 2 * steep.item(), rel=1e-6)
    found.backward()
    for name, p in game.D.named_parameters():
        if name.endswith("weight"):  # a bias turns no slope but where a bend is
            assert p.grad is not None, name
            assert p.grad.any(), name


def test_a_penalty_now_and_then_comes_to_the_same_on_average() -> None:
    """At one step in four it weighs four times as much, at the others nothing."""
    x, y = seen()[:, :PIXELS].view(3, *SHAPE), torch.tensor([0, 1, 2])
    fake, g = torch.zeros(3, *SHAPE).double(), seeded(3)
    plain, always = played().double(), played(r1_weight=2.0).double()
    rare = played(r1_weight=2.0, r1_every=4).double()
    none = plain.discriminator_loss(x, fake, y).item()
    whole = always.discriminator_loss(x, fake, y).item() - none
    found = [
        (rare.discriminator_loss(x, fake, y, generator=g).item() - none) / whole
        for _ in range(400)
    ]
    assert {round(v, 6) for v in found} == {0.0, 4.0}
    assert sum(found) / 400 == pytest.approx(1, abs=0.3)  # sd of the mean is 0.09
    with torch.no_grad():
        assert rare.discriminator_loss(x, fake, y, generator=g).item() == none


def test_the_game_teaches_both_and_is_saved(tmp_path: Path) -> None:
    """Bright images under one label, dark ones under the other, in few steps."""
    y = torch.arange(400) % 3
    x = 0.1 + 0.4 * y.float().view(-1, 1, 1, 1).expand(400, *SHAPE)
    options: dict[str, Any] = {"r1_weight": 1.0, "r1_every": 4, "ema_decay": 0.9}
    game = played(8, **options)
    fit(game, x, y, steps=150, batch_size=32, lr=1e-2, betas=(0.0, 0.99))
    asked = torch.arange(3).repeat(30)
    made = game.sample(90, asked, generator=seeded(5))
    for k in range(3):
        assert made[asked == k].mean().item() == pytest.approx(0.1 + 0.4 * k, abs=0.1)
    save(game, tmp_path / "game.safetensors")
    twin = load(played(8, **options), tmp_path / "game.safetensors")
    assert torch.equal(twin.sample(90, asked, generator=seeded(5)), made)
    with pytest.raises(ValueError, match="width"):
        load(played(4, **options), tmp_path / "game.safetensors")
    with pytest.raises(ValueError, match="r1_every"):
        load(played(8, **options | {"r1_every": 2}), tmp_path / "game.safetensors")


def test_a_game_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """The steps with a penalty follow from the run's own chance, which is kept."""
    y = torch.arange(60) % 3
    x = torch.rand(60, *SHAPE, generator=seeded(2))
    options: dict[str, Any] = {"r1_weight": 1.0, "r1_every": 3, "ema_decay": 0.9}
    run: dict[str, Any] = {"steps": 12, "batch_size": 16, "lr": 1e-2}
    whole = played(**options)
    fit(whole, x, y, **run)

    class Stop(Exception):
        pass

    stopped, calls = played(**options), 0
    plays = stopped.loss

    def loss(*args: Any, **kwargs: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 8:
            raise Stop
        return plays(*args, **kwargs)

    stopped.loss = loss  # type: ignore[method-assign]
    file = tmp_path / "run.safetensors"
    with pytest.raises(Stop):
        fit(stopped, x, y, checkpoint=file, checkpoint_every=5, **run)
    again = played(**options)
    fit(again, x, y, checkpoint=file, checkpoint_every=5, **run)
    for name, p in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], p), name


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda G, D: GAN(SHAPE, 3, networks=(G, D)), ValueError, r"networks\[0\] mu"),
        (lambda G, D: GAN((1, 6, 6), 5, networks=(G, D)), ValueError, r"\(2, 36\) of"),
        (
            lambda G, D: GAN(SHAPE, 5, networks=(G, D)),
            ValueError,
            r"networks\[1\] must take \(n, 48\): seen must be \(n, 51\)",
        ),
        (
            lambda G, D: GAN(SHAPE, 5, networks=cast(Any, (G,))),
            TypeError,
            "networks must be two",
        ),
        (
            lambda G, D: GAN(SHAPE, 5, networks=cast(Any, (G, 1))),
            TypeError,
            r"networks\[1\] must",
        ),
        (
            lambda G, D: GAN(SHAPE, 2, networks=(G, D), classes=3, lipschitz=1.0),
            ValueError,
            "lipschitz must be 0 with networks given, got 1",
        ),
        (lambda G, D: G(torch.zeros(2, 4)), ValueError, r"^z must be \(n, 5\)"),
        (lambda G, D: G([0.0] * 5), TypeError, "^z must be a torch.Tensor, got list"),
        (lambda G, D: D(torch.zeros(2, 48)), ValueError, r"^seen must be \(n, 51\)"),
        (lambda G, D: D(None), TypeError, "^seen must be a torch.Tensor, got NoneType"),
        (lambda G, D: type(G)((1, 7, 8), 5), ValueError, r"patch must divide .* got 2"),
        (lambda G, D: type(G)(SHAPE, 5, pace=1e-4), ValueError, "pace must be at le"),
        (lambda G, D: type(D)((6, 8)), ValueError, r"event_shape must be \(channels,"),
        (lambda G, D: type(D)(SHAPE, width=4_096), ValueError, "at most 2,048"),
    ],
)
def test_what_does_not_fit_is_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    G = ConvolutionalGenerator(SHAPE, 5, width=4)
    D = ConvolutionalDiscriminator(SHAPE, 3, width=4)
    with pytest.raises(error, match=message):
        call(G, D)


def test_sizes_are_counts_with_limits() -> None:
    check_event_shape(lambda shape: ConvolutionalGenerator(shape, 5, width=4))
    check_event_shape(lambda shape: ConvolutionalDiscriminator(shape, width=4))
    check_limits(
        lambda **n: ConvolutionalGenerator(SHAPE, **{"inputs": 5, **n}), width=1
    )
    discriminator = partial(ConvolutionalDiscriminator, SHAPE)
    check_limits(discriminator, classes=0, width=1)


def test_sizes_have_most_and_a_pace_has_both_ends() -> None:
    check_limits(
        lambda **n: ConvolutionalGenerator(SHAPE, **{"inputs": 5, "width": 4} | n),
        {"inputs": 65_536, "width": 4_096, "patch": 64},
        inputs=1,
        patch=1,
    )
    check_limits(
        lambda **n: ConvolutionalDiscriminator(SHAPE, **{"width": 4} | n),
        {"classes": 1_000_000, "width": 2_048, "patch": 64},
        patch=1,
    )
    check_range(
        lambda pace: ConvolutionalGenerator(SHAPE, 5, width=4, pace=pace),
        "pace",
        (1e-3, 1.0, 1000.0),
        (0.0, -1.0, 0.9e-3, 1000.1),
    )
    for kind in (ConvolutionalGenerator, ConvolutionalDiscriminator):
        with pytest.raises(ValueError, match="event_shape must be at most 4,096"):
            kind((1, 4_097, 4), 1)


def test_new_players_have_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        made = ConvolutionalGenerator((3, 6, 8), 5, width=4, pace=2.5)
        judge = ConvolutionalDiscriminator((3, 6, 8), 2, width=4)
    check_start(
        made,
        {
            "first.weight": (48, 5),
            "first.bias": (48,),
            "talk.weight": (4, 4, 3, 3),
            "talk.bias": (4,),
            "last.weight": (12, 4, 3, 3),
            "last.bias": (12,),
        },
        times={"*": 0.4},
    )
    check_start(
        judge,
        {
            "first.weight": (4, 12, 3, 3),
            "first.bias": (4,),
            "halve.weight": (8, 4, 3, 3),
            "halve.bias": (8,),
            "score.weight": (2, 8 * 2 * 2),
            "score.bias": (2,),
        },
    )
