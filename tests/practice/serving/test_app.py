"""What the service answers, to those who mean well and to those who do not."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
import torch

from genbook.practice.serving.app import make_app
from genbook.practice.serving.feedback import FeedbackStore, Pair
from genbook.practice.serving.settings import Limits


def test_samples_are_those_that_the_model_draws_for_the_seed(ask, plain) -> None:
    service = ask()
    for name, label in (("flow", None), ("digits", 7), ("words", None)):
        wish = {"model": name, "n": 3, "seed": 5}
        wish |= {} if label is None else {"label": label}
        found = service.post("/v1/samples", wish)
        assert found.status_code == 200
        x = torch.tensor(found.json()["samples"], dtype=torch.float64)
        wanted = plain(name, 3, 5, label).double()
        torch.testing.assert_close(x, wanted, rtol=0, atol=5.1e-6)


def test_a_crowd_gets_what_each_gets_alone(offers) -> None:
    from httpx2 import ASGITransport, AsyncClient

    wishes = [
        {"model": name, "seed": seed, "n": 1 + seed % 2}
        for seed in range(12)
        for name in ("flow", "words")
    ]

    async def main() -> Any:
        app = make_app(offers, log=Silent())
        sizes: list[int] = []
        app.state.service.batcher.seen = sizes.append
        async with app.router.lifespan_context(app):
            there = ASGITransport(app, client=("127.0.0.1", 1))
            async with AsyncClient(transport=there, base_url="http://x") as client:
                calls = [client.post("/v1/samples", json=w) for w in wishes]
                crowd = await asyncio.gather(*calls)
                alone = [await client.post("/v1/samples", json=w) for w in wishes]
        return [r.json() for r in crowd], [r.json() for r in alone], sizes

    crowd, alone, sizes = asyncio.run(main())
    assert crowd == alone
    assert max(sizes) > 3


class Silent:
    def info(self, *args: Any, **words: Any) -> None:
        pass


def test_densities_are_the_models_and_null_outside(ask, offers) -> None:
    service = ask()
    x = [[0.1, 0.2], [0.5, 3.0]]
    found = service.post("/v1/log_prob", {"model": "flow", "x": x}).json()["log_prob"]
    wanted = offers["flow"].model.log_prob(torch.tensor(x[:1], dtype=torch.float64))
    assert found[0] == pytest.approx(wanted.item(), abs=1e-6)
    assert found[1] is None
    tokens = {"model": "words", "x": [[0, 1, 2, 3, 4, 5, 6, 7]]}
    assert service.post("/v1/log_prob", tokens).status_code == 200


BAD: dict[str, tuple[str, Any, int]] = {
    "no JSON": ("samples", b"{", 400),
    "nothing": ("samples", b"", 422),
    "no text": ("samples", b"\xff\xfe", 400),
    "a list": ("samples", [], 422),
    "deep": ("samples", b"[" * 60_000, 400),
    "NaN": ("samples", b'{"model": "flow", "seed": NaN}', 422),
    "Infinity": ("samples", b'{"model": "flow", "n": Infinity}', 422),
    "1e999": ("samples", b'{"model": "flow", "n": 1e999}', 422),
    "NaN as a whole": ("samples", b"NaN", 422),
    "NaN in x": ("log_prob", b'{"model": "flow", "x": [[NaN, 0]]}', 422),
    "Infinity in x": ("log_prob", b'{"model": "flow", "x": [[1e999, 0]]}', 422),
    "five thousand digits": ("samples", b'{"seed": ' + b"9" * 5000 + b"}", 400),
    "half a seed": ("samples", {"model": "flow", "seed": 1.5}, 422),
    "a seed below": ("samples", {"model": "flow", "seed": -1}, 422),
    "a seed as text": ("samples", {"model": "flow", "seed": "1"}, 422),
    "true": ("samples", {"model": "flow", "n": True}, 422),
    "too many": ("samples", {"model": "flow", "n": 65}, 422),
    "far too many": ("samples", {"model": "flow", "n": 10**18}, 422),
    "none": ("samples", {"model": "flow", "n": 0}, 422),
    "unknown": ("samples", {"model": "nobody"}, 404),
    "a path": ("samples", {"model": "../../etc/passwd"}, 422),
    "half a sign": ("samples", b'{"model": "\\ud800"}', 422),
    "half a sign as a name": ("samples", b'{"model": "flow", "\\ud800": 1}', 422),
    "another name": ("samples", {"model": "flow", "temperature": 2}, 422),
    "a label": ("samples", {"model": "flow", "label": 1}, 422),
    "no label": ("samples", {"model": "digits"}, 422),
    "a label above": ("samples", {"model": "digits", "label": 10}, 422),
    "ragged x": ("log_prob", {"model": "flow", "x": [[1], [1, 2]]}, 422),
    "x of text": ("log_prob", {"model": "flow", "x": [["1", "2"]]}, 422),
    "x too wide": ("log_prob", {"model": "flow", "x": [[1, 2, 3]]}, 422),
    "x too long": ("log_prob", {"model": "flow", "x": [[0, 0]] * 257}, 422),
    "x of large numbers": ("log_prob", {"model": "words", "x": [[10**30] * 8]}, 422),
    "unknown tokens": ("log_prob", {"model": "words", "x": [[999] * 8]}, 422),
    "broken tokens": ("log_prob", {"model": "words", "x": [[0.5] * 8]}, 422),
    "no labels": ("log_prob", {"model": "digits", "x": [[[[0] * 8] * 8]]}, 422),
    "no desk": ("answers", {"question": "why?"}, 501),
    "no store": (
        "feedback",
        {"model": "flow", "prompt": "p", "answer": "a", "verdict": "bad"},
        501,
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_gets_a_sentence_and_no_fault(ask, what: str) -> None:
    path, body, status = BAD[what]
    service = ask()
    found = service.post(f"/v1/{path}", body)
    assert found.status_code == status, found.text
    assert {"error", "request_id"} <= found.json().keys()
    assert service.trail()[-1]["status"] == status
    good = service.post("/v1/samples", {"model": "flow"})
    assert good.status_code == 200, "it must go on"


@pytest.mark.parametrize(
    "path", ["/v1/models/../../x", "/%2e%2e/%2e%2e/etc/passwd", "/static/page.js"]
)
def test_no_path_leads_to_a_file(ask, path: str) -> None:
    assert ask().get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "kind", "status", "error"),
    [
        (b"{nope", "application/json", 400, "body: no JSON from sign 1 on"),
        (b"{}", "application/x-www-form-urlencoded", 422, "content-type: application"),
        (b"[1]", "application/json", 422, "body: must be a JSON object"),
        (b'{"model": "flow", "n": "3"}', "application/json", 422, "n: must be a whole"),
    ],
)
def test_a_problem_says_what_to_change(ask, body, kind, status, error) -> None:
    service = ask()
    told = {"content-type": kind}
    found = service.client.post("/v1/samples", content=body, headers=told)
    assert found.status_code == status
    assert error in found.json()["error"]


def test_a_text_that_is_too_long_is_counted_in_characters(ask) -> None:
    found = ask(desk=Parrot()).post("/v1/answers", {"question": "a" * 4001})
    assert found.status_code == 422
    assert "at most 4000 characters" in found.json()["error"]


@pytest.mark.parametrize("x", [[[True, False]], [[True, 2]], [[0.5, False]]])
def test_true_and_false_are_no_places(ask, x) -> None:
    found = ask().post("/v1/log_prob", {"model": "flow", "x": x})
    assert (found.status_code, found.json()["error"][:2]) == (422, "x:")


def test_the_page_has_its_own_files_and_a_strict_policy(ask) -> None:
    service = ask()
    page = service.get("/")
    assert "<script defer src=" in page.text
    for name in ("page.js", "page.css"):
        assert name in page.text
        assert service.get(f"/{name}").status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_numbers_that_the_model_cannot_draw_are_no_answer(ask, offers) -> None:
    service = ask()
    batcher = service.client.app.state.service.batcher
    batcher.work = lambda key, items: [1 / 0]
    found = service.post("/v1/samples", {"model": "flow"})
    assert found.status_code == 500
    assert "ZeroDivision" not in found.text
    assert service.trail()[-1]["fault"] == "ZeroDivisionError"


class Parrot:
    def answer(self, question: str, passage: str | None) -> str | None:
        if question == "mute":
            raise ValueError("passage must be given")
        return passage and f"{question} {passage}"


def test_the_desk_answers_and_feedback_becomes_pairs(ask) -> None:
    store = FeedbackStore(":memory:")
    service = ask(desk=Parrot(), store=store)
    question = {"question": "who?", "passage": "me"}
    answer = service.post("/v1/answers", question).json()["answer"]
    assert answer == "who? me"
    assert service.post("/v1/answers", {"question": "who?"}).json() == {"answer": None}
    mute = service.post("/v1/answers", {"question": "mute"})
    assert (mute.status_code, mute.json()["error"]) == (422, "passage must be given")
    said = {"model": "desk", "prompt": "who?", "answer": answer, "verdict": "bad"}
    found = service.post("/v1/feedback", said | {"better": "you"})
    assert (found.status_code, found.json()) == (201, {"id": 1})
    assert store.pairs() == [Pair("who?", "you", answer)]
    other = said | {"model": "nobody"}
    assert service.post("/v1/feedback", other).status_code == 404
    sly = said | {"prompt": "a\x00b"}
    assert service.post("/v1/feedback", sly).status_code == 422


def test_the_trail_and_the_meters_hold_no_words_of_a_person(ask) -> None:
    keys = {"reader": "a-secret-of-the-reader"}
    service = ask(desk=Parrot(), store=FeedbackStore(":memory:"), keys=keys)
    told = {"authorization": "Bearer a-secret-of-the-reader"}
    ask_ = {"question": "Ada Lovelace, 1 High Street?", "passage": "ada@example.org"}
    assert service.post("/v1/answers", ask_, headers=told).status_code == 200
    said = {"model": "desk", "prompt": "Ada", "answer": "Ada", "verdict": "good"}
    assert service.post("/v1/feedback", said, headers=told).status_code == 201
    service.get("/people/Ada%20Lovelace?mail=ada@example.org")
    written = service.out.getvalue() + service.get("/metrics").text
    for word in ("Ada", "ada@", "High Street", "secret", "testclient", "127.0.0.1"):
        assert word not in written
    first = service.trail()[0]
    assert (first["key"], first["route"], first["status"]) == (
        "reader",
        "/v1/answers",
        200,
    )
    assert len(first["request_id"]) == 32


def test_meters_count_what_was_asked(ask) -> None:
    service = ask()
    for seed in range(3):
        service.post("/v1/samples", {"model": "flow", "seed": seed})
    service.post("/v1/samples", {"model": "nobody"})
    lines = service.get("/metrics").text.splitlines()
    assert 'genbook_requests_total{route="/v1/samples",status="200"} 3.0' in lines
    assert 'genbook_requests_total{route="/v1/samples",status="404"} 1.0' in lines
    assert "genbook_batch_size_sum 3.0" in lines
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True})


def test_the_limit_of_a_request_stands_in_the_list(ask) -> None:
    found = ask(Limits(samples=3)).get("/v1/models").json()
    assert found["most_samples"] == 3
    assert {m["name"]: m["event_shape"] for m in found["models"]} == {
        "digits": [1, 8, 8],
        "flow": [2],
        "words": [8],
    }


def test_drift_is_watched_where_there_is_a_reference(ask, offers, plain) -> None:
    from genbook.practice.monitoring import DriftAlarm
    from genbook.practice.serving.watching import summaries

    x = plain("flow", 100, 1)
    reference = summaries(x, offers["flow"].model.log_prob(x))
    service = ask(alarms={"flow": DriftAlarm(reference, window=40)})
    same = plain("flow", 40, 2).tolist()
    service.post("/v1/log_prob", {"model": "flow", "x": same})
    assert (
        'genbook_drift_alarms_total{model="flow"} 0.0' in service.get("/metrics").text
    )
    service.post("/v1/log_prob", {"model": "flow", "x": [[0.9, 0.9]] * 40})
    text = service.get("/metrics").text
    assert 'genbook_drift_alarms_total{model="flow"} 1.0' in text
    assert 'genbook_drift_p_value{model="flow"} 0.005' in text


def test_the_description_names_every_address(ask) -> None:
    found = ask().get("/openapi.json").json()["paths"]
    names = ("models", "samples", "log_prob", "answers", "feedback")
    wanted = {f"/v1/{name}" for name in names}
    assert found.keys() == wanted | {"/healthz", "/readyz", "/metrics"}


def test_short_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="keys must have 16 signs or more, that of me"):
        make_app({}, keys={"me": "short"})
    with pytest.raises(TypeError, match="desk must have a method answer, got int"):
        make_app({}, desk=3)


def test_json_has_no_nan(ask) -> None:
    body = ask().get("/v1/models").content
    assert json.loads(body, parse_constant=lambda c: math.nan)
