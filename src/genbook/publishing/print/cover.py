"""The cover: the title above points drawn uniformly over the land of the Earth.

It is the book's own subject. It is drawn while the book is built, with a fixed seed,
for the EPUB as pixels and for the PDF as vectors.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbook.course.plotting import DATA, MODEL, MUTED, PAPER

if TYPE_CHECKING:
    import torch
    from sphinx.application import Sphinx

_POINTS = 4_000


def alt(title: str) -> str:
    """Return what is to be seen on the cover."""
    return (
        f"Cover of {title}: the continents, made of thousands of blue dots, with a few "
        "orange crosses in the sea."
    )


def land_points(count: int = _POINTS, seed: int = 1) -> tuple[torch.Tensor, ...]:
    """Return points on land, and a few that a poor model put in the sea.

    Args:
        count: how many points on land.
        seed: of the generator.

    Returns:
        ``(count, 2)`` and ``(k, 2)``, in map coordinates.
    """
    import torch

    from genbook.data.world import WorldMap

    world = WorldMap()
    generator = torch.Generator().manual_seed(seed)
    land = world.sample(count, generator=generator)
    box = 2 * torch.rand(90, 2, generator=generator) - 1
    return land, box[~world.on_support(box)]


def draw(file: Path, title: str = "", subtitle: str = "") -> None:
    """Draw the cover into a file: PNG, 1600 by 2400 pixels, or a PDF of the map.

    Args:
        file: ``.png`` for a whole cover, ``.pdf`` for the map alone.
        title: set above the map.
        subtitle: set below the title.

    Raises:
        ValueError: if the file is neither.
    """
    # Here, and not above, because every build imports this module and few draw.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    if file.suffix == ".png":
        figure = Figure(figsize=(6.4, 9.6), dpi=250, facecolor=PAPER)
        axes = figure.add_axes((0.05, 0.12, 0.9, 0.3))
        figure.text(0.09, 0.915, "—", color=MODEL, fontsize=34, weight="bold")
        lines = textwrap.wrap(title, 18)
        for row, line in enumerate(lines):
            height = 0.845 - 0.063 * row
            figure.text(0.09, height, line, color="#1a4173", fontsize=33, weight="bold")
        below = 0.835 - 0.063 * len(lines)
        figure.text(0.09, below, subtitle, color=MUTED, fontsize=15)
        FigureCanvasAgg(figure)
    elif file.suffix == ".pdf":
        figure = Figure(figsize=(5.6, 2.8))
        axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        FigureCanvasPdf(figure)
    else:
        raise ValueError(f"file must end in .png or .pdf, got {file.name}")
    land, sea = land_points()
    x, y = land.T.numpy()
    axes.scatter(x, y, s=2.2, c=DATA, linewidths=0, clip_on=False)
    x, y = sea.T.numpy()
    axes.scatter(x, y, s=13, c=MODEL, marker="x", linewidths=1.1, clip_on=False)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect=0.5)
    axes.set_axis_off()
    dates = {"CreationDate": None} if file.suffix == ".pdf" else {"Software": None}
    figure.savefig(file, metadata=dates, transparent=file.suffix == ".pdf")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the subtitle, which the cover and the title page show."""
    app.add_config_value("genbook_subtitle", "", "", types=(str,))
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
