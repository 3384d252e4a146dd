"""What a column of a table is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...column_types import TYPES, ColumnType
from ...errors import RunError

CODED = ("binary", "ordinal", "categorical")
LEFT_OUT = ("constant", "identifier", "text")


@dataclass(frozen=True)
class Column:
    """One column: its name and type, and what turns its cells into numbers and back.

    `categories` are the cells' texts of a binary, ordinal or categorical column; a cell's number is its
    place among them; with `other` the last of them stands for all rare ones. `step` is the distance between
    neighbouring values of a column that has few or is of integers (0: continuous). `low` and `high` bound
    what was seen, `decimals` is how many digits after the point are written (None: as many as it takes),
    with `trim` without zeros at their end. `convention` is how numbers are written (`numbers.CONVENTIONS`),
    `prefix` the blanks before every cell. `missing`: cells were missing when the column was first seen.
    """

    name: str
    type: ColumnType
    categories: tuple[str, ...] = ()
    other: bool = False
    step: float = 0.0
    low: float = 0.0
    high: float = 0.0
    decimals: int | None = None
    trim: bool = False
    convention: str = "plain"
    prefix: str = ""
    missing: bool = False
    # The one cell of a constant column; how dates are written (strftime, as polars takes it).
    constant: str = ""
    date_format: str = ""

    @property
    def modelled(self) -> bool:
        """Whether the model has a variable for it."""
        return self.type not in LEFT_OUT


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in its order."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def modelled(self) -> tuple[Column, ...]:
        """Those that the model has variables for: the columns of the number matrix, in its order."""
        return tuple(column for column in self.columns if column.modelled)

    def to_dict(self) -> list[dict[str, Any]]:
        """Ready for JSON."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_dict(cls, saved: list[Mapping[str, Any]]) -> Schema:
        """The schema that was saved.

        Raises: RunError where a column is not one of ours.
        """
        try:
            columns = tuple(
                Column(**{**column, "categories": tuple(column.get("categories", ()))}) for column in saved
            )
        except (TypeError, AttributeError) as problem:
            raise RunError(f"expected the columns of a table, found others ({problem})") from None
        strange = [column.type for column in columns if column.type not in TYPES]
        if strange:
            raise RunError(f"expected a column type of {', '.join(TYPES)}, found {strange[0]}")
        return cls(columns)
