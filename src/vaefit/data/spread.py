"""Some of many rows."""

from __future__ import annotations

import numpy as np


def spread(n: int, most: int) -> list[int]:
    """At most `most` of the numbers from 0 to n - 1, evenly spread.

    >>> spread(100, 4)
    [0, 33, 66, 99]
    """
    return [int(i) for i in np.linspace(0, n - 1, min(n, most))]
