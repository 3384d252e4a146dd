"""Arrays from memory and from NumPy, MATLAB and IDX files."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaefit.data import Dataset, read
from vaefit.data.names import labels_of, natural_key
from vaefit.errors import DataError, ShapeError

RNG = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("array", "shape", "dtype", "levels"),
    [
        (np.zeros((2, 3)), (3,), "f8", None),
        (np.zeros((2, 3), "f4"), (3,), "f4", None),
        (np.zeros((2, 3), ">f4"), (3,), "f4", None),
        (np.zeros((2, 3), "f2"), (3,), "f4", None),
        (np.zeros((2, 3), "i8"), (3,), "f8", None),
        (np.zeros((2, 3), "u2"), (3,), "f4", None),
        (np.zeros((2, 3), bool), (3,), "u1", 256),
        (np.zeros((2, 3), "u1"), (3,), "u1", 256),
        (np.zeros((2, 3, 4), "u1"), (3, 4), "u1", 256),
        (np.zeros((2, 3, 4), ">u2"), (3, 4), "u2", 65536),
        (np.full((2, 3, 4), 7, "i4"), (3, 4), "u1", 256),
        (np.full((2, 3, 4), 7.0), (3, 4), "u1", 256),
        (np.full((2, 3, 4), 7.5), (3, 4), "f8", None),
        (np.ones((2, 3, 4)), (3, 4), "f8", None),
        (np.full((2, 3, 4), 256), (3, 4), "f8", None),
        (np.zeros((2, 3, 4, 1), "u1"), (3, 4), "u1", 256),
        (np.zeros((2, 3, 4, 3), "u1"), (3, 4, 3), "u1", 256),
    ],
)
def test_shapes_and_types(array, shape, dtype, levels):
    data = Dataset.from_array(array)
    assert (data.shape, data.values.dtype, data.levels) == (shape, np.dtype(dtype), levels)
    assert data.values.shape == (2, data.dim)
    np.testing.assert_array_equal(data.values, array.reshape(2, -1))


def test_size_names_flat_rows_and_resizes_images():
    flat = np.arange(24, dtype=np.uint8).reshape(2, 12)
    assert Dataset.from_array(flat, size=(3, 4)).shape == (3, 4)
    assert Dataset.from_array(flat, size=(2, 2)).shape == (2, 2, 3)
    smaller = Dataset.from_array(np.full((2, 8, 8), 0.5), size=(4, 4))
    assert smaller.shape == (4, 4)
    np.testing.assert_allclose(smaller.values, 0.5, atol=1e-6)


def test_grayscale_of_arrays():
    data = Dataset.from_array(np.full((1, 2, 2, 3), 40000, np.uint16), grayscale=True)
    assert (data.shape, data.values.tolist()) == ((2, 2), [[40000] * 4])


def test_take_keeps_names_and_labels_with_their_rows():
    data = Dataset.from_array(np.eye(3), names=["a", "b", "c"], labels=["x", "y", "z"])
    some = data.take([2, 0])
    assert (some.n, some.names, some.labels) == (2, ("c", "a"), ("z", "x"))
    np.testing.assert_array_equal(some.values, np.eye(3)[[2, 0]])
    with pytest.raises(ShapeError, match="names"):
        Dataset.from_array(np.eye(3), names=["a"])


def test_npy_stays_on_disk_and_npz_goes_by_key(tmp_path):
    images = RNG.integers(0, 256, (7, 3, 4), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(7))
    np.savez(tmp_path / "one.npz", images)
    data = read(tmp_path / "a.npy")
    base = data.values.base
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    for found in (data, read(tmp_path / "a.npz", key="x"), read(tmp_path / "one.npz")):
        np.testing.assert_array_equal(found.values, images.reshape(7, -1))
    assert read(tmp_path / "a.npy", limit=2).n == 2


def test_matlab(tmp_path):
    from scipy.io import savemat

    faces = RNG.integers(0, 256, (7, 12))
    savemat(tmp_path / "a.mat", {"ff": faces.astype(float), "other": np.eye(2)})
    data = read(tmp_path / "a.mat", key="ff", size=(3, 4))
    assert (data.shape, data.levels) == ((3, 4), 256)
    assert data.notices == ("whole numbers from 0 to 255 were taken as 8-bit pixels",)
    np.testing.assert_array_equal(data.values, faces)


@pytest.mark.parametrize("zip_", [False, True])
def test_idx_with_labels_beside_it(tmp_path, zip_):
    images = RNG.integers(0, 256, (5, 2, 3), dtype=np.uint8)
    files = {
        "train-images-idx3-ubyte": b"\0\0\x08\3" + struct.pack(">III", 5, 2, 3) + images.tobytes(),
        "train-labels-idx1-ubyte": b"\0\0\x08\1" + struct.pack(">I", 5) + bytes([7, 2, 1, 0, 4]),
    }
    for name, content in files.items():
        (tmp_path / (name + ".gz" * zip_)).write_bytes(gzip.compress(content) if zip_ else content)
    data = read(tmp_path / ("train-images-idx3-ubyte" + ".gz" * zip_), limit=3)
    np.testing.assert_array_equal(data.values, images[:3].reshape(3, -1))
    assert data.labels == ("7", "2", "1")


def test_idx_and_archives_are_known_by_content(tmp_path):
    path = tmp_path / "digits.bin"
    path.write_bytes(b"\0\0\x0b\3" + struct.pack(">III", 1, 1, 2) + struct.pack(">hh", -3, 300))
    assert read(path).values.tolist() == [[-3.0, 300.0]]


@given(st.lists(st.tuples(st.sampled_from(["a", "b/", "img", ""]), st.integers(0, 10**6)), min_size=2))
def test_natural_order_is_the_order_of_the_numbers(parts):
    names = {f"{prefix}{number}.png": (prefix, number) for prefix, number in parts}
    for prefix in {p for p, _ in parts}:
        same = [name for name in sorted(names, key=natural_key) if names[name][0] == prefix]
        assert [names[name][1] for name in same] == sorted(names[name][1] for name in same)


@given(st.lists(st.text(max_size=12)))
def test_any_names_can_be_sorted_and_the_order_is_total(names):
    shuffled = [*names[1::2], *names[::2]]
    assert sorted(names, key=natural_key) == sorted(shuffled, key=natural_key)


def test_labels_are_folders():
    assert labels_of(["1.png", "a/1.png"]) == (".", "a")
    assert labels_of(["a/b/1.png", "a/c/1.png"]) == ("a/b", "a/c")
    assert labels_of(["a/b/1.png"]) is None


def test_nan_are_missing_cells_where_asked(tmp_path):
    path = tmp_path / "x.npy"
    x = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.5], [1.0, 2.5, 7.0]])
    np.save(path, x)
    found = read(path, missing=True)
    assert found.schema is not None
    assert [column.type for column in found.schema] == ["real"] * 3
    np.testing.assert_array_equal(found.values, x)
    typed = read(path, types={"c2": "positive"}).schema
    assert typed is not None and list(typed)[2].type == "positive"
    # Of a fitted table nothing needs to be said.
    np.testing.assert_array_equal(read(path, schema=found.schema, limit=2).values, x[:2])
    with pytest.raises(DataError, match=r"found nan in row 1, column 2; fit with --missing"):
        read(path)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), "found inf in row 2, column 1; remove"),
        (np.full((3, 2, 2), np.nan), "missing pixels of images are not modelled"),
        (np.array([["a", "b"]]), "expected an array of real numbers"),
    ],
)
def test_what_is_not_missing_is_refused(array, told, tmp_path):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=told):
        read(tmp_path / "x.npy", missing=True)
