"""The documentation desk's model: adapted to PyTorch, and aligned to be honest.

All settings were chosen on the validation questions.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from genbook._validate import check_count, check_kind, check_seed
from genbook.course.cached_fit import cached_fit
from genbook.practice.alignment import (
    PreferenceModel,
    honesty_pairs,
    reference_log_probs,
)
from genbook.practice.byte_pairs import BytePairs
from genbook.practice.desk import Question, counterfactuals
from genbook.practice.finetuning import add_lora, merge_lora
from genbook.practice.reader import Reader, pack
from genbook.training import History

__all__ = ["Preferences", "adapt", "align", "desk_rows", "preferences"]


class Preferences(NamedTuple):
    """Pairs of answers, and what the reference makes of them.

    Attributes:
        pairs: Rows of tokens, chosen and rejected, ``(n, 2, length)``.
        said: The reference's log-probabilities of both, ``(n, 2)``.
    """

    pairs: Tensor
    said: Tensor


def desk_rows(
    questions: Sequence[Question],
    tokens: BytePairs,
    *,
    versions: int = 4,
    seed: int = 0,
) -> Tensor:
    """Return questions as rows of tokens, other values among the defaults.

    Args:
        questions: The questions.
        tokens: The tokeniser.
        versions: How many versions of each question with an answer, at most 1,000.
        seed: Decides the values.

    Example:
        >>> q = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> desk_rows([q], BytePairs()).shape
        torch.Size([4, 72])
    """
    versions = check_count(versions, "versions", 1, 1_000)
    return pack(counterfactuals(questions, versions, seed=seed), tokens)


def adapt(
    base: Reader,
    x: Tensor,
    *,
    rank: int = 0,
    steps: int = 60,
    lr: float | None = None,
    seed: int = 0,
) -> tuple[Reader, History]:
    """Return a model that was adapted to rows of tokens; the base stays as it is.

    Args:
        base: The model to begin with.
        x: Rows of tokens, ``(n, length)``.
        rank: The rank of low-rank adaptation; all weights are trained if 0.
        steps: How many updates, at most a million.
        lr: The learning rate; 0.003 for all weights and 0.02 for few if ``None``.
        seed: Decides all randomness.

    Returns:
        The model, low-rank differences merged in, and the history.

    Example:
        >>> from torch import ones
        >>> model, history = adapt(
        ...     Reader(97, width=8, depth=1), ones(4, 72).long(), steps=2
        ... )
        >>> history.steps
        2
    """
    model = copy.deepcopy(check_kind(base, "base", Reader))
    model.passage_weight = 0.0  # the answer only: the base knows how to read
    if check_count(rank, "rank", 0, 4096):
        add_lora(model, rank, seed=check_seed(seed))
    history = cached_fit(
        model,
        x,
        steps=check_count(steps, "steps", 1, 1_000_000),
        batch_size=32,
        lr=(2e-2 if rank else 3e-3) if lr is None else lr,
        seed=seed,
        grad_clip=1.0,
    )
    return merge_lora(model), history


def preferences(
    reference: Reader, tokens: BytePairs, questions: Sequence[Question]
) -> Preferences:
    """Return what :func:`align` learns from, which several alignments can share.

    Args:
        reference: The model whose answers are compared with honest ones.
        tokens: Its tokeniser.
        questions: The questions.

    Example:
        >>> q = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> asked = preferences(Reader(97, width=8, depth=1), BytePairs(), [q])
        >>> asked.said.shape
        torch.Size([1, 2])
    """
    check_kind(reference, "reference", Reader)
    pairs = honesty_pairs(reference, tokens, questions)
    return Preferences(pairs, reference_log_probs(reference, pairs))


def align(
    reference: Reader,
    asked: Preferences,
    *,
    beta: float = 0.5,
    likelihood: float = 0.3,
    rank: int = 2,
    steps: int = 45,
    lr: float = 3e-3,
    seed: int = 0,
) -> tuple[Reader, History]:
    """Return a model that was aligned to be honest; the reference stays as it is.

    Args:
        reference: The model to begin with.
        asked: Its preferences, from :func:`preferences`.
        beta: The weight of staying near the reference.
        likelihood: The weight of the chosen answers' likelihood; 0 for plain
            preference optimisation.
        rank: The rank of low-rank adaptation.
        steps: How many updates, at most a million.
        lr: The learning rate.
        seed: Decides all randomness.

    Returns:
        The model, differences merged in, and the history.

    Example:
        >>> q = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> model = Reader(97, width=8, depth=1)
        >>> asked = preferences(model, BytePairs(), [q])
        >>> aligned, history = align(model, asked, steps=2)
        >>> history.steps
        2
    """
    check_kind(asked, "asked", Preferences)
    check_kind(reference, "reference", Reader)
    policy = add_lora(copy.deepcopy(reference), rank, seed=check_seed(seed))
    history = cached_fit(
        PreferenceModel(policy, beta=beta, likelihood=likelihood),
        asked.pairs,
        asked.said,
        steps=check_count(steps, "steps", 1, 1_000_000),
        batch_size=16,
        lr=lr,
        seed=seed,
        grad_clip=1.0,
    )
    return merge_lora(policy), history
