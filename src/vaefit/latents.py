"""Latent vectors from a file, as `vaefit encode` writes them or as a person makes them up."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from vaefit.errors import DataError, ShapeError

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet", ".npz", ".npy")
STEMS = ("mean_", "z_")  # of columns; of two kinds in one file the first counts
KEYS = ("mean", "z")  # of arrays in a .npz
# Columns that `vaefit encode` writes beside the means.
_BESIDE = re.compile(r"name|label|sd_\d+", re.IGNORECASE)


def read(path: str | Path, latent_dim: int) -> Float[np.ndarray, "rows latent"]:
    """Latent vectors, a row each.

    A table has the columns mean_0, mean_1, ... (or z_0, ...), or just `latent_dim` columns of numbers;
    columns called name, label or sd_0, ... are left out. A .npz has an array `mean` or `z`, or a single one.

    Raises:
        DataError: there is no such file, or it holds anything but finite numbers.
        ShapeError: another number of latents.
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: expected latents in a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        there = "something else" if path.exists() else "nothing there"
        raise DataError(f"{path}: expected a file of latents, found {there}; check the path")
    found, names = _table(path, latent_dim) if suffix in (".csv", ".parquet") else _array(path)
    return _checked(found, names, latent_dim, path)


def _checked(
    found: np.ndarray, names: list[str] | None, latent_dim: int, path: Path
) -> Float[np.ndarray, "rows latent"]:
    if found.dtype.kind not in "fiu":
        raise DataError(f"{path}: expected latents as real numbers, found an array of type {found.dtype}")
    if found.ndim != 2 or found.shape[1] != latent_dim:
        raise ShapeError(
            f"{path}: expected an array of shape (rows, {latent_dim}) for this run's {_latents(latent_dim)}, "
            f"found {found.shape}; encode the rows with this run"
        )
    if not len(found):
        raise DataError(f"{path}: expected at least one row of latents, found none")
    with np.errstate(over="ignore"):
        latents = found.astype(np.float32)
    for row, column in np.argwhere(~np.isfinite(latents))[:1]:
        name = names[column] if names else str(column + 1)
        raise DataError(
            f"{path}: expected finite numbers, found {found[row, column]:g} in row {row + 1}, column {name}; "
            "take the row out"
        )
    return latents


def _array(path: Path) -> tuple[np.ndarray, None]:
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return stored, None
            return stored[_key(stored.files, path)], None
    except DataError:
        raise
    except Exception as problem:  # numpy, zipfile and zlib fail in many ways on damaged files
        why = " ".join(str(problem).split())[:80]
        raise DataError(
            f"{path}: expected arrays of numbers, found a damaged or foreign file ({why})"
        ) from None


def _key(keys: list[str], path: Path) -> str:
    if len(keys) == 1:
        return keys[0]
    for key in KEYS:
        if key in keys:
            return key
    raise DataError(
        f"{path}: expected an array called mean or z, found {', '.join(keys) or 'no arrays'}; rename the one "
        "that holds the latents"
    )


def _table(path: Path, latent_dim: int) -> tuple[np.ndarray, list[str]]:
    frame = _frame(path)
    names = _columns(frame.columns, latent_dim, path)
    return _numbers(frame[names], path), names


def _frame(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path, glob=False)
        data = path.read_bytes()
        # All cells as text, so that a bad one can be shown as it stands in the file.
        return pl.read_csv(data, has_header=_has_header(data), infer_schema=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, UnicodeDecodeError) as problem:
        why = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise DataError(
            f"{path}: expected a table of latents, found a file that cannot be read ({why})"
        ) from None


def _has_header(data: bytes) -> bool:
    first = data.decode("utf-8-sig").lstrip().split("\n", 1)[0]
    return not all(map(_is_number, first.split(",")))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(columns: list[str], latent_dim: int, path: Path) -> list[str]:
    """The names of the columns that hold the latents, in order."""
    for stem in STEMS:
        found = [c for c in columns if re.fullmatch(rf"{stem}\d+", c)]
        expected = [f"{stem}{i}" for i in range(latent_dim)]
        if found:
            if set(found) != set(expected):
                raise _other_columns(expected, found, latent_dim, path)
            return expected
    plain = [c for c in columns if not _BESIDE.fullmatch(c)]
    if len(plain) != latent_dim:
        raise _other_columns([f"mean_{i}" for i in range(latent_dim)], plain, latent_dim, path)
    return plain


def _other_columns(expected: list[str], found: list[str], latent_dim: int, path: Path) -> ShapeError:
    return ShapeError(
        f"{path}: expected {_latents(latent_dim)} (columns {_some(expected)}) as this run has, found "
        f"{len(found)} ({_some(found)}); encode the rows with this run"
    )


def _latents(n: int) -> str:
    return f"{n} latent{'s' if n > 1 else ''}"


def _some(names: list[str]) -> str:
    shown = names if len(names) < 5 else [*names[:2], "...", names[-1]]
    return ", ".join(name[:40] for name in shown) or "no such columns"


def _numbers(frame: "pl.DataFrame", path: Path) -> np.ndarray:
    import polars as pl

    for name, kind in frame.schema.items():
        if not (kind.is_numeric() or kind == pl.String):
            raise DataError(f"{path}: expected columns of numbers, found column {name} of type {kind}")
    text = frame.select(pl.col(pl.String).str.strip_chars(), pl.exclude(pl.String))[frame.columns]
    numbers = text.select(pl.all().cast(pl.Float64, strict=False))
    for index, column in enumerate(numbers.iter_columns()):
        bad = column.is_null().arg_max() if column.null_count() else None
        if bad is not None:
            cell = text[bad, index]
            shown = f"'{cell[:40]}'" if cell else "an empty cell"
            raise DataError(
                f"{path}: expected numbers, found {shown} in row {bad + 1}, column {column.name}; correct "
                "it or take the row out"
            )
    return numbers.to_numpy()
