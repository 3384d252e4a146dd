"""Plots as Plotly's JSON, drawn by the page when they are scrolled near.

A colour is written as `$name` or `$name@opacity`, a name of `COLOURS`, and becomes one of the theme (light or
dark, or paper) in the page. What all plots have in common (fonts, margins, grid) is set there too.
"""

import html
from collections.abc import Sequence
from typing import Any

from vaefit.report.markup import as_json, element, text, visible

# Okabe & Ito's palette, safe for colour-blind eyes; the page's style sheet has a value for each theme.
SERIES = ("$blue", "$orange", "$green", "$purple", "$vermillion", "$sky", "$yellow")
COLOURS = (*(name.removeprefix("$") for name in SERIES), "ink", "muted", "grid", "paper")

Trace = dict[str, Any]


def plot(
    traces: Sequence[Trace], layout: dict[str, Any], *, label: str, caption: str = "", height: int = 340
) -> str:
    """A figure with a plot in it; `label` tells those who cannot see it what it shows."""
    spec = {"data": list(traces), "layout": layout}
    area = element("div", "", class_="plot", role="img", aria_label=label, style=f"height:{height}px")
    script = f'<script type="application/json" class="spec">{as_json(spec)}</script>'
    below = element("figcaption", text(caption)) if caption else ""
    return element("figure", area + script + below)


def words(value: object) -> str:
    """Text as Plotly's labels take it: they read a little markup, and entities for three characters."""
    return html.escape(visible(value), quote=False)


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its label and unit."""
    return {"title": {"text": words(title)}, **more}


def line(x: Any, y: Any, name: str, colour: str, **more: Any) -> Trace:
    """A line with a name in the legend."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": words(name),
        "line": {"color": colour, "width": 2},
        **more,
    }
