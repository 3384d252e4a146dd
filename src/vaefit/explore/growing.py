"""The post's picture of a fit under way: input, mean and samples of a few rows."""

from typing import Any

import numpy as np

from vaefit.data import Dataset
from vaefit.explore.looking import columns_of, texts
from vaefit.explore.pictures import pictures
from vaefit.run import Run

SAMPLES = 5
# Columns of a table that are shown.
MOST_COLUMNS = 12


def picture_of(run: Run, rows: Dataset) -> dict[str, Any]:
    """For images a line of pictures for each row; for tables each row's cells and what they became."""
    made = run.reconstruct(rows, samples=SAMPLES)
    if run.image_size:
        lines = [
            pictures(np.stack([made.input[i], made.mean[i], *made.samples[i]]), run.transform, made.input[i])
            for i in range(rows.n)
        ]
        return {"images": lines}
    names = columns_of(run)[:MOST_COLUMNS]
    cells = [
        [texts(run, rows.values[[i]])[: len(names)], texts(run, made.mean[[i]])[: len(names)]]
        for i in range(rows.n)
    ]
    return {"columns": names, "cells": cells}
