"""The rows of a run: read as its settings say, and split into training and validation rows."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from vaefit import data
from vaefit.column_types import parse_types
from vaefit.data import Dataset, Schema, schema_of
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
    dataset = read(rows, settings, display, schema)
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
    size = parse_size(settings.size)
    if isinstance(rows, Dataset):
        return rows
    types = parse_types(settings.column)
    if not isinstance(rows, str | Path):
        if types or settings.header is not None or settings.missing or data.is_frame(rows):
            dataset = Dataset.from_table(rows, types=types, header=settings.header, limit=settings.limit)
            return _shown(dataset, display)
        return Dataset.from_array(rows, size=size, grayscale=settings.grayscale, limit=settings.limit)
    dataset = data.read(
        rows,
        include=settings.include,
        size=size,
        grayscale=settings.grayscale,
        limit=settings.limit,
        key=settings.key,
        skip_bad=settings.skip_bad,
        missing=settings.missing,
        progress=display.reading,
        types=types,
        header=settings.header,
        schema=schema,
    )
    return _shown(dataset, display)


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
    train, held_out = read_and_split(path, run.settings, display, schema_of(run.transform))
    held_out = None if held_out is None else data.as_fitted(held_out, run.transform)
    return data.as_fitted(train, run.transform), held_out


def positions(
    settings: Settings, n: int
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " held_out"]] | None:
    """Where training and validation rows stood among all `n` rows; None if not split by their order."""
    share = parse_share(settings.validation)
    if share is None or settings.validation_by == "group":
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
