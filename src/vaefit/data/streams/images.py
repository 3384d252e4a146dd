"""Images decoded once, on all cores, into a file of rows on disk, from which they stream like an array."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ...errors import DataError
from ..containers import Container, Tar
from ..dataset import Dataset
from ..images import Rows, collect, peek, read_selected
from ..names import labels_of
from ..options import Options
from ..select import select_images
from .npy import NpyStream
from .stream import Stream

# A .tar is only read from front to end: up to this size its files wait in memory while they are decoded.
LARGEST_TAR = 1 << 29


class Images(Stream):
    """Images of a folder or archive, not decoded yet; what they will be is told by the first of them."""

    page = 1

    def __init__(self, path: Path, options: Options, kind: Callable[[Path, Options], Container]) -> None:
        self.path, self._options, self._kind = path, options, kind
        self._opened: Container | None = kind(path, options)
        self._names, self._notices = select_images(self._opened)
        self.n = self._opened.wanted(self._names)
        self.shape = peek(self._opened, self._names).pixels.shape

    @property
    def ready(self) -> bool:
        """Not until they are decoded."""
        return False

    def rows(self, start: int, stop: int, *, cells: bool = False) -> Dataset:
        """None yet: `prepared` has them."""
        raise NotImplementedError

    def whole(self) -> Dataset:
        """All rows in memory.

        Raises: DataError.
        """
        container = self._container()
        try:
            return read_selected(container, self._names, self._notices)
        finally:
            container.close()

    def prepared(self, progress: Callable[[int, int], None] | None = None) -> Stream:
        """The rows, decoded now or, in the cache, earlier.

        Raises: DataError.
        """
        container = self._container()
        container.options = replace(self._options, progress=progress)
        try:
            folder, kept = self._folder(container)
            about = folder / "images.json"
            if not about.exists():
                self._decode(container, folder)
            return DecodedImages(self.path, folder, json.loads(about.read_text()), kept)
        finally:
            container.close()

    def _container(self) -> Container:
        """The files: as they were opened to be looked at, and once these are used up, opened again."""
        found, self._opened = self._opened, None
        return self._kind(self.path, self._options) if found is None else found

    def _folder(self, container: Container) -> tuple[Path, tempfile.TemporaryDirectory[str] | None]:
        """Where the rows are to lie: in the cache, or for as long as this process has a use for them."""
        try:
            if self._options.cache is None:
                kept = tempfile.TemporaryDirectory(prefix="vaefit-images-")
                return Path(kept.name), kept
            folder = Path(self._options.cache).expanduser() / _key(container, self._names, self._options)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise DataError(f"cannot keep decoded images: {e.strerror or e}; choose another --cache") from e
        return folder, None

    def _decode(self, container: Container, folder: Path) -> None:
        partial, written = (folder / f".{os.getpid()}.{name}" for name in ("rows", "json"))
        try:
            with partial.open("wb") as file:
                rows = collect(container, self._names, lambda row: _write(file, row))
            found = rows.dataset(np.empty((0, 0)), self._notices)
            partial.replace(folder / "rows")
            written.write_text(json.dumps(_about(found, rows)))
            written.replace(folder / "images.json")
        except OSError as e:
            free = shutil.disk_usage(folder).free >> 20
            raise DataError(
                f"{self.path}: cannot keep decoded images in {folder}: {e.strerror or e} ({free} MiB are "
                f"free, {self.n * self.dim >> 20} MiB are needed for 8-bit pixels); choose another --cache, "
                "or a smaller --size"
            ) from e
        finally:
            partial.unlink(missing_ok=True)
            written.unlink(missing_ok=True)


class DecodedImages(NpyStream):
    """Rows of images in a file on disk."""

    def __init__(
        self,
        path: Path,
        folder: Path,
        about: dict[str, object],
        kept: tempfile.TemporaryDirectory[str] | None,
    ) -> None:
        names, shape = tuple(map(str, about["names"])), tuple(about["shape"])  # pyright: ignore[reportArgumentType]
        self._names, self._labels, self._kept = names, labels_of(names), kept
        self._resized, self._notices = bool(about["resized"]), tuple(about["notices"])  # pyright: ignore[reportArgumentType]
        self._from = path
        rows = np.memmap(folder / "rows", np.dtype(str(about["dtype"])), "r", shape=(len(names), *shape))
        super().__init__(folder / "rows", Options(), rows)

    def rows(self, start: int, stop: int, *, cells: bool = False) -> Dataset:
        """With their names, and the labels of their folders."""
        found = super().rows(start, stop, cells=cells)
        return replace(
            found,
            names=self._names[start:stop],
            labels=None if self._labels is None else self._labels[start:stop],
            source=str(self._from),
            notices=self._notices,
            resized=self._resized,
        )


def open_images(kind: Callable[[Path, Options], Container]) -> Callable[[Path, Options], Images | None]:
    """How images in this kind of container are opened; None: a .tar of too many bytes, or too few images."""

    def opened(path: Path, options: Options) -> Images | None:
        if path.is_file() and _is_tar(kind) and path.stat().st_size > LARGEST_TAR:
            return None
        return Images(path, options, kind)

    return opened


def _write(file: BinaryIO, row: np.ndarray) -> None:
    file.write(row.tobytes())


def _is_tar(kind: object) -> bool:
    return kind is Tar


def _about(found: Dataset, rows: Rows) -> dict[str, object]:
    return {
        "names": found.names,
        "shape": found.shape,
        "dtype": rows.first.dtype.str,
        "resized": found.resized,
        "notices": found.notices,
    }


def _key(container: Container, names: list[str], options: Options) -> str:
    """A name for these files, as they are now, decoded this way."""
    how = [options.include, options.size, options.grayscale, options.limit, options.skip_bad]
    stamps = [(name, container.stamp(name)) for name in names]
    text = json.dumps([str(container.path.resolve()), how, stamps])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
