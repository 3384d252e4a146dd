"""Pictures, drawn by matplotlib without a screen."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from vaefit.data import Dataset, Transform, spread
from vaefit.errors import DataError
from vaefit.folder import write_atomically
from vaefit.run import Reconstruction, Run

MOST_ROWS, MOST_SAMPLES = 10, 10
GAP = 1  # pixels of the data between the tiles of a mosaic
DPI = 150
WIDTH, MOST_HEIGHT = 1200, 6000  # pixels of a picture, unless the mosaic itself has more
LARGEST = 30_000  # pixels along a side
LARGEST_TILE = 256
HEAD = 50  # pixels for the titles over a mosaic
MOST_BOXES = 40

Points = Sequence[tuple[int, float]]
Band = tuple[float, float, float]  # mean, low, high


def write_all(fitted: Run, rows: Dataset, folder: Path) -> None:
    """The pictures of a run folder: curves, and what the model makes of `rows` and of its prior.

    Rows of typed columns have no picture: of a table there are curves alone.
    """
    curves(fitted.history, folder / "curves.png")
    if not drawable(fitted.transform):
        return
    shown = rows.take(spread(rows.n, MOST_ROWS))
    reconstructions(fitted.reconstruct(shown, samples=50), fitted.transform, folder / "reconstructions.png")
    samples(fitted.sample(64), fitted.transform, folder / "samples.png")


def drawable(transform: Transform) -> bool:
    """Whether rows have a picture: categories and numbers of many units have no scale in common."""
    return not transform.variables


def require_drawable(transform: Transform) -> None:
    """Refuse rows without a picture.

    Raises:
        DataError: they have typed columns.
    """
    if not drawable(transform):
        raise DataError(
            "expected images or columns of one kind to draw, found a table with typed columns, which has no "
            "picture; let --out end in .csv or .npz"
        )


def reconstructions(found: Reconstruction, transform: Transform, path: Path) -> None:
    """The post's picture: input, mean output and samples, a line for each row; for tables a plot.

    Raises:
        DataError: the name asks for an unknown kind of picture, or there are too many rows for one.
        RunError: the picture cannot be written.
    """
    require_drawable(transform)
    if len(transform.shape) < 2:
        return _profiles(found, transform, path)
    shown = found.samples[:, :MOST_SAMPLES]
    tiles = np.concatenate([found.input[:, None], found.mean[:, None], shown], axis=1)
    mosaic = _mosaic(grey_levels(tiles, transform, found.input))
    titles = {
        0: "input",
        1: "mean",
        1 + (1 + shown.shape[1]) / 2: "samples" if shown.shape[1] > 1 else "sample",
    }
    return _save(_picture(mosaic, tiles.shape[1], titles), path)


def samples(rows: Float[np.ndarray, "rows *shape"], transform: Transform, path: Path) -> None:
    """A sheet of samples; a plot of their distributions where rows are no images.

    Raises:
        DataError: the name asks for an unknown kind of picture, or there are too many rows for one.
        RunError: the picture cannot be written.
    """
    require_drawable(transform)
    if len(transform.shape) < 2:
        return _distributions(rows, transform, path)
    columns = math.ceil(math.sqrt(len(rows)))
    lines = -(-len(rows) // columns)
    tiles = grey_levels(rows, transform, rows)
    blank = np.full((lines * columns - len(rows), *tiles.shape[1:]), 255, np.uint8)
    grid = np.concatenate([tiles, blank]).reshape(lines, columns, *tiles.shape[1:])
    return _save(_picture(_mosaic(grid), columns, {}), path)


def curves(history: list[dict[str, Any]], path: Path) -> None:
    """ELBO, rate and distortion in training and validation, and the learning rate, over the epochs."""
    trained = [r for r in history if "loss" in r]
    validated = [r for r in history if r.get("validation")]
    figure = Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    titles = {
        "elbo": "ELBO (higher is better)",
        "rate": "rate: KL(q(z|x) || p(z))",
        "distortion": "distortion: -E log p(x|z)",
    }
    for axes, (term, title) in zip(panels, titles.items(), strict=False):
        training = [(r["epoch"], r[term]) for r in trained]
        held_out = [(r["epoch"], r["validation"][term]) for r in validated]
        _curve(axes, training, "training, as it goes on")
        _curve(axes, held_out, "validation")
        _mark_kept(axes, [(r["epoch"], r["validation"][term]) for r in validated if r.get("best")])
        _limit_to_settled(axes, [*training, *held_out])
        axes.set(title=title, ylabel="nats per datum")
    if history:
        panels[0].legend()
    _learning_rate(panels[3], [(r["epoch"], r["learning_rate"]) for r in trained])
    for axes in panels[2:]:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    _save(figure, path)


def learning_curves(
    panels: Mapping[str, Mapping[str, Sequence[Band]]], sizes: Sequence[int], xlabel: str, path: Path
) -> None:
    """Means with bands over sizes, a panel for each title and a colour for each name in the first panel.

    Raises:
        DataError: the name asks for an unknown kind of picture.
        RunError: the picture cannot be written.
    """
    figure = Figure(figsize=(4.4 * len(panels), 4.2), layout="constrained")
    names = list(next(iter(panels.values())))
    for axes, (title, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for name, bands in curves.items():
            _band(axes, sizes, bands, name, names.index(name))
        if any(low < 0 for bands in curves.values() for _, low, _ in bands):
            axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.set(title=title, xlabel=xlabel)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(names), frameon=False)
    _save(figure, path)


def _band(axes: Any, sizes: Sequence[int], bands: Sequence[Band], name: str, number: int) -> None:
    mean, low, high = zip(*bands, strict=True)
    axes.fill_between(sizes, low, high, color=f"C{number}", alpha=0.2, linewidth=0)
    marker = "os^Dv<>p"[number % 8]
    # The first is wider, and seen beneath another that takes the same course.
    width, size = (1.5, 5) if number else (3.5, 9)
    axes.plot(sizes, mean, color=f"C{number}", linewidth=width, marker=marker, markersize=size, label=name)


def _curve(axes: Any, points: Points, label: str) -> None:
    if points:
        axes.plot(
            *zip(*points, strict=True), label=label, marker="o" if len(points) < 5 else None, markersize=4
        )


def _mark_kept(axes: Any, better: Points) -> None:
    if better:
        axes.plot(
            *better[-1], "o", color="black", markersize=6, label=f"kept: epoch {better[-1][0]}", zorder=3
        )


def _learning_rate(axes: Any, points: Points) -> None:
    axes.set(title="learning rate", ylabel="learning rate")
    _curve(axes, points, "learning rate")
    rates = [rate for _, rate in points if rate > 0]
    if rates and max(rates) > 2 * min(rates):
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.25 * max(rates, default=1.0))


def _limit_to_settled(axes: Any, points: Points) -> None:
    """Leave out the first epochs and single spikes where they would dwarf everything else."""
    finite = [(epoch, value) for epoch, value in points if np.isfinite(value)]
    last = max((epoch for epoch, _ in finite), default=0)
    settled = [value for epoch, value in finite if epoch >= 0.1 * last]
    if last < 10:
        return
    low, high = np.quantile(settled, [0.02, 0.98])
    everything = [value for _, value in finite]
    span = max(high - low, 1e-9)
    if max(everything) - min(everything) > 2 * span:
        axes.set_ylim(max(min(everything), low - span / 4), min(max(everything), high + span / 4) + span / 20)


def grey_range(transform: Transform, reference: np.ndarray) -> tuple[float, float]:
    """What is drawn black and what white: by the data's own range where it has one, else by `reference`'s."""
    if transform.kind == "pixels":
        return 0.0, float(getattr(transform, "levels", 256) - 1)
    if transform.kind in ("two-valued", "binarise", "unit-interval"):
        low, high = (float(v) for v in transform.inverse(np.array([0.0, 1.0])))
        return low, high
    return float(reference.min()), float(reference.max())


def grey_levels(
    tiles: np.ndarray, transform: Transform, reference: np.ndarray
) -> UInt8[np.ndarray, "..."]:
    """Values as 0..255 for the eye."""
    low, high = grey_range(transform, reference)
    scaled = np.clip((tiles - low) / max(high - low, 1e-12), 0.0, 1.0)
    return np.round(255 * scaled).astype(np.uint8)


def _mosaic(tiles: UInt8[np.ndarray, "lines columns height width *channels"]) -> UInt8[np.ndarray, "..."]:
    step = -(-max(tiles.shape[2:4]) // LARGEST_TILE)
    tiles = tiles[:, :, ::step, ::step]
    lines, columns, height, width = tiles.shape[:4]
    shape = (lines * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    if max(shape) > LARGEST:
        raise DataError(
            f"{lines * columns:,} images are too many for one picture; take fewer, or --out a .npz"
        )
    mosaic = np.full((*shape, *tiles.shape[4:]), 255, np.uint8)
    for line in range(lines):
        for column in range(columns):
            top, left = line * (height + GAP), column * (width + GAP)
            mosaic[top : top + height, left : left + width] = tiles[line, column]
    return mosaic


def _picture(mosaic: UInt8[np.ndarray, "..."], columns: int, titles: dict[float, str]) -> Figure:
    """The mosaic, each pixel of the data a square of whole pixels, under titles at (fractional) columns."""
    scale = max(1, min(WIDTH // mosaic.shape[1], MOST_HEIGHT // mosaic.shape[0]))
    height, width = mosaic.shape[0] * scale, mosaic.shape[1] * scale
    head = HEAD if titles else 0
    figure = Figure(figsize=(width / DPI, (height + head) / DPI))
    axes = figure.add_axes((0.0, 0.0, 1.0, height / (height + head)))
    # Grey as RGB: colour maps are off by one level here and there.
    rgb = mosaic if mosaic.ndim == 3 else np.repeat(mosaic[..., None], 3, axis=-1)
    axes.imshow(rgb, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    tile = (mosaic.shape[1] + GAP) / columns
    size = min(10.0, 0.25 * tile * scale * 72 / DPI)
    for column, title in titles.items():
        place = (column * tile + (tile - GAP) / 2 - 0.5, -0.5 - 10 / scale)
        axes.text(*place, title, ha="center", va="bottom", fontsize=size)
    return figure


def _profiles(found: Reconstruction, transform: Transform, path: Path) -> None:
    rows, dim = found.input.shape
    figure = Figure(figsize=(8, 0.8 + 1.1 * rows), layout="constrained")
    column = np.arange(1, dim + 1)
    x, mean, unit = (
        _for_the_eye(found.input, transform),
        _for_the_eye(found.mean, transform),
        _unit(transform),
    )
    sd = found.sd / transform.inverse_scale(np.ones(dim)) if unit else found.sd
    panels = figure.subplots(rows, 1, sharex=True, sharey=bool(unit), squeeze=False)[:, 0]
    for row, axes in enumerate(panels):
        low, high = mean[row] - 2 * sd[row], mean[row] + 2 * sd[row]
        axes.vlines(column, low, high, color="C0", alpha=0.4, linewidth=4, label="mean ± 2 sd of the outputs")
        axes.plot(column, mean[row], "_", color="C0", markersize=8, label="mean")
        axes.plot(column, x[row], ".", color="black", label="input")
        axes.grid(axis="x", alpha=0.3)
    panels[-1].set_xlabel("column")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.supylabel(f"value{unit}", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8)
    _save(figure, path)


def _distributions(rows: Float[np.ndarray, "rows variables"], transform: Transform, path: Path) -> None:
    values, dim = _for_the_eye(rows, transform), rows.shape[1]
    figure = Figure(figsize=(max(4.0, min(14.0, 0.4 * dim)), 4), layout="constrained")
    axes = figure.subplots()
    if dim <= MOST_BOXES:
        axes.boxplot(values)
    else:
        quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        column = np.arange(1, dim + 1)
        axes.fill_between(column, quantiles[0], quantiles[4], color="C0", alpha=0.2, label="5 % to 95 %")
        axes.fill_between(column, quantiles[1], quantiles[3], color="C0", alpha=0.4, label="25 % to 75 %")
        axes.plot(column, quantiles[2], color="C0", label="median")
        axes.legend(fontsize=8)
    axes.set(title=f"{len(rows)} samples", xlabel="column", ylabel=f"value{_unit(transform)}")
    _save(figure, path)


def _for_the_eye(rows: np.ndarray, transform: Transform) -> np.ndarray:
    """Columns of a table in their standard deviations, so that one scale serves them all."""
    return transform.forward(rows) if _unit(transform) else rows


def _unit(transform: Transform) -> str:
    return " (sds from the column's mean)" if transform.kind == "standardise" else ""


def _save(figure: Figure, path: Path) -> None:
    kind = path.suffix.lstrip(".").lower() or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise DataError(f"cannot draw {path}: expected a name ending in .png, .pdf or .svg, found .{kind}")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, format=kind)
    write_atomically(path, drawn.getvalue())
