"""The commands, each parses, calls what Python users can call, and prints.

Importing one adds it to the app; the order here is that of the help page.
"""

# ruff: noqa: I001
from vaefit.cli.app import app
from vaefit.cli.commands import fit
from vaefit.cli.commands import sweep
from vaefit.cli.commands import use
from vaefit.cli.commands import table
from vaefit.cli.commands import evaluate
from vaefit.cli.commands import compare
from vaefit.cli.commands import doctor
from vaefit.cli.commands import report
from vaefit.cli.commands import probe
from vaefit.cli.commands import figure
from vaefit.cli.commands import selfcheck
from vaefit.cli.commands import explore
from vaefit.cli.commands import about

__all__ = [
    "about",
    "app",
    "compare",
    "doctor",
    "evaluate",
    "explore",
    "figure",
    "fit",
    "probe",
    "report",
    "selfcheck",
    "sweep",
    "table",
    "use",
]
