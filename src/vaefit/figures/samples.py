"""New rows: a sheet of images; for tables, the distribution of each column beside the rows' own."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from vaefit import synthetic
from vaefit.data import Transform
from vaefit.figures import cells, marginals
from vaefit.figures.ranges import grey_levels
from vaefit.figures.style import DPI, NARROW, WIDTHS, styled
from vaefit.figures.subject import Subject
from vaefit.figures.tiles import sheet

SHEET = 64
TABLE_ROWS = 2000  # draws of a table, where a histogram of them is drawn


def of_run(subject: Subject) -> Figure:
    """A sheet of draws from the prior; a table's columns against the rows given, or held out."""
    run = subject.run
    if len(run.transform.shape) > 1:
        drawn = run.sample(subject.number or SHEET, seed=subject.seed)
        return draw(drawn, run.transform, subject.width)
    number = subject.number or TABLE_ROWS
    if run.transform.variables:
        drawn = synthetic.draw_values(run, number, subject.seed)
    else:
        drawn = run.sample(number, seed=subject.seed, noise=not run.model.likelihood.joint)
    return marginals.draw(drawn, subject.rows, run.transform, subject.width)


@styled
def draw(
    rows: Float[np.ndarray, "rows *shape"],
    transform: Transform,
    width: float = WIDTHS["one"],
    columns: Sequence[str] | None = None,
    dpi: float = DPI,
) -> Figure:
    """A sheet of samples; where rows are no images, the distribution of each column.

    Raises:
        DataError: there are too many rows for one picture, or they have typed columns.
    """
    cells.require_one_scale(transform)
    if len(transform.shape) < 2:
        return cells.distributions(rows, transform, width, columns, dpi)
    # A square sheet in one column, a strip of four to one over two.
    across = math.ceil(math.sqrt(len(rows) * (1 if width < NARROW else 4)))
    across = min(across, len(rows))
    lines = -(-len(rows) // across)
    tiles = grey_levels(rows, transform, rows)
    blank = np.full((lines * across - len(rows), *tiles.shape[1:]), 255, np.uint8)
    grid = np.concatenate([tiles, blank]).reshape(lines, across, *tiles.shape[1:])
    return sheet(grid, width, dpi=dpi).figure
