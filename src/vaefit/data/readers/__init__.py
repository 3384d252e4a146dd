"""File formats. A new one is a module here whose function carries `@reader`; nothing else changes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DataError
from ..dataset import Dataset
from ..options import Options

if TYPE_CHECKING:
    from ..streams.stream import Stream

Read = Callable[[Path, Options], Dataset]
Sniff = Callable[[Path, bytes], bool]
# None: these rows, read this way, are only read whole.
Open = Callable[[Path, Options], "Stream | None"]


@dataclass(frozen=True)
class Reader:
    """One format: what to call it, how to know it (name ending, else first bytes), which options it uses.

    `stream` opens rows to be read block by block, where the format can.
    """

    what: str
    read: Read
    suffixes: tuple[str, ...]
    sniff: Sniff | None
    uses: tuple[str, ...]
    stream: Open | None = None


_READERS: list[Reader] = []


def reader(
    what: str,
    *suffixes: str,
    sniff: Sniff | None = None,
    uses: tuple[str, ...] = (),
    stream: Open | None = None,
) -> Callable[[Read], Read]:
    """Enter a function into the list of formats."""

    def enter(function: Read) -> Read:
        _READERS.append(Reader(what, function, suffixes, sniff, uses, stream))
        return function

    return enter


@cache
def readers() -> tuple[Reader, ...]:
    """All formats."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(_READERS)


def find_reader(path: Path) -> Reader:
    """The reader for a path: by the longest known name ending, else by its first bytes.

    Raises: DataError listing the known formats.
    """
    if path.is_dir():
        inside = next((r for r in readers() if r.sniff and r.sniff(path, b"")), None)
        return inside or _by_suffix("/") or _unknown(path)
    return _by_suffix(path.name.lower()) or _by_content(path) or _unknown(path)


def _by_suffix(name: str) -> Reader | None:
    found = [(len(s), r) for r in readers() for s in r.suffixes if name.endswith(s)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _by_content(path: Path) -> Reader | None:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e
    return next((r for r in readers() if r.sniff and r.sniff(path, head)), None)


def _unknown(path: Path) -> Reader:
    known = ", ".join(r.what for r in sorted(readers(), key=lambda r: r.what.lower()))
    raise DataError(f"{path}: expected one of {known}; found a file of another kind")
