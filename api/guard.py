"""What every request passes before it reaches a route: origin, size, and the headers of every answer.

A browser sends our cookie along with requests that foreign pages start. So a request that changes something, and every
WebSocket, must name our own origin, unless a bearer token authorises it (no browser adds one by itself).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer
from compute import workbench
from data.errors import Forbidden, TooLarge, WellplateError

COOKIE = "wellplate_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MB = 1024 * 1024
#: Bytes of a body that are read for somebody who is not signed in: enough for a sign-in form.
NOBODYS_LIMIT = 64 * 1024

#: Set unless the route set its own.
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with `no-referrer` a browser sends `Origin: null` from our own forms
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware. `body_limit` in bytes holds for everything but uploads, which count by themselves."""

    def __init__(
        self, app: ASGIApp, *, body_limit: int | None = None, uploads: re.Pattern[str] | None = None
    ) -> None:
        self._app = app
        self._body_limit = body_limit
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        with_headers = _adding_headers(send)
        try:
            check_origin(scope)
            if scope["type"] == "http" and not (self._uploads and self._uploads.fullmatch(scope["path"])):
                receive = _counting(receive, Headers(scope=scope), self._limit(scope))
        except WellplateError as refusal:
            await answer(refusal)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _limit(self, scope: Scope) -> int:
        if self._body_limit is not None:
            return self._body_limit
        if not _is_somebody(HTTPConnection(scope)):
            return NOBODYS_LIMIT
        # JSON may write a character of the text as six.
        return workbench.current().accounts.settings.limits.text_mb * 6 * MB + MB


def bearer_token(headers: Headers) -> str | None:
    """The API token that a request carries."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_somebody(connection: HTTPConnection) -> bool:
    """Whether a session or a token stands behind a request, whatever it may do."""
    accounts = workbench.current().accounts
    person = accounts.token_person(bearer_token(connection.headers))
    return (person or accounts.person(connection.cookies.get(COOKIE))) is not None


def check_origin(scope: Scope) -> None:
    """Raise Forbidden where a foreign page may be behind a request that changes something."""
    headers = Headers(scope=scope)
    if bearer_token(headers) is not None:
        return
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is None and scope["type"] == "http" and COOKIE not in HTTPConnection(scope).cookies:
        return
    if origin is None or not _is_ours(origin, headers.get("host", "")):
        raise Forbidden("This request comes from a page of another site, so it was not carried out.")


def _is_ours(origin: str, host: str) -> bool:
    public = urlsplit(workbench.current().accounts.settings.public_url)
    if origin == f"{public.scheme}://{public.netloc}":
        return True
    if public.scheme == "https" and host == public.netloc:
        # Whoever is on the way of what goes unencrypted can write a page of http://.
        return False
    return bool(host) and origin in (f"http://{host}", f"https://{host}")


def _adding_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return add


def _counting(receive: Receive, headers: Headers, limit: int) -> Receive:
    """Refuse a body above the limit, also when its length was not told."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    count = 0

    async def counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> TooLarge:
    if limit < MB:
        return TooLarge(f"This request is larger than {limit // 1024} kB.")
    return TooLarge(f"This request is larger than {limit // MB} MB. Upload large files by themselves.")
