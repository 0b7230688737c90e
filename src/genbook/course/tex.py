"""Text as TeX sets it, for what the package shows in print."""

from __future__ import annotations

from genbook._validate import check_text

__all__ = ["escape"]

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "_": r"\_",
        "%": r"\%",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "−": "$-$",
        "±": r"$\pm$",
        "≤": r"$\le$",
        "≥": r"$\ge$",
        "∞": r"$\infty$",
        "×": r"$\times$",
        **{s: rf"\textsuperscript{{{n}}}" for n, s in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        **{s: rf"\textsubscript{{{n}}}" for n, s in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    }
)


def escape(text: str) -> str:
    r"""Return plain text as TeX that shows the same text.

    Args:
        text: Any characters; those of mathematics that TeX's text fonts may lack are
            set as formulas.

    Example:
        >>> print(escape("50 % of R_1 ≥ 3 m²"))
        50 \% of R\_1 $\ge$ 3 m\textsuperscript{2}
    """
    return check_text(text, "text").translate(_ESCAPES)
