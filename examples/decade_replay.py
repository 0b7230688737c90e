"""Replay generative models in the order of their invention on the same digits.

What came before 2014 takes seconds; the networks that came since are those of the
chapters, and together take some minutes, or nothing where GENBOOK_RUNS names a folder
that keeps trainings. A reader of digits and the pixels judge what each draws.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

import torch

from genbook import metrics
from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.digit_board import at_side
from genbook.course.recipes.reading import digit_reader
from genbook.course.tables import table
from genbook.course.timeline import METHODS, evaluate, replay
from genbook.data.digits import load_digits


def main() -> None:
    """Let every method learn, draw and be judged; print the table, save the strip."""
    args = example_parser(__doc__).parse_args()
    digits, unseen = load_digits("train", size=14), load_digits("test", size=14)
    n = 100 if args.fast else 300
    reader = digit_reader(digits.x, digits.y, steps=20 if args.fast else 400)
    asked, turn = torch.arange(n) % 10, torch.arange(1000) // 10 % 2 == 0
    real, people = unseen.x[turn][:n], unseen.x[~turn][:n]
    floor = metrics.noise_floor(
        reader.features(unseen.x),
        metrics.frechet_distance,
        n,
        5,
        labels=unseen.y,
        generator=torch.Generator().manual_seed(args.seed),
    ).mean
    methods = METHODS[:5] if args.fast else METHODS
    results = replay(n, methods=methods, seed=args.seed)
    rows = []
    for r in results:
        found = [evaluate(x, reader, real, asked) for x in r.samples]
        mean = {k: sum(one[k] for one in found) / len(found) for k in found[0]}
        mean["Fréchet distance"] /= floor
        head = {"year": str(r.method.year), "paper": r.method.paper}
        rows.append({**head, "method": r.method.name, **mean, "seconds": r.seconds})
    best = evaluate(people, reader, real, asked)
    best["Fréchet distance"] /= floor
    formats = {
        "read as asked": ".0%",
        "Fréchet distance": ".1f",
        "coverage": ".0%",
        "energy distance": ".3f",
        "seconds": ".1f",
    }
    board = table(rows, formats=formats)
    print(board)
    print("people: " + ", ".join(f"{k} {v:.3f}" for k, v in best.items()))

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "replay.md").write_text(board.to_markdown() + "\n", "utf8")
    plotting.setup()
    fig, axes = plotting.subplots(len(results), 1, height=0.8 * len(results))
    for ax, r in zip(axes, results, strict=True):
        x = r.samples[0, :10]
        plotting.show_images(ax, at_side(x, max(14, x.shape[-1])), columns=10)
        label = f"{r.method.year}\n{r.method.name}\n{r.method.paper}"
        at = {"transform": ax.transAxes, "ha": "right", "va": "center"}
        ax.text(-0.02, 0.5, label, size=8, **at)
    fig.savefig(args.out / "replay.png")
    print(f"Figure: {args.out}/replay.png")


if __name__ == "__main__":
    main()
