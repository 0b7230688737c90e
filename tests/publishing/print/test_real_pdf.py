"""The printed book itself: read back, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pypdf
import pytest
import yaml

from genbook.publishing.content.sources import read_book, read_contents
from genbook.publishing.print.pdf import OVERFULL_LIMIT, read_log

pytestmark = [pytest.mark.print, pytest.mark.xdist_group("real-pdf")]


@cache
def read(pdf: Path) -> tuple[pypdf.PdfReader, tuple[str, ...]]:
    reader = pypdf.PdfReader(pdf)
    return reader, tuple(page.extract_text() for page in reader.pages)


@pytest.fixture
def reader(pdf: Path) -> pypdf.PdfReader:
    """The book."""
    return read(pdf)[0]


@pytest.fixture
def lines(pdf: Path) -> tuple[str, ...]:
    """The text of its pages, as it is set."""
    return read(pdf)[1]


@pytest.fixture
def pages(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The text of its pages, each in one line."""
    return tuple(re.sub(r"\s+", " ", page) for page in lines)


@pytest.fixture
def bookmarks(reader: pypdf.PdfReader) -> dict[str, int]:
    """The titles of its chapters and sections, and their pages, from 0."""

    return dict(outline(reader, reader.outline))


def outline(reader: pypdf.PdfReader, items) -> Iterator[tuple[str, int]]:
    """Yield each bookmark and its page, from 0, also where a title comes again."""
    for item in items:
        if isinstance(item, list):
            yield from outline(reader, item)
        else:
            yield str(item["/Title"]), reader.get_destination_page_number(item)


def titles(root: Path) -> list[str]:
    """The titles of the pages of the book, as plain words."""
    out = []
    for name in read_contents(root)[1:]:
        text = (root / f"{name}.md").read_text("utf8")
        title = re.search(r"^# (.*)$", text, re.MULTILINE)
        assert title, name
        out.append(re.sub(r"[`*$\\{}]", "", title[1]).strip())
    return out


def test_every_chapter_is_there_and_in_order(root: Path, bookmarks) -> None:
    def plain(text: str) -> str:
        return re.sub(r"^[\d.]+\s+|\W", "", text.replace("’", "'")).lower()

    found: dict[str, int] = {}
    for title, page in bookmarks.items():  # sections of the reference come later
        found.setdefault(plain(title), page)
    places = [found.get(plain(title)) for title in titles(root)]
    assert None not in places, list(zip(titles(root), places, strict=True))
    assert places == sorted(places)


def test_a_book_has_contents_solutions_references_and_an_index(
    bookmarks, pages
) -> None:
    assert any("Contents" in page for page in pages[:6])
    for title in ("Solutions to the exercises", "Index"):
        assert any(title in bookmark for bookmark in bookmarks), title


def ends_with_heading(text: str, title: str) -> bool:
    """Return whether the last lines of a page are a title, numbered or not."""

    def plain(text: str) -> str:
        return re.sub(r"\W", "", text)

    lines = re.sub(r"\s\d+\s*$", "", text).strip().splitlines()  # not the page's number
    ends = [plain("".join(lines[-n:])) for n in (1, 2, 3)]
    return any(re.fullmatch(r"[A-Z]?\d*" + re.escape(plain(title)), e) for e in ends)


def test_a_heading_is_a_line_of_its_own() -> None:
    assert ends_with_heading("A line.\n6.2 One\nneuron\n97", "One neuron")
    assert ends_with_heading("A line.\nk-means", "k-means")
    assert not ends_with_heading("A cluster: k-means from k-means++.", "k-means")
    assert not ends_with_heading("6.2 One neuron\nIt takes a sum.", "One neuron")


def test_no_heading_is_left_behind_at_the_foot_of_a_page(
    reader: pypdf.PdfReader, lines
) -> None:
    left = [
        (page + 1, title)
        for title, page in outline(reader, reader.outline)
        if not re.match(r"[IVX]+ ", title)  # a part has a page of its own
        if ends_with_heading(lines[page], title)
    ]
    assert left == [], f"headings without what follows: {left}"


def test_no_reference_is_lost(pages) -> None:
    found = [i + 1 for i, page in enumerate(pages) if "??" in page]
    assert found == [], f"?? on pages {found}"


def test_no_markup_is_left_over(root: Path, pages, bookmarks) -> None:
    last = next(p for t, p in bookmarks.items() if "Solutions" in t)
    for i, page in enumerate(pages[:last]):
        assert not re.search(r"\{[a-z:]+\}`|^:::|```\{|glue:text", page), (
            f"page {i + 1}"
        )
        assert not re.search(r"\\(text|mathbf|mathrm)", page), f"page {i + 1}"


def test_the_length_is_that_of_a_book(root: Path, pages, bookmarks) -> None:
    chapters = [p for p in read_book(root).chapters if p.name in read_contents(root)]
    solutions = next(p for t, p in bookmarks.items() if "Solutions" in t)
    assert 8 * len(chapters) <= solutions <= 30 * len(chapters) + 30


def test_only_the_pages_around_the_title_of_a_part_are_empty(
    root: Path, pages, bookmarks
) -> None:
    contents = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    names = [p["caption"] for p in contents["parts"] if p.get("numbered")]
    opened = [
        page
        for title, page in bookmarks.items()
        for n in names
        if title.endswith(f" {n}")
    ]
    assert len(opened) == len(names)
    may = {page + beside for page in opened for beside in (-1, 0, 1)}
    empty = {i for i, page in enumerate(pages) if len(page.strip()) < 20}
    assert empty <= may, (
        f"pages with hardly a word: {sorted(i + 1 for i in empty - may)}"
    )


def test_every_figure_is_there_as_a_vector_with_its_words(
    root: Path, reader: pypdf.PdfReader
) -> None:
    printed = [
        cell
        for page in read_book(root).pages.values()
        if page.name in read_contents(root)
        for cell in page.cells
        if cell.figure
    ]
    drawings, alternatives = 0, 0
    for page in reader.pages:
        objects = page["/Resources"].get("/XObject", {}).values()
        kinds = [o.get_object()["/Subtype"] for o in objects]
        drawings += kinds.count("/Form")
        assert "/Image" not in kinds, "a figure is only pixels"
        content = page.get_contents()
        if content is not None:
            alternatives += content.get_data().count(b"/Alt")
    assert drawings >= len(printed)
    assert alternatives >= len(printed)


def test_fonts_are_embedded_and_few(reader: pypdf.PdfReader) -> None:
    names = set()
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            inner = font.get("/DescendantFonts", [font])[0].get_object()
            files = {"/FontFile", "/FontFile2", "/FontFile3"}
            assert files & set(inner["/FontDescriptor"]), font["/BaseFont"]
            names.add(re.sub(r"^/?[A-Z]{6}\+|-Identity-H", "", str(font["/BaseFont"])))
    families = {re.match(r"[A-Za-z]+", name)[0] for name in names}
    assert {"TeXGyrePagella", "TeXGyreHeros", "DejaVuSansMono"} <= families
    assert families <= {
        "TeXGyrePagella",
        "TeXGyrePagellaMath",
        "TeXGyreHeros",
        "DejaVuSansMono",
        "DejaVuSans",
        "GenbookSans",
        "STIXGeneral",  # the sign of infinity in a figure
    }


def test_code_of_the_chapters_fits(pages, bookmarks) -> None:
    last = next(p for t, p in bookmarks.items() if "Solutions" in t)
    wrapped = [i + 1 for i, page in enumerate(pages[:last]) if "↪" in page]
    assert wrapped == [], f"code runs into a second line on pages {wrapped}"


def test_no_table_is_torn_from_its_caption(pdf: Path, pages) -> None:
    tex = (pdf.parent / "latex" / "genbook.tex").read_text("utf8")
    captions = re.findall(r"\\sphinxcaption\{(.*?)\}\\label", tex)
    assert captions
    ends = [re.sub(r"\s", "", page)[-40:] for page in pages]
    words = (re.sub(r"\\[a-zA-Z]+|[{}$\\\s]", "", c)[-40:] for c in captions)
    assert not [end for end in words if end in ends]


def test_the_log_is_clean(pdf: Path, needs) -> None:
    log = pdf.parent / "latex" / "genbook.log"
    needs("pdf", log.is_file(), "make pdf")
    found = read_log(log.read_text("utf8", "replace"))
    assert found.mistakes == ()
    assert max(found.overfull, default=0.0) <= OVERFULL_LIMIT
    assert len(found.overfull) <= 10


def test_it_says_what_it_is(root: Path, reader: pypdf.PdfReader) -> None:
    config = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    assert reader.metadata.title == config["title"]
    assert reader.metadata.author == config["author"]
    catalog = reader.trailer["/Root"]
    assert catalog["/Lang"].startswith("en")
    assert catalog["/ViewerPreferences"]["/DisplayDocTitle"]
    xmp = reader.xmp_metadata
    assert xmp.dc_title == {"x-default": config["title"]}
    assert "CC BY 4.0" in xmp.dc_rights["x-default"]
    assert reader.pages[0].mediabox.width == pytest.approx(595.28, abs=0.1)


def test_links_lead_into_the_book(reader: pypdf.PdfReader) -> None:
    named = set(reader.named_destinations)
    inside = outside = 0
    for page in reader.pages:
        for link in page.get("/Annots", []):
            action = link.get_object().get("/A", link.get_object())
            if "/URI" in action:
                outside += 1
                assert str(action["/URI"]).startswith(("https://", "http://"))
            else:
                inside += 1
                target = action.get("/D", link.get_object().get("/Dest"))
                assert not isinstance(target, str) or target in named, target
    assert inside > 100
    assert outside > 3
