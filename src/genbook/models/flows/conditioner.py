"""The network of a coupling: it sees what stays, and says what is done to the rest.

It looks at the shape and type of what it gets, and not at its values. NaN goes in and
comes out again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import check_count
from genbook.models.flows._checks import (
    MAX_BINS,
    MAX_DIM,
    MAX_WIDTH,
    check_features,
    check_frequencies,
    check_widths,
)
from genbook.models.networks._doors import check_vectors
from genbook.models.networks.mlp import fourier_features, mlp


class Conditioner(nn.Module):
    """The network of a coupling: it sees one part and says what to do to the other.

    Its last layer starts at zero, so that every coupling starts as the identity.

    Args:
        inputs: How many coordinates it sees.
        outputs: How many numbers it says.
        hidden: The widths of its hidden layers.
        context_features: How many features of a condition it sees as well.
        frequencies: How many sines and cosines of each coordinate it sees, each of
            twice the frequency of the one before: for densities with sharp borders.

    Raises:
        TypeError: If an argument is not an integer, or ``hidden`` not a sequence of
            them.
        ValueError: If one is out of range.

    Example:
        >>> Conditioner(2, 3, (16,))(torch.ones(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int],
        context_features: int = 0,
        frequencies: int = 0,
    ) -> None:
        super().__init__()
        self.inputs = check_count(inputs, "inputs", 1, MAX_DIM)
        check_count(outputs, "outputs", 1, MAX_DIM * 3 * MAX_BINS)
        hidden = check_widths(hidden)
        features = check_count(context_features, "context_features", 0, MAX_WIDTH)
        self.context_features = features
        self.frequencies = check_frequencies(frequencies)
        seen = inputs * (1 + 2 * frequencies) + context_features
        self.net = nn.Sequential(*mlp((seen, *hidden, outputs)))
        for p in self.net[-1].parameters():
            nn.init.zeros_(p)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the weights."""
        assert isinstance(self.net[0], nn.Linear)
        return self.net[0].weight.dtype

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the numbers for each row, ``(n, outputs)``.

        Args:
            x: What it sees of each vector, ``(n, inputs)``; NaN and infinity come out
                again, as NaN.
            h: Features of the conditions, ``(n, context_features)``; NaN and infinity
                come out again, as NaN.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If an argument has the wrong shape.
        """
        check_vectors(x, "x", self.inputs, self.dtype)
        check_features(h, len(x), self.context_features, self.dtype)
        seen = fourier_features(x, self.frequencies, math.pi)  # (n, seen)
        return self.net(seen if h is None else torch.cat([seen, h], 1))
