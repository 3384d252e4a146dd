"""Tables: real rows against generated ones, missing cells, and the error of each column."""

from typing import Any

import numpy as np

from vaefit.data import Column
from vaefit.report.associations import associations
from vaefit.report.facts import Facts
from vaefit.report.markup import element, number, paragraph, table
from vaefit.report.plots import axis, plot, words
from vaefit.report.rows import column_names, written
from vaefit.report.section import Section
from vaefit.scores import MODEL

MOST_COLUMNS, MOST_CATEGORIES, BINS = 40, 12, 30


def section(facts: Facts) -> Section | None:
    """Marginals, associations, missingness, per-column error."""
    if facts.is_image or facts.rows is None or facts.run.transform.dim < 1:
        return None
    inner = _errors(facts) + _marginals(facts) + _associations(facts) + _missing(facts)
    return Section("table", "Columns", inner)


def _real(facts: Facts) -> np.ndarray:
    assert facts.rows is not None
    return np.asarray(facts.rows.values, np.float64)


def _columns(facts: Facts) -> list[Column]:
    """The columns as a schema has them; those of plain numbers are real."""
    if facts.schema is not None:
        return list(facts.schema.modelled)
    return [Column(name, "real") for name in column_names(facts)]


def _marginals(facts: Facts) -> str:
    columns, real, drawn = _columns(facts), _real(facts), facts.samples
    shown = list(enumerate(columns))[:MOST_COLUMNS]
    # Numbers and categories apart: their plots are of different heights.
    kinds = [[(d, c) for d, c in shown if bool(c.categories) == coded] for coded in (False, True)]
    grids = [
        element("div", "".join(_marginal(c, real[:, d], drawn[:, d]) for d, c in kind), class_="plots small")
        for kind in kinds
        if kind
    ]
    more = f" The first {MOST_COLUMNS} of {len(columns)} columns." if len(columns) > MOST_COLUMNS else ""
    intro = (
        f"{facts.about.capitalize()} ({len(real):,}) beside {len(drawn):,} draws of p(x), by column.{more}"
    )
    return element("h3", "Real and generated marginals") + paragraph(intro) + "".join(grids)


def _marginal(column: Column, real: np.ndarray, drawn: np.ndarray) -> str:
    real = real[~np.isnan(real)]
    if column.categories:
        return _shares(column, real, drawn)
    low, high = _range(real, drawn)
    few = column.step and (high - low) / column.step < BINS
    edges = (
        np.arange(low - column.step / 2, high + column.step, column.step)
        if few
        else np.linspace(low, high, BINS + 1)
    )
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    both = [np.histogram(values, edges)[0] / max(len(values), 1) / width for values in (real, drawn)]
    names = written(middle, column) if column.type == "date" else middle
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": names,
            "y": y,
            "name": name,
            "line": {"shape": "hvh", **how},
            **fill,
        }
        for y, name, how, fill in zip(
            both,
            ("real", "generated"),
            ({"color": "$blue", "width": 1.5}, {"color": "$vermillion", "width": 2, "dash": "dot"}),
            ({"fill": "tozeroy", "fillcolor": "$blue@0.25"}, {}),
            strict=True,
        )
    ]
    layout = {"xaxis": axis(column.name), "yaxis": axis("density", rangemode="tozero", nticks=4)}
    return plot(traces, layout, label=f"{column.name}: real and generated distribution", height=230)


def _range(real: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """What nearly all real values lie in, a little wider: a few extreme ones would flatten the rest."""
    values = real if len(real) else drawn
    low, high = (float(v) for v in np.quantile(values, [0.002, 0.998]))
    margin = 0.05 * (high - low) or max(abs(low), 1.0) * 0.05
    return low - margin, high + margin


def _shares(column: Column, real: np.ndarray, drawn: np.ndarray) -> str:
    count = len(column.categories)
    shares = [np.bincount(v.astype(int), minlength=count)[:count] / max(len(v), 1) for v in (real, drawn)]
    order = np.arange(count) if column.type == "ordinal" else np.argsort(-shares[0], kind="stable")
    kept = order[:MOST_CATEGORIES]
    names = [_short(column.categories[int(k)].strip()) for k in kept]
    both = [100 * share[kept] for share in shares]
    if len(order) > len(kept):
        names.append(f"{len(order) - len(kept)} others")
        both = [np.append(b, 100 - b.sum()) for b in both]
    # One place a category, whatever its name: equal or empty names would fall together.
    places = list(range(len(names)))
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": places,
            "x": b,
            "name": name,
            "marker": marker,
            "customdata": [words(n) for n in names],
            "hovertemplate": "%{customdata}: %{x:.1f}%<extra>" + name + "</extra>",
        }
        for b, name, marker in zip(
            both,
            ("real", "generated"),
            (
                {"color": "$blue"},
                {
                    "color": "$vermillion",
                    "pattern": {"shape": "/", "fgcolor": "$paper", "size": 5, "fillmode": "overlay"},
                },
            ),
            strict=True,
        )
    ]
    layout = {
        "xaxis": axis("share, %", rangemode="tozero"),
        "yaxis": axis(column.name, tickvals=places, ticktext=[words(n) for n in names], autorange="reversed"),
        "barmode": "group",
        "bargap": 0.25,
    }
    return plot(
        traces,
        layout,
        label=f"{column.name}: real and generated shares of categories",
        height=120 + 26 * len(names),
    )


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _associations(facts: Facts) -> str:
    columns = _columns(facts)[:MOST_COLUMNS]
    if len(columns) < 2:
        return ""
    real, drawn = (
        associations(values[:, : len(columns)], columns) for values in (_real(facts), facts.samples)
    )
    upper = np.triu_indices(len(columns), 1)
    difference = np.abs(real - drawn)[upper]
    if not np.isfinite(difference).any():
        return ""
    worst = int(np.nanargmax(difference))
    a, b = columns[upper[0][worst]].name, columns[upper[1][worst]].name
    intro = (
        "The strength of every pair's association, 0 to 1: |correlation of ranks| of numbers, Cramér's V of "
        "categories, the correlation ratio (eta) between the two kinds. The mean difference between real and "
        f"generated rows is {number(float(np.nanmean(difference)), 3)}, the largest "
        f"{number(float(difference[worst]), 3)}, of {a} and {b}."
    )
    panels = [_heat(columns, real, "real rows"), _heat(columns, drawn, "generated rows")]
    return (
        element("h3", "Real and generated associations")
        + paragraph(intro)
        + element("div", "".join(panels), class_="plots")
    )


def _heat(columns: list[Column], values: np.ndarray, title: str) -> str:
    names, places = [words(_short(column.name)) for column in columns], list(range(len(columns)))
    shown = np.where(np.eye(len(columns), dtype=bool), np.nan, values)
    trace = {
        "type": "heatmap",
        "z": shown,
        "x": places,
        "y": places,
        "zmin": 0,
        "zmax": 1,
        "colorscale": "Viridis",
        "colorbar": {"thickness": 12, "title": {"text": ""}, "len": 0.9},
        "text": [[f"{a} and {b}" for b in names] for a in names],
        "hovertemplate": "%{text}: %{z:.2f}<extra></extra>",
    }
    layout = {
        "xaxis": axis(title, tickvals=places, ticktext=names, tickangle=-60, showgrid=False),
        "yaxis": axis("", tickvals=places, ticktext=names, autorange="reversed", showgrid=False),
    }
    return plot([trace], layout, label=f"Associations of columns in {title}", height=280 + 14 * len(columns))


def _missing(facts: Facts) -> str:
    gone = np.isnan(_real(facts)).mean(axis=0)
    heading = element("h3", "Missing cells")
    if not gone.any():
        return heading + paragraph(f"No cell of these {facts.about} is missing.")
    names = column_names(facts)
    order = [int(d) for d in np.argsort(-gone, kind="stable") if gone[d] > 0][:MOST_COLUMNS]
    places = list(range(len(order)))
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": 100 * gone[order],
        "y": places,
        "marker": {"color": "$blue"},
    }
    layout = {
        "xaxis": axis("cells missing, %", rangemode="tozero"),
        "yaxis": axis(
            "", tickvals=places, ticktext=[words(_short(names[d])) for d in order], autorange="reversed"
        ),
    }
    told = (
        f"{number(100 * float(gone.mean()), 1)}% of the cells are missing, in {len(order)} of {len(gone)} "
        "columns. They are left out of every likelihood; vaefit impute fills them in."
    )
    shown = plot([trace], layout, label="Share of missing cells by column", height=110 + 26 * len(order))
    return heading + paragraph(told) + element("div", shown, class_="plots")


def _errors(facts: Facts) -> str:
    found = {} if facts.evaluation is None else facts.evaluation.columns
    if not found:
        return ""
    beside = list(next(iter(found.values())).baselines)
    heads = ["column", "type", "cells", *(part for name in [MODEL, *beside] for part in (name, "error"))]
    lines = []
    for name, column in found.items():
        each = [column.model, *(column.baselines[other] for other in beside)]
        best = max(one.log_likelihood for one in each), min(one.error for one in each)
        cells = [
            ("★ " if value == top else "") + number(value, 3)
            for one in each
            for value, top in zip((one.log_likelihood, one.error), best, strict=True)
        ]
        lines.append([name, column.type, f"{column.cells:,}", *cells])
    intro = (
        "How well each cell is told from the row's other cells: mean log-density, nats, and error (of "
        "categories the share that is wrong, of numbers the root mean square in sds). ★ is the best."
    )
    return element("h3", "Each column given the others") + paragraph(intro) + table(heads, lines)
