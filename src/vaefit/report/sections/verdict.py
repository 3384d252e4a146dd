"""What came of the fit, in plain words with their numbers."""

from vaefit.report.facts import Facts
from vaefit.report.markup import paragraph
from vaefit.report.section import Section


def section(facts: Facts) -> Section:
    """The verdict."""
    return Section("verdict", "Verdict", paragraph(f"{facts.row_measure} on {facts.about}"))
