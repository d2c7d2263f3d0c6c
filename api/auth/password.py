"""The password: changed by who is signed in, or forgotten."""

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
    HIDDEN,
    NEW,
    bad,
    client,
    refused,
    sends_mail,
    status,
    text,
    to_login,
    who,
)
from api.html import field, form, page, said
from compute import workbench
from compute.people.passwords import SHORTEST
from data.errors import WellplateError

TO_LOGIN = '<a href="/auth/login">Back to signing in</a>'
SENT = (
    "If this site knows the address, a sign-in link is on its way there. "
    "It works once, within 24 hours, and lets you set a new password."
)
NO_MAIL = "This site sends no mail. Ask the person who runs this server for a sign-in link."


def password_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    person = who(request)
    if person is None:
        return to_login("/auth/password")
    if refusal is None and given.get("changed"):
        done = "The new password is set. Other browsers were signed out."
        return page("Password", said(done, good=True), below=BACK)
    hint = f"{SHORTEST} characters or more"
    new = field("new", "New password", kind="password", hint=hint, bad=bad(refusal), more="required " + NEW)
    fields = [new]
    if workbench.current().accounts.has_password(person):
        fields = [field("old", "Present password", kind="password", bad=bad(refusal), more=HIDDEN), new]
    lead = f"<p>For {escape(person.email)}. Every other browser is signed out.</p>"
    body = lead + refused(refusal) + form("/auth/password", "Set password", *fields)
    return page("Password", body, status=status(refusal), below=BACK)


async def change(request: Request, given: FormData) -> Response:
    person = await run_in_threadpool(who, request)
    if person is None:
        return to_login("/auth/password")
    old, new = text(given, "old"), text(given, "new")
    accounts = workbench.current().accounts
    await run_in_threadpool(accounts.change_password, person, old, new, client=client(request))
    return RedirectResponse("/auth/password?changed=1", 303)


def forgot_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    if not sends_mail():
        return page("Forgotten password", said(NO_MAIL), status=403, below=TO_LOGIN)
    if refusal is None and given.get("sent"):
        return page("Forgotten password", said(SENT, good=True), below=TO_LOGIN)
    email = given.get("email", "")
    own = field(
        "email", "E-mail address", kind="email", value=email, bad=bad(refusal), more=ADDRESS, here=True
    )
    lead = "<p>A link that signs you in once comes by mail.</p>"
    body = lead + refused(refusal) + form("/auth/forgot", "Send the link", own)
    return page("Forgotten password", body, status=status(refusal), below=TO_LOGIN)


async def forgot(request: Request, given: FormData) -> Response:
    accounts = workbench.current().accounts
    await run_in_threadpool(accounts.forgot, text(given, "email"), client=client(request))
    return RedirectResponse("/auth/forgot?sent=1", 303)
