"""From raw rows to network inputs, back, and through JSON."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaefit.data import Dataset, check_same, choose_transform, transform_from_dict
from vaefit.data.transforms import Binarise, Identity, Pixels, Standardise, TwoValued, UnitInterval
from vaefit.errors import DataError, RunError, ShapeError

RNG = np.random.default_rng(2)
BYTES = RNG.integers(0, 256, (9, 4, 3), dtype=np.uint8)
TABLE = RNG.normal(5, [1, 10, 100], (50, 3))
ALL = [
    Pixels((2, 3), 256, True),
    Pixels((2, 3), 65536, False),
    TwoValued((4,), 0, 255),
    UnitInterval((2, 2)),
    Binarise((2, 2), 255.0),
    Identity((3,)),
    Standardise.fit(TABLE, (3,)),
]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (BYTES, "pixels"),
        (BYTES.astype(np.uint16) * 200, "pixels"),
        (BYTES // 128 * 255, "two-valued"),
        (BYTES > 99, "two-valued"),
        (BYTES / 255, "unit-interval"),
        (np.round(BYTES / 255), "two-valued"),
        (BYTES / 100, "standardise"),
        (TABLE, "standardise"),
        (np.eye(3), "two-valued"),
        (np.eye(3) / 2, "standardise"),
        (1 + np.eye(3), "standardise"),
        (RNG.random((5, 3)), "standardise"),
    ],
)
def test_the_choice(array, kind):
    data = Dataset.from_array(array)
    transform = choose_transform(data)
    assert (transform.kind, transform.shape) == (kind, data.shape)
    x = transform.forward(data.values)
    assert (x.dtype, x.shape) == (np.float32, data.values.shape)
    back = transform.inverse(x + transform.quantum / 2)
    np.testing.assert_allclose(back, data.values, rtol=1e-5, atol=1e-4)


def test_pixels_can_be_drawn_as_zero_or_one_with_their_grey_values_as_probabilities():
    grey = np.linspace(0, 255, 6).astype(np.uint8).repeat(3000).reshape(6, 3000)
    for array, white in ((grey.reshape(6, 30, 100), 255.0), (grey.reshape(6, 30, 100) / 255.0, 1.0)):
        data = Dataset.from_array(array)
        transform = choose_transform(data, binarise=True)
        assert transform == Binarise((30, 100), white)
        x = transform.forward(data.values)
        assert transform.visit is not None
        drawn = transform.visit(x, RNG.random(x.shape))
        assert drawn.dtype == np.float32
        assert set(np.unique(drawn)) == {0.0, 1.0}
        np.testing.assert_allclose(drawn.mean(1), np.linspace(0, 1, 6), atol=0.03)
        np.testing.assert_array_equal(drawn.mean(1)[[0, -1]], [0.0, 1.0])
        np.testing.assert_allclose(transform.inverse(x), data.values, rtol=1e-6)
    with pytest.raises(DataError, match="grey values from 0 to 1, as the model was fitted to, found 7"):
        transform.forward(np.full((1, 3000), 7.0))


def test_two_values_are_not_drawn_again():
    assert choose_transform(Dataset.from_array(BYTES // 128 * 255), binarise=True).kind == "two-valued"


def test_dequantise_can_be_turned_off():
    data = Dataset.from_array(BYTES)
    transform = choose_transform(data, dequantise=False)
    assert transform.quantum == 0
    np.testing.assert_array_equal(transform.inverse(transform.forward(data.values)), data.values)
    assert choose_transform(data).quantum == 1 / 256


@pytest.mark.parametrize("transform", ALL, ids=lambda t: t.kind)
def test_json_brings_the_same_transform_back(transform):
    assert transform_from_dict(json.loads(json.dumps(transform.to_dict()))) == transform


@pytest.mark.parametrize("transform", ALL, ids=lambda t: t.kind)
def test_scales_are_slopes_of_the_inverse(transform):
    x = RNG.random((2, transform.dim))
    sd = RNG.random((2, transform.dim))
    np.testing.assert_allclose(transform.inverse(x + sd) - transform.inverse(x), transform.inverse_scale(sd))


@given(arrays(np.float64, (6, 3), elements=st.floats(-1e6, 1e6)))
def test_standardise_round_trip_and_moments(values):
    transform = Standardise.fit(values, (3,))
    x = transform.forward(values)
    spread = np.abs(values).max() + 1
    np.testing.assert_allclose(transform.inverse(x.astype(float)), values, atol=1e-5 * spread)
    assert (np.abs(x.mean(0)) < 1e-2).all()


def test_standardise_density_at_the_data_s_own_scale():
    transform = Standardise.fit(TABLE, (3,))
    x = (TABLE - TABLE.mean(0)) / TABLE.std(0)
    standard = -0.5 * (x**2 + math.log(2 * math.pi)).sum(1)
    own = -0.5 * (x**2 + np.log(2 * math.pi * TABLE.var(0))).sum(1)
    np.testing.assert_allclose(standard + transform.log_jacobian, own)


def test_constant_columns_are_told():
    data = Dataset.from_array([[1.0, 0.1, 3.0], [2.0, 0.1, 3.0]], columns=["a", "b", "c"])
    transform = choose_transform(data)
    assert isinstance(transform, Standardise)
    assert transform.notices == ("2 constant columns are only shifted: b, c",)
    np.testing.assert_array_equal(transform.forward(data.values)[:, 1:], 0)
    assert "notices" not in transform.to_dict()


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.full((3, 2, 2), 7, np.uint8), "one value 7 everywhere"),
        (np.full((3, 2), 0.5), "one value 0.5"),
        ([[1.0, 2.0], [1.0, 2.0]], "2 equal to the first"),
        ([[1e300, 0.0], [-1e300, 1.0]], "column 1"),
    ],
)
def test_data_that_cannot_be_fitted(array, fragment):
    with pytest.raises(DataError, match=fragment):
        choose_transform(Dataset.from_array(array))


def test_a_third_value_is_refused():
    with pytest.raises(DataError, match="found 3 in row 2"):
        TwoValued((2,), 0, 255).forward(np.array([[0, 255], [0, 3]], np.uint8))


@pytest.mark.parametrize("transform", ALL, ids=lambda t: t.kind)
def test_rows_of_another_length_are_refused(transform):
    with pytest.raises(ShapeError, match=str(transform.dim)):
        transform.forward(np.zeros((2, transform.dim + 1)))


@pytest.mark.parametrize(
    ("shape", "fragment"),
    [
        ((28, 28), "19x19 grey, found 28x28 grey; use --size 19x19"),
        ((19, 19, 3), "found 19x19 RGB; use --grayscale"),
        ((28, 28, 3), "use --grayscale --size 19x19"),
        ((5,), "found rows of 5 numbers"),
    ],
)
def test_other_sizes_than_fitted(shape, fragment):
    fitted = Pixels((19, 19), 256, True)
    with pytest.raises(ShapeError, match=fragment):
        check_same(Dataset.from_array(np.zeros((2, *shape), np.uint8)), fitted)


def test_other_depths_than_fitted():
    fitted = Pixels((2, 2), 256, True)
    check_same(Dataset.from_array(np.zeros((1, 2, 2), np.uint8)), fitted)
    check_same(Dataset.from_array(np.zeros((1, 4), np.uint8)), fitted)
    with pytest.raises(DataError, match="8-bit pixels like those fitted, found 16-bit pixels"):
        check_same(Dataset.from_array(np.zeros((1, 2, 2), np.uint16)), fitted)
    with pytest.raises(DataError, match="found plain numbers"):
        check_same(Dataset.from_array(np.full((1, 2, 2), 0.5)), fitted)


@pytest.mark.parametrize(
    ("saved", "fragment"),
    [
        ({"kind": "wavelet", "shape": [2]}, "'wavelet'"),
        ({"shape": [2]}, "None"),
        ([], "None"),
        ({"kind": "pixels", "shape": [2]}, "damaged.*levels"),
        ({"kind": "pixels", "shape": [2], "levels": "many", "dequantise": True}, "damaged"),
        ({"kind": "pixels", "shape": [2], "levels": 1, "dequantise": True}, "at least 2 levels"),
        ({"kind": "pixels", "shape": "x", "levels": 256, "dequantise": True}, "shape"),
        ({"kind": "identity", "shape": [0]}, "shape"),
        ({"kind": "identity", "shape": [2], "colour": 1}, "colour"),
        ({"kind": "standardise", "shape": [2], "mean": [0], "scale": [1]}, "2 means"),
        ({"kind": "standardise", "shape": [1], "mean": [0], "scale": [0]}, "positive"),
        ({"kind": "standardise", "shape": [1], "mean": [None], "scale": [1]}, "damaged"),
        ({"kind": "two-valued", "shape": [1], "low": 1, "high": 0}, "two values"),
    ],
)
def test_damaged_files(saved, fragment):
    with pytest.raises(RunError, match=fragment) as caught:
        transform_from_dict(saved)
    assert "\n" not in str(caught.value)
