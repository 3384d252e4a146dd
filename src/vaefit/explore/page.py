"""The explorer's page: the report's live parts, and a place to drop an image or paste a row."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
from starlette.responses import Response

from vaefit.explore.app import MOST_IMAGE, Explorer
from vaefit.explore.looking import columns_of, shown_row
from vaefit.report.facts import Facts
from vaefit.report.markup import element, paragraph, text
from vaefit.report.page import Page, asset, values
from vaefit.report.section import Section
from vaefit.report.sections import latent_map
from vaefit.report.view import view
from vaefit.run import Run

OWN = ("look.js", "explore.js", "watch.js", "explore.css")
KINDS = {"js": "text/javascript", "css": "text/css"}


@dataclass(frozen=True)
class Served:
    """A page whose styles and scripts lie beside it on the server."""

    page: Page
    styles: Sequence[str]
    scripts: Sequence[str]

    def html(self) -> str:
        """The page itself."""
        links = [f'<link rel="stylesheet" href="/assets/{name}">' for name in self.styles]
        plotly = '<script type="text/plain" id="plotly" data-address="/assets/plotly.js"></script>'
        scripts = [f'<script src="/assets/{name}"></script>' for name in self.scripts]
        return self.page.around(links, [*values(self.page.sections), plotly, *scripts])

    def assets(self) -> dict[str, Response]:
        """Its styles and scripts, by name."""
        from plotly.offline import get_plotlyjs

        names = (*self.styles, *self.scripts)
        found = {name: Response(_asset(name), media_type=KINDS[name.rpartition(".")[2]]) for name in names}
        return found | {"plotly.js": Response(get_plotlyjs(), media_type=KINDS["js"])}


def _asset(name: str) -> str:
    if name not in OWN:
        return asset(name)
    return resources.files("vaefit.explore").joinpath("assets", name).read_text(encoding="utf-8")


def explorer_page(explorer: Explorer) -> Served:
    """The page of a run."""
    facts = explorer.facts
    name = "run" if facts.run.folder is None else facts.run.folder.resolve().name
    shown = [_look(explorer), _map(facts), _decoder(facts)]
    return Served(
        Page(name, _subtitle(explorer), [section for section in shown if section is not None]),
        ("page.css", "live.css", "map.css", "explore.css"),
        # The map asks for the decoder when it begins.
        ("page.js", "cells.js", "live.js", "look.js", "explore.js", "map.js"),
    )


def watch_page(run: Run) -> Served:
    """The page of a fit under way; `watch.js` fills it."""
    name = "fit" if run.folder is None else run.folder.resolve().name
    bar = element("progress", "", id="watch-bar", max=1, value=0, aria_label="epochs")
    status = element("p", "Waiting for the first news …", id="watch-status", role="status")
    shown = [
        Section("progress", "Progress", status + bar + element("div", "", id="watch-numbers")),
        Section("picture", "Input, mean and samples", element("div", "", id="watch-picture")),
        Section("training", "Training", element("div", "", id="watch-curves")),
    ]
    about = f"{run.model.posterior.latent_dim} latents, likelihood {run.settings.likelihood}; being fitted."
    return Served(
        Page(name, paragraph(about), shown),
        ("page.css", "explore.css"),
        ("page.js", "watch.js"),
    )


def _subtitle(explorer: Explorer) -> str:
    run, facts = explorer.run, explorer.facts
    latents = run.model.posterior.latent_dim
    words = f"{latents} latent{'s' if latents > 1 else ''}, likelihood {run.settings.likelihood}"
    counted = zip(("training rows", "other rows"), facts.all_rows, strict=True)
    rows = ", ".join(f"{n:,} {what}" for what, n in counted if n)
    return paragraph(f"{rows or 'no rows at hand'}; {words}. Nothing leaves this machine.")


def _map(facts: Facts) -> Section | None:
    """The latent map; what is chosen there can be looked at."""
    found = latent_map.section(facts)
    if found is None:
        return None
    button = element("button", "Look at the chosen row", type="button", id="look-chosen", disabled="")
    return replace(found, html=found.html + element("div", button, class_="actions"))


def _look(explorer: Explorer) -> Section:
    run, rows = explorer.run, explorer.facts.rows
    area = _for_images(explorer) if run.image_size else _for_rows(explorer)
    any_row = "" if rows is None else element("button", "Any row of the data", type="button", id="any")
    status = element("p", "", id="look-status", role="status")
    result = element("div", "", id="look-result")
    about = {
        "image": run.image_size is not None,
        "most": MOST_IMAGE,
        "rows": 0 if rows is None else rows.n,
        "about": explorer.facts.about,
        "columns": columns_of(run),
    }
    html = area.replace("<!--any-->", any_row) + status + result
    return Section("look", "Look at a row", html, data={"explorer": about})


def _for_images(explorer: Explorer) -> str:
    height, width, *channels = explorer.run.transform.shape
    kind = f"{height}x{width} pixels in {'colour' if channels else 'grey'}"
    choose = '<input type="file" id="file" accept="image/*"><label for="file">choose one</label>'
    words = f"<p>Drop an image here, paste one, or {choose}.</p>{paragraph(kind, 'quiet')}"
    return element("div", words, id="drop") + element("div", "<!--any-->", class_="actions")


def _for_rows(explorer: Explorer) -> str:
    words = (
        "A row as CSV, tab-separated or JSON. With names of columns in a line above, some may be left out."
        if explorer.run.transform.variables
        else f"A row of {explorer.run.transform.dim} numbers, as CSV, tab-separated or JSON."
    )
    area = (
        element("label", text(words), for_="row")
        + element("textarea", text(_example(explorer)), id="row", spellcheck="false", autocomplete="off")
        + element("div", '<button type="submit" class="main">Look</button><!--any-->', class_="actions")
    )
    return element("form", area, id="paste")


def _example(explorer: Explorer) -> str:
    """A row of the data, as it may be pasted."""
    rows = explorer.facts.rows
    if rows is None:
        return ""
    named = [columns_of(explorer.run)] if explorer.run.transform.variables else []
    written = io.StringIO()
    lines = [*named, shown_row(explorer.run, rows, 0, 0)["cells"]]
    csv.writer(written, lineterminator="\n").writerows(lines)
    return written.getvalue()


def _decoder(facts: Facts) -> Section:
    """The live decoder; `explore.js` puts the model behind it."""
    run, latents, use = facts.run, facts.latents, facts.use
    none = np.zeros((1, run.model.posterior.latent_dim), np.float32)
    columns = None if facts.rows is None else facts.rows.columns
    shown = view(run, none if latents is None else latents.mean, use, columns=columns)
    words = (
        "What p(x|z) is for any latent vector z, decoded by the model itself. Sliders are in the latents' "
        "own units: 1 is one sd of a standard normal prior."
    )
    if use is not None and use.kl is not None:
        words += " They are sorted by KL(q(z|x) || p(z)), what each says of a row."
    html = paragraph(words) + element("div", "", id="live")
    return Section("decoder", "Live decoder", html, data={"live": shown})
