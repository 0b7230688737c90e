r"""Logistic regression: the probability of a label, from a weighted sum of features.

.. math:: p(y = 1 \mid \mathbf x) = \sigma(\mathbf w^\top \mathbf x + b),
          \qquad \sigma(a) = \frac{1}{1 + e^{-a}}.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from genbook._validate import (
    check_count,
    check_generator,
    check_labels,
    check_positive,
    check_tensor,
)
from genbook.discriminative._checks import check_scale


class LogisticRegression(nn.Module):
    r"""A conditional model of a label that is 0 or 1.

    The loss is the mean negative conditional log-likelihood, with an optional penalty
    on large weights:

    .. math:: -\frac1n \sum_i \log p(y^{(i)} \mid \mathbf x^{(i)})
              + \frac{\lambda}{2} \lVert \mathbf w \rVert^2.

    Args:
        features: The number of features.
        l2: The strength :math:`\lambda` of the penalty, zero or positive. The ``C`` of
            scikit-learn is :math:`1 / (n \lambda)`.

    Reference:
        Cox, "The regression analysis of binary sequences", Journal of the Royal
        Statistical Society B 20(2), 1958.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> model = LogisticRegression(1, l2=0.1).fit(x, torch.tensor([0, 1, 0, 1]))
        >>> model.predict_proba(x).round(decimals=2)
        tensor([0.2800, 0.4200, 0.5800, 0.7200])
    """

    def __init__(self, features: int, *, l2: float = 0.0) -> None:
        super().__init__()
        features = check_count(features, "features", minimum=1)
        self.l2 = check_positive(l2, "l2", zero=True, maximum=10**6)
        self.weight = nn.Parameter(torch.zeros(features))
        self.bias = nn.Parameter(torch.zeros(()))

    def logits(self, x: Tensor) -> Tensor:
        r"""Return the log odds, :math:`\mathbf w^\top \mathbf x + b`, ``(n,)``.

        Args:
            x: Features, ``(n, features)``.

        Raises:
            TypeError: If ``x`` is not floating point, or of another type.
            ValueError: If the shape is wrong or a value is not finite.
        """
        shape = ("n", len(self.weight))
        check_tensor(x, "x", shape, dtype=self.weight.dtype, allow_empty=True)
        return x @ self.weight + self.bias

    @torch.no_grad()
    def predict_proba(self, x: Tensor) -> Tensor:
        """Return p(y = 1 | x), ``(n,)``, without gradient; the logits have one."""
        return self.logits(x).sigmoid()

    def loss(
        self, x: Tensor, y: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the mean cross-entropy in nats, and the penalty.

        Args:
            x: Features, ``(n, features)``.
            y: Labels 0 or 1, ``(n,)``.
            generator: Unused: the loss is not random.

        Raises:
            ValueError: If ``x`` is empty, or ``y`` has another length or other labels.
        """
        check_generator(generator)
        check_tensor(x, "x", ("n", len(self.weight)))
        y = check_labels(y, "y", 2, len(x))
        fit = binary_cross_entropy_with_logits(self.logits(x), y.to(x.dtype))
        return fit + self.l2 / 2 * self.weight.square().sum()

    def fit(self, x: Tensor, y: Tensor, *, iterations: int = 200) -> LogisticRegression:
        """Minimise the loss, which has one valley, by L-BFGS.

        Args:
            x: Features, ``(n, features)``, none larger than a million; bring them to a
                common scale first.
            y: Labels 0 or 1, ``(n,)``.
            iterations: At most so many.

        Raises:
            TypeError: If ``y`` does not hold integers.
            ValueError: If the shapes do not fit or a label is neither 0 nor 1.
        """
        iterations = check_count(iterations, "iterations", minimum=1)
        self.loss(x, y)  # refuses bad data before a weight moves
        check_scale(x)
        search = torch.optim.LBFGS(
            self.parameters(),
            max_iter=iterations,
            tolerance_grad=1e-9,
            tolerance_change=1e-14,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            search.zero_grad()
            loss = self.loss(x, y)
            loss.backward()
            return loss.item()

        search.step(closure)
        return self

    @torch.no_grad()
    def contributions(self, x: Tensor) -> Tensor:
        """Return what each feature adds to the log odds, ``(n, features)``.

        The row sums and the bias make the log odds. With features that have mean zero
        a contribution compares with the average observation.
        """
        self.logits(x)  # the same checks
        return x * self.weight
