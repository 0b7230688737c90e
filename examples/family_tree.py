"""Print the family tree of generative models, computed from what each class can do.

The tree and the nested sets are drawn as well. A model's place follows from the methods
that its class has.

Chapter: book/families/taxonomy.md
"""

from __future__ import annotations

from genbook.cli import example_parser
from genbook.course import plotting, taxonomy
from genbook.course.drawings.family_tree import draw_sets, draw_tree
from genbook.course.tables import table


def main() -> None:
    """Print what each model gives, and draw the tree and the sets."""
    args = example_parser(__doc__).parse_args()
    plotting.setup()
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "model": m.name,
            "approach": taxonomy.approach(m.cls) or "does not generate",
            "smallest set": taxonomy.sets(m.cls)[-1],
            "density": taxonomy.density_kind(m.cls),
            "year": m.year,
            "chapter": m.chapter,
        }
        for m in taxonomy.MEMBERS
    ]
    print(table(rows, formats={"year": "d"}))
    for name, draw, height in [("sets", draw_sets, 4.6), ("tree", draw_tree, 5.9)]:
        fig, ax = plotting.subplots(height=height)
        draw(ax)
        fig.savefig(args.out / f"{name}.svg")
        print(f"{name}: {args.out}/{name}.svg")


if __name__ == "__main__":
    main()
