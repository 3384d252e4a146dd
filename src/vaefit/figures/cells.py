"""Rows of tables: cells on a scale that they have in common, with the intervals that a model gives them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from vaefit.data import Dataset, Transform
from vaefit.errors import DataError
from vaefit.figures.style import NARROW, legend_below, new, styled
from vaefit.run import Reconstruction

MOST_BOXES = 40
MOST_NAMES = 40  # columns that are named on an axis; more are numbered
LEVEL = 0.9  # probability of the intervals of typed cells


def one_scale(transform: Transform) -> bool:
    """Whether rows have a picture by themselves: categories and numbers of many units have no scale."""
    return not transform.variables


def require_one_scale(transform: Transform) -> None:
    """Refuse rows without a picture of their own.

    Raises:
        DataError: they have typed columns.
    """
    if not one_scale(transform):
        raise DataError(
            "expected images or columns of one kind to draw, found a table with typed columns, which has no "
            "picture; let --out end in .csv or .npz, or see `vaefit figure`"
        )


def names_of(transform: Transform, columns: Sequence[str] | None = None) -> list[str]:
    """What the columns are called: by the table, or by their numbers from 1."""
    return list(columns) if columns else [f"column {i + 1}" for i in range(transform.dim)]


def profiles(
    found: Reconstruction, transform: Transform, width: float, columns: Sequence[str] | None, dpi: float
) -> Figure:
    """Columns of numbers: input, mean output and twice its sd, a panel for each row."""
    rows, dim = found.input.shape
    figure = new(width, 0.8 + 0.75 * rows, dpi)
    scale = transform.inverse_scale(np.ones(dim)) if transform.kind == "standardise" else np.ones(dim)
    x, mean = (for_the_eye(values, transform) for values in (found.input, found.mean))
    spread = 2 * found.sd / scale
    panels = figure.subplots(rows, 1, sharex=True, sharey=bool(unit(transform)), squeeze=False)[:, 0]
    for row, axes in enumerate(panels):
        interval = mean[row] - spread[row], mean[row] + spread[row]
        _intervals(axes, x[row], mean[row], interval, ("input", "mean", "mean ± 2 sd of the outputs"))
    _name_columns(panels[-1], columns, dim)
    figure.supylabel(f"value{unit(transform)}", fontsize=8)
    legend_below(figure, *panels[0].get_legend_handles_labels(), columns=3)
    return figure


@styled
def against_intervals(
    inputs: Float[np.ndarray, "shown variables"],
    drawn: Float[np.ndarray, "shown draws variables"],
    rows: Dataset,
    transform: Transform,
    width: float,
) -> Figure:
    """Typed cells: numbers within the intervals of their draws, categories by the probability of their own.

    Numbers are percentiles of their column in `rows`, which have no unit in common otherwise.
    """
    names = names_of(transform, rows.columns)
    numbers = [i for i, variable in enumerate(transform.variables) if not variable.levels]
    coded = [i for i, variable in enumerate(transform.variables) if variable.levels]
    sides = [side for side in (numbers, coded) if side]
    figure = new(width, 1.3 + 0.7 * len(inputs))
    grid = figure.subplots(
        len(inputs), len(sides), sharex="col", squeeze=False, width_ratios=[len(side) + 1 for side in sides]
    )
    for panels, cells, draws in zip(grid, inputs, drawn, strict=True):
        for side, axes in zip(sides, panels, strict=True):
            if side is numbers:
                _percentiles(axes, cells[side], draws[:, side], rows.values[:, side])
            else:
                _own_category(axes, cells[side], draws[:, side])
    for side, panels in zip(sides, grid.T, strict=True):
        _name_columns(panels[-1], [names[i] for i in side], len(side))
        _label_all(panels, "percentile" if side is numbers else "probability of own category")
    if numbers:
        legend_below(figure, *grid[0, 0].get_legend_handles_labels(), columns=3)
    return figure


def distributions(
    rows: Float[np.ndarray, "rows variables"],
    transform: Transform,
    width: float,
    columns: Sequence[str] | None,
    dpi: float,
) -> Figure:
    """How the values of each column are spread: boxes, or quantiles where there are many columns."""
    values, dim = for_the_eye(rows, transform), rows.shape[1]
    figure = new(width, 0.75 * width if width < NARROW else 0.4 * width, dpi)
    axes = figure.subplots()
    if dim <= MOST_BOXES:
        axes.boxplot(values, flierprops={"markersize": 2}, medianprops={"color": "C0"})
    else:
        quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        column = np.arange(1, dim + 1)
        axes.fill_between(column, quantiles[0], quantiles[4], color="C0", alpha=0.2, label="5% to 95%")
        axes.fill_between(column, quantiles[1], quantiles[3], color="C0", alpha=0.4, label="25% to 75%")
        axes.plot(column, quantiles[2], color="C0", label="median")
        axes.legend()
    _name_columns(axes, columns, dim)
    axes.set(title=f"{len(rows):,} samples", ylabel=f"value{unit(transform)}")
    return figure


def for_the_eye(rows: Float[np.ndarray, "rows columns"], transform: Transform) -> np.ndarray:
    """Columns of numbers in their standard deviations, so that one scale serves them all."""
    return transform.forward(rows) if unit(transform) else rows


def unit(transform: Transform) -> str:
    """What `for_the_eye` measures in, as it stands behind a word."""
    return " (sds from the column's mean)" if transform.kind == "standardise" else ""


def _name_columns(axes: Any, names: Sequence[str] | None, dim: int) -> None:
    """An axis of columns at 1, 2, ...: their names where they can be read, else their numbers."""
    axes.set_xlim(0.4, dim + 0.6)
    if not names or dim > MOST_NAMES:
        axes.set_xlabel("column")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        return
    axes.set_xticks(range(1, dim + 1), [shortened(name) for name in names], rotation=90)


def shortened(name: str, most: int = 18) -> str:
    """A name that fits beside a tick.

    >>> shortened("short"), shortened("a very long name of a column")
    ('short', 'a very long name …')
    """
    return name if len(name) <= most else f"{name[: most - 1].rstrip()} …"


def _intervals(
    axes: Any, x: np.ndarray, middle: np.ndarray, ends: tuple[np.ndarray, np.ndarray], labels: Sequence[str]
) -> None:
    column = np.arange(1, len(x) + 1)
    axes.vlines(column, *ends, color="C0", alpha=0.4, linewidth=4, label=labels[2])
    axes.plot(column, middle, "_", color="C0", markersize=6, label=labels[1])
    axes.plot(column, x, ".", color="black", markersize=4, label=labels[0])
    axes.grid(axis="x", alpha=0.3)


def _percentiles(axes: Any, x: np.ndarray, drawn: np.ndarray, rows: np.ndarray) -> None:
    points = np.vstack([np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0), x])
    found = [percentiles(values, column) for values, column in zip(points.T, rows.T, strict=True)]
    low, middle, high, own = np.stack(found, axis=1)
    _intervals(axes, own, middle, (low, high), ("input", "median", f"{LEVEL:.0%} interval"))
    axes.set(ylim=(-5, 105), yticks=(0, 50, 100))


def percentiles(
    values: Float[np.ndarray, " values"], column: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " values"]:
    """Of the column's cells below each value, and half of those equal to it; missing ones do not count.

    >>> percentiles(np.array([2.0, np.nan]), np.array([1.0, 2.0, 2.0, 3.0, np.nan]))
    array([50., nan])
    """
    there = np.sort(column[~np.isnan(column)])
    below, upto = (np.searchsorted(there, values, side) for side in ("left", "right"))
    return np.where(np.isnan(values), np.nan, 50.0 * (below + upto) / max(len(there), 1))


def _label_all(panels: np.ndarray, label: str) -> None:
    """One label at the left of all panels of a column, in the middle of it."""
    middle = panels[len(panels) // 2]
    middle.set_ylabel(label, y=0.5 if len(panels) % 2 else 1.1)


def _own_category(axes: Any, codes: np.ndarray, drawn: np.ndarray) -> None:
    there = ~np.isnan(codes)
    probability = np.where(there, (drawn == codes).mean(axis=0), np.nan)
    column = np.arange(1, len(codes) + 1)
    axes.vlines(column, 0, probability, color="C1", alpha=0.5, linewidth=1)
    axes.plot(column, probability, "D", color="C1")
    axes.grid(axis="x", alpha=0.3)
    axes.set(ylim=(-0.05, 1.05), yticks=(0, 0.5, 1))
