"""What people say about a table's columns."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import SettingsError
from ...options import unknown
from .column import TYPES


def parse_types(given: Iterable[str]) -> dict[str, str]:
    """The types in words such as age=real.

    Raises: SettingsError for other words.

    >>> parse_types(["age=real", "a=b=text"])
    {'age': 'real', 'a=b': 'text'}
    """
    found = {}
    for word in given:
        name, mark, kind = word.rpartition("=")
        if not mark or not name:
            raise SettingsError(f"expected --column NAME=TYPE, for example age=positive, found '{word}'")
        if kind not in TYPES:
            raise SettingsError(f"--column {word}: {unknown('type', kind, TYPES)}")
        found[name] = kind
    return found


def is_frame(rows: object) -> bool:
    """Whether rows are a pandas or polars frame."""
    return type(rows).__module__.split(".")[0] in ("pandas", "polars") and hasattr(rows, "columns")
