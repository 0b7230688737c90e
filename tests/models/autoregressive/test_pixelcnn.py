"""PixelCNN: reading order, exact sums over all images, levels."""

from __future__ import annotations

import itertools

import pytest
import torch

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
