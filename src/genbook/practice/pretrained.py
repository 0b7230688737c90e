"""The desk's base model, trained once and shipped with the package.

It has read scikit-learn's documentation, with made-up values in place of the defaults;
``tools/pretrain_desk.py`` trained it. It has never read an answer about PyTorch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from genbook.practice.byte_pairs import BytePairs
from genbook.practice.reader import Reader

__all__ = ["FILE", "Pretrained", "load_pretrained"]

#: The weights, in half precision; the configuration and the tokeniser stand beside.
FILE = Path(__file__).with_name("desk.safetensors")


class Pretrained(NamedTuple):
    """A model with its tokeniser.

    Attributes:
        model: The model.
        tokens: Its tokeniser.
        trained: How it was trained, in words.
    """

    model: Reader
    tokens: BytePairs
    trained: str


def load_pretrained() -> Pretrained:
    """Return a fresh copy of the base model, with its tokeniser.

    Example:
        >>> base = load_pretrained()
        >>> base.model.vocab_size == len(base.tokens)
        True
    """
    from safetensors import safe_open

    with safe_open(FILE, framework="pt") as file:
        about = file.metadata()
        weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    config = json.loads(about["config"])
    model = Reader(config.pop("vocab_size"), config.pop("context_length"), **config)
    model.load_state_dict(weights)
    pairs = (pair.split(" ") for pair in json.loads(about["merges"]))
    return Pretrained(
        model.eval(), BytePairs((a, b) for a, b in pairs), about["trained"]
    )
