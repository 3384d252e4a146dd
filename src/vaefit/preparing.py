"""From data and settings to all that training needs."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from vaefit import backend, by_ppca, data, initialise, recipes, run
from vaefit.assemble import begin_compiling, build_trainer, builder
from vaefit.data import Dataset, Transform
from vaefit.display import Display
from vaefit.errors import SettingsError
from vaefit.evaluation import visited
from vaefit.model import VAE
from vaefit.networks import shown_numbers
from vaefit.reading import read_and_split, split_weights
from vaefit.run import Run
from vaefit.settings import Settings
from vaefit.settle import Settled, check_support, parse_share, settle
from vaefit.train import Trainer


class Split(NamedTuple):
    """Training and validation rows (None where there are none)."""

    train: Dataset
    held_out: Dataset | None

    @property
    def last(self) -> Dataset:
        """The rows to show at the end."""
        return self.train if self.held_out is None else self.held_out


class Prepared(NamedTuple):
    """All that training needs: the run so far, its trainer, and the rows."""

    fitted: Run
    trainer: Trainer
    split: Split


def prepare(
    rows: object,
    *,
    recipe: str,
    init_from: str | Path | None,
    display: Display,
    weights: Float[np.ndarray, " rows"] | None = None,
    ahead: bool = False,
    **settings: Any,
) -> Prepared:
    """All that `fit` does before training: data read, settings settled, model built; nothing is written.

    With `ahead` the steps are compiled meanwhile.

    Raises:
        VaefitError: the data or a setting cannot be used; the message says why.
    """
    earlier = None if init_from is None else run.load(init_from)
    base = recipes.load(recipe).settings if earlier is None else _inherited(earlier.settings)
    chosen = base.with_(**settings)
    if parse_share(chosen.validation) is None:
        # Kept whole, so that the run can be taken up from any folder.
        chosen = chosen.with_(validation=str(Path(chosen.validation).expanduser().resolve()))
    backend.configure()
    train_rows, held_out = read_and_split(rows, chosen, display)
    settled = settle(chosen, train_rows, set(settings))
    ahead = ahead and weights is None and train_rows.whole is None
    fitted, trainer, notices = prepared_from(settled, train_rows, held_out, earlier, ahead=ahead)
    if weights is not None:
        if train_rows.whole is not None:
            raise SettingsError("weights go with rows in memory, found rows read block by block; --no-stream")
        trainer = _weighted(trainer, weights, chosen)
    for message in (*settled.notices, *notices):
        display.notice(message)
    return Prepared(fitted, trainer, Split(train_rows, held_out))


def prepared_from(
    settled: Settled,
    rows: Dataset,
    held_out: Dataset | None,
    earlier: Run | None = None,
    *,
    ahead: bool = False,
) -> tuple[Run, Trainer, tuple[str, ...]]:
    """The model, its trainer, and what to tell; an earlier run gives its transform and weights."""
    settings, transform = settled.settings, settled.transform if earlier is None else earlier.transform
    x = forward(transform, rows)
    check_support(settings, x, rows.source)
    validation = None if held_out is None else forward(transform, held_out)
    if earlier is None:
        model, settings, notices = _start(settings, transform, x, validation, ahead=ahead)
    else:
        model, notices = earlier.model_with(settings), ()
    trainer = build_trainer(settings, transform, model, x, validation, whole=rows.whole)
    trainer.names = None if rows.whole is not None else rows.names
    return Run(model, settings, transform, _source(rows, held_out)), trainer, notices


def _weighted(trainer: Trainer, weights: Float[np.ndarray, " rows"], settings: Settings) -> Trainer:
    n = len(trainer.x)
    if trainer.validation is not None and parse_share(settings.validation) is not None:
        n += len(trainer.validation)
    train, held_out = split_weights(weights, settings, n)
    return replace(trainer, weights=train, validation_weights=held_out)


def _inherited(settings: Settings) -> Settings:
    """The settings that go with weights: all but those of their data and its schedule."""
    of_data = {"validation", "include", "limit", "key", "skip_bad", "stream", "cache", "schedule_epochs"}
    return Settings.of(**{n: v for n, v in settings.given().items() if n not in of_data})


def _start(
    settings: Settings,
    transform: Transform,
    x: Float[np.ndarray, "rows variables"],
    validation: Float[np.ndarray, "held_out variables"] | None,
    *,
    ahead: bool,
) -> tuple[VAE, Settings, tuple[str, ...]]:
    """The model where training starts, settings with nothing left open, and what to tell."""
    seen = visited(x, transform.visit, settings.seed)
    held_out = None if validation is None else visited(validation, transform.visit)
    variables = transform.variables
    settings, notices = by_ppca.settle(
        settings,
        shown_numbers(seen, variables),
        None if held_out is None else shown_numbers(held_out, variables),
        transform.shape,
    )
    if ahead:
        begin_compiling(settings, transform, x, validated=validation is not None)
    key = jax.random.fold_in(jax.random.key(settings.seed), 0)
    model = builder(settings.of_model(), x.shape[1], variables, transform.shape)(key)
    if settings.start == "random":
        return model, settings, notices
    seen = by_ppca.with_mirrored(seen, transform.shape) if settings.mirror else seen
    linear = initialise.at_linear_model(model, by_ppca.thinned(seen)) if settings.start == "ppca" else None
    return linear or initialise.at_data_moments(model, seen), settings, notices


def forward(transform: Transform, rows: Dataset) -> Float[np.ndarray, "rows variables"]:
    """Rows as networks take them."""
    return transform.forward(data.as_fitted(rows, transform).values)


def _source(rows: Dataset, held_out: Dataset | None) -> dict[str, Any]:
    path = Path(rows.source).expanduser()
    return {
        "path": str(path.resolve()) if path.exists() else rows.source,
        "rows": rows.total,
        "validation_rows": 0 if held_out is None else held_out.n,
        "shape": list(rows.shape),
    }
