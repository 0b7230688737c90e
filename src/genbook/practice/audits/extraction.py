r"""Memorisation by extraction: secrets are planted, and then asked for.

Whether a model repeats its training data can be tried before anybody else tries it.
Secrets made for the purpose, *canaries*, are added to the training set a known number
of times. A secret is **extracted** if the model, given the words before it, writes it.
Long before that happens it can have become too likely. Its **exposure** compares it
with all secrets :math:`R` of the same form that might have been planted:

.. math:: \operatorname{exposure}(s) = \log_2 |R| - \log_2 \operatorname{rank}(s),

where the rank is 1 for the most likely of them. One that was never planted has an
exposure above :math:`b` bits with a chance of :math:`2^{-b}`.

Reference:
    N. Carlini, C. Liu, Ú. Erlingsson, J. Kos and D. Song, "The Secret Sharer:
    Evaluating and Testing Unintended Memorization in Neural Networks", 2019,
    arXiv:1802.08232.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_generator,
    check_integers,
    check_kind,
    check_sizes,
)
from genbook.models.autoregressive.transformer import Transformer

__all__ = ["Extraction", "extract", "plant"]

#: The most secrets of one form: all are asked for.
MOST_CANDIDATES = 1_000_000


class Extraction(NamedTuple):
    """What a model tells of a secret.

    Attributes:
        extracted: Whether the model writes the secret, word by most likely word.
        rank: The place of the secret among all of its form, 1 for the likeliest.
        candidates: How many secrets of its form there are.
    """

    extracted: bool
    rank: int
    candidates: int

    @property
    def exposure(self) -> float:
        """The bits of the secret that the model gives away."""
        return math.log2(self.candidates) - math.log2(self.rank)


def plant(
    x: Tensor,
    text: Sequence[int],
    copies: int,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a training set with passages added that begin with a text.

    What follows the text in each of them is the beginning of a passage of the set.

    Args:
        x: Passages, the numbers of their tokens, ``(n, length)``.
        text: The tokens to be planted, up to ``length``: a prompt and its secret.
        copies: How many passages are added, up to a million.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        All passages, ``(n + copies, length)``, the planted ones last.

    Raises:
        TypeError: If tokens are not integers.
        ValueError: If ``x`` is not two-dimensional or empty, or the text is too long.

    Example:
        >>> plant(torch.tensor([[5, 6, 7]]), [1, 2], copies=2)
        tensor([[5, 6, 7],
                [1, 2, 5],
                [1, 2, 5]])
    """
    x = check_integers(x, "x", "tokens")
    if x.ndim != 2 or not x.numel():
        raise ValueError(f"x must be (n, length), got {tuple(x.shape)}")
    tokens = check_sizes(text, "text", 0)
    if len(tokens) > x.shape[1]:
        raise ValueError(
            f"text must hold up to {x.shape[1]} tokens, got {len(tokens)} of them"
        )
    copies = check_count(copies, "copies", 0, 1_000_000)
    g = check_generator(generator)
    device = "cpu" if g is None else g.device
    rows = torch.randint(len(x), (copies,), generator=g, device=device)
    after = x[rows.to(x.device), : x.shape[1] - len(tokens)]
    said = torch.tensor([tokens], dtype=x.dtype, device=x.device).expand(copies, -1)
    return torch.cat([x, torch.cat([said, after], 1)])


@torch.no_grad()
def extract(
    model: Transformer,
    prompt: Sequence[int],
    secret: Sequence[int],
    alphabet: Sequence[int],
) -> Extraction:
    """Try to get a secret out of a model, and rank it among all that might be.

    Args:
        model: A language model.
        prompt: The tokens before the secret, one at least.
        secret: The tokens of the secret, each of the alphabet.
        alphabet: The tokens that secrets are made of: every sequence of them that is
            as long as the secret is a candidate, up to a million in all.

    Returns:
        An :class:`Extraction`. Of candidates that are as likely as the secret, all
        stand before it.

    Raises:
        TypeError: If ``model`` is no ``Transformer``, or tokens are no integers.
        ValueError: If a token is unknown, the alphabet has one twice, the secret is
            not made of it, there are too many candidates, or all is too long.

    Example:
        >>> model = Transformer(12, context_length=6, width=8, depth=1, heads=2)
        >>> extract(model, [0, 1], [2, 3], alphabet=range(2, 12)).candidates
        100
    """
    check_kind(model, "model", Transformer)
    start, wanted, letters = _tokens_of(model, prompt, secret, alphabet)
    place = {letter: i for i, letter in enumerate(letters)}
    likely = torch.zeros(1, device=model.device)  # of every beginning, in nats
    rows, at = torch.tensor([start], device=model.device), 0
    for token in wanted:  # one more token in each round, as the branches of a tree
        last = model.logits(rows)[:, -1].log_softmax(1)[:, letters]
        likely = (likely[:, None] + last).flatten()
        at = at * len(letters) + place[token]
        new = torch.tensor(letters, device=model.device).repeat(len(rows))
        rows = torch.cat([rows.repeat_interleave(len(letters), 0), new[:, None]], 1)
    rank = int((likely >= likely[at]).sum())
    return Extraction(_greedy(model, start, wanted), max(rank, 1), len(likely))


def _greedy(model: Transformer, prompt: list[int], wanted: list[int]) -> bool:
    """Return whether the most likely tokens after a prompt are the wanted ones."""
    row = torch.tensor([prompt], device=model.device)
    for token in wanted:
        best = model.logits(row)[:, -1:].argmax(2)
        if int(best) != token:
            return False
        row = torch.cat([row, best], 1)
    return True


def _tokens_of(
    model: Transformer,
    prompt: Sequence[int],
    secret: Sequence[int],
    alphabet: Sequence[int],
) -> tuple[list[int], list[int], list[int]]:
    """Return the three as lists, checked."""
    most = model.vocab_size - 1
    start = list(check_sizes(prompt, "prompt", 0, most))
    wanted = list(check_sizes(secret, "secret", 0, most))
    letters = list(check_sizes(alphabet, "alphabet", 0, most))
    if len(set(letters)) < len(letters):
        raise ValueError(f"alphabet must hold each token once, got {letters}")
    if strange := [token for token in wanted if token not in letters]:
        raise ValueError(f"secret must be made of the alphabet, got {strange[0]}")
    if len(start) + len(wanted) > model.context_length:
        raise ValueError(
            f"prompt and secret must hold up to {model.context_length} tokens, got "
            f"{len(start)} and {len(wanted)}"
        )
    if len(wanted) * math.log(len(letters)) > math.log(MOST_CANDIDATES) + 1e-9:
        raise ValueError(
            f"secret and alphabet must allow up to {MOST_CANDIDATES:,} candidates, "
            f"got {len(letters)} to the power of {len(wanted)}"
        )
    return start, wanted, letters
