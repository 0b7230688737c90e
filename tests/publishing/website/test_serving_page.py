"""The page of ``genbook serve`` in a browser: it draws, under its policy, for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.practice.serving.feedback import FeedbackStore, Pair
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
    page.locator("#told").filter(has_text="a key is wanted").wait_for()
    assert page.locator("#drawing").is_hidden()
    page.trouble.clear()  # the browser tells of the 401
    page.fill("#key", "0123456789abcdef")
    page.click("#enter button")
    page.locator("#draw button").wait_for()
    assert page.locator("#enter").is_hidden()
    assert page.locator("#desk").is_hidden()
    said = page.locator("#said")
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


DESK = """
class Desk:
    def answer(self, question, passage):
        return passage

make = Desk
"""


@pytest.mark.slow
def test_it_asks_the_desk_and_keeps_what_is_said_of_it(
    open_page, violations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is clicked comes out of the file as a pair, with no model to draw from."""
    (tmp_path / "a_desk.py").write_text(DESK)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    store = tmp_path / "feedback.db"
    options = ["--desk", "a_desk:make", "--feedback", str(store)]
    running = Running(options, tmp_path / "audit.jsonl")
    try:
        page = open_page(f"http://127.0.0.1:{running.port}/", color_scheme="light")
        page.fill("#question", "lr?")
        assert page.locator("#drawing").is_hidden()
        assert page.locator("#feedback").is_hidden()
        page.click("#ask button")
        page.locator("#answer").filter(has_text="does not know").wait_for()
        page.fill("#better", "0.1")
        page.press("#better", "Enter")  # who writes what is better means: wrong
        page.locator("#thanks").filter(has_text="Thank you").wait_for()
        assert page.locator("#feedback").is_hidden()
        page.fill("#passage", "0.2")
        page.click("#ask button")
        page.locator("#answer").filter(has_text="0.2").wait_for()
        page.click("text=That is right")
        page.locator("#thanks").filter(has_text="Thank you").wait_for()
        assert violations(page) == []
        assert page.trouble == []
    finally:
        running.stop()
    kept = FeedbackStore(store)
    assert len(kept) == 2
    assert kept.pairs("desk") == [Pair("lr?", "0.1", "?")]


def test_nothing_within_the_page_would_need_a_weaker_policy() -> None:
    from genbook.practice.serving import app

    page = (app.STATIC / "page.html").read_text("utf-8")
    assert " style=" not in page
    assert "<style" not in page
    assert page.count("<script") == page.count("<script defer src=") == 1
    script = (Path(app.STATIC) / "page.js").read_text("utf-8")
    assert "innerHTML" not in script
    assert "http" not in script.replace("https", "http")
