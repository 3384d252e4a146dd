"""What is wrong with a run, in words, with the number that shows it and the setting that helps.

A check is one function, `Evidence` to a `Finding` or nothing, and one line of `CHECKS`.
"""

from vaefit.doctor.evidence import Evidence
from vaefit.doctor.examine import CHECKS, Report, evidence_of, evidence_of_fit, examine, look, report
from vaefit.doctor.finding import Check, Finding

__all__ = [
    "CHECKS",
    "Check",
    "Evidence",
    "Finding",
    "Report",
    "evidence_of",
    "evidence_of_fit",
    "examine",
    "look",
    "report",
]
