"""What a table's rows settle: epochs by their number; objective and hidden cells by what is missing."""

from typing import NamedTuple

import numpy as np

from vaefit.catalogue import find
from vaefit.data import Dataset, Transform
from vaefit.settings import Settings

# Epochs where nobody says: of images; the fewest of tables, and the most as a share of the steps wanted.
IMAGE_EPOCHS = 100
FEWEST_EPOCHS, MOST_EPOCHS = 50, 0.1
# Epochs without a better score until training stops; of tables at least this share of all.
PATIENCE, PATIENT_SHARE = 20, 0.2
# From this share of missing cells on posteriors are too far from Gaussian for the ELBO.
MANY_MISSING, DRAWS = 0.05, 10
# A share of a row's cells, at most, that is out of sight in training: missing ones and those that are hidden.
UNSEEN = 0.5
# Of tables' networks: dropout cost likelihood on all that were tried; validation rows end over-fitting.
KEEP = 1.0


class Settled(NamedTuple):
    """Settings with none of these left open; what to tell the person."""

    settings: Settings
    notices: tuple[str, ...]


def settle(settings: Settings, transform: Transform, rows: Dataset) -> Settled:
    """Settle what `settings` leave open, for (training) rows; the likelihood is chosen."""
    typed = bool(transform.variables) and find("likelihood", settings.likelihood).load().typed
    missing = float(np.isnan(rows.values).mean()) if typed else 0.0
    settings, of_objective = _objective(settings, missing)
    if typed and "keep_prob" in settings.used_part_options() and "keep_prob" not in settings.parts:
        settings = settings.with_(keep_prob=KEEP)
    if settings.cell_dropout is None:
        settings = settings.with_(cell_dropout=max(UNSEEN - missing, 0.0) if typed else 0.0)
    settings, of_epochs = _epochs(settings, rows.total, table=transform.kind in ("columns", "standardise"))
    return Settled(settings, (*of_objective, *of_epochs))


def _objective(settings: Settings, missing: float) -> Settled:
    if settings.objective != "auto":
        return Settled(settings, ())
    of_elbo = {option.name for option in find("objective", "elbo").options}
    if missing < MANY_MISSING or of_elbo & settings.parts.keys():
        return Settled(settings.with_(objective="elbo"), ())
    draws = max(settings.samples, DRAWS)
    told = f"objective: iwae with {draws} draws a row, as {missing:.0%} of the cells are missing"
    return Settled(settings.with_(objective="iwae", samples=draws), (told,))


def _epochs(settings: Settings, rows: int, *, table: bool) -> Settled:
    told = ()
    if settings.epochs is None:
        steps = -(-rows // min(settings.batch_size, rows))
        epochs = _epochs_of(steps, settings.table_steps) if table else IMAGE_EPOCHS
        settings = settings.with_(epochs=epochs)
        told = (f"epochs: {epochs}, so that there are {epochs * steps} steps",) if table else ()
    if settings.early_stopping is None:
        share = round(PATIENT_SHARE * settings.most_epochs) if table else 0
        settings = settings.with_(early_stopping=max(PATIENCE, share))
    if settings.schedule_epochs is None:
        settings = settings.with_(schedule_epochs=settings.epochs)
    return Settled(settings, told)


def _epochs_of(steps: int, wanted: int) -> int:
    """Epochs of so many steps each that come to the steps wanted, within bounds."""
    most = max(round(MOST_EPOCHS * wanted), FEWEST_EPOCHS)
    return min(max(round(wanted / steps), FEWEST_EPOCHS), most)
