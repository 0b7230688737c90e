"""What a narrow screen must not lose: the title, wide things, the panels."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.site

PHONE = {"size": (390, 844), "is_mobile": True, "has_touch": True}
CUE = """(box) => {
  const style = getComputedStyle(box);
  return {
    wide: box.scrollWidth > box.clientWidth + 1,
    layers: style.backgroundImage.split("linear-gradient").length - 1,
    moves: style.backgroundAttachment,
    tab: box.tabIndex,
  };
}"""


def test_the_title_of_the_book_is_whole(open_page, address, site):
    page = open_page(address + "book/index.html", **PHONE)
    for width in (320, 360, 390, 430, 640):
        page.set_viewport_size({"width": width, "height": 844})
        title = page.locator(".gb-brand span").evaluate(
            """(span) => {
              const box = span.getBoundingClientRect();
              const header = span.closest("header").getBoundingClientRect();
              return span.scrollWidth <= span.clientWidth + 1 && box.top >= header.top
                && box.bottom <= header.bottom && box.right <= innerWidth;
            }"""
        )
        assert title, width


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("foundations/world-map", "main pre"),
        ("foundations/world-map", ".gb-formula"),
        ("families/scoreboard", ".gb-table"),
    ],
)
def test_what_is_wider_has_a_shade_at_its_edge_and_takes_the_keyboard(
    open_page, address, site, name, kind
):
    page = open_page(f"{address}book/{name}.html", **PHONE)
    boxes = page.locator(kind).evaluate_all(f"(all) => all.map({CUE})")
    wide = [box for box in boxes if box["wide"]]
    assert wide, "nothing is wider than the page: choose another"
    for box in wide:
        assert box["layers"] == 4
        assert box["moves"].split(", ")[:4] == ["local", "local", "scroll", "scroll"]
        assert box["tab"] == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels_stand_below_one_another(open_page, address, site, scheme):
    page = open_page(
        address + "book/families/diffusion.html", color_scheme=scheme, **PHONE
    )
    group = page.locator(".gb-panels:has(.gb-panel + .gb-panel)").first
    group.scroll_into_view_if_needed()
    assert not page.locator(".gb-whole").first.is_visible()
    shown = group.locator(".gb-panel").evaluate_all(
        """async (panels) => Promise.all(panels.map(async (panel) => {
          const images = [...panel.querySelectorAll("img")]
            .filter((img) => getComputedStyle(img).display !== "none");
          await Promise.all(images.map((img) => img.decode()));
          const box = panel.getBoundingClientRect();
          return [images.length, images[0].naturalWidth > 0, box.width, box.right];
        }))"""
    )
    assert len(shown) > 1
    for images, loaded, width, right in shown:
        assert (images, loaded) == (1, True)
        assert width >= 150
        assert right <= 390
    assert page.trouble == []


def test_letters_of_a_single_panel_are_large_enough(open_page, address, site):
    page = open_page(address + "book/foundations/world-map.html", **PHONE)
    alone = page.locator(".gb-panels:not(:has(.gb-panel + .gb-panel)) .gb-panel")
    assert alone.count() >= 3
    places = alone.evaluate_all(
        """(panels) => panels.map((panel) =>
          [panel.querySelector("img").src, panel.getBoundingClientRect().right])"""
    )
    for source, right in places:
        assert "-small" in source
        assert right <= 390
    widths = alone.locator("img").evaluate_all(
        """(all) => all.map((img) => [img.getBoundingClientRect().width,
          Number(img.getAttribute("width"))])"""
    )
    shown = [drawn / natural for drawn, natural in widths if drawn]
    assert min(shown) >= 9 / 11.4  # letters of 8.5 points are 11.4 pixels high


def test_a_wide_screen_shows_the_figure_whole(open_page, address, site):
    page = open_page(address + "book/families/diffusion.html")
    assert page.locator(".gb-whole.only-light").first.is_visible()
    assert not page.locator(".gb-panel").first.is_visible()
