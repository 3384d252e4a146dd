"""Tables: .csv, .tsv, .txt (plain or gzipped), .parquet and .arrow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..dataset import Dataset
from ..labels import words
from ..names import one_line
from ..options import Options
from ..streams.parquet import open_parquet
from ..tables import Table, dataset_of, infer, read_binary_table, read_text_table, recode
from ..tables.files import ARROW, PARQUET, TEXTS, is_parquet_folder
from . import reader

USES = ("labels", "column")


@reader("a table (.csv, .tsv, .txt)", *TEXTS, uses=(*USES, "header"))
def read_text(path: Path, options: Options) -> Dataset:
    """A text table."""
    return _dataset(read_text_table(path, header=options.header, limit=options.limit), options)


@reader(
    "a table (.parquet)",
    *PARQUET,
    sniff=lambda path, head: head[:4] == b"PAR1" or is_parquet_folder(path),
    uses=USES,
    stream=open_parquet,
)
def read_parquet(path: Path, options: Options) -> Dataset:
    """A table in Parquet, or in a folder of such files."""
    return _dataset(read_binary_table(path, limit=options.limit), options)


@reader("a table (.arrow, .feather)", *ARROW, sniff=lambda _, head: head[:6] == b"ARROW1", uses=USES)
def read_arrow(path: Path, options: Options) -> Dataset:
    """A table in Arrow's file format."""
    return _dataset(read_binary_table(path, limit=options.limit), options)


def _dataset(table: Table, options: Options) -> Dataset:
    table, labels = _without_labels(table, options)
    if options.size is not None:
        return _pixels(table, options.size, labels)
    if options.schema is None:
        return dataset_of(table, types=options.types, labels=labels)
    rows = Dataset(np.empty((table.n, 0)), (0,), labels=labels, source=table.source, table=table)
    return recode(rows, options.schema, impute_missing=options.impute_missing)


def _without_labels(table: Table, options: Options) -> tuple[Table, tuple[str, ...] | None]:
    """The columns that are data, and the labels."""
    wanted = options.labels
    if wanted is None:
        return table, None
    if wanted not in table.names:
        raise DataError(
            f"{table.source}: expected labels in a column called '{one_line(wanted, 40)}', found "
            f"{one_line(', '.join(table.names), 200)}"
        )
    labels = words(table.cells[wanted].to_list(), f"{table.source}, column '{wanted}'")
    return replace(table, cells=table.cells[[name for name in table.names if name != wanted]]), labels


def _pixels(table: Table, size: tuple[int, int], labels: tuple[str, ...] | None) -> Dataset:
    """Numbers that are images, none of which may be missing."""
    from ..tables import encode

    values = encode(table, infer(table, dict.fromkeys(table.names, "real")))
    return Dataset.from_array(values, size=size, columns=table.names, labels=labels, source=table.source)
