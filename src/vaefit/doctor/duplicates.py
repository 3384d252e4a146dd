"""Variables that never change or say the same, rows that are there twice."""

import numpy as np
from jaxtyping import Float, Int

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.finding import Finding

# Correlations of float32 columns of a few thousand rows are right to 1e-6.
SAME = 1e-6
MOST_COLUMNS = 2048
# One row in a hundred there twice weighs as much as an ordinary class of outliers; fewer are named in
# passing.
MANY_ROWS = 0.01


def constant(evidence: Evidence) -> Finding | None:
    """Variables with one value in all training rows."""
    x = evidence.rows.x
    still = np.flatnonzero(x.min(axis=0) == x.max(axis=0))
    if not len(still):
        return None
    return Finding(
        "constant variables",
        "information",
        f"{len(still)} of {x.shape[1]} variables never change ({_some(evidence, still)}): they carry "
        "nothing, and their density counts in the ELBO",
        "leave them out for an ELBO that measures the rest",
        {"variables": len(still)},
    )


def equal_columns(evidence: Evidence) -> Finding | None:
    """Pairs of variables that are linear copies of each other."""
    x = evidence.some
    varies = np.flatnonzero(np.ptp(x, axis=0) > 0)
    if len(x) < 3 or not 2 <= len(varies) <= MOST_COLUMNS:
        return None
    correlation = np.abs(np.corrcoef(x[:, varies].astype(np.float64), rowvar=False))
    first, second = np.nonzero(np.triu(correlation > 1 - SAME, k=1))
    if not len(first):
        return None
    a, b = varies[first[0]], varies[second[0]]
    return Finding(
        "duplicated variables",
        "information" if evidence.run.image_size is not None else "warning",
        f"{len(set(second.tolist()))} of {x.shape[1]} variables are linear copies of others (such as "
        f"{evidence.column(int(b))} of {evidence.column(int(a))}): the same number is counted twice in the "
        "ELBO",
        "leave out all but one of each",
        {"variables": len(set(second.tolist())), "pairs": len(first)},
    )


def equal_rows(evidence: Evidence) -> Finding | None:
    """Rows that are there more than once, to the bit."""
    rows = evidence.rows
    first = _first_seen(rows.x)
    again = np.flatnonzero(first != np.arange(len(first)))
    if not len(again):
        return None
    share, one = len(again) / len(first), int(again[0])
    return Finding(
        "duplicated rows",
        "warning" if share > MANY_ROWS else "information",
        f"{len(again)} of {len(first)} rows ({share:.2%}) "
        f"{'is an exact copy of another' if len(again) == 1 else 'are exact copies of others'} (such as "
        f"{rows.called(one)} of {rows.called(int(first[one]))})",
        "leave the copies out unless they are meant to weigh more",
        {"rows": len(again), "share": share},
    )


def shared_rows(evidence: Evidence) -> Finding | None:
    """Held-out rows that are training rows, to the bit."""
    train, held_out = evidence.train, evidence.held_out
    assert train is not None and held_out is not None
    where = {key: row for row, key in reversed(list(enumerate(_keys(train.x))))}
    found = [(row, where[key]) for row, key in enumerate(_keys(held_out.x)) if key in where]
    if not found:
        return None
    share, (one, twin) = len(found) / len(held_out.x), found[0]
    return Finding(
        "leakage",
        "warning" if share > MANY_ROWS else "information",
        f"{len(found)} of {len(held_out.x)} held-out rows ({share:.1%}) "
        f"{'is a' if len(found) == 1 else 'are'} "
        f"training row{'' if len(found) == 1 else 's'}, to the bit (such as {held_out.called(one)}, which is "
        f"{train.called(twin)})",
        "leave the copies out, or give other rows with --validation PATH",
        {"rows": len(found), "share": share},
    )


def _first_seen(x: Float[np.ndarray, "rows variables"]) -> Int[np.ndarray, " rows"]:
    """For each row, the first row equal to it."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(key, row) for row, key in enumerate(_keys(x))], dtype=int)


def _keys(x: Float[np.ndarray, "rows variables"]) -> list[bytes]:
    # Adding zero makes -0.0 and 0.0 the same.
    return [row.tobytes() for row in np.ascontiguousarray(x + np.float32(0))]


def _some(evidence: Evidence, numbers: np.ndarray) -> str:
    shown = ", ".join(evidence.column(int(i)) for i in numbers[:3])
    return shown + (" ..." if len(numbers) > 3 else "")
