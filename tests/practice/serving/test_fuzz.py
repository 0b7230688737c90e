"""Fuzzed from its own description: whatever fits it, or does not, makes no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbook.practice.serving.app import make_app
from genbook.practice.serving.feedback import FeedbackStore
from genbook.practice.serving.settings import Limits
from genbook.practice.serving.shelf import load_models

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, settings  # noqa: E402


class Parrot:
    def answer(self, question: str, passage: str | None) -> str | None:
        return passage


class Silent:
    def info(self, *args: object, **words: object) -> None:
        pass


@pytest.fixture(scope="module")
def described(shelf: Path):
    """The description of a service, and the service."""
    free = Limits(rate=1e5, burst=1e5)
    store = FeedbackStore(":memory:")
    app = make_app(load_models(shelf), free, desk=Parrot(), store=store, log=Silent())
    return schemathesis.openapi.from_asgi("/openapi.json", app)


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_fault_and_nothing_undescribed(case) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    case.call_and_validate(
        checks=[
            not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ]
    )
