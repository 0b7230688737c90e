"""What pages show of one another, and what all of them are made with.

Three digests. When the :func:`machinery` changes, every page is read again; when the
:func:`facts` or the :func:`looks` do, every page is written again; else only the pages
that were edited, or whose code ran.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from genbook.course.fingerprint import Code, Imports, Package
from genbook.course.surroundings import file_digest

# What pages are dressed in: files of the package that are no code.
_LOOKS = (
    "publishing/website/theme",
    "publishing/website/katex_assets",
    "publishing/print/epub.css",
    "explorables/static",
)
_SETTINGS = (
    *("html_static_path", "html_extra_path", "templates_path", "html_favicon"),
    *("html_logo", "latex_additional_files", "epub_css_files"),
)


def facts(env: BuildEnvironment) -> str:
    """Return a digest of all that a page may show of another one.

    These are titles, the order of the pages and their numbers, what one can refer to,
    and the works that are cited.

    Args:
        env: The environment, after reading and numbering.
    """
    standard: Any = env.domaindata["std"]
    found: list[Any] = [
        {doc: [title.pformat()] for doc, title in env.titles.items()},
        {doc: [title.pformat()] for doc, title in env.longtitles.items()},
        {doc: _lists(toc) for doc, toc in env.tocs.items()},
        env.toctree_includes,
        env.toc_secnumbers,
        env.toc_fignumbers,
        {n: sorted(map(repr, d.get_objects())) for n, d in env.domains.items()},
        [standard["anonlabels"], standard["labels"]],
        env.domaindata.get("math", {}).get("objects"),
        [[c.key, c.formatted_entry.label, repr(c.entry)] for c in _citations(env)],
        _entries(getattr(env, "proof_list", {})),
        _entries(getattr(env, "sphinx_exercise_registry", {})),
    ]
    return _digest(found)


def _lists(toc: nodes.Node) -> list[str]:
    return [repr(sorted(t.attributes.items())) for t in toc.findall(addnodes.toctree)]


def _citations(env: BuildEnvironment) -> Iterable[Any]:
    return env.domaindata.get("cite", {}).get("citations", ())


def _entries(registry: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the entries of a registry, without the text of what they name."""
    return {label: list(_entry(entry)) for label, entry in registry.items()}


def _entry(entry: dict[str, Any]) -> Iterator[str]:
    for value in entry.values():
        if isinstance(value, nodes.Element):
            title = value.next_node(nodes.title)
            yield title.astext() if title is not None else ""
        else:
            yield repr(value)


def machinery(extensions: Iterable[str], package: Package | None = None) -> str:
    """Return a digest of the code that makes pages of sources.

    Args:
        extensions: The modules that Sphinx has loaded.
        package: The package whose folder ``publishing`` holds the code; ours.
    """
    package = package or Package("genbook")
    home = package.root / "publishing"
    ours = [path.relative_to(package.root) for path in home.rglob("*.py")]
    names = {".".join((package.name, *path.with_suffix("").parts)) for path in ours}
    imports = Imports(frozenset({n.removesuffix(".__init__") for n in names}))
    key = package.key(Code("", imports | Imports(frozenset(extensions))))
    code = {m: file_digest(p) for m in key.modules if (p := package.source(m))}
    dress = [package.root / place for place in _LOOKS]
    data = [
        path
        for path in _files([home])
        if path.suffix not in {".py", ".pyc"}
        if not any(path.is_relative_to(place) for place in dress)
    ]
    return _digest([code, _digests(data, package.root), key.versions])


def looks(config: Config, folder: Path) -> str:
    """Return a digest of the files that every page asks for: styles, fonts, pictures.

    Args:
        config: The configuration, which names some of them.
        folder: Where these names start.
    """
    root = Package("genbook").root
    places = [root / place for place in _LOOKS]
    for setting in _SETTINGS:
        value = getattr(config, setting, None) or []
        for name in [value] if isinstance(value, str) else value:
            name = name[0] if isinstance(name, tuple) else name
            places.append(folder / str(name))
    return _digest(_digests(_files(places), root))


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file())


def _digests(files: Iterable[Path], root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root) if p.is_relative_to(root) else p): file_digest(p)
        for p in files
    }


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()
