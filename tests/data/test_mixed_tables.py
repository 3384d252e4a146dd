# ruff: noqa: E501 (one table a line)
"""Tables of any columns: what is read, what each column is taken for, and cells written back as they were."""

import re
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaefit import VaefitError
from vaefit.column_types import parse_types
from vaefit.data import Dataset, read
from vaefit.data.tables import Schema, Table, decode, infer, of_cells, recode, write_table
from vaefit.data.tables.numeric import grid
from vaefit.errors import DataError, SettingsError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
RNG = np.random.default_rng(0)


def schema_of(data: Dataset) -> Schema:
    assert data.schema is not None
    return data.schema


def cells_of(data: Dataset) -> pl.DataFrame:
    assert data.table is not None
    return data.table.cells


def rows(*columns) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)).encode()


def repeat(*cells, times=10) -> list:
    return list(cells) * times


# content, names, types, the first row's numbers
READ = {
    "header over mixed": (b"age,sex\n1,a\n2,b\n4,a\n", ["age", "sex"], ["real", "binary"], [1, 0]),
    "blanks": (b"1, a\n2, ?\n4, b\n", ["c0", "c1"], ["real", "binary"], [1, 0]),
    "words only": (b"k,l\na,x\nb,x\na,y\n", ["k", "l"], ["binary", "binary"], [0, 0]),
    "words without header": (b"a,x\nb,x\na,y\nb,y\n", ["c0", "c1"], ["binary", "binary"], [0, 0]),
    "year among names": (b"name,2019,x\na,1,2\nb,2,4\na,4,5\n", ["name", "2019", "x"], ["binary", "real", "real"], [0, 1, 2]),
    "latin-1": ("größe,y\n1,ä\n2,ö\n3,ä\n".encode("latin-1"), ["größe", "y"], ["real", "binary"], [1, 0]),
    "utf-16": ("größe,y\n1,ä\n2,ö\n3,ä\n".encode("utf-16"), ["größe", "y"], ["real", "binary"], [1, 0]),
    "utf-16 unmarked": ("x,y\n1,a\n2,o\n3,a\n".encode("utf-16-le"), ["x", "y"], ["real", "binary"], [1, 0]),
    "mark of utf-8": ("x,y\n1,ä\n2,ö\n3,ä\n".encode("utf-8-sig"), ["x", "y"], ["real", "binary"], [1, 0]),
    "old line ends": (b"x,y\r1,a\r2,b\r", ["x", "y"], ["real", "binary"], [1, 0]),
    "bars": (b"1|a\n2|b\n", ["c0", "c1"], ["real", "binary"], [1, 0]),
    "comma in quotes": (b'x,y\n1,"a,b"\n2,"c ""d"""\n', ["x", "y"], ["real", "binary"], [1, 0]),
    "decimal commas": (b"x;y\n3,14;1\n2,71;2\n", ["x", "y"], ["real", "real"], [3.14, 1]),
    "commas between thousands": (b'x,y\n"1,234.5",1\n2,2\n', ["x", "y"], ["real", "real"], [1234.5, 1]),
    "points between thousands": (b"1.234,5;1.234\n2,5;2.345\n", ["c0", "c1"], ["real", "real"], [1234.5, 1234]),
    "many thousands": (b"1,234,567;1\n2,345,678;2\n", ["c0", "c1"], ["real", "real"], [1234567, 1]),
    "ways of missing": (b"1,a\n?,a\nN/A,b\n-,a\n5,null\n", ["c0", "c1"], ["real", "binary"], None),
    "empty column": (b"x,y,z\n1,,a\n2,,b\n", ["x", "z"], ["real", "constant", "binary"], [1, 0]),
    "constant": (b"1,a\n2,a\n", ["c0"], ["real", "constant"], [1]),
    "one row": (b"x,y\n1,a\n", ["x", "y"], ["real", "categorical"], [1, 0]),
    "index of pandas": (b",x\n0,1.5\n1,2.5\n2,1.5\n3,0\n4,1\n", ["x"], ["identifier", "real"], [1.5]),
    "id": (b"id,x\n7,1\n3,2\n9,4\n12,3\n1,7\n", ["x"], ["identifier", "real"], [1]),
    "years are no id": (rows(range(1900, 1950), RNG.normal(size=50)), ["c0", "c1"], ["real", "real"], None),
    "codes with zeros": (rows(repeat("01", "02", "10"), repeat(1, 5, 70)), ["c0", "c1"], ["categorical", "real"], [0, 1]),
    "names": (rows([f"n{i}" for i in range(30)], range(30)), ["c1"], ["identifier", "real"], [0]),
    "text": (rows([f"a text of words number {i}" for i in range(60)], range(60)), ["c1"], ["text", "real"], [0]),
    "dates": (b"day,x\n2020-01-31,1\n1969-12-31,2\n", ["day", "x"], ["date", "real"], [18292, 1]),
    "German dates": (b"31.01.2020;1\n28.02.2020;2\n", ["c0", "c1"], ["date", "real"], [18292, 1]),
    "day before month": (b"31/01/2020,1\n03/02/2020,2\n", ["c0", "c1"], ["date", "real"], [18292, 1]),
    "times": (b"2020-01-31 12:00:00,1\n2020-01-31 18:00:00,2\n", ["c0", "c1"], ["date", "real"], [18292.5, 1]),
    "grades": (rows(repeat(3, 4, 5, times=20), repeat(0.5, 1.25, 9, times=20)), ["c0", "c1"], ["ordinal", "real"], [0, 0.5]),
    "counts": (rows(RNG.poisson(1, 300), RNG.normal(size=300)), ["c0", "c1"], ["count", "real"], None),
    "proportions": (rows(RNG.beta(1, 1, 99), RNG.lognormal(size=99)), ["c0", "c1"], ["proportion", "positive"], None),
    "open end": (rows(repeat(1, 2, "3+"), repeat(1, 5, 70)), ["c0", "c1"], ["categorical", "real"], [0, 1]),
    "long ids": (rows([10**17 + 3 * i for i in range(9)], range(9)), ["c1"], ["identifier", "real"], [0]),
    "two numbers": (rows(repeat(2, 4), repeat(1.5, 2.5)), ["c0", "c1"], ["binary", "binary"], [0, 0]),
    "one column of words": (b"say\nhello you\nbye\nbye\n", ["say"], ["binary"], [1]),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_read(tmp_path, case):
    content, names, types, first = READ[case]
    (tmp_path / "a.csv").write_bytes(content)
    data = read(tmp_path / "a.csv")
    assert data.columns == tuple(names)
    assert [column.type for column in schema_of(data)] == types
    assert (cells_of(data).height, data.dim) == (data.n, len(names))
    if first:
        np.testing.assert_allclose(data.values[0], first)
    assert data.notices[0].startswith("columns: ")


def test_missing_cells_are_nan_and_cells_stay_as_they_are(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1, a\n2, NA\nN/A,b\n")
    data = read(tmp_path / "a.csv")
    assert cells_of(data).rows() == [("1", " a"), ("2", " NA"), ("N/A", "b")]
    np.testing.assert_array_equal(data.values[:, 1], [0, np.nan, 1])
    assert cells_of(data.take([2, 0])).rows() == [("N/A", "b"), ("1", " a")]
    assert Schema.from_dict(schema_of(data).to_dict()) == schema_of(data)


def test_given_types_and_header(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\nz,y\nx,w\n")
    types = parse_types(["x=categorical", "y=text"])
    assert [column.type for column in schema_of(read(tmp_path / "a.csv", types=types, header=True))] == [
        "categorical",
        "text",
    ]
    assert read(tmp_path / "a.csv", header=False).n == 3
    for words, fragment in (["age"], "NAME=TYPE"), (["age=reel"], "did you mean 'real'"), (["=real"], "NAME"):
        with pytest.raises(SettingsError, match=fragment):
            parse_types(words)


def test_many_categories_are_grouped():
    cells = [f"k{i % 60 if i % 7 else 0}" for i in range(600)]
    data = Dataset.from_table(pl.DataFrame({"k": cells, "x": RNG.normal(size=600)}))
    (column, _) = schema_of(data)
    assert (len(column.categories), column.categories[-1], column.other) == (50, "other", True)
    assert "49 commonest" in data.notices[1]
    assert data.values[0, 0] == column.categories.index("k0")
    assert {"other"} == {
        decode(data.values[i : i + 1], schema_of(data))["k"][0]
        for i in np.flatnonzero(data.values[:, 0] == 49)
    }


def test_levels_that_floats_would_merge_stay_apart():
    long = [str(10**17 + i % 3) for i in range(60)]
    data = Dataset.from_table(pl.DataFrame({"n": long, "one": ["1", "1.0"] * 30, "x": RNG.normal(size=60)}))
    n, one, _ = schema_of(data)
    assert (n.categories, one.type) == (tuple(long[:3]), "constant")
    np.testing.assert_array_equal(data.values[:, 0], np.arange(60) % 3)
    with pytest.raises(DataError, match="found '100000000000000005' in row 1 below the header, column 'n'"):
        recode(of_cells(pl.DataFrame({"n": [str(10**17 + 5)], "x": ["0"]})), schema_of(data))


def test_parquet_and_arrow(tmp_path):
    frame = pl.DataFrame(
        {
            "whole": [1, 2, None],
            "part": [0.5, 1.5, 2.25],
            "flag": [True, False, True],
            "day": [date(2020, 1, 31), None, date(1969, 12, 31)],
            "time": [datetime(2020, 1, 31, 12), None, datetime(1969, 12, 31)],
            "word": ["a", "b", "NA"],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow")
    for name in ("a.parquet", "a.arrow"):
        data = read(tmp_path / name)
        types = [column.type for column in schema_of(data)]
        assert types == ["real", "real", "binary", "date", "date", "binary"]
        np.testing.assert_array_equal(data.values[0], [1, 0.5, 1, 18292, 18292.5, 0])
        np.testing.assert_array_equal(np.isnan(data.values[1]), [0, 0, 0, 1, 1, 0])
        write_table(decode(data.values, schema_of(data)), tmp_path / f"out-{name}", schema_of(data))
    again = pl.read_parquet(tmp_path / "out-a.parquet")
    kinds = {
        "whole": pl.Int64,
        "part": pl.Float64,
        "day": pl.Date,
        "time": pl.Datetime("us"),
        "word": pl.String,
    }
    assert {name: again.schema[name] for name in kinds} == kinds
    assert again["whole"].to_list() == [1, 2, None]
    pl.DataFrame({"a": [1.5, 2], "b": [[1], [2]]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="'b' of type List"):
        read(tmp_path / "b.parquet")


class Frame:
    """As much of pandas as is used, which is not installed here."""

    class Columns:
        def __init__(self, arrays):
            self.arrays = arrays

        def __getitem__(self, place):
            array = self.arrays[place[1]]
            return type("Series", (), {"to_numpy": staticmethod(lambda: array)})()

    def __init__(self, **columns):
        self.columns = list(columns)
        self.iloc = self.Columns(list(columns.values()))


def test_frames_and_arrays():
    numbers, words = np.array([1.5, np.nan, 2.5]), np.array(["a", None, "b"], dtype=object)
    for rows in (Frame(x=numbers, y=words), pl.DataFrame({"x": [1.5, None, 2.5], "y": ["a", None, "b"]})):
        with pytest.raises(DataError, match="found none in row 2"):
            Dataset.from_table(rows)
    data = Dataset.from_table(Frame(x=numbers, y=np.array(["a", "b", None], dtype=object)))
    np.testing.assert_array_equal(data.values, [[1.5, 0], [np.nan, 1], [2.5, np.nan]])
    assert Dataset.from_table([["x", "y"], [1, "a"], [2, "b"]], header=True).columns == ("x", "y")
    exact = RNG.normal(size=(50, 3))
    np.testing.assert_array_equal(Dataset.from_table(exact).values, exact)
    still = np.column_stack([exact, np.full(50, np.pi)])
    np.testing.assert_array_equal(Dataset.from_table(still).values, still)
    # An array's numbers stay numbers, so that values unseen in fitting are welcome; files are guessed at.
    few = RNG.integers(0, 3, size=(50, 1)).astype(float)
    assert [column.type for column in schema_of(Dataset.from_table(few))] == ["real"]
    assert schema_of(Dataset.from_table(few, types={"c0": "ordinal"})).columns[0].type == "ordinal"
    assert schema_of(Dataset.from_table(few.astype(int))).columns[0].type == "ordinal"
    with pytest.raises(DataError, match="array of shape"):
        Dataset.from_table([1, 2])


WRITTEN = {
    "decimals": b"1.50,540.0\n2.25,10.5\n3.75,2.0\n",
    "trimmed": b"7.4,1\n7,0.7\n0.8,3\n",
    "decimal commas": b"1,5;2\n2,5;3\n3,0;5\n",
    "thousands": b"1,234.5;1\n2.5;2\n33,000.0;3\n",
    "blanks": b"1, a\n2, b\n3, a\n",
    "dates": b"2020-01-31,31.12.2019\n1815-06-18,01.01.2020\n",
    "times": b"2020-01-31 12:00:01,2020-01-31T12:30\n1815-06-18 23:59:59,1999-01-01T00:01\n",
    "constants": b"1,x\n2,x\n5,x\n",
    "exponents": b"1e-05,1.0\n2e-07,2.0\n0.0003,2.5\n",
    "negative": b"-0.5,-1\n0.25,3\n0.00,4\n".replace(b"0.5,", b"0.50,"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_cells_are_written_as_they_were(tmp_path, case):
    (tmp_path / "a.csv").write_bytes(WRITTEN[case])
    data = read(tmp_path / "a.csv")
    assert decode(data.values, schema_of(data)).rows() == cells_of(data).rows()


def test_new_values_are_brought_into_the_columns_support():
    table = Table.of(
        pl.DataFrame({"p": ["0.5", "1.5"], "n": ["0", "7"], "q": ["0.2", "0.8"], "k": ["a", "b"]})
    )
    schema = infer(table, {"p": "positive", "n": "count", "q": "proportion"})
    cells = decode(np.array([[-1, -2, -0.5, 9], [1.2345, 3.4, 1.5, 0.2], [np.nan] * 4]), schema)
    assert cells.rows() == [("0.1", "0", "0.0", "b"), ("1.2", "3", "1.0", "a"), (None,) * 4]


@pytest.mark.parametrize(
    ("values", "decimals", "step"),
    [
        (repeat(5, 10, 25), 0, 1.0),
        (repeat(0.5, 0.75, 1.5), 2, 0.25),
        ((np.repeat(np.arange(94), 9) / 93 - 0.3) / 0.17, None, 1 / 93 / 0.17),
        (RNG.normal(size=50), None, 0.0),
    ],
)
def test_grid(values, decimals, step):
    assert grid(np.array(values, float), decimals) == pytest.approx(step)


FITTED = Table.of(pl.DataFrame({"x": ["1.5", "2.5", "4"], "k": ["red", "blue", "red"], "one": ["u"] * 3}))


def test_other_tables_under_the_schema_of_a_fit(tmp_path):
    schema = infer(FITTED)
    (tmp_path / "a.csv").write_text("k,z,x\nblue,9,7\nred,8,NA\n")
    data = read(tmp_path / "a.csv", schema=schema)
    np.testing.assert_array_equal(data.values, [[7, 0], [np.nan, 1]])
    assert data.notices == ("ignored columns that were not there in fitting: z",)
    same = recode(read(tmp_path / "a.csv"), schema)
    np.testing.assert_array_equal(same.values, data.values)
    (tmp_path / "b.csv").write_text("7,blue,u\n8,red,u\n")
    np.testing.assert_array_equal(read(tmp_path / "b.csv", schema=schema).values, [[7, 0], [8, 1]])
    (tmp_path / "c.csv").write_text("k\nblue\nred\n")
    with pytest.raises(DataError, match="expected the column 'x'"):
        read(tmp_path / "c.csv", schema=schema)
    imputed = read(tmp_path / "c.csv", schema=schema, impute_missing=True)
    np.testing.assert_array_equal(imputed.values, [[np.nan, 0], [np.nan, 1]])
    (tmp_path / "d.csv").write_text("x,k\n1,blue\n2,gren\n")
    with pytest.raises(DataError, match=re.escape("found 'gren' in row 2 below the header, column 'k'")):
        read(tmp_path / "d.csv", schema=schema)


def test_levels_that_are_numbers_are_compared_as_numbers():
    schema = infer(Table.of(pl.DataFrame({"x": ["1", "0", "1"], "y": ["1", "2", "4"]})))
    array = Dataset.from_array(np.array([[1.0, 5.0], [0.0, 6.0]]))
    np.testing.assert_array_equal(recode(array, schema).values, [[1, 5], [0, 6]])


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no data in {SHARED}")
def test_real_tables():
    adult = read(SHARED / "tables" / "adult.csv")
    types = {column.name: column.type for column in schema_of(adult)}
    assert adult.values.shape == (32561, 15)
    assert {types[name] for name in ("age", "education-num", "capital-gain", "hours-per-week")} == {"real"}
    assert (types["fnlwgt"], types["sex"], types["income"]) == ("positive", "binary", "binary")
    assert [column.name for column in schema_of(adult) if column.missing] == [
        "workclass",
        "occupation",
        "native-country",
    ]
    whole = adult.take(np.flatnonzero(~np.isnan(adult.values).any(1))[:2000])
    assert decode(whole.values, schema_of(whole)).equals(cells_of(whole))
    cancer = read(SHARED / "tables" / "breast-cancer-wisconsin.csv")
    assert (np.isnan(cancer.values).sum(), schema_of(cancer).columns[5].missing) == (16, True)
    wine = read(SHARED / "tables" / "winequality-red.csv")
    assert schema_of(wine).columns[-1].categories == tuple("345678")
    assert "identifier" not in {column.type for column in schema_of(wine)}


cells = {
    "real": st.decimals(-1000, 1000, places=2).map(str),
    "whole": st.integers(-5, 99999).map(str),
    "word": st.sampled_from(["a", "b c", "é,x", 'q"q', "d;e"]),
    "date": st.dates(date(1000, 1, 1)).map(str),
    "blank": st.just("x"),
}
fuzz = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read_or_refused(path):
    """None where it was refused in one line."""
    try:
        return read(path)
    except VaefitError as problem:
        if "\n" in str(problem):
            pytest.fail(f"more than one line: {problem}")


@fuzz
@given(st.data(), st.lists(st.sampled_from(sorted(cells)), min_size=1, max_size=4), st.integers(1, 12))
def test_round_trip(tmp_path, data, kinds, n):
    columns = {
        f"n{i}": data.draw(st.lists(cells[kind], min_size=n, max_size=n)) for i, kind in enumerate(kinds)
    }
    pl.DataFrame(columns).write_csv(tmp_path / "a.csv")
    found = read_or_refused(tmp_path / "a.csv")
    if found is None:
        return
    back = decode(found.values, schema_of(found))
    for column in schema_of(found):
        if column.type not in ("identifier", "text"):
            assert back[column.name].to_list() == columns[column.name]


@fuzz
@given(
    st.lists(
        st.lists(st.text('0123456789.,-;?aé "\n\t/', max_size=6), min_size=2, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_only_our_errors(tmp_path, lines):
    (tmp_path / "a.csv").write_text("\n".join(",".join(line) for line in lines))
    found = read_or_refused(tmp_path / "a.csv")
    if found is not None:
        decode(found.values, schema_of(found))
