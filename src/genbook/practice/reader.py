r"""A small language model that reads a passage and writes the answer.

One row of tokens holds both: the passage, pushed to the right, the token that asks, and
from a fixed place on the answer. What is asked stands at the passage's head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from genbook._numbers import check_count, check_each, check_kind, check_positive
from genbook._validate import check_generator
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.networks.attention import Block, Past
from genbook.practice.byte_pairs import ASK, END, PAD, BytePairs
from genbook.practice.desk import Question

__all__ = ["ANSWER_TOKENS", "CONTEXT", "Reader", "pack", "prompts"]

#: The tokens of a row, and those of them that are for the answer and its end.
CONTEXT, ANSWER_TOKENS = 72, 8


class Reader(Transformer):
    r"""A transformer that is trained on the answer more than on the passage.

    .. math:: -\frac{1}{A}\sum_{t\,\in\,\text{answer}} \log p_\theta(w_t \mid w_{<t})
              - \frac{\lambda}{B}\sum_{t\,\in\,\text{passage}}
              \log p_\theta(w_t \mid w_{<t})

    for the :math:`A` tokens of the batch's answers and the :math:`B` of its passages.

    Args:
        vocab_size: How many different tokens.
        context_length: The tokens of a row, more than the answer's.
        width: The length of each token's vector.
        depth: How many blocks.
        heads: How many heads of attention.
        passage_weight: The weight :math:`\lambda`; the passage is not predicted if 0.

    Example:
        >>> model = Reader(100, width=16, depth=1)
        >>> model.event_shape
        (72,)
    """

    def __init__(
        self,
        vocab_size: int,
        context_length: int = CONTEXT,
        *,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        passage_weight: float = 1.0,
    ) -> None:
        super().__init__(
            vocab_size, context_length, width=width, depth=depth, heads=heads
        )
        if self.context_length <= ANSWER_TOKENS + 1:
            raise ValueError(
                f"context_length must be more than {ANSWER_TOKENS + 1}, "
                f"got {context_length}"
            )
        self.passage_weight = passage_weight

    @property
    def passage_weight(self) -> float:
        """The weight of the passage's tokens in the loss."""
        return self._passage_weight

    @passage_weight.setter
    def passage_weight(self, value: float) -> None:
        self._passage_weight = check_positive(value, "passage_weight", zero=True)
        self.config = {
            **self.config,
            "passage_weight": self._passage_weight,  # type: ignore[dict-item]
        }

    def answer_log_probs(self, x: Tensor) -> Tensor:
        """Return the log-probability of each answer given its passage, ``(n,)``.

        Args:
            x: Rows of :func:`pack`, ``(n, context_length)``.

        Raises:
            TypeError: If ``x`` is not a tensor of whole numbers.
            ValueError: If its shape is another, or a token out of range.
        """
        x = self._check_tokens(x, "x")
        nats = self._answer_nats(x)
        return -(nats * (x[:, -ANSWER_TOKENS:] != PAD)).sum(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the weighted mean negative log-probability of a token, in nats.

        Args:
            x: Rows of :func:`pack`, ``(n, context_length)``.
            y: Must be ``None``.
            generator: Unused.
        """
        self._refuse_condition(y)
        check_generator(generator)
        x = self._check_tokens(x, "x")
        if not len(x):
            raise ValueError("x must hold at least one observation, got none")
        if not self.passage_weight:
            asked = x[:, -ANSWER_TOKENS:] != PAD
            return (self._answer_nats(x) * asked).sum() / asked.sum().clamp(min=1)
        nats = -self.token_log_probs(x)
        there = x[:, 1:] != PAD
        total = nats.new_zeros(())
        parts = (slice(-ANSWER_TOKENS, None), slice(None, -ANSWER_TOKENS))
        for weight, part in zip((1.0, self.passage_weight), parts, strict=True):
            inside = there[:, part]
            mean = (nats[:, part] * inside).sum() / inside.sum().clamp(min=1)
            total = total + weight * mean
        return total

    def _answer_nats(self, x: Tensor) -> Tensor:
        """Return minus the log-probability of the answer's tokens, ``(n, 8)``."""
        target = x[:, -ANSWER_TOKENS:]
        h = self._features(x[:, :-1], last=ANSWER_TOKENS)
        out = h @ self.token_embedding.weight.T  # (n, 8, vocab_size)
        nats = cross_entropy(out.flatten(0, 1), target.flatten(), reduction="none")
        return nats.view_as(target)

    def _features(
        self, tokens: Tensor, pasts: Sequence[Past] = (), last: int = 0
    ) -> Tensor:
        """Return what the last layer knows at each token, ``(n, T, width)``.

        Args:
            tokens: The tokens, ``(n, T)``.
            pasts: One for each block, of the tokens before these; these are added.
            last: Of how many tokens at the end it is wanted; of all if 0.
        """
        tokens = self._check_tokens(tokens, "tokens", full=False)
        start = len(pasts[0]) if pasts else 0
        places = self.position_embedding[start : start + tokens.shape[1]]
        h = self.token_embedding(tokens) + places
        for i, block in enumerate(self.blocks):
            past = pasts[i] if pasts else None
            if last and i == len(self.blocks) - 1 and h.shape[1] > last:
                past = Past() if past is None else past
                _extend(past, cast(Block, block), h[:, :-last])
                h = h[:, -last:]  # nobody asks this block about the others
            h = block(h, past)
        return self.final_norm(h)

    @torch.no_grad()
    def complete(self, x: Tensor) -> Tensor:
        """Return the likeliest answers, token by token.

        Args:
            x: Rows without their answers, ``(n, context_length - 8)``; only what stands
                there is read of longer ones.

        Returns:
            The answers' tokens, ``(n, 8)``.
        """
        x = self._check_tokens(x, "x", full=False)
        x = x[:, : self.context_length - ANSWER_TOKENS]
        if x.shape[1] < self.context_length - ANSWER_TOKENS:
            raise ValueError(
                f"x must be (n, {self.context_length - ANSWER_TOKENS}) or longer, "
                f"got {tuple(x.shape)}"
            )
        going = torch.ones(len(x), dtype=torch.bool, device=x.device)
        answers = x.new_full((len(x), ANSWER_TOKENS), PAD)
        pasts = [Past() for _ in self.blocks]
        new = x
        for t in range(ANSWER_TOKENS):
            if not going.any():  # all have ended
                break
            h = self._features(new, pasts, last=1)[:, -1]
            token = (h @ self.token_embedding.weight.T).argmax(1)
            answers[going, t] = token[going]
            going = going & (token != END)
            new = token[:, None]
        return answers


def _extend(past: Past, block: Block, x: Tensor) -> None:
    """Add the keys and values of tokens that a block only looks back at."""
    _, keys, values = (
        t.unflatten(2, (block.attention.heads, -1)).transpose(1, 2)
        for t in block.attention.qkv(block.norm1(x)).chunk(3, dim=2)
    )
    past.extend(keys, values)


def pack(
    questions: Sequence[Question], tokens: BytePairs, *, context: int = CONTEXT
) -> Tensor:
    """Return passages and answers as rows of tokens, ``(n, context)``.

    Args:
        questions: The questions; those whose answers do not fit are left out.
        tokens: The tokeniser.
        context: The tokens of a row, at most 65,536.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``context`` is out of range.

    Example:
        >>> q = Question("PyTorch", "SGD", "lr", "lr : . Default: 1", "1", "1")
        >>> pack([q], BytePairs())[0, -9:].tolist()
        [1, 19, 2, 0, 0, 0, 0, 0, 0]
    """
    check_each(questions, "questions", Question)
    check_kind(tokens, "tokens", BytePairs)
    context = check_count(context, "context", ANSWER_TOKENS + 2, 2**16)
    answers = [[*tokens.encode(q.answer), END] for q in questions]
    short = [i for i, a in enumerate(answers) if len(a) <= ANSWER_TOKENS]
    x = torch.full((len(short), context), PAD)
    left = prompts([questions[i].passage for i in short], tokens, context=context)
    x[:, :-ANSWER_TOKENS] = left
    for row, i in enumerate(short):
        a = torch.tensor(answers[i])
        start = context - ANSWER_TOKENS
        x[row, start : start + len(a)] = a
    return x


def prompts(
    passages: Sequence[str],
    tokens: BytePairs,
    *,
    shots: Sequence[Question] = (),
    context: int = CONTEXT,
) -> Tensor:
    """Return passages as rows of tokens that end by asking, ``(n, context - 8)``.

    Args:
        passages: The passages; one that is too long loses its end.
        tokens: The tokeniser.
        shots: Questions with their answers that stand before each passage as examples.
        context: The tokens of a row, those of an answer included, at most 65,536.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If the examples leave no room for a passage.

    Example:
        >>> prompts(["lr : . Default: 1"], BytePairs())[0, -3:].tolist()
        [28, 19, 1]
    """
    check_each(passages, "passages", str)
    check_kind(tokens, "tokens", BytePairs)
    check_each(shots, "shots", Question)
    length = check_count(context, "context", ANSWER_TOKENS + 2, 2**16) - ANSWER_TOKENS
    before: list[int] = []
    for q in shots:
        before += [*tokens.encode(q.passage), ASK, *tokens.encode(q.answer), END]
    room = length - 1 - len(before)
    if room < 1:
        raise ValueError(
            f"shots must leave room for a passage in {length} tokens, got {len(before)}"
        )
    x = torch.full((len(passages), length), PAD)
    for row, passage in enumerate(passages):
        ids = [*before, *tokens.encode(passage)[:room], ASK]
        x[row, -len(ids) :] = torch.tensor(ids)
    return x
