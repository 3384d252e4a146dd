"""The live decoder and the latent map in a real browser."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from playwright.sync_api import Page as Tab

from browser import PHONE, Visit
from pages import EVIL, QUOTED
from vaefit.assemble import build_model
from vaefit.data.tables import decode as written
from vaefit.data.transforms import Pixels
from vaefit.report import Facts, decoder
from vaefit.report.page import Page
from vaefit.report.sections import decoder as decoder_section
from vaefit.report.sections import latent_map
from vaefit.run import Run
from vaefit.settings import Settings

PIXELS = """(which) => {
  const canvas = document.querySelectorAll("#live canvas.live-canvas")[which];
  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return Array.from(all).filter((_, i) => i % 4 === 0);
}"""
SHOWN = """async () => {
  await vaefit.live.settled();
  const { z, mean, sd, chances } = vaefit.live.shown();
  return { z, mean: Array.from(mean), sd: sd && Array.from(sd), chances: chances && Array.from(chances) };
}"""


def shown(tab: Tab) -> dict[str, Any]:
    """What the page has decoded last, as arrays."""
    return {name: value and np.array(value) for name, value in tab.evaluate(SHOWN).items()}


def until(tab: Tab, condition: str) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    pytest.fail(f"waited in vain for {condition}")


def slide(tab: Tab, latent: int, value: float) -> None:
    """Move a slider as a hand does: its value, then its event."""
    tab.locator(f"#latent-{latent}").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }",
        value,
    )


def embedded(page: Path, name: str) -> Any:
    """A value that Python put into a page."""
    text = page.read_text(encoding="utf-8").split(f'id="data-{name}">')[1]
    return json.loads(text.split("</script>")[0])


def test_sliders_decode_in_the_page_as_in_python(image_run: Run, image_page: Path, visit: Visit) -> None:
    top = embedded(image_page, "live")["row"]["sd_top"]
    with visit(image_page) as tab:
        for values in ((0.5, -1.25), (-2.0, 3.0), (0.01, 0.0)):
            for latent, value in enumerate(values):
                slide(tab, latent, value)
            found = shown(tab)
            np.testing.assert_allclose(found["z"], values, atol=1e-6)
            wanted = decoder.decoded(image_run, np.array([values]))
            assert wanted.sd is not None
            assert np.abs(found["mean"] - wanted.mean[0]).max() / 255 < 1e-3
            assert np.abs(found["sd"] - wanted.sd[0]).max() / 255 < 1e-3
            # What is seen: whole levels, so half a level and what the page may differ by.
            for which, levels in ((0, wanted.mean[0]), (1, wanted.sd[0] * 255 / top)):
                seen = np.array(tab.evaluate(PIXELS, which))
                assert np.abs(seen - np.clip(levels, 0, 255)).max() <= 0.5 + 255e-3


def test_a_frame_of_a_model_for_faces_takes_less_than_16_ms(image_page: Path, visit: Visit) -> None:
    settings = Settings.of(latent_dim=64, likelihood="gaussian", init_sd=0.05)
    model = build_model(settings, 361, jax.random.key(0))
    run = Run(model, settings, Pixels((19, 19), 256, dequantise=True))
    z = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
    payload = decoder.payload(run, z)
    assert payload["half"]
    with visit(image_page) as tab:
        means, milliseconds = tab.evaluate(
            """([payload, all]) => {
              const decoder = VaefitDecoder(payload);
              const means = all.map((z) => Array.from(decoder.decode(z).mean));
              const begun = performance.now();
              for (const z of all) decoder.decode(z);
              return [means, (performance.now() - begun) / all.length];
            }""",
            [payload, z.tolist()],
        )
    assert milliseconds < 16
    assert np.abs(np.array(means) - decoder.decoded(run, z).mean).max() / 256 < 1e-3


def test_keys_draws_and_temperature(image_page: Path, visit: Visit) -> None:
    with visit(image_page, PHONE, dark=True) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        first = embedded(image_page, "live")["latents"][0]["index"]
        slider = tab.locator(f"#latent-{first}")
        slider.focus()
        tab.keyboard.press("ArrowRight")
        assert shown(tab)["z"][first] == pytest.approx(0.01)
        assert (slider.get_attribute("aria-valuetext") or "").startswith("0.01 prior sds")
        tab.get_by_role("button", name="Draw from the prior").click()
        drawn = shown(tab)["z"]
        assert np.abs(drawn).max() > 0.01
        heat = tab.locator("#live-temperature")
        heat.focus()
        tab.keyboard.press("End")
        assert "wild" in (heat.get_attribute("aria-valuetext") or "")
        np.testing.assert_allclose(shown(tab)["z"], 2 * drawn, rtol=1e-5)
        tab.get_by_role("button", name="Reset").click()
        assert not shown(tab)["z"].any()
        assert tab.locator("canvas.live-canvas").first.get_attribute("aria-label")


def press(tab: Tab, number: int, *, shift: bool = False) -> None:
    """Click a point of the map."""
    tab.locator("#map").scroll_into_view_if_needed()
    tab.wait_for_selector("#map .scatterlayer .point")
    box = tab.locator("#map .scatterlayer .point").nth(number).bounding_box()
    assert box is not None
    if shift:
        tab.keyboard.down("Shift")
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_timeout(150)  # Plotly takes what lies under a pointer that rests
    tab.mouse.down()
    tab.mouse.up()
    if shift:
        tab.keyboard.up("Shift")


def test_points_of_the_map_are_decoded_and_morphed(image_page: Path, visit: Visit) -> None:
    with visit(image_page) as tab:
        press(tab, 0)
        until(tab, "vaefit.map.chosen().from !== null")
        one = np.array(tab.evaluate("vaefit.map.chosen().from.z"))
        np.testing.assert_allclose(shown(tab)["z"], one, rtol=1e-6)
        assert tab.locator("#map .map-panel .tile").count() == 1
        press(tab, 12, shift=True)
        until(tab, "vaefit.map.chosen().to !== null")
        other = np.array(tab.evaluate("vaefit.map.chosen().to.z"))
        assert not np.allclose(one, other)
        tab.locator("#map-morph").focus()
        tab.keyboard.press("Home")
        for _ in range(25):
            tab.keyboard.press("ArrowRight")
        np.testing.assert_allclose(shown(tab)["z"], 0.75 * one + 0.25 * other, rtol=1e-4, atol=1e-5)
        tab.get_by_role("button", name="Play").click()
        until(tab, "document.querySelector('#map-morph').value === '1'")
        np.testing.assert_allclose(shown(tab)["z"], other, rtol=1e-5)
        # By keys alone: to a neighbour, the other end, colours.
        tab.locator(".map-frame").focus()
        tab.keyboard.press("Shift+ArrowLeft")
        tab.keyboard.press("m")
        tab.locator("#map-row").fill("3")
        tab.locator("#map-row").fill("4")
        assert tab.evaluate("vaefit.map.chosen().from.row") == 3
        tab.locator("#map-colour").select_option(label="label")
        until(tab, "document.querySelectorAll('#map .legend .traces').length === 3")


def test_names_of_rows_are_text_on_the_map(image_page: Path, table_page: Path, visit: Visit) -> None:
    with visit(image_page) as tab:
        tab.locator("#map-row").fill("1")
        assert EVIL in tab.locator("#map .map-name").first.inner_text()
        tab.locator("#map-colour").select_option(label="label")
        tab.wait_for_selector("#map .legendtext")
        assert EVIL in tab.locator("#map .legendtext").all_text_contents()[0]
    with visit(table_page) as tab:
        tab.locator("#map-row").fill("2")
        assert "<b>x</b> & 'y'" in tab.locator("#map .map-cells").inner_text()
        tab.locator("#map-colour").select_option(label="kind")
        tab.wait_for_selector("#map .legendtext")
        assert QUOTED in tab.locator("#map .legendtext").all_text_contents()
        assert QUOTED in tab.locator("#live .live-part").evaluate_all("all => all.map(p => p.title).join()")


def test_a_tables_decoded_row_is_written_as_the_table_writes_it(
    table_run: Run, table_page: Path, visit: Visit
) -> None:
    facts_schema = table_run.transform.schema
    with visit(table_page, PHONE) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        for z in ((0.3, -0.4), (2.5, 1.0), (-2.5, -1.0)):
            tab.evaluate("z => vaefit.show(z)", list(z))
            found, wanted = shown(tab), decoder.decoded(table_run, np.array([z]))
            for name in ("mean", "sd", "chances"):
                there = getattr(wanted, name)[0]
                np.testing.assert_allclose(found[name], there, rtol=1e-3, atol=1e-3)
            cells = tab.locator("#live .live-row tbody tr td:nth-child(2)").all_inner_texts()
            assert cells == [cell.strip() for cell in written(wanted.mean, facts_schema).row(0)]


def only_live(facts: Facts, path: Path) -> Path:
    """A page of the map and the decoder alone."""
    found = [made for made in (latent_map.section(facts), decoder_section.section(facts)) if made]
    path.write_text(Page("page", "", found).html(), encoding="utf-8")
    return path


def test_a_decoder_too_large_is_shown_in_frames(
    image_run: Run, tmp_path: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "MOST_BYTES", 100)
    with visit(only_live(Facts.of(image_run), tmp_path / "frames.html")) as tab:
        assert "too large to embed" in tab.locator("#decoder").inner_text()
        assert tab.get_by_role("button", name="Draw from the prior").count() == 0
        for latent, value in ((1, 1.5), (0, -3.0)):
            slide(tab, latent, value)
            z = np.zeros((1, 2))
            z[0, latent] = value
            found, wanted = shown(tab), decoder.decoded(image_run, z)
            np.testing.assert_allclose(found["z"], z[0])
            assert wanted.sd is not None
            assert np.abs(found["mean"] - np.clip(wanted.mean[0], 0, 255)).max() <= 0.5 + 1e-3
            tab.locator("#map-row").fill("2")  # the map shows the row, and decodes nothing
            assert np.allclose(shown(tab)["z"], z[0])


def test_without_data_the_map_has_no_rows_and_still_decodes(
    image_run: Run, tmp_path: Path, visit: Visit
) -> None:
    page = only_live(Facts.of(image_run, with_data=False), tmp_path / "closed.html")
    assert set(embedded(page, "map")) == {"latents", "views"}
    with visit(page, PHONE, dark=True) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        tab.locator(".map-frame").focus()
        tab.wait_for_selector("#map .heatmaplayer image")
        tab.keyboard.press("ArrowRight")
        assert shown(tab)["z"].any()
        tab.keyboard.press("m")
        tab.keyboard.press("ArrowUp")
        assert tab.evaluate("vaefit.map.chosen().to !== null")
