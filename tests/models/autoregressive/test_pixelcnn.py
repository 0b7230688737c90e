"""PixelCNN: reading order, exact sums over all images, levels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from doors import check_doors, check_event_shape, check_limits
from genbook.models.autoregressive.pixelcnn import PixelCNN
from seeding import seeded


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
