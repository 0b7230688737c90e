"""Replay generative models in the order of their invention on the same digits.

Each method gets the same images and a few seconds. The drawings are compared with new
digits in the features of a reader and in pixels, and neighbours show who only copies.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.reading import digit_reader
from genbook.course.tables import table
from genbook.course.timeline import METHODS, evaluate, replay
from genbook.data.digits import load_digits


def main() -> None:
    """Let every method learn, draw and be judged; print the table, save the strip."""
    args = example_parser(__doc__).parse_args()
    digits, unseen = load_digits("train", size=14), load_digits("test", size=14)
    n, drawn = (300, 100) if args.fast else (2_000, 1_000)
    seen, held_out = digits.x[:n], digits.x[2_000 : 2_000 + n]
    reader = digit_reader(digits.x, digits.y, seed=args.seed)
    methods = METHODS[:5] if args.fast else METHODS
    results = replay(seen, drawn, methods=methods, seed=args.seed)
    rows = [
        {
            "year": str(r.method.year),
            "paper": r.method.paper,
            "method": r.method.name,
            **evaluate(r.samples, reader, seen, held_out, seed=args.seed),
            "seconds": r.seconds,
        }
        for r in results
    ]
    people = evaluate(unseen.x[:drawn], reader, seen, held_out, seed=args.seed)
    formats = {
        "Fréchet distance": ".0f",
        "coverage": ".0%",
        "energy distance": ".3f",
        "nearest was seen": ".0%",
        "seconds": ".1f",
    }
    board = table(rows, formats=formats)
    print(board)
    print("people: " + ", ".join(f"{k} {v:.3f}" for k, v in people.items()))

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "replay.md").write_text(board.to_markdown() + "\n", "utf8")
    plotting.setup()
    fig, axes = plotting.subplots(len(results), 1, height=0.8 * len(results))
    for ax, r in zip(axes, results, strict=True):
        plotting.show_images(ax, r.samples[:10], columns=10)
        ax.text(-4, 1, str(r.method.year), ha="right", weight="bold", size=9)
        ax.text(-4, 7, r.method.name, ha="right", size=8)
        ax.text(-4, 13, r.method.paper, ha="right", size=7)
    fig.savefig(args.out / "replay.png")
    print(f"Figure: {args.out}/replay.png")


if __name__ == "__main__":
    main()
