"""What is public: every function, constructor and method of the reference."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

import genbook

LEFT_OUT = ("genbook.publishing", "genbook.cli")  # they build the book; no reference
KNOWN = {"Tensor": Tensor, "torch": torch, "np": np, "nn": nn, "Any": Any}
KNOWN |= {"Axes": Axes, "Figure": Figure}


@dataclass(frozen=True)
class Parameter:
    """An argument: its name, type, default, and what the docstring says of it."""

    name: str
    hint: Any
    default: Any
    kind: Any
    doc: str = ""


@dataclass(frozen=True)
class Target:
    """A public callable.

    Attributes:
        module: Where it stands in the reference.
        name: Its name there, ``GAN.sample`` for a method.
        of: The class, for a constructor or a method.
        function: The function that runs.
        doc: Its docstring.
    """

    module: str
    name: str
    of: type | None
    function: Callable[..., Any]
    doc: str

    @property
    def id(self) -> str:
        """Its full name."""
        return f"{self.module}.{self.name}"

    @property
    def is_method(self) -> bool:
        """Whether it is called on an instance."""
        return self.of is not None and "." in self.name

    @property
    def home(self) -> str:
        """The module that it is written in."""
        return inspect.unwrap(self.function).__module__

    @property
    def attribute(self) -> str:
        """The name without its class."""
        return self.name.rpartition(".")[2]

    @property
    def code(self) -> CodeType:
        """What the interpreter runs."""
        code: CodeType = inspect.unwrap(self.function).__code__
        return code


def modules() -> list[ModuleType]:
    """Import and return every public module."""
    return [
        importlib.import_module(m.name)
        for m in pkgutil.walk_packages(genbook.__path__, "genbook.")
        if not m.name.startswith(LEFT_OUT)
        and not any(part.startswith("_") for part in m.name.split("."))
    ]


def targets() -> list[Target]:
    """Return everything public that can be called, in the order of the modules."""
    return [t for m in modules() for t in of_module(m)]


def of_module(module: ModuleType) -> Iterator[Target]:
    """Yield everything public of a module that can be called."""
    exported = getattr(module, "__all__", None)
    for name in exported or [n for n in vars(module) if not n.startswith("_")]:
        value = getattr(module, name)
        home = getattr(value, "__module__", None) or ""
        hidden = "._" in home and home.startswith("genbook.")
        if home != module.__name__ and not (exported and hidden):
            continue
        if inspect.isfunction(value):
            yield Target(
                module.__name__, name, None, value, inspect.getdoc(value) or ""
            )
        elif inspect.isclass(value) and not inspect.isabstract(value):
            yield from of_class(module.__name__, name, value)


def of_class(module: str, name: str, cls: type) -> Iterator[Target]:
    """Yield the constructor and the methods of a class, under a name."""
    maker = cls.__init__ if inspect.isfunction(cls.__init__) else cls.__new__  # type: ignore[misc]
    if inspect.isfunction(maker) and _is_ours(maker, cls):
        yield Target(module, name, cls, maker, cls.__doc__ or "")
    for attribute in dir(cls):
        function = inspect.getattr_static(cls, attribute)
        if (
            inspect.isfunction(function)
            and not attribute.startswith("_")
            and inspect.unwrap(function).__module__.startswith("genbook")
        ):
            doc = inspect.getdoc(getattr(cls, attribute)) or ""
            yield Target(module, f"{name}.{attribute}", cls, function, doc)


def _is_ours(maker: Any, cls: type) -> bool:
    """Whether a constructor is written, or generated, for a class of the package."""
    owner = next(c for c in cls.__mro__ if maker.__name__ in vars(c))
    return owner.__module__.startswith("genbook")


@cache
def parameters(target: Target) -> list[Parameter]:
    """Return the arguments of a target, those of typed options among them."""
    function = inspect.unwrap(target.function)
    given = list(inspect.signature(function).parameters.values())
    if target.of is not None:
        given = given[1:]
    docs = _argument_docs(target.doc)
    found = []
    for p in given:
        hint = _evaluate(p.annotation, function)
        if p.kind is p.VAR_KEYWORD and (options := typing.get_args(hint)):
            space = vars(importlib.import_module(options[0].__module__))
            for name, text in options[0].__annotations__.items():
                option = _evaluate(text, None, space)
                doc = docs.get(name, docs.get(p.name, ""))
                found.append(Parameter(name, option, p.empty, p.KEYWORD_ONLY, doc))
        elif p.kind is not p.VAR_KEYWORD:
            found.append(
                Parameter(p.name, hint, p.default, p.kind, docs.get(p.name, ""))
            )
    return found


def _evaluate(text: Any, function: Any, space: dict[str, Any] | None = None) -> Any:
    """Return the type that an annotation names, ``Any`` if it cannot be had."""
    if isinstance(text, typing.ForwardRef):
        text = text.__forward_arg__
    if not isinstance(text, str):
        return Any if text is inspect.Parameter.empty else text
    space = function.__globals__ if space is None else space
    owner = vars(sys.modules.get(getattr(function, "__module__", ""), genbook))
    try:
        return eval(text, {**KNOWN, **vars(typing), **owner, **space})
    except (NameError, AttributeError, TypeError):
        return Any


def _argument_docs(doc: str) -> dict[str, str]:
    """Return the lines of the section ``Args:``, by name."""
    section = re.search(
        r"^( *)(?:Args|Attributes):\n((?:\1 +.*\n|\n)+)", doc + "\n", re.M
    )
    if section is None:
        return {}
    indent = section[1] + " " * 4
    found: dict[str, str] = {}
    for line in section[2].splitlines():
        start = re.match(rf"{indent}(\*{{0,2}}\w+(?:, \w+)*): (.*)", line)
        if start:
            names = start[1].replace("*", "").split(", ")
            found |= dict.fromkeys(names, start[2])
        elif found:
            found |= dict.fromkeys(names, found[names[0]] + " " + line.strip())
    return found
