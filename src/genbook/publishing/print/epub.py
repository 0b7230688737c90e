"""The book as an EPUB 3 that readers and ``epubcheck`` accept.

Mathematics is MathML, figures are SVG with their alternative text, nothing needs a
script. The code of cells that only draw is left out, and the solutions stand at the
end of their chapter. Two builds of one commit give the same file but for its date.
"""

from __future__ import annotations

import html
import os
import re
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder
from sphinx.config import Config

from genbook._files import replacing
from genbook.publishing.content.about import KEYWORDS, LANGUAGE, LICENCE, rights
from genbook.publishing.content.html import plain
from genbook.publishing.content.svg import tidy_svg
from genbook.publishing.print import cover
from genbook.publishing.print.mathml import plain_letters

STYLE = Path(__file__).with_name("epub.css")
COVER_IMAGE = "_images/cover.png"
COVER_PAGE = "cover.xhtml"

_COVER = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"
  lang="{lang}" xml:lang="{lang}">
<head><title>{title}</title>
<style>body {{ margin: 0; text-align: center; }} img {{ max-width: 100%; }}</style>
</head>
<body epub:type="cover"><img src="{image}" alt="{alt}" /></body>
</html>
"""
_ACCESSIBILITY = """
    <meta property="schema:accessMode">textual</meta>
    <meta property="schema:accessMode">visual</meta>
    <meta property="schema:accessModeSufficient">textual</meta>
    <meta property="schema:accessibilityFeature">alternativeText</meta>
    <meta property="schema:accessibilityFeature">MathML</meta>
    <meta property="schema:accessibilityFeature">structuralNavigation</meta>
    <meta property="schema:accessibilityFeature">tableOfContents</meta>
    <meta property="schema:accessibilityHazard">none</meta>
    <meta property="schema:accessibilitySummary">Figures have alternative texts,
      formulas are MathML, nothing depends on colour alone.</meta>"""


def _subjects() -> str:
    """Return the subjects of the book and the address of its licence."""
    lines = [f"<dc:subject>{html.escape(word)}</dc:subject>" for word in KEYWORDS]
    lines.append(f'<link rel="dcterms:license" href="{LICENCE}"/>')
    return "".join(f"\n    {line}" for line in lines)


class EpubBuilder(Epub3Builder):
    """Sphinx's EPUB builder, with the book's style and nothing of the website's."""

    def init(self) -> None:
        """Declare the language on every page."""
        super().init()
        lang = html.escape(self.config.epub_language)
        self.html_tag = Epub3Builder.html_tag.replace(
            "<html ", f'<html lang="{lang}" xml:lang="{lang}" '
        )

    def get_outdated_docs(self) -> Iterator[str]:
        """Write every page: an old one beside a new style would be a false book."""
        yield from sorted(self.env.found_docs)

    def init_css_files(self) -> None:
        """Use one style sheet."""
        self._css_files = []
        self.add_css_file(STYLE.name)

    def add_css_file(self, filename: str, **kwargs: Any) -> None:
        """Refuse the style sheets of a website."""
        if filename == STYLE.name:
            super().add_css_file(filename, **kwargs)

    def init_js_files(self) -> None:
        """Use no script."""
        self._js_files = []

    def add_js_file(self, filename: str, **kwargs: Any) -> None:
        """Refuse scripts."""

    def copy_static_files(self) -> None:
        """Copy the style sheet, and nothing that a website needs."""
        static = Path(self.outdir, "_static")
        static.mkdir(parents=True, exist_ok=True)
        for old in static.rglob("*"):
            if old.is_file():
                old.unlink()
        (static / STYLE.name).write_text(STYLE.read_text("utf-8"), "utf-8")

    def copy_image_files(self) -> None:
        """Copy the figures without what only editors of figures read."""
        super().copy_image_files()
        for name in self.images.values():
            file = Path(self.outdir, self.imagedir, name)
            if file.suffix == ".svg" and file.is_file():
                file.write_text(plain_svg(file.read_text("utf-8")), "utf-8")
        image = Path(self.outdir, COVER_IMAGE)
        image.parent.mkdir(parents=True, exist_ok=True)
        cover.draw(image, self.config.epub_title, self.config.genbook_subtitle)
        page = _COVER.format(
            lang=self.config.epub_language,
            title=html.escape(self.config.epub_title),
            image=COVER_IMAGE,
            alt=html.escape(cover.alt(self.config.epub_title)),
        )
        Path(self.outdir, COVER_PAGE).write_text(page, "utf-8")

    def make_id(self, name: str) -> str:
        """Name an item after its file, the same in every build."""
        return "item-" + re.sub(r"[^A-Za-z0-9]+", "-", name)

    def build_content(self) -> None:
        """Write the package file: media, reading order, what the pages contain."""
        super().build_content()
        file = Path(self.outdir, "content.opf")
        text = file.read_text("utf-8")
        for name in self.files:
            properties = []
            if name == COVER_IMAGE:
                properties.append("cover-image")
            elif name.endswith(".xhtml"):
                page = Path(self.outdir, name).read_text("utf-8")
                properties += ["mathml"] if "<math" in page else []
                properties += ["svg"] if "<svg" in page else []
            if properties:
                text = text.replace(
                    f'<item id="{self.make_id(name)}" ',
                    f'<item id="{self.make_id(name)}" '
                    f'properties="{" ".join(properties)}" ',
                )
        reference = f'<itemref idref="{self.make_id(COVER_PAGE)}"'
        text = text.replace(f'{reference} linear="no" />', "")
        text = re.sub(r"(<spine [^>]*>)", rf"\1\n    {reference} />", text)
        text = text.replace(
            "  </metadata>",
            f'    <meta name="cover" content="{self.make_id(COVER_IMAGE)}"/>'
            f"{_subjects()}{_ACCESSIBILITY}\n  </metadata>",
        )
        text = re.sub(r"\s*<dc:contributor>[^<]*</dc:contributor>", "", text)
        text = re.sub(r'\s*<meta property="ibooks:.*?</meta>', "", text)
        text = re.sub(r'\s*prefix="ibooks:[^"]*"', "", text)
        file.write_text(text, "utf-8")

    def build_toc(self) -> None:
        """Write the contents for old readers, under the identifier of the package."""
        super().build_toc()
        file = Path(self.outdir, "toc.ncx")
        old = f'name="dtb:uid" content="{self.config.epub_uid}"'
        new = f'name="dtb:uid" content="{self.config.epub_identifier}"'
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")

    def build_epub(self) -> None:
        """Pack the files in one order and with one date."""
        date = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")))[:6]
        names = ["META-INF/container.xml", "content.opf", "toc.ncx", *self.files]
        target = Path(self.outdir, f"{self.config.epub_basename}.epub")
        with replacing(target) as partial, zipfile.ZipFile(partial, "w") as archive:
            for name in ["mimetype", *sorted(names)]:
                entry = zipfile.ZipInfo(name, date)
                entry.external_attr = 0o644 << 16
                entry.compress_type = (
                    zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
                )
                archive.writestr(entry, Path(self.outdir, name).read_bytes())


def plain_svg(svg: str) -> str:
    """Return a figure as an EPUB wants it: no document type, metadata or links.

    The links of a figure lead to pages of the website, and a figure that stands in a
    page as an image cannot be followed anyway.

    Example:
        >>> plain_svg('<?xml version="1.0"?><!DOCTYPE svg SYSTEM "a.dtd"><svg> </svg>')
        '<?xml version="1.0" encoding="UTF-8"?><svg></svg>'
    """
    noise = r"<\\?xml.*?\\?>|<!DOCTYPE.*?>|</?a\b[^>]*>"
    svg = re.sub(noise, "", svg, flags=re.DOTALL)
    return '<?xml version="1.0" encoding="UTF-8"?>' + tidy_svg(svg[svg.index("<svg") :])


def prepare_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mend what the page has become."""
    if app.builder.name == "epub":
        body = plain_letters(context.get("body") or "")  # and without Thebe's settings
        context["body"] = re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL)
        context["title"] = html.escape(plain(context.get("title") or ""))
        context["metatags"] = ""


def configure(app: Sphinx, config: Config) -> None:
    """Say what the book is called and who wrote it, the same for every builder."""
    title = config.html_title or config.project
    url = config.html_baseurl or f"https://example.org/{config.project}"
    config.epub_title = title
    config.epub_basename = config.project
    config.epub_description = config.genbook_subtitle or title
    config.epub_language = LANGUAGE
    config.epub_copyright = rights(config)
    config.epub_identifier = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, url)}"
    config.epub_uid = "book-id"
    config.epub_scheme = "UUID"
    config.epub_tocscope = "includehidden"
    config.epub_tocdepth = 2
    config.epub_tocdup = False
    config.epub_show_urls = "no"
    config.epub_use_index = False
    config.epub_exclude_files = ["index.html"]  # a redirect of sphinx-external-toc
    figures = ["epub", "image/svg+xml", 10]
    if figures not in config.nb_mime_priority_overrides:
        config.nb_mime_priority_overrides = [
            *config.nb_mime_priority_overrides,
            figures,
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the builder and what it needs."""
    app.setup_extension("genbook.publishing.print.cover")
    app.add_builder(EpubBuilder, override=True)
    app.setup_extension("genbook.publishing.print.epub_pages")
    app.connect("config-inited", configure, priority=700)
    app.connect("html-page-context", prepare_context, priority=900)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
