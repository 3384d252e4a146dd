"""Logistic regression whose strength of regularisation is chosen inside the labelled rows, and its scores."""

import warnings
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

# Variance of the Gaussian prior on each weight, for standardised features: scikit-learn's C.
STRENGTHS = tuple(10.0**power for power in range(-4, 2))
FOLDS = 5
FEW = 500  # labelled rows up to which all folds are run; beyond, the first one alone
TOLERANCE = 3e-4


# On matrices of this size threads of BLAS wait for each other: ten times slower on two busy cores.
@threadpool_limits.wrap(limits=1, user_api="blas")
def fit_and_predict(
    x: Float[np.ndarray, "rows variables"],
    y: Int[np.ndarray, " rows"],
    x_test: Float[np.ndarray, "test variables"],
    seed: int,
) -> Float[np.ndarray, "test classes"]:
    """Log-probabilities of the classes of test rows, by an L2-penalised logistic regression.

    The strength is that of the best log-loss in stratified cross-validation inside (x, y): five folds, or
    one split of them where there are more than 500 rows.
    """
    basis = _row_space(x)
    if basis is not None:
        x, x_test = x @ basis, x_test @ basis
    return _log_probabilities(_fitted(_model(_best_strength(x, y, seed)), x, y), x_test)


def scores(
    log_p: Float[np.ndarray, "rows classes"],
    y: Int[np.ndarray, " rows"],
    shares: Float[np.ndarray, " classes"],
) -> Float[np.ndarray, " metrics"]:
    """Accuracy (with classes in these shares), balanced accuracy, and AUC (one against the rest, mean)."""
    predicted, classes = log_p.argmax(axis=1), range(log_p.shape[1])
    recall = np.array([np.mean(predicted[y == c] == c, dtype=np.float64) for c in classes])
    areas = [auc(log_p[:, c], y == c) for c in classes]
    return np.array([recall @ shares, recall.mean(), np.mean(areas)])


def auc(values: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive row has a higher value than a negative one; ties count half.

    Source: Hanley & McNeil 1982, Radiology 143.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    ones, zeros = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values)[positive].sum()
    return float((ranks - ones * (ones + 1) / 2) / (ones * zeros))


def _row_space(x: np.ndarray) -> np.ndarray | None:
    """An orthonormal basis of the span of fewer rows than columns, where the optimal weights lie."""
    return np.linalg.qr(x.T)[0] if len(x) < x.shape[1] else None


def _best_strength(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """From the strongest regularisation to weaker ones, until the held-out log-loss rises."""
    folds = [(_model(STRENGTHS[0]), *fold) for fold in _folds(y, seed)]
    best, lowest = STRENGTHS[0], np.inf
    for strength in STRENGTHS:
        losses = [
            _log_loss(_fitted(model.set_params(C=strength), x[train], y[train]), x[held], y[held])
            for model, train, held in folds
        ]
        if np.mean(losses) > lowest:
            break
        best, lowest = strength, np.mean(losses)
    return best


def _folds(y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    count = min(FOLDS, int(np.bincount(y).min()))
    pairs = StratifiedKFold(count, shuffle=True, random_state=seed).split(y, y)
    return pairs if len(y) <= FEW else iter([next(pairs)])


def _model(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, tol=TOLERANCE, max_iter=300, warm_start=True)


def _fitted(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        # Single precision may stop a line search early, at an optimum for all that matters here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def _log_probabilities(model: LogisticRegression, x: np.ndarray) -> np.ndarray:
    logits = model.decision_function(x)
    if logits.ndim == 1:
        logits = np.stack([np.zeros_like(logits), logits], axis=1)
    return log_softmax(np.asarray(logits, np.float64), axis=1)


def _log_loss(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> float:
    return -float(np.mean(_log_probabilities(model, x)[np.arange(len(y)), y]))
