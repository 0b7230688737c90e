"""The plane on which the reader guesses: in Chromium, on a page of its own."""

from __future__ import annotations

import pytest
import torch

from genbook.data.world import WorldMap
from genbook.explorables.guess import explore_guess

from .conftest import page_of

LOW, HIGH = (-1.0, -1.0), (1.0, 1.0)


def left_of(x):
    """A rule that draws to the left of a slanted line."""
    return x[:, 0] + 0.3 * x[:, 1] < -0.2


@pytest.fixture(scope="module")
def points():
    x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 1
    return x[left_of(x)]


@pytest.fixture(scope="module")
def explorer(points):
    return explore_guess(points, left_of, LOW, HIGH)


@pytest.fixture
def page(explorer, tmp_path, serve, open_page):
    folder = page_of(explorer.html(), tmp_path, "Guess")
    page = open_page(serve(folder) + "index.html")
    page.locator(".gb-live").wait_for()
    return page


def click(page, x, y):
    """Click a place of the plane, in its own coordinates."""
    frame = page.locator(".gb-frame").bounding_box()
    page.mouse.click(
        frame["x"] + (x + 1) / 2 * frame["width"],
        frame["y"] + (1 - y) / 2 * frame["height"],
    )


def readout(page):
    return page.locator(".gb-readout dd").all_inner_texts()


def rule(page):
    return page.locator(".gb-rule").get_attribute("d")


def test_the_cells_are_those_of_the_rule() -> None:
    world = WorldMap()
    explorer = explore_guess(world.sample(20), world.on_land, LOW, HIGH)
    assert explorer.possible.shape == (128, 256)
    share = explorer.possible.double().mean().item()
    assert share == pytest.approx(world.land_area / 4, abs=0.003)
    x = 2 * torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)) - 1
    rows = ((1 - x[:, 1]) / 2 * 128).long()  # from the top
    columns = ((x[:, 0] + 1) / 2 * 256).long()
    same = explorer.possible[rows, columns] == world.on_land(x)
    assert same.double().mean() > 0.97  # coasts run through cells


def test_nothing_is_given_away_before_it_is_asked_for(page) -> None:
    click(page, -0.7, 0.4)
    click(page, 0.6, -0.5)
    assert readout(page) == ["2", "?", "?"]
    assert rule(page) == ""
    assert page.locator(".gb-missed").get_attribute("d") == ""
    assert page.trouble == []


def test_the_rule_judges_every_place(page) -> None:
    places = [(-0.7, 0.4), (0.6, -0.5), (-0.5, 0.9), (0.0, 0.0), (0.05, -0.95)]
    for place in places:
        click(page, *place)
    page.get_by_role("button", name="Show the rule").click()
    good = int(left_of(torch.tensor(places)).sum())
    assert readout(page)[:2] == ["5", f"{good} of 5"]
    assert readout(page)[2] == "40%"  # the area left of the line, 1.6 of 4
    assert rule(page) != ""
    click(page, -0.9, 0.0)  # too late
    assert readout(page)[0] == "5"
    page.get_by_role("button", name="Start again").click()
    assert readout(page) == ["0", "?", "?"]
    assert rule(page) == ""


def test_keyboard(page) -> None:
    page.get_by_label("x₁").focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Choose this place").press("Enter")
    page.get_by_label("x₁").focus()
    page.keyboard.press("End")
    page.get_by_role("button", name="Choose this place").press("Enter")
    page.get_by_role("button", name="Show the rule").press("Enter")
    assert readout(page)[1] == "1 of 2"
    assert page.get_by_role("button", name="Choose this place").is_disabled()


def test_without_a_script_it_shows_the_points_alone(explorer) -> None:
    html = explorer.html().split("</script>")[1]
    assert html.count("h0") == len(explorer.points)
    assert "hidden rule" in html
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {
        "text/html",
        "image/svg+xml",
        "application/pdf",
        "text/plain",
    }


@pytest.mark.parametrize(
    ("possible", "error", "words"),
    [
        (3, TypeError, "possible must be a function, got int"),
        (lambda x: x[:, 0], TypeError, "possible must give booleans, got torch.float"),
        (lambda x: x > 0, ValueError, r"possible must give \(32768,\), got \(32768, 2"),
    ],
)
def test_a_bad_rule_is_refused(points, possible, error, words) -> None:
    with pytest.raises(error, match=words):
        explore_guess(points, possible, LOW, HIGH)


def test_points_off_the_plane_are_refused(points) -> None:
    with pytest.raises(ValueError, match="points must lie between low and high"):
        explore_guess(points, left_of, (0.0, 0.0), HIGH)
