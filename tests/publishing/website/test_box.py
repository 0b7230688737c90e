"""The box that the reader drags: in Chromium, on a page of its own."""

from __future__ import annotations

import math

import pytest
import torch

from genbook.explorables.box import explore_box
from genbook.models.density.box import UniformBox

from .conftest import page_of


@pytest.fixture(scope="module")
def points():
    generator = torch.Generator().manual_seed(0)
    unit = torch.rand(80, 2, generator=generator)
    return unit * torch.tensor([1.5, 1.1]) - torch.tensor([0.9, 0.3])


@pytest.fixture(scope="module")
def explorer(points):
    return explore_box(points, (-1.0, -1.0), (1.0, 1.0))


@pytest.fixture(scope="module")
def folder(explorer, tmp_path_factory):
    return page_of(explorer.html(), tmp_path_factory.mktemp("box"), "Box")


@pytest.fixture(params=["http", "file"])
def url(request, folder, serve):
    return (serve(folder) if request.param == "http" else folder.as_uri() + "/") + (
        "index.html"
    )


@pytest.fixture
def live(open_page, folder, serve):
    def open_(**options):
        page = open_page(serve(folder) + "index.html", **options)
        page.locator(".gb-live").wait_for()
        return page

    return open_


def state(page):
    """Return theta and the log-likelihood, exactly, and what the reader sees of it."""
    host = page.locator(".gb-explorable")
    theta = [float(v) for v in host.get_attribute("data-theta").split()]
    loglik = float(host.get_attribute("data-loglik").replace("Infinity", "inf"))
    return theta, loglik, page.locator(".gb-value").inner_text()


def check(page, points, explorer):
    """Compare the page with the package's own model."""
    theta, loglik, shown = state(page)
    low, high = theta[:2], theta[2:]
    box = UniformBox.from_corners(
        torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)
    )
    wanted = float(box.log_prob(points.double()).sum())
    assert loglik == wanted or math.isclose(loglik, wanted, rel_tol=1e-12)
    text = "−∞" if wanted == -math.inf else f"{wanted:.2f}".replace("-", "−")
    assert shown == f"{text} nats"
    return theta, loglik


def corner(page, moves):
    box = page.locator(f'.gb-corner[data-moves="{moves}"] .gb-knob').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, by):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2)
    page.mouse.move(start[0] + by[0], start[1] + by[1])
    page.mouse.up()


def test_it_begins_with_the_whole_plane(open_page, url, points, explorer):
    page = open_page(url)
    page.locator(".gb-live").wait_for()
    theta, loglik = check(page, points, explorer)
    assert theta == [-1, -1, 1, 1]
    assert math.isclose(loglik, -80 * math.log(4))
    assert page.trouble == []


def test_drag_a_corner_and_a_side(live, points, explorer):
    page = live()
    svg = page.locator(".gb-explorable svg").bounding_box()
    drag(page, corner(page, "23"), (-0.2 * svg["width"], 0))
    theta, loglik = check(page, points, explorer)
    assert 0.5 < theta[2] < 0.65
    assert loglik > -80 * math.log(4)
    x, y = corner(page, "01")
    drag(page, (x, y - 60), (0.5 * svg["width"], 0))  # the left side
    theta, loglik = check(page, points, explorer)
    assert theta[0] > -0.1
    assert theta[1] == -1
    assert loglik == -math.inf


def test_drag_the_whole_box(live, points, explorer):
    page = live()
    page.get_by_role("button", name="Smallest box").click()
    before, _ = check(page, points, explorer)
    svg = page.locator(".gb-explorable svg").bounding_box()
    middle = svg["x"] + 0.45 * svg["width"], svg["y"] + 0.4 * svg["height"]
    drag(page, middle, (40, -20))
    after, loglik = check(page, points, explorer)
    assert loglik == -math.inf
    assert after[0] > before[0]
    assert after[3] > before[3]
    assert math.isclose(after[2] - after[0], before[2] - before[0], rel_tol=1e-9)
    drag(page, middle, (3000, 0))  # against the wall, and no further
    after, _ = check(page, points, explorer)
    assert math.isclose(after[2], 1)
    assert after[0] < after[2]


def test_sides_do_not_cross(live, points, explorer):
    page = live()
    drag(page, corner(page, "01"), (5000, -5000))
    theta, _ = check(page, points, explorer)
    assert theta[0] < theta[2]
    assert theta[1] < theta[3]


def test_keyboard(live, points, explorer):
    page = live()
    slider = page.get_by_label("θ₃ right")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    theta, loglik = check(page, points, explorer)
    assert math.isclose(theta[2], 0.95)
    assert loglik > -80 * math.log(4)
    assert slider.get_attribute("aria-valuetext") == "0.95"
    page.keyboard.press("Home")  # as far as the left side
    theta, loglik = check(page, points, explorer)
    assert math.isclose(theta[2], theta[0] + 0.01)
    assert loglik == -math.inf


@pytest.mark.parametrize(
    ("name", "wanted"), [("Left half", -math.inf), ("Whole plane", -80 * math.log(4))]
)
def test_named_boxes(live, points, explorer, name, wanted):
    page = live()
    page.get_by_role("button", name="Smallest box").click()
    _, best = check(page, points, explorer)
    fitted = UniformBox(2).double().fit(points.double())
    assert math.isclose(best, float(fitted.log_prob(points.double()).sum()))
    page.get_by_role("button", name=name).click()
    _, loglik = check(page, points, explorer)
    assert loglik == wanted or math.isclose(loglik, wanted)
    assert loglik < best


def test_it_is_said(live):
    page = live()
    page.get_by_role("button", name="Left half").click()
    said = page.get_by_role("status")
    said.get_by_text("minus infinity").wait_for()
    assert "of 80 points inside" in said.inner_text()


def test_touch(live, points, explorer):
    page = live(size=(360, 740), has_touch=True, is_mobile=True)
    client = page.context.new_cdp_session(page)
    x, y = corner(page, "23")
    page.evaluate("scrollTo(0, 0)")
    for kind, at in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x - 20, "y": y + 5}]),
        ("touchMove", [{"x": x - 40, "y": y + 10}]),
        ("touchEnd", []),
    ):
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        page.wait_for_timeout(100)
    theta, _ = check(page, points, explorer)
    assert theta[2] < 0.85
    assert theta[3] < 1
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    knob = page.locator(".gb-corner .gb-reach").first.bounding_box()
    assert min(knob["width"], knob["height"]) >= 24


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_colours(live, colours, violations):
    page = live(color_scheme=colours)
    page.get_by_role("button", name="Left half").click()
    assert violations(page, within=".gb-explorable") == []
    stroke = page.locator(".gb-dots").evaluate("e => getComputedStyle(e).stroke")
    brightness = sum(int(v) for v in stroke[4:-1].split(","))
    assert (brightness > 450) == (colours == "dark")


def test_calm(live, points, explorer):
    page = live(reduced_motion="reduce")
    page.get_by_role("button", name="Smallest box").click()
    check(page, points, explorer)


def test_without_a_script(open_page, url):
    page = open_page(url, java_script_enabled=False)
    assert page.locator("svg .gb-dots").is_visible()
    assert "−110.90 nats" in page.locator(".gb-still").inner_text()
    assert page.locator("button, input").count() == 0


def test_small(folder, explorer):
    """One script and one style sheet serve all four explorables of the book."""
    code = sum(
        (folder / f).stat().st_size for f in ("explorables.js", "explorables.css")
    )
    assert code < 27_500
    assert len(explorer.html()) < 6_000


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


def test_one_box_is_the_packages_own(explorer, points):
    low, high = points.amin(0).tolist(), points.amax(0).tolist()
    fitted = UniformBox(2).fit(points)
    assert explorer.log_likelihood(low, high) == float(fitted.log_prob(points).sum())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"points": [[0.0, 0.0]]}, TypeError, "points must be a torch.Tensor"),
        ({"points": torch.zeros(3, 3)}, ValueError, r"points must be \(n, 2\)"),
        ({"points": torch.zeros(0, 2)}, ValueError, "points"),
        ({"points": torch.full((3, 2), torch.nan)}, ValueError, "points"),
        ({"points": torch.zeros(3, 2)}, ValueError, "no volume"),
        ({"points": torch.tensor([[0.0, 0], [2, 2]])}, ValueError, "1 of 2 outside"),
        ({"low": (1.0, 1.0)}, ValueError, "low must be below high"),
        ({"low": (-1.0,) * 3, "high": (1.0,) * 3}, ValueError, r"must be \(2,\)"),
        ({"aspect": 0.0}, ValueError, "aspect must be positive"),
    ],
)
def test_bad_input(change, error, words):
    good = {
        "points": torch.tensor([[0.0, 0.0], [0.5, 0.5]]),
        "low": (-1.0, -1.0),
        "high": (1.0, 1.0),
    }
    explore_box(**good)
    with pytest.raises(error, match=words):
        explore_box(**{**good, **change})
