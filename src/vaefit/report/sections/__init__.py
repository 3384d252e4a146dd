"""The sections of the page, each in a file of its own: a function from facts to a section, or to None where a
run has nothing to show there."""

from collections.abc import Callable

from vaefit.report.facts import Facts
from vaefit.report.section import Section
from vaefit.report.sections import curves, verdict

SECTIONS: tuple[Callable[[Facts], Section | None], ...] = (
    verdict.section,
    curves.section,
)


def of(facts: Facts) -> list[Section]:
    """All sections there are, in the page's order."""
    return [found for make in SECTIONS if (found := make(facts)) is not None]
