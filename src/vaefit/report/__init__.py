"""The report: one HTML file that shows what a model learned and where it fails. No network, no server."""

from pathlib import Path

from vaefit.display import Display
from vaefit.folder import write_atomically
from vaefit.report.facts import Facts
from vaefit.report.page import Page
from vaefit.run import Run

__all__ = ["Facts", "write"]


def write(
    run: Run,
    rows: object = None,
    *,
    out: str | Path,
    with_data: bool = True,
    seed: int = 0,
    display: Display | None = None,
) -> Path:
    """Write the page of a run, about `rows`, or its own validation rows where none are given.

    Without `with_data` no row of the data is in it.

    Raises:
        VaefitError: the rows cannot be read or do not suit the run, or the page cannot be written.
    """
    facts = Facts.of(run, rows, with_data=with_data, seed=seed, display=display)
    return write_page(facts, Path(out).expanduser())


def write_page(facts: Facts, out: Path) -> Path:
    """Write the page with what is known.

    Raises:
        RunError: it cannot be written.
    """
    write_atomically(out, Page.of(facts).html())
    return out
