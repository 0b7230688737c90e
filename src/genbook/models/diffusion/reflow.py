"""Few steps instead of many: a flow taught by what another one draws.

A flow is asked to draw from given noises, and a second one learns from the pairs of
noise and drawing that came of it.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from genbook._validate import check_choice, check_count, check_generator
from genbook.models.base import Model
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.solvers import Method

_AT_ONCE = 500
STARTS = ("everywhere", "noise")


class Reflow(Model):
    r"""Teaches a flow to walk straight from given noises to given observations.

    .. math::

        \min_\theta\; \mathbb E\,\bigl\lVert \mathbf v_\theta(\mathbf x_t, t)
        - (\boldsymbol\varepsilon - \hat{\mathbf x}_0(\boldsymbol\varepsilon))
        \bigr\rVert^2, \qquad
        \mathbf x_t = (1 - t)\,\hat{\mathbf x}_0(\boldsymbol\varepsilon)
        + t\,\boldsymbol\varepsilon.

    It is the loss of :class:`~genbook.models.diffusion.flow_matching.FlowMatching` but
    for one thing: which noise goes with which observation is not drawn anew but given,
    by the flow that made the second of the first. Equation :eq:`eq-step-reflow`.

    Args:
        flow: The flow that learns; its weights are changed in training.
        start: ``"everywhere"``: at all times, as the flow's ``times`` say, so that the
            paths become straighter. ``"noise"``: only at :math:`t = 1`, so that a
            single step becomes exact: distillation into one step.

    Raises:
        TypeError: If ``flow`` is no flow matching.
        ValueError: If ``start`` is unknown.

    Reference:
        X. Liu, C. Gong and Q. Liu, "Flow straight and fast", 2023, arXiv:2209.03003.

    Example:
        >>> flow = FlowMatching((2,), width=16, depth=1)
        >>> pairs = draw_pairs(flow, 5)
        >>> Reflow(flow).loss(pairs).shape
        torch.Size([])
    """

    def __init__(self, flow: FlowMatching, *, start: str = "everywhere") -> None:
        super().__init__()
        if not isinstance(flow, FlowMatching):
            raise TypeError(f"flow must be a FlowMatching, got {type(flow).__name__}")
        self.start = check_choice(start, "start", STARTS)
        self.event_shape = (2, *flow.event_shape)
        self.flow = flow
        self.config = {"flow": flow.config, "start": start}

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error on the lines between pairs.

        Args:
            x: Pairs, ``(n, 2, *event_shape)``: noise first, then what became of it.
            y: The conditions under which it did, ``(n, ...)``, for a conditional flow.
            generator: The source of the times.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another or a value NaN or infinite.
        """
        self._check_x(x, allow_empty=False)
        y = self.flow._check_y(y, len(x))
        eps, x0 = x.unbind(1)
        if self.start == "noise":
            check_generator(generator)
            t = torch.ones(len(x), dtype=self.dtype, device=self.device)
        else:
            t = self.flow.sample_times(len(x), generator=generator)
        output = self.flow._predict(self.flow.add_noise(x0, eps, t), t, y)
        return (output - self.flow.target(x0, eps, t)).square().mean()  # (21.1)


@torch.no_grad()
def draw_pairs(
    flow: FlowMatching,
    n: int,
    y: Tensor | None = None,
    *,
    steps: int | None = None,
    method: Method = "heun",
    guidance: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return noises and what a flow makes of them, ``(n, 2, *event_shape)``.

    Args:
        flow: The flow that draws.
        n: How many, at most a million.
        y: Conditions, ``(n, ...)``, for a conditional flow.
        steps: The steps of the solver; those of the flow when ``None``.
        method: The solver, see :func:`~genbook.models.diffusion.solvers.odeint`.
        guidance: The weight of the condition; whoever learns from the pairs learns it
            too, and needs none of his own.
        generator: The source of the noise; the global one when ``None``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a count is out of range, a condition does not fit, ``method`` is
            unknown, or ``guidance`` is not 1 without a condition.

    Example:
        >>> draw_pairs(FlowMatching((2,), width=16, depth=1), 5, steps=1).shape
        torch.Size([5, 2, 2])
    """
    if not isinstance(flow, FlowMatching):
        raise TypeError(f"flow must be a FlowMatching, got {type(flow).__name__}")
    n = check_count(n, "n", 1, 1_000_000)
    z = flow._normal(n, prod(flow.event_shape), generator=generator)
    y = flow._check_y(y, n)
    x = []
    for i in range(0, n, _AT_ONCE):
        rows = slice(i, i + _AT_ONCE)
        c = None if y is None else y[rows]
        x.append(flow.decode(z[rows], c, steps=steps, method=method, guidance=guidance))
    return torch.stack([z.unflatten(1, flow.event_shape), torch.cat(x)], 1)
