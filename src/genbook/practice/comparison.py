r"""Two answers to the same questions: which is better, and beyond what error.

Each of two candidates has a rate of right answers, with an error of its own; but who
has the same questions before them is lucky with the same questions. What is compared
is therefore question by question: with a share :math:`b` of the :math:`n` questions
that only the first has right and a share :math:`c` that only the second has,

.. math:: d = b - c, \qquad \operatorname{se}(d) = \sqrt{\frac{b + c - d^2}{n}} .

Reference:
    Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", 1947.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from genbook._numbers import check_each

__all__ = ["Paired", "paired"]


class Paired(NamedTuple):
    """How much better one candidate is than another on the same questions.

    Attributes:
        difference: The first's share of right answers less the second's.
        error: The standard error of that difference.
        p_value: The chance of so uneven a split of the questions that only one has
            right, if both are equally good (McNemar's exact test).
    """

    difference: float
    error: float
    p_value: float


def paired(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Compare two candidates question by question.

    Args:
        first: Of each question, whether the first candidate is right.
        second: The same of the second candidate.

    Raises:
        TypeError: If an argument is no sequence of booleans.
        ValueError: If they are not equally many, or none.

    Example:
        >>> paired([True] * 9 + [False], [True] * 5 + [False] * 5).difference
        0.4
    """
    check_each(first, "first", bool)
    check_each(second, "second", bool)
    n = len(first)
    if not n:
        raise ValueError("first must hold one question at least, got none")
    if n != len(second):
        raise ValueError(f"second must be as many as first, {n}, got {len(second)}")
    won = sum(a and not b for a, b in zip(first, second, strict=True))
    lost = sum(b and not a for a, b in zip(first, second, strict=True))
    d = (won - lost) / n
    error = (((won + lost) / n - d * d) / n) ** 0.5
    p = float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return Paired(d, error, p)
