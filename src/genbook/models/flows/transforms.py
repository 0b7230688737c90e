"""Invertible functions with a tractable Jacobian: the pieces of a normalizing flow.

Each transform maps observations ``x`` to ``z`` and says by how much it stretches the
space around each of them; ``inverse`` goes the other way. A condition ``h``, where a
transform takes one, is a plain tensor of features beside each observation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


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
        """

    @abstractmethod
    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the vectors whose images are ``z``, ``(n, dim)``."""


class ActNorm(Transform):
    r"""A learned shift and scale of each coordinate: :math:`z = e^{a}(x - b)`.

    A first batch may set them so that its image has mean zero and variance one.

    Args:
        dim: The length of a vector.

    Reference:
        D. P. Kingma and P. Dhariwal, "Glow", 2018, arXiv:1807.03039.

    Example:
        >>> z, log_det = ActNorm(2)(torch.ones(1, 2))
        >>> log_det
        tensor([0.], grad_fn=<ExpandBackward0>)
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Make the image of ``x``, ``(n, dim)``, have mean zero and unit variance."""
        self.shift.copy_(x.mean(0))
        self.log_scale.copy_(-x.std(0, unbiased=False).clamp(min=1e-6).log())

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the shifted and scaled vectors and the log of the scales' product."""
        z = (x - self.shift) * self.log_scale.exp()  # (n, dim)
        return z, self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Undo scale, then shift."""
        return z * (-self.log_scale).exp() + self.shift


class PLULinear(Transform):
    r"""An invertible matrix, kept as :math:`P L U` with a learned ``L`` and ``U``.

    The determinant of a triangular matrix is the product of its diagonal, so the
    log-determinant costs a sum.

    Args:
        dim: The length of a vector.
        seed: Decides the rotation it starts from.

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
        g = torch.Generator().manual_seed(seed)
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
        """Multiply each vector by the matrix."""
        lower, upper = self._factors()
        z = x @ (self.P @ lower @ upper).T  # (n, dim)
        return z, self.log_diagonal.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Solve two triangular systems."""
        lower, upper = self._factors()
        rest = torch.linalg.solve_triangular(lower, self.P.T @ z.T, upper=False)
        return torch.linalg.solve_triangular(upper, rest, upper=True).T
