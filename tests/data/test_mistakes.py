# ruff: noqa: E501 (one mistake a line)
"""What people get wrong, and the one line that they read."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from vaefit.data import Dataset, read
from vaefit.errors import DataError, SettingsError, ShapeError

PGM = b"P5\n3 2\n255\n\1\2\3\4\5\6"
SIZED = b"P5\n2 2\n255\n\1\2\3\4"
DEEP = b"P5\n3 2\n65535\n" + bytes(12)
PPM = b"P6\n3 2\n255\n" + bytes(18)


def png(height=2, width=3, mode="L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


def noise() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((9, 9), 50).save(file, "PNG")
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, data in files.items():
            z.writestr(name, data)
    return file.getvalue()


def tarred(mode: Literal["w", "w:gz", "w:xz", "w:bz2"] = "w:gz", /, **files: Any) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as t:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            t.addfile(member, io.BytesIO(data))
    return file.getvalue()


def noisy(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(20) + data[middle + 20 :]


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG whose header promises 40000x40000 pixels."""
    good = png(1, 1)
    header = struct.pack(">II", 40000, 40000) + good[24:29]
    return good[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + good[33:]


NAN = np.array([[0.0, 1.0], [np.nan, 2.0]])
HUGE_IDX = b"\0\0\x08\3" + struct.pack(">III", 2**31, 2**31, 2**31) + b"abc"

# files, what to read, options, error, fragments of its message
MISTAKES = {
    "missing path": ({}, "nothing", {}, DataError, ["nothing there", "check the path"]),
    "empty folder": ({}, "", {}, DataError, ["empty folder"]),
    "only hidden files": ({".a.pgm": PGM}, "", {}, DataError, ["empty folder"]),
    "no images": ({"a.doc": b"", "b.csv": b""}, "", {}, DataError, ["2 other files", "a.doc"]),
    "nothing included": ({"a/b.pgm": PGM}, "", {"include": ["c/*"]}, DataError, ["c/*", "1 file ", "a/b.pgm"]),
    "empty zip": ({"a.zip": zipped()}, "a.zip", {}, DataError, ["empty archive"]),
    "archive in folder": ({"x.zip": b""}, "", {}, DataError, ["archive inside the folder", "x.zip"]),
    "archive in archive": ({"a.zip": zipped(**{"b.tar": b""})}, "a.zip", {}, DataError, ["archive inside", "b.tar"]),
    "grey and colour": ({"a.pgm": PGM, "b.ppm": PPM}, "", {}, DataError, ["a.pgm in grey", "b.ppm in RGB", "--grayscale"]),
    "8 and 16 bits": ({"a.pgm": PGM, "b.pgm": DEEP}, "", {}, DataError, ["a.pgm of 8 bits", "b.pgm of 16 bits"]),
    "sizes": ({"a.pgm": PGM, "b.pgm": SIZED}, "", {}, ShapeError, ["a.pgm of 2x3", "b.pgm of 2x2", "--size 2x3"]),
    "name of two lines": ({"a\nb.pgm": b""}, "", {}, DataError, ["a b.pgm", "empty file"]),
    "damaged tar.xz": ({"a.tar.xz": noisy(tarred("w:xz", **{"a.pgm": bytes(range(256)) * 99}))}, "a.tar.xz", {}, DataError, ["damaged"]),
    "damaged tar.bz2": ({"a.tar.bz2": noisy(tarred("w:bz2", **{"a.pgm": bytes(range(256)) * 99}))}, "a.tar.bz2", {}, DataError, ["damaged"]),
    "truncated pgm": ({"a.pgm": PGM[:-1]}, "", {}, DataError, ["a.pgm", "damaged", "--skip-bad"]),
    "truncated png": ({"a.png": noise()[:-40]}, "", {}, DataError, ["a.png", "--skip-bad"]),
    "text as png": ({"a.png": b"hello"}, "a.png", {}, DataError, ["a.png", "data that is none"]),
    "empty image": ({"a.png": b""}, "", {}, DataError, ["a.png", "empty file"]),
    "all bad": ({"a.png": b"", "b.png": b""}, "", {"skip_bad": True}, DataError, ["all of 2"]),
    "bomb": ({"a.png": bomb()}, "", {}, DataError, ["a.png", "pixels", "far larger"]),
    "damaged zip": ({"a.zip": zipped(**{"a.pgm": PGM})[:-9]}, "a.zip", {}, DataError, ["damaged"]),
    "damaged tar.gz": ({"a.tgz": tarred(**{"a.pgm": PGM})[:-30]}, "a.tgz", {}, DataError, ["damaged"]),
    "cut tar": ({"a.tar": tarred("w", **{"a.pgm": bytes(3000)})[:1024]}, "a.tar", {}, DataError, ["damaged"]),
    "not a tar": ({"a.tar": b"hello"}, "a.tar", {}, DataError, ["damaged"]),
    "unknown kind": ({"a.doc": b"hello"}, "a.doc", {}, DataError, ["another kind", ".csv", ".npz"]),
    "npz without key": ({"a.npz": npz(x=NAN, y=NAN)}, "a.npz", {}, DataError, ["x, y", "--key"]),
    "npz wrong key": ({"a.npz": npz(x=NAN)}, "a.npz", {"key": "z"}, DataError, ["'z'", "found x"]),
    "damaged npz": ({"a.npz": npz(x=NAN)[:-9]}, "a.npz", {}, DataError, ["a.npz", "damaged"]),
    "npy called npz": ({"a.npz": npy(NAN)}, "a.npz", {}, DataError, ["rename"]),
    "objects in npz": ({"a.npz": npz(x=np.array([{}]))}, "a.npz", {}, DataError, ["never loaded"]),
    "objects in npy": ({"a.npy": npy(np.array([{}]))}, "a.npy", {}, DataError, ["never loaded"]),
    "truncated npy": ({"a.npy": npy(NAN)[:-3]}, "a.npy", {}, DataError, ["a.npy", "damaged"]),
    "empty npy": ({"a.npy": b""}, "a.npy", {}, DataError, ["a.npy"]),
    "text array": ({"a.npy": npy(np.array([["a"]]))}, "a.npy", {}, DataError, ["real numbers", "<U1"]),
    "labels only": ({"a.npy": npy(np.arange(3))}, "a.npy", {}, ShapeError, ["(3,)", "(N, 1)"]),
    "channels first": ({"a.npy": npy(np.zeros((2, 3, 8, 8)))}, "a.npy", {}, ShapeError, ["channels to the end"]),
    "nan in npy": ({"a.npy": npy(NAN)}, "a.npy", {}, DataError, ["nan", "row 2, column 1"]),
    "wrong size": ({"a.npy": npy(np.zeros((6, 5)))}, "a.npy", {"size": (2, 2)}, ShapeError, ["2x2", "rows of 5"]),
    "transposed": ({"a.npy": npy(np.ones((6, 5)))}, "a.npy", {"size": (2, 3)}, ShapeError, ["transposed"]),
    "short idx": ({"t-ubyte": HUGE_IDX}, "t-ubyte", {}, DataError, ["truncated"]),
    "idx of nothing": ({"t-ubyte": b"\0\0\x08\3" + bytes(12)}, "t-ubyte", {}, DataError, ["(0, 0, 0)"]),
    "idx without dimensions": ({"t-ubyte": b"\0\0\x08\0" + bytes(12)}, "t-ubyte", {}, DataError, ["IDX"]),
    "npy header": ({"a.npy": npy(NAN).replace(b"}", b"(")}, "a.npy", {}, DataError, ["damaged"]),
    "damaged idx.gz": ({"t.idx.gz": gzip.compress(HUGE_IDX)[:9]}, "t.idx.gz", {}, DataError, ["IDX"]),
    "idx of labels": ({"t-ubyte": b"\0\0\x08\1\0\0\0\1\5"}, "t-ubyte", {}, DataError, ["labels", "images instead"]),
    "foreign mat": ({"a.mat": b"hello" * 99}, "a.mat", {}, DataError, ["a.mat", "damaged or foreign"]),
    "text cell": ({"a.csv": b"x,y\n1,2\n" + b"3,4\n" * 20 + b"3,red\n"}, "a.csv", {}, DataError, ["numbers as in 95%", "'red'", "row 22 below the header", "'y'", "--column y=categorical"]),
    "text cell in a number": ({"a.csv": b"1,2\n3,red\n"}, "a.csv", {"types": {"c1": "real"}}, DataError, ["a number", "'red'", "row 2,", "'c1'"]),
    "missing row": ({"a.csv": b"1,2\n3,4\n,?\n"}, "a.csv", {}, DataError, ["a value in every row", "row 3"]),
    "missing pixel": ({"a.csv": b"1,2\n3,\n"}, "a.csv", {"size": (1, 2)}, DataError, ["row 2", "'c1'", "missing"]),
    "a cell of many lines": ({"a.csv": b'1,2\n3,"x\ny"\n'}, "a.csv", {"types": {"c1": "real"}}, DataError, ["'x y'", "row 2"]),
    "one comma, two meanings": ({"a.csv": b"1,5;2,345\n2,5;1,234.5\n"}, "a.csv", {}, DataError, ["one thing", "'c1'", "'c0'"]),
    "comma of unknown meaning": ({"a.csv": b"1.5;2,345\n2.5;1,234\n"}, "a.csv", {}, DataError, ["'2,345'", "row 1", "2345 or 2.345"]),
    "points among decimal commas": ({"a.csv": b"1,5;2.5\n2,5;3.25\n"}, "a.csv", {}, DataError, ["decimal commas", "'2.5'", "row 1", "'c1'"]),
    "thousands by blanks": ({"a.csv": b"x;y\n1;1 234\n2;2 345\n3;3 456\n"}, "a.csv", {}, DataError, ["'1 234'", "row 1", "'y'"]),
    "short line": ({"a.csv": b"1,2\n3\n"}, "a.csv", {}, DataError, ["2 cells", "found 1", "line 2"]),
    "short line with quotes": ({"a.csv": b'"1",2\n3\n'}, "a.csv", {}, DataError, ["2 cells", "found 1", "line 2"]),
    "blank-separated short line": ({"a.txt": b"1 2\n3 4\n5\n"}, "a.txt", {}, DataError, ["2 cells", "found 1", "line 3"]),
    "long line": ({"a.csv": b"1,2\n3,4\n5,6,7\n"}, "a.csv", {}, DataError, ["2 cells", "found 3", "line 3"]),
    "money": ({"a.csv": b"x,y\n1,$5.00\n2,$6.50\n3,$7.00\n"}, "a.csv", {}, DataError, ["without units", "'$5.00'", "row 1", "'y'"]),
    "infinite cell": ({"a.csv": b"x,y\n1,2\n3,inf\n4,5\n"}, "a.csv", {"types": {"y": "real"}}, DataError, ["inf", "row 2", "'y'"]),
    "overflowing cell": ({"a.csv": b"x,y\n1,2\n3,1e999\n"}, "a.csv", {}, DataError, ["finite", "1e999", "row 2", "'y'"]),
    "repeated name": ({"a.csv": b"x,y,x\n1,2,3\n"}, "a.csv", {}, DataError, ["'x'", "columns 1 and 3", "--no-header"]),
    "long integer": ({"a.csv": b"x,y\n" + b"1,2\n3,4\n5,6\n" * 9 + b"1,9007199254740993\n"}, "a.csv", {}, DataError, ["9007199254740993", "row 28", "15 digits", "identifier"]),
    "impossible date": ({"a.csv": b"x,day\n1,2023-02-27\n2,2023-02-28\n3,2023-02-30\n"}, "a.csv", {}, DataError, ["dates", "'2023-02-30'", "row 3", "'day'"]),
    "date out of range": ({"a.csv": b"x,day\n1,2023-02-27\n2,2023-02-28\n3,0000-01-01\n"}, "a.csv", {}, DataError, ["'0000-01-01'", "row 3"]),
    "only text": ({"a.csv": b"id\n" + b"".join(b"k%d\n" % i for i in range(30))}, "a.csv", {}, DataError, ["only identifiers", "--column"]),
    "unknown column": ({"a.csv": b"age,y\n1,2\n3,4\n"}, "a.csv", {"types": {"agee": "real"}}, SettingsError, ["'agee'", "'age'"]),
    "negative positive": ({"a.csv": b"1,2\n3,-4\n"}, "a.csv", {"types": {"c1": "positive"}}, DataError, ["above 0", "'-4'", "row 2"]),
    "three binary values": ({"a.csv": b"1,2\n3,4\n4,5\n"}, "a.csv", {"types": {"c1": "binary"}}, DataError, ["two values", "'c1'", "found 3"]),
    "damaged arrow": ({"a.arrow": b"ARROW1hello"}, "a.arrow", {}, DataError, ["Arrow", "damaged"]),
    "header of an array": ({"a.npy": npy(np.ones((2, 2)))}, "a.npy", {"header": True}, SettingsError, ["--header", "NumPy"]),
    "header only": ({"a.csv": b"x,y\n"}, "a.csv", {}, DataError, ["at least one row"]),
    "empty table": ({"a.csv": b"\n\n"}, "a.csv", {}, DataError, ["empty file"]),
    "binary table": ({"a.csv": b"a\0b"}, "a.csv", {}, DataError, ["binary"]),
    "damaged parquet": ({"a.parquet": b"PAR1hello"}, "a.parquet", {}, DataError, ["parquet", "damaged"]),
    "include for a table": ({"a.csv": b"1\n2\n"}, "a.csv", {"include": ["x"]}, SettingsError, ["--include", "table"]),
    "key for a folder": ({"a.pgm": PGM}, "", {"key": "x"}, SettingsError, ["--key", "folder"]),
    "limit of none": ({"a.pgm": PGM}, "", {"limit": 0}, SettingsError, ["limit", "0"]),
    "size of none": ({"a.pgm": PGM}, "", {"size": (0, 3)}, SettingsError, ["size", "(0, 3)"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(tmp_path, mistake):
    files, path, options, kind, fragments = MISTAKES[mistake]
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    with pytest.raises(kind) as caught:
        read(tmp_path / path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_encrypted_zip(tmp_path):
    data = bytearray(zipped(**{"a.pgm": PGM}))
    data[6] |= 1  # the flag bit of encryption, in both headers
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.pgm cannot be read.*password"):
        read(tmp_path / "a.zip")


def test_a_zip_member_that_claims_to_be_huge(tmp_path, monkeypatch):
    monkeypatch.setattr("vaefit.data.containers.MAX_BYTES", 10)
    (tmp_path / "a.zip").write_bytes(zipped(**{"a.pgm": PGM}))
    (tmp_path / "a.tgz").write_bytes(tarred(**{"a.pgm": PGM}))
    for name in ("a.zip", "a.tgz"):
        with pytest.raises(DataError, match=r"a\.pgm: expected at most"):
            read(tmp_path / name)


def test_an_unreadable_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png())
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(DataError, match="Permission denied"):
            read(path)
    else:
        pytest.skip("this user may read everything")


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        ([["a"]], "real numbers"),
        ([[{}]], "Python objects"),
        ([[1], [1, 2]], "equally many"),
        (np.zeros((0, 3)), "at least one"),
        (1.0, "()"),
    ],
)
def test_arrays_that_are_none(array, fragment):
    with pytest.raises(DataError) as caught:
        Dataset.from_array(array)
    assert fragment in str(caught.value)
