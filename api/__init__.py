"""What a program sees, and signing in: the routes that stand beside the pages."""

from __future__ import annotations

import re
import signal
from types import FrameType
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from api import application, auth, health, hub, uploads
from api.guard import Guard

#: Bodies that may be as large as a file.
UPLOADS = re.compile(r"/api/v1/files|/api/v1/uploads/[^/]+")


def routes() -> list[BaseRoute]:
    """The routes of `app.py`. Importing and building them starts nothing."""
    return [
        Route("/", _home),
        Route("/healthz", health.healthz),
        Mount("/auth", app=Guard(auth.app(), body_limit=64 * 1024)),
        Mount("/api", app=Guard(application.build(), uploads=UPLOADS)),
    ]


def stop_on_signals() -> None:
    """End event streams and uploads when the process is told to stop: the server would wait for them.

    Call it in the main thread once the server has set its own handlers, which are asked next.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        _stop_first(number, signal.getsignal(number))


def _stop_first(number: signal.Signals, handler: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        hub.stop()
        uploads.stop()
        signal.signal(number, handler)
        signal.raise_signal(number)

    signal.signal(number, stop)


async def _home(request: Request) -> RedirectResponse:
    return RedirectResponse("/app/", status_code=307)
