"""A gated layer a pixel at a time: the same answers as for the whole image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.autoregressive.pixelcnn import PixelCNN
from seeding import seeded


def pixel_cnn(classes: int = 3, **config: int) -> PixelCNN:
    shape, sizes = (1, 5, 6), {"channels": 6, "depth": 3, "kernel_size": 3} | config
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PixelCNN(shape, 4, classes=classes, **sizes).double()
        torch.nn.init.normal_(model.position_bias)
    return model.requires_grad_(False)


def slowly(model: PixelCNN, u: Tensor, y: Tensor | None, x: Tensor, start: int) -> None:
    """Fill rows from ``start`` by one call of the whole network for each pixel."""
    for r in range(start, x.shape[2]):
        for c in range(x.shape[3]):
            sums = model.logits(x, y)[:, :, r, c].softmax(1).cumsum(1)
            k = (sums <= u[:, :, r, c]).sum(1, keepdim=True)
            x[:, :, r, c] = k / 3


@pytest.mark.parametrize(("kernel_size", "depth"), [(3, 1), (5, 3), (7, 2)])
def test_what_is_kept_gives_what_the_whole_image_gives(
    kernel_size: int, depth: int
) -> None:
    model, y = pixel_cnn(kernel_size=kernel_size, depth=depth), torch.arange(8) % 3
    seen: list[Tensor] = []
    hook = model.head.register_forward_hook(lambda _m, _x, out: seen.append(out))
    x = model.sample(8, y, generator=seeded(1))
    hook.remove()
    kept = torch.cat(seen, 3).flatten(2).view(8, 4, 5, 6)
    torch.testing.assert_close(kept, model.logits(x, y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("start", [0, 2])
def test_drawings_are_those_of_a_call_for_each_pixel(classes: int, start: int) -> None:
    model = pixel_cnn(classes, kernel_size=5)
    y = torch.arange(9) % 3 if classes else None
    x = torch.zeros(9, 1, 5, 6, dtype=torch.float64)
    x[:, :, :start] = torch.randint(4, (9, 1, start, 6), generator=seeded(2)) / 3
    prefix = x[:, :, :start].clone() if start else None
    u = torch.rand(x.shape, generator=seeded(3), dtype=torch.float64)
    slowly(model, u, y, x, start)
    drawn = model.sample(9, y, prefix=prefix, generator=seeded(3))
    torch.testing.assert_close(drawn, x)


def test_no_image_is_an_empty_batch() -> None:
    y = torch.zeros(0, dtype=torch.long)
    assert pixel_cnn().sample(0, y).shape == (0, 1, 5, 6)
