"""An average of the weights over the steps of a training, the latest weighing most.

Its equation and its uses stand in ``fit.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class Average:
    """The averages of what a model learns, each once, however often it is used.

    That is: the parameters that are trained, and the running mean and variance of a
    batch norm, since these describe what the weights beside them bring about. Other
    buffers are states or constants, of which an average would mean nothing.

    Args:
        model: The model, with its first weights.
        decay: How much of the past is kept at each step, above 0 and below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        norms = [m for m in model.modules() if isinstance(m, _NormBase)]
        running = [t for m in norms for t in (m.running_mean, m.running_var)]
        trained = [p for p in model.parameters() if p.requires_grad]
        self.weights: list[Tensor] = [*trained, *(t for t in running if t is not None)]
        self.values = [w.detach().clone() for w in self.weights]
        self.decay = decay

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Move the average towards the weights that so many steps have led to."""
        decay = min(self.decay, done / (done + 9))
        torch._foreach_lerp_(self.values, self.weights, 1 - decay)

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Let the model hold the average from now on."""
        torch._foreach_copy_(self.weights, self.values)

    @contextmanager
    def in_the_model(self) -> Iterator[list[Tensor]]:
        """Let the model hold the average for a while; give the weights of the step."""
        own = [w.detach().clone() for w in self.weights]
        try:
            self.copy_to_model()
            yield own
        finally:
            with torch.no_grad():  # in place: a recorded step looks for them there
                torch._foreach_copy_(self.weights, own)

    @torch.no_grad()
    def go_on_from(self, last: dict[str, Tensor]) -> None:
        """Take the average that the model holds, and give it its own weights back."""
        torch._foreach_copy_(self.values, self.weights)
        own = [last[str(i)] for i in range(len(self.weights))]
        torch._foreach_copy_(self.weights, own)
