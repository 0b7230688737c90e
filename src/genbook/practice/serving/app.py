"""The application: what each address answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from torch import Tensor

from genbook import __version__
from genbook._validate import check_kind, check_text
from genbook.practice.monitoring import DriftAlarm
from genbook.practice.serving import _schemas as s
from genbook.practice.serving._audit import audit_log
from genbook.practice.serving._guard import Guard
from genbook.practice.serving._meters import Meters
from genbook.practice.serving._service import Service
from genbook.practice.serving.desk import Desk
from genbook.practice.serving.feedback import Feedback, FeedbackStore, Full
from genbook.practice.serving.noise import Draw
from genbook.practice.serving.settings import Limits
from genbook.practice.serving.shelf import Offer

__all__ = ["make_app"]

STATIC = Path(__file__).parent / "static"
FILES = {"page.js": "text/javascript", "page.css": "text/css"}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": s.Problem, "description": words}
    for status, words in {
        400: "The body is no JSON.",
        401: "A key is wanted.",
        404: "There is no such model.",
        408: "The body came too slowly.",
        413: "The body is too large.",
        422: "A value is wrong.",
        429: "Too many requests in a second.",
        501: "The service or the model cannot do that.",
        503: "Too much is going on.",
    }.items()
}


class Answer(JSONResponse):
    """JSON in plain ASCII: half a surrogate pair in a name cannot stop it."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii")


def make_app(
    offers: Mapping[str, Offer],
    limits: Limits | None = None,
    *,
    desk: Desk | None = None,
    store: FeedbackStore | None = None,
    keys: Mapping[str, str] | None = None,
    alarms: Mapping[str, DriftAlarm] | None = None,
    log: Any = None,
) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        offers: The models, from :func:`.load_models`.
        limits: What is allowed.
        desk: What answers questions; without one, ``/v1/answers`` says 501.
        store: Where feedback goes; without one, ``/v1/feedback`` says 501.
        keys: The secrets of the applications that may ask, by their names.
        alarms: Alarms for drift on what is asked of ``/v1/log_prob``, by model; they
            see :func:`.summaries`.
        log: The audit trail; lines on the standard output when ``None``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a key is shorter than 16 signs.

    Example:
        >>> app = make_app({})
        >>> sorted(app.openapi()["paths"])[:2]
        ['/healthz', '/metrics']
    """
    limits = check_kind(Limits() if limits is None else limits, "limits", Limits)
    given = {"offers": offers, "keys": keys, "alarms": alarms}
    for name, value in given.items():
        if value is not None or name == "offers":
            check_kind(value, name, Mapping)
    if store is not None:
        check_kind(store, "store", FeedbackStore)
    if log is not None and not hasattr(log, "info"):
        raise TypeError(f"log must have a method info, got {type(log).__name__}")
    if desk is not None and not isinstance(desk, Desk):
        raise TypeError(f"desk must have a method answer, got {type(desk).__name__}")
    for name, secret in (keys or {}).items():
        if len(check_text(secret, f"keys[{name!r}]")) < 16:
            raise ValueError(f"keys must have 16 signs or more, that of {name} has not")
    meters = Meters()
    service = Service(offers, limits, desk, store, alarms or {}, meters)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        app.state.ready = True
        yield
        app.state.ready = False
        await service.batcher.stop()

    app = FastAPI(
        title="genbook",
        version=__version__,
        lifespan=life,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        default_response_class=Answer,
        responses=PROBLEMS,
    )
    app.state.ready, app.state.service = False, service
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _wrong)
    _add_models(app, service)
    _add_desk(app, service)
    _add_keeping(app, meters)
    app.add_middleware(
        Guard,
        limits=limits,
        keys=keys or {},
        meters=meters,
        log=audit_log() if log is None else log,
    )
    return app


async def _problem(request: Request, error: Any) -> Answer:
    problem = {"error": str(error.detail), "request_id": request.state.request_id}
    return Answer(problem, error.status_code, headers=error.headers)


async def _wrong(request: Request, error: Any) -> Answer:
    """Say what is wrong without repeating it: NaN, for one, could not be written."""
    first = error.errors()[0]
    where = ".".join(str(p)[:64] for p in first["loc"] if p != "body")
    status, said = 422, first["msg"].removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        status, where, said = 400, "", f"no JSON from sign {first['loc'][-1]} on"
    elif not where:  # such as JSON that is not said to be JSON
        said = "must be a JSON object, sent with content-type: application/json"
    text = f"{where or 'body'}: {said}"[:300]
    problem = {"error": text, "request_id": request.state.request_id}
    return Answer(problem, status)


def _add_models(app: FastAPI, service: Service) -> None:
    limits = service.limits

    def card(offer: Offer) -> s.ModelCard:
        m = offer.model
        return s.ModelCard(
            name=offer.name,
            kind=type(m).__name__,
            event_shape=list(m.event_shape),
            classes=m.classes,
            tokens=offer.tokens,
            log_prob=offer.has_log_prob,
            batched=offer.batched,
        )

    @app.get("/v1/models")
    async def models() -> s.Models:
        """List the models."""
        return s.Models(
            models=[card(o) for o in service.offers.values()],
            desk=service.desk is not None,
            feedback=service.store is not None,
            most_samples=limits.samples,
            most_points=limits.points,
        )

    @app.post("/v1/samples")
    async def samples(ask: s.AskSamples, request: Request) -> s.Samples:
        """Draw samples; the same seed gives the same."""
        offer = service.offer(ask.model)
        request.state.audit |= {"model": offer.name, "n": ask.n}
        if ask.n > limits.samples:
            raise HTTPException(422, f"n: at most {limits.samples} at once")
        classes = offer.model.classes
        if (ask.label is None) == bool(classes) or (ask.label or 0) >= (classes or 1):
            wanted = f"from 0 to {classes - 1}" if classes else "none"
            raise HTTPException(422, f"label: this model wants {wanted}")
        draw = Draw(ask.n, ask.seed, ask.label)
        drawn = await service.ask("samples", offer.name, draw)
        return s.Samples(model=offer.name, seed=ask.seed, samples=drawn)

    @app.post("/v1/log_prob")
    async def log_prob(ask: s.AskLogProb, request: Request) -> s.LogProbs:
        """Say how likely observations are."""
        offer = service.offer(ask.model)
        request.state.audit |= {"model": offer.name, "n": len(ask.x)}
        if not offer.has_log_prob:
            raise HTTPException(501, f"a {type(offer.model).__name__} has no density")
        if len(ask.x) > limits.points:
            raise HTTPException(422, f"x: at most {limits.points} at once")
        x, y = _tensors(ask, offer)
        v = await service.ask("log_prob", offer.name, (x, y))
        return s.LogProbs(model=offer.name, log_prob=v)


def _tensors(ask: s.AskLogProb, offer: Offer) -> tuple[Tensor, Tensor | None]:
    dtype = torch.int64 if offer.tokens else offer.model.dtype
    try:
        x = torch.tensor(ask.x)
        if (offer.tokens and x.is_floating_point()) or _holds_truths(ask.x):
            raise ValueError
        x = x.to(dtype)
        y = None if ask.labels is None else torch.tensor(ask.labels)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        what = "whole numbers" if offer.tokens else "numbers"
        raise HTTPException(422, f"x: must be nested lists of {what}") from None
    wanted = (len(ask.x), *offer.model.event_shape)
    if x.shape != wanted:
        raise HTTPException(422, f"x: must be {list(wanted)}, got {list(x.shape)}")
    if (y is not None) != bool(offer.model.classes):
        raise HTTPException(422, "labels: one for each x, where a model takes labels")
    return x, y


def _holds_truths(x: Any) -> bool:
    """Return whether nested lists hold true or false, which are no numbers here."""
    return any(map(_holds_truths, x)) if isinstance(x, list) else isinstance(x, bool)


def _add_desk(app: FastAPI, service: Service) -> None:
    @app.post("/v1/answers")
    async def answers(ask: s.AskAnswer) -> s.AnswerQuestion:
        """Answer a question from a passage."""
        if service.desk is None:
            raise HTTPException(501, "no desk is configured here")
        item = (ask.question, ask.passage)
        return s.AnswerQuestion(answer=await service.ask("answers", "desk", item))

    @app.post("/v1/feedback", status_code=201)
    async def feedback(ask: s.AskFeedback, request: Request) -> s.Stored:
        """Keep what somebody thinks of an answer."""
        if service.store is None:
            raise HTTPException(501, "no store of feedback is configured here")
        if ask.model not in {*service.offers, "desk"}:
            raise HTTPException(404, "there is no such model; /v1/models lists them")
        request.state.audit["model"] = ask.model
        given = Feedback(**ask.model_dump())
        try:
            return s.Stored(id=await asyncio.to_thread(service.store.add, given))
        except Full:
            raise HTTPException(503, "the store of feedback is full") from None


def _add_keeping(app: FastAPI, meters: Meters) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        """Say that the process lives."""
        return {"ok": True}

    @app.get("/readyz")
    async def readyz() -> dict[str, bool]:
        """Say whether requests are welcome."""
        if not app.state.ready:
            raise HTTPException(503, "not ready")
        return {"ready": True}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Give Prometheus its numbers."""
        text = await asyncio.to_thread(meters.text)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "page.html", media_type="text/html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def favicon() -> Response:
        return Response(status_code=204)

    for name, kind in FILES.items():
        app.add_api_route(f"/{name}", _fixed(name, kind), include_in_schema=False)


def _fixed(name: str, kind: str) -> Any:
    """Return what answers with one file of ours: no caller names a path."""

    async def file() -> FileResponse:
        return FileResponse(STATIC / name, media_type=kind)

    return file
