"""/auth: signing in and out with plain forms or at an OpenID provider, invitations, links in mails, the password."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from api.auth import invitation, links, oidc, password, sessions
from api.auth.forms import both, too_large
from data.errors import TooLarge


def app() -> Starlette:
    forms = {
        "/login": (sessions.login_page, sessions.login),
        "/logout": (sessions.logout_page, sessions.logout),
        "/register": (sessions.register_page, sessions.register),
        "/invitation": (invitation.look_page, invitation.accept),
        "/link": (links.link_page, links.use_link),
        "/verify": (links.verify_page, links.verify),
        "/forgot": (password.forgot_page, password.forgot),
        "/password": (password.password_page, password.change),
        "/oidc/link": (oidc.link_page, oidc.link),
    }
    return Starlette(
        routes=[
            *(Route(path, both(show, act), methods=["GET", "POST"]) for path, (show, act) in forms.items()),
            Route("/oidc", oidc.begin),
            Route("/oidc/callback", oidc.callback),
        ],
        exception_handlers={TooLarge: too_large},
    )
