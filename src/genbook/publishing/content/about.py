"""What every form of the book says of itself: its language, rights and subjects."""

from __future__ import annotations

from sphinx.config import Config

LANGUAGE = "en-GB"
KEYWORDS = ("generative models", "machine learning", "probability", "PyTorch")
LICENCE = "https://creativecommons.org/licenses/by/4.0/"  # of the text and the figures


def rights(config: Config) -> str:
    """Return who holds the rights of the book and what readers may do, in a line."""
    return (
        f"© {config.copyright} {config.author}. "
        f"Text and figures: CC BY 4.0, {LICENCE}. Code: MIT License. "
        "Data: their own licences, listed in DATA_LICENSES.md."
    )
