"""Columns of a table, the rows' own beside drawn ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from vaefit.data import Column, Dataset, Transform, schema_of
from vaefit.figures.cells import names_of, shortened
from vaefit.figures.style import GREY, NARROW, legend_below, new, styled

MOST_COLUMNS = 24  # of numbers, and of categories; of more, the first are drawn
MOST_BARS = 6  # categories of a column; others are one bar
BINS = 24
NUMBERS, CATEGORIES = 0.95, 1.45  # inches high
_ROWS, _DRAWN = "rows", "samples of the model"


@styled
def draw(drawn: Float[np.ndarray, "n columns"], rows: Dataset, transform: Transform, width: float) -> Figure:
    """A panel for each column, numbers before categories: shares of rows in bins, or in each category."""
    names, schema = names_of(transform, rows.columns), schema_of(transform)
    columns = [None] * len(names) if schema is None else list(schema.modelled)
    coded = [i for i, column in enumerate(columns) if column is not None and column.categories]
    numbers = [i for i in range(len(names)) if i not in coded][:MOST_COLUMNS]
    across = 3 if width < NARROW else 6
    heights = [NUMBERS] * -(-len(numbers) // across) + [CATEGORIES] * -(-len(coded) // across)
    figure = new(width, sum(heights) + 0.3)
    grid = figure.subplots(len(heights), across, squeeze=False, height_ratios=heights).ravel()
    first = across * heights.count(NUMBERS)
    places = [*enumerate(numbers), *enumerate(coded[:MOST_COLUMNS], first)]
    for axes in grid:
        axes.set_axis_off()
    for panel, place in places:
        axes = grid[panel]
        axes.set_axis_on()
        own, new_ones = (v[:, place][~np.isnan(v[:, place])] for v in (rows.values.astype(float), drawn))
        column = columns[place]
        if column is not None and column.categories:
            _bars(axes, own, new_ones, column)
        else:
            _steps(axes, own, new_ones)
        axes.set_xlabel(shortened(names[place], 15), fontsize=7)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    figure.supylabel("share of rows", fontsize=8)
    legend_below(figure, *grid[places[0][0]].get_legend_handles_labels(), columns=2)
    return figure


def _steps(axes: Any, own: np.ndarray, drawn: np.ndarray) -> None:
    low, high = (float(v) for v in np.quantile(own, [0.005, 0.995])) if len(own) else (0.0, 1.0)
    bins = int(np.clip(1.5 * np.sqrt(len(own)), 6, BINS))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    if (own == np.round(own)).all():
        # Whole numbers fall into bins of as many of them each.
        step = max(1, int(np.ceil((high - low + 1) / bins)))
        edges = np.arange(low, high + step + 1, step) - 0.5
    shares = [np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] / max(len(v), 1) for v in (own, drawn)]
    axes.stairs(shares[0], edges, fill=True, color=GREY, alpha=0.35, label=_ROWS)
    axes.stairs(shares[1], edges, color="C0", linewidth=1.0, label=_DRAWN)
    axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    if abs(edges).max() >= 10_000:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _bars(axes: Any, own: np.ndarray, drawn: np.ndarray, column: Column) -> None:
    levels = len(column.categories)
    shares = [np.bincount(v.astype(int), minlength=levels) / max(len(v), 1) for v in (own, drawn)]
    shown, words = _shown(shares[0], column)
    places = np.arange(len(words))
    for number, (share, colour, label) in enumerate(zip(shares, (GREY, "C0"), (_ROWS, _DRAWN), strict=True)):
        heights = [share[list(codes)].sum() for codes in shown]
        look = {"alpha": 0.35} if number == 0 else {"fill": False, "edgecolor": colour, "linewidth": 1.0}
        axes.bar(places, heights, 0.8, color=colour, label=label, **look)
    axes.set_xticks(places, words, rotation=90, fontsize=6)


def _shown(share: np.ndarray, column: Column) -> tuple[list[Sequence[int]], list[str]]:
    """Codes of each bar, and its words: the most common categories in the column's order, others together."""
    levels = range(len(column.categories))
    if len(levels) <= MOST_BARS:
        return [(code,) for code in levels], [shortened(text.strip(), 12) for text in column.categories]
    common = sorted(np.argsort(-share, kind="stable")[: MOST_BARS - 1].tolist())
    words = [shortened(column.categories[code].strip(), 12) for code in common]
    others = [code for code in levels if code not in common]
    return [*((code,) for code in common), others], [*words, f"{len(others)} others"]
