"""Run the documentation desk from its base to the answer at the door.

The base has read scikit-learn. It is adapted to PyTorch with replay, in full and with
low rank; another model, which was shown answers only, is aligned to be honest; a
passage is looked up by words and by vectors; and an answer that does not stand in its
passage is withheld. All numbers are those of test questions that no choice has seen.

Chapter: book/practice/project-life-cycle.md
"""

from __future__ import annotations

from genbook.cli import example_parser
from genbook.course.recipes.desk import adapt, align, desk_rows, preferences
from genbook.practice import retrieval
from genbook.practice.answering import exact_match, honesty, precision, read, right
from genbook.practice.comparison import paired
from genbook.practice.desk import load_desk, passage_of, rule
from genbook.practice.entries import read_entries
from genbook.practice.finetuning import replay
from genbook.practice.pretrained import load_pretrained


def main() -> None:
    """Adapt, align, look up, and measure."""
    parser = example_parser(__doc__)
    parser.add_argument("--rank", type=int, default=2, help="of low-rank adaptation")
    args = parser.parse_args()
    few, many, most = (2, 2, 2) if args.fast else (45, 80, 120)
    base, tokens, trained = load_pretrained()
    desks = {package: load_desk(package) for package in ("PyTorch", "scikit-learn")}
    print(f"Base: {trained}")

    def show(name, model):
        line = []
        for package, desk in desks.items():
            said = read(model, tokens, [q.passage for q in desk.test])
            line.append(f"{package} {exact_match(said, desk.test):.2f}")
            if package == "PyTorch":
                h = honesty(said, desk.test)
                line.append(f"(invents {h.invents:.2f}, refuses {h.refuses:.2f})")
        print(f"{name:18}", *line)

    def rows(questions, versions=4):
        return desk_rows(questions, tokens, versions=versions, seed=args.seed)

    train = [desk.train for desk in desks.values()]
    answered = [[q for q in questions if q.stated] for questions in train]
    x, old = rows(train[0]), rows(train[1], 1)
    eager_x = replay(rows(answered[0]), rows(answered[1], 1), 0.5, seed=args.seed)
    show("base", base)
    adapted = {}
    for name, data, rank in (
        ("full", x, 0),
        ("full, with replay", replay(x, old, 1.0, seed=args.seed), 0),
        (f"rank {args.rank}", x, args.rank),
        ("answers only", eager_x, args.rank),
    ):
        steps = most if data is x and rank else many  # few weights learn more slowly
        adapted[name], _ = adapt(base, data, rank=rank, steps=steps, seed=args.seed)
        show(name, adapted[name])
    asked = preferences(adapted["answers only"], tokens, train[0])
    honest, _ = align(adapted["answers only"], asked, steps=few, seed=args.seed)
    show("aligned", honest)
    test = desks["PyTorch"].test
    by_rule = [rule(q.passage) for q in test]
    print(f"{'rule':18} PyTorch {exact_match(by_rule, test):.2f}")
    said = read(adapted["full, with replay"], tokens, [q.passage for q in test])
    lead = paired(right(said, test), right(by_rule, test))
    print(f"with replay ahead of it by {lead.difference:+.2f} ± {lead.error:.2f}")

    shelf = read_entries("PyTorch")
    words = retrieval.WordIndex([retrieval.document_of(e) for e in shelf])
    vectors = retrieval.EmbeddingIndex([retrieval.names_of(e) for e in shelf])
    lists = ([index.search(q.text) for index in (words, vectors)] for q in test)
    passages = [passage_of(shelf[retrieval.fuse(found)[0]]) for found in lists]
    for guarded in (False, True):
        said = read(honest, tokens, passages, guarded=guarded)
        name = "with guardrail" if guarded else "looked up"
        print(f"{name:18} precision {precision(said, test):.2f}")


if __name__ == "__main__":
    main()
