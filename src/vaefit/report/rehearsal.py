"""A page of a table begun before its model is fitted, so that its programs are compiled by then."""

from dataclasses import replace

import jax
import numpy as np

from vaefit import data, doctor, generate
from vaefit.data import Dataset
from vaefit.display import Silent
from vaefit.doctor.evidence import passed
from vaefit.evaluating import evaluate
from vaefit.report.facts import Facts
from vaefit.report.hidden_cells import hidden_cells
from vaefit.run import Run

FEW = 8


def rehearse(run: Run, rows: Dataset) -> None:
    """Do once, with a few rows, what the page at the end of a fit does with all of them.

    What is compiled depends on the model and on the sizes of blocks, not on weights and rows.
    """
    few = data.as_fitted(rows.take(np.arange(min(FEW, rows.n))), run.transform)
    facts = Facts.of_fit(replace(run, folder=None), doctor.Report([], []), few, few, Silent())
    x, seed = run.inputs(few), run.settings.seed
    hidden_cells(facts)
    generate.reconstruct(
        run.model, x, samples=1, seed=seed, dropout=run.settings.generate_with_dropout, noise=True
    )
    _ = facts.samples_x
    evaluate(run, few, samples=facts.draws, seed=seed, with_baselines=False, with_samples=False)
    passed(run.model, x, jax.random.key(seed))
    run.encode(few)
