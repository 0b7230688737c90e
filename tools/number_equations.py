"""Write the numbers of equations in the package's comments anew, from the labels.

Run it after a chapter or an equation came between others, and look at the difference::

    python tools/number_equations.py

It lists what it cannot put right, where a docstring's labels leave several ways, and
what has nothing to do with numbers; it exits with 1 while something is left.
"""

from __future__ import annotations

import sys
from pathlib import Path

from genbook.publishing.content.sources import read_book
from genbook.publishing.rules import equations


def main(argv: list[str] | None = None) -> int:
    """Renumber the package below a folder, this repository when none is given."""
    arguments = sys.argv[1:] if argv is None else argv
    root = Path(arguments[0] if arguments else Path(__file__).parents[1]).resolve()
    book = read_book(root)
    known = equations.numbers(book)
    for path in equations.files(root):
        old = path.read_text("utf8")
        new = equations.renumber(old, known)
        if new != old:
            path.write_text(new, "utf8")
            print(f"{path.relative_to(root)}: renumbered")
    left = list(equations.equation_numbers(book))
    for problem in left:
        print(problem)
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
