"""The one place where a mistake becomes one line on standard error and exit code 2."""

import os
import sys
from collections.abc import Sequence

from typer.exceptions import TyperException

from vaefit.errors import VaefitError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 for a person's mistake, 130 when interrupted."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from vaefit.cli.app import app

    try:
        code = app(args=arguments, prog_name="vaefit", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except VaefitError as problem:
        return _say(str(problem), problem.exit_code)
    except TyperException as problem:
        return _say(f"{_one_line(problem)} (see --help)", 2)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _one_line(problem: TyperException) -> str:
    message = " ".join(problem.format_message().split())
    return message.rstrip(".")


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"vaefit: {line}", file=sys.stderr)
    return code
