"""The explorer's endpoints. Nothing is read from the disk for a request, so that no path can lead there."""

import json
import math
from typing import Any
from urllib.parse import unquote

import numpy as np
from jaxtyping import Int
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vaefit.backend import out_of_memory
from vaefit.data import Dataset
from vaefit.data.names import one_line
from vaefit.errors import VaefitError
from vaefit.explore.decoding import checked, decode
from vaefit.explore.dropped import Row, image_row
from vaefit.explore.known import Known
from vaefit.explore.looking import called, look, shown_row
from vaefit.explore.pasted import pasted_row
from vaefit.explore.refusal import Refused
from vaefit.explore.worker import Urgency, Worker
from vaefit.report import Facts
from vaefit.report.markup import plain
from vaefit.report.points import Points

MEGABYTE = 2**20
# Bytes of an upload: photographs are well below, and a row of text is far below.
MOST_IMAGE, MOST_ROW, MOST_LATENTS = 32 * MEGABYTE, 4 * MEGABYTE, MEGABYTE


class Explorer:
    """A run, its rows, and the answers to a page about them.

    `known` are the rows that new ones are held against (None: there are none); `facts` has those of the map,
    and `numbers` are their places in the data.
    """

    def __init__(
        self,
        known: Known | None,
        facts: Facts,
        numbers: Int[np.ndarray, " rows"] | None,
        worker: Worker,
    ) -> None:
        self.run, self.known, self.facts, self.numbers = facts.run, known, facts, numbers
        self.points, self.worker = Points.of(facts), worker

    def app(self, page: str, assets: dict[str, Response]) -> Starlette:
        """The app; `assets` are the page's scripts and styles, by name."""

        async def asset(request: Request) -> Response:
            found = assets.get(request.path_params["name"])
            return _problem(f"there is no {request.url.path}", 404) if found is None else found

        async def front(request: Request) -> Response:  # noqa: ARG001
            return HTMLResponse(page)

        routes = [
            Route("/", front),
            Route("/assets/{name}", asset),
            Route("/api/known", self.progress),
            Route("/api/rows/{of}/{row:int}", self.row),
            Route("/api/decode", self.decode, methods=["POST"]),
            Route("/api/look", self.look, methods=["POST"]),
            Route("/api/look/{of}/{row:int}", self.look_at, methods=["POST"]),
        ]
        return application(routes)

    async def progress(self, request: Request) -> Response:
        """How many of the run's rows are scored, and what percentile a score has among them.

        `usual` says that what variables usually cost is known: before, nothing is odd.
        """
        known = self.known
        if known is None:
            return JSONResponse({"scored": 0, "of": 0, "percentile": None, "usual": False})
        try:
            nats = float(request.query_params.get("nats", "nan"))
        except ValueError:
            raise Refused("expected a number of nats, found something else") from None
        percentile = known.percentile(nats) if math.isfinite(nats) else None
        usual = known.usual is not None
        found = {"scored": known.done, "of": known.wanted, "percentile": percentile, "usual": usual}
        return JSONResponse(found)

    async def row(self, request: Request) -> Response:
        """A row of the map (`shown`), or of those that new ones are held against (`known`)."""
        return _answer(await self.worker(Urgency.MOVING, shown_row, self.run, *self._place(request)))

    async def decode(self, request: Request) -> Response:
        """Latent vectors as JSON; back come their means, sds and chances in float32, one after the other.

        `X-Widths` says how many numbers each of the three has for a row, 0 where there are none.
        """
        asked = _json(await body(request, MOST_LATENTS, "latent vectors"))
        z = checked(self.run, asked.get("z") if isinstance(asked, dict) else None)
        parts = await self.worker(Urgency.MOVING, decode, self.run, z)
        content = b"".join(np.ascontiguousarray(part, "<f4").tobytes() for part in parts if part is not None)
        widths = ",".join("0" if part is None else str(part.shape[1]) for part in parts)
        return Response(content, media_type="application/octet-stream", headers={"X-Widths": widths})

    async def look(self, request: Request) -> Response:
        """An image, or a row as text: everything the page says of it."""
        of_image = self.run.image_size is not None
        content = await body(
            request, MOST_IMAGE if of_image else MOST_ROW, "an image" if of_image else "a row"
        )
        name = one_line(unquote(request.headers.get("x-name", "")), 80) or "this image"
        options = {flag: flag in request.query_params for flag in ("resized", "greyed")}

        def answer() -> dict[str, Any]:
            row = image_row(self.run, content, name, **options) if of_image else pasted_row(self.run, content)
            return look(self.run, self.known, row)

        return _answer(await self.worker(Urgency.ASKED, answer))

    async def look_at(self, request: Request) -> Response:
        """The same of a row that is known already."""
        rows, at, number = self._place(request)
        row = Row(rows.take([at]))
        found = await self.worker(Urgency.ASKED, look, self.run, self.known, row)
        return _answer(found | {"name": called(rows, at, number)})

    def _place(self, request: Request) -> tuple[Dataset, int, int]:
        """Rows, the place in them that was asked for, and the number of that row in the data."""
        if request.path_params["of"] == "map":
            return self._point(request.path_params["row"])
        places = {"shown": (self.facts.rows, self.numbers)}
        if self.known is not None:
            places["known"] = (self.known.rows, self.known.numbers)
        rows, numbers = places.get(request.path_params["of"], (None, None))
        at = request.path_params["row"]
        if rows is None or numbers is None or at >= rows.n:
            raise Refused(f"there is no row {at}", 404)
        return rows, at, int(numbers[at])

    def _point(self, at: int) -> tuple[Dataset, int, int]:
        """A point of the latent map, which has rows of several data sets one after the other."""
        place = at
        for rows in () if self.points is None else self.points.rows:
            if place < rows.n:
                return rows, place, at
            place -= rows.n
        raise Refused(f"there is no point {at}", 404)


def application(routes: list[Route]) -> Starlette:
    """An app whose problems are sentences in JSON."""
    return Starlette(
        routes=routes,
        exception_handlers={
            VaefitError: _refused,
            HTTPException: _no_such,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )


async def body(request: Request, most: int, what: str) -> bytes:
    """The body of a request; what is announced, or is, larger than `most` bytes is not read.

    Raises:
        Refused: it is larger, or empty.
    """
    announced = request.headers.get("content-length", "")
    too_large = Refused(f"expected {what} of at most {most // MEGABYTE} MB, found more", 413)
    if announced.isdecimal() and int(announced) > most:
        raise too_large
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise too_large
    if not content:
        raise Refused(f"expected {what}, found nothing")
    return bytes(content)


def _json(content: bytes) -> Any:

    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Refused("expected JSON, found something else") from None


def _answer(found: dict[str, Any]) -> Response:
    return JSONResponse(plain(found))


def _problem(message: str, status: int, **more: Any) -> Response:
    return JSONResponse({"error": one_line(message, 600), **more}, status)


def _refused(request: Request, problem: Exception) -> Response:  # noqa: ARG001
    status, offers = getattr(problem, "status", 422), getattr(problem, "offers", ())
    return _problem(str(problem), status, offers=list(offers))


def _no_such(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    path = one_line(request.url.path, 100)
    words = {
        404: f"there is no {path}",
        405: f"{path} takes no {request.method}",
    }
    return _problem(words.get(problem.status_code, problem.detail), problem.status_code)


def _gone(request: Request, problem: Exception) -> Response:  # noqa: ARG001
    return _problem("whoever asked went away", 400)


def _failed(request: Request, problem: Exception) -> Response:  # noqa: ARG001
    asked = out_of_memory(problem)
    if asked is not None:
        return _problem(f"out of memory ({asked})", 507)
    return _problem(f"vaefit failed here ({type(problem).__name__}); its terminal says more", 500)
