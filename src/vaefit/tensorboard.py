"""A fit for TensorBoard: curves as epochs end, then the picture and the latent means for its projector."""

import contextlib
import io
import math
import time
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
    from google.protobuf.message import Message

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
        self._events = _Events(folder, earlier, following if earlier else None)
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
        before = self._events.problem
        self._write(record)
        if self._events.problem and not before:
            self.notice(f"no more event files: {self._events.problem}; training goes on")
        self._display.on_epoch(record)

    def finish(self, fitted: Run, shown: Dataset) -> None:
        """Add the run folder's picture, if any, and the latent means of some of the rows it was made from.

        Raises:
            RunError: not all could be written, then or before; the run itself is whole.
        """
        from tensorboardX.summary import image

        assert fitted.folder is not None
        # Typed columns have none; one of a run before may still lie there.
        if not fitted.transform.variables:
            picture = _picture(fitted.folder / "reconstructions.png")
            self._events.add(fitted.summary["epochs"], image("reconstructions", picture, dataformats="HWC"))
        chosen = range(0, shown.n, -(-shown.n // MOST_POINTS))
        try:
            if self._events.problem:
                raise RunError(self._events.problem)
            self._project(fitted, shown.take(chosen), chosen)
        except RunError as problem:
            raise RunError(
                f"{problem}; the run itself is whole; for its event files make room, remove {self._folder}, "
                f"and say: vaefit fit --resume {fitted.folder} --tensorboard"
            ) from None

    def close(self) -> None:
        """Close the event file."""
        self._events.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        from tensorboardX.summary import scalar

        validation = record.get("validation") or {}
        numbers = {f"train/{name}": record[name] for name in _TRAIN if name in record}
        numbers |= {f"validation/{name}": validation[name] for name in _VALIDATION if name in validation}
        self._events.add(record["epoch"], *(scalar(tag, number) for tag, number in numbers.items()))

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


class _Events:
    """One event file, on the disk whenever `add` returns.

    tensorboardX's own writer hands events to a thread: where that dies of a full disk, whoever comes next
    waits for ever. Here a failure is kept in `problem`, and nothing more is written.
    """

    def __init__(self, folder: Path, number: int, first_epoch: int | None) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self.problem, self._folder = "", folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The number, because a second run in the same second would have the same name.
            self._file = EventsWriter(str(folder / "events"), f".{number}")
            self._file.flush()
        except OSError as problem:
            raise RunError(f"cannot write to {folder}: {problem.strerror or problem}") from None
        if first_epoch is not None:
            self._write(step=first_epoch, session_log={"status": "START"})

    def add(self, epoch: int, *summaries: "Message") -> None:
        """Write numbers or pictures of an epoch, unless something failed before."""
        if self.problem:
            return
        try:
            for summary in summaries:
                self._write(step=epoch, summary=summary)
            self._file.flush()
        except OSError as problem:
            self.problem = f"cannot write to {self._folder}: {problem.strerror or problem}"

    def close(self) -> None:
        """Close the file; what could not be written has been told."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write(self, **content: Any) -> None:
        from tensorboardX.proto import event_pb2

        self._file.write_event(event_pb2.Event(wall_time=time.time(), **content))  # pyright: ignore[reportAttributeAccessIssue]


def clear(folder: Path) -> None:
    """Remove what an earlier run's board left in its folder; other files stay."""
    if not folder.is_dir():
        return
    for old in folder.glob(_EVENTS):
        old.unlink(missing_ok=True)
    for name in (_CONFIG, _MEANS, _METADATA, _SPRITES):
        (folder / name).unlink(missing_ok=True)


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
