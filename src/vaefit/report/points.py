"""The rows that the latent map shows: where they are, their names, their looks, what colours them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from vaefit.data import Dataset, spread
from vaefit.data.tables.column import CODED
from vaefit.report.facts import Facts
from vaefit.report.rows import cells_of, column_names

MOST_TRAINING, MOST_HELD_OUT = 900, 600
MOST_CLASSES = 12  # in colours of their own; rarer ones are "other"
MOST_COLUMNS, MOST_CELLS = 24, 10


@dataclass(frozen=True, eq=False)
class Points:
    """Rows in one order; `part` says which are training rows (0) and which those the page is about (1)."""

    rows: tuple[Dataset, ...]
    means: Float[np.ndarray, "rows latent"]
    names: list[str]
    colours: list[dict[str, Any]]

    @classmethod
    def of(cls, facts: Facts) -> "Points | None":
        """At most 900 training rows and 600 of those the page is about; None where there are no rows."""
        if facts.rows is None or facts.latents is None:
            return None
        own = spread(facts.rows.n, MOST_HELD_OUT if facts.held_out is not None else MOST_TRAINING)
        parts = [(facts.about, facts.rows.take(own), facts.latents.mean[own])]
        if facts.held_out is not None and facts.train is not None and facts.train_latents is not None:
            some = spread(facts.train.n, MOST_TRAINING)
            parts.append(("training rows", facts.train.take(some), facts.train_latents.mean[some]))
        likelihood = None if facts.log_likelihood is None else facts.log_likelihood[own]
        rows = tuple(rows for _, rows, _ in parts)
        return cls(
            rows,
            np.concatenate([means for _, _, means in parts]),
            [name for part, dataset, _ in parts for name in _names(part, dataset)],
            [
                *_labels(rows),
                *_likelihood(facts, likelihood, sum(r.n for r in rows)),
                *_parts([(name, dataset.n) for name, dataset, _ in parts]),
                *_columns(rows, column_names(facts)),
            ],
        )

    @property
    def values(self) -> Num[np.ndarray, "rows variables"]:
        """The rows themselves."""
        return np.concatenate([rows.values for rows in self.rows])

    def cells(self, facts: Facts) -> dict[str, Any] | None:
        """Each row's first cells as text, for tables; None for images."""
        first = self.rows[0]
        if first.is_image:
            return None
        written = [[cell or "missing" for cell in row[:MOST_CELLS]] for row in cells_of(facts, self.values)]
        return {"heads": column_names(facts)[:MOST_CELLS], "rows": written}


def _names(part: str, rows: Dataset) -> list[str]:
    return list(rows.names) if rows.names else [f"{part.removesuffix('s')} {i + 1}" for i in range(rows.n)]


def _labels(rows: tuple[Dataset, ...]) -> list[dict[str, Any]]:
    if any(dataset.labels is None for dataset in rows):
        return []
    found = [label for dataset in rows for label in dataset.labels or ()]
    return [_classes("label", found)] if len(set(found)) > 1 else []


def _likelihood(facts: Facts, likelihood: np.ndarray | None, n: int) -> list[dict[str, Any]]:
    if likelihood is None:
        return []
    values = np.full(n, np.nan)
    values[: len(likelihood)] = likelihood
    return [_numbers(facts.row_measure, values, "nats per datum")]


def _parts(parts: list[tuple[str, int]]) -> list[dict[str, Any]]:
    found = [name for name, n in parts for _ in range(n)]
    return [_classes("training or not" if len(parts) > 1 else "nothing", found)]


def _columns(rows: tuple[Dataset, ...], names: list[str]) -> list[dict[str, Any]]:
    first = rows[0]
    if first.is_image:
        return []
    values = np.concatenate([dataset.values for dataset in rows])[:, :MOST_COLUMNS]
    if first.schema is None:
        return [_numbers(name, cells) for name, cells in zip(names, values.T, strict=False)]
    found = []
    for column, cells in zip(first.schema.modelled, values.T, strict=False):
        if column.type in CODED:
            levels = ["missing" if np.isnan(code) else column.categories[int(code)] for code in cells]
            found.append(_classes(column.name, levels, column.categories))
        else:
            found.append(_numbers(column.name, cells, "days since 1970" if column.type == "date" else ""))
    return found


def _classes(name: str, found: list[str], order_of: tuple[str, ...] = ()) -> dict[str, Any]:
    """Classes in their own order or by name; all beyond the twelve commonest are one."""
    classes, counts = np.unique(np.array(found, dtype=object), return_counts=True)
    common = np.argsort(-counts, kind="stable")[: MOST_CLASSES - (len(classes) > MOST_CLASSES)]
    kept = [str(classes[i]) for i in np.sort(common)]
    order = [c for c in order_of if c in kept] + [c for c in kept if c not in order_of]
    if len(order) < len(classes):
        order.append(f"{len(classes) - len(order)} others")
    number = {label: i for i, label in enumerate(order)}
    return {"name": name, "classes": order, "of": [number.get(label, len(order) - 1) for label in found]}


def _numbers(name: str, values: np.ndarray, unit: str = "") -> dict[str, Any]:
    written = [None if np.isnan(v) else float(f"{v:.5g}") for v in values]
    return {"name": name, "unit": unit, "values": written}
