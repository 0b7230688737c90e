"""The Gaussian path without a network: what is said of a point, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genbook.models.diffusion.path import GaussianPath
from genbook.models.diffusion.schedules import SCHEDULES
from seeding import seeded


def path(prediction: str, schedule: str = "cosine") -> GaussianPath:
    p = GaussianPath()
    p.event_shape, p.prediction = (2, 3), prediction
    p.schedule = SCHEDULES[schedule]()
    return p


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_what_is_asked_for_gives_data_and_noise_back(
    prediction: str, schedule: str
) -> None:
    p = path(prediction, schedule)
    x0, eps = torch.randn(2, 5, 2, 3, generator=seeded(0)).double()
    s = p.schedule
    for t in (torch.linspace(0.1, 0.9, 5).double(), torch.tensor(0.4).double()):
        shape = (-1, 1, 1) if t.ndim else ()
        a, b = s.alpha(t).view(shape), s.sigma(t).view(shape)
        x = p.add_noise(x0, eps, t)
        assert torch.allclose(x, a * x0 + b * eps)
        said = p.target(x0, eps, t)
        v = s.d_alpha(t).view(shape) * x0 + s.d_sigma(t).view(shape) * eps
        assert torch.allclose(said, {"eps": eps, "x0": x0, "v": v}[prediction])
        back = p.predict_x0_eps(x, said, t)
        assert torch.allclose(back[0], x0)
        assert torch.allclose(back[1], eps)


def test_where_observations_stand() -> None:
    assert path("v").t_min == path("eps").t_min == 0
    assert path("x0").t_min == 0.01
    assert path("v", "linear-beta").t_min == 1e-3


GOOD = torch.zeros(4, 2, 3)


@pytest.mark.parametrize("ask", ["add_noise", "target", "predict_x0_eps"])
@pytest.mark.parametrize(
    ("x", "other", "t", "error"),
    [
        (GOOD[:, 0], GOOD, torch.zeros(4), ValueError),
        (GOOD, GOOD[:3], torch.zeros(4), ValueError),
        (GOOD, GOOD.long(), torch.zeros(4), TypeError),
        (GOOD, [1.0], torch.zeros(4), TypeError),
        (GOOD, GOOD, torch.zeros(3), ValueError),
        (GOOD, GOOD, torch.zeros(4, 1), ValueError),
        (GOOD, GOOD, 0.5, TypeError),
    ],
)
def test_shapes_and_types_are_compared(
    ask: str, x: Any, other: Any, t: Any, error: type[Exception]
) -> None:
    for prediction in ("eps", "x0", "v"):
        with pytest.raises(error, match="must be"):
            getattr(path(prediction), ask)(x, other, t)
    getattr(path("v"), ask)(GOOD[:0], GOOD[:0], torch.zeros(0))
    getattr(path("v"), ask)(GOOD / 0, GOOD, torch.zeros(1))
