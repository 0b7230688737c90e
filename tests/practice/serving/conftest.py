"""Tiny models in a folder, and a service of them in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from genbook.models.autoregressive.transformer import Transformer
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.models.networks.unet import UNet
from genbook.practice.serving._audit import audit_log
from genbook.practice.serving.app import make_app
from genbook.practice.serving.settings import Limits
from genbook.practice.serving.shelf import Offer, load_models
from genbook.training import isolated_rng, save


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flow, digits on demand and a transformer, all untrained."""
    folder = tmp_path_factory.mktemp("models")
    with isolated_rng(0):
        square: Any = {"low": [-1.0, -1.0], "high": [1.0, 1.0]}
        save(Flow(2, transforms=2, **square), folder / "flow.safetensors")
        net = UNet((1, 8, 8), classes=10, width=8)
        digits = FlowMatching((1, 8, 8), network=net, classes=10, steps=2)
        save(digits, folder / "digits.safetensors")
        words = Transformer(50, 8, width=16, depth=1, heads=2)
        save(words, folder / "words.safetensors")
    return folder


@pytest.fixture(scope="session")
def offers(shelf: Path) -> dict[str, Offer]:
    """Those models, as the service has them."""
    return load_models(shelf)


class Asked:
    """A service in this process, and the lines of its audit trail."""

    def __init__(self, client: TestClient, out: io.StringIO) -> None:
        self.client, self.out = client, out

    def post(self, path: str, ask: Any, **options: Any) -> Any:
        """Send JSON, or bytes as they are."""
        if isinstance(ask, bytes):
            kind = {"content-type": "application/json", **options.pop("headers", {})}
            return self.client.post(path, content=ask, headers=kind, **options)
        return self.client.post(path, json=ask, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def trail(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def ask(offers: dict[str, Offer]) -> Iterator[Callable[..., Asked]]:
    """Make services; each stops after the test."""
    clients = []

    def make(limits: Limits | None = None, **options: Any) -> Asked:
        out = io.StringIO()
        given = {"offers": offers, **options}
        app = make_app(limits=limits, log=audit_log(out), **given)
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return Asked(client, out)

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def plain(offers: dict[str, Offer]) -> Callable[..., Any]:
    """What a model draws for a seed when it is asked alone, without a service."""

    def draw(name: str, n: int, seed: int, label: int | None = None) -> torch.Tensor:
        y = None if label is None else torch.full((n,), label)
        generator = torch.Generator().manual_seed(seed)
        return offers[name].model.sample(n, y, generator=generator)

    return draw
