"""PixelCNN: reading order, exact sums over all images, levels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from doors import check_doors, check_event_shape, check_limits
from genbook.models.autoregressive.pixelcnn import PixelCNN
from seeding import seeded
from starts import check_start


def pixel_cnn(shape: tuple[int, int, int] = (1, 5, 6), **config: int) -> PixelCNN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PixelCNN(
            shape, **({"channels": 6, "depth": 3, "kernel_size": 3} | config)
        )
    return model.double().requires_grad_(False)


def test_no_pixel_sees_itself_or_a_later_one_and_all_see_the_rest() -> None:
    model = pixel_cnn(depth=6, kernel_size=5)
    x = torch.rand(1, 1, 5, 6, generator=seeded(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: model.logits(v)[0], x)
    depends = (jacobian.flatten(-4)[..., :].abs() > 0).any(0).view(30, 30)
    expected = torch.ones(30, 30).tril(-1).bool()
    assert torch.equal(depends, expected)


def test_probabilities_of_all_images_sum_to_one() -> None:
    model = pixel_cnn((1, 3, 3))
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=9))).double()
    total = model.log_prob(images.view(-1, 1, 3, 3)).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-10)


def test_samples_follow_the_probabilities() -> None:
    model = pixel_cnn((1, 2, 2))
    x = model.sample(20_000, generator=seeded(2)).flatten(1)
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).double()
    p = model.log_prob(images.view(-1, 1, 2, 2)).exp()
    code = (x * torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).sum(1).long()
    counts = torch.bincount(code, minlength=16)
    deviation = (counts / 20_000 - p) / (p * (1 - p) / 20_000).sqrt()
    assert deviation.abs().max() < 4.5


def test_levels_are_checked_and_made() -> None:
    model = pixel_cnn(levels=4)
    x = torch.rand(2, 1, 5, 6, generator=seeded(3), dtype=torch.float64)
    with pytest.raises(ValueError, match="x must hold 4 levels between 0 and 1"):
        model.log_prob(x)
    assert model.log_prob(model.quantise(x)).shape == (2,)


def test_an_upper_part_can_be_given() -> None:
    model = pixel_cnn()
    prefix = torch.ones(3, 1, 2, 6, dtype=torch.float64)
    x = model.sample(3, prefix=prefix, generator=seeded(4))
    assert torch.equal(x[:, :, :2], prefix)


def test_labels_choose_the_density() -> None:
    model = pixel_cnn(classes=3)
    x = torch.zeros(3, 1, 5, 6, dtype=torch.float64)
    assert len(model.log_prob(x, torch.arange(3)).unique()) == 3


def test_the_rows_that_there_are_suffice_also_where_labels_know_places() -> None:
    model = pixel_cnn(classes=3)
    model.position_bias.normal_(generator=seeded(5))
    x = torch.rand(3, 1, 5, 6, generator=seeded(6), dtype=torch.float64)
    y = torch.arange(3)
    upper = model.logits(x, y)[:, :, :3]
    torch.testing.assert_close(model.logits(x[:, :, :3], y), upper)


def test_a_place_keeps_what_its_label_gives_it() -> None:
    model = pixel_cnn(classes=3)
    x = torch.rand(3, 1, 5, 6, generator=seeded(6), dtype=torch.float64)
    y = torch.tensor([0, 1, 2])
    before = model.logits(x, y)
    model.position_bias[1, :, 4, 5] += 1
    moved = (model.logits(x, y) != before).any(1)
    assert moved.nonzero().tolist() == [[1, 4, 5]]


@pytest.mark.parametrize(
    ("prefix", "error", "message"),
    [
        (torch.nan * torch.zeros(3, 1, 2, 6), ValueError, "prefix must be finite"),
        (torch.zeros(3, 1, 6, 6), ValueError, "prefix must have at most 5 rows, got 6"),
        (torch.zeros(3, 1, 2, 5), ValueError, r"prefix must be \(3, 1, rows, 6\)"),
        (torch.zeros(2, 1, 2, 6), ValueError, r"prefix must be \(3, 1, rows, 6\)"),
        (torch.full((3, 1, 2, 6), 1.5), ValueError, r"prefix must lie in \[0, 1\]"),
        ([[0.0]], TypeError, "prefix must be a torch.Tensor, got list"),
    ],
)
def test_a_bad_upper_part_is_refused(
    prefix: Any, error: type[Exception], message: str
) -> None:
    prefix = prefix.double() if isinstance(prefix, torch.Tensor) else prefix
    with pytest.raises(error, match=message):
        pixel_cnn().sample(3, prefix=prefix, generator=seeded(4))


@pytest.mark.parametrize("temperature", [1.0, 1e-300])
def test_a_level_without_mass_is_not_drawn(
    monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    model = pixel_cnn((1, 2, 2), levels=4).float()
    last = model.head[-1]
    assert isinstance(last, torch.nn.Conv2d)
    last.weight.zero_()
    assert last.bias is not None
    last.bias[:] = torch.tensor([0.2, -1e4, 0.1, -1e4])
    monkeypatch.setattr(
        model, "_uniform", lambda *shape, generator: torch.full(shape, 1 - 2**-24)
    )
    wanted = 0.0 if temperature < 1 else 2 / 3
    assert torch.allclose(
        model.sample(5, temperature=temperature), torch.tensor(wanted)
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: m.loss(torch.zeros(2, 1, 5, 6).double(), generator=0),
            TypeError,
            "g",
        ),
        (lambda m: m.logits(torch.zeros(2, 1, 5, 4).double()), ValueError, "x must be"),
        (lambda m: m.quantise([0.5]), TypeError, "x must be a torch.Tensor"),
        (
            lambda m: m.quantise(torch.full((1,), torch.nan)),
            ValueError,
            "x must be fin",
        ),
        (lambda m: m.sample(1, temperature=0), ValueError, "temperature must be pos"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(pixel_cnn())


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 4), (4, 4), (1, 1, 4, 4)])
def test_only_grey_images_are_drawn(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"event_shape must be \(1, height, width\)"):
        PixelCNN(shape)


def test_every_method_names_what_it_refuses() -> None:
    x = (torch.rand(6, 1, 4, 4, generator=seeded(0)) < 0.4).float()
    check_doors(
        lambda: PixelCNN((1, 4, 4), channels=4, depth=1, kernel_size=3),
        x,
        skip=["quantise"],
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: PixelCNN((1, 4, 4), **n),
        kernel_size=3,
        levels=2,
        classes=0,
        channels=1,
        depth=1,
    )


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(PixelCNN)


@pytest.mark.parametrize(("temperature", "classes"), [(1.0, 0), (0.5, 3)])
def test_each_pixel_is_drawn_given_all_before(temperature: float, classes: int) -> None:
    model = pixel_cnn((1, 3, 4), levels=3, classes=classes)
    for i, p in enumerate(model.parameters()):
        torch.nn.init.normal_(p, std=0.4, generator=seeded(i))
    y = torch.arange(5) % 3 if classes else None
    u = torch.rand(5, 1, 3, 4, generator=seeded(7), dtype=torch.float64)
    x = torch.zeros_like(u)
    for r in range(3):
        for c in range(4):
            mass = (model.logits(x, y)[:, :, r, c] / temperature).softmax(1).cumsum(1)
            x[:, :, r, c] = (mass <= u[:, :, r, c]).sum(1, keepdim=True) / 2
    assert len(x.unique()) == 3
    drawn = model.sample(5, y, temperature=temperature, generator=seeded(7))
    assert torch.allclose(drawn, x)


def test_a_level_is_taken_within_a_thousandth() -> None:
    model = pixel_cnn(levels=3)
    x = torch.full((1, 1, 5, 6), 0.5).double()
    for off in (0.4e-3, -0.4e-3):
        assert torch.allclose(model.log_prob(x + off), model.log_prob(x), atol=1e-2)
    for bad in (0.5 + 0.6e-3, 0.5 - 0.6e-3, -0.5, 1.5):
        with pytest.raises(ValueError, match="x must hold 3 levels between 0 and 1"):
            model.log_prob(torch.full_like(x, bad))
    ends = torch.zeros_like(x)
    ends[..., 0] = 1
    assert model.log_prob(ends).isfinite().all()
    assert torch.equal(model.quantise(x * 5 - 1), x * 0 + 1)
    assert torch.equal(model.quantise(x - 0.3), x * 0)
    assert torch.equal(model.quantise(x - 0.2), x)


def test_the_smallest_image_and_what_is_odd() -> None:
    assert PixelCNN((1, 1, 1), channels=1, depth=1, kernel_size=3).levels == 2
    for size in (4, 6):
        with pytest.raises(ValueError, match=f"kernel_size must be odd, got {size}"):
            PixelCNN((1, 4, 4), kernel_size=size)


def test_a_new_model_has_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = PixelCNN(
            (1, 3, 4), 5, channels=4, depth=2, kernel_size=5, classes=3
        ).float()
    check_start(
        model,
        {
            "blocks.0.vertical.weight": (8, 1, 3, 5),
            "blocks.0.horizontal.weight": (8, 1, 1, 2),
            "blocks.1.vertical.weight": (8, 4, 2, 3),
            "blocks.1.horizontal.weight": (8, 4, 1, 2),
            "*.vertical_to_horizontal.weight": (8, 8, 1, 1),
            "*.out.weight": (4, 4, 1, 1),
            "*.out.bias": (4,),
            "*.label.weight": (8, 3),
            "blocks.*.bias": (8,),
            "position_bias": (3, 4, 3, 4),
            "head.0.weight": (4, 4, 1, 1),
            "head.0.bias": (4,),
            "head.2.weight": (5, 4, 1, 1),
            "head.2.bias": (5,),
        },
        zero=("position_bias",),
    )
    assert PixelCNN((1, 3, 4), channels=2, depth=1).position_bias.shape == (1, 2, 3, 4)
