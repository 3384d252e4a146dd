"""DATA as a command reads it: the way the fit read its own, unless told otherwise."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from vaefit import data, row_blocks
from vaefit.data import Dataset, streams
from vaefit.errors import DataError
from vaefit.row_blocks import Blocks, InMemory
from vaefit.run import Run
from vaefit.settle import parse_size


def read_for(
    fitted: Run,
    path: str,
    screen: Any,
    *,
    labels: str | None = None,
    impute_missing: bool = False,
    **reading: Any,
) -> Dataset:
    """Data read the way the fit read its own, unless told otherwise (`reading`); with labels if asked for.

    With `impute_missing` a table's columns that are not there are missing in every row; so is one of labels.
    """
    # A column of labels is taken out of the rows: the encoder sees it as missing, and the person is told.
    how = reading_of(fitted, impute_missing=impute_missing or labels is not None, **reading)
    read = data.read if labels is None else partial(data.read_labelled, labels=labels)
    dataset = read(path, **how, progress=screen.reading)
    screen.close()
    for message in dataset.notices:
        screen.notice(message)
    return fitted.dataset(dataset) if labels is None else dataset


def reading_of(
    fitted: Run,
    *,
    include: Sequence[str] | None = None,
    size: str | None = None,
    grayscale: bool | None = None,
    impute_missing: bool = False,
    **rest: Any,
) -> dict[str, Any]:
    """How `vaefit.data.read` is to read: the way the fit read its own rows, unless told otherwise.

    What the fit does not decide goes through as it comes.
    """
    schema = data.schema_of(fitted.transform)
    return {
        "include": tuple(include or ()),
        "size": parse_size(size or fitted.settings.size),
        "grayscale": fitted.grayscale if grayscale is None else grayscale,
        **({} if schema is None else {"schema": schema, "impute_missing": impute_missing}),
        **rest,
    }


def read_or_sample(fitted: Run, path: str, screen: Any, **reading: Any) -> Dataset:
    """The rows; where they are not to be in memory all at once, some of them, evenly drawn."""
    there = held(fitted, path, screen, **reading)
    if isinstance(there, InMemory):
        return there.dataset
    found = row_blocks.sampled(there)
    screen.close()
    return found


def rows_for(fitted: Run, path: str, screen: Any, most: int | None, **reading: Any) -> InMemory | Blocks:
    """All rows, block by block where they are not to be in memory; or `most` of them, evenly drawn."""
    there = held(fitted, path, screen, **reading)
    if isinstance(there, InMemory):
        return there if most is None else InMemory(fitted, there.sample(most=most))
    if most is not None:
        return InMemory(fitted, row_blocks.sampled(there, most=most))
    screen.notice(f"{there.n:,} rows are looked at block by block; --rows N looks at some, evenly drawn")
    return there


def held(fitted: Run, path: str, screen: Any, **reading: Any) -> InMemory | Blocks:
    """All rows, block by block where they are not to be in memory all at once."""
    there = row_blocks.held(fitted, path, screen, **reading_of(fitted, **reading))
    if isinstance(there, InMemory):
        screen.close()
    return there


def some_rows(
    fitted: Run, path: str, screen: Any, rows: Sequence[int], most: int, **reading: Any
) -> tuple[Dataset, list[int]]:
    """The rows of these numbers, or, where there are none, so many spread evenly; and their numbers.

    Raises:
        DataError: there is no such row.
    """
    there = held(fitted, path, screen, **reading)
    chosen = list(rows) or data.spread(there.n, most)
    _check_there(chosen, there, path)
    return there.take(chosen), chosen


def some_with(
    fitted: Run, path: str, screen: Any, rows: Sequence[int], **reading: Any
) -> tuple[Dataset, list[int]]:
    """All rows, or, where they are beyond memory, rows evenly drawn, and where the rows of these numbers are.

    Raises:
        DataError: there is no such row.
    """
    there = held(fitted, path, screen, **reading)
    _check_there(rows, there, path)
    if isinstance(there, InMemory):
        return there.dataset, list(rows)
    some = row_blocks.sampled(there)
    return (streams.stacked([there.take(rows), some]), list(range(len(rows)))) if rows else (some, [])


def _check_there(rows: Sequence[int], there: InMemory | Blocks, path: str) -> None:
    outside = [row for row in rows if not 0 <= row < there.n]
    if outside:
        raise DataError(f"--row {outside[0]}: {path} has rows 0 to {there.n - 1}")


def read_whole(
    fitted: Run, path: str, screen: Any, what: str, *, labels: str | None = None, **reading: Any
) -> Dataset:
    """Rows for work that takes all of them at once; `what` is that work, and what else there is.

    Raises:
        DataError: they do not fit in memory.
    """
    stream = data.open_stream(path, **reading_of(fitted, **reading))
    if stream is not None and streams.exceeds_memory(stream):
        raise DataError(
            f"{path}: {stream.n:,} rows do not fit in memory, and {what}; --limit N takes the first"
        )
    return read_for(fitted, path, screen, labels=labels, **reading)
