"""`explore`: from a run to its page."""

from collections.abc import Callable
from socket import socket

from vaefit.display import Display, Silent
from vaefit.explore.app import Explorer
from vaefit.explore.guard import Guard
from vaefit.explore.known import Known
from vaefit.explore.page import assets, explorer_page
from vaefit.explore.server import Server, bound
from vaefit.explore.worker import Worker
from vaefit.report import Facts
from vaefit.run import Run


def explore(
    run: Run,
    rows: object = None,
    *,
    port: int = 0,
    listening: socket | None = None,
    told: Callable[[str], None] = print,
    display: Display | None = None,
) -> None:
    """Serve a run's page on 127.0.0.1, about `rows` or its own, until Ctrl-C or SIGTERM.

    `told` gets the address, which lets in whoever opens it first; `listening` is a socket of `bound`, where
    there is one already.

    Raises:
        SettingsError: the port is in use.
        DataError: the rows are of another size or scale than those fitted.
    """
    listening = listening or bound(port)
    try:
        explorer = explorer_of(run, rows, display or Silent())
        guard = Guard(explorer.app(explorer_page(explorer), assets()), listening.getsockname()[1])
        told(guard.address)
        Server(guard).run([listening])
        explorer.worker.stop()
    finally:
        listening.close()


def explorer_of(run: Run, rows: object, display: Display) -> Explorer:
    """A run with the rows that its page is about, and those that new rows are held against."""
    facts = Facts.of(run, rows, display=display)
    if facts.missing is not None:
        display.notice(f"the run's own rows cannot be read: {facts.missing}")
    against = facts.rows if facts.train is None else facts.train
    what = facts.about if facts.train is None else "training rows"
    known = None if against is None else Known(run, against, what)
    return Explorer(run, known, facts, Worker())
