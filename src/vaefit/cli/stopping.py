"""How a fit ends before its time: SIGTERM where training has not begun, and processes that are watched.

JAX ends a process whose fellow is gone by aborting it, with pages of C++; nothing in the process itself can
say anything then. So a process of several forks before JAX is there: the child does the work, its parent
waits, hands signals on, keeps what libraries write by themselves, and says in one line how the child ended.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from vaefit.errors import Interrupted, LostError
from vaefit.folder import how_to_go_on
from vaefit.processes import Place, not_met

# Whoever asks for the libraries' own words gets them.
_WORDY = {"TF_CPP_MIN_LOG_LEVEL": ("0",), "NCCL_DEBUG": ("INFO", "TRACE")}
_MOST_KEPT = 2**16
# What JAX says when another process is gone.
_LOSS = ("distributed service detected fatal errors", "stopped sending heartbeats", "Socket closed")


@contextlib.contextmanager
def stopping_on_sigterm(folder: Path | None) -> Iterator[None]:
    """SIGTERM ends the command in good order; while steps are taken the run's journal has it."""

    def stop(number: int, _frame: object) -> NoReturn:
        raise Interrupted(f"stopped; {how_to_go_on(folder)}", exit_code=128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def supervise(place: Place, folder: Path | None) -> None:
    """Return in a child; the parent stays here and ends as the child does."""
    if not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _keep_apart(writing)
        return
    os.close(writing)
    sent: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: _hand_on(child, number, sent))
    said = bytearray()
    listening = threading.Thread(target=_listen, args=(reading, said), daemon=True)
    listening.start()
    _, status = os.waitpid(child, 0)
    listening.join(timeout=1)
    os._exit(_end(place, folder, os.waitstatus_to_exitcode(status), said.decode(errors="replace"), sent))


def _keep_apart(writing: int) -> None:
    """Python's words go where they went; what libraries write to the same descriptors goes to the parent."""
    _end_with_parent()
    if not any(os.environ.get(name) in values for name, values in _WORDY.items()):
        sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1) for n in (1, 2))
        os.dup2(writing, 1)
        os.dup2(writing, 2)
    os.close(writing)


def _end_with_parent() -> None:
    """Where the kernel can (Linux): killed when the parent is."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _hand_on(child: int, number: int, sent: list[int]) -> None:
    sent.append(number)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _listen(reading: int, said: bytearray) -> None:
    while part := os.read(reading, 4096):
        said.extend(part)
        del said[:-_MOST_KEPT]


def _end(place: Place, folder: Path | None, code: int, said: str, sent: list[int]) -> int:
    """The exit code, and a line where the child had no chance to say one."""
    if code >= 0:
        return code
    if sent:
        return 128 + sent[0]
    if code == -signal.SIGABRT and "RegisterTask" in said:
        print(f"vaefit: {not_met(place)}", file=sys.stderr)
        return LostError.exit_code
    if code == -signal.SIGABRT and any(words in said for words in _LOSS):
        why, exit_code = "another process was lost", LostError.exit_code
    else:
        exit_code = 128 - code
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith("[Gloo]")]
        why = f"it was ended by {signal.Signals(-code).name}" + (f" ({lines[0][:200]})" if lines else "")
    whose = f"process {place.process} of {place.processes}"
    print(f"vaefit: {whose}: {why}; {how_to_go_on(folder)}", file=sys.stderr)
    return exit_code
