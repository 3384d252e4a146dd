"""Imputation at 50% missing completely at random: vaefit beside scikit-learn's, on the same masks.

All columns are standardised by the complete table, as Mattei & Frellsen 2019 (arXiv:1812.02633, table 2) do;
the number is the mean squared error of the cells taken out.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from parts import results

TITLE = "Imputation: half of the cells missing, mean squared error, standardised"
NOTE = (
    "All columns of the file, standardised by the complete table; the cells taken out are the same for every "
    "method of a seed. Mean ± standard error over masks. Paper: Mattei & Frellsen 2019, MIWAE."
)
SETS = {
    "banknote": ("banknote_authentication.csv", ",", 0.446),
    "concrete": ("concrete.data.txt", None, 0.501),
    "red wine": ("winequality-red.csv", ",", 0.643),
    "white wine": ("winequality-white.csv", ",", 0.735),
}
NAMES = (*SETS, "complete")
MISSING = 0.5
COMPLETE_TITLE = "Imputation: what there is to know, were all other rows complete"
COMPLETE_NOTE = (
    "The cells taken out above, predicted from the row's others by methods that see every OTHER row "
    "complete, which nobody who imputes does: a bound for judging the table above. Kernel: Gaussian kernel "
    "regression with the bandwidth that is best on the answers. Trees: extra trees for each pattern of "
    "missing cells, 10 folds (few columns only: patterns are many)."
)
MOST_PATTERNS = 32


def main(seeds: tuple[int, ...], only: str | None) -> None:
    """Measure every set, and write its line as soon as it is there."""
    if only in (None, "complete"):
        _from_complete_rows(seeds)
    for name, (file, separator, paper) in SETS.items():
        if only not in (None, name):
            continue
        table = _read(file, separator)
        found = {method: [] for method in METHODS}
        for seed in seeds:
            hidden = _hidden(table, seed)
            holed = np.where(hidden, np.nan, table)
            for method, impute in METHODS.items():
                error = _error(impute(holed, seed), table, hidden)
                found[method].append(error)
                results.say(f"{name}, seed {seed}, {method}: {error:.3f}")
        line = {"table": name, "rows x columns": f"{len(table)} x {table.shape[1]}"}
        line |= {method: results.mean_and_error(errors) for method, errors in found.items()}
        line |= {"MIWAE, paper": f"{paper:.3f}", **results.about(seeds)}
        results.write(TITLE, [line], note=NOTE)
        print("  ".join(f"{method} {line[method]}" for method in ("table", *METHODS, "MIWAE, paper")))


def _from_complete_rows(seeds: tuple[int, ...]) -> None:
    lines = []
    for name, (file, separator, _) in SETS.items():
        table = _read(file, separator)
        masks = [_hidden(table, seed) for seed in seeds]
        kernel = [min(_error(guess, table, hidden) for guess in _kernel(table, hidden)) for hidden in masks]
        line = {"table": name, "kernel": results.mean_and_error(kernel), "trees": "not run"}
        if 2 ** table.shape[1] <= MOST_PATTERNS:
            trees = [
                _error(_trees(table, hidden, seed), table, hidden)
                for seed, hidden in zip(seeds, masks, strict=True)
            ]
            line["trees"] = results.mean_and_error(trees)
        lines.append({**line, **results.about(seeds)})
        results.say(str(line))
    results.write(COMPLETE_TITLE, lines, note=COMPLETE_NOTE)


def _hidden(table: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(table.shape) < MISSING


def _error(guess: np.ndarray, table: np.ndarray, hidden: np.ndarray) -> float:
    return float(np.mean((guess - table)[hidden] ** 2))


def _kernel(table: np.ndarray, hidden: np.ndarray) -> Iterator[np.ndarray]:
    """Each cell from all other rows, weighted by their distance in the row's cells that are there."""
    there = (~hidden).astype(float)
    products = (there * table) @ table.T
    distance = (there * table**2).sum(axis=1)[:, None] - 2 * products + there @ (table**2).T
    np.fill_diagonal(distance, np.inf)
    for bandwidth in (0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7):
        logits = -distance / (2 * bandwidth**2)
        weight = np.exp(logits - logits.max(axis=1, keepdims=True))
        yield weight / weight.sum(axis=1, keepdims=True) @ table


def _trees(table: np.ndarray, hidden: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.model_selection import KFold

    guess = np.zeros_like(table)
    for rest, fold in KFold(10, shuffle=True, random_state=seed).split(table):
        for pattern in np.unique(hidden[fold], axis=0):
            rows = fold[(hidden[fold] == pattern).all(axis=1)]
            if pattern.all() or not pattern.any():
                guess[rows] = table[rest].mean(axis=0)
                continue
            few = np.sum(~pattern) <= 2
            trees = ExtraTreesRegressor(200, min_samples_leaf=10 if few else 3, random_state=seed)
            answers = table[rest][:, pattern]
            trees.fit(table[rest][:, ~pattern], answers[:, 0] if answers.shape[1] == 1 else answers)
            found = trees.predict(table[rows][:, ~pattern])
            guess[np.ix_(rows, np.flatnonzero(pattern))] = found.reshape(len(rows), -1)
    return guess


def _read(file: str, separator: str | None) -> np.ndarray:
    path = results.DATA / "tables" / file
    table = np.genfromtxt(path, delimiter=separator)
    table = table[~np.isnan(table).all(axis=1)]
    assert np.isfinite(table).all(), path
    return (table - table.mean(axis=0)) / table.std(axis=0)


def _vaefit(**settings: str) -> Callable[[np.ndarray, int], np.ndarray]:
    def impute(holed: np.ndarray, seed: int) -> np.ndarray:
        from vaefit import VAE

        # A row without any cell cannot be fitted, but can be imputed.
        some = ~np.isnan(holed).all(axis=1)
        return VAE(random_state=seed, **settings).fit(holed[some]).impute(holed)

    return impute


def _mean(holed: np.ndarray, _: int) -> np.ndarray:
    from sklearn.impute import SimpleImputer

    return SimpleImputer().fit_transform(holed)


def _neighbours(holed: np.ndarray, _: int) -> np.ndarray:
    from sklearn.impute import KNNImputer

    return KNNImputer(n_neighbors=10).fit_transform(holed)


def _ridge(holed: np.ndarray, seed: int) -> np.ndarray:
    return _iterated(holed, seed, None, 20)


def _forest(holed: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=50, max_features="sqrt", random_state=seed)
    return _iterated(holed, seed, forest, 10)


def _iterated(holed: np.ndarray, seed: int, of_column: object, rounds: int) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    with warnings.catch_warnings():
        # Half of the cells missing, rounds go on changing something.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return IterativeImputer(of_column, max_iter=rounds, random_state=seed).fit_transform(holed)


METHODS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "vaefit, recipe imputation": _vaefit(recipe="imputation"),
    "vaefit, recipe imputation-long": _vaefit(recipe="imputation-long"),
    "mean": _mean,
    "kNN": _neighbours,
    "iterative ridge": _ridge,
    "iterative forest": _forest,
}
