"""Invertible functions with a tractable Jacobian: the pieces of a normalizing flow.

Each transform maps observations ``x`` to ``z`` and says by how much it stretches the
space around each of them; ``inverse`` goes the other way. A condition ``h``, where a
transform takes one, is a plain tensor of features beside each observation.

Transforms look at the shape and type of what they get, and not at its values: they are
called at every step of a training. NaN goes in and comes out again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_seed, check_tensor
from genbook.models.flows._checks import (
    MAX_DIM,
    check_unused,
    check_varied,
)
from genbook.models.networks._doors import check_vectors


class Transform(nn.Module, ABC):
    """An invertible function of a vector."""

    @abstractmethod
    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return ``z`` and :math:`\log\lvert\det\partial z/\partial x\rvert`.

        Args:
            x: Vectors, ``(n, dim)``.
            h: Features of the conditions, ``(n, context_features)``.

        Returns:
            The image of each vector, ``(n, dim)``, and its log-determinant, ``(n,)``.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If an argument has the wrong shape.
        """

    @abstractmethod
    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the vectors whose images are ``z``, ``(n, dim)``.

        Args:
            z: Images, ``(n, dim)``.
            h: Features of the conditions, ``(n, context_features)``.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If an argument has the wrong shape.
        """


class ActNorm(Transform):
    r"""A learned shift and scale of each coordinate: :math:`z = e^{a}(x - b)`.

    A first batch may set them so that its image has mean zero and variance one.

    Args:
        dim: The length of a vector, at most 16,384.

    Raises:
        TypeError: If ``dim`` is not an integer.
        ValueError: If it is out of range.

    Reference:
        D. P. Kingma and P. Dhariwal, "Glow", 2018, arXiv:1807.03039.

    Example:
        >>> z, log_det = ActNorm(2)(torch.ones(1, 2))
        >>> log_det
        tensor([0.], grad_fn=<ExpandBackward0>)
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = check_count(dim, "dim", 1, MAX_DIM)
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Make the image of ``x``, ``(n, dim)``, have mean zero and unit variance.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has the wrong shape, a value that is not finite, or a
                column that does not vary.
        """
        check_varied(check_tensor(x, "x", ("n", self.dim)))
        self.shift.copy_(x.mean(0))
        self.log_scale.copy_(-x.std(0, unbiased=False).log())

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the shifted and scaled vectors and the log of the scales' product.

        Args:
            x: Vectors, ``(n, dim)``; NaN and infinity come out again.
            h: Features of the conditions, which change nothing, not even as NaN or
                infinity.
        """
        check_vectors(x, "x", self.dim, self.shift.dtype)
        check_unused(h, len(x))
        z = (x - self.shift) * self.log_scale.exp()  # (n, dim)
        return z, self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Undo scale, then shift.

        Args:
            z: Images, ``(n, dim)``; NaN and infinity come out again.
            h: Features of the conditions, which change nothing, not even as NaN or
                infinity.
        """
        check_vectors(z, "z", self.dim, self.shift.dtype)
        check_unused(h, len(z))
        return z * (-self.log_scale).exp() + self.shift


class PLULinear(Transform):
    r"""An invertible matrix, kept as :math:`P L U` with a learned ``L`` and ``U``.

    The determinant of a triangular matrix is the product of its diagonal, so the
    log-determinant costs a sum.

    Args:
        dim: The length of a vector, at most 16,384.
        seed: Decides the rotation it starts from.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If one is out of range.

    Reference:
        D. P. Kingma and P. Dhariwal, "Glow", 2018, arXiv:1807.03039.

    Example:
        >>> t = PLULinear(3)
        >>> x = torch.ones(1, 3)
        >>> torch.allclose(t.inverse(t(x)[0]), x, atol=1e-5)
        True
    """

    P: Tensor
    sign: Tensor

    def __init__(self, dim: int, seed: int = 0) -> None:
        super().__init__()
        self.dim = check_count(dim, "dim", 1, MAX_DIM)
        g = torch.Generator().manual_seed(check_seed(seed))
        q, _ = torch.linalg.qr(torch.randn(dim, dim, generator=g, dtype=torch.float64))
        P, L, U = (t.to(torch.get_default_dtype()) for t in torch.linalg.lu(q))
        self.register_buffer("P", P)
        self.register_buffer("sign", U.diagonal().sign())
        self.L = nn.Parameter(L.tril(-1))
        self.U = nn.Parameter(U.triu(1))
        self.log_diagonal = nn.Parameter(U.diagonal().abs().log())

    def _factors(self) -> tuple[Tensor, Tensor]:
        """Return the two triangular matrices, each ``(dim, dim)``."""
        eye = torch.eye(len(self.P), dtype=self.P.dtype, device=self.P.device)
        lower = self.L.tril(-1) + eye
        upper = self.U.triu(1) + (self.sign * self.log_diagonal.exp()).diag()
        return lower, upper

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Multiply each vector by the matrix.

        Args:
            x: Vectors, ``(n, dim)``; NaN and infinity come out again.
            h: Features of the conditions, which change nothing, not even as NaN or
                infinity.
        """
        check_vectors(x, "x", self.dim, self.L.dtype)
        check_unused(h, len(x))
        lower, upper = self._factors()
        z = x @ (self.P @ lower @ upper).T  # (n, dim)
        return z, self.log_diagonal.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Solve two triangular systems.

        Args:
            z: Images, ``(n, dim)``; NaN and infinity come out again.
            h: Features of the conditions, which change nothing, not even as NaN or
                infinity.
        """
        check_vectors(z, "z", self.dim, self.L.dtype)
        check_unused(h, len(z))
        lower, upper = self._factors()
        rest = torch.linalg.solve_triangular(lower, self.P.T @ z.T, upper=False)
        return torch.linalg.solve_triangular(upper, rest, upper=True).T
