"""One way in: a path of any known format becomes a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, SettingsError
from .dataset import Dataset
from .labels import deepest, read_labels, words
from .options import Options
from .readers import Reader, find_reader
from .streams.stream import Stream
from .tables.column import Schema


def read(
    path: str | Path,
    *,
    include: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
    limit: int | None = None,
    key: str | None = None,
    skip_bad: bool | None = None,
    missing: bool = False,
    labels: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    types: Mapping[str, str] | None = None,
    header: bool | None = None,
    schema: Schema | None = None,
    impute_missing: bool = False,
) -> Dataset:
    """Read images or a table from a folder, archive or file.

    `include` are patterns of paths inside a folder or archive (any may match); `size` = (H, W) resizes
    images and says which shape flat rows have; `grayscale` turns colours grey; `limit` keeps the first rows
    in natural order; `key` names the array in an .npz or .mat file; `skip_bad` leaves out damaged
    images (None: a few, at most a tenth of all; False: none);
    `missing` takes NaN in an .npy, .npz or .mat file as missing cells, its rows as those of a table;
    `labels` names the column of a table, or the array of an .npz or .mat file, that holds labels and no data;
    `progress` is called now and then with the files done and their total (0 while it is not known).
    Of a table, `types` are those of some columns (others are inferred), and `header` says whether its first
    line has names (None: found by looking). A `schema` is that of a fit: nothing is inferred, and with
    `impute_missing` columns that are not there are missing in every row.

    Raises: DataError, ShapeError (a DataError) or SettingsError with a message of one line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "points.csv")
    ...     _ = path.write_text("x,y\\n1,2\\n3,4\\n")
    ...     read(path).values.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    source = Source(
        path,
        include=tuple(include),
        size=size,
        grayscale=grayscale,
        limit=limit,
        key=key,
        skip_bad=skip_bad,
        missing=missing,
        labels=labels,
        progress=progress,
        types=dict(types or {}),
        header=header,
        schema=schema,
        impute_missing=impute_missing,
    )
    return source.read()


class Source:
    """The rows of a path, to be opened, read, or both; what opening has read is not read again.

    `how` is that of `read`.

    Raises: DataError or SettingsError where there are none to be read that way.
    """

    def __init__(self, path: str | Path, **how: Any) -> None:
        self._options = Options(**how)
        _check(self._options)
        self._path = _existing(path)
        self._reader = find_reader(self._path)
        _check_uses(self._options, self._reader, self._path)
        self._stream: Stream | None = None

    def open(self) -> Stream | None:
        """The rows, to be read block by block; None: data of this kind, read this way, are only read whole.

        Raises: DataError, ShapeError or SettingsError.
        """
        if self._reader.stream is not None:
            self._stream = self._reader.stream(self._path, self._options)
        return self._stream

    def read(self) -> Dataset:
        """All rows in memory.

        Raises: DataError, ShapeError or SettingsError.
        """
        whole = None if self._stream is None else self._stream.whole()
        return self._reader.read(self._path, self._options) if whole is None else whole


def open_stream(path: str | Path, **how: Any) -> Stream | None:
    """The rows of a path, to be read block by block; see `Source`.

    Raises: DataError, ShapeError or SettingsError.
    """
    return Source(path, **how).open()


def read_labelled(path: str | Path, labels: str = "folders", **options: Any) -> Dataset:
    """Read data of which every row has a label; `options` are those of `read`.

    `labels` is "folders" (the deepest folder of each image, or what the format itself brings), a file of
    labels (.npy, or one a line), or the name of a column or array of the data itself.

    Raises: DataError where there are no such labels, or not one for each row.
    """
    if labels == "folders":
        return with_labels(read(path, **options), None)
    beside = Path(labels).expanduser()
    if beside.is_file():
        # All rows, because a limit is on both.
        limit = options.pop("limit", None)
        dataset = read(path, **options)
        dataset = replace(dataset, labels=read_labels(beside, dataset.n))
        return dataset if limit is None else dataset.take(range(min(limit, dataset.n)))
    reader = find_reader(_existing(path))
    if "labels" not in reader.uses:
        raise DataError(
            f"--labels {labels}: expected 'folders', or a file of labels as there are no columns in "
            f"{reader.what}; found no such file"
        )
    return read(path, labels=labels, **options)


def with_labels(dataset: Dataset, labels: Sequence[object] | np.ndarray | None) -> Dataset:
    """The same rows with these labels, or where there are none, with their deepest folders.

    Raises: DataError where they lie in one folder, or the labels are not one for each row.
    """
    if labels is not None:
        return replace(dataset, labels=words(labels, "labels", dataset.n))
    if dataset.labels is None:
        raise DataError(
            f"{dataset.source}: expected rows in folders named after their labels, found no such folders; "
            "name a column, or give a file of labels"
        )
    return replace(dataset, labels=deepest(dataset.labels))


def _existing(path: str | Path) -> Path:
    if not str(path):
        raise DataError("expected a path, found an empty one; for the current folder say .")
    try:
        path = Path(path).expanduser()
        if path.is_dir() or path.is_file():
            return path
        there = "a pipe or a device" if path.exists() else "nothing there"
    except (OSError, RuntimeError, ValueError) as e:
        raise DataError(f"{path}: cannot be looked at: {e}") from e
    raise DataError(f"{path}: expected a folder, archive or file, found {there}; check the path")


def _check(options: Options) -> None:
    if isinstance(options.include, str) or any(not p for p in options.include):
        raise SettingsError("expected patterns such as 'train/*' to include, found an empty one")
    if options.limit is not None and options.limit < 1:
        raise SettingsError(f"expected a limit of at least 1 row, found {options.limit}")
    if options.size is not None and (len(options.size) != 2 or min(options.size) < 1):
        raise SettingsError(f"expected a size (height, width) of at least 1x1, found {options.size}")


def _check_uses(options: Options, reader: Reader, path: Path) -> None:
    given = {
        "include": options.include,
        "key": options.key,
        "grayscale": options.grayscale,
        "column": options.types,
        "header": options.header is not None,
        "missing": options.missing,
    }
    for name, value in given.items():
        if value and name not in reader.uses:
            raise SettingsError(f"--{name} has no meaning for {reader.what} ({path}); leave it out")
