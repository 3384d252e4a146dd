"""Reading data for a run, and writing what a run gives: pictures, arrays, tables."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaefit import data, imputing, scoring, synthetic
from vaefit.data import Dataset, Schema
from vaefit.data.tables import decode as cells_of
from vaefit.errors import DataError, RunError, SettingsError
from vaefit.figures import cells, learning_curves, reconstructions, samples
from vaefit.figures.draw import MOST_ROWS
from vaefit.figures.style import WIDTHS, save
from vaefit.folder import write_atomically
from vaefit.probing import Probe
from vaefit.run import Run
from vaefit.settle import parse_size

if TYPE_CHECKING:
    import polars as pl


TABLES = (".csv", ".tsv", ".parquet", ".arrow")


def check_suffix(path: Path, known: Sequence[str]) -> str:
    """The kind of file a name asks for, answered before any work is done.

    Raises:
        SettingsError: another kind.
    """
    suffix = path.suffix.lower()
    if suffix not in known:
        raise SettingsError(f"--out must end in {', '.join(known)}, found {str(path)!r}")
    return suffix


def read_for(
    fitted: Run,
    path: str,
    screen: Any,
    *,
    include: Sequence[str] | None,
    size: str | None,
    grayscale: bool | None,
    limit: int | None,
    key: str | None,
    skip_bad: bool,
    header: bool | None = None,
    labels: str | None = None,
    impute_missing: bool = False,
) -> Dataset:
    """Data read the way the fit read its own, unless told otherwise; with labels where asked for.

    With `impute_missing` a table's columns that are not there are missing in every row; so is one of labels.
    """
    read = data.read if labels is None else partial(data.read_labelled, labels=labels)
    schema = data.schema_of(fitted.transform)
    # A column of labels is taken out of the rows: the encoder sees it as missing, and the person is told.
    absent = impute_missing or labels is not None
    of_table = {} if schema is None else {"schema": schema, "impute_missing": absent}
    dataset = read(
        path,
        include=include or (),
        size=parse_size(size or fitted.settings.size),
        grayscale=fitted.grayscale if grayscale is None else grayscale,
        limit=limit,
        key=key,
        skip_bad=skip_bad,
        header=header,
        progress=screen.reading,
        **of_table,
    )
    screen.close()
    for message in dataset.notices:
        screen.notice(message)
    return fitted.dataset(dataset) if labels is None else dataset


def reconstruct_to_npz(fitted: Run, dataset: Dataset, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    """All rows, as `input`, `mean`, `sd`, `samples` and their names."""
    found = fitted.reconstruct(dataset, **options)
    _write_npz(out, {**found._asdict(), **_names(dataset)})
    # Categories and numbers of many units have no squared error in common.
    one_scale = cells.one_scale(fitted.transform)
    return {
        "out": str(out),
        "n": dataset.n,
        "samples": options["samples"],
        "mse": reconstruction_mse(fitted, found.input, found.mean) if one_scale else None,
    }


def reconstruct_to_picture(
    fitted: Run, dataset: Dataset, out: Path, show: list[int] | None, options: dict[str, Any]
) -> dict[str, Any]:
    """Some rows, drawn."""
    cells.require_one_scale(fitted.transform)
    chosen = show or data.spread(dataset.n, MOST_ROWS)
    outside = [row for row in chosen if not 0 <= row < dataset.n]
    if outside:
        raise DataError(f"--row {outside[0]}: {dataset.source} has rows 0 to {dataset.n - 1}")
    found = fitted.reconstruct(dataset.take(chosen), **options)
    save(reconstructions.draw(found, fitted.transform, columns=dataset.columns), out)
    names = [dataset.names[row] for row in chosen] if dataset.names else None
    return {"out": str(out), "n": len(chosen), "rows": chosen, "names": names, "samples": options["samples"]}


def reconstruction_mse(fitted: Run, inputs: np.ndarray, mean: np.ndarray) -> float:
    """Mean squared error of the mean output at the network's scale (pixels/256 for 8-bit images)."""
    flat = (len(inputs), -1)
    unit = fitted.transform.inverse_scale(np.ones(fitted.transform.dim))
    return float(np.mean(((inputs - mean).reshape(flat) / unit) ** 2, dtype=np.float64))


def write_samples(fitted: Run, rows: np.ndarray, out: Path) -> dict[str, Any]:
    """Samples as a picture or an array."""
    if out.suffix.lower() == ".npz":
        _write_npz(out, {"samples": rows})
    elif out.suffix.lower() == ".npy":
        _write(out, lambda path: np.save(path, rows))
    else:
        save(samples.draw(rows, fitted.transform), out)
    return {"out": str(out), "n": len(rows)}


def write_new_rows(
    fitted: Run, n: int, where: Sequence[str], seed: int, out: Path, screen: Any
) -> dict[str, Any]:
    """New rows of a table, as a table."""
    rows = synthetic.sample_rows(fitted, n, where=where, seed=seed, display=screen)
    write_rows(rows, synthetic.schema_of(fitted), out)
    return {"out": str(out), "n": n, "where": list(where)}


def write_imputed(
    fitted: Run, dataset: Dataset, out: Path, options: dict[str, Any], *, intervals: bool
) -> dict[str, Any]:
    """Completed rows, or several tables of them, as tables; cells that were there are as they were."""
    schema = synthetic.schema_of(fitted)
    found = imputing.impute(fitted, dataset, **options)
    assert dataset.table is not None
    tables = list(found.completed) or [found.best]
    numbered = [out.with_name(f"{out.stem}-{i}{out.suffix}") for i in range(1, len(tables) + 1)]
    paths = [out] if len(tables) == 1 else numbered
    for values, path in zip(tables, paths, strict=True):
        frame = data.completed(dataset.table, values, found.missing, schema)
        write_rows(_with_ends(frame, found, schema) if intervals else frame, schema, path)
    return {
        "out": str(out) if len(paths) == 1 else [str(path) for path in paths],
        "n": dataset.n,
        "imputed": int(found.missing.sum()),
    }


def _with_ends(frame: "pl.DataFrame", found: imputing.Imputation, schema: Schema) -> "pl.DataFrame":
    """The ends of each cell's interval in columns beside it: NAME_low and NAME_high."""
    low, high = (cells_of(ends, schema) for ends in (found.low, found.high))
    numbers = [column.name for column in schema.modelled if not column.categories]
    return frame.with_columns(
        *(low[name].alias(f"{name}_low") for name in numbers),
        *(high[name].alias(f"{name}_high") for name in numbers),
    )


def write_scores(dataset: Dataset, found: scoring.Scores, out: Path) -> dict[str, Any]:
    """One line a row: its number (from 1), score, standard error, percentile, and each cell's part in it."""
    import polars as pl

    columns: dict[str, Any] = {"row": np.arange(1, dataset.n + 1)}
    columns |= {k: v.tolist() for k, v in _names(dataset).items()}
    columns |= {"score": found.score, "standard_error": found.standard_error}
    if found.percentile is not None:
        columns["percentile"] = found.percentile
    if found.explained is not None and found.excess is not None:
        names = dataset.columns or [f"c{i}" for i in range(found.explained.shape[1])]
        parts = found.explained.T
        columns["oddest"] = [names[i] for i in np.nanargmax(found.excess, axis=1)]
        columns |= {f"score_{name}": part for name, part in zip(names, parts, strict=True)}
    frame = pl.DataFrame(columns)
    _write(out, frame.write_csv if out.suffix.lower() == ".csv" else frame.write_parquet)
    return {
        "out": str(out),
        "n": dataset.n,
        "mean": float(found.score.mean()),
        "oddest_row": int(found.score.argmax()) + 1,
    }


def write_rows(frame: "pl.DataFrame", schema: Schema, out: Path) -> None:
    """Rows of a table, as a table."""
    # The ending says how; the temporary name must have it too.
    _write(out, lambda path: data.write_table(frame, path, schema))


def write_decoded(fitted: Run, latents: np.ndarray, out: Path) -> dict[str, Any]:
    """What the decoder makes of latents, as a picture, an array, or the cells of a table."""
    if out.suffix.lower() in TABLES:
        schema = synthetic.schema_of(fitted)
        write_rows(cells_of(fitted.decode(latents), schema), schema, out)
        return {"out": str(out), "n": len(latents)}
    rows = fitted.decode(latents)
    if out.suffix.lower() == ".npz":
        _write_npz(out, {"decoded": rows})
        return {"out": str(out), "n": len(rows)}
    return write_samples(fitted, rows, out)


def write_latents(fitted: Run, dataset: Dataset, out: Path) -> dict[str, Any]:
    """Posterior means and sds, with names and labels where the data has them."""
    mean, sd = fitted.encode(dataset)
    if out.suffix.lower() == ".npz":
        _write_npz(out, {"mean": mean, "sd": sd, **_names(dataset)})
    else:
        import polars as pl

        columns: dict[str, Any] = {k: v.tolist() for k, v in _names(dataset).items()}
        columns |= {f"mean_{k}": mean[:, k] for k in range(mean.shape[1])}
        columns |= {f"sd_{k}": sd[:, k] for k in range(sd.shape[1])}
        frame = pl.DataFrame(columns)
        write = frame.write_csv if out.suffix.lower() == ".csv" else frame.write_parquet
        _write(out, write)
    return {"out": str(out), "n": dataset.n, "latent_dim": mean.shape[1]}


def write_probe(found: Probe, out: Path) -> None:
    """A picture of the learning curves; into a folder, with the numbers beside it."""
    picture = out if out.suffix else out / "probe.png"
    drawn = learning_curves.draw(found.bands(), found.per_class, "labels per class", WIDTHS["two"])
    save(drawn, picture)
    if not out.suffix:
        write_atomically(out / "probe.json", json.dumps(found.to_dict(), indent=1) + "\n")


def _names(dataset: Dataset) -> dict[str, np.ndarray]:
    found = {"name": dataset.names, "label": dataset.labels}
    return {key: np.asarray(value) for key, value in found.items() if value is not None}


def _write_npz(out: Path, arrays: dict[str, np.ndarray]) -> None:
    _write(out, lambda path: np.savez_compressed(path, **arrays))  # pyright: ignore[reportArgumentType]


def _write(out: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file that takes its name only when it is whole."""
    temporary = out.with_name(f".{os.getpid()}.{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        temporary.replace(out)
    except OSError as problem:
        why = problem.strerror or str(problem).replace(temporary.name, out.name)
        raise RunError(f"cannot write {out}: {why}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
