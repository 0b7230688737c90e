"""The counter of words: by hand, by the page's own script, and at its doors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt

import genbook.explorables
from genbook.explorables.words import count_words, explore_words

SCRIPT = Path(genbook.explorables.__file__).parent / "static" / "explorables.js"
BY_HAND = {
    "": 0,
    "  \n ": 0,
    "one": 1,
    "one two\nthree\tfour": 4,
    "well-known, 24/7 – and/or…": 3,
    "— – * 42": 1,
    "don't": 1,
    "naïve café Ünïcode": 3,
    "東京 と 大阪": 3,
    "a\u00a0b\u2003c\u2028d\x85e\x1cf\ufeffg": 7,
    "½ ² Ⅳ ۳": 4,
    "😀 e\u0301 _ a_b": 2,
    "x" * 10_000: 1,
}


@pytest.mark.parametrize("text", BY_HAND, ids=range(len(BY_HAND)))
def test_words_counted_by_hand(text: str) -> None:
    assert count_words(text) == BY_HAND[text]


def test_the_page_counts_by_the_same_rule() -> None:
    quickjs = pytest.importorskip("quickjs")
    line = re.search(r"const counted = (.*);\n", SCRIPT.read_text("utf8"))
    assert line
    page = quickjs.Context()
    page.eval(f"var counted = {line[1]};")
    for text, wanted in BY_HAND.items():
        assert page.eval(f"counted({json.dumps(text)})") == wanted, text


def test_the_page_gets_the_limit_and_the_example() -> None:
    shown = explore_words(5, ["why"], example="</script><b> a b").html()
    assert shown.count("</script>") == 1
    data = json.loads(re.search(r'json">(.*?)</script>', shown)[1])
    assert data == {"below": 5, "example": "</script><b> a b"}


def test_without_a_script_it_is_a_sentence_and_in_print_a_table() -> None:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    sheet = explore_words(200, ["use <case>", "pros", "cons"])
    still = re.search(r'<p class="gb-still">(.*?)</p>', sheet.html())
    assert "use &lt;case&gt;, pros, cons; fewer than 200 words" in still[1]
    (ax,) = sheet.subplots().axes
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["use <case>", "pros", "cons", "words, fewer than 200"]
    kinds = {"text/html", "image/svg+xml", "application/pdf", "text/plain"}
    assert set(sheet._repr_mimebundle_()) == kinds
    plt.close("all")
    matplotlib.use(before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"below": 1}, "below must be"),
        ({"parts": []}, "parts must be one to ten texts"),
        ({"parts": ["a", " "]}, "parts must be one to ten texts"),
        ({"parts": ["a"] * 11}, "parts must be one to ten texts"),
        ({"example": "a b c"}, "example must have fewer than 3 words, got 3"),
    ],
)
def test_bad_arguments_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        explore_words(**{"below": 3, "parts": ["why"]} | change)


def test_an_example_of_one_word_less_passes() -> None:
    assert explore_words(3, ["why"], example="a b").example == "a b"
