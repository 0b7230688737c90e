"""Flow matching: learn the velocity that carries noise to data along straight lines."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from genbook.models.paths import PathModel


class FlowMatching(PathModel):
    r"""A network that says which way, and how fast, from noise to data.

    .. math::

        \min_\theta\; \mathbb E\,\bigl\lVert \mathbf v_\theta(\mathbf x_t, t)
        - (\boldsymbol\varepsilon - \mathbf x_0) \bigr\rVert^2,
        \qquad \mathbf x_t = (1 - t)\,\mathbf x_0 + t\,\boldsymbol\varepsilon.

    Args:
        event_shape: The shape of one observation; its values should have about unit
            scale.
        width: The width of the network's layers.
        depth: The number of its residual blocks.
        octaves: The frequencies of each coordinate that it sees.
        classes: How many labels ``y`` may take; 0 for a model without conditions.
        drop: How often a label is left out in training.
        steps: The steps of the solver, unless a call says otherwise.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is too small, or ``drop`` is not in [0, 1).

    Reference:
        Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel and M. Le, "Flow matching for
        generative modeling", 2023, arXiv:2210.02747.

    Example:
        >>> import torch
        >>> model = FlowMatching((2,), width=16, depth=1)
        >>> model.sample(3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (2,),
        *,
        width: int = 128,
        depth: int = 3,
        octaves: int = 0,
        classes: int = 0,
        drop: float = 0.1,
        steps: int = 40,
    ) -> None:
        super().__init__(
            event_shape,
            schedule="straight",
            prediction="v",
            width=width,
            depth=depth,
            octaves=octaves,
            classes=classes,
            drop=drop,
            steps=steps,
        )

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of the straight line from data to noise."""
        return eps - x0
