"""Which number was not finite, in which rows, and why that is likely."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaefit.model import Terms

# Network inputs are of order 1; beyond this a row stands apart from the rest or was not scaled.
LARGE_INPUT = 1e3


@dataclass(frozen=True)
class Finding:
    """The first term that was not finite, the rows of the batch it came from, and the likely cause."""

    term: str
    rows: tuple[int, ...]
    cause: str


def diagnose(
    terms: Terms,
    penalties: Mapping[str, Array],
    x: Float[Array, "batch variables"],
    rows: Float[Array, " batch"],
) -> Finding:
    """Look through the terms of a batch in the order in which they are computed."""
    counted = np.asarray(rows) > 0
    parts = {
        "the posterior (encoder output)": _per_row(terms.encoder.output, 0),
        "the latents z": _per_row(terms.z, 1),
        "the decoder's output": _per_row(terms.decoder.output, 1),
        "log p(x|z)": _per_row(terms.log_px, 1),
        "log p(z)": _per_row(terms.log_pz, 1),
        "log q(z|x)": _per_row(terms.log_qz, 1),
        "the KL term": counted if terms.kl is None else np.isfinite(np.asarray(terms.kl)),
    }
    odd = np.flatnonzero(counted & (np.abs(np.asarray(x)).max(axis=1) > LARGE_INPUT))
    for term, finite in parts.items():
        bad = np.flatnonzero(counted & ~finite)
        if bad.size:
            return Finding(term, tuple(map(int, bad)), _cause(bad, odd, int(counted.sum())))
    for name, value in penalties.items():
        if not bool(jnp.isfinite(value)):
            return Finding(f"penalty {name}", (), "its weight or the learning rate is too large")
    return Finding("the gradient", tuple(map(int, odd)), _cause(odd, odd, int(counted.sum())))


def _per_row(values: Array, axis: int) -> np.ndarray:
    """Whether all of a row's numbers are finite; `axis` is where the batch is."""
    finite = np.isfinite(np.asarray(values))
    return np.asarray(finite.all(axis=tuple(i for i in range(finite.ndim) if i != axis)))


def _cause(bad: np.ndarray, odd: np.ndarray, counted: int) -> str:
    if odd.size and set(odd) & set(bad):
        return "these rows hold values far from all others: check or scale them, or leave them out"
    if 0 < bad.size < counted:
        return "the learning rate is too large, or these rows are odd"
    return "the learning rate is too large for this likelihood: the sd may have shrunk to nothing"
