"""No page is older than what it shows, and none is written without need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from myst_nb.ext.glue.crossref import read_glue_cache

from genbook.course.fingerprint import Package
from genbook.publishing.content import sources
from genbook.publishing.running.facts import machinery

BOOK = """\
@book{{prince, author = {{{author}}}, title = {{{title}}}, year = 2023,
  publisher = {{P}}}}
"""


def plain(tiny, name: str, text: str) -> None:
    """Write a page without code."""
    tiny.write(f"{name}.md", text)


def order(tiny, *names: str) -> None:
    text = "# Tiny\n\n```{toctree}\n" + "\n".join(names) + "\n```\n"
    (tiny.source / "index.md").write_text(text, "utf8")


def written(tiny, name: str) -> int:
    return (tiny.root / "_build" / "html" / f"{name}.html").stat().st_mtime_ns


def test_prose_changes_one_page(tiny) -> None:
    tiny.build()
    before = written(tiny, "words")
    tiny.edit(tiny.source / "sums.md", "Some prose.", "Other prose.")
    assert "Other prose." in tiny.build().pages["sums"]
    assert written(tiny, "words") == before


def test_a_changed_work_changes_the_pages_that_cite_it(tiny) -> None:
    config = {
        "extensions": [
            "sphinxcontrib.bibtex",
            "genbook.publishing.content.citations",
            "genbook.publishing.content.reports",
        ],
        "bibtex_bibfiles": ["references.bib"],
        "bibtex_reference_style": "genbook",
        "bibtex_default_style": "genbook",
    }
    works = tiny.source / "references.bib"
    works.parent.mkdir(exist_ok=True)
    works.write_text(BOOK.format(author="Prince, S.", title="Deep"))
    plain(tiny, "cites", "# Cites\n\nSee {cite:t}`prince`.\n")
    plain(tiny, "list", "# List\n\n```{bibliography}\n```\n")
    built = tiny.build(**config)
    assert not built.failed, built.warnings
    assert "Prince" in built.pages["cites"]
    works.write_text(BOOK.format(author="Queen, S.", title="Deeper"))
    built = tiny.build(**config)
    assert built.ran == []
    assert "Deeper" in built.pages["list"]
    assert "Queen" in built.pages["cites"]
    assert "Prince" not in built.pages["cites"]


def test_a_new_title_changes_the_pages_that_show_it(tiny) -> None:
    tiny.build()
    tiny.edit(tiny.source / "words.md", "# words", "# Letters")
    built = tiny.build()
    assert built.ran == []
    assert "Letters" in built.pages["sums"], "the page before shows what comes next"


def test_another_order_and_another_chapter_change_what_comes_next(tiny) -> None:
    order(tiny, "sums", "words")
    assert 'title="words"' in tiny.build().pages["sums"]
    order(tiny, "words", "sums")
    built = tiny.build()
    assert 'rel="next" title="words"' not in built.pages["sums"]
    assert 'rel="prev" title="words"' in built.pages["sums"]
    plain(tiny, "third", "# Third\n")
    order(tiny, "words", "third", "sums")
    built = tiny.build()
    assert 'rel="next" title="Third"' in built.pages["words"]
    assert 'rel="prev" title="Third"' in built.pages["sums"]
    (tiny.source / "third.md").unlink()
    order(tiny, "words", "sums")
    built = tiny.build()
    assert 'rel="next" title="sums"' in built.pages["words"]
    assert "third" not in built.pages


def test_a_page_that_names_another_section_follows_it(tiny) -> None:
    plain(tiny, "far", "# Far\n\n(here)=\n## One name\n")
    plain(tiny, "near", "# Near\n\nSee {ref}`here`.\n")
    assert "One name" in tiny.build().pages["near"]
    tiny.edit(tiny.source / "far.md", "One name", "Another name")
    assert "Another name" in tiny.build().pages["near"]


def test_an_equation_of_another_page_keeps_its_number(tiny) -> None:
    second = "\n```{math}\n:label: second\ny\n```\n"
    plain(tiny, "far", f"# Far\n{second}")
    plain(tiny, "near", "# Near\n\nSee {eq}`second`.\n")
    assert "(1)" in tiny.build().pages["near"]
    first = "\n```{math}\n:label: first\nx\n```\n"
    plain(tiny, "far", f"# Far\n{first}{second}")
    assert "(2)" in tiny.build().pages["near"]


@pytest.mark.parametrize("file", ["mine.css", "icon.svg"])
def test_only_a_style_sheet_or_a_picture_changes(tiny, file: str) -> None:
    static = tiny.source / "_static"
    static.mkdir()
    for name in ("mine.css", "icon.svg"):
        (static / name).write_text("/* one */")
    config = {
        "html_static_path": ["_static"],
        "html_css_files": ["mine.css"],
        "html_favicon": "_static/icon.svg",
    }
    before = tiny.build(**config).pages["sums"]
    (static / file).write_text("/* two, longer */")
    after = tiny.build(**config)
    assert after.ran == []
    copied = tiny.root / "_build" / "html" / "_static" / file
    assert copied.read_text() == "/* two, longer */"
    if file == "mine.css":
        assert after.pages["sums"] != before, "its address says which one it is"
    was = written(tiny, "sums")
    tiny.build(**config)
    assert written(tiny, "sums") == was


def test_a_row_of_the_course_changes_its_chapters(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = tmp_path / "course.yml"
    shutil.copyfile(sources.COURSE, course)
    monkeypatch.setattr(sources, "COURSE", course)
    tiny.chapter("sums", "1", front="course: [F2]")
    assert "F2 The box" in tiny.build().pages["sums"]
    tiny.edit(course, "The box", "The other box")
    built = tiny.build()
    assert built.ran == []
    assert "F2 The other box" in built.pages["sums"]


def test_a_file_with_an_older_date_is_read(tiny) -> None:
    """As tools write them that keep the dates of what they copy."""
    (tiny.source / "part.txt").write_text("first")
    plain(tiny, "parts", "# Parts\n\n```{literalinclude} part.txt\n```\n")
    tiny.build()
    for path, text in {"parts.md": "# Bits\n", "part.txt": "second"}.items():
        file = tiny.source / path
        file.write_text(file.read_text().replace("# Parts\n", text))
        if path == "part.txt":
            file.write_text(text)
        os.utime(file, (1, 1))
        assert text.strip("#\n ") in tiny.build().pages["parts"]


def test_a_page_that_pastes_follows_what_is_glued(tiny) -> None:
    glue = "from myst_nb import glue\n\nglue('n', {}, display=False)"
    tiny.chapter("sums", glue.format(41))
    paste = "# Pastes\n\n```{glue} n\n:doc: sums.md\n```\n"
    plain(tiny, "pastes", paste)
    built = tiny.build()
    assert not built.failed, built.warnings
    assert "41" in built.pages["pastes"]
    read_glue_cache.cache_clear()  # as another process begins
    tiny.chapter("sums", glue.format(43))
    assert "43" in tiny.build().pages["pastes"]


def test_the_code_that_makes_pages_counts_and_their_dress_does_not(
    tmp_path: Path,
) -> None:
    root = tmp_path / "tiny"
    files = {
        "__init__.py": "",
        "shared.py": "",
        "other.py": "",
        "publishing/__init__.py": "from tiny import shared\n",
        "publishing/rows.yml": "1",
        "publishing/website/theme/static/a.css": "1",
        "publishing/website/theme/layout.html": "1",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    package = Package("tiny", root)
    before = machinery([], package)
    changes = set()
    for name, text in files.items():
        (root / name).write_text(text + "\n\n")
        if machinery([], package) != before:
            changes.add(name)
        (root / name).write_text(text)
        os.utime(root / name, ns=(1, 1))
        before = machinery([], package)
    quiet = {"other.py"} | {n for n in files if "theme" in n}
    assert changes == set(files) - quiet


def test_new_machinery_reads_every_page(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbook.publishing.running import freshness

    tiny.build()
    was = {name: written(tiny, name) for name in ("sums", "words")}
    monkeypatch.setattr(freshness, "machinery", lambda extensions: "other")
    built = tiny.build()
    assert built.ran == []
    assert all(written(tiny, name) > date for name, date in was.items())
