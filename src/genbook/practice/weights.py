"""The weights that the package ships, and a model card of each.

Beside each file of weights lies the record of its training, ``.json``: recipe, data,
seconds and machine, what was measured with its error, limits, terms and checksum.
``tools/card_weights.py`` completes it; here it becomes a :class:`.ModelCard`, and a
record that says too little, or belongs to another file, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import genbook
from genbook._validate import check_choice
from genbook.practice._data_facts import FACTS, OWN
from genbook.practice.cards import ModelCard

__all__ = ["shipped_weights", "weights_card", "weights_cards"]

_TRAINING = ("recipe", "seed", "steps", "seconds", "machine")
_WANTED = (
    *("class", "data", "licence", "measured", "use", "limits", "sha256", "amount"),
    *("parameters", "options", *_TRAINING),
)


def shipped_weights() -> dict[str, Path]:
    """Return every file of weights in the package, by its name.

    Example:
        >>> "desk" in shipped_weights()
        True
    """
    folder = Path(genbook.__file__).parent
    return {path.stem: path for path in sorted(folder.rglob("*.safetensors"))}


def weights_card(name: str) -> ModelCard:
    """Return the card of some weights that the package ships.

    A number that was measured stands with the half-width of its interval of 95 %.

    Args:
        name: The name of their file.

    Raises:
        ValueError: If there are no such weights, their record lacks something, or it is
            that of another file.

    Example:
        >>> card = weights_card("desk")
        >>> card.model, card.weights, card.licence
        ('Reader', 270208, 'MIT; data: BSD 3-clause')
    """
    files = shipped_weights()
    check_choice(name, "name", tuple(files))
    path = files[name]
    record = _record(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise ValueError(
            f"{path} must be the weights of its record, it is another file"
        )
    data = tuple(record["data"])
    terms = dict.fromkeys(FACTS[d].licence for d in data if d in FACTS)
    terms.pop(OWN, None)
    licence = "; data: ".join(
        [record["licence"], *([", ".join(terms)] if terms else [])]
    )
    return ModelCard(
        name=name,
        model=record["class"],
        configuration=", ".join(f"{k}={v!r}" for k, v in _configuration(path).items()),
        weights=record["parameters"],
        sha256=record["sha256"],
        data=data,
        licence=licence,
        training=_training(record),
        measured={k: _with_error(v) for k, v in record["measured"].items()},
        use=record["use"],
        limits=record["limits"],
    )


def weights_cards() -> tuple[ModelCard, ...]:
    """Return the cards of all weights that the package ships.

    Raises:
        ValueError: If a record lacks something or is that of another file.
    """
    return tuple(weights_card(name) for name in shipped_weights())


def _record(path: Path) -> dict[str, Any]:
    """Return what is written of some weights; refuse it if it says too little."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise ValueError(f"{path} must have a record beside it, {beside.name}")
    record: dict[str, Any] = json.loads(beside.read_text("utf8"))
    if missing := [key for key in _WANTED if key not in record]:
        raise ValueError(f"{beside} must say {', '.join(missing)}")
    return record


def _configuration(path: Path) -> Mapping[str, Any]:
    """Return the arguments that a model was made with, out of its file."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    if "genbook" in about:  # a file of genbook.training.save
        about = {"config": json.dumps(json.loads(about["genbook"])["config"])}
    config: Mapping[str, Any] = json.loads(about["config"])
    return config


def _training(record: Mapping[str, Any]) -> str:
    """Return how a model was trained, in one line."""
    batch = {"batch_size": record["batch"]} if "batch" in record else {}
    given = {**batch, **record["options"]}
    options = ", ".join(f"{k} {v}" for k, v in given.items())
    also = record.get("seconds include")
    return (
        f"{record['amount']}; {record['recipe']}, seed {record['seed']}, "
        f"{record['steps']:,} steps, {options}; {record['seconds']:g} seconds"
        f"{f' (with {also})' if also else ''} on {record['machine']}"
    )


def _with_error(number: Mapping[str, float]) -> str:
    """Return a number with its error, and of how many cases it is."""
    return f"{number['value']} ± {number['error']} ({number['of']:,.0f} cases)"
