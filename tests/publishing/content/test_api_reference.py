"""The reference of the package leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "genbook"

# The book's machinery: read by those who change it, in the source.
MACHINERY = {"publishing", "cli"}


def test_a_page_is_kept_without_the_environment(tiny) -> None:
    """It was kept with each page of the reference, and read whenever one was."""
    (tiny.source / "sums.md").unlink()
    tiny.write("words.md", "# Words\n\n```{eval-rst}\n.. py:function:: f()\n```\n")
    names = ("content.api_reference", "content.reports")
    extensions = [f"genbook.publishing.{name}" for name in names]
    built = tiny.build(extensions=extensions)
    assert not built.failed, built.warnings + built.error
    kept = (tiny.root / "_build" / ".doctrees" / "words.doctree").read_bytes()
    assert b"BuildEnvironment" not in kept


def test_every_public_module_is_in_the_reference() -> None:
    listed = [
        module
        for page in (ROOT / "book" / "api").glob("*.md")
        for module in re.findall(
            r"^\.\. automodule:: (\S+)$", page.read_text("utf8"), re.MULTILINE
        )
    ]
    parts = [
        p.relative_to(PACKAGE).with_suffix("").parts for p in PACKAGE.rglob("*.py")
    ]
    public = {
        ".".join(("genbook", *names))
        for names in parts
        if names[0] not in MACHINERY and not any(name.startswith("_") for name in names)
    }
    public |= {  # and packages that offer something themselves
        ".".join(("genbook", *p.relative_to(PACKAGE).parent.parts))
        for p in PACKAGE.rglob("*/__init__.py")
        if p.relative_to(PACKAGE).parts[0] not in MACHINERY
        and "__all__" in p.read_text("utf8")
    }
    assert sorted(listed) == sorted(public), "book/api lists each module once"
