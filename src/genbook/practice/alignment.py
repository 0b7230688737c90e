r"""Aligning a model with preferences: of two answers to a question, this one.

Reinforcement learning from human feedback asks for the policy :math:`\pi` that earns
most reward :math:`r` without leaving the reference :math:`\pi_0`,

.. math:: \max_\pi\ \mathbb E_\pi[r] - \beta\, D_{\mathrm{KL}}(\pi \,\|\, \pi_0),
          \qquad \pi^\star \propto \pi_0\, e^{r / \beta}.

Solved for the reward, :math:`r = \beta \log(\pi^\star / \pi_0)` up to a constant that
two answers to one question share. Put into the Bradley–Terry model of preferences,
:math:`P(w \succ l) = \sigma(r_w - r_l)`, that gives a loss of the policy alone,
**direct preference optimisation**.

Reference:
    P. Christiano et al., "Deep reinforcement learning from human preferences", 2017,
    arXiv:1706.03741; R. Rafailov et al., "Direct preference optimization", 2023,
    arXiv:2305.18290; R. Pang et al., "Iterative reasoning preference optimization",
    2024, arXiv:2404.19733, who add the likelihood of the chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from genbook._numbers import check_each, check_kind, check_positive
from genbook._validate import (
    check_function,
    check_generator,
    check_tensor,
    check_text,
)
from genbook.models.base import Model
from genbook.practice.answering import read
from genbook.practice.byte_pairs import BytePairs
from genbook.practice.desk import UNKNOWN, Question, normalise
from genbook.practice.reader import CONTEXT, Reader, pack
from genbook.practice.serving.feedback import Pair

__all__ = [
    "PreferenceModel",
    "dpo_loss",
    "feedback_pairs",
    "honesty_pairs",
    "reference_log_probs",
]


def dpo_loss(policy: Tensor, reference: Tensor, beta: float) -> Tensor:
    r"""Return the loss of direct preference optimisation for each pair, in nats.

    .. math:: -\log \sigma\Bigl(\beta \log\frac{\pi(w)}{\pi_0(w)}
              - \beta \log\frac{\pi(l)}{\pi_0(l)}\Bigr)

    Args:
        policy: Log-probabilities of the chosen and the rejected answers, ``(n, 2)``.
        reference: The same of the reference.
        beta: The weight :math:`\beta` of staying near the reference.

    Returns:
        A tensor ``(n,)``.

    Raises:
        TypeError: If a tensor is none of floating point, or ``beta`` no number.
        ValueError: If a tensor has another shape or is not finite, or ``beta`` is not
            positive.

    Example:
        >>> dpo_loss(torch.zeros(1, 2), torch.zeros(1, 2), beta=0.1)
        tensor([0.6931])
    """
    check_tensor(policy, "policy", ("n", 2))
    check_tensor(reference, "reference", (len(policy), 2), dtype=policy.dtype)
    gain = policy - reference  # (n, 2)
    return -logsigmoid(check_positive(beta, "beta") * (gain[:, 0] - gain[:, 1]))


class PreferenceModel(Model):
    """A reader that is trained on pairs of answers.

    The loss is :func:`dpo_loss`, and with ``likelihood`` times minus the mean
    log-probability of the chosen answers added: the mend for what plain preference
    optimisation breaks.

    Args:
        policy: The reader to train.
        beta: The weight of staying near the reference.
        likelihood: The weight of the chosen answers' likelihood.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``beta`` is not positive, or ``likelihood`` is negative.

    Example:
        >>> model = PreferenceModel(Reader(97, width=8, depth=1), beta=0.5)
        >>> model.event_shape
        (2, 72)
    """

    def __init__(
        self, policy: Reader, *, beta: float = 0.5, likelihood: float = 0.0
    ) -> None:
        super().__init__()
        self.policy = check_kind(policy, "policy", Reader)
        self.beta = check_positive(beta, "beta")
        self.likelihood = check_positive(likelihood, "likelihood", zero=True)
        self.event_shape = (2, policy.context_length)
        self.config = {**policy.config, "beta": self.beta, "likelihood": likelihood}

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean loss of pairs of answers.

        Args:
            x: The chosen and the rejected answer of each question after its passage,
                rows of :func:`~genbook.practice.reader.pack`, ``(n, 2, length)``.
            y: What :func:`reference_log_probs` gives for them, ``(n, 2)``.
            generator: Unused.
        """
        check_generator(generator)
        if y is None:
            raise ValueError("y must be what the reference says, (n, 2), got None")
        said = _log_probs(self.policy, x)
        check_tensor(y, "y", tuple(said.shape), dtype=said.dtype)
        return dpo_loss(said, y, self.beta).mean() - self.likelihood * said[:, 0].mean()


def _log_probs(model: Reader, x: Tensor) -> Tensor:
    """Return the log-probabilities of both answers, ``(n, 2)``."""
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[1] != 2 or not len(x):
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x must be (n, 2, length), chosen and rejected, got {got}")
    return model.answer_log_probs(x.flatten(0, 1)).unflatten(0, (-1, 2))


@torch.no_grad()
def reference_log_probs(model: Reader, x: Tensor) -> Tensor:
    """Return what the reference makes of pairs of answers, ``(n, 2)``, in nats.

    Args:
        model: The reference, before it is trained.
        x: Pairs of rows, chosen and rejected, ``(n, 2, length)``.

    Raises:
        TypeError: If ``model`` is no reader.
        ValueError: If ``x`` has another shape, or is empty.

    Example:
        >>> pairs = torch.ones(3, 2, 72, dtype=torch.long)
        >>> reference_log_probs(Reader(97, width=8, depth=1), pairs).shape
        torch.Size([3, 2])
    """
    check_kind(model, "model", Reader)
    parts = x.split(64) if isinstance(x, Tensor) and len(x) else (x,)
    return torch.cat([_log_probs(model, part) for part in parts])


def honesty_pairs(
    model: Reader, tokens: BytePairs, questions: Sequence[Question]
) -> Tensor:
    """Return pairs that prefer the honest answer to what a model says.

    Where the passage does not state the default, ``"?"`` is chosen and the model's
    invention rejected. Where it does, the stated one is chosen, and rejected is what
    the model says if that is wrong and fits, or else ``"?"``, so that refusing is no
    way out.

    Args:
        model: The model whose answers are judged.
        tokens: Its tokeniser.
        questions: The questions.

    Returns:
        Rows of tokens, ``(n, 2, length)``, chosen and rejected; questions whose answers
        do not fit are left out.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If no pair is left.

    Example:
        >>> q = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> honesty_pairs(Reader(97, width=8, depth=1), BytePairs(), [q]).shape
        torch.Size([1, 2, 72])
    """
    check_each(questions, "questions", Question)
    said = read(model, tokens, [q.passage for q in questions])
    pairs = []
    for q, answer in zip(questions, said, strict=True):
        wrong = [a for a in (answer, UNKNOWN) if normalise(a) != normalise(q.answer)]
        for other in wrong:
            rows = _chosen_and_rejected(q, other, tokens, model.context_length)
            if len(rows) == 2:  # both fit
                pairs.append(rows)
                break
    if not pairs:
        raise ValueError("questions must leave a pair to learn from, got none")
    return torch.stack(pairs)


def feedback_pairs(
    told: Sequence[Pair],
    tokens: BytePairs,
    look_up: Callable[[str], str],
    *,
    context: int = CONTEXT,
) -> Tensor:
    """Return what the users of a desk preferred, as rows to align it with.

    So feedback comes back to the model: the pairs are those of
    :meth:`.FeedbackStore.pairs`, and an answer ``"?"`` stands for none.

    Args:
        told: The pairs; the prompt of each is a question.
        tokens: The tokeniser of the desk's model.
        look_up: Finds the passage that the desk reads for a question.
        context: The tokens of a row, at most 65,536.

    Returns:
        Rows of tokens, ``(n, 2, context)``, chosen and rejected; pairs of answers that
        are the same once written in one way, or do not fit, are left out.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If no pair is left.

    Example:
        >>> told = [Pair("What is the default of lr in SGD?", "0.001", "?")]
        >>> feedback_pairs(told, BytePairs(), lambda question: "lr : .").shape
        torch.Size([1, 2, 72])
    """
    check_each(told, "told", Pair)
    check_function(look_up, "look_up")
    pairs = []
    for pair in told:
        passage = check_text(look_up(pair.prompt), "look_up(prompt)")
        answer = pair.chosen
        if normalise(answer) != normalise(pair.rejected):
            q = Question("", "", "", passage, answer, answer)
            rows = _chosen_and_rejected(q, pair.rejected, tokens, context)
            pairs += [rows] if len(rows) == 2 else []  # both fit
    if not pairs:
        raise ValueError("told must leave a pair to learn from, got none")
    return torch.stack(pairs)


def _chosen_and_rejected(
    chosen: Question, rejected: str, tokens: BytePairs, context: int
) -> Tensor:
    """Return two answers after one passage, ``(2, context)``, or fewer that fit."""
    both = [chosen, chosen._replace(answer=rejected)]
    return pack(both, tokens, context=context)
