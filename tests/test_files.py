"""A file is replaced whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from genbook._files import check_path, check_place, replacing


@pytest.mark.parametrize("old", ["old", None])
def test_the_new_file_appears_when_it_is_complete(
    tmp_path: Path, old: str | None
) -> None:
    path = tmp_path / "file.txt"
    if old is not None:
        path.write_text(old)
    with replacing(path) as partial:
        partial.write_text("new")
        assert (path.read_text() if path.exists() else None) == old
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stands(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def broken() -> None:
        with replacing(path) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(error):
        broken()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "f") as partial:
        partial.write_text("new")


def test_an_empty_file_is_no_replacement(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with pytest.raises(FileNotFoundError, match="nothing was written"), replacing(path):
        pass
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from genbook._files import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
SLOW = """
import sys
from genbook._files import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("slow")
    print("begun", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_what_a_kill_leaves_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 1  # each clears up after the last
    (tmp_path / ".other.tmp").write_text("of somebody else")
    with replacing(path) as partial:
        partial.write_text("new")
    assert sorted(os.listdir(tmp_path)) == [".other.tmp", "file.txt"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no locks that end with a process")
def test_what_another_process_writes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    command = [sys.executable, "-c", SLOW, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as slow:  # type: ignore[call-overload]
        assert slow.stdout.readline() == "begun\n"
        with replacing(path) as partial:
            partial.write_text("quick")
        assert path.read_text() == "quick"
        slow.communicate("\n")
    assert slow.returncode == 0
    assert path.read_text() == "slow"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_threads_may_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"

    def write(text: str) -> None:
        for _ in range(20):
            with replacing(path) as partial:
                partial.write_text(text)

    threads = [threading.Thread(target=write, args=(c * 1000,)) for c in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in {c * 1000 for c in "abc"}
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_written_through(tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "there" / "file.txt", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert os.listdir(target.parent) == ["file.txt"]


@pytest.mark.parametrize("length", [250, 255])
def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("n" * length)
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    with pytest.raises(OSError, match="too long"):
        check_place(tmp_path / ("n" * 256))


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for mode in (0o600, 0o640, 0o444):
        path.write_text("old")
        path.chmod(mode)
        with replacing(path) as partial:
            partial.write_text("new")
            assert not stat.S_IMODE(partial.stat().st_mode) & ~(mode | 0o600)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o600)


def test_places_where_no_file_can_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")
    for where in ("no/f", "file/f"):
        with pytest.raises(FileNotFoundError, match=r"the folder of .* must exist"):
            check_place(tmp_path / where)
    with pytest.raises(IsADirectoryError, match="must be a file, it is a folder"):
        check_place(tmp_path)
    with pytest.raises(OSError, match="must be a regular file, it is a device"):
        check_place(os.devnull)
    with pytest.raises(TypeError, match="out must be a path, got int 5"):
        check_path(5, "out")  # type: ignore[arg-type]
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"the folder of .* must be writable"):
        check_place(tmp_path / "file")
