"""Anomalies: 12 of ADBench's sets, without labels or trained on normal rows, beside other detectors."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parts import results

NOTE = (
    "AUROC of `VAE().fit(train).anomaly_score(test)` with its defaults, and of scikit-learn's and PyOD's "
    "detectors with theirs, on the same splits; {mode}. Of large sets {most} rows, drawn anew by each "
    "seed. PCA: squared error without the components that hold 90% of the variance. Kernel: a Gaussian "
    "kernel density of the rows themselves with the bandwidth that our score has, so what the model adds "
    "to it. The form of our score and its one bandwidth were chosen by the mean over these sets (both "
    "modes, one split, 3000 rows, 30 epochs); no setting is a set's own. Mean over seeds; the last line "
    "also has its standard error, and in how many seeds vaefit's mean is the highest."
)
MODES = {
    "all": "unsupervised: trained on all rows, which are then scored",
    "normal": "trained on 70% of the normal rows, tested on all others",
}
MOST = 2000
NAMES = ()


class Split(NamedTuple):
    """Rows to fit, rows to score, and which of the latter are anomalies."""

    train: np.ndarray
    test: np.ndarray
    odd: np.ndarray


Case = tuple[str, str]  # mode, set
OfMode = dict[str, dict[str, list[float]]]  # set, detector: AUROC of each seed
Found = dict[str, OfMode]
Detector = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def main(seeds: tuple[int, ...], only: str | None) -> None:
    """Measure both modes on all sets, seed by seed; what there is by then is written after each."""
    del only
    found: Found = {mode: {name: {} for name in _paths()} for mode in MODES}
    for done, seed in enumerate(seeds, start=1):
        splits = {(mode, name): _split(path, seed, mode) for mode in MODES for name, path in _paths().items()}
        for (mode, name), aurocs in _measured(splits, seed):
            for detector, auroc in aurocs.items():
                found[mode][name].setdefault(detector, []).append(auroc)
            results.say(f"{mode}, {name}, {seed}: " + ", ".join(f"{d} {a:.3f}" for d, a in aurocs.items()))
        for mode, words in MODES.items():
            _write(mode, words, found[mode], seeds[:done])


def _paths() -> dict[str, Path]:
    stored = (results.DATA / "anomaly").glob("*.npz")
    paths = sorted(stored, key=lambda path: int(path.name.split("_", maxsplit=1)[0]))
    return {path.stem.split("_", maxsplit=1)[1]: path for path in paths}


def _split(path: Path, seed: int, mode: str) -> Split:
    with np.load(path) as stored:
        X, odd = stored["X"].astype(np.float64), stored["y"].astype(bool)
    some = np.random.default_rng(seed).permutation(len(X))[:MOST]
    X, odd = X[some], odd[some]
    if mode == "all":
        return Split(X, X, odd)
    normal = np.flatnonzero(~odd)
    train = normal[: int(0.7 * len(normal))]
    rest = np.setdiff1d(np.arange(len(X)), train)
    return Split(X[train], X[rest], odd[rest])


def _measured(splits: dict[Case, Split], seed: int) -> Iterator[tuple[Case, dict[str, float]]]:
    from sklearn.metrics import roc_auc_score

    ecod = _ecod(list(splits.values()))
    for (case, split), last in zip(splits.items(), ecod, strict=True):
        scores = {name: detect(split.train, split.test, seed) for name, detect in DETECTORS.items()}
        yield case, {n: float(roc_auc_score(split.odd, v)) for n, v in {**scores, "ECOD": last}.items()}


def _write(mode: str, words: str, found: dict[str, dict[str, list[float]]], seeds: tuple[int, ...]) -> None:
    detectors = list(next(iter(found.values())))
    about = results.about(seeds)
    blank = dict.fromkeys([*about, "vaefit first"], "")
    lines = [
        {"set": name} | {d: f"{np.mean(values[d]):.3f}" for d in detectors} | blank
        for name, values in found.items()
    ]
    means = {d: np.mean([values[d] for values in found.values()], axis=0) for d in detectors}
    first = int(np.sum(means["vaefit"] >= np.max([means[d] for d in detectors], axis=0)))
    last = {"set": "mean"} | {d: results.mean_and_error(means[d]) for d in detectors}
    lines.append(last | about | {"vaefit first": f"{first} of {len(seeds)} seeds"})
    results.write(f"Anomalies, {mode} rows", lines, note=NOTE.format(mode=words, most=MOST))
    print(f"{mode}: " + "  ".join(f"{d} {last[d]}" for d in detectors))


def _vaefit(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from vaefit import VAE

    return VAE(random_state=seed).fit(train).anomaly_score(test)


def _forest(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def _pca(train: np.ndarray, test: np.ndarray, _: int) -> np.ndarray:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    pca, x = PCA(0.9).fit(scaler.transform(train)), scaler.transform(test)
    return np.sum((x - pca.inverse_transform(pca.transform(x))) ** 2, axis=1)


def _kernel(train: np.ndarray, test: np.ndarray, _: int) -> np.ndarray:
    from sklearn.neighbors import KernelDensity

    from vaefit.evaluation.smoothed import BANDWIDTH, robust_sd

    sd = robust_sd(train)
    return -KernelDensity(bandwidth=BANDWIDTH).fit(train / sd).score_samples(test / sd)


def _ecod(splits: list[Split]) -> list[np.ndarray]:
    python = results.HERE / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        given, made = f"{folder}/splits.npz", f"{folder}/scores.npz"
        parts = {
            f"{part}-{i}": rows
            for i, s in enumerate(splits)
            for part, rows in (("train", s.train), ("test", s.test))
        }
        np.savez(given, **parts)
        subprocess.run([python, Path(__file__).parent / "pyod_side.py", given, made], check=True)
        with np.load(made) as scores:
            return [scores[str(i)] for i in range(len(splits))]


DETECTORS: dict[str, Detector] = {
    "vaefit": _vaefit,
    "isolation forest": _forest,
    "PCA": _pca,
    "kernel": _kernel,
}
