"""Tables of numbers as text and parquet."""

import gzip

import polars as pl
import pytest

from vaefit.data import read

NUMBERS = [[1.0, 2.5], [-3.0, 4e2]]


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "x,y\n1,2.5\n-3,4e2\n", ("x", "y")),
        ("a.csv", "1,2.5\r\n-3,4e2\r\n\r\n", ("c0", "c1")),
        ("a.csv", "\ufeffx, y\n 1 , 2.5\n-3,4e2", ("x", "y")),
        ("a.csv", '"x","y,z"\n1,2.5\n\n-3,4e2\n', ("x", "y,z")),
        ("a.csv", "x;y\n1;2.5\n-3;4e2\n", ("x", "y")),
        ("a.csv", "x,2019\n1,2.5\n-3,4e2\n", ("x", "2019")),
        ("a.tsv", "x\ty\n1\t2.5\n-3\t4e2\n", ("x", "y")),
        ("a.txt", " 1   2.5 \n -3\t400  \n\n", ("c0", "c1")),
        ("a.TXT", "1 \t2.5 \n-3 \t400 \n", ("c0", "c1")),
    ],
)
def test_text_layouts(tmp_path, name, text, columns):
    path = tmp_path / name
    path.write_bytes(text.encode())
    packed = tmp_path / (name + ".gz")
    packed.write_bytes(gzip.compress(text.encode()))
    for data in (read(path), read(packed)):
        assert data.values.tolist() == NUMBERS
        assert (data.columns, data.shape, data.levels, data.is_image) == (columns, (2,), None, False)


def test_limit_and_one_column(tmp_path):
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(map(str, range(100))))
    data = read(tmp_path / "a.csv", limit=3)
    assert data.values.tolist() == [[0.0], [1.0], [2.0]]


def test_size_makes_a_table_of_pixels_images(tmp_path):
    (tmp_path / "digits.csv").write_text("\n".join(",".join(str(i + j) for j in range(6)) for i in range(4)))
    data = read(tmp_path / "digits.csv", size=(2, 3))
    assert (data.shape, data.levels) == ((2, 3), 256)


def test_parquet(tmp_path):
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "c": [True, False, True]})
    frame.write_parquet(tmp_path / "a.parquet")
    data = read(tmp_path / "a.parquet", limit=2)
    assert data.values.tolist() == [[1, 0.5, 1], [2, 1.5, 0]]
    assert data.columns == ("a", "b", "c")
