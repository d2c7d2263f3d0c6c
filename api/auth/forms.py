"""What all forms of /auth share: show and act, the session's cookie, and where to go next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.guard import COOKIE
from api.html import page, said
from compute import workbench
from compute.people.accounts import SignedIn
from compute.people.passwords import SHORTEST
from data.errors import BadInput, WellplateError
from data.records import Person, utcnow

HOME = "/app/"
BACK = f'<a href="{HOME}">Back to Wellplate</a>'
ADDRESS = 'required autocomplete="username" maxlength="254"'
NAME = 'required autocomplete="name" maxlength="100"'
HIDDEN = 'required autocomplete="current-password" maxlength="1000"'
NEW = f'autocomplete="new-password" minlength="{SHORTEST}" maxlength="1000"'

#: Shows the form: the request, what was given (query or form), and why it was refused.
Show = Callable[..., Response]
Act = Callable[[Request, FormData], Awaitable[Response]]


def both(show: Show, act: Act) -> Any:
    """GET shows the form; POST acts, and shows the form again with the sentence when it is refused."""

    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(show, request, request.query_params)
        given = await request.form(max_files=0, max_fields=20)
        try:
            return await act(request, given)
        except WellplateError as refusal:
            return await run_in_threadpool(show, request, given, refusal=refusal)

    return endpoint


async def too_large(request: Request, error: Exception) -> Response:
    return page("Too much text", said("The form is larger than 64 kB."), status=413)


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this site, otherwise the start page."""
    plain = text is not None and text.startswith("/") and text.isascii() and text.isprintable()
    if text is None or not plain or text.startswith(("//", "/\\")) or "\\" in text:
        return HOME
    return text


def address(path: str, **query: str) -> str:
    """A path of ours with a query, of which those that are empty go."""
    given = [f"{name}={quote(value, safe='')}" for name, value in query.items() if value]
    return f"{path}?{'&'.join(given)}" if given else path


def who(request: Request) -> Person | None:
    """Who is signed in at this browser."""
    return workbench.current().accounts.person(request.cookies.get(COOKIE))


def welcome(signed_in: SignedIn, path: str) -> Response:
    response = RedirectResponse(path, 303)
    response.set_cookie(
        COOKIE,
        signed_in.cookie,
        max_age=int((signed_in.expires_at - utcnow()).total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure(),
    )
    return response


def to_login(next_path: str) -> Response:
    return RedirectResponse(address("/auth/login", next=next_path), 303)


def refused(refusal: WellplateError | None) -> str:
    """The sentence of a refusal, as HTML."""
    return said(refusal.message) if refusal else ""


def bad(refusal: WellplateError | None) -> str:
    """The name of the field to mend."""
    return (refusal.field or "") if refusal else ""


def status(refusal: WellplateError | None) -> int:
    return refusal.status if refusal else 200


def text(given: FormData, name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise BadInput(f"{name} is text, not a file.", field=name)
    return value


def client(request: Request) -> str:
    """Whose tries are counted together: an address, and of IPv6 the network, of which one machine has all addresses."""
    if request.client is None:
        return "unknown"
    try:
        known = ip_address(request.client.host)
    except ValueError:  # a socket's path
        return request.client.host
    if isinstance(known, IPv4Address) or known.ipv4_mapped:
        return str(known)
    return str(IPv6Network((known.packed, 64), strict=False))


def agent(request: Request) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")


def secure() -> bool:
    return workbench.current().accounts.settings.public_url.startswith("https://")


def registration_is_open() -> bool:
    return workbench.current().accounts.settings.sign_in.registration == "open"


def sends_mail() -> bool:
    return workbench.current().accounts.outbox.sends_mail
