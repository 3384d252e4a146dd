"""What the model makes of single rows: typical ones, the best and the worst by likelihood."""

import numpy as np

from vaefit.figures.ranges import grey_levels
from vaefit.report import images, rows
from vaefit.report.facts import Facts
from vaefit.report.markup import element, number, paragraph, text
from vaefit.report.plots import axis, plot
from vaefit.report.section import Section
from vaefit.run import Reconstruction

_TITLES = {"typical": "Typical rows", "best": "Best by {}", "worst": "Worst by {}"}
_MOST_COLUMNS = 40  # of a row of plain numbers, beyond which it is a curve and not a table


def section(facts: Facts) -> Section | None:
    """Input, mean and samples; for rows of tables, each cell and its interval."""
    title = "Reconstructions"
    if facts.rows is None:
        return None
    if not facts.with_data:
        return Section(
            "reconstructions", title, paragraph("Left out, as it shows rows of the data (--no-data).")
        )
    if facts.is_image:
        return Section("reconstructions", title, _intro_of_images(facts) + _images(facts))
    return Section("reconstructions", title, _intro_of_rows(facts) + _of_rows(facts))


def _intro_of_images(facts: Facts) -> str:
    return paragraph(
        f"From left to right: a row of the {facts.about}, the mean of ten outputs, and the outputs, each the "
        f"decoder's mean for a draw of q(z|x). Beneath each name its {facts.row_measure}, nats per datum. "
        "Typical rows are spread over the middle of all by that measure."
    )


def _images(facts: Facts) -> str:
    found = facts.reconstructions
    reference = np.concatenate([one.input for one in found.values()])
    return "".join(
        element("h3", _title(kind, facts)) + _strips(facts, kind, one, reference)
        for kind, one in found.items()
    )


def _title(kind: str, facts: Facts) -> str:
    return text(_TITLES[kind].format(facts.row_measure))


def _strips(facts: Facts, kind: str, found: Reconstruction, reference: np.ndarray) -> str:
    tiles = np.concatenate([found.input[:, None], found.mean[:, None], found.samples], axis=1)
    grey = grey_levels(tiles, facts.run.transform, reference)
    grey = images.shrunk(grey, len(facts.run.transform.shape))
    width = grey.shape[3]
    outputs = (grey.shape[1] - 2) * (width + images.GAP) - images.GAP
    heads = "".join(element("span", name) for name in ("", "input", "mean", "ten outputs"))
    lines = [element("div", heads, class_="heads", aria_hidden="true")]
    for line, row in zip(grey, facts.chosen[kind], strict=True):
        name = facts.called(int(row))
        parts = [(line[:1], f"{name}, input"), (line[1:2], "mean of ten outputs"), (line[2:], "ten outputs")]
        pictures = "".join(images.picture(part[None], words) for part, words in parts)
        lines.append(element("div", _name(facts, int(row)) + pictures))
    style = f"--outputs:{outputs / width:.3f}fr"
    return element("div", "".join(lines), class_="strips", style=style)


def _name(facts: Facts, row: int) -> str:
    value = facts.log_likelihood
    assert value is not None
    small = element("small", number(float(value[row]), 1))
    return element(
        "span", f"{element('bdi', text(facts.short(row)))} {small}", class_="name", title=facts.called(row)
    )


def _intro_of_rows(facts: Facts) -> str:
    return paragraph(
        f"Rows of the {facts.about}, with what the model makes of each cell once it has seen the row: the "
        "mean of draws of p(x|z), z drawn from q(z|x), and in brackets the interval that holds 90% of them; "
        "of categories the one drawn most often, with its share. Marked: a number outside its interval, a "
        f"category drawn in less than 5%. Beneath each name its {facts.row_measure}, nats per datum."
    )


def _of_rows(facts: Facts) -> str:
    if facts.schema is None and facts.run.transform.dim > _MOST_COLUMNS:
        return "".join(
            element("h3", _title(kind, facts)) + _profiles(facts, kind, found)
            for kind, found in facts.reconstructions.items()
        )
    return "".join(
        element("h3", _title(kind, facts))
        + element("div", "".join(_card(facts, int(row)) for row in chosen), class_="cards")
        for kind, chosen in facts.chosen.items()
        if len(chosen)
    )


def _card(facts: Facts, row: int) -> str:
    return element("div", element("h4", _name(facts, row)) + rows.table_of(facts, row), class_="card")


def _profiles(facts: Facts, kind: str, found: Reconstruction) -> str:
    column = np.arange(1, found.input.shape[1] + 1)
    return element(
        "div",
        "".join(
            element("div", element("h4", _name(facts, int(row))) + _profile(column, x, mean, sd))
            for row, x, mean, sd in zip(facts.chosen[kind], found.input, found.mean, found.sd, strict=True)
        ),
        class_="plots",
    )


def _profile(column: np.ndarray, x: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> str:
    band = np.concatenate([mean - 2 * sd, (mean + 2 * sd)[::-1]])
    traces = [
        {
            "type": "scatter",
            "x": np.concatenate([column, column[::-1]]),
            "y": band,
            "fill": "toself",
            "fillcolor": "$blue@0.25",
            "line": {"width": 0},
            "name": "mean ± 2 sd of ten outputs",
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "x": column,
            "y": mean,
            "name": "mean",
            "line": {"color": "$blue"},
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": column,
            "y": x,
            "name": "input",
            "marker": {"color": "$ink", "size": 3},
        },
    ]
    layout = {"xaxis": axis("column"), "yaxis": axis("value, the data's units")}
    return plot(traces, layout, label="Input, and mean and spread of the outputs, by column", height=260)
