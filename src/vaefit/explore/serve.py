"""`explore`: from a run to its page."""

from collections.abc import Callable
from functools import cached_property
from socket import socket

import numpy as np
from jaxtyping import Int

from vaefit.data import Dataset, spread
from vaefit.display import Display, Silent
from vaefit.doctor.evidence import Rows
from vaefit.evaluation import LatentUse, latent_use
from vaefit.explore.app import Explorer
from vaefit.explore.guard import Guard
from vaefit.explore.known import Known
from vaefit.explore.page import explorer_page
from vaefit.explore.server import Server, bound
from vaefit.explore.worker import Worker
from vaefit.report import Facts
from vaefit.run import Run
from vaefit.scores import Evaluation
from vaefit.scoring import seen


def explore(
    run: Run,
    rows: object = None,
    *,
    port: int = 0,
    listening: socket | None = None,
    told: Callable[[str], None] = print,
    display: Display | None = None,
) -> bool:
    """Serve a run's page on 127.0.0.1, about `rows` or its own, until Ctrl-C or SIGTERM.

    `told` gets the address, which lets in whoever opens it first; `listening` is a socket of `bound`, where
    there is one already. Gives whether all has ended: False where a computation is still under way, which
    ends by itself.

    Raises:
        SettingsError: the port is in use.
        DataError: the rows are of another size or scale than those fitted.
    """
    listening = listening or bound(port)
    try:
        explorer = explorer_of(run, rows, display or Silent())
        page = explorer_page(explorer)
        guard = Guard(explorer.app(page.html(), page.assets()), listening.getsockname()[1])
        told(guard.address)
        explorer.begin()
        Server(guard, explorer.worker.dismiss).run([listening])
        return explorer.worker.stop()
    finally:
        listening.close()


class Asked(Facts):
    """Facts without those that take minutes: whoever opened a page waits for it."""

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Left out."""
        return None

    @property
    def use(self) -> LatentUse | None:
        """How the latents are used on `rows`."""
        return self._use

    @cached_property
    def _use(self) -> LatentUse | None:
        return None if self.rows is None else latent_use(self.run.model, seen(self.run, self.rows, self.seed))


def explorer_of(run: Run, rows: object, display: Display) -> Explorer:
    """A run with the rows that its page is about, and those that new rows are held against."""
    facts = Asked.of(run, rows, display=display)
    if facts.missing is not None:
        display.notice(f"the run's own rows cannot be read: {facts.missing}")
    evidence = facts.evidence
    assert evidence is not None
    train = _numbers(evidence.train, facts.train)
    shown = _numbers(evidence.held_out, facts.held_out)
    if facts.train is not None and train is not None:
        known = Known(run, facts.train, "training rows", train)
    elif facts.held_out is not None and shown is not None:
        known = Known(run, facts.held_out, facts.about, shown)
    else:
        known = None
    if facts.held_out is None and train is not None and facts.rows is not None:
        shown = train[spread(len(train), facts.rows.n)]
    return Explorer(known, facts, shown, Worker())


def _numbers(there: Rows | None, kept: Dataset | None) -> Int[np.ndarray, " rows"] | None:
    """The places in the data of the rows that are kept, evenly spread, of those that are there."""
    if there is None or kept is None:
        return None
    every = np.arange(len(there.x)) if there.positions is None else there.positions
    return every[spread(len(every), kept.n)]
