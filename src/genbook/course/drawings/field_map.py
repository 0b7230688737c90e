"""The map of the field as data: what contains what, and where each method is taught.

Machine learning is a part of artificial intelligence. Within it lie two sets that
overlap: deep learning, which says how a function is built, and generative modelling,
which says what it is for. Today's generative AI lies where the two overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from genbook._validate import check_each
from genbook.course import plotting
from genbook.course._axes import check_axes

AI = "artificial intelligence"
LEARNING = "machine learning"
DEEP = "deep learning"
GENERATIVE = "generative modelling"
TODAY = "today's generative AI"
#: The sets, each inside the one before it but for the two that overlap.
FIELDS: tuple[str, ...] = (AI, LEARNING, DEEP, GENERATIVE, TODAY)
#: What each set lies in.
INSIDE: dict[str, tuple[str, ...]] = {
    AI: (),
    LEARNING: (AI,),
    DEEP: (AI, LEARNING),
    GENERATIVE: (AI, LEARNING),
    TODAY: (AI, LEARNING, DEEP, GENERATIVE),
}


@dataclass(frozen=True)
class Method:
    """A method and its place on the map.

    Attributes:
        name: What it is called.
        fields: The smallest sets that it lies in; all sets around them follow.
        chapter: The chapter that teaches it, a path in ``book/`` without ending, or
            ``None`` when the book has none yet.
    """

    name: str
    fields: tuple[str, ...]
    chapter: str | None = None

    def lies_in(self, field: str) -> bool:
        """Return whether the method lies in a set, itself or through a smaller one.

        Raises:
            ValueError: If there is no such set.

        Example:
            >>> Method("language model", (TODAY,)).lies_in(DEEP)
            True
        """
        if field not in FIELDS:
            raise ValueError(f"field must be one of {list(FIELDS)}, got {field!r}")
        return any(field == f or field in INSIDE[f] for f in self.fields)


_TYPES = "learning/types-of-learning"
_DISCRIMINATIVE = "learning/discriminative-models"
_MAP = "foundations/world-map"
_MLE = "foundations/maximum-likelihood"
_CODES = "foundations/representation-learning"

#: Every method of the map.
METHODS: tuple[Method, ...] = (
    Method("value iteration", (AI,), _TYPES),
    Method("Q-learning", (LEARNING,), _TYPES),
    Method("linear regression", (LEARNING,), _TYPES),
    Method("k-means", (LEARNING,), _TYPES),
    Method("t-SNE", (LEARNING,), _TYPES),
    Method("logistic regression", (LEARNING,), _DISCRIMINATIVE),
    Method("decision tree", (LEARNING,), _DISCRIMINATIVE),
    Method("conditional random field", (LEARNING,), _DISCRIMINATIVE),
    Method("principal components", (LEARNING,), _CODES),
    Method("image classifier", (DEEP,), "learning/generative-models"),
    Method("autoencoder", (DEEP,), _CODES),
    Method("deep Q-network", (DEEP,)),
    Method("uniform box", (GENERATIVE,), _MAP),
    Method("histogram", (GENERATIVE,), "foundations/probability"),
    Method("Gaussian", (GENERATIVE,), _MLE),
    Method("Gaussian mixture", (GENERATIVE,), _MAP),
    Method("kernel estimate", (GENERATIVE,), _MAP),
    Method("grid network", (DEEP, GENERATIVE), _MLE),
    Method("VAE, flow, GAN", (DEEP, GENERATIVE), "families/taxonomy"),
    Method("language model", (TODAY,), "families/autoregressive"),
    Method("image diffusion", (TODAY,), "families/diffusion"),
)

# Where each set is drawn: left, bottom, width, height, colour, thickness of the line.
_FRAMES = {
    AI: (0.0, 0.0, 12.0, 9.5, plotting.MUTED, 1.0),
    LEARNING: (0.25, 0.25, 11.5, 8.3, plotting.INK, 1.2),
    DEEP: (0.5, 0.5, 7.8, 4.4, plotting.DATA, 1.6),
    GENERATIVE: (3.9, 0.8, 7.6, 5.0, plotting.MODEL, 1.6),
    TODAY: (4.1, 1.05, 3.95, 1.95, plotting.ACCENT, 1.6),
}
# Where each set's name stands.
_NAMES = {
    AI: (0.6, 9.02),
    LEARNING: (0.6, 8.05),
    DEEP: (0.8, 4.4),
    GENERATIVE: (11.2, 5.35),
    TODAY: (6.075, 2.55),
}
# Where each region's methods stand: left, top, methods a column, width of a column.
_LISTS = {
    frozenset({AI}): (5.2, 9.02, 1, 0.0),
    frozenset({LEARNING}): (0.6, 7.4, 3, 3.7),
    frozenset({DEEP}): (0.8, 3.7, 9, 0.0),
    frozenset({GENERATIVE}): (8.6, 4.5, 9, 0.0),
    frozenset({DEEP, GENERATIVE}): (4.3, 4.35, 9, 0.0),
    frozenset({TODAY}): (4.4, 1.95, 9, 0.0),
}
_LINE = 0.56


def region(methods: Sequence[Method], *fields: str) -> list[Method]:
    """Return the methods whose smallest sets are exactly these.

    Args:
        methods: Methods.
        *fields: Names of sets, one at least.

    Raises:
        TypeError: If ``methods`` are none.
        ValueError: If there is no such set, or none is named.

    Example:
        >>> [m.name for m in region(METHODS, AI)]
        ['value iteration']
    """
    if not fields or not all(isinstance(f, str) and f in FIELDS for f in fields):
        raise ValueError(f"fields must be of {list(FIELDS)}, got {list(fields)}")
    check_each(methods, "methods", Method)
    return [m for m in methods if set(m.fields) == set(fields)]


def draw_landscape(ax: Axes, methods: Sequence[Method] = METHODS) -> None:
    """Draw the sets as frames and each method by its name in its own region.

    In an SVG each name is a link to its chapter, from a page one folder below the root.

    Raises:
        ValueError: If a method lies in a region that the map does not have.
    """
    check_axes(ax)
    for m in check_each(methods, "methods", Method):
        if frozenset(m.fields) not in _LISTS:
            raise ValueError(f"{m.name!r} lies in no region of the map: {m.fields}")
    for field, (left, bottom, width, height, colour, line) in _FRAMES.items():
        ax.add_patch(
            FancyBboxPatch(
                (left, bottom),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.25",
                facecolor="none",
                edgecolor=colour,
                linewidth=line,
            )
        )
        side = {GENERATIVE: "right", TODAY: "center"}.get(field, "left")
        x, y = _NAMES[field]
        ax.text(x, y, field, ha=side, va="center", color=colour, weight="bold", size=9)
    for fields, (left, top, most, apart) in _LISTS.items():
        for i, m in enumerate(region(methods, *fields)):
            column, row = divmod(i, most)
            at = left + apart * column, top - _LINE * row
            link = None if m.chapter is None else f"../{m.chapter}.html"
            ax.text(*at, m.name, ha="left", va="center", size=9, url=link)
    ax.set(xlim=(-0.05, 12.05), ylim=(-0.05, 9.55))
    ax.set_axis_off()
