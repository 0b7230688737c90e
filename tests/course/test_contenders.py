"""The contenders train on points of their own, equally long, with the same solver."""

from __future__ import annotations

from dataclasses import replace

import torch

from genbook.course.contenders import (
    CANDIDATES,
    SOLVER_STEPS,
    board_data,
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
