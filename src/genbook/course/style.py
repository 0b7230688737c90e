"""One style for every figure: colours for light and dark pages, type, and lines."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from genbook._numbers import check_count, check_positive
from genbook.course._telephone import with_second

INK = "#1b1f24"
MUTED = "#59626e"
GRID = "#d9dee5"
PAPER = "#ffffff"
DATA = "#1f5fa8"
MODEL = "#b8500b"
ACCENT = "#7a3e9d"
GOOD = "#1a7348"
BAD = "#b3261e"
LAND = "#d5dcc7"
SEA = "#eef3f7"
PALETTE = (DATA, MODEL, ACCENT, GOOD, BAD, INK, MUTED)

#: Each colour of a light page and its mate on a dark one.
DARK = {
    INK: "#e6e9ee",
    MUTED: "#a7b0bd",
    GRID: "#3a424e",
    PAPER: "#14181e",
    DATA: "#82b8f2",
    MODEL: "#f39a56",
    ACCENT: "#cfa0ec",
    GOOD: "#6fcf9b",
    BAD: "#ff8f86",
    LAND: "#46503f",
    SEA: "#1d2731",
}

#: The typeface of the pages, as figures use it; DejaVu Sans has what it lacks.
FACE = "Genbook Sans"
FONTS = Path(__file__).with_name("fonts")

#: The widths of figures, in inches.
WIDTH = {"narrow": 3.6, "text": 6.2, "wide": 7.2}

_rgb = to_rgba(MODEL)[:3]
#: From clear to the model's colour, so that a wash suits light and dark pages.
MODEL_CMAP = LinearSegmentedColormap.from_list("wash", [(*_rgb, 0.0), (*_rgb, 1.0)])


def setup() -> None:
    """Give every later figure the book's style; chapters call it once, at the top."""
    style: Any = {
        "figure.figsize": (WIDTH["text"], 3.4),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "savefig.dpi": 150,
        "figure.dpi": 150,
        "axes.facecolor": "none",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.labelsize": 9.5,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": False,
        "axes.prop_cycle": cycler(color=list(PALETTE[:5])),
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "legend.labelcolor": INK,
        "lines.linewidth": 1.6,
        "font.family": [FACE, "DejaVu Sans"],
        "mathtext.fontset": "custom",
        "mathtext.rm": FACE,
        "mathtext.bf": f"{FACE}:bold",
        "mathtext.it": "DejaVu Sans:italic",
        "mathtext.bfit": "DejaVu Sans:italic:bold",
        "mathtext.sf": FACE,
        "mathtext.cal": "DejaVu Sans:italic",  # else a search for one, which warns
        "mathtext.fallback": "stixsans",
        "font.size": 9.5,
        "image.cmap": "gray_r",
        "image.interpolation": "nearest",
        "svg.hashsalt": "genbook",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
    }
    _add_face()
    mpl.rcParams.update(style)
    if _in_notebook():
        from IPython.core.interactiveshell import InteractiveShell
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", "pdf")
        shell: Any = InteractiveShell.instance()
        svg = shell.display_formatter.formatters["image/svg+xml"]
        svg.for_type(Figure, partial(with_second, svg.lookup_by_type(Figure)))
    else:  # a file of its own lies on white paper
        mpl.rcParams.update({"figure.facecolor": PAPER, "savefig.facecolor": PAPER})


def _add_face() -> None:
    """Tell Matplotlib of the typeface, once."""
    fonts = font_manager.fontManager
    known = {font.fname for font in fonts.ttflist}
    for file in sorted(FONTS.glob("*.ttf")):
        if str(file) not in known:
            fonts.addfont(file)


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    width: Literal["narrow", "text", "wide"] = "text",
    height: float = 3.4,
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a figure and its axes, as ``plt.subplots`` does, in the book's widths.

    Args:
        rows: Rows of axes.
        columns: Columns of axes.
        width: ``"narrow"``, ``"text"`` (the width of the text) or ``"wide"``.
        height: The height in inches.
        **options: Passed to :func:`matplotlib.pyplot.subplots`.

    Raises:
        ValueError: If the width is unknown.
    """
    if not isinstance(width, str) or width not in WIDTH:
        raise ValueError(f"width must be one of {sorted(WIDTH)}, got {width!r}")
    check_count(rows, "rows", 1, 100)
    check_count(columns, "columns", 1, 100)
    check_positive(height, "height", maximum=100)
    return plt.subplots(rows, columns, figsize=(WIDTH[width], height), **options)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None
