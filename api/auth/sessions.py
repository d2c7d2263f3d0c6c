"""Signing in and out with a password, and registering."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.auth import oidc
from api.auth.forms import (
    ADDRESS,
    BACK,
    HIDDEN,
    HOME,
    NAME,
    NEW,
    address,
    agent,
    bad,
    client,
    local_path,
    refused,
    registration_is_open,
    secure,
    sends_mail,
    status,
    text,
    welcome,
    who,
)
from api.auth.invitation import GONE, words
from api.guard import COOKIE
from api.html import field, form, hidden, page, said
from compute import workbench
from compute.people.invitations import Invited
from compute.people.passwords import SHORTEST
from data.errors import WellplateError

# Signing in ---------------------------------------------------------------------------------------------------


def login_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    next_path = local_path(given.get("next"))
    if refusal is None and who(request):
        return RedirectResponse(next_path, 303)
    email = given.get("email", "")
    fields = [
        field(
            "email",
            "E-mail address",
            kind="email",
            value=email,
            bad=bad(refusal),
            more=ADDRESS,
            here=not email,
        ),
        field("password", "Password", kind="password", bad=bad(refusal), more=HIDDEN, here=bool(email)),
    ]
    body = refused(refusal) + form("/auth/login", "Sign in", hidden("next", next_path), *fields)
    return page("Sign in", body + oidc.button(next_path), status=status(refusal), below=_ways_in())


def _ways_in() -> str:
    """What somebody does who cannot fill in the form."""
    register = 'No account yet? <a href="/auth/register">Register</a>.'
    forgot = '<a href="/auth/forgot">Forgot your password?</a>'
    if not sends_mail():
        ask = "No password yet, or forgotten? Ask the person who runs this server for a sign-in link."
        return f"{register} {ask}" if registration_is_open() else f"No account? {ask}"
    return f"{forgot} {register}" if registration_is_open() else forgot


async def login(request: Request, given: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.sign_in,
        text(given, "email"),
        text(given, "password"),
        client=client(request),
        agent=agent(request),
    )
    return welcome(signed_in, local_path(text(given, "next")))


def logout_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    next_path = given.get("next", "")
    body = "<p>Jobs that run go on. This browser forgets who you are.</p>"
    body += refused(refusal) + form("/auth/logout", "Sign out", hidden("next", next_path))
    return page("Sign out", body, below=BACK)


async def logout(request: Request, given: FormData) -> Response:
    if cookie := request.cookies.get(COOKIE):
        await run_in_threadpool(workbench.current().accounts.sign_out, cookie)
    next_path = text(given, "next")
    response = RedirectResponse(local_path(next_path) if next_path else "/auth/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=secure())
    return response


# Registering --------------------------------------------------------------------------------------------------


def register_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Without an invitation only where anybody may register. An invitation fixes the address."""
    token = given.get("invitation", "")
    back = local_path(address("/auth/invitation", token=token)) if token else ""
    below = f'Have an account? <a href="{escape(address("/auth/login", next=back))}">Sign in</a>.'
    if not token and not registration_is_open():
        sentence = "Registration is by invitation here. Ask the person who runs this server."
        return page("Register", said(sentence), status=403, below=below)
    invited = workbench.current().invitations.look(token) if token else None
    if token and invited is None:
        return page("Register", said(GONE), status=422, below=below)
    top = _lead(invited) + refused(refusal)
    body = top + form("/auth/register", "Register", *_register_fields(given, token, invited, refusal))
    return page("Register", body + oidc.button(back), status=status(refusal), below=below)


def _lead(invited: Invited | None) -> str:
    if invited is None:
        return ""
    return f"<p>{words(invited)} Your address is <strong>{escape(invited.email)}</strong>.</p>"


def _register_fields(
    given: Any, token: str, invited: Invited | None, refusal: WellplateError | None
) -> list[str]:
    email, name, hint = given.get("email", ""), given.get("name", ""), f"{SHORTEST} characters or more"
    own = [
        field("name", "Your name", value=name, bad=bad(refusal), more=NAME, here=invited is not None),
        field("password", "Password", kind="password", hint=hint, bad=bad(refusal), more="required " + NEW),
    ]
    if invited is not None:
        return [hidden("invitation", token), *own]
    return [
        field(
            "email", "E-mail address", kind="email", value=email, bad=bad(refusal), more=ADDRESS, here=True
        ),
        *own,
    ]


async def register(request: Request, given: FormData) -> Response:
    return await run_in_threadpool(_register, request, given)


def _register(request: Request, given: FormData) -> Response:
    token, asked = text(given, "invitation"), {"client": client(request), "agent": agent(request)}
    name, password = text(given, "name"), text(given, "password")
    bench = workbench.current()
    if not token:
        return welcome(bench.accounts.register(text(given, "email"), name, password, **asked), HOME)
    signed_in = bench.invitations.register(token, name, password, **asked)
    # Theirs by now: this only tells where it leads.
    return welcome(signed_in, bench.invitations.accept(signed_in.person, token))
