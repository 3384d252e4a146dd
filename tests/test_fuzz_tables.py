"""Generated tables through fit, sample and impute: only ever a table, or one line of our own.

`make soak` runs 200 of them (VAEFIT_FUZZ_TABLES), the tests a few.
"""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vaefit import VaefitError, fit, impute, sample_rows
from vaefit.data import read
from vaefit.data.tables import completed

CASES = int(os.environ.get("VAEFIT_FUZZ_TABLES", "2"))
# Shapes are few, as each is a compilation.
ROWS, WIDTHS = 24, (1, 3)
LINEAR = {"encoder_layers": (), "decoder_layers": (), "latent_dim": 1, "epochs": 1}

KINDS = {
    "real": st.floats(-1e3, 1e3).map(lambda x: f"{x:.4g}"),
    "wild": st.sampled_from(["1e300", "-1e300", "1e-300", "0", "1e30", "5"]),
    "heavy": st.integers(-9, 9).map(lambda k: f"{(-1.0) ** k * 10.0**k:g}"),
    "long": st.integers(10**17, 10**17 + 3).map(str),
    "whole": st.integers(0, 40).map(str),
    "grade": st.sampled_from(["1", "2", "2.0", "3"]),
    "share": st.floats(0.001, 0.999).map(lambda x: f"{x:.3f}"),
    "two": st.sampled_from(["yes", "no"]),
    "word": st.sampled_from(["a", "b c", "é,x", 'q"q', "d;e"]),
    "date": st.dates().map(str),
    "same": st.just("x"),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Columns of a kind each, cells missing in some of them."""
    columns = {}
    for i in range(draw(st.sampled_from(WIDTHS))):
        cell = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        cell = st.one_of(cell, cell, cell, st.just("")) if draw(st.booleans()) else cell
        columns[f"column {i}"] = draw(st.lists(cell, min_size=ROWS, max_size=ROWS))
    return pl.DataFrame(columns)


@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=CASES < 100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(tables())
@example(pl.DataFrame({"column 0": ["1e300", "-1e300", "0"] * 8, "column 1": ["1", "1.0"] * 12}))
def test_generated_tables_are_fitted_or_refused(tmp_path: Path, table: pl.DataFrame) -> None:
    path = tmp_path / "table.csv"
    table.write_csv(path)
    try:
        run = fit(path, seed=0, **LINEAR)
        new = sample_rows(run, 5)
        rows = read(path)
        found = impute(run, rows, draws=5)
    except VaefitError as problem:
        if len(str(problem).splitlines()) != 1:
            pytest.fail(f"more than one line: {problem}")
        return
    assert new.columns == table.columns and new.height == 5
    assert rows.schema is not None and rows.table is not None
    full = completed(rows.table, found.best, found.missing, rows.schema)
    for column in rows.schema.modelled:
        before, after = rows.table.cells[column.name], full[column.name]
        there = ~found.missing[:, [c.name for c in rows.schema.modelled].index(column.name)]
        assert before.filter(pl.Series(there)).equals(after.filter(pl.Series(there)))
        assert not after.is_null().any() and not (after == "").any()
