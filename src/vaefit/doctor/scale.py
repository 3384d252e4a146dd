"""Values that the scale, or the likelihood, cannot represent."""

import numpy as np
from jaxtyping import Float

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.finding import Finding
from vaefit.wording import counted

# In standardised columns a value 20 sds from the mean is at most one in 400 (Chebyshev), in practice far
# less:
# it alone makes the scale of its column.
OUTLIER = 20.0
# New rows may go a little beyond the training rows; by as much again as these span, they are something else.
BEYOND, SOME_VALUES = 1.0, 1e-3
LEVELS, ON_A_LEVEL = 255, 1e-3
MANY_VALUES = 0.01


def outliers(evidence: Evidence) -> Finding | None:
    """Standardised columns whose scale is made by a few huge values."""
    if evidence.run.transform.kind != "standardise":
        return None
    x = evidence.rows.x
    far = np.abs(x).max(axis=0)
    columns = np.flatnonzero(far > OUTLIER)
    if not len(columns):
        return None
    worst = int(far.argmax())
    row = evidence.rows.called(int(np.abs(x[:, worst]).argmax()))
    return Finding(
        "outliers",
        "warning",
        f"{counted(len(columns), 'column has values', 'columns have values')} more than {OUTLIER:g} sds "
        "from the "
        f"mean; the furthest is {far[worst]:.0f} sds off ({evidence.column(worst)}, {row}): such values "
        "make the scale, and all others become nearly equal",
        "take logarithms of such columns, clip them, or leave those rows out",
        {"columns": len(columns), "furthest": float(far[worst])},
    )


def outside(evidence: Evidence) -> Finding | None:
    """Held-out values far outside what the training rows span."""
    assert evidence.train is not None and evidence.held_out is not None
    low, high = evidence.train.x.min(axis=0), evidence.train.x.max(axis=0)
    room = BEYOND * (high - low)
    bad = (evidence.held_out.x < low - room) | (evidence.held_out.x > high + room)
    # A pixel that happened never to change in training is nothing strange; a column of a table is.
    if evidence.run.image_size is not None:
        bad &= high > low
    share = float(bad.mean())
    if share <= SOME_VALUES:
        return None
    worst = int(bad.sum(axis=0).argmax())
    value, span = _in_data_units(evidence, worst, bad), _span(evidence, worst, low, high)
    return Finding(
        "outside the training range",
        "warning",
        f"{share:.1%} of the held-out values lie far outside what the training rows span, most in "
        f"{evidence.column(worst)} ({value:.4g}, where training rows have {span[0]:.4g} to {span[1]:.4g}): "
        "the model knows nothing there",
        "check that both have the same units, or give training rows that cover them",
        {"share": share},
    )


def _in_data_units(evidence: Evidence, column: int, bad: np.ndarray) -> float:
    assert evidence.held_out is not None
    row = int(bad[:, column].argmax())
    return float(evidence.run.transform.inverse(evidence.held_out.x[row])[column])


def _span(evidence: Evidence, column: int, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    inverse = evidence.run.transform.inverse
    return float(inverse(low)[column]), float(inverse(high)[column])


def levels_as_floats(evidence: Evidence) -> Finding | None:
    """8-bit pixels stored as floats: their levels are seen as numbers of endless precision."""
    transform = evidence.run.transform
    if evidence.run.image_size is None or transform.kind not in ("unit-interval", "standardise"):
        return None
    values = transform.inverse(evidence.some)
    scale = LEVELS if values.max() <= 1 else 1
    if np.abs(values * scale - np.rint(values * scale)).max() > ON_A_LEVEL or values.max() * scale > LEVELS:
        return None
    return Finding(
        "levels stored as floats",
        "warning",
        f"all values are multiples of 1/{LEVELS} (largest {values.max():g}): 8-bit pixels stored as "
        "floats, whose density can grow without end on their levels",
        "give them as uint8, so that they are dequantised",
        {"levels": LEVELS},
    )


def unreachable(evidence: Evidence) -> Finding | None:
    """Values outside (0, 1) under a decoder whose mean is a sigmoid."""
    likelihood = evidence.run.model.likelihood
    if getattr(likelihood, "output_activation", "identity") != "sigmoid" and not likelihood.joint:
        return None
    x: Float[np.ndarray, "rows variables"] = evidence.rows.x
    share = float(((x < 0) | (x > 1)).mean())
    if share <= MANY_VALUES:
        return None
    return Finding(
        "values out of reach",
        "warning",
        f"{share:.0%} of the values (as the network takes them) are below 0 or above 1, where a sigmoid mean "
        "never comes",
        "choose --likelihood gaussian with --output-activation identity",
        {"share": share},
    )
