"""Hashed bits look independent wherever dropout and dequantisation could tell."""

import jax
import numpy as np
import pytest
from scipy import stats

from vaefit.hashing import random_bits, random_uniform

SIZE = 200_000


def bits(seed: int, size: int = SIZE) -> np.ndarray:
    return np.asarray(random_bits(jax.random.key(seed), (size,))).astype(np.int64)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("seed", [0, 1, 2**31])
def test_every_value_is_as_likely(seed):
    counts = np.bincount(bits(seed) >> 6, minlength=1024)
    assert stats.chisquare(counts).pvalue > 1e-3
    single = [(bits(seed) >> b & 1).mean() for b in range(16)]
    assert np.abs(np.array(single) - 0.5).max() < 5 * 0.5 / np.sqrt(SIZE)


@pytest.mark.parametrize("lag", [1, 2, 3, 7, 256, 722, 1444])
def test_entries_are_not_correlated(lag):
    drawn = bits(5)
    assert abs(correlation(drawn[:-lag], drawn[lag:])) < 5 / np.sqrt(SIZE)
    kept = drawn < 52429
    assert abs(correlation(kept[:-lag], kept[lag:])) < 5 / np.sqrt(SIZE)


def test_steps_are_not_correlated():
    base = jax.random.key(3)
    drawn = [np.asarray(random_bits(jax.random.fold_in(base, i), (SIZE,))).astype(float) for i in range(6)]
    found = [correlation(drawn[i], drawn[j]) for i in range(6) for j in range(i)]
    assert max(map(abs, found)) < 5 / np.sqrt(SIZE)


def test_keys_that_differ_in_one_bit_share_nothing():
    one, other = (
        np.asarray(random_bits(jax.random.wrap_key_data(np.array(k, np.uint32)), (SIZE,))).astype(float)
        for k in ([7, 9], [7, 8])
    )
    assert abs(correlation(one, other)) < 5 / np.sqrt(SIZE)
    assert (one == other).mean() < 1e-3


def test_uniform_is_uniform():
    drawn = np.asarray(random_uniform(jax.random.key(1), (SIZE,)))
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3


def test_an_odd_number_of_entries_has_its_shape():
    assert random_bits(jax.random.key(0), (3, 5, 7)).shape == (3, 5, 7)
