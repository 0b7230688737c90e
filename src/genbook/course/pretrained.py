"""Models that were trained once, with more compute than a chapter has.

Their weights lie in the package in half precision, each beside a card: what it learned
from and how, on which machine in how many seconds, how good it is, and what it cannot.
``tools/pretrain.py`` makes both.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from genbook._files import check_path
from genbook._validate import check_choice
from genbook.discriminative.scenes import SceneReader
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import Model
from genbook.models.diffusion.text_to_image import TextToImage
from genbook.training import _files, load, save

__all__ = ["PRETRAINED", "Pretrained", "load_pretrained", "save_pretrained"]

#: The models, and the class of each.
PRETRAINED: dict[str, type[Model]] = {
    "still-life-language": Transformer,
    "still-life-pictures": TextToImage,
    "still-life-reader": SceneReader,
}

FOLDER = Path(__file__).with_name("weights")


class Pretrained(NamedTuple):
    """A model that was trained before.

    Attributes:
        model: The model, in float32.
        card: What is known of it, by name.
    """

    model: Any
    card: dict[str, Any]


def save_pretrained(
    model: Model, card: dict[str, Any], name: str, folder: str | os.PathLike[str]
) -> Path:
    """Write a model in half precision and its card, with the checksum of the weights.

    Args:
        model: The model.
        card: What is known of it.
        name: One of :data:`PRETRAINED`.
        folder: Where to.

    Returns:
        The file of the weights; the card lies beside it.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If there is no such name, or a weight is not finite.
    """
    check_choice(name, "name", (*PRETRAINED, ""))
    path = check_path(folder, "folder") / f"{name}.safetensors"
    save(copy.deepcopy(model).cpu().half(), path)
    card = {**card, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    text = json.dumps(card, indent=2, sort_keys=True)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return path


def load_pretrained(
    name: str, folder: str | os.PathLike[str] | None = None
) -> Pretrained:
    """Return a model that was trained before, with its card.

    Args:
        name: One of :data:`PRETRAINED`.
        folder: Where it lies; in the package when ``None``.

    Raises:
        FileNotFoundError: If it does not lie there.
        ValueError: If there is no such name, or the weights are not those of the card.
    """
    check_choice(name, "name", (*PRETRAINED, ""))
    place = FOLDER if folder is None else check_path(folder, "folder")
    path = place / f"{name}.safetensors"
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise ValueError(f"{path} must be the weights of its card, it is another file")
    config = _files.read(path)[1]["config"]
    model = PRETRAINED[name](**config).half()
    return Pretrained(load(model, path).float().eval(), card)
