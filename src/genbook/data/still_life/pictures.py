"""Still lifes with their captions: texts, meanings, scenes, pictures and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from genbook._validate import check_choice, check_count, check_each, check_generator
from genbook.data.still_life.captions import still_life
from genbook.data.still_life.meaning import Meaning
from genbook.data.still_life.render import render
from genbook.data.still_life.scenes import complete

LENGTH = 40  #: Tokens of a caption, the beginning and the padding counted.
#: The first two tokens: what captions are filled up with, and their beginning.
PAD, BEGIN = "<pad>", "<begin>"
_MOST = 1_000_000


@dataclass(frozen=True)
class StillLifes:
    """Pictures, and the truth about each.

    Attributes:
        x: Pictures, red, green and blue in [0, 1], ``(n, 3, 24, 48)``.
        y: Their captions as tokens, ``(n, 40)``; :func:`caption_words` names them.
        scenes: What each shows, ``(n, 11)``.
        texts: The captions.
        meanings: What each caption says.
    """

    x: Tensor
    y: Tensor
    scenes: Tensor
    texts: list[str]
    meanings: list[Meaning]

    def __len__(self) -> int:
        return len(self.x)


@cache
def caption_words() -> tuple[str, ...]:
    """Return the words of captions in the order of their tokens.

    Example:
        >>> caption_words()[:2]
        ('<pad>', '<begin>')
    """
    return (PAD, BEGIN, *sorted(still_life("all").vocabulary))


@cache
def _numbers() -> dict[str, int]:
    return {word: i for i, word in enumerate(caption_words())}


def caption_tokens(texts: Sequence[str]) -> Tensor:
    """Return captions as tokens, ``(n, 40)``, each with a beginning, filled up with 0.

    Args:
        texts: Captions, with a space between words.

    Raises:
        TypeError: If they are no texts.
        ValueError: If a word is unknown, or there are more than 39.

    Example:
        >>> caption_tokens(["a cup stands on the table ."]).shape
        torch.Size([1, 40])
    """
    texts = check_each(texts, "texts", str)
    numbers, y = _numbers(), torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for i, text in enumerate(texts):
        words = text.split()
        unknown = [word for word in words if word not in numbers]
        if unknown or len(words) >= LENGTH:
            wrong = f"unknown {unknown[0]!r}" if unknown else f"{len(words)} words"
            raise ValueError(
                f"texts must be captions of at most {LENGTH - 1} known words, got "
                f"{wrong} in texts[{i}]"
            )
        tokens = [1, *(numbers[word] for word in words)]
        y[i, : len(tokens)] = torch.tensor(tokens)
    return y


def sample_still_lifes(
    n: int, region: str = "seen", *, generator: torch.Generator | None = None
) -> StillLifes:
    """Draw captions and a picture for each.

    Args:
        n: How many, at most a million.
        region: ``"seen"`` without the pairs of
            :data:`~genbook.data.still_life.meaning.HELD_OUT`; ``"all"`` with them;
            ``"held out"`` only captions that name one of them.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The pictures and their truth.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``n`` is out of range, or ``region`` unknown.

    Example:
        >>> sample_still_lifes(3, generator=torch.Generator().manual_seed(0)).x.shape
        torch.Size([3, 3, 24, 48])
    """
    n = check_count(n, "n", 0, _MOST)
    check_choice(region, "region", ("seen", "all", "held out"))
    check_generator(generator)
    grammar = still_life("seen" if region == "seen" else "all")
    texts: list[str] = []
    meanings: list[Meaning] = []
    while len(texts) < n:
        drawn = grammar.captions(n, generator=generator)
        for text, meaning in zip(*drawn, strict=True):
            if region != "held out" or meaning.held_out:
                texts.append(text)
                meanings.append(meaning)
    texts, meanings = texts[:n], meanings[:n]
    return _drawn(texts, meanings, region == "seen", generator)


def still_lifes_of(
    texts: Sequence[str], *, generator: torch.Generator | None = None
) -> StillLifes:
    """Draw a picture for each of some captions.

    Args:
        texts: Captions, with a space between words.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The pictures and their truth.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a text is no caption.

    Example:
        >>> still_lifes_of(["a red cup stands on the table ."]).meanings[0].cloth
        'wood'
    """
    texts = list(check_each(texts, "texts", str))
    check_generator(generator)
    meanings = []
    for i, text in enumerate(texts):
        meaning = still_life("all").parse(text.split())
        if meaning is None:
            raise ValueError(f"texts must be captions, got {text!r} in texts[{i}]")
        meanings.append(meaning)
    return _drawn(texts, meanings, True, generator)


def _drawn(
    texts: list[str],
    meanings: list[Meaning],
    held_out: bool,
    generator: torch.Generator | None,
) -> StillLifes:
    """Return captions with a scene and a picture for each."""
    scenes = complete(meanings, held_out=held_out, generator=generator)
    x = render(scenes, generator=generator)
    return StillLifes(x, caption_tokens(texts), scenes, texts, meanings)
