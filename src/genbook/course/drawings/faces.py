"""Generated faces, and how large they have become, as their papers report them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from genbook._validate import check_each
from genbook.course import plotting
from genbook.course._axes import check_axes


@dataclass(frozen=True)
class Faces:
    """What a paper drew.

    Attributes:
        year: When the paper came out, as a preprint where there was one.
        paper: Its key in ``book/references.bib``.
        name: What its model is called.
        family: ``"adversarial"`` or ``"other"``.
        side: The side of its largest generated faces, pixels.
    """

    year: int
    paper: str
    name: str
    family: str
    side: int


#: The papers, in the order in which they came out.
FACES: tuple[Faces, ...] = (
    Faces(2014, "goodfellow2014generative", "GAN", "adversarial", 48),
    Faces(2015, "radford2016unsupervised", "DCGAN", "adversarial", 64),
    Faces(2017, "berthelot2017began", "BEGAN", "adversarial", 128),
    Faces(2017, "karras2018progressive", "progressive GAN", "adversarial", 1024),
    Faces(2018, "kingma2018glow", "Glow", "other", 256),
    Faces(2018, "karras2019style", "StyleGAN", "adversarial", 1024),
    Faces(2020, "ho2020denoising", "DDPM", "other", 256),
    Faces(2020, "song2021score", "score SDE", "other", 1024),
)


def pixels(faces: Faces) -> int:
    """Return how many pixels a face has.

    Example:
        >>> pixels(FACES[0])
        2304
    """
    return faces.side**2


def draw_faces(ax: Axes, faces: tuple[Faces, ...] = FACES) -> None:
    """Draw the pixels of each paper's faces over the years, on a scale of powers.

    Args:
        ax: Where to draw.
        faces: What the papers drew, at least one.

    Raises:
        TypeError: If ``ax`` is no axes, or ``faces`` holds something else.
        ValueError: If ``faces`` is empty.
    """
    check_axes(ax)
    if not check_each(faces, "faces", Faces):
        raise ValueError("faces must not be empty")
    looks = {
        "adversarial": ("o", "full", "adversarial networks"),
        "other": ("D", "none", "flow and diffusion"),
    }
    for family, (marker, fill, label) in looks.items():
        few = [f for f in faces if f.family == family]
        years, sizes = [f.year for f in few], [pixels(f) for f in few]
        style: Any = {"color": plotting.MODEL, "fillstyle": fill, "markersize": 6}
        ax.plot(years, sizes, marker, label=label, **style)
    last = max(f.year for f in faces)
    for f in faces:
        up = f.year < last  # the last year's names hang below, clear of the others
        near = any(0 < g.year - f.year <= 1 and g.side == f.side for g in faces)
        ax.annotate(
            f.name,
            (f.year, pixels(f)),
            (0, 6 if up else -6),
            textcoords="offset points",
            ha="left" if up and not near else "right",
            va="bottom" if up else "top",
            size=8,
            color=plotting.INK,
        )
    sides = sorted({f.side for f in faces})
    ax.set(yscale="log", xlabel="year of the paper", ylabel="pixels of a face")
    ax.set_yticks([s**2 for s in sides], [f"{s}²" for s in sides])
    ax.minorticks_off()
    first = min(f.year for f in faces)
    ax.set(xlim=(first - 0.4, last + 0.6), xticks=range(first, last + 1))
    ax.set(ylim=(0.5 * sides[0] ** 2, 3 * sides[-1] ** 2))
    ax.legend(loc="lower right")
