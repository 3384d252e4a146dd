"""Rows, what the model makes of them, and samples: the post's picture; for tables, cells with intervals."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vaefit import synthetic
from vaefit.data import Transform
from vaefit.figures import cells
from vaefit.figures.ranges import grey_levels
from vaefit.figures.style import DPI, NARROW, WIDTHS, styled
from vaefit.figures.subject import Subject
from vaefit.figures.tiles import sheet
from vaefit.run import Reconstruction

MOST_SAMPLES = 10
DRAWN = 50  # outputs that a mean is of
ROWS = 6
CELL_DRAWS, CELL_ROWS = 200, 4


def of_run(subject: Subject) -> Figure:
    """Some rows of the data, or those that are asked for."""
    run, dim = subject.run, len(subject.run.transform.shape)
    if run.transform.variables:
        shown = subject.shown(CELL_ROWS)
        found = run.reconstruct(shown, samples=CELL_DRAWS, seed=subject.seed, noise=True)
        drawn = synthetic.as_cells(found.samples, synthetic.schema_of(run))
        return cells.against_intervals(found.input, drawn, subject.rows, run.transform, subject.width)
    shown = subject.shown(ROWS if dim > 1 else CELL_ROWS)
    samples = subject.samples or (5 if subject.width < NARROW else MOST_SAMPLES)
    found = run.reconstruct(shown, samples=max(DRAWN, samples), seed=subject.seed)
    return draw(found, run.transform, subject.width, most=samples, columns=shown.columns)


@styled
def draw(
    found: Reconstruction,
    transform: Transform,
    width: float = WIDTHS["two"],
    *,
    most: int = MOST_SAMPLES,
    columns: Sequence[str] | None = None,
    dpi: float = DPI,
) -> Figure:
    """Input, mean output and samples, a line for each row; columns of numbers with intervals.

    Raises:
        DataError: there are too many rows for one picture, or they have typed columns.
    """
    cells.require_one_scale(transform)
    if len(transform.shape) < 2:
        return cells.profiles(found, transform, width, columns, dpi)
    shown = found.samples[:, :most]
    tiles = np.concatenate([found.input[:, None], found.mean[:, None], shown], axis=1)
    size = min(8.0, 100 * width / tiles.shape[1] / 4.2)
    levels = grey_levels(tiles, transform, found.input)
    drawn = sheet(levels, width, groups=(1, 2), margins=(0.025 * size, 0, 0, 0), dpi=dpi)
    count = shown.shape[1]
    words = "samples" if count > 1 else "sample"
    drawn.title({0: "input", 1: "mean", 1.5 + count / 2: words}, size)
    return drawn.figure
