"""Parameters read from source files, beside Python's own view of the functions."""

from __future__ import annotations

import inspect
from ast import literal_eval
from contextlib import suppress

import pytest
import torch
from sklearn import linear_model

from genbook.practice.entries import entries_of, read_entries

NUMPY = '''
class Model:
    """A model.

    Parameters
    ----------
    size : int, default=3
        How large.

        Very.
    *args : tuple
        Not asked for.
    kind : {'a', 'b'}
        Which.

    Attributes
    ----------
    kind : str
        Not a parameter.
    """

    def __init__(self, first, size=3, *, kind="a"):
        pass

    def _hidden(self, a=1):
        """Hidden.

        Args:
            a: Nothing.
        """
'''

GOOGLE = '''
def f(x, *, rate=1e-3, other=None):
    """Do it.

    Args:
        x (Tensor): The data.
        rate (float, optional): The rate,
            of learning. Default: ``1e-3``
        unknown: No such parameter.
    Returns:
        other: not a parameter.
    """
'''


def test_a_docstring_in_numpys_style_is_read() -> None:
    found = list(entries_of(NUMPY))
    assert found == [
        ("Model", "size", "int, default=3", "How large.  Very.", "3"),
        ("Model", "kind", "{'a', 'b'}", "Which. ", "'a'"),
    ]


def test_a_docstring_in_googles_style_is_read() -> None:
    (found,) = entries_of(GOOGLE)
    text = "The rate, of learning. Default: ``1e-3``"
    assert found == ("f", "rate", "float, optional", text, "0.001")


def test_what_is_no_python_has_no_entries() -> None:
    assert list(entries_of("def f(:")) == []


@pytest.mark.parametrize(
    ("package", "module"),
    [("PyTorch", torch.optim.lr_scheduler), ("scikit-learn", linear_model)],
)
def test_the_defaults_are_those_of_the_imported_classes(package, module) -> None:
    compared = 0
    for entry in read_entries(package):
        owner = getattr(module, entry.function, None)
        if inspect.isclass(owner):
            parameter = inspect.signature(owner).parameters[entry.parameter]
            with suppress(ValueError):  # what is no literal
                assert parameter.default == literal_eval(entry.default), entry
                compared += 1
    assert compared > 30


def test_an_unknown_package_is_refused() -> None:
    with pytest.raises(
        ValueError, match="package must be scikit-learn or PyTorch, got 'NumPy'"
    ):
        read_entries("NumPy")
