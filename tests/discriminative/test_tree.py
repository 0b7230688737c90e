"""The tree asks the questions that scikit-learn's asks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.tree import DecisionTreeClassifier

from genbook.discriminative.tree import DecisionTree, Node


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
@pytest.mark.parametrize("depth", [1, 3, 4])
def test_equals_scikit_learn(criterion: str, depth: int) -> None:
    # Random features: no two splits are equally good, so that there is one answer.
    g = torch.Generator().manual_seed(depth)
    x = torch.rand(300, 4, generator=g, dtype=torch.float64)
    noise = 0.3 * torch.randn(300, generator=g, dtype=torch.float64)
    y = ((x[:, 0] + x[:, 1] ** 2 + noise) * 2).long().clamp(0, 2)
    x = x.float().double()  # scikit-learn reads floats
    ours = DecisionTree(depth, criterion=criterion, min_samples_leaf=5).fit(x, y)
    theirs = DecisionTreeClassifier(
        max_depth=depth, criterion=criterion, min_samples_leaf=5, random_state=0
    ).fit(x.numpy(), y.numpy())
    p = theirs.predict_proba(x.numpy())
    assert np.abs(ours.predict_proba(x).numpy() - p).max() < 1e-12
    assert ours.root.feature == theirs.tree_.feature[0]
    assert abs(ours.root.threshold - theirs.tree_.threshold[0]) < 1e-6


def test_equals_scikit_learn_on_patients() -> None:
    data = load_breast_cancer()
    x = torch.tensor(data.data, dtype=torch.float32)
    ours = DecisionTree(3).fit(x, torch.tensor(data.target)).predict_proba(x)
    theirs = DecisionTreeClassifier(max_depth=3, random_state=0)
    p = theirs.fit(data.data, data.target).predict_proba(data.data)
    assert np.abs(ours.numpy() - p).max() < 1e-12


def test_a_deep_tree_knows_its_data_by_heart() -> None:
    data = load_iris()
    x, y = torch.tensor(data.data), torch.tensor(data.target)
    assert torch.equal(DecisionTree(20).fit(x, y).predict(x), y)


def test_no_leaf_is_smaller_than_allowed() -> None:
    data = load_iris()
    x, y = torch.tensor(data.data), torch.tensor(data.target)
    tree = DecisionTree(10, min_samples_leaf=12).fit(x, y)

    def leaves(node: Node) -> list[int]:
        if node.left is None or node.right is None:
            return [node.count]
        return leaves(node.left) + leaves(node.right)

    assert min(leaves(tree.root)) >= 12
    assert sum(leaves(tree.root)) == len(x)


def test_equal_values_stay_together() -> None:
    x = torch.tensor([[1.0], [1.0], [2.0], [2.0]])
    tree = DecisionTree(5).fit(x, torch.tensor([0, 1, 1, 1]))
    assert tree.root.threshold == 1.5
    assert tree.predict_proba(x)[:, 1].tolist() == [0.5, 0.5, 1.0, 1.0]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="criterion must be gini or entropy"):
        DecisionTree(criterion="gain")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be fitted first"):
        DecisionTree().predict(torch.zeros(1, 2))
    tree = DecisionTree().fit(torch.rand(4, 2), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(ValueError, match=r"x must be \(n, 2\), got \(1, 3\)"):
        tree.predict(torch.zeros(1, 3))
