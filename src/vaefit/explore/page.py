"""The explorer's page: the report's live parts, and a place to drop an image or paste a row."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
from starlette.responses import Response

from vaefit.evaluation import latent_use
from vaefit.explore.app import MOST_IMAGE, Explorer
from vaefit.explore.looking import columns_of, shown_row
from vaefit.report.facts import Facts
from vaefit.report.markup import element, paragraph, text
from vaefit.report.page import asset as asset_of_report
from vaefit.report.page import data_element
from vaefit.report.section import Section
from vaefit.report.view import view
from vaefit.scoring import seen

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
{links}
</head>
<body>
"""
OWN = ("look.js", "explore.js", "explore.css", "watch.js", "watch.css")
KINDS = {"js": "text/javascript", "css": "text/css"}


@dataclass(frozen=True)
class Served:
    """A page whose scripts and styles lie beside it on the server."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    styles: Sequence[str]
    scripts: Sequence[str]
    data: dict[str, Any] = field(default_factory=dict)

    def html(self) -> str:
        """The page itself."""
        links = "\n".join(f'<link rel="stylesheet" href="/assets/{name}">' for name in self.styles)
        values = {**self.data, **{name: v for section in self.sections for name, v in section.data.items()}}
        switch = element("button", "Theme", type="button", id="theme", class_="quiet")
        contents = "".join(
            element("li", element("a", text(part.title), href=f"#{part.id}")) for part in self.sections
        )
        body = [
            element("a", "Skip to content", class_="skip", href="#content"),
            element("header", element("h1", text(self.title)) + self.subtitle + switch),
            element("nav", element("ol", contents), aria_label="Contents"),
            element("main", "\n".join(map(_section, self.sections)), id="content"),
            *(data_element(name, value) for name, value in values.items()),
            '<script type="text/plain" id="plotly" data-address="/assets/plotly.js"></script>',
            *(f'<script src="/assets/{name}"></script>' for name in self.scripts),
        ]
        head = _HEAD.format(title=text(f"{self.title} – vaefit"), links=links)
        return head + "\n".join(body) + "\n</body>\n</html>\n"

    def assets(self) -> dict[str, Response]:
        """Its scripts and styles, by name."""
        from plotly.offline import get_plotlyjs

        names = (*self.styles, *self.scripts)
        found = {name: Response(_asset(name), media_type=KINDS[name.rpartition(".")[2]]) for name in names}
        return found | {"plotly.js": Response(get_plotlyjs(), media_type=KINDS["js"])}


def _section(section: Section) -> str:
    heading = element("h2", text(section.title), id=f"{section.id}-title")
    return element("section", heading + section.html, id=section.id, aria_labelledby=f"{section.id}-title")


def _asset(name: str) -> str:
    if name not in OWN:
        return asset_of_report(name)
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def explorer_page(explorer: Explorer) -> Served:
    """The page of a run."""
    run = explorer.run
    return Served(
        "run" if run.folder is None else run.folder.resolve().name,
        _subtitle(explorer),
        [_look(explorer), _decoder(explorer.facts)],
        ("page.css", "live.css", "explore.css"),
        ("page.js", "cells.js", "live.js", "look.js", "explore.js"),
    )


def _subtitle(explorer: Explorer) -> str:
    run, facts = explorer.run, explorer.facts
    latents = run.model.posterior.latent_dim
    words = f"{latents} latent{'s' if latents > 1 else ''}, likelihood {run.settings.likelihood}"
    counted = zip(("training rows", "other rows"), facts.all_rows, strict=True)
    rows = ", ".join(f"{n:,} {what}" for what, n in counted if n)
    return paragraph(f"{rows or 'no rows at hand'}; {words}. Nothing leaves this machine.")


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
    run, latents = facts.run, facts.latents
    none = np.zeros((1, run.model.posterior.latent_dim), np.float32)
    use = None if facts.rows is None else latent_use(run.model, seen(run, facts.rows, 0))
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
