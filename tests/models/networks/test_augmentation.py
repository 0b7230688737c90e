"""Random copies of images, beside SciPy's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage

from doors import check_function_doors, check_range
from genbook.models.networks.augmentation import random_affine
from seeding import seeded

MODES = {"zeros": "grid-constant", "border": "nearest"}


@pytest.mark.parametrize("padding", MODES)
def test_copies_equal_scipy(padding: str) -> None:
    x = torch.rand(2, 1, 9, 9, generator=seeded(0), dtype=torch.float64)
    noise = torch.empty(2, 2, 3, dtype=torch.float64)
    noise.uniform_(-0.2, 0.2, generator=seeded(3))
    copies = random_affine(x, 0.2, padding=padding, generator=seeded(3))
    for image, copy, entry in zip(x, copies, noise.numpy(), strict=True):
        # From output to input pixels, whose centres lie at (2 i + 1) / 9 - 1.
        shift = entry[::-1, 2] * 4.5
        matrix = np.eye(2) + entry[::-1, 1::-1]
        offset = 4 - matrix @ [4, 4] + shift
        there = ndimage.affine_transform(
            image[0].numpy(), matrix, offset, order=1, mode=MODES[padding]
        )
        assert np.allclose(copy[0].numpy(), there, rtol=0, atol=1e-10)


def test_no_strength_leaves_images_as_they_are() -> None:
    x = torch.rand(3, 3, 8, 6, generator=seeded(0), dtype=torch.float64)
    assert torch.allclose(random_affine(x, 0.0), x, rtol=0, atol=1e-12)


def test_each_image_has_its_own_map_and_channels_share_it() -> None:
    x = torch.rand(1, 1, 8, 8, generator=seeded(0)).expand(4, 2, -1, -1)
    copies = random_affine(x, 0.3, generator=seeded(1))
    assert torch.equal(copies[:, 0], copies[:, 1])
    assert not torch.allclose(copies[0], copies[1], atol=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: random_affine(x[0], 0.1), ValueError, "x must be"),
        (lambda x: random_affine(x.long(), 0.1), TypeError, "x must be floating"),
        (lambda x: random_affine(x, -0.1), ValueError, "strength must be"),
        (lambda x: random_affine(x, 0.1, padding="wrap"), ValueError, "padding must"),
        (lambda x: random_affine(x, 0.1, generator=3), TypeError, "generator must"),
    ],
)
def test_bad_input(
    call: Callable[[torch.Tensor], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(2, 1, 4, 4))


def test_random_affine_names_what_it_refuses() -> None:
    x = torch.rand(2, 1, 4, 4, generator=seeded(0))
    check_function_doors(
        random_affine, x=x, strength=0.1, padding="zeros", generator=seeded(1)
    )


def test_strength_ends_at_a_thousand_and_no_image_is_none() -> None:
    check_range(
        lambda strength: random_affine(torch.zeros(1, 1, 2, 2), strength),
        "strength",
        (0.0, 1000.0),
        (-1e-9, 1000.1),
    )
    spoilt = torch.full((1, 1, 2, 2), torch.nan)
    assert random_affine(spoilt, 0.0).isnan().all()
    with pytest.raises(ValueError, match="x must hold at least one"):
        random_affine(torch.zeros(0, 1, 2, 2), 0.1)
