"""How the estimator takes rows: as plain numbers, images or a table's cells, and gives them back alike."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from vaefit.column_types import parse_types
from vaefit.data import Dataset, of_cells
from vaefit.data.tables import Table
from vaefit.estimator_parameters import Parameters
from vaefit.estimator_tables import Form, wants_table
from vaefit.run import Run
from vaefit.settle import parse_size
from vaefit.synthetic import schema_of

Rows = np.ndarray | Table


class TakesRows(Parameters):
    """The ways from X to data sets and back; `_form` is None where X is plain numbers or images."""

    run_: Run
    n_features_in_: int
    _form: Form | None
    _shape: tuple[int, ...]

    def _known(self, X: object) -> Rows:
        check_is_fitted(self)
        return self._values(X, reset=False)

    def _may_be_table(self) -> bool:
        return self.size is None and self.likelihood in (None, "auto", "columns")

    def _values(self, X: Any, *, reset: bool) -> Rows:
        """X as scikit-learn checks it, images as flat rows; a table where it is not all numbers."""
        if reset:
            asked = self.likelihood == "columns" or bool(self.column)
            self._form = Form.of(X) if self._may_be_table() and wants_table(X, asked=asked) else None
        if self._form is None:
            return self._numbers(X, reset)
        how: dict[str, Any] = {"skip_check_array": True}
        if self._form.kind == "array":
            how = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}
        checked: Any = validate_data(self, X, reset=reset, **how)
        if reset:
            self._shape = (self.n_features_in_,)
        return Table.of(checked, source="X")

    def _numbers(self, X: Any, reset: bool) -> np.ndarray:
        shape = None
        if getattr(X, "ndim", 2) > 2:
            X = np.asarray(X)
            shape, X = X.shape[1:], X.reshape(len(X), -1)
        # Flat rows are plain numbers, whatever their type, unless `size` says that they are images.
        kept = "numeric" if shape or self.size is not None else [np.float64, np.float32]
        rows: Any = validate_data(self, X, reset=reset, dtype=kept, ensure_min_samples=2 if reset else 1)
        if reset:
            self._shape = shape or rows.shape[1:]
        return rows

    def _weighted(self, rows: Rows, sample_weight: object) -> tuple[Rows, np.ndarray | None]:
        """The rows that have weight, and their weights."""
        if sample_weight is None:
            return rows, None
        some = np.empty((_count(rows), 1))
        weights = _check_sample_weight(sample_weight, some, dtype=np.float64, ensure_non_negative=True)
        return _taken(rows, np.flatnonzero(weights > 0)), weights[weights > 0]

    def _to_fit(self, rows: Rows) -> Dataset:
        if not isinstance(rows, Table):
            return self._dataset(rows)
        return Dataset.from_table(rows, types=parse_types(self.column or ()))

    def _dataset(self, rows: Rows) -> Dataset:
        if isinstance(rows, Table):
            return of_cells(rows, rows.source)
        names = getattr(self, "feature_names_in_", None)
        return Dataset.from_array(
            rows.reshape(len(rows), *self._shape),
            size=parse_size(self.size),
            grayscale=bool(self.grayscale),
            columns=None if names is None else names.tolist(),
            source="X",
        )

    def _as_given(self, rows: np.ndarray) -> Any:
        """Rows in the form or shape of those that were fitted, unless images were resized or turned grey."""
        if self._form is not None:
            return self._form.rows(rows, schema_of(self.run_))
        same = math.prod(self._shape) == self.run_.transform.dim
        return rows.reshape(len(rows), *self._shape) if same else rows


def _count(rows: Rows) -> int:
    return rows.n if isinstance(rows, Table) else len(rows)


def _taken(rows: Rows, at: np.ndarray) -> Rows:
    return rows.take(at) if isinstance(rows, Table) else rows[at]


def head_of(rows: Rows, limit: int | None) -> Rows:
    """The first rows."""
    return rows if limit is None else _taken(rows, np.arange(min(limit, _count(rows))))
