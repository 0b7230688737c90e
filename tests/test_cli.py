"""The command line: quick, passing on what it is given, plain about what is wrong."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import genbook
from genbook import cli

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the repository with two examples of its own."""
    (tmp_path / "src" / "genbook").mkdir(parents=True)
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "echo.py").write_text(
        '"""Say what it was given.\n\nMore."""\n'
        "import sys\nprint(sys.argv[1:])\nsys.exit(len(sys.argv) - 1)\n"
    )
    (folder / "box_model.py").write_text('"""Draw a box."""\n')
    (folder / "_helper.py").write_text('"""Not an example."""\n')
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "src" / "genbook" / "cli.py"))
    return tmp_path


def test_list(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out == (
        "box_model  Draw a box.\necho       Say what it was given.\n"
    )


def test_a_broken_or_silent_example_does_not_break_the_list(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clone / "examples" / "broken.py").write_text("def")
    (clone / "examples" / "silent.py").write_text("import torch")
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "broken     (does not parse: line 1)" in out
    assert "silent     (no description)" in out


@pytest.mark.parametrize(
    "args", [[], ["--fast"], ["--help", "-x"], ["a", "--seed", "3"]]
)
@pytest.mark.parametrize("name", ["echo", "echo.py", "examples/echo.py"])
def test_run_passes_on_arguments_and_the_exit_code(
    clone: Path, capfd: pytest.CaptureFixture[str], name: str, args: list[str]
) -> None:
    assert cli.main(["run", name, *args]) == len(args)
    assert capfd.readouterr().out == f"{args}\n"


def test_a_killed_example_is_an_error(clone: Path) -> None:
    (clone / "examples" / "echo.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert cli.main(["run", "echo"]) == 128 + 15


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ehco", "did you mean echo?"),
        ("boxmodel", "did you mean box_model?"),
        ("zzz", "see `genbook list`"),
        ("_helper", "see `genbook list`"),
    ],
)
def test_an_unknown_name(
    clone: Path, capsys: pytest.CaptureFixture[str], name: str, hint: str
) -> None:
    assert cli.main(["run", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"genbook: there is no example {name!r}; {hint}\n"


@pytest.mark.parametrize("command", [["list"], ["run", "echo"]])
def test_without_a_clone_it_says_what_to_do(
    tmp_path: Path,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site" / "genbook" / "cli.py"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) == 2
    assert "clone the genbook repository" in capsys.readouterr().err


def test_an_installed_package_finds_the_clone_it_is_called_in(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "__file__", "/nowhere/site/genbook/cli.py")
    monkeypatch.chdir(clone / "src")
    assert cli.examples_folder() == clone / "examples"


def test_an_installed_package_has_its_own_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "genbook"
    (package / cli.INSTALLED).mkdir(parents=True)
    monkeypatch.setattr(cli, "__file__", str(package / "cli.py"))
    monkeypatch.chdir(tmp_path)
    assert cli.examples_folder() == package / cli.INSTALLED


def test_a_wheel_holds_the_examples() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"examples": f"genbook/{cli.INSTALLED}"}


@pytest.mark.slow
def test_a_built_wheel_lists_and_runs_the_examples(tmp_path: Path) -> None:
    wheel_builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder
    wheel = next(wheel_builder(str(ROOT)).build(directory=str(tmp_path)))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = "import sys; from genbook.cli import main; sys.exit(main(sys.argv[1:]))"

    def genbook_command(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
            capture_output=True,
            text=True,
        )

    listed = [line.split()[0] for line in genbook_command("list").stdout.splitlines()]
    assert listed == list(cli.list_examples(ROOT / "examples"))
    done = genbook_command("run", "likelihood_underflow", "--fast")
    assert done.returncode == 0, done.stderr


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"genbook {genbook.__version__}\n"
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert "list" in text
    assert "run" in text


@pytest.mark.parametrize("wrong", [["walk"], ["run"], ["list", "extra"]])
def test_wrong_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(wrong)
    assert stop.value.code == 2
    assert "usage: genbook" in capsys.readouterr().err


def test_no_torch_for_a_list() -> None:
    script = (
        "import sys; from genbook.cli import main; main(['list']);"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_as_a_module() -> None:
    got = subprocess.run(
        [sys.executable, "-m", "genbook.cli", "--version"],
        capture_output=True,
        text=True,
    )
    assert got.stdout == f"genbook {genbook.__version__}\n"


def test_example_parser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = cli.example_parser("Draw a box.\n\nAs it is.", "box")
    args = parser.parse_args([])
    assert (args.seed, args.out, args.fast) == (0, Path("out/box"), False)
    args = parser.parse_args(["--seed", "7", "--out", "x/y", "--fast"])
    assert (args.seed, args.out, args.fast) == (7, Path("x/y"), True)
    for seed in ("-1", "a", "1.5", str(2**31), str(2**70)):
        with pytest.raises(SystemExit):
            parser.parse_args([f"--seed={seed}"])
        assert "invalid seed (a whole number" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    assert "Draw a box.\n\nAs it is." in capsys.readouterr().out

    path = tmp_path / "lesson.py"  # a script need not say its own name
    path.write_text(
        "from genbook.cli import example_parser\nparser = example_parser('Doc.')\n"
    )
    spec = importlib.util.spec_from_file_location("lesson", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.parser.parse_args([]).out == Path("out/lesson")
    assert module.parser.prog == "lesson"


def test_a_folder_that_cannot_be_one_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    parser = cli.example_parser("Draw a box.", "box")

    def refused(out: str | None, message: str) -> None:
        with pytest.raises(SystemExit):
            parser.parse_args([] if out is None else [f"--out={out}"])
        assert message in capsys.readouterr().err

    for out in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
        refused(str(out), f"argument --out: must be a folder, {tmp_path}/file is none")
    refused("n" * 300 + "/a", "argument --out: ")
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(str(tmp_path / "a"), f"argument --out: {tmp_path} must be writable")
    monkeypatch.undo()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    refused(None, "argument --out: [Errno 2] No such file or directory")


def script(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command, or a script, with pipes to its outputs."""
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": ""}
    environment |= options.pop("env", {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, *args], env=environment, **pipes, **options
    )


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no broken pipes")
@pytest.mark.parametrize("command", ["list", "run", "--help"])
def test_a_reader_who_goes_away_is_no_error(clone: Path, command: str) -> None:
    lesson = clone / "examples" / "lesson.py"
    lesson.write_text(
        "from genbook.cli import example_parser\n"
        "example_parser('Doc.').parse_args()\n"
        "for _ in range(100_000): print('a line')\n"
    )
    args = ["run", "lesson"] if command == "run" else [command]
    main = (
        "import sys; from genbook import cli;"
        f"cli.__file__ = {cli.__file__!r}; sys.exit(cli.main({args}))"
    )
    with script("-c", main, cwd=clone) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("by_hand", [True, False])
def test_signs_that_an_output_lacks_stop_nobody(
    clone: Path, encoding: str, by_hand: bool
) -> None:
    lesson = clone / "examples" / "lesson.py"
    lesson.write_text(
        "from genbook.cli import example_parser\n"
        "example_parser('Doc.').parse_args()\n"
        "print('1.4 → 0.6, 30 °, ☺')\n"
    )
    main = (
        "import sys; from genbook import cli;"
        f"cli.__file__ = {cli.__file__!r}; sys.exit(cli.main(['run', 'lesson']))"
    )
    args = [str(lesson)] if by_hand else ["-c", main]
    with script(*args, cwd=clone, env={"PYTHONIOENCODING": encoding}) as process:
        out, err = process.communicate()
    assert err == b""
    degree = "?" if encoding == "ascii" else "°"
    assert out.decode(encoding).strip() == f"1.4 ? 0.6, 30 {degree}, ?"


def test_descriptions_are_listed_on_any_output(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / "examples" / "arrow.py").write_text('"""From x → y."""', "utf-8")
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["list"]) == 0
    assert "From x ? y." in out.buffer.getvalue().decode("cp1252")


@pytest.mark.skipif(os.name == "nt", reason="no folder in use can be deleted")
@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("command", [["list"], ["run", "echo"]])
def test_a_deleted_working_folder_is_said_in_a_sentence(
    clone: Path,
    installed: bool,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not installed:
        monkeypatch.setattr(cli, "__file__", "/nowhere/site/genbook/cli.py")
    gone = clone / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, listed = cli.main(command), command == ["list"] and installed
    out, err = capsys.readouterr()
    assert code == (0 if listed else 2)
    assert ("echo" in out) == listed
    sentence = "genbook: the working folder was deleted; change to one that exists\n"
    assert err == ("" if listed else sentence)
