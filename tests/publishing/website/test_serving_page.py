"""The page of ``genbook serve`` in a browser: it draws, under its policy, for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.practice.serving.running import Running, serving
from genbook.training import save

DARK = """() => {
  const c = document.getElementById("canvas");
  const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let i = 0; i < d.length; i += 4) n += d[i + 3] > 0 && d[i] < 128;
  return n;
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of two models, with a key."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    save(Flow(2, transforms=1), folder / "map.safetensors")
    digits = FlowMatching((1, 7, 7), width=16, classes=10, steps=2)
    save(digits, folder / "digits.safetensors")
    keys = folder / "keys"
    keys.write_text("reader 0123456789abcdef\n")
    with serving(folder, "--keys", str(keys)) as running:
        yield running


@pytest.mark.slow
def test_it_draws_and_asks_no_other_host(open_page, service, violations) -> None:
    page = open_page(f"http://127.0.0.1:{service.port}/", color_scheme="light")
    said = page.locator("#said")
    said.filter(has_text="a key is wanted").wait_for()
    page.trouble.clear()  # the browser tells of the 401
    page.fill("#key", "0123456789abcdef")
    page.click("#draw button")
    said.filter(has_text="16 samples of digits, seed 0").wait_for()
    assert page.evaluate(DARK) > 1000
    page.select_option("#model", "map")
    assert page.locator("#labels").is_hidden()
    page.fill("#n", "3")
    page.click("#draw button")
    said.filter(has_text="3 samples of map").wait_for()
    assert 50 < page.evaluate(DARK) < 1000
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []
    assert [t for t in page.trouble if "getImageData" not in t] == []


def test_nothing_within_the_page_would_need_a_weaker_policy() -> None:
    from genbook.practice.serving import app

    page = (app.STATIC / "page.html").read_text("utf-8")
    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script defer src=") == 1
    script = (Path(app.STATIC) / "page.js").read_text("utf-8")
    assert "innerHTML" not in script
    assert "http" not in script.replace("https", "http")
