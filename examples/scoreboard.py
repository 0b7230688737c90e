"""Train every family on the world map and print the scoreboard.

The same points for all and the same seconds for each, on points that no chapter uses;
another --seed draws and trains again. With --fast everything is trained for a few steps
only, and the numbers show no more than that the machinery runs.

Chapter: book/families/scoreboard.md
"""

from __future__ import annotations

from genbook.cli import example_parser
from genbook.course import scoreboard
from genbook.course.tables import table


def main() -> None:
    """Train the contenders, measure them, and write the board."""
    args = example_parser(__doc__).parse_args()
    sizes = (3_000, 200) if args.fast else (50_000, 2_000)
    world = scoreboard.board_data(args.seed, *sizes)
    options = {"steps": 3} if args.fast else {}
    candidates = scoreboard.CANDIDATES
    if args.fast:  # the slowest to draw are left to the full run
        slow = ("energy-based", "diffusion", "flow matching")
        candidates = tuple(c for c in candidates if c.name not in slow)
    rows = []
    for candidate in candidates:
        (entry,) = scoreboard.train_all(world, [candidate], seed=args.seed, **options)
        row = scoreboard.evaluate(entry, world, n=200 if args.fast else 2_000)
        row["missed"] = ", ".join(row["missed"]) or "none"
        codes = scoreboard.read_codes(entry.model, world.p_data) or {}
        row |= {k: codes.get(k) for k in ("width", "r2", "r2_random")}
        del row["approach"], row["draw"], row["log_prob"]
        rows.append(row | {"seconds": row.pop("train")})
    formats = {"nats": ".3f", "land": ".1%", "apart": ".1%", "distance": ".4f"}
    formats |= {"r2": ".2f", "r2_random": ".2f", "evaluations": "d", "seconds": ".1f"}
    board = table(rows, formats=formats)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scoreboard.md").write_text(board.to_markdown() + "\n", "utf8")
    print(board)
    print(f"The same as Markdown: {args.out}/scoreboard.md")


if __name__ == "__main__":
    main()
