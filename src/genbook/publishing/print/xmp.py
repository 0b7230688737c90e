"""What the PDF says of itself in XMP, which libraries and search engines read.

``hyperxmp`` would write it from LaTeX, but with the packages of this book its packet
never reaches the file, and the author's name leaves the old dictionary of the PDF.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from sphinx.config import Config

from genbook.publishing.content.about import KEYWORDS, LANGUAGE, LICENCE, rights

FILE = "genbook.xmp"  # that genbook.sty puts into the PDF

_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">
   <dc:format>application/pdf</dc:format>
   <dc:type><rdf:Bag><rdf:li>Text</rdf:li></rdf:Bag></dc:type>
   <dc:title>{title}</dc:title>
   <dc:description>{subtitle}</dc:description>
   <dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
   <dc:publisher><rdf:Bag><rdf:li>{author}</rdf:li></rdf:Bag></dc:publisher>
   <dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
   <dc:subject><rdf:Bag>{subjects}</rdf:Bag></dc:subject>
   <dc:identifier>{identifier}</dc:identifier>
   <dc:rights>{rights}</dc:rights>
   <xmpRights:Marked>True</xmpRights:Marked>
   <xmpRights:WebStatement>{licence}</xmpRights:WebStatement>
   <pdf:Keywords>{keywords}</pdf:Keywords>
   <xmp:CreatorTool>{tool}</xmp:CreatorTool>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>
"""


def packet(config: Config) -> str:
    """Return the packet of the book.

    Its dates are left to the old dictionary, where TeX writes them.
    """
    texts = {
        "title": _spoken(config.html_title or config.project),
        "subtitle": _spoken(config.genbook_subtitle),
        "author": escape(config.author),
        "language": LANGUAGE,
        "subjects": _listed(KEYWORDS),
        "keywords": escape(", ".join(KEYWORDS)),
        "identifier": escape(config.epub_identifier),
        "rights": _spoken(rights(config)),
        "licence": LICENCE,
        "tool": escape(f"genbook {config.release}, Sphinx and XeLaTeX"),
    }
    return _PACKET.format_map(texts)


def _spoken(text: str) -> str:
    """Return a text in its only language, as XMP wants it."""
    item = f'<rdf:li xml:lang="x-default">{escape(text)}</rdf:li>'
    return f"<rdf:Alt>{item}</rdf:Alt>"


def _listed(texts: Iterable[str]) -> str:
    return "".join(f"<rdf:li>{escape(text)}</rdf:li>" for text in texts)
