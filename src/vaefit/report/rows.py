"""Rows of tables on the page: their cells as text, beside what the model draws for them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vaefit.data import Column, Dataset
from vaefit.data.tables import Schema, decode
from vaefit.report.facts import Facts
from vaefit.report.markup import element, text

LEVEL = 0.9
UNLIKELY = 0.05  # a category drawn less often than this is marked


@dataclass(frozen=True)
class Guess:
    """A cell as it is, what the model makes of it, and whether the model finds it unlikely."""

    name: str
    there: str
    guess: str
    outside: bool


def table_of(facts: Facts, row: int) -> str:
    """One of the rows that are shown as a table: column, cell, and what the model makes of it."""
    lines = "".join(_line(guess) for guess in guesses(facts, row))
    heads = "".join(element("th", name, scope="col") for name in ("column", "cell", "the model"))
    whole = element("table", f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>")
    return element(
        "div", whole, class_="scroll", tabindex=0, role="region", aria_label="A row and its reconstruction"
    )


def _line(guess: Guess) -> str:
    there = text(guess.there) if guess.there else element("em", "missing")
    marked = (
        element("b", f"{there} ◂", class_="outside", title="outside the model's 90%")
        if guess.outside
        else there
    )
    cells = (
        element("th", text(guess.name), scope="row")
        + element("td", marked)
        + element("td", text(guess.guess))
    )
    return element("tr", cells)


def guesses(facts: Facts, row: int) -> list[Guess]:
    """Every modelled cell of a row."""
    assert facts.rows is not None
    drawn, values = facts.drawn(row), facts.rows.values[row].astype(np.float64)
    names = column_names(facts)
    if facts.schema is None:
        return [_number(names[d], values[d], drawn[:, d], None) for d in range(len(names))]
    return [_cell(column, values[d], drawn[:, d]) for d, column in enumerate(facts.schema.modelled)]


def column_names(facts: Facts) -> list[str]:
    """What the modelled columns are called, or their numbers, from 1."""
    if facts.schema is not None:
        return [column.name for column in facts.schema.modelled]
    named = None if facts.rows is None else facts.rows.columns
    return list(named) if named else [f"column {d + 1}" for d in range(facts.run.transform.dim)]


def written(values: Float[np.ndarray, " cells"], column: Column) -> list[str]:
    """Numbers of a column as its table writes them."""
    cells = decode(np.asarray(values, np.float64)[:, None], Schema((column,)))[column.name].to_list()
    return [("" if cell is None else cell).strip() for cell in cells]


def _cell(column: Column, value: float, drawn: Float[np.ndarray, " draws"]) -> Guess:
    if not column.categories:
        return _number(column.name, value, drawn, column)
    shares = np.bincount(drawn.astype(np.int64), minlength=len(column.categories)) / len(drawn)
    best, known = int(shares.argmax()), not np.isnan(value)
    there = column.categories[int(value)].strip() if known else ""
    guess = f"{column.categories[best].strip()} {shares[best]:.0%}"
    return Guess(column.name, there, guess, known and bool(shares[int(value)] < UNLIKELY))


def _number(name: str, value: float, drawn: Float[np.ndarray, " draws"], column: Column | None) -> Guess:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    four = np.array([value, drawn.mean(), low, high])
    cells = [f"{v:.4g}" for v in four] if column is None else written(four, column)
    there = "" if np.isnan(value) else cells[0]
    return Guess(name, there, f"{cells[1]} ({cells[2]} … {cells[3]})", bool(value < low or value > high))


def cells_of(facts: Facts, rows: Dataset | np.ndarray) -> list[list[str]]:
    """The modelled cells of rows as text, a list a row; of nothing where they are missing."""
    values = np.asarray(rows.values if isinstance(rows, Dataset) else rows, np.float64)
    values = values.reshape(len(values), -1)
    if facts.schema is None:
        return [["" if np.isnan(v) else f"{v:.4g}" for v in row] for row in values]
    columns = [written(values[:, d], column) for d, column in enumerate(facts.schema.modelled)]
    return [list(cells) for cells in zip(*columns, strict=True)]
