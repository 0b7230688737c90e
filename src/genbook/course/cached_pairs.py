"""Pairs of noise and drawing that several chapters learn from: drawn once a build.

Drawing is exact, as training is (:mod:`genbook.course.cached_fit`): the same flow,
conditions, arguments and code give the same images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_count, check_labels, check_number, check_seed
from genbook.course.cached_fit import kept
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.reflow import Reflow, draw_pairs
from genbook.training import _files

__all__ = ["cached_pairs"]


def cached_pairs(
    flow: FlowMatching, y: Tensor, *, guidance: float = 1.0, seed: int = 0
) -> Tensor:
    """Let a flow draw from noises, or read what it drew from them before.

    Args:
        flow: The flow that draws, by
            :func:`~genbook.models.diffusion.reflow.draw_pairs`.
        y: The labels of what it draws, ``(n,)``, at most a million.
        guidance: The weight of the labels.
        seed: Decides the noises.

    Returns:
        Pairs, ``(n, 2, *event_shape)``: noise first, then what became of it.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a label is none of the flow's, there are none or too many of
            them, or a number is out of range.

    Example:
        >>> flow = FlowMatching((2,), width=8, depth=1, classes=3)
        >>> cached_pairs(flow, torch.arange(3)).shape
        torch.Size([3, 2, 2])
    """
    teacher = Reflow(flow)  # the class that stands beside what draws
    y = check_labels(y, "y")
    check_count(len(y), "the length of y", 1, 1_000_000)
    guidance, seed = check_number(guidance, "guidance"), check_seed(seed)

    given = {"guidance": guidance, "seed": seed, "steps": flow.steps}
    with kept("pairs", teacher, y, None, given) as path:
        if path is not None and path.exists():
            return _files.read(path)[0]["pairs"]
        g = torch.Generator().manual_seed(seed)
        pairs = draw_pairs(flow, len(y), y, guidance=guidance, generator=g)
        if path is not None:
            _files.write(path, {"pairs": pairs}, {"class": "Pairs", "config": None})
    return pairs
