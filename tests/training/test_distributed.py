"""Two processes train as one does: every check below asks one launch of torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genbook.models.flows.flow import Flow
from genbook.training import distributed, fit, isolated_rng
from genbook.training.distributed import Team, together
from tiny_models import RUN, Line, Noisy, points, weights

HERE = Path(__file__).parents[1] / "support"
WORKER = """
import sys
from pathlib import Path
import torch
from genbook.models.flows.flow import Flow
from genbook.training import _files, fit, isolated_rng
from genbook.training.distributed import together
from tiny_models import RUN, Line, Noisy, points, weights

folder, said = sys.argv[1], {}


def refused(name, *args, **options):
    try:
        fit(*args, shared=True, **options)
    except (ValueError, FloatingPointError) as error:
        said[name] = f"{type(error).__name__}: {error}"


class Listening(Line):
    def loss(self, x, y=None, *, generator=None):
        said.setdefault("rows", []).append(x.detach().clone())
        said.setdefault("noise", []).append(torch.rand(3, generator=generator))
        said.setdefault("mask", []).append(torch.rand(3))
        return super().loss(x, y)


with together(seconds=60) as team:
    said["team"] = (team.rank, team.size)
    torch.manual_seed(team.rank)
    x = points(dtype=torch.float64)
    model = Line().double()
    model.mu.data += team.rank  # rank 1 starts elsewhere, and must not
    more = {"x_val": x[:20], "ema": 0.9, "grad_clip": 0.5, "weight_decay": 0.01}
    history = fit(model, x, shared=True, checkpoint=f"{folder}/line", **RUN, **more)
    said["line"], said["loss"] = weights(model), history.loss
    said["val_loss"] = history.val_loss

    said["alone"] = weights(Noisy())
    whole, parts = Noisy(), Noisy(stop_at=23)
    said["history"] = fit(whole, points(), shared=True, **RUN).loss
    kept = {"shared": True, "checkpoint": f"{folder}/noisy", **RUN}
    try:
        fit(parts, points(), **kept)
    except KeyboardInterrupt:
        pass
    parts = Noisy()
    said["resumed_history"] = fit(parts, points(), **kept).loss
    said["calls"] = parts.calls
    said["noisy"], said["resumed"] = weights(whole), weights(parts)

    fit(Listening(), points(), shared=True, **RUN | {"steps": 3})

    with isolated_rng(0):
        first = Flow(2, kind="affine", transforms=2, hidden=(8,)).double()
    fit(first, x, shared=True, **RUN)
    said["flow"] = weights(first)
    refused("data", Line(), points() + team.rank, **RUN)
    refused("seed", Line(), points(), **RUN | {"seed": team.rank})
    refused("odd", Line(), points(), **RUN | {"batch_size": 7})
    kept = Path(folder, f"only-{team.rank}")
    if team.leads:
        fit(Line(), points(), checkpoint=kept, **RUN | {"steps": 3})
        tensors, meta = _files.read(kept)
        meta["run"]["processes"], meta["run"]["steps"] = 2, RUN["steps"]
        _files.write(kept, tensors, meta)
    refused("unseen", Line(), points(), checkpoint=kept, **RUN)

    class Broken(Line):
        def loss(self, x, y=None, *, generator=None):
            late = len(x) < RUN["batch_size"]  # all rows in the first step
            return super().loss(x) * (float("nan") if late and team.rank else 1.0)

    refused("nan", Broken(), points(), **RUN)
    torch.save(said, f"{folder}/said-{team.rank}")
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("two")
    worker = folder / "worker.py"
    worker.write_text(WORKER)
    path = os.pathsep.join([str(HERE), *sys.path])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", worker, folder),
        ],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [torch.load(folder / f"said-{rank}") for rank in range(2)]


def test_each_process_knows_its_place(said: list[dict]) -> None:
    assert [one["team"] for one in said] == [(0, 2), (1, 2)]


def test_two_processes_give_the_result_of_one(said: list[dict]) -> None:
    """In double precision: what is left is the rounding of a sum in another order."""
    x, model = points(dtype=torch.float64), Line().double()
    more = {"x_val": x[:20], "ema": 0.9, "grad_clip": 0.5, "weight_decay": 0.01}
    history = fit(model, x, **RUN, **more)
    for one in said:
        torch.testing.assert_close(one["line"], weights(model), rtol=0, atol=1e-12)
        assert one["loss"] == pytest.approx(history.loss, rel=1e-12)
        assert one["val_loss"] == pytest.approx(history.val_loss, rel=1e-12)
    assert torch.equal(said[0]["line"], said[1]["line"])


def test_the_rows_are_those_of_one_batch_shared_out(said: list[dict]) -> None:
    first, *later = zip(*(one["rows"] for one in said), strict=True)
    assert torch.equal(*first)
    assert len(first[0]) == RUN["batch_size"]
    seen = [tuple(row) for pair in later for x in pair for row in x.tolist()]
    assert {len(x) for pair in later for x in pair} == {RUN["batch_size"] // 2}
    assert len(seen) == len(set(seen)) == 2 * RUN["batch_size"]
    assert set(seen) < {tuple(row) for row in points().tolist()}


def test_a_model_that_sets_itself_up_by_its_first_batch(said: list[dict]) -> None:
    with isolated_rng(0):
        alone = Flow(2, kind="affine", transforms=2, hidden=(8,)).double()
    before = weights(alone)
    fit(alone, points(dtype=torch.float64), **RUN)
    assert (weights(alone) - before).abs().max() > 0.1
    for one in said:
        torch.testing.assert_close(one["flow"], weights(alone), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dice", ["noise", "mask"])
def test_each_process_and_each_step_has_its_own_dice(
    said: list[dict], dice: str
) -> None:
    thrown = [tuple(t.tolist()) for one in said for t in one[dice][1:]]
    assert len(set(thrown)) == 4
    assert torch.equal(*(one[dice][0] for one in said))  # of the first step


def test_a_stopped_run_goes_on_to_the_same_bits(said: list[dict]) -> None:
    """Rank 0 wrote the file, after 21 steps; both go on from it."""
    for one in said:
        assert torch.equal(one["resumed"], one["noisy"])
        assert one["resumed_history"][21:] == one["history"][21:]
        assert one["calls"] == RUN["steps"] - 21
        assert not torch.equal(one["noisy"], one["alone"])
    assert torch.equal(said[0]["noisy"], said[1]["noisy"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data", "must be given the same data and arguments, got other x"),
        ("seed", "must be given the same data and arguments, got other seed"),
        ("odd", "batch_size must be a multiple of the 2 processes, got 7 rows"),
        ("unseen", "every process can read, got runs of [3, 0] steps"),
        ("nan", "the loss is nan at step 1"),
    ],
)
def test_what_one_process_may_not_do_alone_both_refuse(
    said: list[dict], name: str, words: str
) -> None:
    for one in said:
        assert words in one[name]


def test_one_alone_trains_as_ever() -> None:
    with together() as team:
        assert team == Team(0, 1)
        one, other = Noisy(), Noisy()
        history = fit(one, points(), shared=True, **RUN)
    assert history.loss == fit(other, points(), **RUN).loss
    assert torch.equal(weights(one), weights(other))


def test_shares_are_a_partition() -> None:
    rows: Tensor = torch.arange(12).view(6, 2)
    shares = [Team(rank, 3).share(rows) for rank in range(3)]
    assert all(len(share) == 2 for share in shares)
    assert torch.equal(torch.cat(shares).sort(0).values, rows)
    with pytest.raises(ValueError, match=r"multiple of the 4 processes.*\(6, 2\)"):
        Team(0, 4).share(rows)


def test_a_rank_beyond_the_team_is_refused() -> None:
    with pytest.raises(ValueError, match="rank must be"):
        Team(rank=2, size=2)


def test_a_team_parts_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    dist = distributed.dist
    for name, value in zip(distributed._TOLD, "01ab", strict=False):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        dist, "is_initialized", lambda: bool(told) and told[-1] != "end"
    )
    monkeypatch.setattr(
        dist, "init_process_group", lambda kind, timeout: told.append((kind, timeout))
    )
    monkeypatch.setattr(dist, "destroy_process_group", lambda: told.append("end"))
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)

    def breaks() -> None:
        with together(seconds=5) as team:
            assert team == Team(1, 3)
            assert not team.leads
            with (
                pytest.raises(RuntimeError, match="together must be entered once"),
                together(),
            ):
                pass
            raise KeyError

    with pytest.raises(KeyError):
        breaks()
    assert told == [("gloo", timedelta(seconds=5)), "end"]


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(0.0, ValueError), (-1.0, ValueError), (604_801, ValueError), ("1", TypeError)],
)
def test_how_long_is_waited_has_limits(seconds: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^seconds must be"), together(seconds):  # type: ignore[arg-type]
        pass
    with together(seconds=604_800) as team:
        assert team == Team()
        assert team.leads


def test_what_cannot_be_shared_out_is_refused() -> None:
    for bad, error in (
        ([1, 2], TypeError),
        (torch.tensor(1.0), ValueError),
        (torch.zeros(0, 2), ValueError),
        (torch.zeros(3, 2), ValueError),
    ):
        with pytest.raises(error, match=r"^rows must be"):
            Team(0, 2).share(bad)  # type: ignore[arg-type]
    rows = torch.arange(6)
    assert Team(1, 2).share(rows).tolist() == [1, 3, 5]
