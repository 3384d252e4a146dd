"""`vaefit.VAE` on tables: frames of any columns and arrays with missing cells."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from vaefit import VAE, SettingsError

SMALL: dict[str, Any] = {"epochs": 30, "latent_dim": 1, "encoder_layers": (), "decoder_layers": ()}
N = 300


def rows() -> pl.DataFrame:
    """A number, a whole number and a word that one latent explains; a seventh of the cells missing."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=N)
    frame = pl.DataFrame(
        {
            "size": 2 * z + 0.2 * rng.normal(size=N),
            "age": np.round(40 + 10 * z + rng.normal(size=N)).astype(np.int64),
            "kind": np.where(z + 0.3 * rng.normal(size=N) > 0, "large", "small"),
        }
    )
    holes = rng.random((N, 3)) < 1 / 7
    holes[holes.all(axis=1)] = False
    empty = [
        pl.when(pl.Series(hole)).then(None).otherwise(pl.col(n)).alias(n)
        for n, hole in zip(frame.columns, holes.T, strict=True)
    ]
    return frame.with_columns(*empty, pl.lit("all").alias("same"), good=pl.Series(z > 1))


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return rows()


@pytest.fixture(scope="module")
def fitted(frame: pl.DataFrame) -> VAE:
    return VAE(random_state=0, learning_rate=1e-2, **SMALL).fit(frame)


def test_frames_of_any_columns(frame: pl.DataFrame, fitted: VAE) -> None:
    assert fitted.run_.settings.likelihood == "columns" and fitted.n_features_in_ == 5
    assert fitted.feature_names_in_.tolist() == frame.columns
    z = fitted.transform(frame)
    assert z.shape == (N, 1) and z.dtype == np.float64 and np.isfinite(z).all()
    for made in (fitted.sample(N, random_state=0), fitted.reconstruct(frame), fitted.inverse_transform(z)):
        assert isinstance(made, pl.DataFrame) and made.schema == frame.schema and made.height == N
        assert set(made["kind"]) == {"large", "small"} and set(made["same"]) == {"all"}
        assert made.null_count().sum_horizontal().item() == 0
    close = fitted.reconstruct(frame)
    both = frame["kind"].is_not_null()
    assert (close["kind"] == frame["kind"]).filter(both).mean() > 0.85
    scores = fitted.score_samples(frame)
    assert fitted.score(frame) == pytest.approx(scores.mean())
    odd = frame.head(1).with_columns(size=pl.lit(9.0), age=pl.lit(10, pl.Int64), kind=pl.lit("large"))
    assert fitted.anomaly_score(odd)[0] > fitted.anomaly_score(frame).max()


def test_imputing_leaves_what_is_there(frame: pl.DataFrame, fitted: VAE) -> None:
    full = fitted.impute(frame)
    tables = fitted.impute(frame, multiple=2)
    assert len(tables) == 2 and not tables[0].equals(tables[1])
    for made in (full, *tables):
        assert made.schema == frame.schema
        for name in frame.columns:
            there = frame[name].is_not_null()
            assert made[name].null_count() == 0
            assert made[name].filter(there).equals(frame[name].filter(there))
    hidden = frame.drop_nulls().with_columns(size=pl.lit(None, pl.Float64))
    guess = fitted.impute(hidden)["size"].to_numpy()
    assert np.corrcoef(guess, frame.drop_nulls()["size"].to_numpy())[0, 1] > 0.9
    # Draws far out in a tail, where nothing was seen, would carry a mean with them.
    drawn = np.concatenate([made["size"].to_numpy() for made in fitted.impute(hidden, multiple=30)])
    seen = frame["size"].drop_nulls().to_numpy()
    assert seen.min() <= drawn.min() and drawn.max() <= seen.max()


def test_columns_that_are_not_there(frame: pl.DataFrame, fitted: VAE) -> None:
    less = frame.drop("age").with_columns(extra=pl.lit(1))
    with pytest.raises(ValueError, match="now missing:\n- age"):
        fitted.transform(less)
    full = fitted.impute(less)
    assert full.columns == [*frame.columns, "extra"]
    assert full["age"].dtype == pl.Int64 and full["age"].null_count() == 0
    with pytest.raises(ValueError, match=r"(?s)huge.*row 1"):
        fitted.transform(frame.with_columns(kind=pl.lit("huge")))


def test_tables_come_back_from_pickles_and_folders(frame: pl.DataFrame, fitted: VAE, tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    assert again.sample(3, random_state=1).equals(fitted.sample(3, random_state=1))
    fitted.save(tmp_path / "run")
    loaded = VAE.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.transform(frame), fitted.transform(frame))
    # The folder knows numbers and words; not that these words were truth values.
    assert loaded.sample(3).dtypes == [pl.Float64, pl.Int64, pl.String, pl.String, pl.String]


def test_arrays_with_missing_cells_are_numbers(frame: pl.DataFrame, fitted: VAE) -> None:
    assert (
        get_tags(VAE()).input_tags.allow_nan and not get_tags(VAE(likelihood="gaussian")).input_tags.allow_nan
    )
    X = frame.select("size", "age", grade=(pl.col("age") // 20)).to_numpy()
    X = np.column_stack([X, np.ones(N)])
    vae = clone(fitted).set_params(epochs=2).fit(X, sample_weight=np.arange(N) % 2)
    schema = vae.run_.transform.schema  # pyright: ignore[reportAttributeAccessIssue]
    assert [column.type for column in schema] == ["real"] * 4
    full = vae.impute(X)
    np.testing.assert_array_equal(full[~np.isnan(X)], X[~np.isnan(X)])
    assert np.isfinite(full).all() and vae.impute(X.astype(np.float32)).dtype == np.float32
    assert vae.sample(4).shape == vae.reconstruct(X[:4]).shape == (4, 4)
    np.testing.assert_array_equal(vae.sample(4)[:, 3], 1.0)
    assert vae.partial_fit(X[:50]).score(X) < 0
    with pytest.raises(ValueError, match="X has 2 features"):
        vae.transform(X[:, :2])
    with pytest.raises(ValueError, match="infinity"):
        vae.transform(np.full((1, 4), np.inf))


def test_types_can_be_given_and_pipelines_take_frames(frame: pl.DataFrame) -> None:
    vae = VAE(random_state=0, column=["age=positive"], **{**SMALL, "epochs": 1})
    found = make_pipeline(vae).fit(frame)[-1]
    types = {column.name: column.type for column in found.run_.transform.schema}
    assert types == {
        "size": "real",
        "age": "positive",
        "kind": "binary",
        "same": "constant",
        "good": "binary",
    }


def test_complete_numbers_are_no_table(fitted: VAE) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    plain = clone(fitted).set_params(epochs=1).fit(pl.DataFrame(X, schema=["a", "b"]))
    assert plain.run_.transform.kind == "standardise"
    with pytest.raises(ValueError, match="NaN"):
        plain.transform(np.array([[np.nan, 1.0]]))
    with pytest.raises(SettingsError, match="takes no missing cells"):
        plain.impute(X)


def test_pandas_frames_are_given_back(frame: pl.DataFrame, fitted: VAE) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame({name: frame[name].to_list() for name in frame.columns}, index=range(7, N + 7))
    vae = clone(fitted).fit(table)
    np.testing.assert_allclose(vae.transform(table), fitted.transform(frame), atol=1e-5)
    full = vae.impute(table)
    assert full.index.equals(table.index) and not full.isna().to_numpy().any()
    assert vae.sample(3).dtypes.tolist() == table.dtypes.tolist()
    assert vae.impute(table.drop(columns="age")).columns.tolist() == frame.columns
