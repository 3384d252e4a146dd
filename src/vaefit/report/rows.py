"""Rows of tables on the page: their cells as text, beside what the model draws for them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vaefit.data import Column, Dataset
from vaefit.data.tables import Schema, decode
from vaefit.report.facts import Facts
from vaefit.report.markup import element, text

LEVEL = 0.9


@dataclass(frozen=True)
class Guess:
    """A cell as it is, what the model makes of it, and whether it lies outside the model's interval."""

    name: str
    there: str
    mean: str
    spread: str
    outside: bool


def table_of(facts: Facts, row: int) -> str:
    """One of the rows the page is about as a table: column, cell, mean, interval."""
    lines = "".join(_line(guess) for guess in guesses(facts, row))
    heads = "".join(element("th", name, scope="col") for name in ("column", "cell", "the model", "90% of draws"))
    whole = element("table", f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>")
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label="A row and its reconstruction")


def _line(guess: Guess) -> str:
    mark = element("b", " ◂ outside", class_="outside") if guess.outside else ""
    there = text(guess.there) if guess.there else element("em", "missing")
    return element(
        "tr",
        element("th", text(guess.name), scope="row")
        + element("td", there + mark)
        + element("td", text(guess.mean))
        + element("td", text(guess.spread)),
    )


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
    best = int(shares.argmax())
    # The most drawn categories that together hold the level.
    order = np.argsort(-shares, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(shares[order]), LEVEL - 1e-9)) + 1]
    there = "" if np.isnan(value) else column.categories[int(value)]
    outside = bool(there) and int(value) not in kept
    shown = ", ".join(column.categories[int(k)] for k in kept[:3]) + (" …" if len(kept) > 3 else "")
    return Guess(column.name, there, f"{column.categories[best]} ({shares[best]:.0%})", shown, outside)


def _number(name: str, value: float, drawn: Float[np.ndarray, " draws"], column: Column | None) -> Guess:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    four = np.array([value, drawn.mean(), low, high])
    cells = [f"{v:.4g}" for v in four] if column is None else written(four, column)
    outside = bool(value < low or value > high)
    there = "" if np.isnan(value) else cells[0]
    return Guess(name, there, cells[1], f"{cells[2]} … {cells[3]}", outside)


def cells_of(facts: Facts, rows: Dataset | np.ndarray) -> list[list[str]]:
    """The modelled cells of rows as text, a list a row; of nothing where they are missing."""
    values = np.asarray(rows.values if isinstance(rows, Dataset) else rows, np.float64)
    values = values.reshape(len(values), -1)
    if facts.schema is None:
        return [["" if np.isnan(v) else f"{v:.4g}" for v in row] for row in values]
    columns = [written(values[:, d], column) for d, column in enumerate(facts.schema.modelled)]
    return [list(cells) for cells in zip(*columns, strict=True)]
