r"""A linear-chain conditional random field: labels of a sequence, all at once.

The label of a line depends on the line and on the label before it. The model scores a
whole labelling,

.. math:: s(\mathbf y, \mathbf x) = \sum_t a_{t, y_t}
          + \sum_{t > 1} T_{y_{t-1}, y_t}, \qquad
          p(\mathbf y \mid \mathbf x)
          = \frac{e^{s(\mathbf y, \mathbf x)}}{Z(\mathbf x)},

where :math:`a_t = W \mathbf x_t + b` scores the labels of step :math:`t` on its own.
The sum over all labellings in :math:`Z` has exponentially many terms; the forward
algorithm takes it in time linear in the length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_integers,
    check_labels,
    check_positive,
    check_tensor,
)
from genbook.discriminative._checks import check_scale


class LinearChainCRF(nn.Module):
    """A conditional model of label sequences.

    Sequences of a batch have one length; give shorter ones a batch of their own.

    Args:
        features: The number of features of each step.
        labels: The number of labels.

    Reference:
        Lafferty, McCallum and Pereira, "Conditional random fields: probabilistic
        models for segmenting and labeling sequence data", ICML 2001.

    Example:
        >>> crf = LinearChainCRF(features=3, labels=2)
        >>> crf.viterbi(torch.zeros(1, 5, 3)).shape
        torch.Size([1, 5])
    """

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.features = features = check_count(features, "features", minimum=1)
        self.labels = labels = check_count(labels, "labels", minimum=1)
        self.emission = nn.Linear(features, labels)
        self.transition = nn.Parameter(torch.zeros(labels, labels))
        nn.init.zeros_(self.emission.weight)
        nn.init.zeros_(self.emission.bias)

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the unnormalised log score of each labelling.

        Args:
            x: Features, ``(n, T, features)``.
            y: Labels, ``(n, T)``.

        Returns:
            A tensor ``(n,)``.

        Raises:
            TypeError: If ``x`` is not floating point or ``y`` not integer.
            ValueError: If the shapes do not fit, or a label does not exist.
        """
        a = self._emissions(x)  # (n, T, K)
        y = check_integers(y, "y", "labels")
        if y.shape != x.shape[:2]:
            raise ValueError(f"y must be {tuple(x.shape[:2])}, got {tuple(y.shape)}")
        check_labels(y.flatten(), "y", self.labels)
        own = a.gather(2, y[..., None]).sum((1, 2))
        return own + self.transition[y[:, :-1], y[:, 1:]].sum(1)

    def log_partition(self, x: Tensor) -> Tensor:
        """Return log Z of each sequence by the forward algorithm, ``(n,)``.

        Args:
            x: Features, ``(n, T, features)``.
        """
        return self._forward(self._emissions(x))[:, -1].logsumexp(1)

    def log_conditional(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log p(y | x) of each labelling in nats, ``(n,)``."""
        return self.score(x, y) - self.log_partition(x)

    def loss(
        self, x: Tensor, y: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the mean negative conditional log-likelihood of a step, ``()``."""
        check_generator(generator)
        return -self.log_conditional(x, y).mean() / x.shape[1]

    def fit(
        self, x: Tensor, y: Tensor, *, l2: float = 1e-4, iterations: int = 60
    ) -> LinearChainCRF:
        """Minimise the loss by L-BFGS.

        Args:
            x: Features, ``(n, T, features)``, none larger than a million.
            y: Labels, ``(n, T)``.
            l2: The weight of a penalty, the sum of all squared parameters.
            iterations: At most so many.

        Raises:
            ValueError: If the shapes do not fit, or a label does not exist.
        """
        l2 = check_positive(l2, "l2", zero=True, maximum=10**6)
        iterations = check_count(iterations, "iterations", minimum=1)
        self.loss(x, y)  # refuses bad data before a weight moves
        check_scale(x)
        weights = list(self.parameters())
        search = torch.optim.LBFGS(
            weights,
            max_iter=iterations,
            tolerance_change=1e-7,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            search.zero_grad()
            loss = self.loss(x, y)
            for w in weights:
                loss = loss + l2 * w.square().sum()
            loss.backward()
            return loss

        search.step(closure)
        return self

    @torch.no_grad()
    def marginals(self, x: Tensor) -> Tensor:
        """Return p(y_t = k | x) by forward and backward, ``(n, T, labels)``."""
        a = self._emissions(x)
        alpha, beta = self._forward(a), self._backward(a)
        return (alpha + beta).softmax(2)

    @torch.no_grad()
    def viterbi(self, x: Tensor) -> Tensor:
        """Return the most probable labelling of each sequence, ``(n, T)``.

        The same recursion as the forward algorithm, with max in place of sum.
        """
        a = self._emissions(x)
        best, back = a[:, 0], []
        for t in range(1, a.shape[1]):
            step = best[:, :, None] + self.transition  # (n, from, to)
            value, origin = step.max(1)
            back.append(origin)
            best = value + a[:, t]
        y = [best.argmax(1)]
        for origin in reversed(back):
            y.append(origin.gather(1, y[-1][:, None])[:, 0])
        return torch.stack(y[::-1], 1)

    def _forward(self, a: Tensor) -> Tensor:
        """Return log of the summed scores of all prefixes that end in each label."""
        alpha = [a[:, 0]]
        for t in range(1, a.shape[1]):
            step = alpha[-1][:, :, None] + self.transition  # (n, from, to)
            alpha.append(step.logsumexp(1) + a[:, t])
        return torch.stack(alpha, 1)  # (n, T, K)

    def _backward(self, a: Tensor) -> Tensor:
        """Return log of the summed scores of all suffixes that follow each label."""
        beta = [torch.zeros_like(a[:, 0])]
        for t in range(a.shape[1] - 1, 0, -1):
            step = self.transition + (a[:, t] + beta[-1])[:, None, :]
            beta.append(step.logsumexp(2))
        return torch.stack(beta[::-1], 1)  # (n, T, K)

    def _emissions(self, x: Tensor) -> Tensor:
        shape = ("n", "T", self.features)
        check_tensor(x, "x", shape, dtype=self.transition.dtype)
        return self.emission(x)
