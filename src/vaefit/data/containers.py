"""Folders and archives as named bytes; nothing is ever unpacked to disk."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path

from ..errors import DataError
from .names import clean, is_image, natural_key, reason, visible
from .options import Options

MAX_BYTES = 1 << 29  # of one file: far above any image Pillow would decode
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    NotImplementedError,
)


class Container(ABC):
    """Files by their path inside a folder or archive."""

    what = "folder"

    def __init__(self, path: Path, options: Options) -> None:
        self.path = path
        self._source = str(path)
        self.options = options

    @abstractmethod
    def names(self) -> list[str]:
        """The paths of all files, in any order. Raises: DataError."""

    def where(self, name: str) -> str:
        """How errors call one of the files."""
        return f"{self._source}: {name}"

    @abstractmethod
    def load(self, name: str) -> bytes:
        """The content of one file. Raises: DataError."""

    def look(self, name: str) -> bytes:
        """The same of a file that will be loaded later. Raises: DataError."""
        return self.load(name)

    def wanted(self, names: list[str]) -> int:
        """How many rows these files make, at most."""
        return min(len(names), self.options.limit or len(names))

    def stamp(self, name: str) -> tuple[int, int]:  # noqa: ARG002
        """Size and time of what holds a file, by which a change is seen."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:  # noqa: B027 (most have nothing to close)
        """Let go of the file, where one is open."""


class Folder(Container):
    """A folder and all folders below it; each real folder is visited once, so links cannot loop."""

    def names(self) -> list[str]:
        seen: set[tuple[int, int]] = set()
        found: list[str] = []
        for parent, folders, files in os.walk(self.path, onerror=self._refuse, followlinks=True):
            folders[:] = sorted(f for f in folders if not f.startswith(".")) if _is_new(parent, seen) else []
            at = Path(parent).relative_to(self.path).as_posix()
            found += files if at == "." else [f"{at}/{file}" for file in files]
            self.options.tick(len(found), 0)
        return list(dict.fromkeys(found))

    def load(self, name: str) -> bytes:
        return _content(self.path / name, self.where(name))

    def stamp(self, name: str) -> tuple[int, int]:
        status = (self.path / name).stat()
        return status.st_size, status.st_mtime_ns

    def _refuse(self, error: OSError) -> None:
        raise DataError(f"{error.filename}: expected a folder that may be read ({error.strerror})") from error


class Zip(Container):
    """A .zip file."""

    what = "archive"

    def __init__(self, path: Path, options: Options) -> None:
        super().__init__(path, options)
        try:
            self._zip = zipfile.ZipFile(path)
        except DAMAGE as e:
            raise _damaged(path, e) from e
        self._members = {clean(m.filename): m for m in self._zip.infolist() if not m.is_dir()}

    def names(self) -> list[str]:
        return list(self._members)

    def load(self, name: str) -> bytes:
        member = self._members[name]
        _check_size(self.where(name), member.file_size)
        try:
            return self._zip.read(member)
        except RuntimeError as e:  # zipfile's word for a password or an unknown compression
            raise DataError(f"{self.where(name)} cannot be read: {reason(e)}") from e
        except DAMAGE as e:
            raise DataError(f"{self.where(name)} is damaged: {reason(e)}") from e

    def close(self) -> None:
        self._zip.close()


class Tar(Container):
    """A .tar file, decompressed from front to end once; wanted files wait in memory until they are loaded."""

    what = "archive"

    def __init__(self, path: Path, options: Options) -> None:
        super().__init__(path, options)
        self._found: list[str] | None = None
        self._kept: dict[str, bytes | DataError] = {}

    def names(self) -> list[str]:
        if self._found is None:
            self._found = self._read()
        return self._found

    def _read(self) -> list[str]:
        found: list[str] = []
        try:
            with tarfile.open(self.path, "r:*") as tar:
                for member in tar:
                    if member.isreg():
                        found.append(clean(member.name))
                        self._keep(tar, member, found[-1])
                    if len(found) % 1000 == 0:
                        self.options.tick(len(found), 0)
        except DAMAGE as e:
            raise _damaged(self.path, e, f" after {len(found)} files") from e
        return list(dict.fromkeys(found))

    def _keep(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        if is_image(name) and visible(name, self.options.include):
            self._kept[name] = self._content(tar, member, name)
            self._shed()

    def _content(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes | DataError:
        try:
            _check_size(self.where(name), member.size)
        except DataError as e:
            return e
        file = tar.extractfile(member)
        return file.read() if file else b""

    def _shed(self, slack: int = 1000) -> None:
        """Forget, now and then, files that will lie beyond the limit."""
        limit = self.options.reach
        if limit is not None and len(self._kept) > limit + slack:
            self._kept = {name: self._kept[name] for name in sorted(self._kept, key=natural_key)[:limit]}

    def load(self, name: str) -> bytes:
        content = self.look(name)
        del self._kept[name]
        return content

    def look(self, name: str) -> bytes:
        self.names()
        content = self._kept[name]
        if isinstance(content, DataError):
            raise content
        return content


class SingleFile(Container):
    """One image as a folder of one file."""

    what = "file"

    def names(self) -> list[str]:
        return [self.path.name]

    def load(self, name: str) -> bytes:
        return _content(self.path, self.where(name))

    def where(self, name: str) -> str:  # noqa: ARG002
        return str(self.path)


def _content(path: Path, where: str) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{where}: expected an ordinary file, found a pipe or a device")
        _check_size(where, status.st_size)
        return path.read_bytes()
    except OSError as e:
        raise DataError(f"{where} cannot be read: {e.strerror or e}") from e


def _check_size(where: str, size: int) -> None:
    if size > MAX_BYTES:
        raise DataError(f"{where}: expected at most {MAX_BYTES >> 20} MiB, found {size >> 20} MiB")


def _is_new(folder: str, seen: set[tuple[int, int]]) -> bool:
    status = Path(folder).stat()
    place = (status.st_dev, status.st_ino)
    return not (place in seen or seen.add(place))


def _damaged(path: Path, error: Exception, where: str = "") -> DataError:
    return DataError(f"{path}: expected a whole archive, found a damaged one{where} ({reason(error)})")
