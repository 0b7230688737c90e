"""What layers check of their input: shape and type, since they run at every step."""

from __future__ import annotations

from torch import Tensor

from genbook._validate import check_tensor


def check_rows(x: Tensor, weight: Tensor, *batch: str) -> None:
    """Refuse what is not rows that a weight can be applied to; NaN goes through.

    Args:
        x: Vectors, ``(n, inputs)``, or of more dimensions.
        weight: A matrix, ``(outputs, inputs)``.
        *batch: What the dimensions before the last are called; ``n`` if not given.
    """
    shape: tuple[int | str, ...] = (*(batch or ("n",)), weight.shape[1])
    check_tensor(x, "x", shape, dtype=weight.dtype, finite=False, allow_empty=True)
