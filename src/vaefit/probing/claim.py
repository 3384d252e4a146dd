"""`probe`: from a run and labelled rows to learning curves, the whole way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from vaefit import data
from vaefit.data import Dataset
from vaefit.display import Display, Silent
from vaefit.errors import DataError, SettingsError
from vaefit.probing.draws import at_most, curves, hold_out
from vaefit.probing.features import features, fitted_rows
from vaefit.probing.result import Probe
from vaefit.run import Run

PER_CLASS = (5, 10, 50, 100, 1000)
Labels = Sequence[object] | np.ndarray | str | None


def probe(
    run: Run,
    rows: object,
    labels: Labels = None,
    *,
    test: object = 0.3,
    test_labels: Labels = None,
    per_class: Sequence[int] = PER_CLASS,
    draws: int = 20,
    most_test: int = 10_000,
    seed: int = 0,
    display: Display | None = None,
) -> Probe:
    """Logistic regression with few labels a class, on posterior means and on what they must be better than.

    `rows` and `test` are a path, an array or a data set; `test` may be a share of `rows`, held out in blocks.
    `labels` are one a row, or for a path what `data.read_labelled` takes; unset: folders. For every
    number of labels a class and every draw, the same rows are labelled for all features: posterior means,
    the inputs themselves (`raw`), PCA and random features of as many columns. The strength of regularisation
    is chosen in the same way for all, by cross-validation inside the labelled rows.
    Of the test rows at most `most_test` are used, rare classes whole; accuracy is for the classes' shares in
    all of them.

    Raises:
        DataError: no labels, one class only, or too few rows of a class.
        ShapeError: rows of another size than those fitted, or not one label for each.
        SettingsError: a number of labels below 2, fewer than 2 draws, or a test share outside (0, 1).

    >>> import numpy as np
    >>> from vaefit import fit, probe
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> run = fit(x, latent_dim=2, epochs=2, encoder_layers=(8,), decoder_layers=(8,))
    >>> found = probe(run, x, x[:, 0] > 0, per_class=(5, 20), draws=3)
    >>> found.score("raw", 20, "auc").mean > 0.9, found.classes
    (True, ('False', 'True'))
    """
    _check(per_class, draws, most_test)
    display = display or Silent()
    dataset = _labelled(run, rows, labels)
    if isinstance(test, float):
        pool, held = _held_out(dataset, test, seed, display)
    else:
        pool, held = dataset, _labelled(run, test, test_labels)
    classes = _classes(pool)
    held = _of_known_classes(held, classes, display)
    y, y_all = _codes(pool, classes), _codes(held, classes)
    sizes = _possible(per_class, y, classes, display)
    kept = at_most(y_all, most_test, seed)
    unlabelled, which = _unlabelled(run, pool)
    if len(kept) < held.n:
        display.notice(f"tested on {len(kept):,} of {held.n:,} test rows, rare classes whole")
    found = features(run, pool, held.take(kept), unlabelled, seed)
    scores = curves(
        found,
        y,
        y_all[kept],
        per_class=sizes,
        draws=draws,
        seed=seed,
        shares=np.bincount(y_all, minlength=len(classes)) / len(y_all),
        progress=lambda done, total: display.working("fitting classifiers", done, total),
    )
    widths = {name: feature(0).rows.shape[1] for name, feature in found.items()}
    return Probe(tuple(found), widths, sizes, scores, classes, pool.n, len(kept), which)


def _check(per_class: Sequence[int], draws: int, most_test: int) -> None:
    if not per_class or min(per_class) < 2:
        raise SettingsError(
            "expected at least 2 labels a class (one fits, one checks), found "
            f"{', '.join(map(str, per_class)) or 'none'}"
        )
    if draws < 2:
        raise SettingsError(f"expected at least 2 draws, for an interval, found {draws}")
    if most_test < 2:
        raise SettingsError(f"expected at least 2 test rows, found {most_test}")


def _labelled(run: Run, rows: object, labels: Labels) -> Dataset:
    if isinstance(labels, str):
        if not isinstance(rows, str | Path):
            raise SettingsError(f"expected one label for each row of an array, found labels={labels!r}")
        return _checked(run, data.read_labelled(rows, labels))
    if isinstance(rows, Dataset) and labels is None and rows.labels is not None:
        return _checked(run, rows)
    return data.with_labels(run.dataset(rows), labels)


def _checked(run: Run, rows: Dataset) -> Dataset:
    try:
        return run.dataset(rows)
    except DataError as problem:
        if rows.columns and rows.dim + 1 == run.transform.dim:
            raise DataError(f"{problem}; was the run fitted with the labels among its columns?") from None
        raise


def _held_out(dataset: Dataset, share: float, seed: int, display: Display) -> tuple[Dataset, Dataset]:
    if not 0 < share < 1:
        raise SettingsError(f"expected a test share between 0 and 1, found {share:g}; try 0.3")
    display.notice(
        f"test rows: {share:g} of each class of {dataset.source}, in blocks; a run fitted to them has seen "
        "them, without labels; --test takes other data"
    )
    return hold_out(dataset, share, seed)


def _classes(dataset: Dataset) -> tuple[str, ...]:
    classes: tuple[str, ...] = tuple(sorted(set(dataset.labels or ())))
    if len(classes) < 2:
        raise DataError(
            f"{dataset.source}: expected labels of at least two classes, found only '{', '.join(classes)}'"
        )
    return classes


def _of_known_classes(held: Dataset, classes: tuple[str, ...], display: Display) -> Dataset:
    known = np.isin(np.asarray(held.labels), classes)
    missing = sorted(set(classes) - set(held.labels or ()))
    if missing:
        raise DataError(f"{held.source}: expected test rows of every class, found none of '{missing[0]}'")
    if not known.all():
        display.notice(f"left out {np.sum(~known):,} test rows of classes that have no labelled rows")
    return held.take(np.flatnonzero(known))


def _codes(dataset: Dataset, classes: tuple[str, ...]) -> Int[np.ndarray, " rows"]:
    return np.searchsorted(np.asarray(classes), np.asarray(dataset.labels))


def _possible(
    per_class: Sequence[int], y: Int[np.ndarray, " rows"], classes: tuple[str, ...], display: Display
) -> tuple[int, ...]:
    """The numbers of labels that every class can give."""
    counts = np.bincount(y, minlength=len(classes))
    rarest, asked = int(counts.argmin()), sorted(set(per_class))
    sizes = tuple(n for n in asked if n <= counts.min())
    there = f"class '{classes[rarest]}' has {counts.min():,} rows to draw from"
    if not sizes:
        raise DataError(f"expected at least {asked[0]} rows of every class, but {there}")
    if len(sizes) < len(asked):
        left_out = ", ".join(map(str, asked[len(sizes) :]))
        display.notice(f"left out {left_out} labels a class: {there}")
    return sizes


def _unlabelled(run: Run, pool: Dataset) -> tuple[Dataset, str]:
    """The rows for PCA: those that the run was fitted to, or else those that labels are drawn from."""
    fitted = fitted_rows(run)
    if fitted is None:
        return pool, f"the {pool.n:,} rows labels are drawn from (the run's own could not be read)"
    return fitted, f"the {fitted.n:,} rows the run was fitted to"
