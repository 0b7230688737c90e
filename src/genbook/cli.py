"""The command ``genbook``: list the example scripts, run them, and serve models.

An example is a file of the folder ``examples``; the first line of its docstring
describes it. Nothing here imports torch, so that a list or a help text comes at once.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from genbook import __version__

INSTALLED = "_examples"  # the name of the folder within an installed package
MOST_SEED = 2**31 - 1  # NumPy's old generators, scikit-learn's, take 32 bits

__all__ = ["example_parser", "examples_folder", "list_examples", "main"]


def example_parser(doc: str | None, name: str | None = None) -> argparse.ArgumentParser:
    """Return a parser with the options that every example script has.

    They are ``--seed`` (0), ``--out`` (the folder ``out/NAME``) and ``--fast``. A
    script that is being run gets an output that writes a question mark for a sign it
    lacks, and ends quietly when nobody reads it any more, as with ``head``.

    Args:
        doc: The docstring of the script: ``__doc__``.
        name: The name of the script; that of the calling file when ``None``.

    Returns:
        A parser; a script adds its own options to it.

    Example:
        >>> args = example_parser("Draw a box.", "box").parse_args(["--seed", "3"])
        >>> args.seed, args.out.as_posix(), args.fast
        (3, 'out/box', False)
    """
    caller = first = sys._getframe(1)
    if name is None:
        name = Path(caller.f_globals["__file__"]).stem
    while first.f_back is not None:
        first = first.f_back
    if first.f_globals is caller.f_globals:  # this process runs that script alone
        _print_anyway()
        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(
        prog=name,
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, help="of all randomness (default: 0)"
    )
    parser.add_argument(
        "--out",
        type=_folder,
        default=str(Path("out") / name),
        metavar="FOLDER",
        help=f"where the figures go (default: out/{name})",
    )
    parser.add_argument(
        "--fast", action="store_true", help="a smaller run that takes seconds"
    )
    return parser


def _print_anyway() -> None:
    """Let the outputs write a question mark for a sign that they cannot show.

    A file on Windows (cp1252) knows no arrow, ASCII no degree: Python would stop there.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed <= MOST_SEED:
        raise ValueError
    return seed


_seed.__name__ = f"seed (a whole number, zero or more, at most {MOST_SEED})"  # shown


def _folder(text: str) -> Path:
    """Return a folder that is there or can be made."""
    path = Path(text)
    try:
        there = path.absolute()
        while not _is_there(there):
            there = there.parent
    except OSError as error:  # no working folder, or a name that is too long
        raise argparse.ArgumentTypeError(str(error)) from None
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"must be a folder, {there} is none")
    if not os.access(there, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{there} must be writable, it is not")
    return path


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def examples_folder() -> Path | None:
    """Return the folder of the example scripts, or ``None`` where there is none.

    It is looked for beside the package, as in a clone, then within it, where a wheel
    puts it, and then in the current folder and those above it.

    Returns:
        The folder, or ``None``.

    Raises:
        FileNotFoundError: If there is neither, and the current folder was deleted.
    """
    package = Path(__file__).parent
    if _is_clone(package.parents[1]):
        return package.parents[1] / "examples"
    if (package / INSTALLED).is_dir():
        return package / INSTALLED
    here = Path.cwd()
    for root in (here, *here.parents):
        if _is_clone(root):
            return root / "examples"
    return None


def _is_clone(root: Path) -> bool:
    return (root / "examples").is_dir() and (root / "src" / "genbook").is_dir()


def list_examples(folder: Path) -> dict[str, str]:
    """Return the names of the example scripts with their descriptions.

    Args:
        folder: The folder of the scripts. Names that begin with ``_`` are skipped.

    Returns:
        Name and first line of the docstring, in alphabetical order.
    """
    found = {}
    for path in sorted(folder.glob("[!_]*.py")):
        try:
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        except SyntaxError as error:
            doc = f"(does not parse: line {error.lineno})"
        found[path.stem] = (doc or "(no description)").splitlines()[0]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; those of the process when ``None``.

    Returns:
        The exit code, which is 0, that of the example, 2 for a wrong name, no examples
            or no working folder, or 141 if nobody reads the output any more.
    """
    _print_anyway()
    try:
        try:
            return _main(argv)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # such as `genbook list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell says it


def _main(argv: Sequence[str] | None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="genbook",
        description="List and run the examples of the book genbook, and serve models.",
    )
    parser.add_argument("--version", action="version", version=f"genbook {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="list the examples, with a line on each")
    run = commands.add_parser(
        "run", help="run an example: genbook run NAME [its arguments]"
    )
    run.add_argument("name", metavar="NAME", help="as `genbook list` gives it")
    run.add_argument(
        "args",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="passed on to the example; --help lists what it takes",
    )
    commands.add_parser(
        "serve", help="serve saved models: genbook serve FOLDER_OR_FILE [--help]"
    )
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["serve"]:
        return _serve(words[1:])
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
        return 0

    try:
        if args.command == "run":
            Path.cwd()  # where the example will write
        folder = examples_folder()
    except FileNotFoundError:
        print(
            "genbook: the working folder was deleted; change to one that exists",
            file=sys.stderr,
        )
        return 2
    if folder is None:
        print(
            "genbook: the examples are not installed with the package; install its "
            "wheel, or clone the genbook repository and run this command inside it",
            file=sys.stderr,
        )
        return 2
    examples = list_examples(folder)
    if args.command == "list":
        width = max(map(len, examples), default=0)
        for name, line in examples.items():
            print(f"{name:<{width}}  {line}")
        return 0
    return _run(folder, examples, args.name, args.args)


def _run(folder: Path, examples: dict[str, str], name: str, args: list[str]) -> int:
    """Run an example in a process of its own and return its exit code."""
    name = Path(name).name.removesuffix(".py")
    if name not in examples:
        close = difflib.get_close_matches(name, examples, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(close)}?" if close else "see `genbook list`"
        print(f"genbook: there is no example {name!r}; {hint}", file=sys.stderr)
        return 2
    try:
        code = subprocess.run([sys.executable, folder / f"{name}.py", *args]).returncode
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code  # killed by a signal, as a shell says it


def _serve(args: list[str]) -> int:
    """Serve saved models in this process, which signals then reach."""
    sys.argv = ["genbook serve", *args]
    try:
        runpy.run_module("genbook.practice.serving", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
