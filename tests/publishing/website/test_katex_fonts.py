"""The fonts of formulas hold what the pages draw, and little else."""

from __future__ import annotations

import pytest
from fontTools.ttLib import TTFont

from genbook.publishing.website.katex import Renderer
from genbook.publishing.website.katex_fonts import FONTS, cut, drawn_characters, needed

ALL = sorted(file.stem for file in FONTS.glob("*.woff2"))


def letters(file) -> set[str]:
    return set(map(chr, TTFont(file).getBestCmap() or ()))


def test_what_a_page_draws_is_found_in_its_classes():
    html = Renderer()(r"\mathbf{x} + \mathcal{N}(0, \sigma^2) + \mathbb{R}")
    found = drawn_characters(f"<p>text, <b>Q</b></p>{html}<p>after: Z</p>")
    assert "x" in found["mathbf"]
    assert "N" in found["mathcal"]
    assert "R" in found["mathbb"]
    assert {"+", "(", ")", "0", "2", "σ"} <= found[""]
    assert not {"Q", "Z", "a"} & found[""]


def test_each_font_gets_what_may_be_asked_of_it():
    found = {"": set("axNR+"), "mathbf": {"x"}, "mathcal": {"N"}, "mathbb": {"R"}}
    assert needed(found, "KaTeX_Main-Regular") == "+NRax"
    assert needed(found, "KaTeX_Main-Bold") == "x"
    assert needed(found, "KaTeX_Caligraphic-Regular") == "N"
    assert needed(found, "KaTeX_AMS-Regular") == "R"
    assert needed(found, "KaTeX_Fraktur-Regular") == ""


@pytest.mark.parametrize("name", ["KaTeX_Main-Regular", "KaTeX_Math-Italic"])
def test_a_cut_font_holds_them_and_has_another_name(tmp_path, name):
    source, target = FONTS / f"{name}.woff2", tmp_path / f"{name}.woff2"
    cut(source, target, "ab+☃")
    assert letters(target) <= {"a", "b", "+", " ", "\u00a0"}
    assert letters(target) >= {"a", "b"}
    assert target.stat().st_size < source.stat().st_size / 3
    names = {r.nameID: r.toUnicode() for r in TTFont(target)["name"].names}
    assert not any("KaTeX_" in names.get(i, "") for i in (1, 3, 4, 6))
    a, b = (TTFont(file)["hmtx"]["a"] for file in (source, target))
    assert a == b


@pytest.mark.site
def test_the_fonts_of_the_site_hold_all_that_its_formulas_draw(site):
    found: dict[str, set[str]] = {}
    for page in site.rglob("*.html"):
        for part, drawn in drawn_characters(page.read_text("utf-8")).items():
            found.setdefault(part, set()).update(drawn)
    folder = site / "_static" / "katex" / "fonts"
    assert sorted(file.stem for file in folder.glob("*.woff2")) == ALL
    whole = sum(file.stat().st_size for file in FONTS.glob("*.woff2"))
    assert sum(file.stat().st_size for file in folder.glob("*.woff2")) < whole / 2
    for name in ALL:
        wanted = set(needed(found, name)) & letters(FONTS / f"{name}.woff2")
        assert wanted <= letters(folder / f"{name}.woff2"), name
