"""Which chapters run, how they run, and what happens when one fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from genbook.course import fingerprint
from genbook.publishing.running.execution import PINNED, check_versions
from genbook.publishing.running.store import Execution, Store

ROOT = Path(__file__).parents[3]


def test_a_chapter_runs_when_its_outputs_would_change_and_not_else(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.build().ran == ["sums", "words"]
    assert tiny.build().ran == []

    chapter = tiny.source / "sums.md"
    tiny.edit(chapter, "A number.", "Another text.")
    tiny.edit(chapter, "Some prose.", "Some other prose.")
    built = tiny.build()
    assert built.ran == []
    assert "Some other prose." in built.pages["sums"]

    numbers = tiny.package / "numbers.py"
    tiny.edit(numbers, "int(n)", "2 * int(n)")
    built = tiny.build()
    assert built.ran == ["sums"]
    assert ">12<" in built.pages["sums"].replace("\n", "")

    tiny.edit(numbers, "2 * int(n)", "int(n)")
    built = tiny.build()
    assert built.ran == [], "an undone edit is known already"
    assert ">6<" in built.pages["sums"].replace("\n", "")

    tiny.edit(tiny.package / "numbers.txt", "3", "4")
    assert tiny.build().ran == ["sums"]

    (tiny.package / "unused.py").write_text("1")
    assert tiny.build().ran == []

    tiny.edit(tiny.source / "words.md", "word()\n", "word() + '!'\n")
    assert tiny.build().ran == ["words"]

    real = fingerprint._version
    monkeypatch.setattr(
        fingerprint, "_version", lambda d: "0" if d == "numpy" else real(d)
    )
    assert tiny.build().ran == ["sums", "words"]


WAIT = """\
import time
from pathlib import Path

Path("{me}.here").touch()
deadline = time.monotonic() + 30
while not Path("{other}.here").exists():
    assert time.monotonic() < deadline, "nobody came"
    time.sleep(0.01)"""


def test_chapters_run_side_by_side(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other: one after the other they would never end."""
    monkeypatch.setenv("GENBOOK_JOBS", "2")
    tiny.chapter("sums", WAIT.format(me="sums", other="words"))
    tiny.chapter("words", WAIT.format(me="words", other="sums"))
    built = tiny.build()
    assert not built.failed, built.error
    assert built.ran == ["sums", "words"]


def test_the_longest_runs_first_with_one_thread_and_a_date_of_its_own(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBOOK_JOBS", "1")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    store = Store(tiny.root / "_build" / ".jupyter_cache")
    for name, seconds in {"sums": 1.0, "words": 2.0}.items():
        store.save(name, "0" * 32, Execution([], [], [seconds]))
    code = "import os\n\nprint(*(os.environ[n] for n in {names}))"
    names = ("OMP_NUM_THREADS", "SOURCE_DATE_EPOCH", "PYTHONHASHSEED")
    tiny.chapter("sums", code.format(names=names))
    built = tiny.build()
    assert re.findall(r"(\w+): ran", built.status) == ["words", "sums"]
    assert "1 1767225600 0" in built.pages["sums"]
    assert "SOURCE_DATE_EPOCH" not in __import__("os").environ


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_page_runs_after_those_that_it_names(
    tiny, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBOOK_JOBS", jobs)
    code = "import time\n\ntime.sleep(0.5)"
    for name, after in {
        "first": "[]",
        "second": "[first]",
        "third": "[second]",
    }.items():
        tiny.chapter(name, code, front=f"after: {after}")
    tiny.chapter("egg", code, front="after: [hen, egg, nowhere]")
    tiny.chapter("hen", code, front="after: [egg]")
    store = Store(tiny.root / "_build" / ".jupyter_cache")
    for name, seconds in {"third": 9.0, "second": 8.0}.items():
        store.save(name, "0" * 32, Execution([], [], [seconds]))
    built = tiny.build()
    assert not built.failed, built.error
    ran = [name for name in re.findall(r"(\w+): ran", built.status)]
    order = [name for name in ran if name in ("first", "second", "third")]
    assert order == ["first", "second", "third"]
    assert {"egg", "hen"} < set(ran)


def test_what_others_wait_for_runs_first(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBOOK_JOBS", "1")
    tiny.chapter("last", "1", front="after: [words]")
    tiny.chapter("sums", "1")
    store = Store(tiny.root / "_build" / ".jupyter_cache")
    for name, seconds in {"sums": 9.0, "words": 1.0}.items():
        store.save(name, "0" * 32, Execution([], [], [seconds]))
    built = tiny.build()
    assert re.findall(r"(\w+): ran", built.status) == ["words", "last", "sums"]


def test_a_failing_cell_names_chapter_cell_and_reason_and_stops_no_other(
    tiny,
) -> None:
    tiny.chapter("sums", "from tiny.sums import total\n\ntotal() / 0")
    built = tiny.build()
    assert built.failed
    assert built.ran == ["words"]
    assert "sums.md, cell 1 (line 11): from tiny.sums" in built.warnings
    assert "ZeroDivisionError: division by zero" in built.warnings
    assert "total() / 0" in built.warnings, "the traceback shows the line"
    assert not built.pages, "nothing half-done is written"
    assert not (tiny.root / "_build" / ".jupyter_cache" / "sums").exists()

    assert tiny.build().failed, "it fails again"
    tiny.edit(tiny.source / "sums.md", "/ 0", "/ 1")
    built = tiny.build()
    assert not built.failed
    assert built.ran == ["sums"], "what the other one showed was kept"


CLAIM = """\
from genbook.course.claims import claim

claim('two-and-two', 5, equals=4, within=1)"""


def test_a_failing_claim_names_chapter_claim_value_and_band(tiny) -> None:
    tiny.chapter("sums", CLAIM.replace("5", "7"))
    built = tiny.build()
    assert built.failed
    assert "sums.md, cell 1 (line 11): from genbook.course.claims" in built.warnings
    assert "claim 'two-and-two' failed: got 7, wanted 4 ± 1" in built.warnings


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import warnings\n\nwarnings.warn('take care')", "UserWarning: take care"),
        ("import sys\n\nprint('oh', file=sys.stderr)", "standard error:\noh"),
        ("import time\n\ntime.sleep(60)", "still running after 2 s"),
        ("import os\n\nos._exit(1)", "The kernel died"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import math\n\nobject()", "shows <object at 0x"),
    ],
)
def test_other_ways_to_fail(tiny, code: str, reason: str) -> None:
    (tiny.source / "words.md").unlink()
    tiny.chapter("sums", code)
    built = tiny.build(nb_execution_timeout=2 if "sleep" in code else 60)
    assert built.failed
    assert "sums.md, cell 1 (line 11): import" in built.warnings
    assert reason in built.warnings
    assert not list(tiny.root.glob("_build/.jupyter_cache/*"))


def test_an_exception_that_the_chapter_shows_is_an_output(tiny) -> None:
    (tiny.source / "words.md").unlink()
    tiny.chapter("sums", "1 / 0")
    tiny.edit(tiny.source / "sums.md", "mystnb:", "tags: [raises-exception]\nmystnb:")
    built = tiny.build()
    assert not built.failed, built.error
    assert "ZeroDivisionError" in built.pages["sums"]


def test_a_caption_belongs_to_one_output(tiny) -> None:
    (tiny.source / "words.md").unlink()
    tiny.chapter("sums", "print(1)\n\n2")
    assert not tiny.build().failed
    tiny.edit(tiny.source / "sums.md", "mystnb:", "mystnb:\n  figure: {caption: Two.}")
    assert not tiny.build().failed
    tiny.edit(tiny.source / "sums.md", "\n2\n", "\ndisplay(2)\n3\n")
    built = tiny.build()
    assert built.failed
    assert "sums.md:11: WARNING: a cell with a caption must show one" in built.warnings


def test_an_edit_of_the_package_while_a_chapter_runs_is_not_lost(tiny) -> None:
    (tiny.source / "words.md").unlink()
    path = str(tiny.package / "words.py")
    tiny.chapter("sums", f"import tiny.words\n\nopen({path!r}, 'a').write('# more')")
    assert tiny.build().ran == ["sums"]
    assert not list(tiny.root.glob("_build/.jupyter_cache/*/*.json"))


APPEND = """\
with open("sums.md", "a") as page:
    if page.tell() < 600:
        page.write("```{{code-cell}} python\\n'added'\\n```\\n")"""


def test_an_edit_of_the_page_while_it_runs_is_not_lost(tiny) -> None:
    (tiny.source / "words.md").unlink()
    tiny.chapter("sums", APPEND.format())
    length = (tiny.source / "sums.md").stat().st_size
    tiny.edit(tiny.source / "sums.md", "600", str(length + 1))
    built = tiny.build()
    assert not built.failed, built.warnings + built.error
    assert built.ran == ["sums", "sums"]
    assert "'added'" in BeautifulSoup(built.pages["sums"], "html.parser").get_text()


FIGURE = """\
import matplotlib.pyplot as plt
import numpy as np
from genbook.course import plotting

plotting.setup()
plt.plot(np.random.default_rng(0).normal(size=20));"""


def test_two_builds_of_the_same_book_show_the_same(tiny, tmp_path: Path) -> None:
    tiny.chapter("sums", FIGURE)
    shown = []
    for _ in range(2):
        built = tiny.build()
        assert not built.failed, built.error
        [path] = tiny.root.glob("_build/.jupyter_cache/sums/*.json")
        shown.append(json.loads(path.read_text("utf8"))["outputs"])
        path.unlink()
        (tiny.root / "_build" / ".doctrees" / "environment.pickle").unlink()
    [[figure]] = shown[0]
    assert {"image/svg+xml", "application/pdf"} <= set(figure["data"])
    assert shown[0] == shown[1]


def test_a_readers_own_settings_change_nothing(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny.source / "words.md").unlink()
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("mine = 1\n")
    style = tmp_path / "matplotlibrc"
    style.write_text("font.size: 30\n")
    monkeypatch.setenv("IPYTHONDIR", str(startup.parents[1]))
    monkeypatch.setenv("MATPLOTLIBRC", str(style))
    code = (
        "import matplotlib\n\nprint('mine' in dir(), matplotlib.rcParams['font.size'])"
    )
    tiny.chapter("sums", code)
    assert "False 10.0" in tiny.build().pages["sums"]


def test_only_so_many_executions_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(30):
        store.save("a/b", f"{number:032d}", Execution())
    assert store.load("a/b", f"{29:032d}") == Execution()
    assert len(list(tmp_path.rglob("*.json"))) == 20


def test_a_damaged_file_in_the_store_is_as_good_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("a", "k", Execution())
    (tmp_path / "a" / "k.json").write_text("{")
    assert store.load("a", "k") is None
    assert store.seconds("a") == float("inf")


def test_other_versions_are_refused_at_the_start() -> None:
    check_versions()
    with pytest.raises(ExtensionError, match=r"myst-nb 0\.1, found .*constraints\.txt"):
        check_versions({"myst-nb": "0.1"})


def test_the_constraints_agree_with_the_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    assert {name: pins[name.lower()] for name in PINNED} == PINNED
