"""The reader: the rows it is given, its loss, and how it writes an answer."""

from __future__ import annotations

import pytest
import torch

from genbook.practice.byte_pairs import ASK, END, PAD, BytePairs
from genbook.practice.desk import Question
from genbook.practice.reader import ANSWER_TOKENS, Reader, pack, prompts
from genbook.training import fit, isolated_rng

TOKENS = BytePairs()


def question(value: str, text: str = "Default: ") -> Question:
    return Question("PyTorch", "f", "a", f"a : . {text}{value}", value, value)


def reader(weight: float = 1.0, context: int = 24) -> Reader:
    with isolated_rng(0):
        model = Reader(97, context, width=16, depth=2, passage_weight=weight)
    return model


def test_passages_end_where_the_answers_begin() -> None:
    x = pack([question("5"), question("1234", "Long: ")], TOKENS, context=24)
    for row, answer in zip(x.tolist(), ("5", "1234"), strict=True):
        assert row[15] == ASK
        assert TOKENS.decode(row[16 : 16 + len(answer)]) == answer
        assert row[16 + len(answer)] == END
        assert set(row[17 + len(answer) :]) <= {PAD}
    assert x[0, :15].tolist()[-12:] == TOKENS.encode("a : . Default: 5")


def test_a_long_passage_loses_its_end_and_a_long_answer_its_row() -> None:
    long = question("1", "many words " * 9)
    (row,) = prompts([long.passage], TOKENS, context=24).tolist()
    assert row == [*TOKENS.encode(long.passage)[:15], ASK]
    assert len(pack([question("12345678"), question("1")], TOKENS)) == 1


def test_examples_stand_before_the_passage_with_their_answers() -> None:
    (row,) = prompts(["b : ."], TOKENS, shots=[question("5", "")], context=26).tolist()
    shown = [*TOKENS.encode("a : . 5"), ASK, *TOKENS.encode("5"), END]
    assert row == [PAD] * 7 + shown + [*TOKENS.encode("b : ."), ASK]
    with pytest.raises(ValueError, match="shots must leave room for a passage"):
        prompts(["b : ."], TOKENS, shots=[question("5")] * 3, context=24)


def test_the_loss_is_that_of_the_answer_and_of_the_passage_token_by_token() -> None:
    x = pack([question("5"), question("1234", "Long: ")], TOKENS, context=24)
    nats = -reader().token_log_probs(x)
    answer, passage = [], []
    for row in range(2):
        for t in range(23):
            if x[row, t + 1] != PAD:
                (answer if t >= 15 else passage).append(nats[row, t])
    mean = [torch.stack(part).mean() for part in (answer, passage)]
    assert len(answer) == 7
    for weight in (0.0, 0.3, 1.0):
        got = reader(weight).loss(x)
        torch.testing.assert_close(got, mean[0] + weight * mean[1])


def test_the_log_probability_of_an_answer_is_the_chain_rule() -> None:
    x = pack([question("5"), question("1234")], TOKENS, context=24)
    model = reader()
    every = model.token_log_probs(x)[:, -ANSWER_TOKENS:]
    wanted = [every[0, :2].sum().item(), every[1, :5].sum().item()]
    assert model.answer_log_probs(x).tolist() == pytest.approx(wanted)


def test_completing_takes_the_likeliest_token_each_time() -> None:
    x = prompts(["a : . 5", "b : . 77"], TOKENS, context=24)
    model = reader()
    got = model.complete(x)
    for row in range(2):
        line = x[row : row + 1]
        for t in range(ANSWER_TOKENS):
            token = model.logits(line)[0, -1].argmax()
            assert got[row, t] == token
            if token == END:
                assert set(got[row, t + 1 :].tolist()) <= {PAD}
                break
            line = torch.cat([line, token.view(1, 1)], 1)


def test_it_learns_ten_digits() -> None:
    digits = [question(str(d), "Default = ") for d in range(10)]
    model = reader(0.0)
    x = pack(digits, TOKENS, context=24)
    fit(model, x, steps=150, lr=1e-2)
    said = model.complete(x)[:, 0]
    assert (said == x[:, 16]).float().mean() >= 0.9


def test_bad_rows_are_refused() -> None:
    model = reader()
    with pytest.raises(ValueError, match="context_length must be more than 9, got 9"):
        Reader(97, 9)
    with pytest.raises(ValueError, match=r"x must be \(n, 16\) or longer, got"):
        model.complete(torch.zeros(1, 5, dtype=torch.long))
    with pytest.raises(ValueError, match="x must hold at least one observation"):
        model.loss(torch.zeros(0, 24, dtype=torch.long))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (None, TypeError, r"^x must be a torch.Tensor, got NoneType"),
        (torch.zeros(2, 24), TypeError, r"^x must hold integer tokens"),
        (torch.zeros(24).long(), ValueError, r"^x must be \(n, 24\), got \(24,\)"),
        (torch.zeros(2, 23).long(), ValueError, r"^x must be \(n, 24\), got \(2, 23"),
        (torch.full((2, 24), 97), ValueError, r"^x must hold tokens 0 to 96"),
    ],
)
def test_rows_of_answers_are_refused_by_name(x, error, message) -> None:
    with pytest.raises(error, match=message):
        reader().answer_log_probs(x)
