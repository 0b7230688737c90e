"""Author or not: the probability that a passage is by a given author, and why.

Words and marks are counted and weighted (TF-IDF), a logistic regression adds the
weights up, and two numbers found on passages that it has not learned from make its
probability mean what it says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from genbook._validate import (
    check_choice,
    check_count,
    check_each,
    check_fitted,
    check_positive,
    check_text,
)
from genbook.data.prose import Prose

_WORDS = """
a about above after again all almost along already also although always am among an
and another any anyone anything are as at away back be became because become been
before behind being below between both but by can cannot could did do does doing
done down during each either else enough especially even ever every except few first
for from further had has have having he hence her here herself him himself his how
however i if in indeed instead into is it its itself just last least less like
likely made make makes many may me might mine more moreover most much must my myself
namely near neither never next no nobody none nor not nothing now of off often on
once one only onto or other others otherwise ought our ours out over own per perhaps
please quite rather really same see seem seems several shall she should since so
some something sometimes soon still such than that the their theirs them themselves
then there thereby therefore these they this those though through thus to together
too toward towards under unless until up upon us usually very via was we well were
what whatever when whenever where whereas whether which while who whole whom whose
why will with within without would yes yet you your yours yourself
"""
#: Words that say how something is said, and hardly what it is about.
FUNCTION_WORDS = frozenset(_WORDS.split())
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[.,;:!?()\"“”—–-]")

Kind = Literal["all", "style", "topic"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def tokens_of(text: str, kind: Kind = "all") -> list[str]:
    """Return the words and marks of a text, and the pairs of neighbours among them.

    Args:
        text: A passage.
        kind: ``"style"`` keeps function words and punctuation marks, ``"topic"`` all
            other words, ``"all"`` both. A pair needs two neighbours that are kept.

    Raises:
        TypeError: If ``text`` is not a string.
        ValueError: If there is no such kind.

    Example:
        >>> tokens_of("The axis, if any.", "style")
        ['the', ',', 'if', 'any', '.', ', if', 'if any', 'any .']
    """
    check_text(text, "text")
    check_choice(kind, "kind", KINDS)
    found = _TOKEN.findall(text.lower())
    if kind == "all":
        kept = [True] * len(found)
    else:
        kept = [
            (t in FUNCTION_WORDS or not t[0].isalpha()) == (kind == "style")
            for t in found
        ]
    single = [t for t, k in zip(found, kept, strict=True) if k]
    pairs = [
        f"{found[i]} {found[i + 1]}"
        for i in range(len(found) - 1)
        if kept[i] and kept[i + 1]
    ]
    return single + pairs


class AuthorClassifier:
    r"""The probability that a passage is by one author and not by any other.

    A passage becomes a vector :math:`\mathbf x` with an entry for each word, mark and
    pair, :math:`(1+\log k_j)\,\bigl(1+\log\frac{1+n}{1+n_j}\bigr)` where it stands
    :math:`k_j\ge 1` times in the passage and in :math:`n_j` of the :math:`n` passages
    (TF-IDF), scaled to unit length. Then

    .. math::

        p(y=1\mid\mathbf x)=\sigma\bigl(a\,(\mathbf w^\top\mathbf x+b)+d\bigr),

    where the logistic regression :math:`(\mathbf w,b)` comes from all passages, and
    the calibration :math:`(a,d)` from passages of sources that took no part in the
    regression that judged them.

    Args:
        kind: What counts: ``"all"``, ``"style"`` or ``"topic"``, as in
            :func:`tokens_of`.
        c: The strength of the data against the penalty on large weights.
        folds: How many parts the sources are divided into for the calibration.
        min_count: In how many passages a word, mark or pair must stand to count.

    Reference:
        Mosteller and Wallace, "Inference and Disputed Authorship: The Federalist",
        1964; Platt, "Probabilistic outputs for support vector machines", 1999.

    Example:
        >>> prose = Prose(
        ...     ("ay ay sir", "no no no", "ay sir", "no no") * 3,
        ...     ("A", "B") * 6,
        ...     tuple("abcdefabcdef"),
        ... )
        >>> model = AuthorClassifier(folds=2, min_count=1).fit(prose, "A")
        >>> p = model.predict_proba(["ay ay", "no"])
        >>> bool(p[0] > 0.5 > p[1])
        True
    """

    def __init__(
        self,
        kind: Kind = "all",
        *,
        c: float = 10.0,
        folds: int = 3,
        min_count: int = 3,
    ) -> None:
        check_choice(kind, "kind", KINDS)
        self.kind = kind
        self.c = check_positive(c, "c")
        self.folds = check_count(folds, "folds", minimum=2)
        self.min_count = check_count(min_count, "min_count", minimum=1)
        self.author: str | None = None

    def fit(self, prose: Prose, author: str) -> AuthorClassifier:
        """Learn from passages.

        Args:
            prose: Passages of the author and of others.
            author: Whom to tell from the rest.

        Raises:
            TypeError: If ``prose`` is not a :class:`~genbook.data.prose.Prose`.
            ValueError: If the author wrote none or all of the passages, or they come
                from fewer sources than there are folds.
        """
        if not isinstance(prose, Prose):
            raise TypeError(f"prose must be a Prose, got {type(prose).__name__}")
        y = prose.by(author)
        if y.all():
            raise ValueError(f"prose must hold another author besides {author!r}")
        groups = [f"{a}/{s}" for a, s in zip(prose.authors, prose.sources, strict=True)]
        for who, rows in ((author, y), ("the others", ~y)):
            n = len({groups[i] for i in np.flatnonzero(rows)})
            if n < 2:
                raise ValueError(f"prose must hold two sources or more of {who}, got 1")
        self.vectors = TfidfVectorizer(
            analyzer=self._analyse,
            sublinear_tf=True,
            min_df=self.min_count,
            dtype=np.float64,
        )
        x = self.vectors.fit_transform(prose.texts)
        logits = np.zeros(len(y))
        judged = np.zeros(len(y), dtype=bool)
        for learn, judge in GroupKFold(self.folds).split(x, y, groups):
            if 0 < y[learn].sum() < len(learn):
                logits[judge] = (
                    self._regression()
                    .fit(x[learn], y[learn])
                    .decision_function(x[judge])
                )
                judged[judge] = True
        platt = LogisticRegression(C=1e6).fit(logits[judged, None], y[judged])
        final = self._regression().fit(x, y)
        self.slope = float(platt.coef_[0, 0])
        self.shift = float(platt.intercept_[0])
        self.weights = self.slope * final.coef_[0]
        self.bias = self.slope * float(final.intercept_[0]) + self.shift
        self.share = float(y.mean())
        self.author = author
        return self

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability that each passage is by the author, ``(n,)``."""
        return 1 / (1 + np.exp(-self.logits(texts)))

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the log odds of each passage in nats, ``(n,)``."""
        check_fitted(self.author is not None, "AuthorClassifier")
        if not len(check_each(texts, "texts", str)):
            return np.zeros(0)
        return self.vectors.transform(texts) @ self.weights + self.bias

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return which passages are more likely the author's than before reading.

        The threshold is the share of the author's passages in training, so that
        neither side is favoured for being the larger one.
        """
        return self.predict_proba(texts) > self.share

    def contributions(self, text: str) -> dict[str, float]:
        """Return what each word, mark and pair of a passage adds to its log odds.

        Args:
            text: A passage.

        Returns:
            Nats by token, the largest in size first; with the bias they add up to
            the passage's log odds.
        """
        check_fitted(self.author is not None, "AuthorClassifier")
        check_text(text, "text")
        x = self.vectors.transform([text]).tocoo()
        names = self.vectors.get_feature_names_out()
        parts = {
            str(names[j]): float(v * self.weights[j])
            for j, v in zip(x.col, x.data, strict=True)
        }
        return dict(sorted(parts.items(), key=lambda item: -abs(item[1])))

    def _analyse(self, text: str) -> list[str]:
        return tokens_of(text, self.kind)

    def _regression(self) -> LogisticRegression:
        return LogisticRegression(C=self.c, solver="liblinear", random_state=0)
