"""One thread for all that computes, so that the server itself never waits for a model."""

import asyncio
import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

from vaefit.explore.refusal import Refused

T = TypeVar("T")

MOST_WAITING = 500
SECONDS_TO_STOP = 1.0
# How long after the last question work begins that nobody waits for: whoever moves a slider moves it again.
QUIET, LOOK_AGAIN = 0.5, 0.01


class Urgency(IntEnum):
    """What goes first when several wait."""

    STOP = 0
    MOVING = 1  # a slider moves
    ASKED = 2  # somebody waits
    WAITING = 3  # nobody does


def _done(future: "Future[T]", job: Callable[..., T], *arguments: Any) -> None:
    # Whoever asked may have gone away, before or meanwhile.
    if not future.set_running_or_notify_cancel():
        return
    with contextlib.suppress(InvalidStateError):
        try:
            future.set_result(job(*arguments))
        except Exception as problem:
            future.set_exception(problem)


class Worker:
    """Does one job after the other, the more urgent ones first, those alike in the order they came."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], None]]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._asked: set[Future[Any]] = set()
        # A daemon: a long computation does not keep the program from ending.
        self._thread = threading.Thread(target=self._work, name="vaefit-model", daemon=True)
        self._thread.start()

    async def __call__(self, urgency: Urgency, job: Callable[..., T], *arguments: Any) -> T:
        """What the job gives; the event loop goes on meanwhile.

        Raises:
            Refused: too many wait already.
        """
        if self._jobs.qsize() >= MOST_WAITING:
            raise Refused("too many requests wait already; try again in a moment", 503)
        future: Future[T] = Future()
        self._put(urgency, partial(_done, future, job, *arguments))
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        if self._stopped.is_set():
            self.dismiss()
        return await asyncio.wrap_future(future)

    def in_pieces(self, pieces: Iterator[object]) -> None:
        """Work through an iterator whenever nothing else waits."""

        def run() -> None:
            if next(pieces, self) is not self:
                self._put(Urgency.WAITING, run)

        self._put(Urgency.WAITING, run)

    def dismiss(self) -> None:
        """Begin no more jobs, and let nobody wait for one."""
        self._stopped.set()
        for future in list(self._asked):
            with contextlib.suppress(InvalidStateError):
                future.set_exception(Refused("vaefit is closing", 503))

    def stop(self) -> bool:
        """Begin no more jobs, and wait a moment for the one under way; whether it has ended."""
        self.dismiss()
        self._put(Urgency.STOP, lambda: None)
        self._thread.join(SECONDS_TO_STOP)
        return not self._thread.is_alive()

    def _put(self, urgency: Urgency, run: Callable[[], None]) -> None:
        self._jobs.put((urgency, next(self._numbers), run))

    def _work(self) -> None:
        asked = time.monotonic()
        while not self._stopped.is_set():
            job = self._jobs.get()
            if job[0] == Urgency.WAITING and time.monotonic() < asked + QUIET:
                self._jobs.put(job)
                self._stopped.wait(LOOK_AGAIN)
                continue
            job[2]()
            asked = asked if job[0] == Urgency.WAITING else time.monotonic()
