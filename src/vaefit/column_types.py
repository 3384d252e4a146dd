"""The types that a column of a table may have, and what people say about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from vaefit.errors import SettingsError
from vaefit.options import unknown

ColumnType = Literal[
    "real",
    "positive",
    "count",
    "proportion",
    "binary",
    "ordinal",
    "categorical",
    "date",
    "constant",
    "identifier",
    "text",
]
TYPES: tuple[str, ...] = get_args(ColumnType)


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
