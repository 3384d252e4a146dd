"""The page as a file: what stands in it, what must not, and that every run gets one."""

import base64
import html
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from pages import EVIL, QUOTED, SMALL, sections_of
from vaefit import evaluate, fit
from vaefit.display import Silent
from vaefit.report import Facts, write, write_page
from vaefit.report.markup import number


class Tags(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def pictures(page: str) -> list[np.ndarray]:
    """All PNGs of a page, without their opacity."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[..., :-1] for data in found]


def shows(page: str, image: np.ndarray) -> bool:
    """Whether an image stands somewhere in one of a page's pictures."""
    wanted = image[..., None] if image.ndim == 2 else image
    windows = (
        np.lib.stride_tricks.sliding_window_view(picture, wanted.shape)
        for picture in pictures(page)
        if all(a >= b for a, b in zip(picture.shape, wanted.shape, strict=True))
    )
    return any((window == wanted).all(axis=(-1, -2, -3)).any() for window in windows)


@pytest.mark.parametrize("name", ["image_page", "table_page"])
def test_nothing_is_fetched_and_data_are_text(request, name):
    page = request.getfixturevalue(name).read_text(encoding="utf-8")
    tags = Tags(page)
    policy = next(a["content"] for t, a in tags.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    for _, attributes in tags.found:
        for where in ("src", "href", "srcset", "action", "data"):
            assert (attributes.get(where) or "#").startswith(("data:", "#")), attributes
        assert not [key for key in attributes if key.startswith("on")], attributes
    # No element that the data's names would have made.
    assert "alert(1)" not in [body.strip() for body in re.findall(r"<script>(.*?)</script>", page, re.S)]
    assert EVIL not in page and QUOTED not in page
    assert all(attributes.get("src") != "x" for tag, attributes in tags.found if tag == "img")


def test_sections_of_images(image_page):
    page = image_page.read_text(encoding="utf-8")
    found = sections_of(page)
    wanted = ["verdict", "training", "reconstructions", "traversals", "neighbours", "samples", "latents"]
    assert [section for section in found if section in wanted] == wanted
    assert "table" not in found
    assert html.escape(EVIL) in page
    assert "This page embeds rows of the data" in page


def test_numbers_are_those_of_evaluate(image_run, image_page):
    facts = Facts.of(image_run)
    found = evaluate(image_run, facts.rows, samples=100, with_baselines=False, with_samples=False)
    page = image_page.read_text(encoding="utf-8")
    assert f"log-likelihood of {number(found.log_likelihood)}" in page


def test_sections_of_tables(table_page):
    page = table_page.read_text(encoding="utf-8")
    assert "table" in sections_of(page)
    for part in ("Each column given the others", "marginals", "associations", "Missing cells"):
        assert part in page
    assert html.escape(QUOTED) in page


@pytest.mark.parametrize("name", ["image_page", "table_page"])
def test_plots_are_plotlys_and_have_labels(request, name):
    page = request.getfixturevalue(name).read_text(encoding="utf-8")
    specs = re.findall(r'<script type="application/json" class="spec">(.*?)</script>', page, re.S)
    assert len(specs) > 5
    for written in specs:
        spec = json.loads(re.sub(r'"\$[a-z]+(@[\d.]+)?"', '"#000000"', written))
        figure = go.Figure(spec["data"], spec["layout"])  # raises where a name or value is not Plotly's
        assert figure.layout.xaxis.title.text
        assert figure.layout.yaxis.title.text or figure.layout.yaxis.ticktext


def test_without_data_no_row_is_in_the_page(image_run, image_page, digits, tmp_path):
    closed = write_page(Facts.of(image_run, with_data=False), tmp_path / "closed.html").read_text()
    whole = image_page.read_text(encoding="utf-8")
    assert any(shows(whole, image) for image in digits[:60])
    assert not any(shows(closed, image) for image in digits[:60])
    assert html.escape(EVIL) not in closed
    assert "No row of the data is in this page" in closed


def test_without_data_no_cell_of_a_row(table_run, tmp_path):
    page = write(table_run, out=tmp_path / "closed.html", with_data=False).read_text()
    assert "Left out, as it shows rows of the data" in page
    assert "training row</th>" not in page and "missing</em>" not in page
    assert "neighbours" not in sections_of(page)


CASES = {"joint": {"recipe": "faces-2016"}, "one latent, RGB": {"latent_dim": 1}}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_run_has_a_page(case, digits, tmp_path):
    rows = np.repeat(digits[:30, ..., None], 3, axis=-1) if "RGB" in case else digits[:30]
    run = fit(rows, **(SMALL | CASES[case]))
    facts = replace(Facts.of(run, rows), quick=True)
    page = write_page(facts, tmp_path / "page.html").read_text()
    assert {"verdict", "training", "reconstructions", "samples", "latents"} <= set(sections_of(page))
    assert ("No log-likelihood" in page) == (case == "joint")


def test_run_whose_data_are_gone(image_run, tmp_path):
    gone = replace(image_run, source={**image_run.source, "path": "array"})
    page = write(gone, out=tmp_path / "page.html").read_text()
    assert "cannot be read again (it was fitted to an array)" in page
    assert {"verdict", "training", "traversals"} <= set(sections_of(page))
    assert html.escape(EVIL) not in page


def test_a_fit_goes_on_where_its_page_fails(monkeypatch, tmp_path):
    from vaefit import report

    def fail(*_: object) -> None:
        raise ValueError("no such luck\nat all")

    told = []

    class Told(Silent):
        def notice(self, message: str) -> None:
            told.append(message)

    rows = np.random.default_rng(0).normal(size=(30, 5))
    with monkeypatch.context() as patched:
        patched.setattr(report, "write_page", fail)
        run = fit(rows, out=tmp_path / "run", report=True, validation="0", display=Told(), **SMALL)
    assert [m for m in told if m.startswith("no report.html: no such luck at all")]
    assert (tmp_path / "run" / "README.md").exists() and not (tmp_path / "run" / "report.html").exists()
    # Plain columns, and no validation rows.
    page = write_page(replace(Facts.of(run, rows), quick=True), tmp_path / "page.html").read_text()
    assert {"verdict", "reconstructions", "samples", "table"} <= set(sections_of(page))
