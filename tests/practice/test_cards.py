"""Cards: every data set has one, on the terms of DATA_LICENSES, with its size."""

from __future__ import annotations

import dataclasses
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import genbook.data
from genbook.data import tins, toy, wind, world
from genbook.models.autoregressive.transformer import Transformer
from genbook.practice import desk
from genbook.practice.cards import DataCard, data_card, data_cards, model_card
from genbook.practice.weights import shipped_weights

#: What is no data set: the class of densities, colours, numbers for words, your texts.
TOOLS = {"base", "palettes", "texts", "tokens", "tokenisers"}
LICENCES = Path(__file__).parents[2] / "DATA_LICENSES.md"


def test_every_data_set_has_a_card() -> None:
    modules = {m.name for m in pkgutil.iter_modules(genbook.data.__path__)}
    public = {name for name in modules if not name.startswith("_")} - TOOLS
    modules = {f"genbook.data.{name}" for name in public} | {"genbook.practice.desk"}
    told = {card.module for card in data_cards()}
    assert modules == told, "practice/_data_facts.py must tell of each data set"


def test_terms_are_those_of_data_licenses() -> None:
    text = " ".join(LICENCES.read_text("utf8").split())
    for card in data_cards():
        for part in card.licence.split("; "):
            assert part in text, f"{card.name}: DATA_LICENSES.md must say {part!r}"


def test_every_archive_of_the_package_is_on_a_card_or_a_row() -> None:
    """What is shipped as a file is told of, and on its own terms."""
    rows = LICENCES.read_text("utf8")
    folder = Path(genbook.data.__file__).parent
    for path in folder.glob("*.npz"):
        row = next(r for r in rows.splitlines() if path.name in r and r.startswith("|"))
        assert data_card(path.stem).licence in row


def test_every_file_of_weights_has_a_row_with_its_terms() -> None:
    rows = [r for r in LICENCES.read_text("utf8").splitlines() if r.startswith("|")]
    for path in shipped_weights().values():
        row = next((r for r in rows if f"{path.name}`" in r), "")
        assert row.rstrip(" |").endswith("as the code"), path.name


def test_sizes_are_counted() -> None:
    hours = [wind.load_wind(site).hours for site in wind.SITES]
    numbers = re.findall(r"[\d,]+(?= hours)", data_card("wind").size)
    assert [int(n.replace(",", "")) for n in numbers] == hours
    assert str(len(world.WorldMap().rings)) in data_card("world").size
    assert toy.Rings().event_shape == (2,)
    assert data_card("toy").size.endswith("each 2")
    asked = [len(part) for name in desk.LIBRARIES for part in desk.load_desk(name)]
    numbers = re.findall(r"[\d,]+", data_card("desk").size)
    assert [int(n.replace(",", "")) for n in numbers if n != ","] == asked
    shape = tins.sample_tins(1, generator=torch.Generator().manual_seed(1)).x.shape
    assert data_card("tins").size.endswith(" × ".join(map(str, shape[1:])))


def test_a_card_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    data_cards()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("entry", [f.name for f in dataclasses.fields(DataCard)])
def test_an_empty_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=f"{entry} must not be empty"):
        dataclasses.replace(data_card("toy"), **{entry: " "})


def a_card(model=None, **changes):
    model = model or Transformer(9, context_length=4, width=8, depth=1, heads=2)
    facts = {
        "data": ["digits", "toy"],
        "licence": "MIT",
        "training": {"steps": 10, "seed": 0},
        "measured": {"nats a token": 1.25},
        "use": "A test.",
        "limits": "Everything.",
    }
    return model_card(model, "a model", **{**facts, **changes})


def test_a_model_card_counts_and_carries_the_terms_of_its_data() -> None:
    model = Transformer(9, context_length=4, width=8, depth=1, heads=2)
    card = a_card(model)
    assert card.weights == sum(np.prod(p.shape) for p in model.parameters())
    assert card.licence == "MIT; data: CC BY-SA 3.0"
    assert card.training == "steps 10, seed 0"
    text = card.markdown()
    for part in ("context_length=4", card.sha256, "nats a token 1.25", "digits, toy"):
        assert part in text


def test_the_checksum_is_that_of_the_weights() -> None:
    model = Transformer(9, context_length=4, width=8, depth=1, heads=2)
    first = a_card(model).sha256
    assert a_card(model).sha256 == first
    with torch.no_grad():
        model.position_embedding[0, 0] += 1e-3
    assert a_card(model).sha256 != first
    assert len(a_card(model.half()).sha256) == 64  # shipped in half precision


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": []}, "data must name one data set"),
        ({"licence": ""}, "licence must not be empty"),
        ({"measured": {}}, "measured must hold one number"),
        ({"limits": ""}, "limits must not be empty"),
        ({"use": " "}, "use must not be empty"),
    ],
)
def test_an_incomplete_model_card_is_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_card(**changes)


def test_there_is_no_card_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="name must be one of"):
        data_card("faces")
