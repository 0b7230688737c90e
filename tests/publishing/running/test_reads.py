"""What lies beside a chapter: when it changes, the chapter runs again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from genbook.publishing.running.reads import Reader
from genbook.publishing.running.watch import watcher

SEE = "\nimport subprocess\n\n"
CAT = "print(subprocess.run({}, capture_output=True, text=True).stdout)"


def alone(tiny, code: str, **files: str) -> None:
    """Leave one chapter in the book, with files beside it."""
    (tiny.source / "words.md").unlink()
    for name, text in files.items():
        path = tiny.source / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    tiny.chapter("sums", code)


@pytest.mark.parametrize(
    "code",
    [
        "print(open('data.csv').read())",
        "from pathlib import Path\n\nprint(Path('data.csv').read_bytes())",
        "import numpy as np\n\nprint(np.loadtxt('data.csv'))",
        "import sqlite3\n\nsqlite3.connect('data.csv')\nprint(1)",
        f"{SEE}{CAT.format(['cat', 'data.csv'])}",
        f"{SEE}for name in ['data']:\n"
        "    print(subprocess.run(['cat', f'{name}.csv'], capture_output=True).stdout)",
        "%%bash\ncat data.csv",
    ],
)
def test_a_data_file_beside_a_chapter(tiny, code: str) -> None:
    alone(tiny, code, data_csv="1 2\n", other_txt="3\n")
    built = tiny.build()
    assert not built.failed, built.warnings
    assert built.ran == ["sums"]
    data = tiny.source / "data.csv"
    tiny.edit(data, "1", "5")
    assert tiny.build().ran == ["sums"]
    tiny.edit(data, "5", "1")
    assert tiny.build().ran == [], "an undone edit is known already"
    tiny.edit(tiny.source / "other.txt", "3", "4")
    tiny.edit(tiny.source / "sums.md", "Some prose.", "Other prose.")
    assert tiny.build().ran == [], "nobody reads that"


@pytest.mark.parametrize("compiled", [False, True])
def test_a_module_beside_a_chapter_and_what_it_imports(
    tiny, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled:
        monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    alone(
        tiny,
        "import helper\n\nprint(helper.number())",
        helper_py="import deeper\n\n\ndef number():\n    return deeper.N\n",
        deeper_py="N = 41\n",
    )
    assert "41" in tiny.build().pages["sums"]
    assert tiny.build().ran == []
    for old, new in (("41", "42 + 1"), ("42 + 1", "44 + 1000")):
        tiny.edit(tiny.source / "deeper.py", old, new)
        built = tiny.build()
        assert built.ran == ["sums"]
    assert "1044" in built.pages["sums"]
    assert tiny.build().ran == []


def test_a_program_beside_a_chapter_and_what_it_names(tiny) -> None:
    code = f"import sys\n{SEE}" + CAT.format("[sys.executable, 'count.py']")
    alone(
        tiny,
        code,
        count_py="print(len(open('few.txt').read()))\n",
        few_txt="123",
    )
    assert ">3<" in tiny.build().pages["sums"].replace("\n", "")
    tiny.edit(tiny.source / "few.txt", "123", "12345")
    built = tiny.build()
    assert built.ran == ["sums"]
    assert ">5<" in built.pages["sums"].replace("\n", "")
    tiny.edit(tiny.source / "count.py", "len(", "10 + len(")
    assert tiny.build().ran == ["sums"]


def test_files_that_come_and_go(tiny) -> None:
    code = (
        "from pathlib import Path\n\nprint(len(list(Path('data').glob('*.csv'))))\n"
        "try:\n    print(open('more.txt').read())\nexcept OSError:\n    print('none')"
    )
    alone(tiny, code, data__a_csv="1")
    assert tiny.build().ran == ["sums"]
    (tiny.source / "data" / "b.csv").write_text("2")
    assert tiny.build().ran == ["sums"]
    tiny.edit(tiny.source / "data" / "b.csv", "2", "3")
    assert tiny.build().ran == ["sums"], "who lists a folder may read what is there"
    (tiny.source / "more.txt").write_text("now")
    built = tiny.build()
    assert built.ran == ["sums"]
    assert "now" in built.pages["sums"]
    (tiny.source / "data" / "a.csv").unlink()
    assert tiny.build().ran == ["sums"]
    assert tiny.build().ran == []


def test_settings_of_matplotlib_beside_a_chapter(tiny) -> None:
    """Matplotlib looks for them there, and opens nothing if there are none."""
    code = "import matplotlib\n\nprint(matplotlib.rcParams['font.size'])"
    alone(tiny, code)
    assert "10.0" in tiny.build().pages["sums"]
    (tiny.source / "matplotlibrc").write_text("font.size: 13\n")
    built = tiny.build()
    assert built.ran == ["sums"]
    assert "13.0" in built.pages["sums"]


def test_what_a_chapter_writes_itself_is_made_again_when_it_is_gone(tiny) -> None:
    code = "with open('out.txt', 'w') as file:\n    file.write('1')\n\n"
    alone(tiny, code + "print(open('out.txt').read())")
    assert tiny.build().ran == ["sums"]
    assert tiny.build().ran == []
    (tiny.source / "out.txt").unlink()
    assert tiny.build().ran == ["sums"]
    assert (tiny.source / "out.txt").exists()


def test_what_changes_while_the_chapter_runs_is_not_kept(tiny) -> None:
    """A program changes it here, as an author might."""
    code = f"print(open('data.csv').read())\n{SEE}subprocess.run(['touch', 'data.csv'])"
    alone(tiny, code + "\nprint(1)", data_csv="1")
    built = tiny.build()
    assert "data.csv changed, so again soon" in built.status
    assert not list(tiny.root.glob("_build/.jupyter_cache/*/*.json"))
    assert tiny.build().ran == ["sums"]


def test_what_a_program_of_the_chapter_writes_is_known_the_second_time(tiny) -> None:
    """The first time nobody can tell it from an author's edit."""
    code = f"{SEE}subprocess.run(['cp', 'data.csv', 'copy.csv'])\n"
    alone(tiny, code + "print(open('copy.csv').read())", data_csv="1")
    assert tiny.build().ran == ["sums"]
    assert tiny.build().ran == ["sums"]
    assert tiny.build().ran == []
    tiny.edit(tiny.source / "data.csv", "1", "2")
    assert tiny.build().ran == ["sums"]


def test_other_machines_are_named(tiny) -> None:
    """What they answer is the one thing that no digest can tell."""
    code = "import sys\n\nsys.audit('socket.getaddrinfo', '{}', 80, 0, 0, 0)\n1"
    alone(tiny, code.format("localhost"))
    assert "is not seen" not in tiny.build().status
    tiny.chapter("sums", code.format("example.org"))
    assert "sums asks example.org: a change there is not seen" in tiny.build().status


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "book" / "data").mkdir(parents=True)
    for name in ("run1.h5", "run2.h5", "notes.md", "data/deep.bin"):
        (tmp_path / "book" / name).write_text(name)
    package, built = tmp_path / "book" / "src", tmp_path / "book" / "_build"
    return Reader(tmp_path / "book", package, [built])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("load('run1.h5')", {"run1.h5"}),
        ("load(f'run{i}.h5')", {"run1.h5", "run2.h5"}),
        ("load('*.h5')", {"run1.h5", "run2.h5"}),
        ("load('data')", {"data/deep.bin"}),
        ("load('../book/run1.h5')", {"run1.h5"}),
        ("'see run2.h5 and notes.md'", {"run2.h5"}),
        ("x = f'{a}{b}'; y = '.'; z = '/'; w = '..'; v = '\\0'; u = '**a**'", set()),
        ("!cat run1.h5", {"run1.h5"}),
        ("%%bash\ncat 'run1.h5'", {"run1.h5"}),
        ("this is 'run1.h5' and no Python", {"run1.h5"}),
    ],
)
def test_the_files_that_code_names(reader: Reader, text: str, names: set[str]) -> None:
    found = reader.named(text, reader.root)
    assert {reader.name(path) for path in found} == names


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("data.csv", True),
        (".hidden", True),
        ("src/module.py", False),
        ("src/table.npz", True),
        ("_build/html/page.html", False),
        (".git/HEAD", False),
        ("__pycache__/a.cpython-311.pyc.123", False),
        ("/proc/cpuinfo", False),
        ("/home/somebody/data.csv", True),
        ("/home/somebody/.cache/fonts", False),
        (f"{sys.prefix}/lib/module.py", False),
    ],
)
def test_which_files_count(reader: Reader, name: str, counts: bool) -> None:
    assert reader.counts(reader.root / name) is counts


def test_a_watcher_notes_once_and_breaks_nothing(tmp_path: Path) -> None:
    report = tmp_path / "notes"
    hook = watcher(str(report))
    hook("open", ("a", "r", 0))
    hook("open", ("a", "r", 0))
    hook("open", (b"a", "wb", 0))
    hook("open", (3, "r", 0))
    hook("open", ())
    hook("os.listdir", (None,))
    hook("os.scandir", (4,))
    here = os.path.abspath("a")
    notes = [json.loads(line) for line in report.read_text().splitlines()]
    assert notes == [["read", here], ["written", here], ["listed", os.getcwd()]]
