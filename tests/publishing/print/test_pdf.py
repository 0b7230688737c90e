"""Reading the log of LaTeX, and what is said when TeX is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbook.publishing.print import pdf

LOG = r"""
This is XeTeX
LaTeX Warning: Reference `a' on page 1 undefined on input line 3.
LaTeX Warning: There were undefined references.
LaTeX Warning: Label `b' multiply defined.
Missing character: There is no 🙂 in font [texgyrepagella-regular.otf]!
Package hyperref Warning: Hyper reference `c' on page 2 undefined on input line 4.
Overfull \hbox (0.8pt too wide) in paragraph at lines 1--2
Overfull \hbox (12.5pt too wide) detected at line 9
LaTeX Font Warning: Font shape `TU/x(0)/m/n' undefined
LaTeX Info: Redefining \undefined on input line 7.
"""


def test_the_log_is_read() -> None:
    log = pdf.read_log(LOG)
    assert [m.split(":")[0] for m in log.mistakes] == [
        "missing character",
        "undefined",
        "undefined",
        "undefined",
        "duplicate label",
        "font",
        "overfull",
    ]
    assert log.overfull == (0.8, 12.5)


def test_a_clean_log_has_no_mistakes() -> None:
    text = "This is XeTeX\nOutput written on genbook.xdv (1 page, 2 bytes).\n"
    assert pdf.read_log(text) == pdf.Log((), ())


def test_an_error_is_found_with_and_without_a_place() -> None:
    assert pdf.read_log("! Emergency stop.\n").mistakes == ("error: Emergency stop.",)
    text = "./genbook.tex:12: Undefined control sequence.\n"
    assert pdf.read_log(text).mistakes == ("error: Undefined control sequence.",)


def test_without_tex_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    assert pdf.main([str(tmp_path / "a.tex"), str(tmp_path / "a.pdf")]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("The PDF needs TeX: apt-get install")
    assert "\n" not in said


def test_a_missing_source_is_named(tmp_path: Path, tex: str) -> None:
    with pytest.raises(pdf.PrintError, match=r"genbook\.tex does not exist"):
        pdf.compile_book(tmp_path / "genbook.tex", tmp_path / "genbook.pdf")
