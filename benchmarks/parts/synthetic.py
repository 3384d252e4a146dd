"""Synthetic rows of Adult: train on them and test on real ones; how alike they are, and whether copies."""

import numpy as np
import polars as pl

from parts import results

TITLE = "Synthetic rows: Adult"
NAMES = ()
NOTE = (
    "vaefit on 70% of the rows, as many rows drawn; the other 30% test. AUC: scikit-learn's "
    "HistGradientBoostingClassifier predicts income, trained on real or on synthetic rows, tested on real "
    "ones. Distances are 0 for equal columns: Kolmogorov-Smirnov of numbers, total variation of "
    "categories; beside each what two halves of the real rows have (the floor of sampling). Pairs: mean "
    "absolute difference of Pearson's correlations, correlation ratios and Cramer's V of all pairs of "
    "columns. Nearest: median distance to the nearest training row, synthetic against held-out real rows "
    "(1: as far as real rows are; near 0: copies), and the share of exact copies. Mean ± standard error "
    "over seeds."
)
MODELS = {"vaefit, recipe synthetic-rows": {"recipe": "synthetic-rows"}, "vaefit": {}}
TARGET = "income"
FOR_NEIGHBOURS = 2000


def main(seeds: tuple[int, ...], only: str | None) -> None:
    """Measure, and write a line for each model."""
    del only
    path = results.DATA / "tables" / "adult.csv"
    table = pl.read_csv(path)
    table = table.with_columns(pl.col(pl.String).str.strip_chars().replace("?", None))
    for model, settings in MODELS.items():
        found: dict[str, list[float]] = {}
        for seed in seeds:
            for name, value in _measure(table, seed, settings).items():
                found.setdefault(name, []).append(value)
                results.say(f"adult, {model}, seed {seed}, {name}: {value:.4f}")
        line = {"model": model} | {name: results.mean_and_error(values) for name, values in found.items()}
        results.write(TITLE, [line | results.about(seeds)], note=NOTE)
        print("  ".join(f"{name} {line[name]}" for name in ("model", *found)))


def _measure(table: pl.DataFrame, seed: int, settings: dict[str, str]) -> dict[str, float]:
    from vaefit import VAE

    order = np.random.default_rng(seed).permutation(len(table))
    cut = int(0.7 * len(table))
    train, test = table[order[:cut]], table[order[cut:]]
    model = VAE(random_state=seed, **settings).fit(train)
    made = model.sample(len(train), random_state=seed)
    real, fake = _auc(train, test, seed), _auc(made, test, seed)
    half, other = train[: cut // 2], train[cut // 2 :]
    near, copies = _nearest(*(rows.drop_nulls() for rows in (train, test, made)))
    return {
        "AUC, real": real,
        "AUC, synthetic": fake,
        "AUC, lost": real - fake,
        "columns": _columns(train, made),
        "columns, floor": _columns(half, other),
        "pairs": _pairs(train.drop_nulls(), made.drop_nulls()),
        "pairs, floor": _pairs(half.drop_nulls(), other.drop_nulls()),
        "nearest": near,
        "copies": copies,
        "copies among held-out": _copies(train, test),
        "seconds to fit": float(model.history_[-1]["seconds"]),
    }


def _auc(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    features = [name for name in test.columns if name != TARGET]
    levels = {name: _levels(train, test, name) for name in features if test[name].dtype == pl.String}

    def numbers(rows: pl.DataFrame) -> np.ndarray:
        return np.stack([_codes(rows, name, levels.get(name)) for name in features], axis=1)

    booster = HistGradientBoostingClassifier(
        categorical_features=[name in levels for name in features], random_state=seed
    )
    positive = sorted(test[TARGET].unique())[-1]
    booster.fit(numbers(train), (train[TARGET] == positive).to_numpy())
    return float(
        roc_auc_score((test[TARGET] == positive).to_numpy(), booster.predict_proba(numbers(test))[:, 1])
    )


def _columns(real: pl.DataFrame, other: pl.DataFrame) -> float:
    from scipy.stats import ks_2samp

    found = []
    for name in real.columns:
        if real[name].dtype == pl.String:
            levels = _levels(real, other, name)
            shares = []
            for rows in (real[name].drop_nulls(), other[name].drop_nulls()):
                shares.append(np.mean(rows.to_numpy()[:, None] == np.array(levels)[None, :], axis=0))
            found.append(np.abs(shares[0] - shares[1]).sum() / 2)
        else:
            found.append(ks_2samp(real[name].to_numpy(), other[name].to_numpy()).statistic)
    return float(np.mean(found))


def _pairs(real: pl.DataFrame, other: pl.DataFrame) -> float:
    upper = np.triu_indices(len(real.columns), 1)
    return float(np.mean(np.abs(_associations(real) - _associations(other))[upper]))


def _associations(rows: pl.DataFrame) -> np.ndarray:
    """|correlation| of numbers, Cramer's V of categories, the correlation ratio of one and the other."""
    # Every column as what it is centred and orthonormal in: a number, or the indicators of its categories.
    spans = [_span(rows[name]) for name in rows.columns]
    n = len(spans)
    found = np.eye(n)
    for i in range(n):
        for j in range(i + 1, n):
            squared = np.sum((spans[i].T @ spans[j]) ** 2)
            most = min(spans[i].shape[1], spans[j].shape[1])
            found[i, j] = found[j, i] = np.sqrt(squared / max(most, 1))
    return found


def _span(column: pl.Series) -> np.ndarray:
    if column.dtype != pl.String:
        centred = column.to_numpy().astype(float) - column.mean()
        return (centred / (np.linalg.norm(centred) or 1.0))[:, None]
    levels = sorted(column.unique())
    indicators = column.to_numpy()[:, None] == np.array(levels)[None, :]
    shares = indicators.mean(axis=0)
    scaled = (indicators - shares) / np.sqrt(shares * len(column))
    # One direction fewer than levels: the constant is gone, and the trace counts it right.
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    return left[:, sizes > 1e-9]


def _nearest(train: pl.DataFrame, test: pl.DataFrame, made: pl.DataFrame) -> tuple[float, float]:
    from sklearn.neighbors import NearestNeighbors

    columns = list(zip(*(_plain(train, rows) for rows in (train, test, made)), strict=True))
    rows = [np.concatenate(part, axis=1) for part in zip(*columns, strict=True)]
    index = NearestNeighbors(n_neighbors=1).fit(rows[0])
    near = [np.median(index.kneighbors(part[:FOR_NEIGHBOURS])[0]) for part in rows[1:]]
    return float(near[1] / near[0]), _copies(train, made)


def _plain(train: pl.DataFrame, rows: pl.DataFrame) -> list[np.ndarray]:
    """Columns of numbers by their standard deviations, categories so that two that differ are 1 apart."""
    found = []
    for name in train.columns:
        if train[name].dtype == pl.String:
            levels = np.array(sorted(train[name].unique()))
            found.append((rows[name].to_numpy()[:, None] == levels[None, :]) / np.sqrt(2))
        else:
            numbers = train[name].to_numpy().astype(float)
            found.append(((rows[name].to_numpy() - numbers.mean()) / numbers.std())[:, None])
    return found


def _copies(train: pl.DataFrame, rows: pl.DataFrame) -> float:
    known = set(train.iter_rows())
    return float(np.mean([row in known for row in rows.iter_rows()]))


def _levels(a: pl.DataFrame, b: pl.DataFrame, name: str) -> list[str]:
    return sorted({*a[name].drop_nulls(), *b[name].drop_nulls()})


def _codes(rows: pl.DataFrame, name: str, levels: list[str] | None) -> np.ndarray:
    if levels is None:
        return rows[name].to_numpy().astype(float)
    places = {level: float(place) for place, level in enumerate(levels)}
    return np.array([places.get(cell, np.nan) for cell in rows[name]])
