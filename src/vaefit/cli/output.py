"""Writing what a run gives: pictures, arrays, tables."""

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from vaefit import blockwise, data, imputing, scoring, synthetic
from vaefit.data import Dataset, Schema, streams
from vaefit.data.tables import decode as cells_of
from vaefit.errors import DataError, RunError, SettingsError
from vaefit.evaluation import Tally
from vaefit.figures import PICTURES, cells, learning_curves, reconstructions, samples
from vaefit.figures.style import WIDTHS, save
from vaefit.folder import write_atomically
from vaefit.probing import Probe
from vaefit.row_blocks import Blocks, InMemory
from vaefit.run import Run

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


def write_blocks(frames: "Iterable[pl.DataFrame]", out: Path, schema: Schema | None = None) -> dict[str, Any]:
    """A table written block by block; it takes its name when it is whole."""
    rows = _write(out, lambda path: streams.write_blocks(frames, path, schema))
    return {"out": str(out), "n": rows}


def require_picture(fitted: Run) -> None:
    """Refuse pictures of rows that have none, before they are read.

    Raises:
        DataError: they have typed columns.
    """
    cells.require_one_scale(fitted.transform)


def reconstruct_to_npz(fitted: Run, dataset: Dataset, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    """All rows, as `input`, `mean`, `sd`, `samples` and their names."""
    found = fitted.reconstruct(dataset, **options)
    _write_npz(out, {**found._asdict(), **blockwise.names_of(dataset)})
    # Categories and numbers of many units have no squared error in common.
    one_scale = cells.one_scale(fitted.transform)
    return {
        "out": str(out),
        "n": dataset.n,
        "samples": options["samples"],
        "mse": float(squared_errors(fitted, found.input, found.mean).mean()) if one_scale else None,
    }


def reconstruct_to_npy(
    held: InMemory | Blocks, out: Path, options: dict[str, Any], screen: Any
) -> dict[str, Any]:
    """The mean of each row's outputs, block by block where the rows are beyond memory."""
    fitted, errors = held.run, Tally()
    one_scale = cells.one_scale(fitted.transform)

    def means() -> Iterator[np.ndarray]:
        for block in held.read(options["seed"], what="reconstructing"):
            found = fitted.reconstruct(block.rows, **{**options, "seed": block.seed})
            if one_scale:
                errors.add(squared_errors(fitted, found.input, found.mean))
            yield found.mean

    shape = (held.n, *fitted.transform.shape)
    _write_array(means(), shape, out)
    screen.close()
    mse = float(errors.mean) if one_scale else None
    return {"out": str(out), "n": held.n, "samples": options["samples"], "mse": mse}


def reconstruct_to_picture(
    fitted: Run, dataset: Dataset, chosen: list[int], out: Path, options: dict[str, Any]
) -> dict[str, Any]:
    """These rows, drawn; `chosen` are their numbers."""
    found = fitted.reconstruct(dataset, **options)
    save(reconstructions.draw(found, fitted.transform, columns=dataset.columns), out)
    names = list(dataset.names) if dataset.names else None
    return {"out": str(out), "n": len(chosen), "rows": chosen, "names": names, "samples": options["samples"]}


def squared_errors(
    fitted: Run, inputs: Float[np.ndarray, "rows *shape"], mean: Float[np.ndarray, "rows *shape"]
) -> Float[np.ndarray, " rows"]:
    """Mean squared error of each row's mean output at the network's scale (pixels/256 for 8-bit images)."""
    flat = (len(inputs), -1)
    unit = fitted.transform.inverse_scale(np.ones(fitted.transform.dim))
    return (((inputs - mean).reshape(flat) / unit).astype(np.float64) ** 2).mean(axis=1)


def write_samples(fitted: Run, n: int, out: Path, options: dict[str, Any], screen: Any) -> dict[str, Any]:
    """New rows as a picture, or some at a time as an array."""
    if out.suffix.lower() in PICTURES:
        save(samples.draw(fitted.sample(n, **options), fitted.transform), out)
        return {"out": str(out), "n": n}

    def blocks() -> Iterator[np.ndarray]:
        done = 0
        for rows in fitted.samples(n, **options):
            yield rows
            done += len(rows)
            screen.working("sampling", done, n)

    shape = (n, *fitted.transform.shape)
    _write_array(blocks(), shape, out, "samples")
    return {"out": str(out), "n": n}


def write_new_rows(
    fitted: Run, n: int, where: Sequence[str], seed: int, out: Path, screen: Any
) -> dict[str, Any]:
    """New rows of a table, as a table."""
    frames = blockwise.new_rows(fitted, n, where, seed, screen)
    return {**write_blocks(frames, out, synthetic.schema_of(fitted)), "where": list(where)}


def write_imputed(
    fitted: Run, dataset: Dataset, out: Path, options: dict[str, Any], *, intervals: bool
) -> dict[str, Any]:
    """Completed rows, or several tables of them, as tables; cells that were there are as they were."""
    schema = synthetic.schema_of(fitted)
    found = imputing.impute(fitted, dataset, **options)
    frames = blockwise.completed_frames(fitted, dataset, found, intervals=intervals)
    paths = numbered(out, len(frames))
    for frame, path in zip(frames, paths, strict=True):
        write_rows(frame, schema, path)
    return {
        "out": str(out) if len(paths) == 1 else [str(path) for path in paths],
        "n": dataset.n,
        "imputed": int(found.missing.sum()),
    }


def write_imputed_blocks(
    blocks: Blocks, out: Path, options: dict[str, Any], *, intervals: bool
) -> dict[str, Any]:
    """The same block by block, all tables side by side."""
    schema, paths = synthetic.schema_of(blocks.run), numbered(out, max(1, options["multiple"]))
    groups = blockwise.completed(blocks, options, intervals=intervals)
    rows = _write_all(paths, lambda temporary: streams.write_tables(groups, temporary, schema))
    return {"out": str(out) if len(paths) == 1 else [str(path) for path in paths], "n": rows}


def numbered(out: Path, count: int) -> list[Path]:
    """The names of so many tables: of one, the name itself."""
    return (
        [out] if count == 1 else [out.with_name(f"{out.stem}-{i}{out.suffix}") for i in range(1, count + 1)]
    )


def write_scores(dataset: Dataset, found: scoring.Scores, out: Path) -> dict[str, Any]:
    """One line a row; see `vaefit.blockwise.scores_frame`."""
    _write_frame(out, blockwise.scores_frame(dataset, found))
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
    if out.suffix.lower() in PICTURES:
        save(samples.draw(rows, fitted.transform), out)
    else:
        _write_array([rows], rows.shape, out, "decoded")
    return {"out": str(out), "n": len(rows)}


def write_latents(fitted: Run, dataset: Dataset, out: Path) -> dict[str, Any]:
    """Posterior means and sds, with names and labels where the data has them."""
    mean, sd = fitted.encode(dataset)
    if out.suffix.lower() == ".npz":
        _write_npz(out, {"mean": mean, "sd": sd, **blockwise.names_of(dataset)})
    else:
        _write_frame(out, blockwise.latents_frame(dataset, mean, sd))
    return {"out": str(out), "n": dataset.n, "latent_dim": mean.shape[1]}


def write_latent_blocks(blocks: Blocks, out: Path) -> dict[str, Any]:
    """The same as a table, block by block."""
    found = write_blocks(blockwise.latents(blocks), out)
    return {**found, "latent_dim": blocks.run.model.posterior.latent_dim}


def write_probe(found: Probe, out: Path) -> None:
    """A picture of the learning curves; into a folder, with the numbers beside it."""
    picture = out if out.suffix else out / "probe.png"
    drawn = learning_curves.draw(found.bands(), found.per_class, "labels per class", WIDTHS["two"])
    save(drawn, picture)
    if not out.suffix:
        write_atomically(out / "probe.json", json.dumps(found.to_dict(), indent=1) + "\n")


def _write_array(blocks: Iterable[np.ndarray], shape: tuple[int, ...], out: Path, name: str = "") -> None:
    _write(out, lambda path: streams.write_array(blocks, path, shape, name))


def _write_npz(out: Path, arrays: dict[str, np.ndarray]) -> None:
    _write(out, lambda path: np.savez_compressed(path, **arrays))  # pyright: ignore[reportArgumentType]


def _write_frame(out: Path, frame: "pl.DataFrame") -> None:
    _write(out, lambda path: data.write_table(frame, path))


def _write(out: Path, write: Callable[[Path], Any]) -> Any:
    """Let `write` fill a file that takes its name only when it is whole; returns what `write` does."""
    return _write_all([out], lambda temporary: write(temporary[0]))


def _write_all(outs: Sequence[Path], write: Callable[[list[Path]], Any]) -> Any:
    """The same of files in one folder, which take their names when all of them are whole."""
    temporary = [out.with_name(f".{os.getpid()}.{out.name}") for out in outs]
    try:
        outs[0].parent.mkdir(parents=True, exist_ok=True)
        found = write(temporary)
        for path, out in zip(temporary, outs, strict=True):
            path.replace(out)
    except OSError as problem:
        why = problem.strerror or str(problem).replace(temporary[0].name, outs[0].name)
        raise RunError(f"cannot write {outs[0]}: {why}") from None
    except DataError as problem:
        raise type(problem)(str(problem).replace(temporary[0].name, outs[0].name)) from problem
    finally:
        for path in temporary:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return found
