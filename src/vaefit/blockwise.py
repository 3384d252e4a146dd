"""A run at work on rows that do not fit in memory: blocks of rows in, a table in row groups out."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaefit import data
from vaefit.data import Dataset, Schema
from vaefit.data.tables import decode
from vaefit.display import Display, Notices
from vaefit.imputing import Imputation, impute
from vaefit.row_blocks import Blocks
from vaefit.run import Run
from vaefit.scoring import Scorer, Scores
from vaefit.synthetic import Condition, drawn, parse_condition, schema_of

if TYPE_CHECKING:
    import polars as pl


def latents(blocks: Blocks) -> "Iterator[pl.DataFrame]":
    """Posterior mean and sd of every row."""
    for block in blocks.read():
        yield latents_frame(block.rows, *blocks.run.encode(block.rows))


def scores(blocks: Blocks, *, draws: int, explain: bool, seed: int) -> "Iterator[pl.DataFrame]":
    """The score of every row; see `vaefit.scoring.score`."""
    scorer = Scorer(blocks.run, draws=draws, explain=explain, seed=seed, display=Notices(blocks.display))
    for block in blocks.read(seed):
        yield scores_frame(block.rows, scorer(block.rows, block.seed), block.first)


def completed(blocks: Blocks, options: dict[str, Any], *, intervals: bool) -> "Iterator[list[pl.DataFrame]]":
    """Rows with their missing cells filled in, of each of the tables; see `vaefit.imputing.impute`."""
    for block in blocks.read(options["seed"], cells=True):
        found = impute(blocks.run, block.rows, **{**options, "seed": block.seed, "display": None})
        yield completed_frames(blocks.run, block.rows, found, intervals=intervals)


def new_rows(run: Run, n: int, where: Sequence[str], seed: int, display: Display) -> "Iterator[pl.DataFrame]":
    """New rows of a table, a batch at a time; see `vaefit.synthetic.sample_rows`."""
    schema = schema_of(run)
    conditions: list[Condition] = [parse_condition(text, schema) for text in where]
    for values in drawn(run, n, conditions, seed, display):
        yield decode(values, schema)


def latents_frame(rows: Dataset, mean: np.ndarray, sd: np.ndarray) -> "pl.DataFrame":
    """Means and sds beside names and labels, where the rows have them."""
    import polars as pl

    columns: dict[str, Any] = {k: v.tolist() for k, v in names_of(rows).items()}
    columns |= {f"mean_{k}": mean[:, k] for k in range(mean.shape[1])}
    columns |= {f"sd_{k}": sd[:, k] for k in range(sd.shape[1])}
    return pl.DataFrame(columns)


def scores_frame(rows: Dataset, found: Scores, first: int = 0) -> "pl.DataFrame":
    """One line a row: its number (from 1), score, standard error, percentile, and each cell's part in it."""
    import polars as pl

    columns: dict[str, Any] = {"row": np.arange(first + 1, first + rows.n + 1)}
    columns |= {k: v.tolist() for k, v in names_of(rows).items()}
    columns |= {"score": found.score, "standard_error": found.standard_error}
    if found.percentile is not None:
        columns["percentile"] = found.percentile
    if found.explained is not None and found.excess is not None:
        names = rows.columns or [f"c{i}" for i in range(found.explained.shape[1])]
        columns["oddest"] = [names[i] for i in np.nanargmax(found.excess, axis=1)]
        columns |= {f"score_{name}": part for name, part in zip(names, found.explained.T, strict=True)}
    return pl.DataFrame(columns)


def completed_frames(run: Run, rows: Dataset, found: Imputation, *, intervals: bool) -> "list[pl.DataFrame]":
    """Completed tables' cells; those that were there are as they were."""
    schema = schema_of(run)
    assert rows.table is not None
    frames = [
        data.completed(rows.table, values, found.missing, schema)
        for values in (list(found.completed) or [found.best])
    ]
    return [_with_ends(frame, found, schema) for frame in frames] if intervals else frames


def _with_ends(frame: "pl.DataFrame", found: Imputation, schema: Schema) -> "pl.DataFrame":
    """The ends of each cell's interval in columns beside it: NAME_low and NAME_high."""
    low, high = (decode(ends, schema) for ends in (found.low, found.high))
    numbers = [column.name for column in schema.modelled if not column.categories]
    return frame.with_columns(
        *(low[name].alias(f"{name}_low") for name in numbers),
        *(high[name].alias(f"{name}_high") for name in numbers),
    )


def names_of(rows: Dataset) -> dict[str, np.ndarray]:
    """Names and labels of rows, where there are any."""
    found = {"name": rows.names, "label": rows.labels}
    return {key: np.asarray(value) for key, value in found.items() if value is not None}
