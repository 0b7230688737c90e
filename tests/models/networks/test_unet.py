"""The U-Net: its parts written out, and what its answer may depend on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from awake import awake, question
from doors import check_event_shape, check_limits
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.networks.unet import Block, SelfAttention, UNet, _Embedding
from genbook.training import isolated_rng, load, save
from seeding import seeded
from starts import check_start


def normalised(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return what group normalisation is: each group of 4 channels standardised."""
    groups = x.unflatten(1, (-1, 4))
    mean = groups.mean((2, 3, 4), keepdim=True)
    var = groups.var((2, 3, 4), unbiased=False, keepdim=True)
    z = ((groups - mean) / (var + 1e-5).sqrt()).flatten(1, 2)
    return z * norm.weight[:, None, None] + norm.bias[:, None, None]


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 28, 28), {}),
        ((1, 14, 14), {"attention": True}),
        ((3, 10, 14), {"blocks": 2, "bottom": 1}),
        ((1, 7, 7), {"patch": 1, "levels": 3}),
        ((2, 9, 5), {"patch": 1, "levels": 2}),
        ((1, 4, 4), {"patch": 4, "levels": 1}),
    ],
)
def test_any_side_that_the_patch_divides(
    shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    net = awake(UNet(shape, width=4, classes=3, **options))
    x, t, y = question(shape)
    said = net(x, t, y)
    assert said.shape == x.shape
    assert said.dtype == torch.float64
    assert said.isfinite().all()
    assert net(x[:0], t[:0], y[:0]).shape == (0, *shape)


def test_a_new_network_says_nothing_and_a_new_block_lets_all_through() -> None:
    net = UNet((1, 8, 8), width=4, classes=3, attention=True)
    x, t, y = question((1, 8, 8))
    assert not net(x.float(), t.float(), y).any()
    h, known = torch.randn(2, 8, 3, 3, generator=seeded(1)), torch.ones(1, 5)
    assert torch.equal(Block(8, known=5)(h, known), h)
    assert torch.equal(SelfAttention(8)(h), h)


def test_a_block_is_what_its_formula_says() -> None:
    block = awake(Block(8, known=5))
    x = torch.randn(2, 8, 4, 3, generator=seeded(1), dtype=torch.float64)
    known = torch.randn(2, 5, generator=seeded(2), dtype=torch.float64)
    told = known @ block.modulation.weight.T + block.modulation.bias
    scale, shift = told[:, :8, None, None], told[:, 8:, None, None]
    h = normalised(x, block.norm1)
    h = normalised(block.conv1(h * h.sigmoid()), block.norm2) * (1 + scale) + shift
    wanted = x + block.conv2(h * h.sigmoid())
    assert torch.allclose(block(x, known), wanted, rtol=0, atol=1e-10)


def test_attention_is_a_mean_over_all_cells() -> None:
    layer = awake(SelfAttention(8))
    x = torch.randn(2, 8, 2, 3, generator=seeded(1), dtype=torch.float64)
    z = normalised(x, layer.norm).flatten(2).transpose(1, 2)  # (n, cells, c)
    parts = z @ layer.qkv.weight[:, :, 0, 0].T + layer.qkv.bias
    q, k, v = parts[..., :8], parts[..., 8:16], parts[..., 16:]
    seen = (q @ k.transpose(1, 2) / 8**0.5).softmax(2) @ v
    out = seen @ layer.out.weight[:, :, 0, 0].T + layer.out.bias
    wanted = x + out.transpose(1, 2).reshape(x.shape)
    assert torch.allclose(layer(x), wanted, rtol=0, atol=1e-10)


def test_a_gradient_reaches_every_weight() -> None:
    net = awake(UNet((1, 8, 8), width=4, levels=3, classes=3, attention=True))
    net(*question((1, 8, 8))).square().sum().backward()
    for name, p in net.named_parameters():
        assert p.grad is not None, name
        assert p.grad.any(), name


def test_time_and_label_matter_and_no_label_is_one_of_its_own() -> None:
    net = awake(UNet((1, 8, 8), width=4, classes=3))
    x, t, _ = question((1, 8, 8))
    said = [net(x, t, torch.full((3,), k)) for k in range(4)]
    for i in range(4):
        for j in range(i):
            assert not torch.allclose(said[i], said[j], atol=1e-3)
    assert not torch.allclose(net(x, t + 0.05, torch.full((3,), 0)), said[0], atol=1e-3)


def test_one_time_and_one_label_stand_for_all() -> None:
    net = awake(UNet((1, 8, 8), width=4, classes=3))
    x, _, _ = question((1, 8, 8))
    t, y = torch.tensor([0.3]).double(), torch.tensor([2])
    wanted = net(x, t.expand(3), y.expand(3))
    assert torch.allclose(net(x, t, y), wanted, rtol=0, atol=1e-12)


def test_an_image_is_answered_as_if_it_were_alone() -> None:
    net = awake(UNet((1, 8, 8), width=4, classes=3, attention=True))
    x, t, y = question((1, 8, 8))
    together = net(x, t, y)
    for i in range(3):
        one = slice(i, i + 1)
        alone = net(x[one], t[one], y[one])
        assert torch.allclose(together[one], alone, rtol=0, atol=1e-10)


def test_what_is_fine_comes_by_the_side_alone() -> None:
    """Where the way down is cut, the top level still sees each cell of its own."""
    net = awake(UNet((1, 8, 8), width=4, patch=1))
    nn.init.zeros_(net.narrow[0].weight)
    x, t, _ = question((1, 8, 8))
    other = x.clone()
    other[:, :, 2, 3] += 1
    moved = (net(other, t) - net(x, t)).abs()
    assert moved[:, :, 2, 3].min() > 1e-3


def test_the_cells_of_a_patch_go_back_to_their_places() -> None:
    """Through the skip, a pixel's change stays about where it was."""
    net = UNet((1, 8, 8), width=4, levels=1, bottom=1).double()
    with torch.no_grad():
        for layer in (net.input, net.output):
            layer.weight.zero_()
            layer.weight[range(4), range(4), 1, 1] = 1.0
            layer.bias.zero_()
    net.norm = nn.Identity()  # a cell's numbers pass through the ends alone
    x, t, _ = question((1, 8, 8))
    assert torch.allclose(net(x, t), nn.functional.silu(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [FlowMatching, Diffusion])
def test_models_of_a_path_take_it(kind: Any, tmp_path: Path) -> None:
    def made(**options: Any) -> Any:
        net = UNet((1, 8, 8), classes=3, **{"width": 4, **options})
        return kind((1, 8, 8), network=net, classes=3, steps=2)

    model = made(attention=True)
    nn.init.normal_(model.net.output.weight, generator=seeded(3))
    x, _, y = question((1, 8, 8))
    loss = model.loss(x.float(), y, generator=seeded(4))
    loss.backward()
    drawn = model.sample(3, y, guidance=1.5, generator=seeded(5))
    assert drawn.shape == (3, 1, 8, 8)
    save(model, tmp_path / "model.safetensors")
    twin = load(made(attention=True), tmp_path / "model.safetensors")
    again = twin.sample(3, y, guidance=1.5, generator=seeded(5))
    assert torch.equal(again, drawn)
    with pytest.raises(ValueError, match="attention"):
        load(made(), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="width"):
        load(made(attention=True, width=8), tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"event_shape": (28, 28)}, ValueError, r"event_shape must be \(channels,"),
        ({"event_shape": (1, 7, 8)}, ValueError, r"patch must divide .* got 2"),
        ({"event_shape": (1, 8, 2)}, ValueError, "levels must be at most 1 for 1 cel"),
        ({"levels": 4}, ValueError, "levels must be at most 3 for 4 cells a side, g"),
        ({"levels": 0}, ValueError, "levels must be at least 1"),
        ({"width": 6}, ValueError, "width must be a multiple of 4, got 6"),
        ({"width": 10**6}, ValueError, "width must be at most 4,096"),
        ({"blocks": 0}, ValueError, "blocks must be at least 1"),
        ({"bottom": 0}, ValueError, "bottom must be at least 1"),
        ({"patch": 0}, ValueError, "patch must be at least 1"),
        ({"classes": -1}, ValueError, "classes must be at least 0"),
        ({"attention": "no"}, TypeError, "attention must be True or False"),
        ({"width": 8.0}, TypeError, "width must be an integer"),
    ],
)
def test_what_cannot_be_built_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        UNet(**({"event_shape": (1, 8, 8), "width": 4} | change))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.zeros(5, 1, 8, 9)}, ValueError, r"x must be \(n, 1, 8, 8\)"),
        ({"x": torch.zeros(5, 1, 8, 8).double()}, TypeError, "x must be torch.float32"),
        ({"t": torch.zeros(2)}, ValueError, r"t must be \(5,\) or \(1,\)"),
        ({"y": None}, ValueError, "y must be labels 0 to 3, got None"),
        ({"y": torch.full((5,), 4)}, ValueError, "y must hold labels 0 to 3, got 4"),
        ({"y": torch.zeros(3).long()}, ValueError, r"y must be \(5,\) or \(1,\)"),
    ],
)
def test_bad_questions_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    good = {
        "x": torch.zeros(5, 1, 8, 8),
        "t": torch.zeros(1),
        "y": torch.tensor([3]),
    }
    with pytest.raises(error, match=message):
        UNet((1, 8, 8), width=4, classes=3)(**(good | change))


def test_parts_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="known must have 3 rows or 1, got 2"):
        Block(4, known=5)(torch.zeros(3, 4, 2, 2), torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"^known must be \(n, 5\), got \(1, 6\)"):
        Block(4, known=5)(torch.zeros(3, 4, 2, 2), torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r"x must be \(n, 4, height, width\)"):
        SelfAttention(4)(torch.zeros(3, 8, 2, 2))
    with pytest.raises(ValueError, match="channels must be a multiple of 4"):
        SelfAttention(9)


def test_sizes_have_limits() -> None:
    check_limits(
        lambda **n: UNet((1, 8, 8), **{"width": 4, "patch": 1} | n),  # type: ignore[arg-type]
        {"levels": 8, "blocks": 100, "bottom": 100, "patch": 64, "classes": 1_000_000},
        levels=1,
        blocks=1,
        bottom=1,
        patch=1,
        classes=0,
    )
    check_limits(lambda known: Block(4, known=known), {"known": 65_536}, known=1)
    for bad in (3, 0, 6, 4100):
        with pytest.raises(ValueError, match=r"^width must be"):
            UNet((1, 8, 8), width=bad)


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(UNet)


def test_a_time_is_waves_whose_speeds_go_from_one_to_a_thousand() -> None:
    known = _Embedding(4, classes=0).double()
    seen: list[Tensor] = []
    known.time.register_forward_hook(lambda net, given, out: seen.append(*given))
    t = torch.tensor([0.0, 0.3], dtype=torch.float64)
    known(t, None)
    speeds = [1000 ** (i / 15) for i in range(16)]
    wanted = [
        [f(s * u) for f in (math.sin, math.cos) for s in speeds] for u in (0, 0.3)
    ]
    assert torch.allclose(seen[0], torch.tensor(wanted, dtype=torch.float64))


def test_a_new_network_has_these_weights() -> None:
    with isolated_rng(1):
        net = UNet(
            (3, 8, 8), width=8, levels=2, blocks=1, bottom=1, attention=True, classes=3
        )
    known = 8 * 8
    shapes: dict[str, tuple[int, ...]] = {
        "embed.time.0.weight": (known, 32),
        "embed.time.2.weight": (known, known),
        "embed.label.weight": (4, known),
        "embed.*.bias": (known,),
        "input.weight": (8, 12, 3, 3),
        "down.0.0.conv?.weight": (8, 8, 3, 3),
        "up.0.0.conv?.weight": (8, 8, 3, 3),
        "bottom.0.conv?.weight": (16, 16, 3, 3),
        "bottom.0.modulation.weight": (32, known),
        "bottom.0.modulation.bias": (32,),
        "*.modulation.weight": (16, known),
        "*.modulation.bias": (16,),
        "halve.0.weight": (16, 8, 3, 3),
        "halve.0.bias": (16,),
        "narrow.0.weight": (8, 16, 1, 1),
        "attention.qkv.weight": (48, 16, 1, 1),
        "attention.qkv.bias": (48,),
        "attention.out.weight": (16, 16, 1, 1),
        "attention.*": (16,),
        "bottom.*": (16,),
        "output.weight": (12, 8, 3, 3),
        "output.bias": (12,),
        "*": (8,),
    }
    check_start(
        net,
        shapes,
        zero=("output.*", "*.conv2.*", "attention.out.*"),
        normal={"embed.label.weight": 1.0},
    )
    for module in net.modules():
        if isinstance(module, nn.GroupNorm):
            assert module.num_channels == 4 * module.num_groups
    assert net.halve[0].stride == (2, 2)


def test_the_time_is_seen_in_waves_from_1_to_1000() -> None:
    embed = _Embedding(6, 2).double()
    t, y = torch.tensor([0.0, 0.37, 1.0]).double(), torch.tensor([0, 2, 1])
    seen: list[Tensor] = []
    embed.time.register_forward_hook(lambda net, given, out: seen.extend((*given, out)))
    found = embed(t, y)
    angle = t[:, None] * 10 ** (torch.arange(16).double() * 3 / 15)
    assert torch.allclose(seen[0], torch.cat([angle.sin(), angle.cos()], 1), atol=1e-9)
    known = seen[1] + embed.label.weight[y]
    assert torch.allclose(found, known * known.sigmoid())


def test_an_answer_goes_down_and_comes_back() -> None:
    net = awake(UNet((1, 8, 8), width=4, levels=2, bottom=1, classes=3)).double()
    x, t, y = question((1, 8, 8))
    known = net.embed(t, y)
    cells = x.view(3, 4, 2, 4, 2).permute(0, 2, 4, 1, 3).reshape(3, 4, 4, 4)
    fine = net.down[0][0](net.input(cells), known)
    low = net.bottom[0](net.halve[0](fine), known)
    wide = net.narrow[0](low).repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = normalised(net.up[0][0](wide + fine, known), net.norm)
    h = net.output(h * h.sigmoid())
    wanted = h.view(3, 2, 2, 4, 4).permute(0, 3, 1, 4, 2).reshape(3, 1, 8, 8)
    assert torch.allclose(net(x, t, y), wanted, rtol=0, atol=1e-9)


def test_the_lowest_level_is_no_wider_than_any_may_be() -> None:
    with torch.device("meta"):  # nothing of this size is made
        UNet((1, 16, 16), width=2048, levels=2, bottom=1)
        for width, levels, lowest in ((2052, 2, 4104), (1024, 4, 8192)):
            words = "the width of the lowest level must be at most 4,096"
            with pytest.raises(ValueError, match=f"{words}, got {lowest}"):
                UNet((1, 16, 16), width=width, levels=levels, bottom=1)
