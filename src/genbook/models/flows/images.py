r"""Pieces of a flow of images: a table of single pixels, and couplings of neighbours.

A table that says how often each pixel takes each level is a flow, too. It bends every
pixel by its own distribution function, so that the pixel becomes Gaussian, and prices
an image by its pixels alone. Couplings that follow have only to say what pixels tell
about each other. Their halves lie between each other like the squares of a chessboard,
and the network is a convolution, which says the same of the same surroundings.

Pieces look at the shape and type of what they get, and not at its values. NaN goes in
and comes out again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_positive,
    check_tensor,
    check_unit_interval,
)
from genbook.models.flows._checks import (
    MAX_DIM,
    MAX_WIDTH,
    check_bins,
    check_features,
    check_unused,
)
from genbook.models.flows.splines import RQSpline, invert
from genbook.models.flows.transforms import Transform
from genbook.models.gaussians import LOG_2PI
from genbook.models.networks._doors import check_vectors

MAX_LEVELS = 2**16
#: Which two of the four pixels of a square stay, and which two are transformed, in
#: turn: the diagonals (a chessboard), the rows, the columns.
HALVES = (
    ((0, 3), (1, 2)),
    ((1, 2), (0, 3)),
    ((0, 1), (2, 3)),
    ((2, 3), (0, 1)),
    ((0, 2), (1, 3)),
    ((1, 3), (0, 2)),
)


class PixelTable(Transform):
    r"""Make each coordinate Gaussian by its own distribution function.

    .. math:: z_i = \Phi^{-1}\bigl(F_i(x_i)\bigr),

    where :math:`F_i` climbs in a straight line across each of ``levels`` equal bins of
    the unit interval, as far as the share that :meth:`count` found in it. Alone before
    a Gaussian base it gives dequantised images exactly the price of the table.

    Args:
        dim: The length of a vector, at most 16,384.
        levels: How many bins, 2 to 65,536.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If one is out of range.

    Reference:
        S. S. Chen and R. A. Gopinath, "Gaussianization", 2000.

    Example:
        >>> z, log_det = PixelTable(1, levels=4)(torch.tensor([[0.5]]))
        >>> z
        tensor([[0.]])
    """

    edges: Tensor

    def __init__(self, dim: int, levels: int = 256) -> None:
        super().__init__()
        self.dim = check_count(dim, "dim", 1, MAX_DIM)
        self.levels = check_count(levels, "levels", 2, MAX_LEVELS)
        even = torch.linspace(0, 1, levels + 1).repeat(dim, 1)
        self.register_buffer("edges", even)  # of the shares, (dim, levels + 1)

    @torch.no_grad()
    def count(self, x: Tensor, extra: float = 0.1) -> None:
        """Set each coordinate's shares from numbers in the unit interval.

        Args:
            x: Vectors, ``(n, dim)``.
            extra: What is added to each count, so that no share is zero.

        Raises:
            TypeError: If ``x`` is not a tensor of the table's type.
            ValueError: If it is empty, of the wrong shape or leaves the unit interval,
                or ``extra`` is not positive.
        """
        shape = "n", self.dim
        check_unit_interval(check_tensor(x, "x", shape, dtype=self.edges.dtype), "x")
        extra = check_positive(extra, "extra")
        cell = self._bin(x) + self.levels * torch.arange(self.dim, device=x.device)
        counts = cell.flatten().bincount(minlength=self.dim * self.levels)
        sums = (counts.view(self.dim, -1).double() + extra).cumsum(1)
        self.edges[:, 1:] = sums / sums[:, -1:]

    def _bin(self, x: Tensor) -> Tensor:
        return (x * self.levels).floor().clamp(0, self.levels - 1).nan_to_num().long()

    def _ends(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shares below bins ``(n, dim)`` and up to their ends."""
        cell = k + (self.levels + 1) * torch.arange(self.dim, device=k.device)
        flat = self.edges.double().flatten()
        return flat[cell], flat[cell + 1]

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the Gaussian numbers and the log of the slopes' product.

        Args:
            x: Vectors of the unit interval, ``(n, dim)``; NaN comes out again, and
                infinity as the image of an end.
            h: Features of the conditions, which change nothing.
        """
        check_vectors(x, "x", self.dim, self.edges.dtype)
        check_unused(h, len(x))
        k = self._bin(x)
        low, high = self._ends(k)
        share = low + (x * self.levels - k) * (high - low)  # from 0 to 1
        z = torch.special.ndtri(share.clamp(1e-12, 1 - 1e-12))
        density = ((high - low) * self.levels).log()  # of x, by the table
        log_slope = density + 0.5 * (z.square() + LOG_2PI)
        return z.to(x.dtype), log_slope.sum(1).to(x.dtype)

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the numbers of the unit interval with these shares below them.

        Args:
            z: Images, ``(n, dim)``; NaN comes out again, and infinity as an end.
            h: Features of the conditions, which change nothing.
        """
        check_vectors(z, "z", self.dim, self.edges.dtype)
        check_unused(h, len(z))
        share = torch.special.ndtr(z.double())
        edges = self.edges.double()
        k = torch.searchsorted(edges, share.T.contiguous(), right=True).T - 1
        k = k.clamp(0, self.levels - 1)
        low, high = self._ends(k)
        x = (k + (share - low) / (high - low)) / self.levels
        return x.clamp(0, 1).to(z.dtype)


class ImageCoupling(Transform):
    r"""Bend half of the pixels of an image by splines, as the other half says.

    The image is cut into squares of two by two pixels; two pixels of each square stay,
    and a convolutional network that sees those of the surroundings says the splines of
    the other two, equation :eq:`eq-flow-coupling`. Outside ``[-bound, bound]`` lies the
    identity.

    Args:
        side: The image's side, even; a vector holds its ``side * side`` pixels.
        turn: Which halves: see :data:`HALVES`, counted round and round.
        channels: The channels of the network's two hidden layers.
        bins: The pieces of each spline, 2 to 999.
        bound: Where the splines end.
        context_features: How many features of a condition the network sees.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size or ``bound`` is out of range, or ``side`` odd.

    Reference:
        L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP",
        2017, arXiv:1605.08803; C. Durkan et al., "Neural Spline Flows", 2019,
        arXiv:1906.04032.

    Example:
        >>> x = torch.rand(5, 16)
        >>> t = ImageCoupling(4)
        >>> torch.allclose(t.inverse(t(x)[0]), x, atol=1e-5)
        True
    """

    def __init__(
        self,
        side: int,
        turn: int = 0,
        *,
        channels: int = 32,
        bins: int = 6,
        bound: float = 5.0,
        context_features: int = 0,
    ) -> None:
        super().__init__()
        self.side = check_count(side, "side", 2, math.isqrt(MAX_DIM))
        if side % 2:
            raise ValueError(f"side must be even, got {side}")
        turn = check_count(turn, "turn", 0, MAX_DIM)
        # As slices: for the numbers of a list a GPU would wait.
        self.kept, self.cut = (
            slice(a, b + 1, b - a) for a, b in HALVES[turn % len(HALVES)]
        )
        check_count(channels, "channels", 1, MAX_WIDTH)
        self.bins, self.bound = check_bins(bins, 2), check_positive(bound, "bound")
        features = check_count(context_features, "context_features", 0, MAX_WIDTH)
        self.context_features = features
        self.first = nn.Conv2d(2, channels, 3, padding=1)
        # What each label adds at each place.
        bias = torch.zeros(max(features, 1), channels, side // 2, side // 2)
        self.place = nn.Parameter(bias)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, 2 * (3 * bins - 1), 1)
        for p in self.last.parameters():
            nn.init.zeros_(p)

    def _split(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the squares' pixels, those to transform, and their splines."""
        dtype = self.place.dtype
        check_features(h, len(x), self.context_features, dtype)
        n, half = len(x), self.side // 2
        squares = x.view(n, half, 2, half, 2).permute(0, 2, 4, 1, 3)
        squares = squares.reshape(n, 4, half, half)
        place: Tensor = self.place
        if h is not None:
            place = torch.einsum("nk,kchw->nchw", h, place)
        v = (self.first(squares[:, self.kept]) + place).relu()
        v = v + self.second(v).relu()
        theta = self.last(v).unflatten(1, (2, -1)).movedim(2, -1)  # (n, 2, …, 3 b - 1)
        return squares, squares[:, self.cut], theta.contiguous()

    def _join(self, squares: Tensor, changed: Tensor) -> Tensor:
        n, half = len(squares), self.side // 2
        squares = squares.clone()
        squares[:, self.cut] = changed
        image = squares.view(n, 2, 2, half, half).permute(0, 3, 1, 4, 2)
        return image.reshape(n, self.side**2)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keep one half of the pixels, bend the other; the Jacobian is triangular.

        Args:
            x: Flat images, ``(n, side * side)``; NaN and infinity come out again.
            h: Features of the conditions, ``(n, context_features)``; NaN and infinity
                come out again, as NaN, inside the bound.
        """
        check_vectors(x, "x", self.side**2, self.place.dtype)
        squares, part, theta = self._split(x, h)  # (13.3)
        v = part.clamp(-self.bound, self.bound)
        u = (v / self.bound + 1) / 2  # from 0 to 1
        image, log_slope = RQSpline.apply(u, theta, self.bins, True)
        inside = part == v
        z = torch.where(inside, (2 * image - 1) * self.bound, part)
        log_slope = torch.where(inside, log_slope, 0.0)
        return self._join(squares, z), log_slope.flatten(1).sum(1)

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """The pixels that stayed say again what was done to the others: undo it.

        Args:
            z: Images, ``(n, side * side)``; NaN and infinity come out again.
            h: Features of the conditions, ``(n, context_features)``; NaN and infinity
                come out again, as NaN, inside the bound.
        """
        check_vectors(z, "z", self.side**2, self.place.dtype)
        squares, part, theta = self._split(z, h)
        v = part.clamp(-self.bound, self.bound)
        u = invert((v / self.bound + 1) / 2, theta, self.bins, True)
        x = torch.where(part == v, (2 * u - 1) * self.bound, part)
        return self._join(squares, x)
