"""A page begun before its model is fitted: no program of a size that the page itself has not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jax import monitoring

from vaefit.display import Silent
from vaefit.reading import held_against
from vaefit.report import hidden_cells
from vaefit.report.rehearsal import rehearse


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """The functions that JAX compiles, or reads from its cache."""
    found: list[str] = []

    def note(event: str, _seconds: float, fun_name: str = "", **_: object) -> None:
        if event.endswith("backend_compile_duration"):
            found.append(fun_name)

    monitoring.register_event_duration_secs_listener(note)
    yield found
    monitoring.unregister_event_duration_listener(note)


def test_a_rehearsal_compiles_what_the_page_needs(
    table_run, table_page: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert table_page.exists()
    # As the page that is there, which was not made at the end of the fit.
    monkeypatch.setattr(hidden_cells, "QUICK_PROPOSALS", hidden_cells.PROPOSALS)
    rows = held_against(table_run, None, Silent()).held_out
    assert rows is not None
    rehearse(table_run, rows)
    assert [name for name in compiled if "_block" in name or "draws" in name] == []
