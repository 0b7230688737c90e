"""What computes for the application: the models, the desk, and what watches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from starlette.exceptions import HTTPException
from torch import Tensor

from genbook.practice.monitoring import DriftAlarm
from genbook.practice.serving._meters import Meters
from genbook.practice.serving.batching import Batcher, Busy
from genbook.practice.serving.desk import Desk
from genbook.practice.serving.feedback import FeedbackStore
from genbook.practice.serving.noise import Draw, draw_together
from genbook.practice.serving.settings import Limits
from genbook.practice.serving.shelf import Offer
from genbook.practice.serving.watching import summaries

__all__ = ["Service"]

#: Digits after the point that are served; the last ones of a sum, which differ with the
#: size of a batch, lie far behind.
DECIMALS = 5


class Service:
    """The models, what computes for them, and what is kept of it."""

    def __init__(
        self,
        offers: Mapping[str, Offer],
        limits: Limits,
        desk: Desk | None,
        store: FeedbackStore | None,
        alarms: Mapping[str, DriftAlarm],
        meters: Meters,
    ) -> None:
        self.offers, self.limits = dict(offers), limits
        self.desk, self.store, self.alarms = desk, store, dict(alarms)
        self.meters = meters
        self.batcher = Batcher(
            self._compute,
            most=limits.batch,
            wait=limits.wait,
            queue=limits.queue,
            together=lambda key: key[0] == "samples" and self.offers[key[1]].batched,
            seen=meters.batch.observe,
        )

    def offer(self, name: str) -> Offer:
        """Return a model by its name, which is looked up and opens nothing."""
        if name not in self.offers:
            raise HTTPException(404, "there is no such model; /v1/models lists them")
        return self.offers[name]

    async def ask(self, what: str, name: str, item: Any) -> Any:
        """Wait for an answer; say 503 where too many wait."""
        try:
            return await self.batcher.ask((what, name), item)
        except Busy as busy:
            raise HTTPException(503, str(busy), {"Retry-After": "1"}) from None

    @torch.no_grad()
    def _compute(self, key: tuple[str, str], items: Sequence[Any]) -> list[Any]:
        """Compute for a batch of requests; runs in the one thread that does so."""
        what, name = key
        if what == "answers":
            assert self.desk is not None
            try:
                return [self.desk.answer(*item) for item in items]
            except ValueError as error:  # such as a passage that is wanted
                raise HTTPException(422, str(error)[:300]) from None
        model: Any = self.offers[name].model
        if what == "log_prob":
            return [self._log_prob(name, model, *item) for item in items]
        if not self.offers[name].batched:
            return [_rounded(_alone(model, d)) for d in items]
        return [_rounded(x) for x in draw_together(model, items)]

    def _log_prob(
        self, name: str, model: Any, x: Tensor, y: Tensor | None
    ) -> list[float | None]:
        try:
            v = model.log_prob(x, y)
        except (TypeError, ValueError) as error:
            raise HTTPException(422, str(error)[:300]) from None
        if name in self.alarms and y is None:
            self._watch(name, x, v)
        return [round(float(p), 6) if p > -torch.inf else None for p in v]

    def _watch(self, name: str, x: Tensor, log_prob: Tensor) -> None:
        for report in self.alarms[name].watch(summaries(x, log_prob)):
            self.meters.p_value.labels(name).set(report.p_value)
            self.meters.alarms.labels(name).inc(report.alarm)


def _alone(model: Any, draw: Draw) -> Tensor:
    label = draw.label
    y = None if label is None else torch.full((draw.n,), label)
    return model.sample(draw.n, y, generator=torch.Generator().manual_seed(draw.seed))


def _rounded(x: Tensor) -> list[Any]:
    """Round what differs with the size of a batch: the last digits of sums."""
    if not x.is_floating_point():
        return x.tolist()
    if not x.isfinite().all():
        raise HTTPException(503, "the model drew what is no number; try another seed")
    return (x.double().mul(10**DECIMALS).round() / 10**DECIMALS).tolist()
