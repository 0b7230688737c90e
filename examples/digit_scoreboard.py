"""Let everything that draws digits meet one reader, and print the digits' scoreboard.

The contenders are the models of the chapters, trained as there, and cheats that each
number lets through. Trained from nothing they take some minutes; where GENBOOK_RUNS
names a folder, trainings are kept there.

Chapter: book/families/digit-scoreboard.md
"""

from __future__ import annotations

import torch

from genbook import metrics
from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.digit_board import at_side, judge_digits
from genbook.course.digit_contenders import DIGIT_CONTENDERS
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits


def main() -> None:
    """Draw with each contender, judge, look for copies, and show eight of each."""
    parser = example_parser(__doc__)
    args = parser.parse_args()
    n = 100 if args.fast else 300
    train, test = load_digits("train", size=14), load_digits("test", size=14)
    reader = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    turn = torch.arange(len(test.x)) // 10 % 2 == 0
    real, people = test.x[turn][:n], test.x[~turn][:n]
    dice = torch.Generator().manual_seed(args.seed)
    floor = metrics.noise_floor(
        reader.features(test.x),
        metrics.frechet_distance,
        n,
        5,
        labels=test.y,
        generator=dice,
    )
    print(f"One floor is {floor.mean:.2f}; people's digits follow first.")
    asked = torch.arange(n) % 10
    print("drawn by              floors  read  precision    recall  coverage  copies p")

    def tell(name: str, sets: list[torch.Tensor], asked: torch.Tensor | None) -> None:
        verdicts = [judge_digits(reader, x, real, asked) for x in sets]
        far, *rest = torch.tensor([v[1:] for v in verdicts]).mean(0).tolist()
        read = "—"
        if asked is not None:
            read = f"{sum(v.read or 0 for v in verdicts) / len(sets):.0%}"
        shares = "  ".join(f"{v:8.2f}" for v in rest)
        print(f"{name:20}  {far / floor.mean:6.1f}  {read:>4}  {shares}", end="")

    tell("people", [people], asked)
    print()
    shown = [people[:8]]
    for c in DIGIT_CONTENDERS:
        if args.fast and c.year and c.year > 1900:  # those train a network
            continue
        seen, new = (load_digits(part, size=c.size) for part in ("train", "test"))
        model = c.learn(c.see(seen.x), seen.y)
        sets = [at_side(model.draw(asked, dice), 14) for _ in range(3)]
        known = [at_side(c.see(x), 14) for x in (seen.x, new.x)]
        found = metrics.nearest_neighbour_memorisation(
            sets[0], *known, ratio=0.6, permutations=199, generator=dice
        )
        tell(c.name, sets, asked if c.on_request else None)
        print(f"  {found.p_value:8.3f}")
        shown.append(sets[0][:8])

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=0.4 * len(shown))
    plotting.show_images(ax, torch.cat(shown), columns=8)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
