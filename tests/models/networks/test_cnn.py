"""A convolutional network of one number: its formula, its slope, its doors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from awake import awake, question
from doors import check_event_shape, check_limits
from genbook.models.networks.cnn import TimeConditionedCNN


def small(shape: tuple[int, ...] = (1, 8, 8), **options: Any) -> TimeConditionedCNN:
    return TimeConditionedCNN(shape, **{"channels": (3, 4), "width": 5, **options})


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 14, 14), {}),
        ((1, 28, 28), {"patch": 2, "kernel_size": 6}),
        ((3, 10, 6), {"kernel_size": 3, "classes": 3}),
        ((2, 9, 5), {"kernel_size": 1}),
        ((1, 4, 4), {"kernel_size": 64}),
        ((1, 7, 7), {"kernel_size": 2, "channels": (2,)}),
    ],
)
def test_one_number_an_image_of_any_side(
    shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    net = awake(small(shape, **options))
    x, t, y = question(shape)
    label = (y,) if "classes" in options else ()
    said = net(x, t, *label)
    assert said.shape == (3,)
    assert said.dtype == torch.float64
    assert said.isfinite().all()
    assert net(x[:0], t[:0], *(v[:0] for v in label)).shape == (0,)


def test_a_new_network_says_zero() -> None:
    x, t, _ = question((1, 8, 8))
    assert not small()(x.float(), t.float()).any()


def test_the_answer_is_what_the_formula_says() -> None:
    net = awake(small((1, 8, 8), patch=2, channels=(3,), kernel_size=4, classes=3))
    x, t, y = question((1, 8, 8))
    turns = [f(k * torch.pi / 2 * t) for f in (torch.sin, torch.cos) for k in (1, 2, 4)]
    told = torch.stack([t, *turns, *(1.0 * (y == k) for k in range(3))], 1)

    def said(k: int) -> tuple[Tensor, Tensor]:
        out = told @ net.modulations[k].weight.T + net.modulations[k].bias
        half = out.shape[1] // 2
        return out[:, :half], out[:, half:]

    cells = x.view(3, 4, 2, 4, 2).permute(0, 2, 4, 1, 3).reshape(3, 4, 4, 4)
    layer = net.convolutions[0]
    h = conv2d(nn.functional.pad(cells, [1] * 4), layer.weight, layer.bias)[
        ..., ::2, ::2
    ]
    scale, shift = said(0)
    h = h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
    h = (h * h.sigmoid()).flatten(1) @ net.dense.weight.T + net.dense.bias
    scale, shift = said(1)
    h = h * (1 + scale) + shift
    wanted = (h * h.sigmoid()) @ net.output.weight[0] + net.output.bias
    assert torch.allclose(net(x, t, y), wanted, rtol=0, atol=1e-12)


def test_its_slope_and_the_slope_s_slope_are_those_of_differences() -> None:
    """What a score is trained by: the gradient, and how weights change it."""
    net = awake(small(classes=3))
    x, t, y = question((1, 8, 8))
    points = x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: net(x, t, y), points)
    assert torch.autograd.gradgradcheck(lambda x: net(x, t, y), points)


def test_a_slope_of_the_slope_reaches_every_weight() -> None:
    net = awake(small(classes=3))
    x, t, y = question((1, 8, 8))
    x.requires_grad_()
    (g,) = torch.autograd.grad(net(x, t, y).sum(), x, create_graph=True)
    g.square().sum().backward()
    for name, p in net.named_parameters():
        if name != "output.bias":  # a constant has no slope
            assert p.grad is not None, name
            assert p.grad.any(), name


def test_time_and_label_matter_and_no_label_is_one_of_its_own() -> None:
    net = awake(small(classes=3))
    x, t, _ = question((1, 8, 8))
    said = [net(x, t, torch.full((3,), k)) for k in range(4)]
    for i in range(4):
        for j in range(i):
            assert not torch.allclose(said[i], said[j], atol=1e-3)
    assert not torch.allclose(net(x, t + 0.05, torch.full((3,), 0)), said[0], atol=1e-3)


def test_one_time_and_one_label_stand_for_all() -> None:
    net = awake(small(classes=3))
    x, t, y = question((1, 8, 8))
    wanted = net(x, t[:1].expand(3), y[:1].expand(3))
    for label in (y[:1], y[:1].expand(3)):
        assert torch.allclose(net(x, t[:1], label), wanted, rtol=0, atol=1e-12)


def test_a_network_is_made_again_from_its_config() -> None:
    net = awake(small((1, 8, 8), patch=2, classes=3, kernel_size=3))
    again = TimeConditionedCNN(**net.config).double()
    again.load_state_dict(net.state_dict())
    question_ = question((1, 8, 8))
    assert torch.equal(again(*question_), net(*question_))


def test_sizes_have_limits() -> None:
    check_limits(
        lambda **n: TimeConditionedCNN((1, 8, 8), **{"channels": (2,), "width": 2} | n),
        {"width": 65_536, "kernel_size": 64, "patch": 64, "classes": 1_000_000},
        width=1,
        kernel_size=1,
        patch=1,
        classes=0,
    )


def test_the_shape_of_images_is_made_of_counts() -> None:
    check_event_shape(lambda shape: TimeConditionedCNN(shape))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8, 8), {}, r"event_shape must be \(channels, height, width\), got \(8, 8\)"),
        ((1, 8, 9), {"patch": 2}, r"patch must divide the sides \(8, 9\), got 2"),
        ((1, 9, 6), {"channels": (2,) * 3}, "channels must be at most 2 for 6 cells"),
        ((1, 8, 8), {"channels": (2, 0)}, "channels must"),
        ((1, 8, 8), {"channels": (4_097,)}, "channels must"),
        ((1, 8, 8), {"channels": ()}, "channels must"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    shape: tuple[int, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TimeConditionedCNN(shape, **options)


def test_four_cells_are_halved_twice() -> None:
    assert small((1, 4, 4)).dense.in_features == 4


def test_questions_that_do_not_fit_are_refused() -> None:
    net = small(classes=3).double()
    x, t, y = question((1, 8, 8))
    for bad, name in (
        ((x[:, :, 1:], t, y), "x"),
        ((x, t[:2], y), "t"),
        ((x, t, None), "y"),
        ((x, t, y + 4), "y"),
        ((x, t, y[:2]), "y"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must"):
            net(*bad)
    with pytest.raises(TypeError, match=r"^x must"):
        net(x.float(), t, y)
