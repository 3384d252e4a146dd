"""A fit for TensorBoard: curves as epochs end, then the picture and the latent means for its projector."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from vaefit.data import Dataset
from vaefit.display import Display
from vaefit.errors import RunError
from vaefit.folder import write_atomically
from vaefit.run import Run

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

FOLDER = "tensorboard"
MOST_POINTS = 2000
LARGEST_SPRITE = 100  # pixels along a side; the sheet of all has at most 45 of them along its own
_TRAIN = ("elbo", "rate", "distortion", "loss", "learning_rate")
_VALIDATION = ("elbo", "rate", "distortion")
_EVENTS, _CONFIG = "events.out.tfevents.*", "projector_config.pbtxt"
_MEANS, _METADATA, _SPRITES = "latent_means.tsv", "metadata.tsv", "sprites.png"


class Board:
    """A display that notes every epoch in event files too, and passes everything on to another display.

    Opened again, it goes on in a new file: epochs after the last of `history` that an earlier file may hold
    are hidden by TensorBoard, and where no earlier file is there, the history is written first.
    """

    def __init__(self, display: Display, folder: Path, history: Sequence[Mapping[str, Any]] = ()) -> None:
        self._display, self._folder = display, folder
        earlier = len(list(folder.glob(_EVENTS)))
        following = history[-1]["epoch"] + 1 if history else 0
        self._writer = _open(folder, earlier, following if earlier else None)
        for record in () if earlier else history:
            self._write(record)

    def notice(self, message: str) -> None:
        """Passed on."""
        self._display.notice(message)

    def reading(self, done: int, total: int) -> None:
        """Passed on."""
        self._display.reading(done, total)

    def working(self, what: str, done: int, total: int) -> None:
        """Passed on."""
        self._display.working(what, done, total)

    def started(self, epochs: int) -> None:
        """Passed on."""
        self._display.started(epochs)

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """Passed on."""
        self._display.on_chunk(epoch, done, record)

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """Note the epoch's numbers, and pass them on."""
        self._write(record)
        # A killed process has told of every epoch that its checkpoint knows.
        self._writer.flush()
        self._display.on_epoch(record)

    def finish(self, fitted: Run, shown: Dataset) -> None:
        """Add the run folder's picture, if any, and the latent means of some of the rows it was made from."""
        assert fitted.folder is not None
        picture = fitted.folder / "reconstructions.png"
        # Typed columns have none; one of a run before may still lie there.
        if not fitted.transform.variables:
            epoch = fitted.summary["epochs"]
            self._writer.add_image("reconstructions", _picture(picture), epoch, dataformats="HWC")
        chosen = range(0, shown.n, -(-shown.n // MOST_POINTS))
        self._project(fitted, shown.take(chosen), chosen)

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        validation = record.get("validation") or {}
        numbers = {f"train/{name}": record[name] for name in _TRAIN if name in record}
        numbers |= {f"validation/{name}": validation[name] for name in _VALIDATION if name in validation}
        for tag, number in numbers.items():
            self._writer.add_scalar(tag, number, record["epoch"])

    def _project(self, fitted: Run, rows: Dataset, numbers: Sequence[int]) -> None:
        """Files of the projector, beside the event files: points, what they are called, their images."""
        means = fitted.encode(rows)[0]
        files = {"tensor_path": _MEANS, "metadata_path": _METADATA}
        _write_table(self._folder / files["tensor_path"], [[str(v.item()) for v in row] for row in means])
        _write_table(self._folder / files["metadata_path"], _metadata(rows, numbers))
        config = [f'{key}: "{name}"' for key, name in files.items()]
        if rows.is_image:
            tiles = _sprites(rows)
            write_atomically(self._folder / _SPRITES, _sheet(tiles))
            side = tiles.shape[1]
            config.append(
                f'sprite {{ image_path: "{_SPRITES}" single_image_dim: {side} single_image_dim: {side} }}'
            )
        entry = "\n  ".join(['tensor_name: "latent means"', *config])
        write_atomically(self._folder / _CONFIG, f"embeddings {{\n  {entry}\n}}\n")


def clear(folder: Path) -> None:
    """Remove what an earlier run's board left in its folder; other files stay."""
    if not folder.is_dir():
        return
    for old in folder.glob(_EVENTS):
        old.unlink(missing_ok=True)
    for name in (_CONFIG, _MEANS, _METADATA, _SPRITES):
        (folder / name).unlink(missing_ok=True)


def _open(folder: Path, number: int, first_epoch: int | None) -> "SummaryWriter":
    from tensorboardX import SummaryWriter

    try:
        # The number, because a second run in the same second would have the same name.
        writer = SummaryWriter(str(folder), purge_step=first_epoch, filename_suffix=f".{number}")
        writer.flush()
    except OSError as problem:
        raise RunError(f"cannot write to {folder}: {problem.strerror or problem}") from None
    return writer


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _metadata(rows: Dataset, numbers: Sequence[int]) -> list[list[str]]:
    """What the projector colours and names points by: label and name under a header, else row numbers."""
    columns = {"label": rows.labels, "name": rows.names}
    found = {name: [" ".join(v.split()) for v in values] for name, values in columns.items() if values}
    lines = [list(line) for line in zip(*found.values(), strict=True)] or [[str(i + 1)] for i in numbers]
    # TensorBoard takes a single column to have no header.
    return [list(found), *lines] if len(found) > 1 else lines


def _write_table(path: Path, lines: list[list[str]]) -> None:
    write_atomically(path, "".join("\t".join(line) + "\n" for line in lines))


def _sprites(rows: Dataset) -> UInt8[np.ndarray, "rows side side 3"]:
    """Square RGB tiles, the image in the middle of each."""
    step = -(-max(rows.shape[:2]) // LARGEST_SPRITE)
    images = rows.values.reshape(rows.n, *rows.shape)[:, ::step, ::step].astype(np.float32)
    low, high = (0.0, rows.levels - 1.0) if rows.levels else (float(images.min()), float(images.max()))
    images = np.round(255 * (images - low) / max(high - low, 1e-12)).astype(np.uint8)
    images = images[..., None] if images.ndim == 3 else images
    height, width = images.shape[1:3]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    tiles = np.full((rows.n, side, side, 3), 255, np.uint8)
    tiles[:, top : top + height, left : left + width] = images
    return tiles


def _sheet(tiles: UInt8[np.ndarray, "rows side side 3"]) -> bytes:
    """All tiles on one square sheet, line by line, as TensorBoard cuts it up again; a PNG."""
    from PIL import Image

    count, side = tiles.shape[:2]
    columns = math.ceil(math.sqrt(count))
    blank = np.full((columns**2 - count, *tiles.shape[1:]), 255, np.uint8)
    grid = np.concatenate([tiles, blank]).reshape(columns, columns, side, side, 3)
    drawn = io.BytesIO()
    Image.fromarray(grid.swapaxes(1, 2).reshape(columns * side, columns * side, 3)).save(drawn, "png")
    return drawn.getvalue()
