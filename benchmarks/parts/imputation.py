"""Imputation at 50% missing completely at random: vaefit beside scikit-learn's, on the same masks.

All columns are standardised by the complete table, as Mattei & Frellsen 2019 (arXiv:1812.02633, table 2) do;
the number is the mean squared error of the cells taken out.
"""

import warnings
from collections.abc import Callable

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
NAMES = tuple(SETS)
MISSING = 0.5


def main(seeds: tuple[int, ...], only: str | None) -> None:
    """Measure every set, and write its line as soon as it is there."""
    for name, (file, separator, paper) in SETS.items():
        if only not in (None, name):
            continue
        table = _read(file, separator)
        found = {method: [] for method in METHODS}
        for seed in seeds:
            hidden = np.random.default_rng(seed).random(table.shape) < MISSING
            holed = np.where(hidden, np.nan, table)
            for method, impute in METHODS.items():
                error = np.mean((impute(holed, seed) - table)[hidden] ** 2)
                found[method].append(float(error))
                results.say(f"{name}, seed {seed}, {method}: {error:.3f}")
        line = {"table": name, "rows x columns": f"{len(table)} x {table.shape[1]}"}
        line |= {method: results.mean_and_error(errors) for method, errors in found.items()}
        line |= {"MIWAE, paper": f"{paper:.3f}", **results.about(seeds)}
        results.write(TITLE, [line], note=NOTE)
        print("  ".join(f"{method} {line[method]}" for method in ("table", *METHODS, "MIWAE, paper")))


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
