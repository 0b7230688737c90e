"""Grow a decision tree on patients, read its questions, and let it grow too deep.

The tree asks the same questions as scikit-learn's; deeper trees know the patients that
they have seen by heart, and the others no better.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.discriminative.tree import DecisionTree, Node

FEATURES = ["worst radius", "worst concave points"]


def show(node: Node, indent: str = "") -> None:
    """Print the questions below a node."""
    if node.left is None or node.right is None:
        print(f"{indent}malignant: {node.share[-1]:.0%} of {node.count}")
        return
    question = f"{FEATURES[node.feature]} at most {node.threshold:.4g}"
    print(f"{indent}{question}?")
    show(node.left, indent + "  yes  ")
    show(node.right, indent + "  no   ")


def main() -> None:
    """Grow a tree, compare it with scikit-learn's, and vary its depth."""
    args = example_parser(__doc__).parse_args()
    data = load_breast_cancer()
    columns = [list(data.feature_names).index(name) for name in FEATURES]
    x = torch.tensor(data.data[:, columns], dtype=torch.float32)
    y = torch.tensor(1 - data.target)

    tree = DecisionTree(max_depth=2).fit(x, y)
    show(tree.root)
    theirs = DecisionTreeClassifier(max_depth=2).fit(x, y).predict_proba(x.numpy())
    gap = abs(tree.predict_proba(x).numpy() - theirs).max()
    print(f"largest difference from scikit-learn {gap:.1e}\n")

    fold = (
        torch.randperm(len(x), generator=torch.Generator().manual_seed(args.seed)) % 5
    )
    print("depth  seen   unseen")
    depths = range(1, 4 if args.fast else 11)
    seen, unseen = [], []
    for depth in depths:
        right = torch.empty(len(x))
        for k in range(5):
            model = DecisionTree(depth).fit(x[fold != k], y[fold != k])
            right[fold == k] = (model.predict(x[fold == k]) == y[fold == k]).float()
        everyone = DecisionTree(depth).fit(x, y).predict(x)
        seen.append((everyone == y).float().mean().item())
        unseen.append(right.mean().item())
        print(f"{depth:5}  {seen[-1]:.1%}  {unseen[-1]:.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.0)
    ax.plot(depths, seen, color=plotting.MUTED, label="patients of the fit")
    ax.plot(depths, unseen, color=plotting.MODEL, label="unseen patients")
    ax.set(xlabel="depth", ylabel="share of right answers")
    ax.legend()
    fig.savefig(args.out / "depth.png")
    print(f"Figure: {args.out}/depth.png")


if __name__ == "__main__":
    main()
