"""What networks and likelihoods must know of a variable of a table."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["real", "positive", "count", "proportion", "binary", "ordinal", "categorical"]


class Variable(NamedTuple):
    """One variable at network scale, hashable so that it can be part of a compiled program.

    `levels` is the number of categories of a binary, ordinal or categorical one (0: numbers). `centre` and
    `spread` are the mean and sd of what networks are shown of a number: x itself, the log of a positive one,
    log(1 + x) of a count, the log-odds of a proportion. `spikes` are the stretches over which the values are
    spread that come far more often than those around them.
    """

    kind: Kind
    levels: int = 0
    centre: float = 0.0
    spread: float = 1.0
    spikes: tuple[tuple[float, float], ...] = ()
