"""Ask of passages of real prose whether a given author wrote them, and why.

Without `--books` the passages are the docstrings of installed packages, and the author
is NumPy. With `--books FOLDER` they are your own plain-text books, a sub-folder (or a
file) for each author, and `--author` names the one to tell from the rest.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.tables import table
from genbook.data._docstrings import PACKAGES
from genbook.data.prose import load_books, load_docstrings
from genbook.discriminative.authorship import AuthorClassifier, Kind

KINDS: tuple[Kind, ...] = ("all", "topic", "style")


def main() -> None:
    """Compare style with topic, and explain the surest of the right answers."""
    parser = example_parser(__doc__)
    parser.add_argument("--books", type=Path, metavar="FOLDER", help="your own books")
    parser.add_argument("--author", help="whom to tell from the rest (default: NumPy)")
    args = parser.parse_args()
    if args.books:
        prose = load_books(args.books)
    else:
        prose = load_docstrings(
            ["NumPy", "scikit-learn"] if args.fast else list(PACKAGES)
        )
    author = args.author or ("NumPy" if not args.books else prose.authors[0])
    train, test = prose.split(seed=args.seed)
    y = test.by(author)

    rows = []
    models = {kind: AuthorClassifier(kind).fit(train, author) for kind in KINDS}
    for kind, model in models.items():
        right = balanced_accuracy_score(y, model.predict(test.texts))
        area = roc_auc_score(y, model.predict_proba(test.texts))
        rows.append({"words": kind, "balanced accuracy": right, "ROC area": area})
    print(f"{author} or not: {len(train)} passages to learn from, {len(test)} held out")
    print(table(rows, formats={"balanced accuracy": ".3f", "ROC area": ".3f"}))

    p = models["all"].predict_proba(test.texts)
    i = int((p * y).argmax())
    print(f"\np = {p[i]:.3f} for this passage of {test.sources[i]}:\n{test.texts[i]}")
    parts = dict(list(models["all"].contributions(test.texts[i]).items())[:12])
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.4)
    colours = [plotting.GOOD if v > 0 else plotting.BAD for v in parts.values()]
    ax.barh([f"“{token}”" for token in parts], list(parts.values()), color=colours)
    ax.invert_yaxis()
    ax.set_xlabel(f"nats for {author} (to the right) or against")
    fig.savefig(args.out / "contributions.png")
    print(f"Figure: {args.out}/contributions.png")


if __name__ == "__main__":
    main()
