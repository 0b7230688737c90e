"""From LaTeX to a PDF that may be shown: compile, read the log, refuse what is wrong.

The PDF has no tags. Of LaTeX's tagging project, TeX Live 2022 (Debian 12) holds the
phases I and II: through LuaLaTeX the small book of the tests became 131 paragraphs,
with no heading, list, table, formula or figure among them, and no alternative text.
Whoever reads with a screen reader is served by the website and by the EPUB.

``python -m genbook.publishing.print.pdf _build/latex/genbook.tex _build/genbook.pdf``
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from genbook._files import replacing

INSTALL = (
    "The PDF needs TeX: apt-get install --no-install-recommends texlive-xetex "
    "texlive-latex-extra texlive-fonts-recommended latexmk fonts-texgyre "
    "fonts-texgyre-math fonts-dejavu-core"
)
#: An overfull line that sticks out further than this, in points, is a mistake.
OVERFULL_LIMIT = 3.0

_MISTAKES = {
    "error": r"^(?:!|.*?:\d+:) (.*)$",
    "missing character": r"^Missing character: (.*)$",
    "undefined": r"^(?:LaTeX|Package \S+) Warning: (.*undefined.*)$",
    "duplicate label": r"^LaTeX Warning: (Label .* multiply defined.*)$",
    "lost float": r"^LaTeX Warning: (Float too large.*)$",
    "font": r"^LaTeX Font Warning: (Font shape .* undefined.*)$",
}
_OVERFULL = re.compile(r"^Overfull \\hbox \(([\d.]+)pt too wide\) (.*)$", re.MULTILINE)


class PrintError(RuntimeError):
    """The book cannot be printed as it stands."""


@dataclass(frozen=True)
class Log:
    """What the last run of LaTeX had to say.

    Attributes:
        mistakes: What must not be in a book, each with its kind.
        overfull: The width in points by which each overfull line sticks out.
    """

    mistakes: tuple[str, ...]
    overfull: tuple[float, ...]


def read_log(text: str) -> Log:
    r"""Read the log of one run of LaTeX.

    Args:
        text: the log, written with long lines (``max_print_line``).

    Example:
        >>> log = read_log("Missing character: There is no ✗ in font Pagella!\n")
        >>> log.mistakes
        ('missing character: There is no ✗ in font Pagella!',)
        >>> read_log("Overfull \\hbox (12.5pt too wide) in paragraph\n").overfull
        (12.5,)
    """
    found = []
    for kind, pattern in _MISTAKES.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            line = f"{kind}: {match[1].strip()}"
            if line not in found:
                found.append(line)
    wide = []
    for match in _OVERFULL.finditer(text):
        wide.append(float(match[1]))
        if wide[-1] > OVERFULL_LIMIT:
            found.append(f"overfull: {match[1]} pt too wide {match[2]}")
    return Log(tuple(found), tuple(wide))


def compile_book(source: Path, target: Path) -> Log:
    """Compile the book and check what came out.

    Args:
        source: ``genbook.tex``, in the folder that Sphinx wrote.
        target: where the finished PDF goes; untouched when something is wrong.

    Returns:
        What the log said, without mistakes.

    Raises:
        PrintError: if TeX is missing or stops, or the log tells of a mistake.
    """
    for tool in ("xelatex", "latexmk"):
        if shutil.which(tool) is None:
            raise PrintError(INSTALL)
    if not source.is_file():
        raise PrintError(f"{source} does not exist; build it with --builder latex")
    # Two builds of one commit are the same but for their dates, and not even those
    # differ when SOURCE_DATE_EPOCH is set. Long lines keep the log readable.
    environment = {
        **os.environ,
        "FORCE_SOURCE_DATE": "1",
        "TZ": "UTC",
        "max_print_line": "10000",
        "LATEXOPTS": "",
        "XINDYOPTS": "",
    }
    command = [
        "latexmk",
        "-xelatex",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-file-line-error",
        "-quiet",
        source.name,
    ]
    run = subprocess.run(
        command, cwd=source.parent, env=environment, capture_output=True, check=False
    )
    log_file = source.with_suffix(".log")
    text = log_file.read_text("utf-8", "replace") if log_file.is_file() else ""
    log = read_log(text)
    if run.returncode != 0 and not log.mistakes:
        tail = (run.stdout + run.stderr).decode("utf-8", "replace").splitlines()[-15:]
        raise PrintError("latexmk failed:\n" + "\n".join(tail))
    if log.mistakes:
        raise PrintError(_report(log, text, log_file))
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        shutil.copyfile(source.with_suffix(".pdf"), partial)
    return log


def _report(log: Log, text: str, log_file: Path) -> str:
    lines = [f"{len(log.mistakes)} mistake(s) in print, see {log_file}:"]
    lines += [f"  {mistake}" for mistake in log.mistakes[:20]]
    error = re.search(r"^(?:!|.*?:\d+:) .*(?:\n.*){0,6}", text, re.MULTILINE)
    if error:
        lines += ["", error[0]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Compile from the command line; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=Path, help="genbook.tex, written by Sphinx")
    parser.add_argument("target", type=Path, help="the PDF to write")
    options = parser.parse_args(arguments)
    try:
        log = compile_book(options.source, options.target)
    except PrintError as error:
        print(error, file=sys.stderr)
        return 1
    widest = max(log.overfull, default=0.0)
    print(f"{options.target}: {len(log.overfull)} overfull line(s), widest {widest} pt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
