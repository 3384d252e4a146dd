"""The data sets that this project is measured on, where they are at hand."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vaefit.data import choose_transform, read, split
from vaefit.data.tables import Cells

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no data in {SHARED}")


@pytest.fixture(scope="module")
def train_set():
    return read(SHARED / "cbcl" / "cbcl-train.tar.gz")


@real
def test_cbcl_train_set(train_set):
    assert (train_set.n, train_set.shape, train_set.levels) == (6977, (19, 19), 256)
    assert (train_set.names[0], train_set.names[2428]) == (
        "train/face/face00001.pgm",
        "train/face/face02429.pgm",
    )
    train, validation = split(train_set, 0.3, "group", 0)
    assert (len(train), len(validation)) == (4548, 2429)


@real
def test_cbcl_faces(train_set):
    faces = train_set.take([i for i, label in enumerate(train_set.labels) if label == "train/face"])
    assert faces.n == 2429
    assert choose_transform(faces).kind == "pixels"
    train, validation = split(faces, 0.1, "block", 0)
    assert (len(train), len(validation)) == (2186, 243)


@real
def test_cbcl_test_set_is_read_in_seconds():
    """In a process of its own, without the run-time type checks of the tests."""
    code = (
        "import sys, time, collections, vaefit.data as d;"
        "start = time.process_time(); data = d.read(sys.argv[1]);"
        "print(sorted(collections.Counter(data.labels).values()), time.process_time() - start)"
    )
    command = [sys.executable, "-c", code, str(SHARED / "cbcl" / "cbcl-test.tar.gz")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.startswith("[472, 23572] ")
    assert float(found.split()[-1]) < 15, "24000 tiny images take about 2 s"


@real
def test_mnist_and_frey():
    mnist = read(SHARED / "mnist" / "mnist.npz", key="x_test")
    assert (mnist.n, mnist.shape, mnist.levels) == (10000, (28, 28), 256)
    frey = read(SHARED / "frey" / "freyfaces_uint8.npz")
    assert (frey.n, frey.shape) == (1965, (28, 20))


@real
@pytest.mark.parametrize(
    ("name", "shape"),
    [("concrete.data.txt", (1030, 9)), ("wine.csv", (178, 14)), ("banknote_authentication.csv", (1372, 5))],
)
def test_tables_of_numbers(name, shape):
    data = read(SHARED / "tables" / name)
    assert data.values.shape == shape
    transform = choose_transform(data)
    assert isinstance(transform, Cells) and data.schema is not None
    x = transform.forward(data.values)
    for i, column in enumerate(data.schema.modelled):
        # Values that stand out, such as zeros of what was not mixed in, do not scale the others.
        plain = ~np.isin(data.values[:, i], transform.spikes[i])
        if column.type == "real":
            np.testing.assert_allclose(x[plain, i].std(), 1, rtol=1e-4)


def test_importing_is_cheap():
    heavy = "{'jax', 'PIL', 'polars', 'scipy', 'matplotlib'}"
    code = f"import sys, vaefit.data; vaefit.data.read; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
