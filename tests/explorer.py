"""A run's page as a browser has it that opened it."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from vaefit.display import Silent
from vaefit.explore.app import Explorer
from vaefit.explore.guard import Guard
from vaefit.explore.page import explorer_page
from vaefit.explore.serve import explorer_of
from vaefit.explore.server import Server, bound
from vaefit.run import Run

TINY = {"latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,), "epochs": 1}
PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"


class Opened(NamedTuple):
    """A run's explorer, its guarded app, and a client that has the cookie."""

    explorer: Explorer
    guard: Guard
    client: TestClient

    @property
    def run(self) -> Run:
        """The run."""
        return self.explorer.run


def opened(run: Run, rows: object = None) -> Opened:
    """The page of a run, opened."""
    explorer = explorer_of(run, rows, Silent())
    page = explorer_page(explorer)
    explorer.begin()
    guard = Guard(explorer.app(page.html(), page.assets()), PORT)
    client = TestClient(guard, base_url=BASE)
    assert client.get(guard.address).status_code == 200
    return Opened(explorer, guard, client)


def png(pixels: np.ndarray) -> bytes:
    """An image file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@contextmanager
def served(opened: Opened) -> Iterator[str]:
    """A real server of the same page; its address."""
    listening = bound(0)
    guard = Guard(opened.guard._app, listening.getsockname()[1])
    server = Server(guard)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield guard.address
    finally:
        server.should_exit = True
        thread.join(10)
