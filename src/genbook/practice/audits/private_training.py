r"""Gradient descent that is differentially private (DP-SGD), by ``torch.func``.

Each observation's gradient :math:`\mathbf g_i` is computed on its own, clipped, and
drowned in noise with all others:

.. math:: \bar{\mathbf g} = \frac1B \Bigl(\sum_i \mathbf g_i
          \min\bigl(1, \tfrac{C}{\lVert\mathbf g_i\rVert}\bigr)
          + \sigma C\,\boldsymbol\varepsilon\Bigr),
          \qquad \boldsymbol\varepsilon \sim \mathcal N(0, I).

What Adam makes of :math:`\bar{\mathbf g}` afterwards gives nothing more away. What it
comes to is counted by :func:`~genbook.practice.audits.privacy.privacy_spent`.

Reference:
    M. Abadi et al., "Deep Learning with Differential Privacy", 2016, arXiv:1607.00133.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from genbook._looking import unseen
from genbook._validate import (
    check_count,
    check_kind,
    check_positive,
    check_seed,
    check_share,
)
from genbook.models.base import Model
from genbook.practice.audits.privacy import privacy_spent

__all__ = ["PrivateFit", "clipped_sum", "fit_privately"]


class PrivateFit(NamedTuple):
    """What a private training came to.

    Attributes:
        epsilon: The ε that was spent; infinite without noise.
        delta: The probability up to which the promise may fail.
        steps: How many steps were taken.
        clipped: The share of gradients that were longer than the limit.
    """

    epsilon: float
    delta: float
    steps: int
    clipped: float


class _Loss(nn.Module):
    """The loss of one observation, as a module that can be called with weights."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.loss(x[None])


def clipped_sum(
    model: Model, x: Tensor, *, clip: float = 1.0
) -> tuple[dict[str, Tensor], Tensor]:
    """Return the sum of the clipped gradients of single observations.

    Args:
        model: A model whose loss draws nothing at random.
        x: Observations, ``(n, *event_shape)``.
        clip: The length ``C`` to which each gradient is shortened.

    Returns:
        The sum for each weight, by its name, and the lengths before, ``(n,)``.

    Raises:
        TypeError: If ``model`` is no model, or ``x`` no tensor.
        ValueError: If ``x`` is empty, or ``clip`` not positive.

    Example:
        >>> from genbook.models.autoregressive.transformer import Transformer
        >>> model = Transformer(9, context_length=4, width=8, depth=1, heads=2)
        >>> total, lengths = clipped_sum(model, torch.randint(9, (5, 4)), clip=0.1)
        >>> sum(g.square().sum() for g in total.values()).sqrt() <= 5 * 0.1
        tensor(True)
    """
    check_kind(model, "model", Model)
    check_kind(x, "x", Tensor)
    clip = check_positive(clip, "clip")
    with torch.no_grad():
        model.loss(x)  # which says what is wrong with x
    return _clipped_sum(model, x, clip)


def _clipped_sum(
    model: Model, x: Tensor, clip: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Return the sum of the clipped gradients, and their lengths before."""
    loss = _Loss(model)
    weights = {k: p.detach() for k, p in loss.named_parameters() if p.requires_grad}

    def of_one(values: dict[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(loss, values, (one,))

    # One row at a time holds no number to look at, and fits no fused kernel.
    with unseen(), sdpa_kernel(SDPBackend.MATH):
        grads = vmap(grad(of_one), (None, 0))(weights, x)
    squares = [g.flatten(1).square().sum(1) for g in grads.values()]
    lengths = torch.stack(squares).sum(0).sqrt()  # (n,)
    scale = (clip / lengths.clamp(min=1e-12)).clamp(max=1)
    total = {
        name.removeprefix("model."): torch.einsum("n,n...->...", scale, g)
        for name, g in grads.items()
    }
    return total, lengths


def fit_privately(
    model: Model,
    x: Tensor,
    *,
    steps: int,
    batch_size: int = 64,
    lr: float = 5e-3,
    clip: float = 1.0,
    noise: float = 1.0,
    delta: float | None = None,
    seed: int = 0,
) -> PrivateFit:
    """Train a model on observations of which it shows little.

    Args:
        model: A model whose loss draws nothing at random.
        x: Observations, ``(n, *event_shape)``.
        steps: How many updates, up to a million.
        batch_size: How many observations take part in a step, in the mean: each does
            so with probability ``batch_size / n``, as the promise wants it.
        lr: The length of Adam's steps.
        clip: The length ``C`` to which each gradient is shortened.
        noise: The standard deviation of the noise on the sum, in units of ``clip``; 0
            for none, and no promise.
        delta: The probability up to which the promise may fail; 1 / n when ``None``.
        seed: Decides who takes part, and the noise. A promise needs one that nobody
            knows.

    Returns:
        A :class:`PrivateFit`.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an argument has the wrong shape or value.

    Example:
        >>> from genbook.models.autoregressive.transformer import Transformer
        >>> model = Transformer(9, context_length=4, width=8, depth=1, heads=2)
        >>> x = torch.randint(9, (50, 4))
        >>> fit_privately(model, x, steps=2, batch_size=5, noise=2.0).steps
        2
    """
    check_kind(model, "model", Model)
    check_kind(x, "x", Tensor)
    steps = check_count(steps, "steps", 1, 1_000_000)
    batch_size = check_count(batch_size, "batch_size", 1)
    lr, clip = check_positive(lr, "lr", maximum=1000), check_positive(clip, "clip")
    noise = check_positive(noise, "noise", zero=True, maximum=1000)
    generator = torch.Generator(x.device).manual_seed(check_seed(seed))
    with torch.no_grad():
        model.loss(x[:batch_size])  # which says what is wrong with x
    n = len(x)
    rate = min(batch_size / n, 1.0)
    delta = 1 / max(n, 2) if delta is None else check_share(delta, "delta")
    spent = privacy_spent(noise, rate, steps, delta=delta) if noise else float("inf")
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    long, seen = 0, 0
    for _ in range(steps):
        u = torch.rand(n, generator=generator, device=x.device)
        batch = x[u < rate]  # sometimes more of them, sometimes fewer
        total: dict[str, Tensor] = {}
        if len(batch):
            total, lengths = _clipped_sum(model, batch, clip)
            long, seen = long + int((lengths > clip).sum()), seen + len(batch)
        for name, weight in model.named_parameters():
            if not weight.requires_grad:
                continue
            eps = torch.randn(weight.shape, generator=generator, device=x.device)
            hidden = total.get(name, 0.0) + noise * clip * eps
            weight.grad = hidden.to(weight) / batch_size
        optimiser.step()
    optimiser.zero_grad()
    return PrivateFit(spent, delta, steps, long / max(seen, 1))
