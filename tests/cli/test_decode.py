"""`vaefit decode`: latents in, rows out; what `encode` wrote gives what the decoder makes of it."""

import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def encoded(vaefit, fitted, folder, tmp_path_factory):
    """What `vaefit encode` writes, by the kind of file."""
    place = tmp_path_factory.mktemp("latents")
    for kind in ("csv", "parquet", "npz"):
        assert vaefit("encode", fitted, folder, "-q", "--out", place / f"latents.{kind}").code == 0
    with np.load(place / "latents.npz") as stored:
        np.save(place / "latents.npy", stored["mean"])
    return place


@pytest.fixture(scope="module")
def expected(fitted, encoded):
    """The decoder's mean for those latents."""
    from vaefit import load

    return load(fitted).decode(np.load(encoded / "latents.npy"))


def decode(vaefit, fitted, latents, out):
    """The rows that a file of latents gives."""
    said = vaefit("decode", fitted, latents, "--out", out, "--json", "-q")
    assert (said.code, said.err) == (0, "")
    assert said.json["out"] == str(out)
    return np.load(out)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "npy"])
def test_what_encode_wrote_is_decoded(vaefit, fitted, encoded, expected, tmp_path, kind):
    rows = decode(vaefit, fitted, encoded / f"latents.{kind}", tmp_path / "x.npy")
    assert rows.shape == (60, 8, 8)
    # A .csv has the digits that say a float32 exactly.
    np.testing.assert_array_equal(rows, expected)


def test_npz_out(vaefit, fitted, encoded, expected, tmp_path):
    with decode(vaefit, fitted, encoded / "latents.npy", tmp_path / "x.npz") as stored:
        np.testing.assert_array_equal(stored["decoded"], expected)


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_picture_out(vaefit, fitted, encoded, tmp_path, kind):
    out = tmp_path / f"x.{kind}"
    said = vaefit("decode", fitted, encoded / "latents.csv", "--out", out, "-q")
    assert (said.code, said.out) == (0, f"{out}\n"), said.err
    assert out.stat().st_size > 1000
    if kind == "png":
        assert Image.open(out).size[0] > 100


@pytest.mark.parametrize(
    "text",
    [
        "z_0,z_1\n0.5,-1\n2,3\n",
        "z_1,note,z_0\n-1,hello,0.5\n3,you,2\n",
        "name,a,b,label\nx,0.5,-1,7\ny,2,3,8\n",
        "0.5,-1\n2,3\n",
        "\ufeffmean_0,mean_1\r\n0.5, -1\r\n2,3\r\n",
        "mean_0,mean_1,z_0\n0.5,-1,9\n2,3,9\n",
    ],
    ids=["z", "other order", "plain", "no header", "windows", "both"],
)
def test_tables_by_hand(vaefit, fitted, tmp_path, text):
    from vaefit import load

    (tmp_path / "z.csv").write_text(text)
    rows = decode(vaefit, fitted, tmp_path / "z.csv", tmp_path / "x.npy")
    np.testing.assert_array_equal(rows, load(fitted).decode(np.array([[0.5, -1], [2, 3]])))


TABLES = {
    "a latent too many": (
        "mean_0,mean_1,mean_2\n1,2,3\n",
        "expected 2 latents (columns mean_0, mean_1) as this run has, found 3 (mean_0, mean_1, mean_2); "
        "encode the rows with this run",
    ),
    "a column missing": ("mean_1,sd_0,sd_1\n1,1,1\n", "found 1 (mean_1)"),
    "no columns": ("name,label\nx,1\n", "found 0 (no such columns)"),
    "text": ("mean_0,mean_1\n1,2\n3,four\n", "found 'four' in row 2, column mean_1"),
    "empty cell": ("z_0,z_1\n1,\n", "found an empty cell in row 1, column z_1"),
    "NaN": ("z_0,z_1\n1,2\nnan,2\n", "expected finite numbers, found nan in row 2, column z_0"),
    "too large": ("z_0,z_1\n1,1e300\n", "expected finite numbers, found 1e+300 in row 1, column z_1"),
    "no rows": ("mean_0,mean_1\n", "expected at least one row"),
    "empty": ("", "cannot be read"),
    "ragged": ("mean_0,mean_1\n1,2,3\n", "cannot be read"),
    "binary": ("\x00\xff", "found"),
}


def _check_one_line(said, message):
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err


@pytest.mark.parametrize("case", TABLES)
def test_mistakes_in_tables_are_answered_in_one_line(vaefit, fitted, tmp_path, case):
    text, message = TABLES[case]
    (tmp_path / "z.csv").write_bytes(text.encode("latin-1"))
    said = vaefit("decode", fitted, tmp_path / "z.csv", "--out", tmp_path / "x.npy", "-q")
    _check_one_line(said, message)
    assert str(tmp_path / "z.csv") in said.err
    assert not (tmp_path / "x.npy").exists()


ARRAYS = {
    "wide": (np.zeros((4, 3)), "expected an array of shape (rows, 2) for this run's 2 latents, found (4, 3)"),
    "flat": (np.zeros(2), "found (2,)"),
    "infinite": (np.array([[0.0, np.inf]]), "found inf in row 1, column 2"),
    "text": (np.array([["a", "b"]]), "expected latents as real numbers"),
    "complex": (np.zeros((1, 2), complex), "expected latents as real numbers"),
    "pickled": (np.array([[None, 1]], object), "damaged or foreign"),
    "none": (np.zeros((0, 2)), "at least one row"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_mistakes_in_arrays_are_answered_in_one_line(vaefit, fitted, tmp_path, case):
    array, message = ARRAYS[case]
    np.save(tmp_path / "z.npy", array, allow_pickle=True)
    _check_one_line(vaefit("decode", fitted, tmp_path / "z.npy", "--out", tmp_path / "x.npy", "-q"), message)


def test_files_that_are_none(vaefit, fitted, encoded, tmp_path):
    def answer(path, out="x.npy"):
        return vaefit("decode", fitted, path, "--out", tmp_path / out, "-q")

    np.savez(tmp_path / "many.npz", a=np.zeros((1, 2)), b=np.zeros((1, 2)))
    (tmp_path / "z.parquet").write_bytes(b"PAR1")
    (tmp_path / "z.npz").write_bytes(b"PK\3\4")
    pl.DataFrame({"z_0": [[1.0]], "z_1": [[2.0]]}).write_parquet(tmp_path / "lists.parquet")
    _check_one_line(answer(tmp_path / "gone.csv"), "found nothing there; check the path")
    _check_one_line(answer(tmp_path / "z.txt"), "ending in .csv, .parquet, .npz, .npy")
    _check_one_line(answer(tmp_path / "many.npz"), "expected an array called mean or z, found a, b")
    _check_one_line(answer(tmp_path / "z.parquet"), "cannot be read")
    _check_one_line(answer(tmp_path / "z.npz"), "damaged or foreign")
    _check_one_line(answer(tmp_path / "lists.parquet"), "found column z_0 of type List")
    _check_one_line(answer(encoded / "latents.csv", "x.gif"), "--out must end in .png")


def test_a_table_is_decoded_in_its_own_units(vaefit, small, tmp_path):
    x = np.random.default_rng(0).normal([100.0, -5.0, 3.0], [10.0, 1.0, 0.1], (80, 3))
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", header="a,b,c", comments="")
    assert vaefit("fit", tmp_path / "x.csv", "--out", tmp_path / "run", "-q", *small).code == 0
    (tmp_path / "z.csv").write_text("z_0,z_1\n0,0\n1,1\n")
    rows = decode(vaefit, tmp_path / "run", tmp_path / "z.csv", tmp_path / "x.npy")
    assert rows.shape == (2, 3)
    np.testing.assert_allclose(rows[0], [100, -5, 3], rtol=0.3)
    shutil.rmtree(tmp_path / "run")


def test_help_has_an_example(vaefit):
    said = vaefit("decode", "--help")
    assert said.code == 0
    assert "  vaefit decode runs/faces latents.csv --out decoded.png" in said.out
