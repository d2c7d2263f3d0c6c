"""The page that an invitation's link opens: look first, then take it up with a button."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.auth import oidc
from api.auth.forms import BACK, address, local_path, refused, status, text, to_login, who
from api.html import form, go, hidden, page, said
from compute import workbench
from compute.people.invitations import Invited
from data.errors import WellplateError
from data.records import Person, Role

GONE = "This invitation was taken up or withdrawn, or its link was not copied whole. Ask for a new one."
AS = {
    Role.OWNER: "as an owner",
    Role.ADMIN: "as an admin",
    Role.MEMBER: "as a member",
    Role.VIEWER: "as a viewer, who sees what the team shares and runs nothing",
}


def words(invited: Invited) -> str:
    """What the invitation is to, as HTML."""
    by, what = f"<strong>{escape(invited.by)}</strong>", f"<strong>{escape(invited.what)}</strong>"
    if invited.role is None:
        return f"{by} shows you the job {what}."
    return f"{by} invites you into the team {what}, {AS[invited.role]}."


def look_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Looking takes nothing up: mail scanners and browsers fetch addresses ahead."""
    token = given.get("token", "")
    person = who(request)
    invited = workbench.current().invitations.look(token, person) if token else None
    if invited is None:
        return page("Invitation", said(GONE), status=422, below=BACK)
    here = address("/auth/invitation", token=token)
    choice = _accept_form(person, token, here) if person else _ways_in(token, here)
    lead = f"<p>{words(invited)} It is for {escape(invited.email)}.</p>"
    below = "" if person is None else f'Not {escape(person.name)}? <a href="{_sign_out(here)}">Sign out</a>.'
    return page("Invitation", lead + refused(refusal) + choice, status=status(refusal), below=below)


def _accept_form(person: Person, token: str, here: str) -> str:
    signed_in_as = f"<p>You are signed in as {escape(person.name)}, {escape(person.email)}.</p>"
    return signed_in_as + form("/auth/invitation", "Accept", hidden("token", token))


def _ways_in(token: str, here: str) -> str:
    register = address("/auth/register", invitation=token)
    return "".join(
        [
            go(register, "Register and accept"),
            go(address("/auth/login", next=local_path(here)), "Sign in and accept", plain=True),
            oidc.button(here),
        ]
    )


def _sign_out(here: str) -> str:
    return escape(address("/auth/logout", next=here))


async def accept(request: Request, given: FormData) -> Response:
    token = text(given, "token")
    person = await run_in_threadpool(who, request)
    if person is None:
        return to_login(address("/auth/invitation", token=token))
    path = await run_in_threadpool(workbench.current().invitations.accept, person, token)
    return RedirectResponse(path, 303)
