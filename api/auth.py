"""/auth: signing in and out with plain forms, the one-time link, and the password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.guard import COOKIE
from api.html import field, form, hidden, page, said
from compute import workbench
from compute.people.accounts import SignedIn
from compute.people.passwords import SHORTEST
from data.errors import BadInput, TooLarge, WellplateError
from data.records import utcnow

HOME = "/app/"
ADDRESS = 'required autocomplete="username" maxlength="254"'
HIDDEN = 'required autocomplete="current-password" maxlength="1000"'
NEW = f'autocomplete="new-password" minlength="{SHORTEST}" maxlength="1000"'


def app() -> Starlette:
    return Starlette(
        routes=[
            Route("/login", _both(_login_page, _login), methods=["GET", "POST"]),
            Route("/register", _both(_register_page, _register), methods=["GET", "POST"]),
            Route("/logout", _both(_logout_page, _logout), methods=["GET", "POST"]),
            Route("/link", _both(_link_page, _link), methods=["GET", "POST"]),
            Route("/password", _both(_password_page, _password), methods=["GET", "POST"]),
        ],
        exception_handlers={TooLarge: _too_large},
    )


def local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this site, otherwise the start page."""
    plain = text is not None and text.startswith("/") and text.isascii() and text.isprintable()
    if text is None or not plain or text.startswith(("//", "/\\")) or "\\" in text:
        return HOME
    return text


Show = Callable[..., Response]


def _both(show: Show, act: Callable[[Request, FormData], Awaitable[Response]]) -> Any:
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


async def _too_large(request: Request, error: Exception) -> Response:
    return page("Too much text", said("The form is larger than 64 kB."), status=413)


# Signing in ---------------------------------------------------------------------------------------------------


def _login_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    next_path = local_path(given.get("next"))
    if refusal is None and workbench.current().accounts.person(request.cookies.get(COOKIE)):
        return RedirectResponse(next_path, 303)
    email = given.get("email", "")
    fields = [
        field(
            "email",
            "E-mail address",
            kind="email",
            value=email,
            bad=_bad(refusal),
            more=ADDRESS,
            here=not email,
        ),
        field("password", "Password", kind="password", bad=_bad(refusal), more=HIDDEN, here=bool(email)),
    ]
    body = _said(refusal) + form("/auth/login", "Sign in", hidden("next", next_path), *fields)
    below = "No account, or no password yet? Ask the person who runs this server for a sign-in link."
    if _open():
        below = 'No account yet? <a href="/auth/register">Register</a>.'
    return page("Sign in", body, status=refusal.status if refusal else 200, below=below)


async def _login(request: Request, given: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.sign_in,
        _text(given, "email"),
        _text(given, "password"),
        client=_client(request),
        agent=request.headers.get("user-agent", ""),
    )
    return _welcome(request, signed_in, local_path(_text(given, "next")))


def _register_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    below = 'Have an account? <a href="/auth/login">Sign in</a>.'
    if not _open():
        sentence = "Registration is by invitation here. Ask the person who runs this server."
        return page("Register", said(sentence), status=403, below=below)
    bad, hint = _bad(refusal), f"{SHORTEST} characters or more"
    email, name = given.get("email", ""), given.get("name", "")
    fields = [
        field("email", "E-mail address", kind="email", value=email, bad=bad, more=ADDRESS, here=True),
        field("name", "Your name", value=name, bad=bad, more='required autocomplete="name" maxlength="100"'),
        field("password", "Password", kind="password", hint=hint, bad=bad, more="required " + NEW),
    ]
    body = _said(refusal) + form("/auth/register", "Register", *fields)
    return page("Register", body, status=refusal.status if refusal else 200, below=below)


async def _register(request: Request, given: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.register,
        _text(given, "email"),
        _text(given, "name"),
        _text(given, "password"),
        client=_client(request),
        agent=request.headers.get("user-agent", ""),
    )
    return _welcome(request, signed_in, HOME)


def _logout_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    body = "<p>Jobs that run go on. This browser forgets who you are.</p>" + form("/auth/logout", "Sign out")
    return page("Sign out", _said(refusal) + body, below=f'<a href="{HOME}">Back to Wellplate</a>')


async def _logout(request: Request, given: FormData) -> Response:
    if cookie := request.cookies.get(COOKIE):
        await run_in_threadpool(workbench.current().accounts.sign_out, cookie)
    response = RedirectResponse("/auth/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_secure())
    return response


# The one-time link --------------------------------------------------------------------------------------------


def _link_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Only the button uses the link up: mail scanners and browsers fetch addresses ahead."""
    token = given.get("token", "")
    person = workbench.current().accounts.link_person(token) if token else None
    if person is None:
        sentence = "This sign-in link was used, is too old, or was not copied whole. Ask for a new one."
        return page("Sign in", said(sentence), status=422)
    email, name = given.get("email", person.email), given.get("name", person.name)
    hint, bad = f"optional, {SHORTEST} characters or more", _bad(refusal)
    fields = [
        field("email", "E-mail address", kind="email", value=email, bad=bad, more=ADDRESS),
        field("name", "Your name", value=name, bad=bad, more='autocomplete="name" maxlength="100"'),
        field("password", "New password", kind="password", hint=hint, bad=bad, more=NEW, here=True),
    ]
    lead = "<p>This link signs you in once. Set a password to sign in without it later.</p>"
    body = lead + _said(refusal) + form("/auth/link", "Sign in", hidden("token", token), *fields)
    return page("Welcome", body, status=refusal.status if refusal else 200)


async def _link(request: Request, given: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.use_link,
        _text(given, "token"),
        client=_client(request),
        agent=request.headers.get("user-agent", ""),
        email=_text(given, "email").strip() or None,
        name=_text(given, "name").strip() or None,
        password=_text(given, "password") or None,
    )
    return _welcome(request, signed_in, HOME)


# The password -------------------------------------------------------------------------------------------------


def _password_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    person = workbench.current().accounts.person(request.cookies.get(COOKIE))
    if person is None:
        return _to_login("/auth/password")
    back = f'<a href="{HOME}">Back to Wellplate</a>'
    if refusal is None and given.get("changed"):
        return page(
            "Password",
            said("The new password is set. Other browsers were signed out.", good=True),
            below=back,
        )
    hint, bad = f"{SHORTEST} characters or more", _bad(refusal)
    new = field("new", "New password", kind="password", hint=hint, bad=bad, more="required " + NEW)
    fields = [new]
    if workbench.current().accounts.has_password(person):
        fields = [field("old", "Present password", kind="password", bad=bad, more=HIDDEN), new]
    lead = f"<p>For {escape(person.email)}. Every other browser is signed out.</p>"
    body = lead + _said(refusal) + form("/auth/password", "Set password", *fields)
    return page("Password", body, status=refusal.status if refusal else 200, below=back)


async def _password(request: Request, given: FormData) -> Response:
    accounts = workbench.current().accounts
    person = accounts.person(request.cookies.get(COOKIE))
    if person is None:
        return _to_login("/auth/password")
    old, new = _text(given, "old"), _text(given, "new")
    await run_in_threadpool(accounts.change_password, person, old, new, client=_client(request))
    return RedirectResponse("/auth/password?changed=1", 303)


# ---------------------------------------------------------------------------------------------------------------


def _welcome(request: Request, signed_in: SignedIn, path: str) -> Response:
    response = RedirectResponse(path, 303)
    response.set_cookie(
        COOKIE,
        signed_in.cookie,
        max_age=int((signed_in.expires_at - utcnow()).total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=_secure(),
    )
    return response


def _said(refusal: WellplateError | None) -> str:
    return said(refusal.message) if refusal else ""


def _bad(refusal: WellplateError | None) -> str:
    """The name of the field to mend."""
    return (refusal.field or "") if refusal else ""


def _open() -> bool:
    """Whether anybody may register."""
    return workbench.current().accounts.settings.sign_in.registration == "open"


def _secure() -> bool:
    return workbench.current().accounts.settings.public_url.startswith("https://")


def _to_login(next_path: str) -> Response:
    return RedirectResponse(f"/auth/login?next={quote(next_path, safe='')}", 303)


def _text(given: FormData, name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise BadInput(f"{name} is text, not a file.", field=name)
    return value


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"
