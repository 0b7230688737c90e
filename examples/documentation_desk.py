"""Run the documentation desk from its base to the answer at the door.

The base, which has read scikit-learn, is adapted to PyTorch and aligned to be honest;
passages are looked up, and an answer that does not stand in its own is withheld.

Chapter: book/practice/project-life-cycle.md
"""

from __future__ import annotations

from functools import partial

from genbook.cli import example_parser
from genbook.course.recipes.desk import adapt, align, desk_rows, preferences
from genbook.practice import retrieval
from genbook.practice.answering import exact_match, honesty, precision, read
from genbook.practice.desk import load_desk, passage_of, rule
from genbook.practice.entries import read_entries
from genbook.practice.finetuning import replay
from genbook.practice.pretrained import load_pretrained


def main() -> None:
    """Adapt, align, look up, and measure."""
    parser = example_parser(__doc__)
    parser.add_argument("--rank", type=int, default=2, help="of low-rank adaptation")
    args = parser.parse_args()
    few, many, most, part = (2, 2, 2, 40) if args.fast else (45, 80, 120, None)
    base, tokens, trained = load_pretrained()
    desks = [load_desk(package) for package in ("PyTorch", "scikit-learn")]
    print(f"Base: {trained}")
    table = ["| candidate | what was measured |", "|---|---|"]

    def tell(name, text):
        print(f"{name:18} {text}")
        table.append(f"| {name} | {text} |")

    def show(name, model):
        told = [read(model, tokens, [q.passage for q in test]) for test in tests]
        new, old = (exact_match(*pair) for pair in zip(told, tests, strict=True))
        h = f"{honesty(told[0], tests[0]).invents:.2f}"
        tell(name, f"right {new:.2f}, of the old ones {old:.2f}, invents {h}")

    tests, train = [d.test[:part] for d in desks], [d.train[:part] for d in desks]
    rows = partial(desk_rows, tokens=tokens, seed=args.seed)
    answered = [[q for q in questions if q.stated] for questions in train]
    x, old = rows(train[0]), rows(train[1], versions=1)
    eager = rows(answered[0]), rows(answered[1], versions=1)
    eager_x = replay(*eager, 0.5, seed=args.seed)
    show("base", base)
    both = replay(x, old, 1.0, seed=args.seed)
    for name, data, rank, steps in (
        ("full", x, 0, many),
        ("full, with replay", both, 0, many),
        (f"rank {args.rank}", x, args.rank, most),  # few weights learn more slowly
        ("answers only", eager_x, args.rank, many),
    ):
        model, _ = adapt(base, data, rank=rank, steps=steps, seed=args.seed)
        show(name, model)
    asked = preferences(model, tokens, train[0])
    honest, _ = align(model, asked, steps=few, seed=args.seed)
    show("aligned", honest)
    test = tests[0]
    tell("rule", f"right {exact_match([rule(q.passage) for q in test], test):.2f}")
    shelf = read_entries("PyTorch")
    words = retrieval.WordIndex([retrieval.document_of(e) for e in shelf])
    vectors = retrieval.EmbeddingIndex([retrieval.names_of(e) for e in shelf])
    lists = ([index.search(q.text) for index in (words, vectors)] for q in test)
    passages = [passage_of(shelf[retrieval.fuse(found)[0]]) for found in lists]
    for guarded in (False, True):
        said = read(honest, tokens, passages, guarded=guarded)
        name = "with guardrail" if guarded else "looked up"
        tell(name, f"precision {precision(said, test):.2f}")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "desk.md").write_text("\n".join(table) + "\n", "utf-8")
    print(f"Table: {args.out}/desk.md")


if __name__ == "__main__":
    main()
