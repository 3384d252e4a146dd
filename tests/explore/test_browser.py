"""The explorer in a real browser."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page as Tab

from browser import PHONE, Visit
from explorer import Opened, png, served

SHOWN = """async () => {
  await vaefit.live.settled();
  const { z, mean, sd } = vaefit.live.shown();
  return { z, mean: Array.from(mean), sd: Array.from(sd) };
}"""


def until(tab: Tab, condition: str) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way."""
    for _ in range(400):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    pytest.fail(f"waited in vain for {condition}: {tab.inner_text('#look-status')}")


def shown(tab: Tab) -> dict[str, Any]:
    """What the page has decoded last, as arrays."""
    return {name: np.array(value) for name, value in tab.evaluate(SHOWN).items()}


def test_images_are_looked_at_and_latents_decoded(images: Opened, visit: Visit, digits: np.ndarray) -> None:
    with served(images) as address, visit(address) as tab:
        assert "token" not in tab.url
        until(tab, "vaefit.live?.shown() != null")
        tab.locator("#latent-1").evaluate(
            "(input) => { input.value = 1.5; input.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        found = shown(tab)
        np.testing.assert_allclose(found["z"], [0.0, 1.5])
        np.testing.assert_allclose(
            found["mean"], images.run.decode(found["z"][None])[0].ravel(), rtol=1e-4, atol=1e-3
        )
        assert (found["sd"] > 0).all()

        name = "<img src=x onerror=alert(1)>.png"
        tab.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": png(digits[200])})
        until(tab, "document.querySelectorAll('.neighbours li').length === 6")
        assert name in tab.inner_text("#look-status")
        until(tab, "document.querySelector('#percentile dd').textContent.includes('%')")
        until(tab, "document.querySelector('.overlay') !== null")
        tab.get_by_role("button", name="Show its latents").click()
        np.testing.assert_allclose(shown(tab)["z"], images.run.encode(digits[200:201])[0][0], rtol=1e-5)
        tab.locator(".neighbours button").first.click()
        until(tab, "document.querySelector('#look-result').textContent.includes('It is the same as row')")
        tab.evaluate("vaefit.map.choose(3)")
        tab.get_by_role("button", name="Look at the chosen row").click()
        until(tab, "document.querySelector('#look-status').textContent === vaefit.map.chosen().from.name")
        found, expected = shown(tab)["z"], images.explorer.points.means[3]
        np.testing.assert_allclose(found, expected, atol=1e-5)

        tab.reload()
        until(tab, "vaefit.live?.shown() != null && document.querySelector('#map .main-svg') !== null")


def test_a_row_is_pasted_on_a_phone(table: Opened, visit: Visit) -> None:
    with served(table) as address, visit(address, size=PHONE) as tab:
        tab.fill("#row", "x,kind\n2.5,<script>\n")
        tab.locator("#row").press("Control+Enter")
        until(tab, "document.querySelectorAll('#look-result tbody')[0]?.children.length === 3")
        cells = tab.inner_text("#look-result")
        assert "<script>" in cells and "missing" in cells
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_problem_is_told_and_leaves_the_page_as_it_was(table: Opened, visit: Visit) -> None:
    # Chromium reports the refused request itself.
    refused = pytest.raises(AssertionError, match=r"^\['console: Failed to load .* status of 422[^']*'\]$")
    with refused, served(table) as address, visit(address) as tab:
        tab.get_by_role("button", name="Any row of the data").click()
        until(tab, "document.querySelector('#look-result table') !== null")
        tab.fill("#row", "1,2")
        tab.get_by_role("button", name="Look", exact=True).first.click()
        until(tab, "document.querySelector('#look-status.problem') !== null")
        assert "expected 3 cells" in tab.inner_text("#look-status")
        assert tab.locator("#look-result table").count() > 0
