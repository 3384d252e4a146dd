"""Probing: scores against closed forms, draws that are the same for all features, labels of every kind."""

import numpy as np
import pytest
from scipy import stats

import vaefit
from vaefit import DataError, SettingsError, ShapeError
from vaefit.data import Dataset, read_labelled
from vaefit.display import Silent
from vaefit.probing.classify import auc, fit_and_predict, scores
from vaefit.probing.draws import at_most, curves, hold_out, shuffled
from vaefit.probing.features import Sides, features, fitted_rows, standardised
from vaefit.probing.result import METRICS, Probe, interval

CLASSES = 3


@pytest.fixture(scope="module")
def planted():
    """Classes of 60 rows and 300 test rows; features that tell them, and features that know nothing."""
    rng = np.random.default_rng(0)
    y, y_test = np.arange(60) % CLASSES, np.arange(300) % CLASSES
    told = Sides(*(np.eye(CLASSES, dtype=np.float32)[c] for c in (y, y_test)))
    blind = Sides(*(rng.normal(size=(len(c), 4)).astype(np.float32) for c in (y, y_test)))
    kinds = {"vae": told, "raw": blind, "pca": told}
    found = curves(
        {name: (lambda _, s=sides: s) for name, sides in kinds.items()},
        y,
        y_test,
        per_class=(4, 12),
        draws=6,
        seed=0,
        shares=np.full(CLASSES, 1 / CLASSES),
        progress=lambda done, total: None,
    )
    return Probe(tuple(kinds), {}, (4, 12), found, ("a", "b", "c"), 60, 300, "none")


@pytest.mark.parametrize("metric", METRICS)
def test_features_that_tell_the_class_get_everything_right(planted, metric):
    assert planted.score("vae", 4, metric) == (1.0, 1.0, 1.0)


def test_features_that_know_nothing_score_as_chance_does(planted):
    assert abs(planted.score("raw", 12, "auc").mean - 0.5) < 0.06
    assert abs(planted.score("raw", 12, "balanced_accuracy").mean - 1 / CLASSES) < 0.08


@pytest.mark.parametrize("metric", METRICS)
def test_equal_features_differ_by_exactly_nothing(planted, metric):
    """The draws are paired: the same rows, folds and seeds for all features."""
    assert planted.difference("pca", 4, metric) == (0.0, 0.0, 0.0)


def test_interval_of_a_difference_is_students_for_paired_draws(planted):
    ours, theirs = planted.scores[0, 1, :, 2], planted.scores[1, 1, :, 2]
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    found = planted.difference("raw", 12, "auc")
    assert found.mean == pytest.approx(np.mean(ours - theirs))
    assert found[1:] == pytest.approx(tuple(expected))
    assert found.clear_of_zero


def test_interval_by_hand():
    # mean 2, sd 1, n 4, t(0.975; 3) = 3.18245
    values = 2 + np.array([-1, -1, 1, 1]) * np.sqrt(3) / 2
    assert interval(values) == pytest.approx((2.0, 2 - 3.18245 / 2, 2 + 3.18245 / 2), abs=1e-5)


def test_auc_of_two_gaussians():
    """AUC = Phi(d / sqrt 2) for unit normals a distance d apart."""
    rng = np.random.default_rng(0)
    positive = np.arange(20_000) % 2 == 1
    values = rng.normal(size=20_000) + 1.0 * positive
    assert auc(values, positive) == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.01)
    assert auc(np.zeros(20_000), positive) == 0.5
    assert auc(-values, positive) == pytest.approx(1 - auc(values, positive))


def test_scores_by_hand():
    log_p = np.log([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    accuracy, balanced, area = scores(log_p, np.array([0, 0, 1, 1]), np.array([0.9, 0.1]))
    assert (accuracy, balanced) == pytest.approx((0.5, 0.5))
    # Pairs of class 1 above class 0 by p(1): 0.2 > 0.1, 0.7 > 0.1, 0.7 > 0.6, but not 0.2 > 0.6.
    assert area == pytest.approx(0.75)
    log_p[1] = log_p[0]
    accuracy, balanced, _ = scores(log_p, np.array([0, 0, 1, 1]), np.array([0.9, 0.1]))
    assert (accuracy, balanced) == pytest.approx((0.95, 0.75))


def test_more_columns_than_rows_make_no_difference_but_to_speed():
    """Columns that are always zero, more of them than rows, leave the probabilities as they are."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x, x_test = (rng.normal(size=(n, 6)) + np.resize([0, 1], n)[:, None] for n in (40, 20))
    wide, wide_test = (np.pad(side, ((0, 0), (0, 60))) for side in (x, x_test))
    expected, found = fit_and_predict(x, y, x_test, 0), fit_and_predict(wide, y, wide_test, 0)
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_draw_depends_on_seed_and_number_alone_and_knows_the_classes():
    y = np.arange(30) % CLASSES
    first, again, other = shuffled(y, 1, 0), shuffled(y, 1, 0), shuffled(y, 2, 0)
    for c in range(CLASSES):
        np.testing.assert_array_equal(first[c], again[c])
        assert set(y[first[c]]) == {c}
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_held_out_rows_are_a_share_of_each_class_in_blocks():
    labels = ["a"] * 100 + ["b"] * 20
    dataset = Dataset.from_array(np.arange(120.0)[:, None], labels=labels)
    kept, held = hold_out(dataset, 0.3, 0)
    assert sorted([*kept.values[:, 0], *held.values[:, 0]]) == list(range(120))
    assert held.labels is not None
    assert (held.labels.count("a"), held.labels.count("b")) == (30, 6)
    gaps = np.flatnonzero(np.diff(held.values[:30, 0]) > 1)
    assert len(gaps) <= 5


def test_a_cap_on_test_rows_spares_rare_classes():
    y = np.repeat([0, 1, 2], [5, 50, 1000])
    assert np.bincount(y[at_most(y, 105, 0)]).tolist() == [5, 50, 50]
    assert len(at_most(y, 10_000, 0)) == len(y)


def test_standardised_columns_use_the_first_side_only():
    rng = np.random.default_rng(0)
    rows, test = (np.column_stack([rng.normal(3, 2, 50), np.full(50, 7.3)]) for _ in range(2))
    found = standardised(Sides(rows, test))
    assert found.rows.mean(0) == pytest.approx([0, 0], abs=1e-6)
    assert found.rows.std(0) == pytest.approx([1, 0], abs=1e-6)
    np.testing.assert_allclose(
        found.test[:, 0], (test[:, 0] - rows[:, 0].mean()) / rows[:, 0].std(), rtol=1e-5
    )


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A small run of the digits, from a file."""
    path = tmp_path_factory.mktemp("data") / "digits.npy"
    np.save(path, digits[:600])
    small = {"encoder_layers": (8,), "decoder_layers": (8,), "latent_dim": 4, "epochs": 1, "mirror": False}
    return vaefit.fit(path, **small)


def test_features_are_of_one_size_and_pca_is_fitted_to_the_runs_own_rows(run, digits):
    rows = Dataset.from_array(digits[:100])
    own = fitted_rows(run)
    assert own is not None and own.n == 540
    found = features(run, rows, rows, own, seed=0)
    assert {name: feature(0).rows.shape[1] for name, feature in found.items()} == {
        "vae": 4,
        "raw": 64,
        "pca": 4,
        "random": 4,
    }
    centred = run.inputs(own) - run.inputs(own).mean(0)
    _, _, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    scores_of = (run.inputs(rows) - run.inputs(own).mean(0)) @ axes[:4].T
    expected = (scores_of - scores_of.mean(0)) / scores_of.std(0)
    np.testing.assert_allclose(np.abs(found["pca"](0).rows), np.abs(expected), atol=1e-3)
    assert (found["random"](0).rows != found["random"](1).rows).any()
    np.testing.assert_array_equal(found["random"](0).rows, found["random"](0).test)


def test_digits_from_python(run, digits):
    from sklearn.datasets import load_digits

    y = load_digits().target
    arguments = {"test": digits[600:900], "test_labels": y[600:900], "draws": 2, "per_class": (5, 30, 1000)}
    found = vaefit.probe(run, digits[:600], y[:600], **arguments)
    assert found.per_class == (5, 30)
    assert found.classes == tuple("0123456789")
    assert found.score("raw", 30, "accuracy").mean > 0.85
    assert found.score("raw", 30, "auc").mean > found.score("raw", 5, "auc").mean
    # The same draws again, also where fewer sizes are asked for.
    again = vaefit.probe(run, digits[:600], y[:600], **{**arguments, "per_class": (5,)})
    np.testing.assert_array_equal(found.scores[:, :1], again.scores)


def test_labels_from_every_place_are_the_same(tmp_path):
    x, y = np.arange(12.0).reshape(6, 2), [1, 2, 1, 2, 1, 2]
    rows = [f"{a},{c},{b}" for (a, b), c in zip(x, y, strict=True)]
    (tmp_path / "named.csv").write_text("\n".join(["first,kind,second", *rows]))
    (tmp_path / "bare.csv").write_text("\n".join(rows))
    np.savez(tmp_path / "two.npz", x=x, y=np.asarray(y, np.float64))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    (tmp_path / "y.txt").write_text("kind\n" + "\n".join(map(str, y)) + "\n")
    places = {"named.csv": "kind", "bare.csv": "c1", "two.npz": "y", "x.npy": str(tmp_path / "y.npy")}
    for name, labels in [*places.items(), ("x.npy", str(tmp_path / "y.txt"))]:
        found = read_labelled(tmp_path / name, labels)
        assert found.labels == ("1", "2", "1", "2", "1", "2"), name
        np.testing.assert_array_equal(found.values, x)
        assert read_labelled(tmp_path / name, labels, limit=3).labels == ("1", "2", "1")


def test_a_column_of_text_may_hold_labels(tmp_path):
    import polars as pl

    frame = pl.DataFrame({"x": [1.5, 2.5], "kind": ["good ", "bad"]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        found = read_labelled(tmp_path / name, "kind")
        assert (found.labels, found.columns) == (("good", "bad"), ("x",))


def test_only_the_deepest_folder_is_the_label(digits, tmp_path):
    from PIL import Image

    for name in ("train/face", "train/other"):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(digits[0]).save(tmp_path / name / "0.png")
    assert read_labelled(tmp_path).labels == ("face", "other")


@pytest.mark.parametrize(
    ("labels", "options", "error", "message"),
    [
        (None, {}, DataError, "expected rows in folders"),
        ([0] * 60, {}, DataError, "expected labels of at least two classes, found only '0'"),
        ([0, 1] * 29, {}, ShapeError, "expected a label for each of 60 rows, found 58"),
        ([0, 1] * 30, {"per_class": (100,)}, DataError, "expected at least 100 rows of every class"),
        ([0, *[1] * 59], {}, DataError, "expected at least 2 rows of every class, found 1 of '0'"),
        ([0, 1] * 30, {"per_class": (1,)}, SettingsError, "at least 2 labels a class"),
        ([0, 1] * 30, {"draws": 1}, SettingsError, "at least 2 draws"),
        ([0, 1] * 30, {"test": 1.5}, SettingsError, "test share between 0 and 1"),
        ([0, float("nan")] * 30, {}, DataError, "expected a label in every row, found none in row 2"),
    ],
)
def test_mistakes(run, digits, labels, options, error, message):
    with pytest.raises(error, match=message):
        vaefit.probe(run, digits[:60], labels, **options)


def test_test_rows_of_other_classes_are_left_out_and_missing_classes_refused(run, digits):
    said = []

    class Noting(Silent):
        def notice(self, message):
            said.append(message)

    half = [0, 1] * 30
    found = vaefit.probe(
        run,
        digits[:60],
        half,
        test=digits[60:90],
        test_labels=[0, 1, 2] * 10,
        per_class=(5, 40),
        draws=2,
        display=Noting(),
    )
    assert found.test_rows == 20
    assert any("left out 10 test rows" in s for s in said)
    assert any("left out 40 labels a class: class '0' has 30 rows" in s for s in said)
    with pytest.raises(DataError, match="expected test rows of every class, found none of '1'"):
        vaefit.probe(run, digits[:60], half, test=digits[:5], test_labels=[0] * 5, draws=2)
