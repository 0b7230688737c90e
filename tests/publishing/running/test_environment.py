"""What surrounds the kernels: nothing of the machine that builds the book."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from genbook.course import fingerprint
from genbook.publishing.running import environment
from genbook.publishing.running.environment import NoFolder, own_folder, settings

FIGURE = """\
import matplotlib.pyplot as plt

plt.plot([1, 2]);"""
CAPTION = "mystnb:\n  figure: {caption: A line.}"


def alone(tiny, code: str) -> None:
    """Leave one chapter in the book."""
    (tiny.source / "words.md").unlink()
    tiny.chapter("sums", code)


def test_a_backend_that_the_machine_wants_breaks_nothing(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many machines that build things say so, and figures were empty then."""
    alone(tiny, FIGURE)
    tiny.edit(tiny.source / "sums.md", "mystnb:", CAPTION)
    monkeypatch.setenv("MPLBACKEND", "agg")
    built = tiny.build()
    assert not built.failed, built.warnings
    [path] = tiny.root.glob("_build/.jupyter_cache/sums/*.json")
    [[figure]] = json.loads(path.read_text("utf8"))["outputs"]
    assert "image/png" in figure["data"]


def test_the_variables_of_the_machine_stay_outside(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {
        "ATEN_CPU_CAPABILITY": None,
        "MKL_CBWR": None,
        "TORCH_LOGS": None,
        "LANG": None,
        "PYTHONSTARTUP": None,
        "XDG_CONFIG_HOME": None,
        "MY_OWN": None,
        "MKL_NUM_THREADS": "1",
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
    }
    alone(tiny, f"import os\n\nprint([os.environ.get(n) for n in {sorted(wanted)}])")
    for name in wanted:
        monkeypatch.setenv(name, "7")
    built = tiny.build()
    shown = str([wanted[name] for name in sorted(wanted)])
    assert shown in built.pages["sums"].replace("&#39;", "'")
    for name in wanted:
        monkeypatch.delenv(name)
    assert tiny.build().ran == [], "they change nothing, so nothing runs again"


def test_what_is_handed_on_and_may_change_numbers_is_in_the_key(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(tiny, "import os\n\nprint(os.environ.get('MY_OWN'))")
    assert "None" in tiny.build().pages["sums"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert tiny.build().ran == ["sums"]
    monkeypatch.setenv("MY_OWN", "seven")
    built = tiny.build(genbook_environment=["MY_OWN"])
    assert built.ran == ["sums"]
    assert "seven" in built.pages["sums"]


def test_another_machine_runs_the_book_again(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.build().ran == ["sums", "words"]
    monkeypatch.setattr(fingerprint, "machine", lambda: ("other", "units"))
    assert tiny.build().ran == ["sums", "words"]


def test_the_variables_that_are_set_here_are_in_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = settings()
    assert dict(before)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setitem(environment.FIXED, "OMP_NUM_THREADS", "2")
    assert settings() != before


def test_the_kernel_is_the_python_that_builds_the_book(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kernel of this name is installed; its files lie in its own folder."""
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python"], "display_name": "3", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(other.parents[1]))
    code = "import sys\nimport ipykernel\n\nprint(sys.executable)\n"
    alone(tiny, code + "print(ipykernel.get_connection_file())")
    built = tiny.build()
    assert not built.failed, built.warnings
    assert os.path.realpath("/nowhere/python") not in built.pages["sums"]
    assert "genbook-kernel-" in built.pages["sums"]


def test_a_long_name_of_the_folder_for_temporary_files(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setenv("TMPDIR", str(long))
    alone(tiny, "import tempfile\n\nprint(tempfile.gettempdir())")
    built = tiny.build()
    assert not built.failed, built.warnings
    assert "longlong" in built.pages["sums"], "the cells have the folder they asked for"

    monkeypatch.setattr(environment, "_LONGEST", 3)
    tiny.chapter("words", "3")
    tiny.chapter("sums", "2")
    built = tiny.build()
    assert built.failed
    sentence = "TMPDIR must be a folder whose path has at most 3 bytes"
    assert built.warnings.count(sentence) == 1, "said once, and not for each chapter"
    assert "Traceback" not in built.warnings


def test_what_a_killed_build_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(environment, "_LONGEST", 1000)
    old = time.time() - 3600
    for name in ("dead", "used", "young"):
        folder = tmp_path / f"genbook-kernel-{name}"
        folder.mkdir()
        (folder / "lock").touch()
        if name != "young":
            os.utime(folder, (old, old))
    (tmp_path / "genbook-mine").mkdir()
    with FileLock(tmp_path / "genbook-kernel-used" / "lock"), own_folder() as own:
        assert own.parent == tmp_path
        left = {path.name for path in tmp_path.iterdir()} - {own.name}
    assert left == {"genbook-kernel-used", "genbook-kernel-young", "genbook-mine"}
    assert not own.exists()


def test_there_is_no_place_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_LONGEST", 0)
    with pytest.raises(NoFolder, match=r"at most 0 bytes.*got /"), own_folder():
        pass
