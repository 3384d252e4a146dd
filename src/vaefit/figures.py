"""Pictures, drawn by matplotlib without a screen."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from vaefit.data import Dataset, Transform
from vaefit.errors import DataError, RunError
from vaefit.run import Reconstruction, Run

MOST_ROWS, MOST_SAMPLES = 10, 10
GAP = 1  # pixels between the tiles of a mosaic


def write_all(fitted: Run, rows: Dataset, folder: Path) -> None:
    """The pictures of a run folder: curves, and what the model makes of `rows` and of its prior."""
    curves(fitted.history, folder / "curves.png")
    shown = rows.take(spread(rows.n, MOST_ROWS))
    reconstructions(fitted.reconstruct(shown, samples=50), fitted.transform, folder / "reconstructions.png")
    samples(fitted.sample(64), fitted.transform, folder / "samples.png")


def spread(n: int, most: int) -> list[int]:
    """Up to `most` row numbers spread evenly over `n`.

    >>> spread(100, 4)
    [0, 33, 66, 99]
    """
    return [int(i) for i in np.linspace(0, n - 1, min(n, most))]


def reconstructions(found: Reconstruction, transform: Transform, path: Path) -> None:
    """The post's picture: input, mean output, and samples, a line for each row; a plot where rows are no images."""
    if len(transform.shape) < 2:
        return _profiles(found, path)
    shown = found.samples[:, :MOST_SAMPLES]
    tiles = np.concatenate([found.input[:, None], found.mean[:, None], shown], axis=1)
    picture = _mosaic(_to_grey_levels(tiles, transform))
    figure, axes = _picture(picture, titled=True)
    width = picture.shape[1] / tiles.shape[1]
    for column, title in ((0, "input"), (1, "mean"), (1 + (tiles.shape[1] - 1) / 2, "samples")):
        axes.text((column + 0.5) * width, -0.1 * width, title, ha="center", va="bottom", fontsize=10)
    return _save(figure, path)


def samples(rows: Float[np.ndarray, "rows *shape"], transform: Transform, path: Path) -> None:
    """A sheet of samples; a plot of their distributions where rows are no images."""
    if len(transform.shape) < 2:
        return _distributions(rows, path)
    columns = math.ceil(math.sqrt(len(rows)))
    lines = -(-len(rows) // columns)
    tiles = _to_grey_levels(rows, transform)
    blank = np.ones((lines * columns - len(rows), *tiles.shape[1:]))
    grid = np.concatenate([tiles, blank]).reshape(lines, columns, *tiles.shape[1:])
    figure, _ = _picture(_mosaic(grid), titled=False)
    return _save(figure, path)


def curves(history: list[dict[str, Any]], path: Path) -> None:
    """Training and validation ELBO, rate and distortion, and the learning rate, over the epochs."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    trained = [r for r in history if r["epoch"] > 0]
    epochs = [r["epoch"] for r in trained]
    left.plot(epochs, [r["elbo"] for r in trained], label="training (dropout on)")
    validated = [r for r in history if r.get("validation")]
    if validated:
        scores = [r["validation"]["elbo"] for r in validated]
        left.plot([r["epoch"] for r in validated], scores, label="validation")
        best = int(np.nanargmax(scores))
        left.plot(validated[best]["epoch"], scores[best], "o", color="C1", label="kept")
    left.legend()
    _limit_to_settled(left, [r["elbo"] for r in trained] + [r["validation"]["elbo"] for r in validated])
    for term in ("rate", "distortion"):
        middle.plot(epochs, [r[term] for r in trained], label=f"{term}, training")
    middle.legend()
    _limit_to_settled(middle, [r[t] for r in trained for t in ("rate", "distortion")])
    right.plot(epochs, [r["learning_rate"] for r in trained])
    right.set_yscale("log")
    for axes, label in (
        (left, "ELBO (nats per datum)"),
        (middle, "nats per datum"),
        (right, "learning rate"),
    ):
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
    _save(figure, path)


def _limit_to_settled(axes: Any, values: list[float]) -> None:
    """Leave out the first moments, which dwarf everything after them."""
    finite = np.asarray([v for v in values if np.isfinite(v)])
    if finite.size >= 20:
        low, high = np.quantile(finite, [0.05, 1.0])
        low_end, high_end = np.quantile(finite, [0.0, 0.95])
        margin = 0.1 * max(high_end - low, 1e-9)
        axes.set_ylim(max(low_end, low - margin) - margin, min(high, high_end + margin) + margin)


def _to_grey_levels(tiles: np.ndarray, transform: Transform) -> np.ndarray:
    """Values scaled to 0..1 for the eye: by the data's own range where it has one."""
    if transform.kind == "pixels":
        low, high = 0.0, float(getattr(transform, "levels", 256) - 1)
    elif transform.kind == "two-valued":
        low, high = (float(v) for v in transform.inverse(np.array([0.0, 1.0])))
    elif transform.kind == "unit-interval":
        low, high = 0.0, 1.0
    else:
        low, high = float(tiles.min()), float(tiles.max())
    return np.clip((tiles - low) / max(high - low, 1e-12), 0.0, 1.0)


def _mosaic(tiles: Float[np.ndarray, "lines columns height width *channels"]) -> np.ndarray:
    lines, columns, height, width = tiles.shape[:4]
    picture = np.ones((lines * (height + GAP) - GAP, columns * (width + GAP) - GAP, *tiles.shape[4:]))
    for line in range(lines):
        for column in range(columns):
            top, left = line * (height + GAP), column * (width + GAP)
            picture[top : top + height, left : left + width] = tiles[line, column]
    return picture


def _picture(picture: np.ndarray, *, titled: bool) -> tuple[Figure, Any]:
    height, width = picture.shape[:2]
    inches = 8 * height / width
    head = 0.35 if titled else 0.0
    figure = Figure(figsize=(8, inches + head))
    axes = figure.add_axes((0.0, 0.0, 1.0, inches / (inches + head)))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    return figure, axes


def _profiles(found: Reconstruction, path: Path) -> None:
    figure = Figure(figsize=(8, 1.6 * len(found.input)), layout="constrained")
    variables = np.arange(found.input.shape[1])
    for axes, x, mean, sd in zip(
        figure.subplots(len(found.input), 1, squeeze=False)[:, 0],
        found.input,
        found.mean,
        found.sd,
        strict=True,
    ):
        axes.fill_between(
            variables, mean - 2 * sd, mean + 2 * sd, alpha=0.3, label="mean ± 2 sd of the outputs"
        )
        axes.plot(variables, mean, label="mean")
        axes.plot(variables, x, ".", color="black", label="input")
        axes.set_ylabel("value")
    figure.axes[0].legend(loc="upper right", fontsize=8)
    figure.axes[-1].set_xlabel("variable")
    _save(figure, path)


def _distributions(rows: Float[np.ndarray, "rows variables"], path: Path) -> None:
    figure = Figure(figsize=(max(4.0, min(16.0, 0.4 * rows.shape[1])), 4), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(rows)
    axes.set_xlabel("variable")
    axes.set_ylabel("sampled values")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    kind = path.suffix.lstrip(".").lower() or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise DataError(f"cannot draw {path}: expected a name ending in .png, .pdf or .svg, found .{kind}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except OSError as problem:
        raise RunError(f"cannot write {path}: {problem.strerror or problem}") from None
