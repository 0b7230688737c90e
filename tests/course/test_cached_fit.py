"""A shared training gives the same bits as one of its own, and only when it should."""

from __future__ import annotations

import importlib
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genbook import training
from genbook.course import fingerprint
from genbook.course.cached_fit import FOLDER, cached_fit, seeded_init
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.training import History

X = torch.rand(64, 2, generator=torch.Generator().manual_seed(0))
OPTIONS = {"steps": 4, "batch_size": 16, "seed": 3}


def train(x: Tensor = X, weights: int = 0, **options: object) -> tuple[Flow, History]:
    with seeded_init(weights):
        model = Flow(2, transforms=2)
    return model, cached_fit(model, x, **{**OPTIONS, **options})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the trainings that really take steps."""
    counted: list[int] = []
    module = import_module("genbook.training.fit")  # the name is also a function's
    real = training.descend

    def descend(model: object, state: training.TrainState) -> None:
        if state.history.steps < state.steps:
            counted.append(state.steps)
        real(model, state)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "descend", descend)
    return counted


def same(a: Flow, b: Flow) -> bool:
    states = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(s, t) for s, t in states)


def test_the_second_caller_reads_what_the_first_one_trained(
    folder: Path, trained: list[int]
) -> None:
    (first, told), (second, again) = train(), train()
    assert len(trained) == 1
    assert same(first, second)
    assert told.loss == again.loss
    assert told.cpu_seconds == again.cpu_seconds > 0
    assert not second.training


def test_it_is_what_fit_gives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _ = train()
    read, _ = train()
    monkeypatch.delenv(FOLDER)
    alone, _ = train()
    assert same(kept, alone)
    assert same(read, alone)


@pytest.mark.parametrize(
    "other",
    [{"x": X + 1e-3}, {"weights": 1}, {"steps": 5}, {"seed": 4}, {"lr": 2e-3}],
    ids=lambda o: next(iter(o)),
)
def test_another_training_is_not_taken_for_it(
    other: dict, folder: Path, trained: list[int]
) -> None:
    train()
    train(**other)
    assert len(trained) == 2


def test_other_code_trains_anew(
    folder: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    train()
    real = fingerprint.file_digest
    monkeypatch.setattr(
        fingerprint,
        "file_digest",
        lambda path: "edited" if path.name == "transforms.py" else real(path),
    )
    train()
    assert len(trained) == 2, "the flow is made of transforms"


NETWORK = """
from torch import nn
from part_of_mine import Part


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x, t, y=None):
        return self.part(x)
"""
PART = """
from torch import nn


class Part(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
"""


def test_a_network_of_one_s_own_is_part_of_the_training(
    folder: Path,
    trained: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it stands in another file than the model's class, or a part of it."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {"network_of_mine": NETWORK, "part_of_mine": PART}

    def learn(**changed: str) -> None:
        for name, source in {**files, **changed}.items():
            (tmp_path / f"{name}.py").write_text(source)
        for name in files:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        with seeded_init(0):
            network = import_module("network_of_mine").Network()
        cached_fit(FlowMatching((2,), network=network), X, **OPTIONS)

    try:
        learn()
        learn()
        assert len(trained) == 1
        learn(network_of_mine=NETWORK.replace("self.part(x)", "-self.part(x)"))
        assert len(trained) == 2, "the network is another"
        learn(part_of_mine=PART + "\n    bias_is_small = True\n")
        assert len(trained) == 3, "the network is made of parts"
        learn()
        assert len(trained) == 3
    finally:
        for name in files:
            sys.modules.pop(name, None)


def test_a_network_without_a_file_is_not_shared(
    folder: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a notebook's cells: nobody could tell when it changes."""

    class Network(nn.Linear):
        def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            return super().forward(x)

    monkeypatch.setattr(Network, "__module__", "__main__")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    for _ in range(2):
        with seeded_init(0):
            model = FlowMatching((2,), network=Network(2, 2))
        cached_fit(model, X, **OPTIONS)
    assert len(trained) == 2
    assert not folder.exists()


def test_bad_arguments_are_refused_as_by_fit(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"x must be a torch\.Tensor, got list"):
        cached_fit(Flow(2), [[0.0, 0.0]], steps=2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="model must be a module"):
        cached_fit(None, X, steps=2)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="steps"):
        cached_fit(Flow(2), X)


def test_without_the_variable_nothing_is_kept(
    tmp_path: Path, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    train()
    train()
    assert len(trained) == 2
    assert not list(tmp_path.iterdir())


def test_weights_follow_from_the_seed_and_the_global_state_stays() -> None:
    before = torch.random.get_rng_state()
    with seeded_init(5):
        a = torch.nn.Linear(3, 3)
    with seeded_init(5):
        b = torch.nn.Linear(3, 3)
    assert torch.equal(a.weight, b.weight)
    assert torch.equal(before, torch.random.get_rng_state())
    assert FOLDER == "GENBOOK_RUNS"
