r"""A decision tree: questions about one feature at a time, until the labels agree.

A leaf is impure when its labels differ. With :math:`p_k` the share of label k,

.. math:: \text{Gini} = 1 - \sum_k p_k^2, \qquad
          \text{entropy} = -\sum_k p_k \log p_k,

and each question, "is feature j at most t?", is the one that leaves the two halves
purest. No question is ever taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genbook._validate import check_choice, check_count, check_labels, check_tensor

#: A split looks at so many labels of each observation and feature at once.
MOST_LABELS = 1000


@dataclass
class Node:
    """A question, or a leaf where there are no children.

    Attributes:
        share: The share of each label among the observations here, ``(classes,)``.
        count: How many observations came here.
        feature: The feature asked about.
        threshold: Observations with at most this value go left.
        left: Where they go.
        right: Where the others go.
    """

    share: Tensor
    count: int
    feature: int = -1
    threshold: float = 0.0
    left: Node | None = None
    right: Node | None = None


class DecisionTree:
    """A classification tree, grown greedily (CART without pruning).

    Args:
        max_depth: The largest number of questions on the way to a leaf.
        criterion: The impurity, ``"gini"`` or ``"entropy"``.
        min_samples_leaf: The smallest number of observations in a leaf.

    Raises:
        ValueError: If the criterion is unknown or a number is not positive.

    Reference:
        Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees",
        1984, doi:10.1201/9781315139470.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        >>> tree = DecisionTree(max_depth=1).fit(x, torch.tensor([0, 0, 1, 1]))
        >>> tree.root.threshold, tree.predict_proba(x)[:, 1].tolist()
        (2.5, [0.0, 0.0, 1.0, 1.0])
    """

    root: Node

    def __init__(
        self,
        max_depth: int = 3,
        *,
        criterion: Literal["gini", "entropy"] = "gini",
        min_samples_leaf: int = 1,
    ) -> None:
        check_choice(criterion, "criterion", ("gini", "entropy"))
        self.max_depth = check_count(max_depth, "max_depth", minimum=1)
        self.min_samples_leaf = check_count(
            min_samples_leaf, "min_samples_leaf", minimum=1
        )
        self.criterion = criterion
        self.features = 0

    def fit(self, x: Tensor, y: Tensor) -> DecisionTree:
        """Grow the tree.

        Args:
            x: Features, ``(n, features)``.
            y: Labels from 0, ``(n,)``, below ``MOST_LABELS``.

        Raises:
            TypeError: If ``x`` is not floating point or ``y`` not integer.
            ValueError: If the shapes do not fit, or a label is too large.
        """
        check_tensor(x, "x", ("n", "features"))
        y = check_labels(y, "y", MOST_LABELS, len(x))
        one_hot = torch.nn.functional.one_hot(y).double()
        self.features = x.shape[1]
        self.root = self._grow(x, one_hot, self.max_depth)
        return self

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return the shares of the labels in the leaf of each, ``(n, classes)``."""
        if not self.features:
            raise ValueError("the tree must be fitted first")
        check_tensor(x, "x", ("n", self.features), allow_empty=True)
        p = torch.empty(len(x), len(self.root.share), dtype=torch.float64)
        for leaf, rows in self._descend(self.root, x, torch.arange(len(x))):
            p[rows] = leaf.share
        return p

    def predict(self, x: Tensor) -> Tensor:
        """Return the most frequent label of each observation's leaf, ``(n,)``."""
        return self.predict_proba(x).argmax(1)

    def _grow(self, x: Tensor, one_hot: Tensor, depth: int) -> Node:
        node = Node(one_hot.mean(0), len(x))
        if depth and node.share.max() < 1 and (split := self._best_split(x, one_hot)):
            node.feature, node.threshold = split
            left = x[:, node.feature] <= node.threshold
            node.left = self._grow(x[left], one_hot[left], depth - 1)
            node.right = self._grow(x[~left], one_hot[~left], depth - 1)
        return node

    def _best_split(self, x: Tensor, one_hot: Tensor) -> tuple[int, float] | None:
        """Return feature and threshold of the purest split, if there is any."""
        value, order = x.sort(dim=0, stable=True)  # each feature on its own
        left = one_hot[order].cumsum(0)[:-1]  # (n - 1, features, classes)
        right = one_hot.sum(0) - left
        n_left, n_right = left.sum(2), right.sum(2)
        cost = n_left * self._impurity(left) + n_right * self._impurity(right)
        allowed = value[:-1] < value[1:]  # nothing parts equal values
        fewest = self.min_samples_leaf
        allowed &= (n_left >= fewest) & (n_right >= fewest)
        if not allowed.any():
            return None
        cost = torch.where(allowed, cost, torch.inf)
        row, feature = divmod(int(cost.argmin()), x.shape[1])
        low, high = value[row : row + 2, feature].double()
        return feature, ((low + high) / 2).item()

    def _impurity(self, counts: Tensor) -> Tensor:
        p = counts / counts.sum(-1, keepdim=True)
        if self.criterion == "gini":
            return 1 - p.square().sum(-1)
        return -torch.xlogy(p, p).sum(-1)

    def _descend(
        self, node: Node, x: Tensor, rows: Tensor
    ) -> Iterator[tuple[Node, Tensor]]:
        """Yield each leaf with the observations that end there."""
        if node.left is None or node.right is None:
            yield node, rows
            return
        left = x[rows, node.feature] <= node.threshold
        yield from self._descend(node.left, x, rows[left])
        yield from self._descend(node.right, x, rows[~left])
