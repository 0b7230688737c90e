"""The plane of codes and its decoder: in Chromium, on a page of its own."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from genbook.data.tins import measure_tins
from genbook.explorables.export import Layer
from genbook.explorables.latent import explore_latent
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA

from .conftest import page_of

PLACES = {"Middle": (0.0, 0.0), "Far": (1.5, -1.0)}


def network(activation="silu", output="sigmoid", side=32):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(
            (1, side, side), 2, hidden=(24, 16), activation=activation, output=output
        )
        for layer in model.decoder:
            if isinstance(
                layer, nn.Linear
            ):  # so that images differ by more than a hair
                nn.init.normal_(layer.weight, std=2 * layer.in_features**-0.5)
    return model


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def explorer(model):
    square = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    return explore_latent(
        model, (-2, -1.5), (2.0, 1.5), places=PLACES, outlines=[square], tins=True
    )


@pytest.fixture(scope="module")
def folder(explorer, tmp_path_factory):
    return page_of(explorer.html(), tmp_path_factory.mktemp("latent"), "Code")


@pytest.fixture
def live(open_page, folder, serve):
    def open_(**options):
        page = open_page(serve(folder) + "index.html", **options)
        page.locator(".gb-live").wait_for()
        return page

    return open_


def state(page):
    """Return the code, the image and the measured sizes as the page holds them."""
    host = page.locator(".gb-explorable")
    z = [float(v) for v in host.get_attribute("data-code").split()]
    sizes = [float(v) for v in host.get_attribute("data-sizes").split()]
    return z, torch.tensor(host.evaluate("e => Array.from(e.decoded)")), sizes


def check(page, explorer, model):
    """Compare the page with the package."""
    z, image, sizes = state(page)
    code = torch.tensor([z], dtype=torch.float64)
    wanted = explorer.decode(code)
    assert torch.allclose(image.double(), wanted.flatten(), atol=1e-6)
    exact = model.decode(code.float()).flatten()
    assert (image - exact).abs().max() < 0.03  # eight bits
    if sizes:
        measured = measure_tins(wanted)[0]
        assert torch.allclose(torch.tensor(sizes).double(), measured, atol=1e-5)
        shown = page.locator(".gb-readout dd").all_inner_texts()
        assert shown == [f"{v:.2f}".replace("-", "−") for v in sizes]
    return z


def knob(page):
    box = page.locator(".gb-knob").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_it_begins_at_the_first_place(live, explorer, model):
    page = live()
    assert check(page, explorer, model) == [0, 0]
    assert page.trouble == []


def test_from_a_file(open_page, folder, explorer, model):
    page = open_page(folder.as_uri() + "/index.html")
    page.locator(".gb-live").wait_for()
    check(page, explorer, model)
    assert page.trouble == []


@pytest.mark.parametrize(
    ("activation", "output"), [("relu", "sigmoid"), ("silu", "linear")]
)
def test_other_decoders(open_page, serve, tmp_path, activation, output):
    model = network(activation, output, side=8)
    explorer = explore_latent(
        model, (-1.0, -1.0), (1.0, 1.0), places=PLACES | {"Far": (0.7, -0.4)}
    )
    page = open_page(serve(page_of(explorer.html(), tmp_path, "Code")) + "index.html")
    page.get_by_role("button", name="Far").click()
    z, image, sizes = state(page)
    assert z == [0.7, -0.4]
    assert sizes == []
    wanted = explorer.decode(torch.tensor([z])).flatten()
    assert torch.allclose(image.double(), wanted, atol=1e-5)
    assert page.trouble == []


def test_drag(live, explorer, model):
    page = live()
    svg = page.locator(".gb-explorable svg").bounding_box()
    x, y = knob(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + svg["width"] / 4, y + svg["height"] / 3)
    page.mouse.up()
    z = check(page, explorer, model)
    assert z == pytest.approx([1.0, -1.0], abs=0.05)
    page.mouse.move(svg["x"] + 5, svg["y"] + 5)
    page.mouse.down()
    page.mouse.move(svg["x"] - 500, svg["y"] - 500)  # against the wall, no further
    page.mouse.up()
    assert check(page, explorer, model) == pytest.approx([-2, 1.5])


def test_click_anywhere(live, explorer, model):
    page = live()
    svg = page.locator(".gb-explorable svg").bounding_box()
    page.mouse.click(svg["x"] + svg["width"] / 8, svg["y"] + svg["height"] / 2)
    assert check(page, explorer, model) == pytest.approx([-1.5, 0], abs=0.05)


def test_keyboard(live, explorer, model):
    page = live()
    slider = page.get_by_label("z₂")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    z = check(page, explorer, model)
    assert z == pytest.approx([0, 5 * 3 / 200])
    assert slider.get_attribute("aria-valuetext") == f"{z[1]:.2f}"
    page.keyboard.press("Home")
    assert check(page, explorer, model)[1] == -1.5


def test_places_are_said(live, explorer, model):
    page = live()
    page.get_by_role("button", name="Far").click()
    assert check(page, explorer, model) == [1.5, -1.0]
    page.get_by_role("status").get_by_text("Code 1.50, −1.00, height").wait_for()


def test_touch(live, explorer, model):
    page = live(size=(360, 740), has_touch=True, is_mobile=True)
    client = page.context.new_cdp_session(page)
    x, y = knob(page)
    for kind, at in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x - 20, "y": y + 10}]),
        ("touchMove", [{"x": x - 40, "y": y + 20}]),
        ("touchEnd", []),
    ):
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        page.wait_for_timeout(100)
    z = check(page, explorer, model)
    assert z[0] < -0.2
    assert z[1] < -0.1
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reach = page.locator(".gb-reach").bounding_box()
    assert min(reach["width"], reach["height"]) >= 24


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_colours(live, colours, violations):
    page = live(color_scheme=colours)
    assert violations(page, within=".gb-explorable") == []
    ink = page.locator("canvas").evaluate(
        "e => Array.from(e.getContext('2d').getImageData(0, 0, e.width, e.height).data)"
    )
    seen = [sum(ink[i : i + 3]) for i in range(0, len(ink), 4) if ink[i + 3] > 128]
    assert seen
    assert all((v > 450) == (colours == "dark") for v in seen)


def test_without_a_script(open_page, folder, serve):
    page = open_page(serve(folder) + "index.html", java_script_enabled=False)
    assert page.locator("svg .gb-ink").is_visible()
    assert "z₁ from −2.0 to 2.0" in page.locator(".gb-still").inner_text()
    assert page.locator("button, input, canvas").count() == 0


def test_small():
    model = Autoencoder((1, 32, 32), 2, hidden=(48, 48), activation="silu")
    explorer = explore_latent(model, (-1.0, -1.0), (1.0, 1.0))
    assert len(json.dumps(explorer._data())) < 100_000


def test_still_in_print(explorer):
    shown = explorer._repr_mimebundle_()
    assert set(shown) == {
        "text/html",
        "image/svg+xml",
        "application/pdf",
        "text/plain",
    }
    assert shown["image/svg+xml"] == explorer._repr_mimebundle_()["image/svg+xml"]
    assert "<script" not in shown["image/svg+xml"]


def test_the_sheet_is_decoded_at_the_middles_of_its_cells(explorer, model):
    height, width = explorer.side
    z = torch.tensor(
        [[-2 + 4 * 1.5 / 9, 1.5 - 3 * 2.5 / 7]]
    )  # third row, second column
    cell = explorer.sheet[2 * height : 3 * height, width : 2 * width]
    assert torch.allclose(cell, model.decode(z)[0, 0], atol=1e-5)


def test_rounding_is_to_the_nearest():
    linear = nn.Linear(5, 3).double()
    layer = Layer.of(linear)
    step = layer.scale[:, None].astype(float)
    exact = linear.weight.detach().numpy()
    assert (abs(layer.weight * step - exact) <= 0.5001 * step).all()
    assert (abs(layer.weight).max(1) == 127).all()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": nn.Linear(2, 2)}, TypeError, "model must be an Autoencoder"),
        ({"model": PCA((1, 8, 8), 2)}, TypeError, "model must be an Autoencoder"),
        ({"model": Autoencoder((1, 8, 8), 3)}, ValueError, "code of 2 numbers, got 3"),
        ({"model": Autoencoder((3, 8, 8), 2)}, ValueError, r"\(1, height, width\)"),
        ({"low": (1.0, 1.0)}, ValueError, "low must be below high"),
        ({"low": (-1.0,) * 3, "high": (1.0,) * 3}, ValueError, r"must be \(2,\)"),
        ({"places": {"There": (2.0, 0.0)}}, ValueError, "places must be codes"),
        ({"places": {"There": (0.0,)}}, ValueError, "places must be codes"),
        ({"outlines": [torch.zeros(3, 3)]}, ValueError, r"outlines must be \(k, 2\)"),
    ],
)
def test_bad_input(change, error, words):
    good = {
        "model": Autoencoder((1, 8, 8), 2, hidden=(8,)),
        "low": (-1.0, -1.0),
        "high": (1.0, 1.0),
    }
    explore_latent(**good)
    with pytest.raises(error, match=words):
        explore_latent(**{**good, **change})
