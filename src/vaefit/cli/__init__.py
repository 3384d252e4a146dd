"""The command line: parse, call, print. Nothing here that Python users cannot call."""

from vaefit.cli.main import main

__all__ = ["main"]
