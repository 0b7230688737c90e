"""The family tree is complete, and follows from what the classes can do."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.course import taxonomy
from genbook.models.base import (
    EnergyModel,
    GenerativeModel,
    LatentVariableModel,
    Model,
    TractableModel,
    VariationalModel,
)
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.mixture import GaussianMixture
from genbook.models.representation.pca import PCA


def test_every_public_model_is_a_member() -> None:
    members = [m.cls for m in taxonomy.MEMBERS]
    forgotten = [c.__qualname__ for c in taxonomy.discover() if c not in members]
    assert not forgotten, f"add to MEMBERS in taxonomy.py: {forgotten}"
    assert len(members) == len(set(members)) == len(taxonomy.discover())


def test_discover_finds_no_abstract_class() -> None:
    names = [c.__name__ for c in taxonomy.discover()]
    assert "PiecewiseConstant" not in names
    assert "GenerativeModel" not in names


class Implicit(GenerativeModel):
    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return x.mean()

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return torch.zeros(n, 1)


class Energy(Implicit, EnergyModel): ...


class Bounded(Implicit, VariationalModel): ...


class BoundedLatent(Implicit, VariationalModel, LatentVariableModel): ...


class ImplicitLatent(Implicit, LatentVariableModel): ...


class Tractable(Implicit, TractableModel): ...


@pytest.mark.parametrize(
    ("cls", "approach", "depth"),
    [
        (PCA, None, 1),
        (Implicit, taxonomy.IMPLICIT, 2),
        (Energy, taxonomy.APPROXIMATE, 3),
        (Bounded, taxonomy.APPROXIMATE, 3),
        (BoundedLatent, taxonomy.APPROXIMATE, 4),
        (ImplicitLatent, taxonomy.IMPLICIT, 4),
        (Tractable, taxonomy.TRACTABLE, 3),
        (Gaussian, taxonomy.TRACTABLE, 3),
        (GaussianMixture, taxonomy.TRACTABLE, 4),
    ],
)
def test_place_follows_from_the_class(
    cls: type[Model], approach: str | None, depth: int
) -> None:
    assert taxonomy.approach(cls) == approach
    assert taxonomy.sets(cls) == taxonomy.SETS[:depth]


def test_sets_are_nested() -> None:
    inside = [set(names) for names in taxonomy.nested_sets().values()]
    for outer, inner in pairwise(inside):
        assert inner <= outer
    assert inside[0] == {m.name for m in taxonomy.MEMBERS}


def test_each_set_holds_more_than_the_next() -> None:
    sizes = [len(names) for names in taxonomy.nested_sets().values()]
    assert all(a > b for a, b in pairwise(sizes))


def test_a_model_bears_the_year_of_its_idea() -> None:
    """Not that of a textbook, nor that of an ingredient."""
    years = {m.name: m.year for m in taxonomy.MEMBERS}
    assert years["UniformBox"] == 1763
    assert years["GridNetwork"] == 1994
    assert years["GaussianMixture"] == 1894
    assert years["Diffusion"] == 2015


def test_tree_holds_each_generative_model_once() -> None:
    (branches,) = taxonomy.tree().values()
    leaves = [
        *branches["explicit density"]["tractable"],
        *branches["explicit density"]["approximate"],
        *branches["implicit density"],
    ]
    assert sorted(leaves) == sorted(taxonomy.nested_sets()[taxonomy.GENERATIVE])


def test_table_is_plain_data() -> None:
    rows = taxonomy.table()
    assert json.loads(json.dumps(rows)) == [
        {k: list(v) if isinstance(v, tuple) else v for k, v in r.items()} for r in rows
    ]


def test_table_says_what_the_methods_are() -> None:
    for row, member in zip(taxonomy.table(), taxonomy.MEMBERS, strict=True):
        assert row["density"] == ("log_prob" in row["abilities"])
        assert row["representation"] == ("encode" in row["abilities"])
        assert all(hasattr(member.cls, name) for name in row["abilities"])
        assert str(member.year) in member.paper


def test_chapters_are_in_the_syllabus(root: Path) -> None:
    syllabus = (root / "src/genbook/publishing/content/course.yml").read_text()
    for member in taxonomy.MEMBERS:
        whole_part = f"book/{member.chapter.split('/')[0]}/*"
        there = f"book/{member.chapter}" in syllabus or whole_part in syllabus
        assert there, member.name


@pytest.mark.parametrize("cls", ["abc", None, 5, int, Gaussian(2)])
@pytest.mark.parametrize(
    "ask",
    [
        taxonomy.approach,
        taxonomy.sets,
        taxonomy.has_density,
        taxonomy.density_kind,
        taxonomy.has_representation,
        taxonomy.abilities,
    ],
)
def test_what_is_no_class_of_models_is_refused(ask: Any, cls: object) -> None:
    with pytest.raises(TypeError, match="cls must be a class of models, got"):
        ask(cls)
