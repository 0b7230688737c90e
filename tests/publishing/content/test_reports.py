"""The pages made from what the chapters did, and the box that opens a chapter."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup, Tag

from genbook.publishing.content.chapter_header import about

CLAIM = """\
from genbook.course.claims import claim

claim('{name}', {value}, equals=4, within=1, rejects={{'one': 1, 'no end': 1e999}})"""
FRONT = """\
course: [F1, F2]
script: [two_sums]
outcomes: ["Add `1` to $x$.", "Explain *why* 1 < 2 & 3."]
"""


@pytest.fixture
def book(tiny):
    """The tiny book with a claim in each chapter, both reports and an opening box."""
    tiny.chapter("sums", CLAIM.format(name="two-and-two", value=4), front=FRONT)
    tiny.chapter("words", CLAIM.format(name="three-and-two", value=5))
    tiny.write("claims.md", "# Claims\n\n```{claims-table}\n```\n")
    tiny.write("report.md", "# Report\n\n```{build-report}\n```\n")
    (tiny.source / "examples").mkdir()
    (tiny.source / "examples" / "two_sums.py").write_text("print(1 + 2)\n")
    return tiny


def soup(page: str) -> Tag:
    return BeautifulSoup(page, "html.parser")


def claims(page: str) -> dict[str, list[list[str]]]:
    """Read the claims page: the rows under each page's title."""
    article = soup(page).select("p.rubric, table.genbook-report")
    pairs = zip(article[::2], article[1::2], strict=True)
    return {title.get_text(): rows(str(table)) for title, table in pairs}


def rows(page: str) -> list[list[str]]:
    return [
        [" ".join(cell.get_text().split()) for cell in row.select("td")]
        for row in soup(page).select("table.genbook-report tbody tr")
    ]


def test_the_report_states_the_energy_as_a_range(book) -> None:
    built = book.build()
    text = " ".join(soup(built.pages["report"]).get_text().split())
    found = re.search(
        r"Their ([\d,]+) s of processor time come to (\S+) to (\S+) Wh, (\S+) to (\S+) "
        r"g CO₂e, if a busy core adds 5 to 30 W",
        text,
    )
    assert found, text
    low, high, least, most = (float(part) for part in found.groups()[1:])
    assert high / low == pytest.approx(30 * 1.6 / 5, rel=0.15)  # two digits are shown
    assert most / least == pytest.approx(high / low * 45, rel=0.15)


def test_the_claims_page_is_right_after_every_build(book) -> None:
    built = book.build()
    assert not built.failed, built.warnings + built.error
    assert "claims: 2 claims and 4 refused alternatives" in built.status
    sums = [["Two and two", "4", "4 ± 1", "one has 1, no end ∞"]]
    words = [["Three and two", "5", "4 ± 1", "one has 1, no end ∞"]]
    assert claims(built.pages["claims"]) == {"sums": sums, "words": words}
    assert soup(built.pages["claims"]).select_one("p.rubric a")["href"] == "sums.html"

    book.edit(book.source / "words.md", "5, equals", "3, equals")
    built = book.build()
    assert built.ran == ["words"]
    words = [["Three and two", "3", "4 ± 1", "one has 1, no end ∞"]]
    assert claims(built.pages["claims"]) == {"sums": sums, "words": words}

    book.edit(book.source / "sums.md", "# sums", "# Sums and more")
    built = book.build()
    assert built.ran == []
    assert claims(built.pages["claims"]) == {"Sums and more": sums, "words": words}

    book.chapter("sums", "1 + 1")
    assert claims(book.build().pages["claims"]) == {"words": words}

    (book.source / "words.md").unlink()
    book.chapter("sums", "1 + 1", title="No claims")
    assert "No chapter makes a claim yet." in book.build().pages["claims"]


def test_the_record_of_a_claim_is_no_output_of_the_page(book) -> None:
    page = book.build().pages["sums"]
    assert "gb-claim" in page
    assert "vnd.genbook" not in page


def test_two_claims_of_one_name_are_an_error(book) -> None:
    book.chapter("words", CLAIM.format(name="two-and-two", value=4))
    built = book.build()
    assert built.failed
    assert "claim 'two-and-two' is made 2 times: sums, words" in built.warnings
    assert book.build().failed, "a warning is not forgotten"


def test_the_build_report_lists_pages_and_versions(book) -> None:
    page = book.build().pages["report"]
    found = {row[0]: row[1:] for row in rows(page)}
    seconds, cells, claims, digest = found["sums"]
    assert re.fullmatch(r"\d+\.\d", seconds)
    assert (cells, claims) == ("1", "1")
    assert re.fullmatch(r"[0-9a-f]{10}", digest)
    assert found["Claims"][:3] == ["–", "–", "–"]
    assert {"Python", "torch", "numpy", "Sphinx", "myst-nb", "genbook"} <= set(found)
    text = soup(page).get_text()
    assert "2 code cells" in text
    assert "2 claims and 4 refused alternatives" in text
    assert str(book.root) not in page, "no path of the machine"


def test_the_report_follows_a_rerun(book) -> None:
    before = {row[0]: row[4] for row in rows(book.build().pages["report"]) if row[4:]}
    book.chapter("words", "from tiny.words import word\n\nword()")
    book.build()
    book.edit(book.package / "words.py", "'word'", "'verb'")
    after = {row[0]: row[4] for row in rows(book.build().pages["report"]) if row[4:]}
    assert {page for page in before if before[page] != after[page]} == {"words"}


def test_the_opening_box(book) -> None:
    built = book.build()
    box = soup(built.pages["sums"]).select_one(".genbook-opening")
    text = " ".join(box.get_text().split())
    assert box.find_previous_sibling("h1") is not None
    assert "F1 Hello, world; F2 The box" in text
    assert [" ".join(li.get_text().split()) for li in box.select("li")] == [
        "Add 1 to \\(x\\).",
        "Explain why 1 < 2 & 3.",
    ]
    assert "runs in about" in text
    links = {a.get_text(): a["href"] for a in box.select("a[download]")}
    assert links == {
        "two_sums.py": "scripts/two_sums.py",
        "sums.ipynb": "notebooks/sums.ipynb",
    }
    script = book.root / "_build" / "html" / "scripts" / "two_sums.py"
    assert script.read_text() == "print(1 + 2)\n"
    assert "genbook-opening" not in built.pages["words"], "it names no rows"


@pytest.mark.parametrize("builder", ["latex", "epub"])
def test_the_box_and_the_reports_in_print(book, builder: str) -> None:
    built = book.build(builder)
    assert not built.failed, built.warnings + built.error
    out = book.root / "_build" / builder
    pages = [*out.glob("*.tex"), *out.glob("*.xhtml")]
    text = "".join(page.read_text("utf8") for page in pages).replace(r"\_", "_")
    for wanted in ("F2 The box", "two_sums.py", "Two and two", "myst", "Seconds"):
        assert wanted in text
    assert 'href="scripts' not in text, "an EPUB has no such files"


def test_what_the_front_matter_promises_must_exist(book) -> None:
    book.chapter("sums", "1", front="course: [Z9, F1]\nscript: [no_such]")
    built = book.build()
    assert built.failed
    assert "course: there is no row 'Z9'" in built.warnings
    assert "script: there is no examples/no_such.py" in built.warnings


def test_builders_that_share_an_environment_miss_no_change(book) -> None:
    book.chapter("words", "from tiny.words import word\n\nword()")
    book.build("html")
    book.edit(book.package / "words.py", "'word'", "'verb'")
    assert book.build("epub").ran == ["words"]
    built = book.build("html")
    assert built.ran == []
    assert "verb" in built.pages["words"]
    assert "0 source files" in book.build("html").status


def test_times_are_rounded_for_planning() -> None:
    assert [about(s) for s in (0.2, 1.6, 9.4, 12, 88, 125)] == [
        "a second",
        "2 s",
        "9 s",
        "10 s",
        "90 s",
        "2 min",
    ]


def test_the_page_of_a_removed_chapter_leaves_the_site(tiny) -> None:
    """Pages below the root only: there Sphinx writes pages of its own."""
    (tiny.source / "part").mkdir()
    for name in ("one", "two"):
        (tiny.source / "part" / f"{name}.md").write_text(f"# {name}\n")
    index = tiny.source / "index.md"
    tiny.edit(index, "words\n", "words\npart/one\npart/two\n")
    assert not tiny.build().failed
    folder = tiny.root / "_build" / "html" / "part"
    assert {page.stem for page in folder.iterdir()} == {"one", "two"}
    (tiny.source / "part" / "two.md").unlink()
    tiny.edit(index, "part/two\n", "")
    assert not tiny.build().failed
    assert {page.stem for page in folder.iterdir()} == {"one"}
