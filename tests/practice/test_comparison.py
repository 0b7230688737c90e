"""Two candidates on the same questions, beside a simulation and a fair coin."""

from __future__ import annotations

import pytest
import torch

from genbook.practice.comparison import paired


def answers(seed: int, n: int = 200) -> tuple[list[bool], list[bool]]:
    """Two candidates that fail at the same hard questions, equally good."""
    g = torch.Generator().manual_seed(seed)
    hard = torch.rand(n, generator=g) < 0.3
    one, two = torch.rand(2, n, generator=g) < torch.where(hard, 0.1, 0.9)
    return one.tolist(), two.tolist()


def test_the_error_is_that_of_the_differences_question_by_question() -> None:
    a, b = answers(0)
    each = torch.tensor(a).double() - torch.tensor(b).double()
    found = paired(a, b)
    assert found.difference == pytest.approx(each.mean().item())
    wanted = each.std(correction=0).item() / 200**0.5
    assert found.error == pytest.approx(wanted)


def test_equals_differ_as_much_as_the_error_says_and_rarely_significantly() -> None:
    found = [paired(*answers(seed)) for seed in range(1, 501)]
    z = torch.tensor([f.difference / f.error for f in found])
    assert abs(z.mean()) < 0.2
    assert z.std().item() == pytest.approx(1, abs=0.12)
    assert sum(f.p_value < 0.05 for f in found) / 500 < 0.07


def test_the_p_value_is_a_fair_coin_s() -> None:
    first = [True] * 8 + [False] * 2 + [True] * 90
    second = [False] * 8 + [True] * 2 + [True] * 90
    assert paired(first, second).p_value == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert paired(first, first) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "error", "message"),
    [
        ([], [], ValueError, "first must hold one question"),
        (
            [True],
            [True, False],
            ValueError,
            "second must be as many as first, 1, got 2",
        ),
        ([0.5], [True], TypeError, "first must"),
        ([True], None, TypeError, "second must"),
    ],
)
def test_bad_answers(first, second, error, message) -> None:
    with pytest.raises(error, match=message):
        paired(first, second)
