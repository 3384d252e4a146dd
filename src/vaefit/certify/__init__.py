"""Certificates: what the package says, held against mathematics it does not share with it."""

from .certificate import Certificate, table, verdict
from .check import selfcheck

__all__ = ["Certificate", "selfcheck", "table", "verdict"]
