"""The sections of the page, each in a file of its own: a function from facts to a section, or to None where a
run has nothing to show there."""

from collections.abc import Callable

from vaefit.report.facts import Facts
from vaefit.report.section import Section
from vaefit.report.sections import (
    curves,
    decoder,
    latent_map,
    latents,
    neighbours,
    reconstructions,
    samples,
    tables,
    traversals,
    verdict,
)

SECTIONS: tuple[Callable[[Facts], Section | None], ...] = (
    verdict.section,
    curves.section,
    reconstructions.section,
    latent_map.section,
    decoder.section,
    traversals.section,
    neighbours.section,
    samples.section,
    latents.section,
    tables.section,
)


def of(facts: Facts) -> list[Section]:
    """All sections there are, in the page's order."""
    found = []
    for number, make in enumerate(SECTIONS):
        found.append(make(facts))
        facts.display.working("page", number + 1, len(SECTIONS))
    return [section for section in found if section is not None]
