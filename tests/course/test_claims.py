"""Claims hold inside their band, fail outside it, and say what was wrong."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genbook.course.claims import MIME, ClaimError, check, claim, number, show

FINITE = st.floats(-1e9, 1e9)


@given(value=FINITE, low=FINITE, high=FINITE)
def test_between_agrees_with_comparison(value: float, low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    assert check("a", value, between=(low, high)).ok == (low <= value <= high)


@given(value=FINITE, wanted=FINITE, within=st.floats(0, 1e9))
def test_equals_within(value: float, wanted: float, within: float) -> None:
    ok = check("a", value, equals=wanted, within=within).ok
    assert ok == (abs(value - wanted) <= within)


@pytest.mark.parametrize(
    "value", [3, 3.0, np.float32(3), np.array([3.0]), torch.tensor(3.0)]
)
def test_every_kind_of_number(value: object) -> None:
    assert check("three", value, equals=3).ok


def test_not_a_number_never_holds() -> None:
    for band in ({"equals": 1, "within": 9}, {"at_least": 0}, {"at_most": 0}):
        assert not check("nan", math.nan, **band).ok


def test_infinity_can_be_claimed() -> None:
    assert check("sea", -math.inf, equals=-math.inf).ok
    assert not check("sea", -math.inf, equals=0, within=1).ok


def test_failure_names_claim_value_and_band() -> None:
    with pytest.raises(ClaimError, match=r"'box-area' failed: got 0.5 nats.*1 ± 0.01"):
        claim("box-area", 0.5, equals=1, within=0.01, unit="nats")


@pytest.mark.parametrize(
    ("band", "message"),
    [
        ({}, "needs one band"),
        ({"equals": 1, "at_least": 0}, "needs one band"),
        ({"at_least": 0, "within": 1}, "stand beside equals"),
        ({"equals": 0, "within": -1}, "zero or positive"),
        ({"between": (2, 1)}, "is empty"),
        ({"equals": 4, "within": math.inf}, "zero or positive, and finite, got inf"),
        ({"equals": 4, "within": math.nan}, "within must be a number, got NaN"),
        ({"equals": math.nan}, "equals must be a number, got NaN"),
        ({"at_least": math.nan}, "the lower bound must be a number, got NaN"),
        ({"at_least": -math.inf}, "holds every number"),
        ({"at_most": math.inf}, "holds every number"),
        ({"between": (-math.inf, math.inf)}, "holds every number"),
        ({"between": (0, math.nan)}, "the upper bound must be a number, got NaN"),
    ],
)
def test_bad_bands(band: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check("a", 1.0, **band)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"equals": "4"}, "equals must be one number, got '4'"),
        ({"equals": 4, "within": "1"}, "within must be one number, got '1'"),
        ({"at_most": [1]}, r"the upper bound must be one number, got \[1\]"),
        ({"between": 5}, r"between must be \(low, high\), got 5"),
        ({"between": (1, 2, 3)}, r"between must be \(low, high\), got"),
        ({"equals": 4, "says": 5}, "says must be a text, got int"),
        ({"equals": 4, "unit": None}, "unit must be a text, got NoneType"),
    ],
)
def test_bounds_and_texts_of_another_type(options: dict, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check("a", 4.0, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_only_finite_numbers_stand_in_the_text(value: float) -> None:
    with pytest.raises(ValueError, match="number 'a' must be finite, got"):
        number("a", value)


@pytest.mark.parametrize("fmt", ["zzz", "s", 5, None])
def test_a_format_that_is_none(fmt: object) -> None:
    with pytest.raises(ValueError, match=r"fmt must be like '.3g' or ',d', got"):
        number("a", 1.5, fmt)  # type: ignore[arg-type]


def test_infinite_ends() -> None:
    assert check("a", 5, between=(1, math.inf)).band == "≥ 1"
    assert check("a", -math.inf, between=(-math.inf, 2)).band == "≤ 2"
    assert check("a", math.inf, between=(1, 2)).ok is False
    assert check("a", True, equals=True).ok


@pytest.mark.parametrize("name", ["", "Two Words", "under_score", "-a", 3])
def test_bad_names(name: object) -> None:
    with pytest.raises(ValueError, match="name must be"):
        check(name, 1.0, equals=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name must be"):
        number(name, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["1", None, [1], torch.zeros(2), np.zeros(0)])
def test_bad_values(value: object) -> None:
    with pytest.raises(TypeError, match="value must be"):
        check("a", value, equals=1)


REFUSED = {"one Gaussian": 0.8999, "an untrained flow": np.float32(1.2)}


def test_alternatives_outside_the_band_are_recorded_and_shown() -> None:
    made = check("a-b", 0.1312, at_most=0.15, rejects=REFUSED, unit="nats", says="Near")
    assert made.ok
    assert not made.accepts
    line = "0.13 nats (wanted ≤ 0.15; one Gaussian has 0.90, an untrained flow 1.2)"
    assert made.line() == f"✓ Near: {line}"
    bundle = made._repr_mimebundle_()
    assert bundle[MIME]["rejects"] == pytest.approx(
        {"one Gaussian": 0.8999, "an untrained flow": 1.2}
    )
    assert bundle[MIME]["shown"] == "0.13 nats"
    assert bundle[MIME]["refused"] == "one Gaussian has 0.90, an untrained flow 1.2"
    for kind in ("text/html", "text/latex", "text/markdown", "text/plain"):
        assert "one Gaussian has 0.90, an untrained flow 1.2)" in bundle[kind].replace(
            "1.2}", "1.2)"
        )


@pytest.mark.parametrize(
    ("band", "passes", "fails"),
    [
        ({"at_most": 0.15}, 0.12, 0.151),
        ({"at_least": 0.1}, 0.1, -math.inf),
        ({"between": (0.1, 0.2)}, 0.2, 0.21),
        ({"equals": 0.13, "within": 0.01}, 0.121, 0.1),
    ],
)
def test_a_claim_that_an_alternative_would_pass_says_nothing(
    band: dict, passes: float, fails: float
) -> None:
    claim("x", 0.13, **band, rejects={"nothing": fails})
    with pytest.raises(
        ClaimError,
        match=rf"^claim 'x' cannot fail: it would accept 'one Gaussian' \({passes}\)$",
    ):
        claim("x", 0.13, **band, rejects={"nothing": fails, "one Gaussian": passes})
    made = check("x", 0.13, **band, rejects={"one Gaussian": passes})
    assert made.accepts == ("one Gaussian",)
    assert made.line().startswith("✗")


def test_the_record_is_json_even_of_infinities() -> None:
    made = check("sea", -math.inf, at_most=0, rejects={"land": math.inf})
    record = json.loads(json.dumps(made._repr_mimebundle_()[MIME], allow_nan=False))
    assert (record["value"], record["rejects"]) == ("−∞", {"land": "∞"})


def test_a_value_outside_is_said_before_its_alternatives() -> None:
    with pytest.raises(ClaimError, match=r"'x' failed: got 0\.16, wanted ≤ 0\.15"):
        claim("x", 0.16, at_most=0.15, rejects={"nothing": 0.1})


@pytest.mark.parametrize(
    ("rejects", "error", "message"),
    [
        ({"copier": math.nan}, ValueError, "'copier' must be a number, got NaN"),
        ({"copier": "1"}, TypeError, "'copier' must be one number, got '1'"),
        ({"copier": [1, 2]}, TypeError, "'copier' must be one number, got"),
        ({}, ValueError, "rejects must name one alternative or more"),
        ({" ": 1}, ValueError, "must be a short noun phrase, got ' '"),
        ({3: 1}, ValueError, "must be a short noun phrase, got 3"),
        ([1], TypeError, r"a mapping from names to numbers, got \[1\]"),
        (0.9, TypeError, "a mapping from names to numbers, got 0.9"),
    ],
)
def test_alternatives_are_named_numbers(
    rejects: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check("x", 2.0, at_most=3, rejects=rejects)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "band", "alternative", "line"),
    [
        (4.27793, {"at_least": 4.2}, 4.06, "4.3 (wanted ≥ 4.2; a has 4.1)"),
        (4.27793, {"at_least": 3}, 2.71828, "4.3 (wanted ≥ 3; a has 2.7)"),
        (0.14963, {"at_most": 0.15}, 0.15021, "0.1496 (wanted ≤ 0.15; a has 0.1502)"),
        (543.21, {"at_most": 600}, 1234.5, "543 (wanted ≤ 600; a has 1,234)"),
        (59_999, {"at_least": 50_000}, 7, "59,999 (wanted ≥ 50,000; a has 7)"),
        (0.5, {"at_least": 0.25}, 0.125, "0.5 (wanted ≥ 0.25; a has 0.12"),
        (1 + 2e-9, {"equals": 1, "within": 1e-6}, 1.1, "1.0 (wanted 1 ± 1e-06; a"),
        (3.2e-13, {"at_most": 1e-9}, 0.1, "3.2e-13 (wanted ≤ 1e-09; a has 0.1)"),
        (-0.0312, {"at_most": -0.01}, 0.02, "−0.031 (wanted ≤ −0.01; a has 0.02)"),
        (0.09, {"at_most": 0.1328473}, math.inf, "0.09 (wanted ≤ 0.13; a has ∞)"),
        (0.69533, {"equals": 0.69315, "within": 0.01}, 0, "0.695 (wanted 0.693 ± 0.01"),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(
    value: float, band: dict, alternative: float, line: str
) -> None:
    assert line in check("x", value, **band, rejects={"a": alternative}).line()


@given(value=FINITE, high=FINITE, other=FINITE)
def test_what_is_shown_keeps_the_order(value: float, high: float, other: float) -> None:
    made = check("x", value, at_most=high, rejects={"a": other})
    shown, refused, end = (
        float(re.sub("a has |≤ |,", "", text).replace("−", "-"))
        for text in (made.shown, made.refused, made.band)
    )
    assert (shown <= end) == made.ok
    assert (refused <= end) == bool(made.accepts)
    assert (shown < refused) == (value < other)


def test_bundle_carries_record_and_escapes() -> None:
    made = check("a-b", 0.5, at_most=1, says="50% of <x> & y_1")
    bundle = made._repr_mimebundle_()
    assert bundle[MIME]["ok"]
    assert bundle[MIME]["band"] == "≤ 1"
    assert "&lt;x&gt; &amp;" in bundle["text/html"]
    assert r"50\% of <x> \& y\_1" in bundle["text/latex"]


def test_show_uses_a_true_minus() -> None:
    assert show(-0.25) == "−0.25"
    assert show(math.inf) == "∞"
