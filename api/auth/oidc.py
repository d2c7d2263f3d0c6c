"""Signing in at an OpenID provider, and linking one's account to it.

The way there and back is kept in a cookie of its own: signed, for ten minutes, sent to these addresses only.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.auth.forms import (
    BACK,
    HOME,
    address,
    agent,
    local_path,
    refused,
    secure,
    status,
    to_login,
    welcome,
    who,
)
from api.html import form, go, page, said
from api.oidc import Identity, Provider
from compute import workbench
from compute.people.accounts import SignedIn
from compute.settings import OidcSettings
from data.errors import Forbidden, NotFound, WellplateError, WrongState
from data.records import Person

STATE_COOKIE = "wellplate_oidc"
STATE_PATH = "/auth/oidc"
STATE_LASTS_S = 600
LINKED = "/auth/oidc/link?done=1"


def button(next_path: str) -> str:
    """The way to sign in elsewhere, as HTML; empty where there is none."""
    if not _settings().issuer:
        return ""
    there = address("/auth/oidc", next=next_path)
    return f'<div class="or">or</div>{go(there, f"Sign in with {_settings().name}", plain=True)}'


def _settings() -> OidcSettings:
    return workbench.current().accounts.settings.oidc


def _provider() -> Provider:
    if not _settings().issuer:
        raise NotFound("This site signs nobody in from elsewhere.")
    public_url = workbench.current().accounts.settings.public_url
    return Provider(_settings(), f"{public_url}/auth/oidc/callback")


def _page_of_refusals(act: Callable[[Request], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """A refusal as a page that leads back to signing in."""

    async def endpoint(request: Request) -> Response:
        try:
            return await act(request)
        except WellplateError as refusal:
            back = BACK if who(request) else '<a href="/auth/login">Back to signing in</a>'
            return page("Sign in", said(refusal.message), status=refusal.status, below=back)

    return endpoint


@_page_of_refusals
async def begin(request: Request) -> Response:
    request.scope["session"] = {"next": local_path(request.query_params.get("next"))}
    there = await _provider().begin(request)
    return _remembering(request, RedirectResponse(there, 303))


@_page_of_refusals
async def callback(request: Request) -> Response:
    request.scope["session"] = session = _remembered(request)
    provider = _provider()
    linking = await run_in_threadpool(_who_links, request, session.get("link"))
    identity = await provider.end(request)
    signed_in = await run_in_threadpool(_sign_in, identity, agent(request), linking)
    response = (
        RedirectResponse(LINKED, 303) if linking else welcome(signed_in, local_path(session.get("next")))
    )
    response.delete_cookie(STATE_COOKIE, path=STATE_PATH, httponly=True, samesite="lax", secure=secure())
    return response


def _sign_in(identity: Identity, agent: str, linking: Person | None) -> SignedIn:
    accounts = workbench.current().accounts
    signed_in = accounts.identity_sign_in(
        identity.issuer,
        identity.subject,
        identity.email,
        identity.email_verified,
        identity.name,
        agent=agent,
        signed_in=linking,
    )
    if linking:
        # The session that asked goes on, in all its tabs; a second one is not needed.
        accounts.revoke({signed_in.person.credential})
    return signed_in


def _who_links(request: Request, credential: str | None) -> Person | None:
    """The person who asked to link their account, still signed in with the session that asked."""
    if credential is None:
        return None
    person = who(request)
    if person is None or person.credential != credential:
        raise Forbidden("You signed out, or as somebody else, since you asked to link your account.")
    return person


def _remembering(request: Request, response: Response) -> Response:
    signer = workbench.current().accounts.signer
    response.set_cookie(
        STATE_COOKIE,
        signer.sign("oidc", json.dumps(request.session)),
        max_age=STATE_LASTS_S,
        path=STATE_PATH,
        httponly=True,
        samesite="lax",
        secure=secure(),
    )
    return response


def _remembered(request: Request) -> dict[str, Any]:
    signer = workbench.current().accounts.signer
    kept = signer.read("oidc", request.cookies.get(STATE_COOKIE, ""), max_age_s=STATE_LASTS_S)
    if kept is None:
        raise WrongState(
            "This sign-in was begun in another browser or longer than 10 minutes ago. Begin again."
        )
    session: dict[str, Any] = json.loads(kept)
    return session


# Linking one's account ----------------------------------------------------------------------------------------


def link_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """A button of ours must be pressed: a foreign page could lead here a browser that the provider knows as
    somebody else, who could then sign in as this person."""
    person = who(request)
    if person is None:
        return to_login("/auth/oidc/link")
    if not _settings().issuer:
        return page(
            "Single sign-on", said("This site signs nobody in from elsewhere."), status=404, below=BACK
        )
    name = _settings().name
    if refusal is None and given.get("done"):
        done = f"Your account is linked: from now on you can sign in with {name}."
        return page("Single sign-on", said(done, good=True), below=BACK)
    lead = f"<p>Sign in once with {escape(name)} to link it to your account {escape(person.email)}.</p>"
    body = lead + refused(refusal) + form("/auth/oidc/link", f"Link {name}")
    return page("Single sign-on", body, status=status(refusal), below=BACK)


async def link(request: Request, given: FormData) -> Response:
    person = await run_in_threadpool(who, request)
    if person is None:
        return to_login("/auth/oidc/link")
    request.scope["session"] = {"link": person.credential, "next": HOME}
    there = await _provider().begin(request)
    # Not a redirect: the page's policy lets its forms lead to this site only.
    onward = page("Single sign-on", go(there, f"Go on to {_settings().name}"), below=BACK, on_to=there)
    return _remembering(request, onward)
