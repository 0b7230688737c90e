"""The documentation desk: questions whose answers the installed packages know.

"What is the default of ``num_workers`` in DataLoader?" A passage of the documentation
goes with the question. Where it states the default, that is the answer; where it does
not, the honest answer is a question mark. The truth is the signature's, so nobody has
to label anything. scikit-learn writes ``default=5``, PyTorch writes ``Default: 5``: two
ways of speaking, and so a model that reads one has to be adapted to the other.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from genbook._numbers import check_count, check_each, check_seed, check_text
from genbook.practice.entries import LIBRARIES, Entry, read_entries

__all__ = [
    "LIBRARIES",
    "UNKNOWN",
    "Question",
    "Splits",
    "counterfactuals",
    "load_desk",
    "normalise",
    "passage_of",
    "question_of",
    "rule",
]

#: The answer where a passage does not state the default.
UNKNOWN = "?"

#: No passage is longer, in characters.
LONGEST_PASSAGE = 190

#: No default is longer, in characters: longer ones are expressions.
LONGEST_ANSWER = 16


class Question(NamedTuple):
    """A question about one parameter, its passage, and what is right.

    Attributes:
        package: ``"scikit-learn"`` or ``"PyTorch"``.
        function: The function or class.
        parameter: The parameter.
        passage: What the documentation says of it, in one line.
        answer: The default as the passage states it, or ``"?"`` if it does not.
        default: The default of the signature, whatever the passage says.
    """

    package: str
    function: str
    parameter: str
    passage: str
    answer: str
    default: str

    @property
    def text(self) -> str:
        """The question as one would ask it."""
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[._]", " ", self.function)
        return f"What is the default of {self.parameter} in {name}?"

    @property
    def stated(self) -> bool:
        """Whether the passage states the default."""
        return self.answer != UNKNOWN


class Splits(NamedTuple):
    """Questions to learn from, to choose by, and to judge by.

    Attributes:
        train: To learn from.
        validation: To choose settings by.
        test: To judge by, once.
    """

    train: tuple[Question, ...]
    validation: tuple[Question, ...]
    test: tuple[Question, ...]


def normalise(value: str) -> str:
    """Return a value without quotes and spaces; a number in its shortest form.

    Two answers are the same if they are equal in this form.

    Example:
        >>> normalise("'mean'"), normalise("1e-4"), normalise("(1, 1)")
        ('mean', '0.0001', '(1,1)')
    """
    bare = re.sub(r"[\s'\"`]", "", check_text(value, "value"))
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", bare):
        return bare
    return f"{float(bare):.15g}"


def passage_of(entry: Entry) -> str:
    """Return the passage of an entry: its head, and the sentences on its default.

    Of a long text only the sentences with the word "default" stay, or the first if no
    sentence has it; of the passage, the first 190 characters.

    Example:
        >>> passage_of(Entry("PyTorch", "SGD", "lr", "float", "Rate. Default: 1.", "1"))
        'lr : float. Default: 1.'
    """
    if not isinstance(entry, Entry):
        raise TypeError(f"entry must be an Entry, got {type(entry).__name__}")
    kind, text = _plain(entry.kind), _plain(entry.text)
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z`'(])", text)
    kept = [s for s in sentences if "default" in s.lower()] or sentences[:1]
    return f"{entry.parameter} : {kind}. {' '.join(kept)}"[:LONGEST_PASSAGE].strip()


def _plain(text: str) -> str:
    """Return a text in one line, in ASCII, with one kind of quotes."""
    text = re.sub(r"\s+", " ", re.sub(r"[\"“”]", "'", text.replace("``", "`")))
    return "".join(c if " " <= c <= "~" else "_" for c in text).strip()


# What may be a value in a passage: a number, a name, or a bracket without brackets.
_VALUE = re.compile(r"[\w.+-]*\w|-?\d+\.(?!\w)|\([^()]*\)|\[[^\[\]]*\]")


def question_of(entry: Entry) -> Question:
    """Return the question that an entry answers.

    Example:
        >>> entry = Entry("PyTorch", "SGD", "lr", "", "Rate. Default: 1e-3", "0.001")
        >>> question_of(entry).answer
        '1e-3'
    """
    passage, truth = passage_of(entry), normalise(entry.default)
    said = passage.split(" : ", 1)[1]
    answer = UNKNOWN
    if "default" in said.lower():
        values = (m[0] for m in _VALUE.finditer(said))
        same = (v for v in values if normalise(v) == truth)
        answer = re.sub(r"\s", "", next(same, UNKNOWN))
    return Question(*entry[:3], passage, answer, truth)


@lru_cache(maxsize=len(LIBRARIES))
def load_desk(package: str) -> Splits:
    """Return the questions on a package, split by function.

    All parameters of a function fall into one split, chosen by a checksum of its name,
    and a passage that stands in an earlier split word for word leaves the later one.
    Of PyTorch half are for the test, of scikit-learn, which is larger, a fifth; a tenth
    of either is for validation. PyTorch often leaves a default unsaid: of those
    passages only as many are kept as there are others, or "?" would be right mostly.

    Args:
        package: ``"scikit-learn"`` or ``"PyTorch"``.

    Raises:
        ValueError: If the desk does not know the package.
        ModuleNotFoundError: If it is not installed.

    Example:
        >>> len(load_desk("PyTorch").test) >= 300
        True
    """
    parts: tuple[list[Question], ...] = ([], [], [])
    edges = (10, 60) if package == "PyTorch" else (10, 30)
    for entry in read_entries(package):
        if 0 < len(normalise(entry.default)) <= LONGEST_ANSWER:
            drawn = _checksum(f"{package}.{entry.function}") % 100
            part = 1 if drawn < edges[0] else 2 if drawn < edges[1] else 0
            parts[part].append(question_of(entry))
    seen: set[str] = set()
    kept = []
    for questions in parts:
        fresh = {q.passage: q for q in questions if q.passage not in seen}
        seen |= fresh.keys()
        kept.append(_balanced(list(fresh.values())))
    return Splits(*kept)


def _balanced(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Drop unanswerable questions until there are at most as many as others."""
    most = sum(q.stated for q in questions)
    unsaid = sorted(
        (q for q in questions if not q.stated), key=lambda q: _checksum(q.passage)
    )
    dropped = set(unsaid[most:])
    return tuple(q for q in questions if q not in dropped)


def _checksum(text: str) -> int:
    """Return a number that follows from a text, the same in every process."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16)


def counterfactuals(
    questions: Sequence[Question], times: int, *, seed: int = 0
) -> list[Question]:
    """Return the questions with other values in passage and answer.

    Who sees only true defaults learns that a boolean is false; who sees a new value
    each time has to read. Of each question with a stated default ``times`` versions are
    made, one of them as it was; the others come once.

    Args:
        questions: The questions.
        times: How many versions of each, at most 1,000.
        seed: Decides the values: half are answers of other questions, half are
            made up.

    Example:
        >>> q = Question("PyTorch", "SGD", "lr", "lr : float. Default: 1", "1", "1")
        >>> [c.passage for c in counterfactuals([q], 2)][1] != q.passage
        True
    """
    check_each(questions, "questions", Question)
    check_count(times, "times", minimum=1, maximum=1000)
    rng = random.Random(check_seed(seed))
    pool = [q.answer for q in questions if q.stated]
    made = []
    for q in questions:
        made.append(q)
        for _ in range(times - 1 if q.stated else 0):
            value = rng.choice(pool) if rng.random() < 0.5 else _invented(rng)
            made.append(_with_answer(q, value))
    return made


def _with_answer(q: Question, value: str) -> Question:
    """Return a question with another value wherever its answer stands."""
    head, said = q.passage.split(" : ", 1)
    spaced = re.escape(q.answer).replace(",", r",\s*")
    pattern = rf"(?<![\w.]){spaced}(?![\w.]*\w)"
    said = re.sub(pattern, lambda _: value, said)
    return q._replace(
        passage=f"{head} : {said}", answer=value, default=normalise(value)
    )


def _invented(rng: random.Random) -> str:
    """Return a number or a word that no documentation needs to know."""
    kind = rng.randrange(5)
    if kind == 0:
        return str(rng.randrange(10 ** rng.randint(1, 4)))
    if kind == 1:
        return f"{rng.randrange(10)}.{rng.randrange(10 ** rng.randint(1, 3))}"
    if kind == 2:
        return f"{rng.randint(1, 9)}e-{rng.randint(1, 12)}"
    if kind == 3:
        return rng.choice(("True", "False", "None", "-1", "0", "1"))
    letters = rng.choices("abcdefghilmnoprstu", k=rng.randint(3, 7))
    return "".join(letters)


_RULE = re.compile(
    r"default(?:s|ed)?(?: value)?(?: to| is)?\s*[:=]?\s*"
    r"['`]*(\([^()]*\)|\[[^\[\]]*\]|-?[\w.+-]*\w)",
    re.IGNORECASE,
)


def rule(passage: str) -> str:
    """Return what stands after the word "default", the rival of every model.

    One regular expression, nothing learned.

    Example:
        >>> rule("lr : float. Rate (default: 1e-3)"), rule("lr : float. Rate")
        ('1e-3', '?')
    """
    found = _RULE.search(check_text(passage, "passage"))
    return re.sub(r"\s", "", found[1]) if found else UNKNOWN
