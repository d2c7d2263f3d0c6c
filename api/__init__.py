"""What a program sees, and signing in: the routes that stand beside the pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from api import application, auth, health
from api.guard import Guard


def routes() -> list[BaseRoute]:
    """The routes of `app.py`. Importing and building them starts nothing."""
    return [
        Route("/", _home),
        Route("/healthz", health.healthz),
        Mount("/auth", app=Guard(auth.app(), body_limit=64 * 1024)),
        Mount("/api", app=Guard(application.build(), uploads="/api/v1/files")),
    ]


async def _home(request: Request) -> RedirectResponse:
    return RedirectResponse("/app/", status_code=307)
