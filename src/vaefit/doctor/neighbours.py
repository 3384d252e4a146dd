"""Held-out rows that are nearly training rows: a validation score that flatters."""

import numpy as np
from jaxtyping import Float, Int

from vaefit.doctor.evidence import Evidence, Rows
from vaefit.doctor.finding import Finding

# In m dimensions the nearest of ten neighbours is this near by chance with probability 1 - (1 - 0.05^m)^9:
# once
# in 45 rows for m = 2, in 900 for m = 3. Copies with noise are far nearer.
NEAR, NEAREST, MANY_COPIES = 0.05, 10, 0.1
# Rows this close in the file are neighbours in it; further than that, they are not.
NEXT, FAR = 5, 50
# Most rows' nearest training row lies beside them in the file, at less than this share of the distance to the
# nearest one that does not: a random split has put copies on both sides.
MOSTLY, CLOSER = 0.5, 0.7
# As many products as take about a second, as many pairs as fit into 100 MB.
WORK, PAIRS = 2e10, 2e7


def near_copies(evidence: Evidence) -> Finding | None:
    """Held-out rows with one training row far nearer than the next ones."""
    assert evidence.train is not None and evidence.held_out is not None
    if len(evidence.train.x) <= NEAREST or evidence.train.x.shape[1] < 3:
        return None
    some = _affordable(evidence.train, evidence.held_out)
    distances = np.sqrt(np.partition(_squared(some.x, evidence.train.x), NEAREST - 1, axis=1)[:, :NEAREST])
    nearest, tenth = distances.min(axis=1), distances.max(axis=1)
    # Exact copies have a check of their own.
    share = float(((nearest > 0) & (nearest < NEAR * tenth)).mean())
    if share <= MANY_COPIES:
        return None
    return Finding(
        "near-copies",
        "warning",
        f"{share:.0%} of the held-out rows are nearly a training row: its distance is less than "
        f"{NEAR:g} of that to the tenth nearest",
        "leave near-copies out, or keep them together with --validation-by group (folders) or block",
        {"share": share},
    )


def neighbours_in_order(evidence: Evidence) -> Finding | None:
    """Held-out rows whose nearest training row stood beside them in the data."""
    train, held_out = evidence.train, evidence.held_out
    assert train is not None and held_out is not None
    if train.positions is None or held_out.positions is None:
        return None
    some = _affordable(train, held_out)
    squared, apart = _squared(some.x, train.x), _apart(some, train)
    beside = apart[np.arange(len(squared)), squared.argmin(axis=1)] <= NEXT
    elsewhere = np.where(apart > FAR, squared, np.inf).min(axis=1)
    closeness = float(np.median(np.sqrt(squared.min(axis=1) / np.maximum(elsewhere, 1e-30))))
    share, chance = float(beside.mean()), 2 * NEXT / (len(train.x) + len(held_out.x))
    if share <= max(MOSTLY, 10 * chance) or closeness >= CLOSER:
        return None
    return Finding(
        "validation beside training",
        "warning",
        f"for {share:.0%} of the validation rows the nearest training row stands within {NEXT} rows of it "
        "in the "
        f"data (by chance {chance:.1%}), at {closeness:.2f} of the distance to any other: near-copies are "
        "on both sides, and over-fitting is hidden",
        "hold out blocks with --validation-by block",
        {"share": share, "chance": chance, "closeness": closeness},
    )


def _affordable(train: Rows, held_out: Rows) -> Rows:
    return held_out.thinned(max(16, int(min(WORK / train.x.size, PAIRS / len(train.x)))))


def _squared(
    a: Float[np.ndarray, "some variables"], b: Float[np.ndarray, "rows variables"]
) -> Float[np.ndarray, "some rows"]:
    """Squared distances of all pairs."""
    mean = b.mean(axis=0)
    a, b = a - mean, b - mean
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)


def _apart(a: Rows, b: Rows) -> Int[np.ndarray, "some rows"]:
    assert a.positions is not None and b.positions is not None
    return np.abs(a.positions[:, None] - b.positions)
