"""Trained models for the reader's page: rounded layers, packed numbers, still figures.

A page computes with what stands here: the layers of a network in eight bits, as base64
that its script unpacks. Print, EPUB and notebooks show a figure in its place.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

from genbook._validate import check_choice

__all__ = ["Layer", "bundle", "packed", "signed"]


def bundle(html: str, fig: Figure, text: str) -> dict[str, Any]:
    """Return what a cell shows: HTML for the web, SVG and PDF elsewhere, and text.

    Args:
        html: What runs in the page.
        fig: The still figure; it is closed.
        text: What a terminal shows.

    Returns:
        A MIME bundle.
    """
    shown: dict[str, Any] = {}
    for kind, name in (("svg", "image/svg+xml"), ("pdf", "application/pdf")):
        stream = io.BytesIO()
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
        with mpl.rc_context({"svg.hashsalt": "genbook"}):
            fig.savefig(stream, format=kind, metadata=dated)
        data = stream.getvalue()
        shown[name] = (
            data.decode() if kind == "svg" else base64.b64encode(data).decode()
        )
    plt.close(fig)
    return {"text/html": html, **shown, "text/plain": text}


@dataclass(frozen=True)
class Layer:
    """One linear layer in eight bits: ``scale * weight @ v + bias``, row by row.

    Attributes:
        weight: Integers from -127 to 127, ``(out, in)``.
        scale: What a unit of each row's integers is worth, ``(out,)``.
        bias: ``(out,)``.
    """

    weight: np.ndarray
    scale: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, linear: nn.Linear) -> Layer:
        """Round the weights of a layer, each row to 255 steps of its own size.

        Args:
            linear: A linear layer with a bias.

        Raises:
            TypeError: If ``linear`` is no linear layer.
            ValueError: If it has no bias.

        Example:
            >>> layer = Layer.of(nn.Linear(3, 2))
            >>> layer.weight.shape, layer(np.zeros((4, 3))).shape
            ((2, 3), (4, 2))
        """
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"linear must be a Linear, got {type(linear).__name__}")
        if linear.bias is None:
            raise ValueError("linear must have a bias, got none")
        w = linear.weight.detach().cpu().double().numpy()
        bias = linear.bias.detach().cpu().numpy().astype("<f4")
        scale = (np.abs(w).max(1) / 127).clip(1e-12).astype("<f4")
        return cls(np.rint(w / scale[:, None]).astype("i1"), scale, bias)

    def data(self) -> dict[str, Any]:
        """Return what the page reads: the size, and the numbers packed."""
        return {
            "size": self.weight.shape,
            "weight": packed(self.weight, "i1"),
            "scale": packed(self.scale, "f4"),
            "bias": packed(self.bias, "f4"),
        }

    def __call__(self, v: np.ndarray) -> np.ndarray:
        """Return the layer's outputs, ``(n, out)``, in double precision."""
        w = self.weight.astype(float) * self.scale[:, None].astype(float)
        return v @ w.T + self.bias


def packed(x: Any, kind: str) -> str:
    """Return numbers as base64 of little-endian ``kind``: ``f8``, ``f4`` or ``i1``.

    Example:
        >>> packed([1, -1], "i1")
        'Af8='
    """
    check_choice(kind, "kind", ("f8", "f4", "i1"))
    return base64.b64encode(np.asarray(x).astype(f"<{kind}").tobytes()).decode()


def signed(value: float, digits: int = 1) -> str:
    """Write a number with a true minus sign.

    Example:
        >>> signed(-0.25, 2), signed(-np.inf)
        ('−0.25', '−∞')
    """
    return f"{value:.{digits}f}".replace("inf", "∞").replace("-", "−")
