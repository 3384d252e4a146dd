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
MOST = 6000
NAMES = ()


class Split(NamedTuple):
    """Rows to fit, rows to score, and which of the latter are anomalies."""

    train: np.ndarray
    test: np.ndarray
    odd: np.ndarray


Detector = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def main(seeds: tuple[int, ...], only: str | None) -> None:
    """Measure both modes on all sets."""
    del only
    for mode, words in MODES.items():
        found: dict[str, dict[str, list[float]]] = {}
        for path in sorted((results.DATA / "anomaly").glob("*.npz"), key=lambda p: int(p.name.split("_")[0])):
            name = path.stem.split("_", 1)[1]
            splits = [_split(path, seed, mode) for seed in seeds]
            found[name] = dict(_measured(splits, seeds))
            results.say(
                f"{mode}, {name}: " + ", ".join(f"{m} {np.mean(v):.3f}" for m, v in found[name].items())
            )
        _write(mode, words, found, seeds)


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


def _measured(splits: list[Split], seeds: tuple[int, ...]) -> Iterator[tuple[str, list[float]]]:
    from sklearn.metrics import roc_auc_score

    for name, detect in DETECTORS.items():
        scores = [detect(s.train, s.test, seed) for s, seed in zip(splits, seeds, strict=True)]
        yield name, [float(roc_auc_score(s.odd, v)) for s, v in zip(splits, scores, strict=True)]
    yield "ECOD", [float(roc_auc_score(s.odd, v)) for s, v in zip(splits, _ecod(splits), strict=True)]


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
