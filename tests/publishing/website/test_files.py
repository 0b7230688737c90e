"""What can be seen of the built site without a browser."""

from __future__ import annotations

import gzip
import html.parser
import itertools
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from genbook.publishing.content.sources import read_contents

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.site


class _Page(html.parser.HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []  # tag, address
        self.images: list[dict[str, str | None]] = []
        self.meta: dict[str, str] = {}
        self.headings: list[str] = []
        self.tags: Counter[str] = Counter()
        self.language = ""
        self.title = ""
        self.canonical = ""
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags[tag] += 1
        if a.get("id"):
            self.ids.append(a["id"])
        if tag == "html":
            self.language = a.get("lang") or ""
        if tag == "title":
            self._in_title = True
        if tag == "meta" and "name" in a:
            self.meta[a["name"]] = a.get("content") or ""
        if tag == "img":
            self.images.append(a)
        if tag == "link" and a.get("rel") == "canonical":
            self.canonical = a["href"]
        elif tag in ("a", "link", "img", "script", "source", "iframe"):
            for name in ("href", "src"):
                if a.get(name):
                    self.links.append((tag, a[name]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)

    def handle_endtag(self, tag):
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data):
        if self._in_title:
            self.title += data


@cache
def read(path: Path) -> _Page:
    return _Page(path.read_text("utf-8"))


def configured(part: str, key: str) -> str:
    """Return an address of ``_config.yml``, without a slash at its end."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    return str((config.get(part) or {}).get(key) or "").rstrip("/")


def pages() -> set[str]:
    """Return the pages of the table of contents, as files of the site."""
    return {f"{name}.html" for name in read_contents(ROOT)}


def test_head(site, page_name):
    page = read(site / page_name)
    assert page.language == "en-GB"
    assert page.title.strip()
    assert "\\" not in page.title
    assert 20 <= len(page.meta.get("description", "")) <= 200
    base = configured("html", "baseurl")
    assert page.canonical == (f"{base}/{page_name}" if base else "")
    assert "width=device-width" in page.meta["viewport"]


def test_headings(site, page_name):
    headings = read(site / page_name).headings
    assert headings.count("h1") == 1
    levels = [int(h[1]) for h in headings]
    jumps = [(a, b) for a, b in itertools.pairwise(levels) if b > a + 1]
    assert not jumps


def test_titles_differ(site):
    titles = Counter(
        read(p).title for p in site.rglob("*.html") if p != site / "index.html"
    )
    assert [t for t, n in titles.items() if n > 1] == []


def test_images_say_what_they_show(site, page_name):
    said: set[str] = set()  # the first panel of a figure says what all show
    for image in read(site / page_name).images:
        assert "alt" in image, image
        alt, file = image["alt"], image.get("src", "")
        if file.endswith("logo.svg"):
            assert alt == ""  # beside the name of the book
        elif alt or file not in said:
            assert len(alt) >= 15, image
            said.add(file)
            assert not re.search(r"\.(svg|png|jpe?g)$", alt), image


def test_ids_are_unique(site, page_name):
    ids = read(site / page_name).ids
    assert [i for i, n in Counter(ids).items() if n > 1] == []


def test_links_lead_somewhere(site, page_name):
    here = site / page_name
    bad = []
    for tag, address in read(here).links:
        parts = urlsplit(address)
        if parts.scheme or address.startswith("//"):
            if tag != "a":
                bad.append(f"{tag} from another host: {address}")
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        if not target.is_file():
            bad.append(f"no such file: {address}")
        elif parts.fragment and target.suffix == ".html":
            known = unquote(parts.fragment) in read(target).ids
            bad += [] if known else [f"no such place: {address}"]
    assert bad == []


def test_style_sheets_ask_nobody(site):
    for sheet in site.rglob("*.css"):
        text = sheet.read_text("utf-8")
        for address in re.findall(r"url\(['\"]?([^)'\"]+)", text):
            if address.startswith(("data:", "#")):
                continue
            assert "//" not in address, (sheet.name, address)
            assert (sheet.parent / address.partition("?")[0]).is_file(), address


def test_mathematics_is_finished(site, page_name):
    text = (site / page_name).read_text("utf-8")
    assert "MathJax" not in text
    assert "gb-bad-tex" not in text
    assert text.count('class="katex-html"') == text.count("<math ")


def test_each_page_leads_on(site):
    """From the first page, "next" passes every page of the book once, and ends."""
    first = re.search(r"url=([^\"]+)", (site / "index.html").read_text("utf-8"))[1]
    seen, page = [], site / first
    while page not in seen:
        seen.append(page)
        onward = re.search(r'rel="next" href="([^"]+)"', page.read_text("utf-8"))
        page = (page.parent / onward[1]).resolve() if onward else page
    assert {str(p.relative_to(site)) for p in seen} == pages()


def test_nothing_dead_is_shipped(site):
    names = {p.name for p in (site / "_static").rglob("*") if p.is_file()}
    for word in ("thebe", "fontawesome", "bootstrap", "clipboard", "togglebutton"):
        assert not [n for n in names if word in n]
    assert not [n for n in names if n.endswith((".map", ".ttf", ".woff"))]


def test_pages_are_light(site, page_name):
    """What a page needs before its figures: itself, its scripts, styles and fonts."""
    page = site / page_name
    files = {page}
    for tag, address in read(page).links:
        if tag in ("script", "link") and not urlsplit(address).scheme:
            path = (page.parent / urlsplit(address).path).resolve()
            if path.suffix in (".js", ".css"):
                files.add(path)
    packed = sum(len(gzip.compress(f.read_bytes())) for f in files)
    assert packed < 250_000, f"{packed / 1000:.0f} kB"


def test_map(site):
    """A site with an address has a map of all its pages; one without has none."""
    base = configured("html", "baseurl")
    assert (
        (site / "sitemap.xml").exists() == (site / "robots.txt").exists() == bool(base)
    )
    if base:
        text = (site / "sitemap.xml").read_text()
        assert f"Sitemap: {base}/sitemap.xml" in (site / "robots.txt").read_text()
        assert set(re.findall("<loc>([^<]+)</loc>", text)) == {
            f"{base}/{name}" for name in pages()
        }


def test_no_page_leads_to_a_repository_that_nobody_named(site, page_name):
    url = configured("repository", "url")
    text = (site / page_name).read_text("utf-8")
    for words in ("/edit/", "/issues/new", "colab.research.google.com"):
        assert bool(url) or words not in text
