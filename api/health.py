"""/healthz: whether app, store and cluster answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from compute import workbench


def healthz(request: Request) -> JSONResponse:
    health = workbench.current().health()
    body = {
        "ok": health.ok,
        "version": health.version,
        "store": health.store,
        "cluster": health.cluster,
        "workers": health.workers,
        "slots": health.slots,
        "jobs": health.jobs,
    }
    return JSONResponse(body, 200 if health.ok else 503, headers={"Cache-Control": "no-store"})
