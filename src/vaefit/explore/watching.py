"""`fit --watch`: a page on this machine with the curves and the picture of a fit, as they grow."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vaefit.data import Dataset, spread
from vaefit.display import Display
from vaefit.explore.app import application
from vaefit.explore.growing import picture_of
from vaefit.explore.guard import Guard
from vaefit.explore.page import watch_page
from vaefit.explore.refusal import Refused
from vaefit.explore.server import Server, bound
from vaefit.model import VAE
from vaefit.report.markup import plain
from vaefit.report.sections.curves import of_history
from vaefit.run import Run

# Rows in the picture.
ROWS = 8
# A new picture is drawn only after so many times as long as the last one took (at most a twentieth of the
# time goes into pictures; the first compiles), and only while somebody has asked for news lately.
PATIENCE, LEAST_SECONDS, ATTENTION = 20, 2.0, 10.0
MOST_POINTS = 1000
# How long the end waits for pages to hear of it.
FAREWELL = 3.0


class Watch:
    """A display that shows a fit in a page too, and passes everything on to another display.

    The page asks for news; all it is told is in memory here, so that it may be reloaded, or opened late. The
    server has a thread of its own, and a picture is drawn in another from a copy of the weights: what becomes
    of either is nothing to the training.
    """

    def __init__(
        self,
        display: Display,
        fitted: Run,
        model: Callable[[], VAE],
        rows: Dataset,
        history: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._display, self._fitted, self._model = display, fitted, model
        self._rows = rows.take(spread(rows.n, ROWS))
        self._news = _News([dict(record) for record in history])
        self._drawing: threading.Thread | None = None
        self._next_picture = 0.0
        listening = bound(0)
        page = watch_page(fitted)
        guard = Guard(_app(self._news, page.html(), page.assets()), listening.getsockname()[1])
        self.address = guard.address
        self._server = Server(guard)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="vaefit-watch", daemon=True
        )
        self._thread.start()

    def notice(self, message: str) -> None:
        """Shown in the page too."""
        self._news.notices.append(message)
        self._display.notice(message)

    def reading(self, done: int, total: int) -> None:
        """Passed on."""
        self._display.reading(done, total)

    def working(self, what: str, done: int, total: int) -> None:
        """Passed on."""
        self._display.working(what, done, total)

    def started(self, epochs: int) -> None:
        """Training begins."""
        self._news.epochs = epochs
        self._display.started(epochs)

    def on_chunk(self, epoch: int, done: float, record: Mapping[str, Any]) -> None:
        """How far the epoch is."""
        self._news.at = epoch - 1 + done
        self._draw()
        self._display.on_chunk(epoch, done, record)

    def on_epoch(self, record: Mapping[str, Any]) -> None:
        """The epoch's numbers, and now and then a new picture."""
        self._news.records.append(dict(record))
        self._news.at = float(record["epoch"])
        self._draw()
        self._display.on_epoch(record)

    def close(self, ending: str) -> None:
        """Tell the page how it ended, and close the server once that was heard."""
        self._last_picture()
        self._news.ending = ending
        until = time.monotonic() + FAREWELL
        while self._news.watched() and not self._news.heard and time.monotonic() < until:
            time.sleep(0.05)
        self._server.should_exit = True
        self._thread.join(FAREWELL)

    def _last_picture(self) -> None:
        if self._drawing is not None:
            self._drawing.join(FAREWELL)
        self._next_picture = 0.0
        self._draw()
        if self._drawing is not None:
            self._drawing.join(FAREWELL)

    def _draw(self) -> None:
        under_way = self._drawing is not None and self._drawing.is_alive()
        if under_way or not self._news.watched() or time.monotonic() < self._next_picture:
            return
        # A copy: the next step overwrites the weights.
        params, static = eqx.partition(self._model(), eqx.is_array)
        self._drawing = threading.Thread(
            target=self._picture,
            args=(self._news.at, jax.device_get(params), static),
            name="vaefit-picture",
            daemon=True,
        )
        self._drawing.start()

    def _picture(self, at: float, params: Any, static: Any) -> None:
        began, first = time.monotonic(), not self._news.pictures
        try:
            fitted = replace(self._fitted, model=eqx.combine(params, static))
            self._news.drawn(picture_of(fitted, self._rows) | {"at": at})
        except Exception as problem:
            # Training goes on, whatever became of its picture.
            self._news.notices.append(f"no picture: {type(problem).__name__}")
        took = time.monotonic() - began
        patience = 0 if first else PATIENCE * took
        self._next_picture = time.monotonic() + max(LEAST_SECONDS, patience)


class _News:
    """What the page is told when it asks."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records, self.notices = records, list[str]()
        self.epochs, self.at = 0, float(records[-1]["epoch"]) if records else 0.0
        self.pictures, self.ending, self.heard = 0, "", False
        self._picture: dict[str, Any] | None = None
        self._asked = float("-inf")

    def watched(self) -> bool:
        """Whether a page has asked lately."""
        return time.monotonic() < self._asked + ATTENTION

    def drawn(self, picture: dict[str, Any]) -> None:
        """A new picture."""
        self.pictures += 1
        self._picture = picture | {"number": self.pictures}

    async def since(self, request: Request) -> Response:
        """All that is new to a page that knows so many records, and a picture of this number."""
        try:
            known, shown = (int(request.query_params.get(name, 0)) for name in ("records", "picture"))
        except ValueError:
            raise Refused("expected whole numbers, found something else") from None
        self._asked = time.monotonic()
        records, picture, ending = list(self.records), self._picture, self.ending
        found = {
            "records": len(records),
            "last": records[-1] if records else None,
            "curves": of_history(_thinned(records)).html if len(records) > known else None,
            "notices": self.notices,
            "epochs": self.epochs,
            "at": self.at,
            "picture": None if picture is None or picture["number"] == shown else picture,
            "ending": ending,
        }
        self.heard = bool(ending)
        return JSONResponse(plain(found))


def _thinned(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most so many records as curves have points, with the last best one among them."""
    best = max((i for i, record in enumerate(records) if record.get("best")), default=0)
    return [records[i] for i in sorted({best, *spread(len(records), MOST_POINTS)})] if records else []


def _app(news: _News, page: str, assets: dict[str, Response]) -> Any:
    async def front(request: Request) -> Response:  # noqa: ARG001
        return HTMLResponse(page)

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise Refused(f"there is no {request.url.path}", 404)
        return found

    return application([Route("/", front), Route("/assets/{name}", asset), Route("/api/news", news.since)])
