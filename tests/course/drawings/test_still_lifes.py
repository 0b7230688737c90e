"""Pictures with what was asked for below each."""

from __future__ import annotations

import pytest
import torch

from genbook.course.drawings.still_lifes import captioned_pictures
from seeding import seeded


def test_each_picture_stands_above_its_own_text() -> None:
    x = torch.rand(3, 3, 24, 48, generator=seeded(0))
    axes = captioned_pictures(x, ["a cup .", "a pear .", "an apple ."], columns=2)
    for ax, picture, text in zip(axes, x, ("a cup", "a pear", "an apple"), strict=True):
        shown = torch.as_tensor(ax.images[0].get_array())
        assert torch.equal(shown.permute(2, 0, 1), picture)
        assert ax.texts[0].get_text() == text


def test_long_texts_are_whole_and_keep_clear_of_the_pictures() -> None:
    long = "by moonlight , " + "a small yellow lemon and " * 5 + "a cobalt cup ."
    axes = captioned_pictures(torch.rand(6, 3, 24, 48), [long] * 6, columns=2)
    figure = axes[0].figure
    figure.canvas.draw()
    boxes = [ax.get_window_extent() for ax in axes]
    for i, ax in enumerate(axes):
        (text,) = ax.texts
        shown = text.get_text().replace("\n", " ")
        assert shown == long.removesuffix(" .").replace("moonlight ,", "moonlight,")
        box = text.get_window_extent()
        assert box.y0 >= 0
        assert box.x1 <= boxes[i].x1 + 2
        assert box.y1 <= boxes[i].y0 + 1
        assert i >= 4 or box.y0 >= boxes[i + 2].y1


def test_a_missing_text_is_refused() -> None:
    with pytest.raises(ValueError, match="texts must be 2, one a picture"):
        captioned_pictures(torch.rand(2, 3, 24, 48), ["a cup"])
