"""Splitting rows: every row once, near the wanted fraction, the same for the same seed."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaefit.data import Dataset, split
from vaefit.data.split import _check, _closest_sum
from vaefit.errors import DataError, SettingsError


def rows(n: int, labels=None) -> Dataset:
    return Dataset.from_array(np.zeros((n, 1)), labels=labels)


@given(
    n=st.integers(2, 300),
    fraction=st.floats(0, 0.999),
    by=st.sampled_from(["block", "random"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_row_is_in_one_part(n, fraction, by, seed):
    train, validation = split(rows(n), fraction, by, seed)
    assert sorted([*train, *validation]) == list(range(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    if fraction:
        assert len(validation) == min(max(1, round(fraction * n)), n - 1)
    else:
        assert not len(validation)
    again = split(rows(n), fraction, by, seed)
    np.testing.assert_array_equal(validation, again[1])


def test_blocks_are_five_evenly_spaced_and_move_with_the_seed():
    firsts = set()
    for seed in range(20):
        _, validation = split(rows(1000), 0.1, "block", seed)
        starts = validation[np.flatnonzero(np.diff(validation, prepend=-2) > 1)]
        assert len(starts) == 5
        assert set(np.diff(starts)) == {200}
        firsts.add(starts[0])
    assert len(firsts) > 10


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.floats(0.01, 0.99), st.integers(0, 99))
def test_groups_stay_whole_and_come_closest(sizes, fraction, seed):
    labels = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
    n = len(labels)
    train, validation = split(rows(n, labels), fraction, "group", seed)
    assert sorted([*train, *validation]) == list(range(n))
    assert len(train)
    assert len(validation)
    assert not {labels[i] for i in train} & {labels[i] for i in validation}
    wanted = min(max(1, round(fraction * n)), n - 1)
    sums = {sum(c) for k in range(1, len(sizes)) for c in itertools.combinations(sizes, k)}
    assert abs(len(validation) - wanted) == min(abs(s - wanted) for s in sums)


def test_many_groups_of_odd_sizes():
    sizes = np.random.default_rng(0).integers(1, 50, 1000).tolist()
    chosen = _closest_sum(sizes, 2500)
    assert len(set(chosen)) == len(chosen)
    assert sum(sizes[i] for i in chosen) == 2500


def test_groups_depend_on_the_seed():
    data = rows(40, [str(i // 4) for i in range(40)])
    assert len({tuple(split(data, 0.3, "group", seed)[1]) for seed in range(10)}) > 5


@pytest.mark.parametrize(
    ("data", "fraction", "by", "kind", "fragment"),
    [
        (rows(1), 0.1, "block", DataError, "at least 2 rows"),
        (rows(5), 0.1, "group", DataError, "at least two labels"),
        (rows(2, ["a", "a"]), 0.1, "group", DataError, "found 1"),
        (rows(5), 1.0, "block", SettingsError, "below 1"),
        (rows(5), -0.1, "block", SettingsError, "at least 0"),
        (rows(5), float("nan"), "block", SettingsError, "nan"),
    ],
)
def test_mistakes(data, fraction, by, kind, fragment):
    with pytest.raises(kind, match=fragment):
        split(data, fraction, by, 0)


def test_an_unknown_way_to_split():
    with pytest.raises(SettingsError, match="block, random, group, found 'luck'"):
        _check(rows(5), 0.1, "luck")


def test_nothing_kept_back():
    train, validation = split(rows(1), 0, "block", 0)
    assert (train.tolist(), validation.tolist()) == ([0], [])
