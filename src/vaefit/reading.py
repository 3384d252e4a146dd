"""The rows of a run: read as its settings say, and split into training and validation rows."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from vaefit import data, processes
from vaefit.column_types import parse_types
from vaefit.data import Dataset, Schema, schema_of, streams
from vaefit.data.streams import Stream
from vaefit.display import Display
from vaefit.errors import DataError, SettingsError
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.settle import parse_share, parse_size


def read_and_split(
    rows: object, settings: Settings, display: Display, schema: Schema | None = None
) -> tuple[Dataset, Dataset | None]:
    """Training rows and validation rows (None where there are none); a table's columns by a schema.

    Validation rows from elsewhere are read by the columns of the training rows.

    Raises:
        DataError: the data cannot be read or split.
    """
    dataset = opened(rows, settings, display, schema)
    if isinstance(dataset, Stream):
        return _streamed(dataset, settings, display)
    share = parse_share(settings.validation)
    if share is None:
        return dataset, read(settings.validation, settings, display, schema or dataset.schema)
    kept, held = data.split(dataset, share, settings.validation_by, settings.seed)
    return (dataset.take(kept), dataset.take(held)) if len(held) else (dataset, None)


def read(rows: object, settings: Settings, display: Display, schema: Schema | None = None) -> Dataset:
    """Rows given as a path, an array or a data set, the way the settings say; a table's columns by a schema.

    Raises:
        DataError: they cannot be read.
    """
    if isinstance(rows, Dataset):
        return rows
    types = parse_types(settings.column)
    if not isinstance(rows, str | Path):
        if types or settings.header is not None or settings.missing or data.is_frame(rows):
            dataset = Dataset.from_table(rows, types=types, header=settings.header, limit=settings.limit)
            return _shown(dataset, display)
        size = parse_size(settings.size)
        return Dataset.from_array(rows, size=size, grayscale=settings.grayscale, limit=settings.limit)
    return _shown(data.read(rows, **_how(settings, schema), progress=display.reading), display)


def _how(settings: Settings, schema: Schema | None) -> dict[str, Any]:
    """The way of reading that the settings ask for."""
    names = ("include", "grayscale", "limit", "key", "skip_bad", "missing", "header")
    return {
        **{name: getattr(settings, name) for name in names},
        "size": parse_size(settings.size),
        "types": parse_types(settings.column),
        "schema": schema,
    }


def opened(
    rows: object, settings: Settings, display: Display, schema: Schema | None = None
) -> Dataset | Stream:
    """Rows as `read` has them; a stream where the settings say so, or where they do not fit in memory.

    Raises:
        SettingsError: a stream was asked of rows that are only read whole.
        DataError: the rows cannot be read.
    """
    if settings.stream is False or isinstance(rows, Dataset):
        return read(rows, settings, display, schema)
    if not isinstance(rows, str | Path):
        if settings.stream:
            raise _no_stream("rows in memory")
        return read(rows, settings, display, schema)
    cache = None if settings.cache is None else Path(settings.cache)
    source = data.Source(rows, **_how(settings, schema), cache=cache, progress=display.reading)
    stream = source.open()
    if settings.stream and stream is None:
        raise _no_stream(rows)
    # Where a host of one process is short of memory, all read block by block.
    if stream is not None and (settings.stream or processes.greatest(int(streams.exceeds_memory(stream)))):
        return stream
    return _shown(source.read(), display)


def _no_stream(found: object) -> SettingsError:
    return SettingsError(
        f"stream is for .npy without missing cells, .parquet, and images, found {found}; leave it out"
    )


def _streamed(stream: Stream, settings: Settings, display: Display) -> tuple[Dataset, Dataset | None]:
    """A sample of the training rows that knows of all of them, and the validation rows."""
    share = parse_share(settings.validation)
    looking = partial(display.working, "looking at rows")
    sample, held_out = streams.take(stream, share, settings.validation_by, settings.seed, progress=looking)
    _shown(sample, display)
    if share is None:
        held_out = read(settings.validation, settings, display, sample.schema)
    settled = "" if sample.n == sample.total else f"; {sample.n:,} of them settle what needs rows in memory"
    display.notice(f"{sample.total:,} training rows are read block by block{settled}")
    return sample, held_out


def _shown(dataset: Dataset, display: Display) -> Dataset:
    for message in dataset.notices:
        display.notice(message)
    return dataset


def own_rows(run: Run, display: Display) -> tuple[Dataset, Dataset | None]:
    """The rows a run was fitted to, read again and split as they were: training and validation rows.

    Raises:
        DataError: they are not there, or are no longer of the size or scale that was fitted.
    """
    path = run.source.get("path", "array")
    if not Path(str(path)).exists():
        raise DataError(f"{path} is not there" if path != "array" else "it was fitted to an array")
    return _split_again(run, path, display)


def _split_again(run: Run, rows: object, display: Display) -> tuple[Dataset, Dataset | None]:
    train, held_out = read_and_split(rows, run.settings, display, schema_of(run.transform))
    held_out = None if held_out is None else data.as_fitted(held_out, run.transform)
    return data.as_fitted(train, run.transform), held_out


class HeldAgainst(NamedTuple):
    """Training rows and those a run is held against, each None where there are none.

    `own` is whether they are the run's own; `missing` is why its training rows cannot be read again.
    """

    train: Dataset | None
    held_out: Dataset | None
    own: bool
    missing: DataError | None = None


def held_against(run: Run, rows: object, display: Display) -> HeldAgainst:
    """A run's training rows, and rows to hold it against: those given, or else its validation rows.

    Rows as many as the run was fitted to stand in for data that cannot be read again.

    Raises:
        DataError: the rows are of another size or scale than those fitted.
    """
    given = None if rows is None else run.dataset(rows)
    if given is not None and _is_own(run, given):
        again = given if given.whole is None else given.source
        return HeldAgainst(*_split_again(run, again, display), own=True)
    try:
        train, held_out = own_rows(run, display)
    except DataError as problem:
        return HeldAgainst(None, given, given is None, problem)
    return HeldAgainst(train, held_out if given is None else given, given is None)


def _is_own(run: Run, given: Dataset) -> bool:
    """Whether these are all the rows that the run was fitted to."""
    source = run.source
    if given.total != source.get("rows", 0) + source.get("validation_rows", 0):
        return False
    path = Path(str(source.get("path", "array"))).expanduser()
    return not path.exists() or Path(given.source).expanduser().resolve() == path.resolve()


def positions(
    settings: Settings, n: int
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " held_out"]] | None:
    """Where training and validation rows stood among all `n` rows; None if not split by their order."""
    share = parse_share(settings.validation)
    if share is None or settings.validation_by == "group" or settings.stream:
        return None
    return data.split(Dataset(np.empty((n, 1)), (1,)), share, settings.validation_by, settings.seed)


def split_weights(
    weights: Float[np.ndarray, " rows"], settings: Settings, n: int
) -> tuple[Float[np.ndarray, " train"], Float[np.ndarray, " held_out"] | None]:
    """Weights of `n` rows as `read_and_split` splits the rows; None: validation rows weigh alike.

    Raises:
        DataError: there is not one positive number for each row.
        SettingsError: whole groups are held out.
    """
    if weights.shape != (n,):
        raise DataError(f"expected one weight for each of {n} rows, found {weights.shape[0]}")
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise DataError("expected positive weights; leave rows without weight out")
    if parse_share(settings.validation) is None:
        return weights, None
    places = positions(settings, n)
    if places is None:
        raise SettingsError("weights of rows go with validation_by block or random, found group")
    kept, held = places
    return weights[kept], weights[held] if len(held) else None
