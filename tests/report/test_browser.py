"""The page in a real browser: drawn, readable, operable, and never markup from data."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser import DESKTOP, PHONE, Visit
from pages import EVIL, QUOTED

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

OUTSIDE = """() => [...document.querySelectorAll("body *")].filter((element) =>
  element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
  && element.closest(".scroll, .plot, .skip, table") === null).map((element) => element.outerHTML)"""
WIDTHS = "[...document.querySelectorAll('.plot .main-svg')].map((plot) => plot.width.baseVal.value)"
FETCHED = "(address) => fetch(address).then(() => 'fetched', () => 'refused')"
GROUND = "() => getComputedStyle(document.body).backgroundColor"
LINE = "() => document.querySelector('#training .plot .scatterlayer path.js-line').style.stroke"


def drawn(tab: "Tab") -> int:
    """How many plots there are, once all are drawn."""
    for _ in range(300):
        if not tab.locator(".plot:not([data-drawn])").count():
            return tab.locator(".plot[data-drawn] .main-svg").count()
        tab.wait_for_timeout(50)
    return pytest.fail("not all plots were drawn")


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desktop", "phone, dark"])
@pytest.mark.parametrize(("name", "data"), [("image_page", EVIL), ("table_page", QUOTED)])
def test_a_page_is_drawn_and_shows_names_as_text(
    request: pytest.FixtureRequest, visit: Visit, name: str, data: str, size: tuple[int, int], dark: bool
) -> None:
    with visit(request.getfixturevalue(name), size, dark) as tab:
        # No request, dialog or error: `visit` sees to that. Usable long before all plots are drawn.
        assert tab.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd") < 2000
        assert tab.locator("#verdict .lead").inner_text().startswith("On ")
        assert drawn(tab) > 5
        assert data in tab.locator("main").inner_text()
        assert not tab.locator("img[src=x]").count()
        assert tab.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert tab.evaluate(OUTSIDE) == []


def test_theme_and_keyboard(image_page: Path, visit: Visit) -> None:
    with visit(image_page) as tab:
        drawn(tab)
        light, line = tab.evaluate(GROUND), tab.evaluate(LINE)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to content"
        button = tab.locator("#theme")
        button.focus()
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
        assert button.inner_text() == "Theme: dark"
        assert tab.evaluate(GROUND) != light
        for _ in range(100):
            if tab.evaluate(LINE) != line:
                break
            tab.wait_for_timeout(50)
        assert tab.evaluate(LINE) != line
        numbers = tab.locator("#latents details").first
        numbers.locator("summary").focus()
        tab.keyboard.press("Enter")
        assert numbers.locator("table").is_visible()


def test_it_prints_with_all_plots(image_page: Path, visit: Visit) -> None:
    with visit(image_page) as tab:
        plots = drawn(tab)
        tab.emulate_media(media="print")
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        tab.wait_for_timeout(500)
        widths = tab.evaluate(
            "[...document.querySelectorAll('.plot .main-svg')].map((p) => p.width.baseVal.value)"
        )
        assert len(widths) >= plots and max(widths) <= 680
        assert not tab.locator("nav").is_visible()
        assert tab.pdf(format="A4").startswith(b"%PDF")


def test_the_page_may_fetch_nothing(image_page: Path, browser: "Browser") -> None:
    tab = browser.new_page()
    tab.goto(image_page.as_uri())
    for address in ("https://example.org/", "data:text/plain,here"):
        assert tab.evaluate(FETCHED, address) == "refused"
    tab.close()
