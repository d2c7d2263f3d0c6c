"""Links that come by mail or from the server's terminal: the one-time sign-in, and the proof of an address."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.auth.forms import (
    ADDRESS,
    BACK,
    HOME,
    NEW,
    address,
    agent,
    bad,
    client,
    refused,
    status,
    text,
    to_login,
    welcome,
    who,
)
from api.html import field, form, hidden, page, said
from compute import workbench
from compute.people.passwords import SHORTEST
from data.errors import BadInput, WellplateError

# The one-time link --------------------------------------------------------------------------------------------


def link_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Only the button uses the link up: mail scanners and browsers fetch addresses ahead."""
    token = given.get("token", "")
    person = workbench.current().accounts.link_person(token) if token else None
    if person is None:
        sentence = "This sign-in link was used, is too old, or was not copied whole. Ask for a new one."
        return page("Sign in", said(sentence), status=422)
    email, name = given.get("email", person.email), given.get("name", person.name)
    hint = f"optional, {SHORTEST} characters or more"
    fields = [
        field("email", "E-mail address", kind="email", value=email, bad=bad(refusal), more=ADDRESS),
        field("name", "Your name", value=name, bad=bad(refusal), more='autocomplete="name" maxlength="100"'),
        field("password", "New password", kind="password", hint=hint, bad=bad(refusal), more=NEW, here=True),
    ]
    lead = "<p>This link signs you in once. Set a password to sign in without it later.</p>"
    body = lead + refused(refusal) + form("/auth/link", "Sign in", hidden("token", token), *fields)
    return page("Welcome", body, status=status(refusal))


async def use_link(request: Request, given: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.use_link,
        text(given, "token"),
        client=client(request),
        agent=agent(request),
        email=text(given, "email").strip() or None,
        name=text(given, "name").strip() or None,
        password=text(given, "password") or None,
    )
    return welcome(signed_in, HOME)


# The proof of an address --------------------------------------------------------------------------------------

STALE = "This link is too old, was not copied whole, or is for an address that was changed since."


def verify_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Asks for the account's own session: else somebody could register with a foreign address, and its owner's
    press of a button would prove it to be theirs."""
    if refusal is None and given.get("done"):
        return page("Address", said("Your address is confirmed.", good=True), below=BACK)
    token = given.get("token", "")
    person = who(request)
    if person is None:
        return to_login(address("/auth/verify", token=token))
    lead = f"<p>Confirm that {escape(person.email)} is your address, {escape(person.name)}.</p>"
    body = lead + refused(refusal) + form("/auth/verify", "Confirm address", hidden("token", token))
    return page("Address", body, status=status(refusal), below=BACK)


async def verify(request: Request, given: FormData) -> Response:
    token = text(given, "token")
    person = await run_in_threadpool(who, request)
    if person is None:
        return to_login(address("/auth/verify", token=token))
    if not await run_in_threadpool(workbench.current().accounts.verify_address, person, token):
        raise BadInput(STALE)
    return RedirectResponse("/auth/verify?done=1", 303)
