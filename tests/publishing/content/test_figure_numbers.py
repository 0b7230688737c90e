"""References to figures by their number."""

from __future__ import annotations

import re

import pytest
from sphinx.environment import BuildEnvironment

FIGURE = """\
```{{figure}} dot.svg
---
alt: "A dot."
name: fig-{name}
---
A dot.
```

See {{numref}}`fig-sums`, {{numref}}`fig-words`, and once more {{numref}}`fig-sums`.
"""
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'


def test_a_page_is_read_once_for_all_references_to_its_figures(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny.source / "dot.svg").write_text(DOT)
    for name in ("sums", "words"):
        tiny.write(f"{name}.md", f"# {name}\n\n" + FIGURE.format(name=name))
    read: list[str] = []
    numbered = False
    get, check = BuildEnvironment.get_doctree, BuildEnvironment.check_consistency

    def note(env: BuildEnvironment, docname: str):
        if numbered:
            read.append(docname)
        return get(env, docname)

    def begin(env: BuildEnvironment) -> None:
        nonlocal numbered
        check(env)
        numbered = True  # what comes now is for the writing

    monkeypatch.setattr(BuildEnvironment, "get_doctree", note)
    monkeypatch.setattr(BuildEnvironment, "check_consistency", begin)
    content = "genbook.publishing.content"
    extensions = [f"{content}.reports", f"{content}.figure_numbers"]
    built = tiny.build(extensions=extensions, numfig=True)
    assert not built.failed, built.warnings + built.error
    for page in ("sums", "words"):
        text = built.pages[page]
        found = re.findall(r'<span class="std std-numref">(.*?)</span>', text)
        assert found == ["Fig. 1", "Fig. 2", "Fig. 1"]
    assert sorted(read) == ["sums", "words"]
