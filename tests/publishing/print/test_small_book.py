"""The printed small book: its order, its numbers, its code, its words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pypdf
import pytest

from genbook.publishing.print.pdf import PrintError, compile_book

pytestmark = [pytest.mark.print, pytest.mark.xdist_group("small-book")]


@pytest.fixture(scope="session")
def source(small_book) -> str:
    """The LaTeX of the small book, the part behind the preamble."""
    text = (small_book.build("latex") / "genbook.tex").read_text("utf8")
    return text[text.index(r"\begin{document}") :]


@pytest.fixture(scope="session")
def printed(small_book, tex: str, tmp_path_factory) -> pypdf.PdfReader:
    """The small book as a PDF."""
    target = tmp_path_factory.mktemp("pdf") / "small.pdf"
    log = compile_book(small_book.build("latex") / "genbook.tex", target)
    assert not log.mistakes
    return pypdf.PdfReader(target)


@pytest.fixture(scope="session")
def words(printed: pypdf.PdfReader) -> str:
    """Its text, on one line."""
    text = " ".join(page.extract_text() for page in printed.pages)
    return re.sub(r"\s+", " ", text)


def test_the_parts_stand_in_the_order_of_a_book(source: str) -> None:
    order = [
        r"\chapter{About this book}",
        r"\chapter{How to read}",
        r"\gbpart{First part}",
        r"\chapter{Sums and",
        r"\gbpart{Second part}",
        r"\chapter{Without code}",
        r"\chapter{Solutions to the exercises}",
        r"\chapter{Glossary}",
        r"\chapter{References}",
        r"\chapter{The package}",
    ]
    places = [source.find(heading) for heading in order]
    assert -1 not in places, [h for h, p in zip(order, places, strict=True) if p < 0]
    assert places == sorted(places)


def test_only_chapters_of_numbered_parts_have_numbers(source: str) -> None:
    kinds = re.findall(
        r"\\gb(numbered\{\d+\}|unnumbered)(?:(?!\\gbn|\\gbu).)*?\\chapter\{(\w+)",
        source,
        re.DOTALL,
    )
    assert kinds == [
        ("unnumbered", "About"),
        ("unnumbered", "How"),
        ("numbered{1}", "Sums"),
        ("numbered{2}", "Without"),
        ("unnumbered", "Solutions"),
        ("unnumbered", "Glossary"),
        ("unnumbered", "References"),
        ("unnumbered", "The"),
    ]


def test_solutions_are_gathered_and_gone_from_their_chapters(source: str) -> None:
    chapters, solutions = source.split(r"\chapter{Solutions to the exercises}")
    assert "Nothing again." not in chapters
    assert "Nothing again." in solutions
    assert "1.386" not in chapters
    assert "Solution to exercise 1.1 (Land)" in solutions
    assert "Solution to exercise 2.1" in solutions
    assert chapters.count("solution on page") == 2
    assert solutions.count("exercise on page") == 2


def test_the_code_of_drawing_cells_goes_but_not_what_they_drew(source: str) -> None:
    assert source.count(r"\begin{figure}") == 2
    assert "narrow" not in source
    assert "Dots." in source


def test_every_figure_carries_its_alternative_text(source: str) -> None:
    codes = re.findall(r"\\gbalt\{FEFF(\w+)\}", source)
    texts = [bytes.fromhex(code) for code in codes]
    assert [text.decode("utf-16-be") for text in texts] == [
        "A line that rises from left to right.",
        "Dots whose plumbing nobody needs to read.",
    ]


def test_a_claim_is_one_line(source: str) -> None:
    assert r"\gbclaim{Two and two, 100\% of it}{4}{4}" in source
    assert r"\end{equation}\gbclaim" not in source


def test_numbers_are_said_and_not_counted(source: str) -> None:
    figures = re.findall(r"\\renewcommand\{\\thefigure\}\{(.*?)\}", source)
    assert figures == ["1.1", "1.2"]
    equations = re.findall(r"\\renewcommand\{\\theequation\}\{(.*?)\}", source)
    assert equations == ["1.1", "1.2", "1.3"]
    assert r"\renewcommand{\theliteralblock}{1.1}" in source


def test_what_the_font_lacks_is_set_in_another(source: str) -> None:
    assert r"\gbglyph{★}" in source
    assert "naïve Łódź" in source
    assert r"\gbglyph{→}" not in source  # the text font has it


def test_the_website_and_the_book_give_the_same_numbers(words: str) -> None:
    for said in (
        "Definition 1.1 (Probability density)",
        "Theorem 1.1 (Gibbs)",
        "Exercise 1.1 (Land)",
        "Exercise 2.1",
        "As (1.1) said in Sums and",
        "and Figure 1.1, and Exercise 1.1.",
        "Back to Exercise 1.1 and (1.3).",
    ):
        assert said in words, said
    assert re.search(r"Listing 1\.1\W+A listing", words)


def test_text_is_whole(words: str) -> None:
    assert "??" not in words
    assert "The sum is 1,234 of 50,000" in words
    assert "MacKay (2003)" in words
    assert "(MacKay, 2003; Parzen, 1962)" in words
    assert "2nd edition" in words
    assert "Two and two, 100% of it: 4 (wanted 4)" in words
    assert re.search(r"By Jensen.s inequality", words)


def test_code_of_79_characters_fits_and_longer_code_says_so(words: str) -> None:
    assert 'stays in one line" #' in words
    assert words.count("↪") == 1, "only the over-long comment may wrap"


def test_index_bookmarks_links_and_metadata(printed: pypdf.PdfReader, words) -> None:
    assert re.search(r"Index .*addition, \d+.*probability density, \d+", words)
    titles = [
        item["/Title"] for item in printed.outline if not isinstance(item, list)
    ] + [
        item["/Title"]
        for group in printed.outline
        if isinstance(group, list)
        for item in group
        if not isinstance(item, list)
    ]
    assert any(t.startswith("1 Sums and p") for t in titles), titles
    assert "Solutions to the exercises" in titles
    assert printed.metadata.title == "A Small Book"
    assert printed.metadata.author
    assert printed.metadata.subject == "With one of everything"
    assert "machine learning" in printed.metadata["/Keywords"]
    assert printed.trailer["/Root"]["/Lang"] == "en-GB"


def test_xmp_says_the_same_and_who_may_do_what(printed: pypdf.PdfReader) -> None:
    xmp = printed.xmp_metadata
    assert xmp is not None
    assert xmp.dc_title == {"x-default": printed.metadata.title}
    assert xmp.dc_description == {"x-default": printed.metadata.subject}
    assert xmp.dc_creator == [printed.metadata.author]
    assert xmp.dc_language == ["en-GB"]
    assert xmp.pdf_keywords == printed.metadata["/Keywords"]
    assert ", ".join(xmp.dc_subject) == xmp.pdf_keywords
    assert xmp.dc_identifier.startswith("urn:uuid:")
    for said in ("©", printed.metadata.author, "CC BY 4.0", "MIT License"):
        assert said in xmp.dc_rights["x-default"]


def test_the_imprint_says_the_licences(words: str) -> None:
    assert "Text and figures: CC BY 4.0" in words
    assert "Code: MIT License." in words


def test_figures_are_vectors_and_fonts_embedded(printed: pypdf.PdfReader) -> None:
    assert embedded(printed) == []
    assert not any(page.images for page in printed.pages)


def embedded(reader: pypdf.PdfReader) -> list[str]:
    """Return the fonts of the pages that are not in the file."""
    missing = []
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            inner = font.get("/DescendantFonts", [font])[0].get_object()
            descriptor = inner.get("/FontDescriptor", {})
            files = {"/FontFile", "/FontFile2", "/FontFile3"}
            if font["/Subtype"] != "/Type3" and not files & set(descriptor):
                missing.append(str(font.get("/BaseFont")))
    return missing


@pytest.fixture
def copy(small_book, tex: str, tmp_path: Path) -> Path:
    """A copy of the LaTeX folder that a test may spoil."""
    folder = tmp_path / "latex"
    shutil.copytree(small_book.build("latex"), folder)
    return folder / "genbook.tex"


def spoil(file: Path, new: str) -> None:
    text = file.read_text("utf8")
    assert "From left to right." in text
    file.write_text(text.replace("From left to right.", new), "utf8")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (r"See \ref{nowhere}.", "undefined"),
        ("A face: 🙂.", "missing character"),
        (r"\undefinedcommand", "Undefined control sequence"),
        (r"\hbox to 1.2\textwidth{a\hfil b}", "overfull"),
        (r"\label{a}\label{a}", "multiply defined"),
    ],
)
def test_a_mistake_stops_the_book_and_leaves_no_pdf(
    copy: Path, text: str, complaint: str, tmp_path: Path
) -> None:
    spoil(copy, text)
    target = tmp_path / "book.pdf"
    target.write_bytes(b"the last good one")
    with pytest.raises(PrintError, match=re.escape(complaint)):
        compile_book(copy, target)
    assert target.read_bytes() == b"the last good one"


def test_two_books_of_one_date_are_the_same_bytes(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    other = tmp_path / "elsewhere" / "latex"
    shutil.copytree(copy.parent, other)
    compile_book(copy, tmp_path / "one.pdf")
    compile_book(other / copy.name, tmp_path / "two.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
