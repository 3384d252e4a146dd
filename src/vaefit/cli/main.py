"""The one place where a mistake becomes one line on standard error and exit code 2."""

import os
import sys
from collections.abc import Sequence

from typer.exceptions import TyperException

from vaefit import processes
from vaefit.backend import out_of_memory
from vaefit.errors import VaefitError

INTERRUPTED = 130  # what Typer makes of Ctrl-C
_LESS = (
    "ask for a smaller --batch-size, fewer --samples, smaller layers, a smaller --size or fewer rows "
    "(--limit, or --stream to read them block by block); what a run had saved is whole (--resume)"
)
_EXPECTED = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 for a person's mistake, 130 when interrupted."""
    code = run(arguments)
    ahead = sys.modules.get("vaefit.ahead")
    if ahead is not None and ahead.under_way():
        # Stopped, or refused, while programs are compiled that nobody will call.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from vaefit.cli.commands import app

    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        code = app(args=given or ["--help"], prog_name="vaefit", standalone_mode=False)
        return _say("interrupted", code) if code == INTERRUPTED else code or 0
    except VaefitError as problem:
        if problem.shared and not processes.is_first():
            return problem.exit_code
        code = _say(str(problem), problem.exit_code)
        return code if problem.shared else processes.leave(code)
    except TyperException as problem:
        return _say(f"{_one_line(problem)} (see --help)", 2)
    except (MemoryError, RuntimeError, ValueError) as problem:
        why = _beyond_us(problem)
        if why is None:
            raise
        return processes.leave(_say(f"{_who()}{why}", 2))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _beyond_us(problem: BaseException) -> str | None:
    """What happened to the machine or to another process, in words; None: it is a fault of the program."""
    if processes.is_loss(problem):
        return "another process was lost; what was saved is whole; start all of them again"
    asked = out_of_memory(problem)
    return None if asked is None else f"out of memory ({asked}); {_LESS}"


def _who() -> str:
    """Which process speaks, where there are several."""
    return "" if processes.count() == 1 else f"process {processes.number()} of {processes.count()}: "


def _one_line(problem: TyperException) -> str:
    message = _of_type(problem) or " ".join(problem.format_message().split())
    return message.rstrip(".")


def _of_type(problem: TyperException) -> str | None:
    """The message for a value of the wrong type, which says what was found as well."""
    errors = getattr(problem.__cause__, "errors", None)
    if errors is None:
        return None
    error, param = errors()[0], getattr(problem, "param", None)
    expected = _EXPECTED.get(error["type"], "{msg}").format(**error, **error.get("ctx", {}))
    flag = max(param.opts, key=len) if param is not None else "value"
    return f"{flag} must be {expected}, found {error['input']!r}"


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"vaefit: {line}", file=sys.stderr)
    return code
