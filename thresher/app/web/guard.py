"""Who may talk to the server: this browser, once it has followed the printed link.

Other sites can make a browser send requests here. They are kept out by a cookie that is never sent
from another site (``SameSite=Strict``) and that scripts cannot read (``HttpOnly``), by the names
under which the server may be called (against DNS rebinding), and by the origin of what changes
something. What the pages may load is said by the content security policy: files of this server.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answering import refusal

SAFE_METHODS = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
SENT = [(name.encode(), text.encode()) for name, text in HEADERS.items()]
SENT_UNCACHED = [*SENT, (b"cache-control", b"no-store")]
# Shown instead of a redirect: after one that another site began, browsers withhold the cookie.
WELCOME = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={where}">'
    '<link rel="icon" href="/static/icon.svg"><title>Thresher</title>'
    '<p><a href="{where}">Go on</a></p>'
)


class Guard:
    """Middleware before everything else.

    Parameters
    ----------
    app : ASGI application
    token : str
        What the link holds.
    names : iterable of str
        Names of this server beside ``localhost`` and addresses in numbers.
    """

    def __init__(self, app: ASGIApp, *, token: str, names: Iterable[str] = ()) -> None:
        self.app, self.token = app, token
        self.names = {"localhost", *(name.lower() for name in names)}
        # Not the token itself: a cookie may be shown where the link should not be.
        self.cookie = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it in words."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = self._refused(scope) or self._welcome(scope) or self._stranger(scope)
        await (answer or self.app)(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message["headers"]
                cached = any(name == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *(SENT if cached else SENT_UNCACHED)]
            await send(message)

        return sending

    def _refused(self, scope: Scope) -> Response | None:
        """Refuse foreign names of this server, foreign origins, and forms posted from anywhere."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return refusal(
                f"This server does not answer to the name {host[:100]!r}. Use the printed link, "
                "or start it with --allow-host NAME.",
                status=421,
            )
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            if scope["method"] not in SAFE_METHODS or foreign:
                return refusal("Another site may not use this server.", status=403)
            if headers.get("sec-fetch-mode") != "navigate":
                return refusal("Another site may not load parts of this server.", status=403)
        if scope["method"] in SAFE_METHODS:
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return refusal("Send JSON, with the content type application/json.", status=415)
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        if name in self.names:
            return True
        try:  # a name is needed to rebind; an address in numbers is what it says
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _welcome(self, scope: Scope) -> Response | None:
        """Exchange the token of the link for the cookie."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.pop("token", [""])[0]
        if scope["path"] != "/" or scope["method"] != "GET" or not given:
            return None
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _unknown(scope)
        rest = urlencode(query, doseq=True)
        answer = HTMLResponse(WELCOME.format(where=f"/?{rest}" if rest else "/"))
        name = cookie_name(scope)
        answer.set_cookie(name, self.cookie, httponly=True, samesite="strict", path="/")
        return answer

    def _stranger(self, scope: Scope) -> Response | None:
        sent = cookie_parser(Headers(scope=scope).get("cookie", ""))
        given = sent.get(cookie_name(scope), "")
        good = hmac.compare_digest(given.encode(), self.cookie.encode())
        return None if good else _unknown(scope)


def cookie_name(scope: Scope) -> str:
    """Return the cookie's name: browsers share cookies between the ports of a machine."""
    port = urlsplit(f"//{Headers(scope=scope).get('host', '')}").port
    return f"thresher-{port or 80}"


def _unknown(scope: Scope) -> Response:
    text = (
        "Open the link that `thresher serve-labels` printed: it holds the key to this server. "
        "A server that was started again has a new link."
    )
    if scope["path"].startswith("/api/"):
        return refusal(text, status=401)
    return PlainTextResponse(text, status_code=401)
