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
from api.html import field, hidden, page, said
from compute import workbench
from compute.accounts import SignedIn
from compute.passwords import SHORTEST
from data.errors import BadInput, TooLarge, WellplateError
from data.records import utcnow

HOME = "/app/"
HIDDEN = 'required autocomplete="current-password" maxlength="1000"'
NEW = f'autocomplete="new-password" minlength="{SHORTEST}" maxlength="1000"'


def app() -> Starlette:
    return Starlette(
        routes=[
            Route("/login", _both(_login_page, _login), methods=["GET", "POST"]),
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
            return show(request, request.query_params)
        form = await request.form(max_files=0, max_fields=20)
        try:
            return await act(request, form)
        except WellplateError as refusal:
            return show(request, form, refusal=refusal)

    return endpoint


async def _too_large(request: Request, error: Exception) -> Response:
    return page("Too much text", said("The form is larger than 64 kB."), status=413)


# Signing in ---------------------------------------------------------------------------------------------------


def _login_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    next_path = local_path(given.get("next"))
    if refusal is None and workbench.current().accounts.person(request.cookies.get(COOKIE)):
        return RedirectResponse(next_path, 303)
    bad = (refusal.field or "") if refusal else ""
    body = f"""{said(refusal.message if refusal else "")}
<form method="post" action="/auth/login">
{hidden("next", next_path)}
{
        field(
            "email",
            "E-mail address",
            kind="email",
            value=given.get("email", ""),
            bad=bad,
            more='required autocomplete="username" maxlength="254" autofocus',
        )
    }
{field("password", "Password", kind="password", bad=bad, more=HIDDEN)}
<button>Sign in</button>
</form>"""
    below = "No account, or no password yet? Ask the person who runs this server for a sign-in link."
    return page("Sign in", body, status=refusal.status if refusal else 200, below=below)


async def _login(request: Request, form: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.sign_in,
        _text(form, "email"),
        _text(form, "password"),
        client=_client(request),
        agent=request.headers.get("user-agent", ""),
    )
    return _welcome(request, signed_in, local_path(_text(form, "next")))


def _logout_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    body = f"""{said(refusal.message if refusal else "")}
<p>Jobs that run go on. This browser forgets who you are.</p>
<form method="post" action="/auth/logout"><button>Sign out</button></form>"""
    return page("Sign out", body, below=f'<a href="{HOME}">Back to Wellplate</a>')


async def _logout(request: Request, form: FormData) -> Response:
    if cookie := request.cookies.get(COOKIE):
        await run_in_threadpool(workbench.current().accounts.sign_out, cookie)
    response = RedirectResponse("/auth/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_secure())
    return response


# The one-time link --------------------------------------------------------------------------------------------


def _link_page(request: Request, given: Any, refusal: WellplateError | None = None) -> Response:
    """Only the button uses the link up: mail scanners and browsers fetch addresses ahead."""
    token = given.get("token", "")
    bad = (refusal.field or "") if refusal else ""
    if not token or bad == "token":
        sentence = refusal.message if refusal else "This sign-in link is incomplete. Copy all of it."
        return page("Sign in", said(sentence), status=refusal.status if refusal else 422)
    body = f"""<p>This link signs you in once. Set a password to sign in without it later.</p>
{said(refusal.message if refusal else "")}
<form method="post" action="/auth/link">
{hidden("token", token)}
{
        field(
            "email",
            "E-mail address",
            kind="email",
            value=given.get("email", ""),
            hint="optional",
            bad=bad,
            more='autocomplete="username" maxlength="254"',
        )
    }
{
        field(
            "name",
            "Your name",
            value=given.get("name", ""),
            hint="optional",
            bad=bad,
            more='autocomplete="name" maxlength="100"',
        )
    }
{
        field(
            "password",
            "New password",
            kind="password",
            hint=f"optional, {SHORTEST} characters or more",
            bad=bad,
            more=NEW,
        )
    }
<button>Sign in</button>
</form>"""
    return page("Welcome", body, status=refusal.status if refusal else 200)


async def _link(request: Request, form: FormData) -> Response:
    signed_in = await run_in_threadpool(
        workbench.current().accounts.use_link,
        _text(form, "token"),
        client=_client(request),
        agent=request.headers.get("user-agent", ""),
        email=_text(form, "email").strip() or None,
        name=_text(form, "name").strip() or None,
        password=_text(form, "password") or None,
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
    bad = (refusal.field or "") if refusal else ""
    old = ""
    if workbench.current().accounts.has_password(person):
        old = field("old", "Present password", kind="password", bad=bad, more=HIDDEN)
    body = f"""<p>For {escape(person.email)}. Every other browser is signed out.</p>
{said(refusal.message if refusal else "")}
<form method="post" action="/auth/password">
{old}
{
        field(
            "new",
            "New password",
            kind="password",
            hint=f"{SHORTEST} characters or more",
            bad=bad,
            more="required " + NEW,
        )
    }
<button>Set password</button>
</form>"""
    return page("Password", body, status=refusal.status if refusal else 200, below=back)


async def _password(request: Request, form: FormData) -> Response:
    accounts = workbench.current().accounts
    person = accounts.person(request.cookies.get(COOKIE))
    if person is None:
        return _to_login("/auth/password")
    old, new = _text(form, "old"), _text(form, "new")
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


def _secure() -> bool:
    return workbench.current().accounts.settings.public_url.startswith("https://")


def _to_login(next_path: str) -> Response:
    return RedirectResponse(f"/auth/login?next={quote(next_path, safe='')}", 303)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise BadInput(f"{name} is text, not a file.", field=name)
    return value


def _client(request: Request) -> str:
    return request.client.host if request.client else "unknown"
