"""A server on this machine alone: bound to 127.0.0.1, ended by Ctrl-C or by the program."""

import contextlib
import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from vaefit.errors import SettingsError
from vaefit.explore.guard import HOST

SECONDS_TO_CLOSE = 2
WAITING = 128  # connections that may wait before they are taken


def bound(port: int) -> socket.socket:
    """A socket that listens on this machine alone; on a free port where `port` is 0.

    Raises:
        SettingsError: the port is in use, or not to be had.
    """
    found = socket.socket()
    if os.name == "posix":
        # Elsewhere this would let two programs share the port.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(WAITING)
    except OSError as problem:
        found.close()
        why = "is in use" if problem.errno == errno.EADDRINUSE else f"cannot be had: {problem.strerror}"
        raise SettingsError(
            f"port {port} {why}; choose another --port, or leave it out for a free one"
        ) from None
    return found


class Server(uvicorn.Server):
    """uvicorn with signals that end it without ending the program; `closing` is called when one comes."""

    def __init__(self, app: ASGIApp, closing: Callable[[], None] = lambda: None) -> None:
        self._closing = closing
        super().__init__(
            uvicorn.Config(
                app,
                log_level="error",
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=SECONDS_TO_CLOSE,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM close the server; afterwards all is as before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Close, and let no request wait for its answer."""
        self._closing()
        super().handle_exit(sig, frame)


def open_browser(address: str) -> None:
    """Open the page where there is a screen; a browser in the terminal would be in the way."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
