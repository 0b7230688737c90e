"""What the alarms see, and the references that they start from."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from genbook.models.flows.flow import Flow
from genbook.practice.serving.shelf import load_models
from genbook.practice.serving.watching import load_alarms, save_reference, summaries
from genbook.training import save


def test_surprise_stands_beside_and_has_an_end() -> None:
    x = torch.arange(4.0).view(2, 1, 2)
    seen = summaries(x, torch.tensor([-1.5, -math.inf]))
    assert seen.tolist() == [[0, 1, 1.5], [2, 3, 20]]
    with pytest.raises(ValueError, match="log_prob must be numbers or -inf, got NaN"):
        summaries(x, torch.tensor([math.nan, 0.0]))


def test_a_reference_makes_an_alarm_of_its_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    for name in ("one", "two"):
        save(Flow(2, transforms=1), tmp_path / f"{name}.safetensors")
    x = torch.randn(50, 2)
    save_reference(x, tmp_path, "one")
    offers = load_models(tmp_path)
    alarms = load_alarms(tmp_path, offers, window=20)
    assert list(alarms) == ["one"]
    v = offers["one"].model.log_prob(x.double())
    wanted = summaries(x.double(), v)
    alarm = alarms["one"]
    torch.testing.assert_close(alarm.reference * alarm.scale, wanted)
    assert alarm.window == 20
