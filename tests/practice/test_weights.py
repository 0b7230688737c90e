"""Shipped weights: each has a card, the card is that of the file, and it holds."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import genbook
from genbook.course.pretrained import load_pretrained
from genbook.practice import pretrained, weights
from genbook.practice.weights import shipped_weights, weights_card, weights_cards

PACKAGE = Path(genbook.__file__).parent
TOOLS = str(Path(__file__).parents[2] / "tools")
FILES = {path.stem: path for path in PACKAGE.rglob("*.safetensors")}
#: How many cases each is measured again on: a second or two of one core.
CASES = {
    "still-life-language": 150,
    "still-life-pictures": 50,
    "still-life-reader": 200,
    "desk": 334,
}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(TOOLS)
    import card_weights  # type: ignore[import-not-found]

    return card_weights


def test_no_file_of_weights_is_without_a_card() -> None:
    assert FILES, "there are weights in the package"
    assert {card.name for card in weights_cards()} == FILES.keys()
    assert shipped_weights() == FILES
    assert CASES.keys() == FILES.keys(), "each must be measured again, below"


@pytest.mark.parametrize("name", FILES)
def test_a_card_is_that_of_its_file(name: str) -> None:
    card = weights_card(name)
    assert card.sha256 == hashlib.sha256(FILES[name].read_bytes()).hexdigest()
    load: Any = pretrained.load_pretrained if name == "desk" else load_pretrained
    model = (load() if name == "desk" else load(name)).model
    assert card.weights == sum(p.numel() for p in model.parameters())
    assert card.model == type(model).__name__
    for key, value in model.config.items():
        assert f"{key}={value!r}" in card.configuration
    for wanted in (
        r"seed \d",
        r"[\d,]+ steps",
        r"[\d.]+ seconds",
        r" on \w+",
        r"tools/\w",
    ):
        assert re.search(wanted, card.training), wanted
    assert all(" ± " in text for text in card.measured.values())
    assert card.sha256 in card.markdown()


def test_what_was_written_by_the_training_is_what_stands_there(tool) -> None:
    told = pretrained.load_pretrained().trained
    card = weights_card("desk").training
    for number in re.findall(r"\d+", told):
        assert number in card.replace(",", "")


@pytest.mark.parametrize("name", CASES)
def test_each_number_holds_when_it_is_measured_again(tool, name: str) -> None:
    """New cases, few of them: within both intervals of 95 % together."""
    record = json.loads(FILES[name].with_suffix(".json").read_text("utf8"))
    again = tool.AGAIN[name](CASES[name])
    assert again.keys() == record["measured"].keys()
    for what, said in record["measured"].items():
        apart = abs(again[what]["value"] - said["value"])
        assert apart <= again[what]["error"] + said["error"], (what, again[what], said)


def test_the_tool_would_change_nothing(tool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, path in tool.shipped_weights().items():
        if name != "desk":  # which it measures; above
            text = json.dumps(tool.complete(name, path), indent=2, sort_keys=True)
            assert path.with_suffix(".json").read_text("utf8") == text + "\n"


def test_an_interval_holds_the_share(tool) -> None:
    from scipy.stats import binomtest

    for right, n in ((50, 50), (97, 100), (0, 20), (2993, 3000)):
        low, high = binomtest(right, n).proportion_ci(0.95, method="wilson")
        wanted = max(high - right / n, right / n - low)
        assert tool.share(right / n, n)["error"] == pytest.approx(wanted, abs=1e-4)


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a file and its record, as the only ones of a package."""
    for suffix in (".safetensors", ".json"):
        path = FILES["still-life-reader"].with_suffix(suffix)
        shutil.copy(path, tmp_path / f"copy{suffix}")
    monkeypatch.setattr(weights.genbook, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path / "copy.safetensors"


def test_other_weights_than_those_of_the_record_are_refused(one: Path) -> None:
    assert weights_card("copy").model == "SceneReader"
    data = bytearray(one.read_bytes())
    data[-1] ^= 1
    one.write_bytes(data)
    with pytest.raises(ValueError, match="must be the weights of its record"):
        weights_card("copy")


@pytest.mark.parametrize(
    "gone", ["limits", "licence", "seconds", "machine", "measured"]
)
def test_a_record_that_says_too_little_is_refused(one: Path, gone: str) -> None:
    beside = one.with_suffix(".json")
    record = json.loads(beside.read_text("utf8"))
    del record[gone]
    beside.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"must say {gone}"):
        weights_cards()
    beside.unlink()
    with pytest.raises(ValueError, match="must have a record beside it"):
        weights_card("copy")


def test_there_is_no_card_of_what_is_not_there() -> None:
    for name in ("nobody", "", None):
        with pytest.raises(ValueError, match="name must be"):
            weights_card(name)
