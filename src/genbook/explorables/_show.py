"""What the explorables share: their still figure for print, and packed numbers."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


def bundle(html: str, fig: Figure, text: str) -> dict[str, Any]:
    """Return what a cell shows: HTML for the web, SVG and PDF elsewhere, and text."""
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


def packed(x: Any, kind: str) -> str:
    """Return numbers as base64 of little-endian ``kind``: ``f8``, ``f4`` or ``i1``."""
    return base64.b64encode(np.asarray(x).astype(f"<{kind}").tobytes()).decode()
