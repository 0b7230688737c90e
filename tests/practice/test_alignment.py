"""Preferences: the loss beside its closed form on a model of two answers."""

from __future__ import annotations

import copy

import pytest
import torch
from scipy.special import expit

from genbook.practice.alignment import (
    PreferenceModel,
    dpo_loss,
    feedback_pairs,
    honesty_pairs,
    reference_log_probs,
)
from genbook.practice.byte_pairs import BytePairs
from genbook.practice.desk import Question
from genbook.practice.reader import ANSWER_TOKENS, Reader, pack
from genbook.practice.serving.feedback import Feedback, FeedbackStore, Pair
from genbook.training import fit, isolated_rng

TOKENS = BytePairs()


def reader() -> Reader:
    with isolated_rng(0):
        return Reader(97, 24, width=16, depth=1)


def question(answer: str) -> Question:
    said = f" Default: {answer}" if answer != "?" else ""
    return Question("PyTorch", "f", "a", f"a : int.{said}", answer, "1")


@pytest.mark.parametrize("beta", [0.1, 0.5, 2.0])
def test_its_optimum_is_the_closed_form_of_reinforcement_from_feedback(beta) -> None:
    """Of two answers a is preferred with probability q.

    Then r_a - r_b = log(q / (1 - q)), and the best policy is proportional to
    reference times exp(r / beta).
    """
    q, reference = 0.7, torch.tensor([0.2, 0.8], dtype=torch.float64)
    reward = torch.tensor([0.7 / 0.3, 1.0], dtype=torch.float64).log()
    wanted = reference * (reward / beta).exp()
    wanted = wanted / wanted.sum()
    logits = reference.log().clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=300, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )

    def expected_loss() -> torch.Tensor:
        optimiser.zero_grad()
        said = logits.log_softmax(0)
        both = torch.stack([said, said.flip(0)])
        there = torch.stack([reference, reference.flip(0)]).log()
        each = dpo_loss(both, there, beta)
        loss = q * each[0] + (1 - q) * each[1]
        loss.backward()
        return loss

    optimiser.step(expected_loss)
    torch.testing.assert_close(logits.detach().softmax(0), wanted, rtol=1e-4, atol=1e-6)


def test_the_loss_is_minus_the_log_of_the_preference() -> None:
    policy = torch.tensor([[-1.0, -2.0], [-3.0, -0.5]], dtype=torch.float64)
    reference = torch.tensor([[-1.5, -1.0], [-3.0, -0.5]], dtype=torch.float64)
    margin = 0.3 * ((-1 + 1.5) - (-2 + 1))
    wanted = [-float(torch.tensor(expit(margin)).log()), float(torch.tensor(2.0).log())]
    assert dpo_loss(policy, reference, 0.3).tolist() == pytest.approx(wanted)


def test_the_model_adds_the_likelihood_of_the_chosen() -> None:
    x = torch.stack([pack([question(a) for a in "12"], TOKENS, context=24)] * 3)
    policy = reader()
    y = reference_log_probs(policy, x) - torch.tensor([0.4, 0.1])
    said = policy.answer_log_probs(x[:, 0])
    plain = PreferenceModel(policy, beta=0.5).loss(x, y)
    mended = PreferenceModel(policy, beta=0.5, likelihood=0.3).loss(x, y)
    assert plain.item() == pytest.approx(-float(torch.tensor(expit(0.15)).log()))
    torch.testing.assert_close(mended, plain - 0.3 * said.mean())


@pytest.fixture
def inventing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers answer 9, whatever is asked."""
    module = "genbook.practice.alignment.read"
    monkeypatch.setattr(module, lambda model, tokens, passages: ["9"] * len(passages))


@pytest.mark.usefixtures("inventing")
def test_training_widens_the_margin() -> None:
    questions = [question(a) for a in ("1", "2", "?")]
    policy = reader()
    x = honesty_pairs(policy, TOKENS, questions)
    y = reference_log_probs(policy, x)
    fit(PreferenceModel(policy, beta=0.5), x, y, steps=10, lr=3e-3)
    gain = reference_log_probs(policy, x) - y
    assert (gain[:, 0] > gain[:, 1]).all()


@pytest.mark.usefixtures("inventing")
def test_pairs_prefer_the_honest_answer_to_what_the_model_says() -> None:
    questions = [question("1"), question("?"), question("9")]
    x = honesty_pairs(reader(), TOKENS, questions)
    assert torch.equal(x[:, 0], pack(questions, TOKENS, context=24))
    said = ("9", "9", "?")  # who is right may still not refuse
    worse = [q._replace(answer=a) for q, a in zip(questions, said, strict=True)]
    assert torch.equal(x[:, 1], pack(worse, TOKENS, context=24))


def test_an_honest_refusal_leaves_nothing_to_learn(monkeypatch) -> None:
    monkeypatch.setattr("genbook.practice.alignment.read", lambda *_: ["?"])
    with pytest.raises(ValueError, match="must leave a pair to learn from, got none"):
        honesty_pairs(reader(), TOKENS, [question("?")])


def test_what_has_no_reference_is_refused() -> None:
    x = torch.ones(2, 2, 24, dtype=torch.long)
    model = PreferenceModel(copy.deepcopy(reader()))
    with pytest.raises(ValueError, match="y must be what the reference says"):
        model.loss(x)
    x = torch.ones(3, 2, 24, dtype=torch.long)
    model = PreferenceModel(reader())
    for y, error, message in (
        ([0.0], TypeError, r"^y must be a torch.Tensor, got list"),
        (torch.zeros(2, 2), ValueError, r"^y must be \(3, 2\), got \(2, 2\)"),
        (torch.full((3, 2), torch.nan), ValueError, r"^y must be finite"),
        (torch.zeros(3, 2).double(), TypeError, r"^y must be torch.float32"),
    ):
        with pytest.raises(error, match=message):
            model.loss(x, y)
    for ask in (
        lambda: model.loss(x.float(), torch.zeros(3, 2)),
        lambda: reference_log_probs(reader(), x.float()),
    ):
        with pytest.raises(TypeError, match=r"^x must hold integer tokens"):
            ask()
    with pytest.raises(ValueError, match=r"x must be \(n, 2, length\)"):
        reference_log_probs(reader(), x[:, 0])


PASSAGES = {"a?": "a : int. Default: 1", "b?": "b : int."}


def words(row: torch.Tensor) -> str:
    """Return the answer at the end of a row."""
    answer = row[-ANSWER_TOKENS:].tolist()
    return TOKENS.decode(answer[: answer.index(2)])


def test_feedback_comes_back_as_rows_the_preferred_answer_first(tmp_path) -> None:
    """Out of the service's file, and no further than the model can read."""
    store = FeedbackStore(tmp_path / "feedback.db")
    store.add(Feedback("desk", "a?", "?", "bad", better="1"))
    store.add(Feedback("desk", "b?", "7", "bad"))
    store.add(Feedback("desk", "b?", "?", "good"))
    store.add(Feedback("desk", "a?", "1", "bad", better=" '1' "))  # one answer
    store.add(Feedback("desk", "a?", "1", "bad", better="much too long for it"))
    told = FeedbackStore(tmp_path / "feedback.db").pairs("desk")
    rows = feedback_pairs(told, TOKENS, PASSAGES.__getitem__, context=40)
    assert rows.shape == (2, 2, 40)
    assert [tuple(map(words, pair)) for pair in rows] == [("1", "?"), ("?", "7")]
    said = pack([question("1")], TOKENS, context=40)
    assert torch.equal(rows[0, 0], said[0]), "as it would learn from a question"


def test_feedback_turns_what_the_model_prefers() -> None:
    told = [Pair("a?", "1", "?"), Pair("b?", "?", "7")]
    policy = reader()
    rows = feedback_pairs(told, TOKENS, PASSAGES.__getitem__, context=24)
    said = reference_log_probs(policy, rows)
    model = PreferenceModel(policy, beta=0.5, likelihood=0.3)
    fit(model, rows, said, steps=20, batch_size=2, lr=1e-2)
    gain = reference_log_probs(policy, rows) - said
    assert (gain[:, 0] > gain[:, 1]).all()


def test_feedback_that_teaches_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="told must leave a pair"):
        feedback_pairs([Pair("a?", "1", "1.0")], TOKENS, PASSAGES.__getitem__)
    with pytest.raises(TypeError, match=r"look_up\(prompt\) must be"):
        feedback_pairs([Pair("c?", "1", "?")], TOKENS, PASSAGES.get)
    with pytest.raises(TypeError, match="look_up must be"):
        feedback_pairs([Pair("a?", "1", "?")], TOKENS, PASSAGES)
