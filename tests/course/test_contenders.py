"""The contenders train on points of their own, equally long, with the same solver."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from genbook.course.contenders import (
    CANDIDATES,
    SOLVER_STEPS,
    board_data,
    long_board,
    train_all,
)
from genbook.course.recipes import world_data
from genbook.metrics.cost import nfe
from genbook.models.diffusion.gaussian_path import GaussianPathModel


def test_the_board_has_points_of_its_own() -> None:
    seen = world_data(300, 300)
    boards = [board_data(draw, 300, 300) for draw in range(3)]
    for board in boards:
        assert torch.equal(board.held_out, boards[0].held_out)
    sets = [seen.x, seen.held_out, boards[0].held_out, *(b.x for b in boards)]
    points = {tuple(p) for points in sets for p in points.tolist()}
    assert len(points) == sum(map(len, sets)), "no point stands in two sets"


def test_every_network_has_its_steps_and_nothing_else_has() -> None:
    without = {c.name for c in CANDIDATES if c.steps is None}
    assert without == {"box", "mixture", "kernel estimate"}


def test_steps_of_a_candidate_give_way_to_those_of_the_caller() -> None:
    (made,) = [c for c in CANDIDATES if c.name == "autoregressive"]
    few = replace(made, steps=1)
    world = board_data(0, 300, 10)
    (one,), (three,) = (train_all(world, [few], **o) for o in ({}, {"steps": 3}))
    a, b = (
        torch.nn.utils.parameters_to_vector(e.model.parameters()) for e in (one, three)
    )
    assert not torch.equal(a, b)


def test_models_that_solve_get_the_same_solver() -> None:
    solvers = [c for c in CANDIDATES if c.name in ("diffusion", "flow matching")]
    runs = []
    for entry in train_all(board_data(0, 300, 10), solvers, steps=1):
        assert isinstance(entry.model, GaussianPathModel)
        assert entry.model.steps == SOLVER_STEPS
        runs.append(nfe(entry.model))
    assert runs[0] == runs[1] == 2 * SOLVER_STEPS


def test_the_long_board_has_every_network_thrice_and_obeys_the_tax_of_the_sea() -> None:
    board = long_board()
    assert list(board) == [c.name for c in CANDIDATES if c.steps is not None]
    for name, rows in board.items():
        assert len(rows) == 3
        assert len({row["steps"] for row in rows}) == 1, "one budget for all draws"
        for row in rows:
            assert 20 < row["seconds"] < 45, name
            if row["nats"] is None:
                assert name == "GAN"
                continue
            error = ((1 - row["land"]) / row["land"] / 2_000) ** 0.5
            assert row["nats"] > -math.log(row["land"]) - 4 * error, name


def test_the_board_names_the_count_that_it_cannot_take() -> None:
    for bad, error in ((-1, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match=r"^held_out must be"):
            board_data(0, 3, bad)
