"""Everything a user can do wrong, as exceptions with one readable line each.

VaefitError                 catch this one to catch them all
├── DataError               the data cannot be read or used (also a ValueError)
│   └── ShapeError          data of another size than was expected or fitted
├── SettingsError           an unknown, impossible or contradicting setting (also a ValueError)
├── RunError                a run folder is missing, damaged, foreign or in the way
├── TrainingError           training stopped: the numbers were no longer finite
├── LostError               another process of the same fit is gone; what was saved is whole
└── Interrupted             training was stopped by Ctrl-C or SIGTERM; all of it is saved

The command line prints the message after ``vaefit:`` and exits with code 2. A message says what
was expected, what was found, where, and what to do; it has no line breaks.
"""


class VaefitError(Exception):
    """Any mistake that the message explains to the person who made it."""

    exit_code = 2
    # Whether all processes of a fit have it at the same step: the first one then tells it for all.
    shared = False


class DataError(VaefitError, ValueError):
    """The data cannot be read or used."""


class ShapeError(DataError):
    """Data of another size than was expected."""


class SettingsError(VaefitError, ValueError):
    """A setting is unknown, impossible or contradicts another."""


class RunError(VaefitError):
    """A run folder is missing, damaged, foreign or in the way."""


class TrainingError(VaefitError):
    """Training stopped because its numbers were no longer finite."""

    shared = True


class LostError(VaefitError):
    """Another process of the same fit is gone."""


class Interrupted(VaefitError):
    """Training was stopped by a signal; all of it is saved."""

    def __init__(self, message: str, exit_code: int, *, shared: bool = False) -> None:
        super().__init__(message)
        self.exit_code, self.shared = exit_code, shared
