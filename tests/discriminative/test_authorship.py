"""The classifier of passages: its features, its sums, its probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from genbook.data.prose import Prose, load_docstrings
from genbook.discriminative.authorship import AuthorClassifier, tokens_of


def made_up(n: int = 240, seed: int = 0) -> Prose:
    """Two authors with the same topics; one says "upon" where the other says "on"."""
    rng = np.random.default_rng(seed)
    topics = ["ships", "trade", "courts", "taxes", "armies", "roads"]
    texts, authors = [], []
    for i in range(n):
        a = i % 3 == 0
        words = []
        for _ in range(20):
            word = "upon" if rng.random() < (0.7 if a else 0.3) else "on"
            words += ["we", "rely", word, str(rng.choice(topics)), ","]
        texts.append(" ".join(words))
        authors.append("Hamilton" if a else "Madison")
    return Prose(tuple(texts), tuple(authors), tuple(f"s{i // 4}" for i in range(n)))


def test_style_and_topic_divide_the_tokens() -> None:
    text = "Upon the sea, well-known ships; nothing else!"
    single = {k: [t for t in tokens_of(text, k) if " " not in t] for k in KINDS}
    assert single["style"] == ["upon", "the", ",", ";", "nothing", "else", "!"]
    assert single["topic"] == ["sea", "well-known", "ships"]
    assert sorted(single["style"] + single["topic"]) == sorted(single["all"])
    assert "upon the" in tokens_of(text, "style")
    assert "the sea" in tokens_of(text)
    assert "the sea" not in tokens_of(text, "style") + tokens_of(text, "topic")
    assert ", ;" not in tokens_of(text, "style"), "neighbours in the text only"


KINDS = ("all", "style", "topic")


def test_the_weights_are_tf_idf() -> None:
    """By hand: (1 + log k) (1 + log((1 + n) / (1 + n_j))), of unit length."""
    prose = Prose(("x x y", "y", "z z", "y z"), tuple("ABAB"), tuple("abcd"))
    model = AuthorClassifier(folds=2, min_count=1).fit(prose, "A")
    row = model.vectors.transform(["x x y"]).toarray()[0]
    names = model.vectors.get_feature_names_out()
    stands_in = {"x": 1, "y": 3, "x x": 1, "x y": 1}
    by_hand = {
        t: (1 + math.log(2 if t == "x" else 1)) * (1 + math.log(5 / (1 + n)))
        for t, n in stands_in.items()
    }
    length = math.sqrt(sum(v * v for v in by_hand.values()))
    for name, value in zip(names, row, strict=True):
        assert value == pytest.approx(by_hand.get(name, 0.0) / length)


def test_contributions_add_up_to_the_log_odds() -> None:
    prose = made_up()
    model = AuthorClassifier().fit(prose, "Hamilton")
    text = prose.texts[0]
    parts = model.contributions(text)
    [logit] = model.logits([text])
    assert sum(parts.values()) + model.bias == pytest.approx(logit)
    assert model.predict_proba([text])[0] == pytest.approx(1 / (1 + math.exp(-logit)))
    sizes = [abs(v) for v in parts.values()]
    assert sizes == sorted(sizes, reverse=True)
    strongest = next(iter(parts))
    assert "upon" in strongest or "on" in strongest.split()


def test_style_finds_the_author_where_topics_say_nothing() -> None:
    train, test = made_up().split(seed=1)
    y = test.by("Hamilton")
    right = {}
    for kind in KINDS:
        model = AuthorClassifier(kind).fit(train, "Hamilton")
        right[kind] = balanced_accuracy_score(y, model.predict(test.texts))
    assert right["style"] > 0.9
    assert right["all"] > 0.9
    assert right["topic"] < 0.7


def test_the_probabilities_mean_what_they_say() -> None:
    """Where authors overlap: the mean of p is the share, and p is near the posterior.

    Each passage has 20 choices of "upon" with chance 0.7 or 0.3, so its log odds are
    known: (2 k - 20) log(7 / 3) + log(1 / 2).
    """
    train, test = made_up(2400), made_up(1200, seed=5)
    model = AuthorClassifier("style").fit(train, "Hamilton")
    p = model.predict_proba(test.texts)
    assert p.mean() == pytest.approx(test.by("Hamilton").mean(), abs=0.02)
    k = np.array([text.split().count("upon") for text in test.texts])
    truth = 1 / (1 + np.exp(-((2 * k - 20) * math.log(7 / 3) - math.log(2))))
    assert np.abs(p - truth).mean() < 0.03


def test_overconfidence_is_mended_by_the_calibration() -> None:
    """With almost no penalty the regression is too sure; the slope takes it back."""
    rng = np.random.default_rng(0)
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(300)]
    texts = tuple(" ".join(rng.choice(words, 40)) for _ in range(200))
    prose = Prose(texts, tuple("AB" * 100), tuple(f"s{i}" for i in range(200)))
    model = AuthorClassifier(c=1000.0).fit(prose, "A")
    assert model.slope < 0.5, "there is nothing to learn here"
    p = model.predict_proba(made_up(60).texts)
    assert np.abs(p - 0.5).max() < 0.2


def test_fitting_twice_gives_the_same() -> None:
    prose = made_up()
    p, q = (
        AuthorClassifier().fit(prose, "Madison").predict_proba(prose.texts)
        for _ in "ab"
    )
    assert np.array_equal(p, q)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_whose_docstring_is_it(seed: int) -> None:
    """On the real thing; five seeds gave 0.835 to 0.888."""
    train, test = load_docstrings().split(seed=seed)
    y = test.by("NumPy")
    model = AuthorClassifier().fit(train, "NumPy")
    assert balanced_accuracy_score(y, model.predict(test.texts)) > 0.82
    assert abs(model.predict_proba(test.texts).mean() - y.mean()) < 0.04


def test_bad_arguments() -> None:
    prose = made_up(24)
    with pytest.raises(ValueError, match="kind must be all, style or topic, got 'abc'"):
        tokens_of("a b", "abc")
    with pytest.raises(TypeError, match="text must be a string, got int"):
        tokens_of(5)
    with pytest.raises(TypeError, match="prose must be a Prose, got str"):
        AuthorClassifier().fit("a b", "A")
    with pytest.raises(ValueError, match="kind must be all, style or topic"):
        AuthorClassifier("words")
    with pytest.raises(ValueError, match="c must be positive"):
        AuthorClassifier(c=0)
    with pytest.raises(ValueError, match="AuthorClassifier is not fitted"):
        AuthorClassifier().predict_proba(["a"])
    with pytest.raises(ValueError, match="author must be one of"):
        AuthorClassifier().fit(prose, "Jay")
    alone = prose.take(np.flatnonzero(prose.by("Madison")))
    with pytest.raises(ValueError, match="must hold another author besides 'Madison'"):
        AuthorClassifier().fit(alone, "Madison")
    few = Prose(("a", "b", "c"), ("A", "B", "B"), ("x", "y", "z"))
    with pytest.raises(ValueError, match="two sources or more of A, got 1"):
        AuthorClassifier().fit(few, "A")
    model = AuthorClassifier(folds=2).fit(prose, "Madison")
    with pytest.raises(TypeError, match="texts must be a sequence of str"):
        model.predict_proba("one passage")
    assert model.predict_proba([]).shape == (0,)
