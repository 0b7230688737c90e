"""Cards: what one should know of a data set or a model before one uses it.

A *data card* says what the data are, whence and on what terms, who is in them, and
what they cannot show. A *model card* says the same of a model: what it learned from,
how good it is and at what, what it is for and what it is not for. What a program can
find out is computed, sizes, weights and checksums among it; what it cannot must be
given, and a card without it is refused.

Reference:
    M. Mitchell et al., "Model Cards for Model Reporting", 2019, arXiv:1810.03993;
    T. Gebru et al., "Datasheets for Datasets", 2021, arXiv:1803.09010; M. Pushkarna,
    A. Zaldivar and O. Kjartansson, "Data Cards", 2022, arXiv:2204.01075.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import nn

from genbook._validate import check_each, check_kind, check_text
from genbook.practice._data_facts import FACTS

__all__ = ["DataCard", "ModelCard", "data_card", "data_cards", "model_card"]

MOST_LETTERS = 10_000


@dataclass(frozen=True)
class DataCard:
    """What one should know of a data set.

    Attributes:
        name: What the book calls it.
        module: Where it is, such as ``genbook.data.wind``.
        about: What one observation is.
        source: Where it comes from.
        licence: On what terms it may be used.
        size: How many observations there are, and of what shape.
        people: Who is in it.
        limits: What it cannot show.

    Raises:
        TypeError: If an attribute is no text.
        ValueError: If one is empty, or too long.
    """

    name: str
    module: str
    about: str
    source: str
    licence: str
    size: str
    people: str
    limits: str

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_entry(getattr(self, field.name), field.name)

    def markdown(self) -> str:
        """Return the card as Markdown: a heading, and a line an entry."""
        entries = {f.name: str(getattr(self, f.name)) for f in fields(self)}
        return _markdown(f"Data card: {entries.pop('name')}", entries)


@dataclass(frozen=True)
class ModelCard:
    """What one should know of a model.

    Attributes:
        name: What it is called.
        model: Its class.
        configuration: The arguments that it was made with.
        weights: How many numbers it learned.
        sha256: The checksum of its weights.
        data: The names of the data sets that it learned from.
        licence: On what terms it may be used.
        training: How it was trained.
        measured: How good it is, on what, each number with its name.
        use: What it is for.
        limits: What it is not for, and what it cannot do.

    Raises:
        TypeError: If an attribute is of the wrong type.
        ValueError: If one is empty, or too long.
    """

    name: str
    model: str
    configuration: str
    weights: int
    sha256: str
    data: tuple[str, ...]
    licence: str
    training: str
    measured: Mapping[str, float | str]
    use: str
    limits: str

    def __post_init__(self) -> None:
        for name in ("name", "model", "licence", "training", "use", "limits"):
            _check_entry(getattr(self, name), name)
        check_each(self.data, "data", str)
        if not self.data:
            raise ValueError("data must name one data set at least, got none")
        for place in self.data:
            _check_entry(place, "data")
        if not isinstance(self.measured, Mapping):
            got = type(self.measured).__name__
            raise TypeError(f"measured must be a mapping from names, got {got}")
        if not self.measured:
            raise ValueError("measured must hold one number at least, got none")
        for name, value in self.measured.items():
            _check_entry(name, "measured")
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise TypeError(f"measured must hold numbers, got {value!r} of {name}")

    def markdown(self) -> str:
        """Return the card as Markdown: a heading, and a line an entry."""
        numbers = [
            f"{name} {value if isinstance(value, str) else format(value, '.4g')}"
            for name, value in self.measured.items()
        ]
        entries = {
            "model": f"{self.model}({self.configuration})",
            "weights": f"{self.weights:,}",
            "sha256": self.sha256,
            "data": ", ".join(self.data),
            "licence": self.licence,
            "training": self.training,
            "measured": "; ".join(numbers),
            "use": self.use,
            "limits": self.limits,
        }
        return _markdown(f"Model card: {self.name}", entries)


def data_card(name: str) -> DataCard:
    """Return the card of a data set of the package, with its size counted.

    Args:
        name: The name of its module in ``genbook.data``, or ``"desk"``.

    Raises:
        ValueError: If there is no such data set.
        ModuleNotFoundError: If the package that carries the data is not installed.

    Example:
        >>> data_card("wind").licence
        'free to use with acknowledgement'
    """
    if not isinstance(name, str) or name not in FACTS:
        raise ValueError(f"name must be one of {list(FACTS)}, got {name!r}")
    facts = FACTS[name]
    return DataCard(
        facts.name,
        f"{facts.home}.{name}",
        facts.about,
        facts.source,
        facts.licence,
        facts.size(),
        facts.people,
        facts.limits,
    )


def data_cards() -> tuple[DataCard, ...]:
    """Return the cards of all data sets of the package.

    Raises:
        ModuleNotFoundError: If a package that carries data is not installed.
    """
    return tuple(data_card(name) for name in FACTS)


def model_card(
    model: nn.Module,
    name: str,
    *,
    data: Sequence[str],
    licence: str,
    training: str | Mapping[str, object],
    measured: Mapping[str, float | str],
    use: str,
    limits: str,
) -> ModelCard:
    """Return the card of a model, with its weights counted and their checksum.

    Args:
        model: The model.
        name: What it is called.
        data: What it learned from: names of data cards, whose terms are added to the
            licence, or a description of other data.
        licence: On what terms the weights may be used.
        training: How it was trained, in words or as a mapping.
        measured: How good it is, on what: numbers by their names.
        use: What it is for.
        limits: What it is not for, and what it cannot do.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an entry is empty, too long, or missing.

    Example:
        >>> card = model_card(
        ...     nn.Linear(2, 1),
        ...     "line",
        ...     data=["wind"],
        ...     licence="MIT",
        ...     training={"steps": 100},
        ...     measured={"error on held-out hours": 0.5},
        ...     use="An example.",
        ...     limits="It has learned nothing.",
        ... )
        >>> card.weights, card.licence
        (3, 'MIT; data: free to use with acknowledgement')
    """
    check_kind(model, "model", nn.Module)
    sets = tuple(check_each(data, "data", str))
    terms = dict.fromkeys(FACTS[s].licence for s in sets if s in FACTS)
    terms = {t: None for t in terms if t != "as the code"}
    _check_entry(licence, "licence")
    if isinstance(training, Mapping):
        training = ", ".join(f"{k} {v}" for k, v in training.items())
    config = getattr(model, "config", {})
    written = ", ".join(f"{k}={v!r}" for k, v in config.items())
    return ModelCard(
        name=name,
        model=type(model).__name__,
        configuration=written,
        weights=sum(p.numel() for p in model.parameters()),
        sha256=_checksum(model),
        data=sets,
        licence="; data: ".join([licence, ", ".join(terms)]) if terms else licence,
        training=training,
        measured=measured,
        use=use,
        limits=limits,
    )


def _checksum(model: nn.Module) -> str:
    """Return a digest of all weights: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, t in sorted(model.state_dict().items()):
        flat = t.detach().cpu().contiguous().flatten()
        digest.update(f"{name} {t.dtype} {tuple(t.shape)}".encode())
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_entry(value: str, name: str) -> None:
    """Refuse what says nothing."""
    if not check_text(value, name).strip():
        raise ValueError(f"{name} must not be empty, got {value!r}")
    if len(value) > MOST_LETTERS:
        raise ValueError(f"{name} must have {MOST_LETTERS:,} letters at most")


def _markdown(title: str, entries: Mapping[str, str]) -> str:
    """Return a heading and a list."""
    lines = [
        f"- **{name.replace('_', ' ')}**: {text}" for name, text in entries.items()
    ]
    return "\n".join([f"## {title}", "", *lines, ""])
