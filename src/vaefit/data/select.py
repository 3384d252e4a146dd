"""Which files of a folder or archive are the images that the user wants, and what is left out."""

from __future__ import annotations

from vaefit.wording import counted

from ..errors import DataError
from .containers import Container
from .names import hidden, is_archive, is_image, natural_key, visible


def select_images(container: Container) -> tuple[list[str], tuple[str, ...]]:
    """Paths of the wanted images in natural order, and notices about other files.

    Raises: DataError where there are none, saying what there is instead.
    """
    every, include = container.names(), container.options.include
    chosen = sorted((name for name in every if visible(name, include)), key=natural_key)
    images = [name for name in chosen if is_image(name)]
    if not images:
        raise DataError(f"{container.path}: {_nothing(container.what, every, chosen, include)}")
    return images, _left_out([name for name in chosen if not is_image(name)])


def _nothing(what: str, every: list[str], chosen: list[str], include: tuple[str, ...]) -> str:
    files = sorted((name for name in every if not hidden(name)), key=natural_key)
    if not files:
        return f"expected images, found an empty {what}"
    if not chosen:
        some = counted(len(files), "file", "files")
        return f"expected files matching {', '.join(include)}, found none among {some} such as {files[0]}"
    inner = next(filter(is_archive, chosen), None)
    if inner:
        return (
            f"expected images, found an archive inside the {what} ({inner}); unpack it or give it by itself"
        )
    some = counted(len(chosen), "other file", "other files")
    return f"expected images, found {some} such as {chosen[0]}; give a table or an array by its own path"


def _left_out(others: list[str]) -> tuple[str, ...]:
    inner = sum(map(is_archive, others))
    rest = len(others) - inner
    return tuple(
        f"skipped {text}"
        for count, text in (
            (inner, counted(inner, "archive inside it", "archives inside it")),
            (rest, counted(rest, "file that is not an image", "files that are not images")),
        )
        if count
    )
