"""Names of files inside a folder or archive: their order, which are wanted, and the labels in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

IMAGES = (
    *(".pgm", ".ppm", ".pnm", ".pbm", ".png", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif"),
)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z", ".rar")
_DIGITS = re.compile("([0-9]+)")


def natural_key(name: str) -> tuple[object, ...]:
    """A sort key by which img2 comes before img10, and the files of a folder stay together.

    >>> sorted(["b/img10.png", "b/img2.png", "a.png"], key=natural_key)
    ['a.png', 'b/img2.png', 'b/img10.png']
    """
    return (*(_part_key(part) for part in name.split("/")), (name,))


def _part_key(part: str) -> tuple[object, ...]:
    pieces: list[object] = list(_DIGITS.split(part))
    # Compared as (length, digits): the number itself without int(), which refuses very long ones.
    pieces[1::2] = [(len(digits), digits) for digits in (str(p).lstrip("0") for p in pieces[1::2])]
    return tuple(pieces)


def matches(name: str, include: Sequence[str]) -> bool:
    """Whether a path matches any of the patterns, in which `*` also stands for `/`; no patterns match all.

    >>> matches("train/face/face1.pgm", ["./train/face/*"]), matches("train/face/face1.pgm", ["test/*"])
    (True, False)
    """
    return not include or any(fnmatchcase(name, clean(pattern)) for pattern in include)


def clean(path: str) -> str:
    """A path without a leading `./`."""
    while path.startswith("./"):
        path = path[2:]
    return path


def hidden(name: str) -> bool:
    """Whether a file is the system's own: some part of its path starts with a dot or is __MACOSX."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def visible(name: str, include: Sequence[str]) -> bool:
    """Whether a file is the user's own and asked for."""
    return not hidden(name) and matches(name, include)


def is_image(name: str) -> bool:
    """Whether a file's name ends like an image's."""
    return name.lower().endswith(IMAGES)


def is_archive(name: str) -> bool:
    """Whether a file's name ends like an archive's."""
    return name.lower().endswith(ARCHIVES)


def one_line(text: object, longest: int = 300) -> str:
    """Any text fit for an error message: without line breaks and not too long.

    >>> one_line("a\\n b"), one_line("abcdefgh", longest=5)
    ('a b', 'ab...')
    """
    line = " ".join(str(text).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def reason(error: BaseException) -> str:
    """What went wrong in another library, in one line."""
    return one_line(error) or type(error).__name__


def labels_of(names: Sequence[str]) -> tuple[str, ...] | None:
    """The folder of each file, or None where all are in the same one.

    >>> labels_of(["cat/1.png", "dog/1.png"]), labels_of(["cat/1.png", "cat/2.png"])
    (('cat', 'dog'), None)
    """
    parents = tuple(name.rpartition("/")[0] or "." for name in names)
    return parents if len(set(parents)) > 1 else None
