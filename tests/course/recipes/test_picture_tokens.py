"""The recipes for pictures as tokens: what is counted, and the shortest runs."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import entropy

from genbook.course.recipes.picture_tokens import (
    token_code,
    token_use,
    write_pictures,
)
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.models.representation.places import PlaceAutoencoder
from seeding import seeded


def test_the_use_of_a_code_is_counted_by_parts() -> None:
    tokens = torch.randint(5, (300, 6), generator=seeded(0)) * torch.tensor([1, 0] * 3)
    use = token_use(tokens, 8, 2)
    counts = torch.bincount(tokens[:, ::2].flatten(), minlength=8)
    assert use.bits == pytest.approx(3 * entropy(counts, base=2))
    assert use.used == pytest.approx((5 / 8 + 1 / 8) / 2)
    assert use.most == pytest.approx(18)


def test_use_is_refused_where_nothing_can_be_counted() -> None:
    with pytest.raises(ValueError, match="period must divide the length 3, got 2"):
        token_use(torch.zeros(1, 3, dtype=torch.long), 4, 2)
    with pytest.raises(ValueError, match="tokens must be from 0 to 3, got 0 to 4"):
        token_use(torch.tensor([[0, 4]]), 4, 2)
    with pytest.raises(ValueError, match=r"tokens must be \(n, length\)"):
        token_use(torch.zeros(0, 3, dtype=torch.long), 4, 3)


def test_pictures_become_tokens_and_come_back() -> None:
    data = sample_still_lifes(40, generator=seeded(1))
    start = PlaceAutoencoder().fit_components(data.x)
    code, history = token_code(data.x, start, steps=2)
    assert history.steps == 2
    tokens = code.tokens(data.x)
    writer, _ = write_pictures(tokens, data.y, code, steps=2)
    assert writer.event_shape == code.token_shape == tokens.shape[1:]
    drawn = code.pictures(writer.sample(3, data.y[:3], generator=seeded(2)))
    assert drawn.shape == (3, 3, 24, 48)
