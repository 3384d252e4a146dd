"""Who may talk to a local page: the person who was told its address, from that page alone.

A page on 127.0.0.1 can be reached by every program of the machine and, through the person's browser, by every
site they visit. So a request must name this host (a foreign name that was made to point here, DNS rebinding,
does not), come from this page or from no page, and bring the cookie that the address with its one-time token
was exchanged for.
"""

import hmac
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
# Scripts, pictures and connections come from this server alone. Plotly writes style elements of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests from the page itself through to an app, and puts security headers on answers."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")
        # Cookies do not tell ports apart: two pages side by side need two names.
        self._cookie = f"vaefit-{port}"
        self._token, self._pass = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._exchanged = False
        self.address = f"http://{self._hosts[0]}/?token={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on to the app."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            answer = self._answer(Request(scope))
            await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, request: Request) -> Response | None:
        """What is said instead of the app; None: it may answer."""
        if refusal := self._foreign(request):
            return _refused(request, refusal)
        known = hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._pass.encode())
        if request.url.path == "/" and "token" in request.query_params:
            return self._exchange(request, known)
        if known:
            return None
        return _refused(request, "open this page by the address that vaefit printed when it started")

    def _foreign(self, request: Request) -> str | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return f"this page is only at {self._hosts[0]}"
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return "another page asked, and only this one may"
        # Browsers say where a request came from; a link that is followed to the page itself is no danger.
        followed = request.method == "GET" and request.url.path == "/"
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
            return "another page asked, and only this one may"
        return None

    def _exchange(self, request: Request, known: bool) -> Response:
        """The cookie for the token, once; the address bar is left without it."""
        right = hmac.compare_digest(request.query_params["token"].encode(), self._token.encode())
        if not known and (self._exchanged or not right):
            why = "was used already" if right else "is not the one that vaefit printed"
            return _refused(request, f"this address {why}; start again for a new one")
        answer = RedirectResponse("/", status_code=303)
        if not known:
            self._exchanged = True
            answer.set_cookie(self._cookie, self._pass, httponly=True, samesite="strict", path="/")
        return answer


def _refused(request: Request, why: str) -> Response:
    if request.url.path == "/":
        return PlainTextResponse(f"vaefit: {why}\n", 403)
    return JSONResponse({"error": why}, 403)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending
