"""The FastAPI application under /api, with its page of documentation that needs no network."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from api import (
    batches,
    bulk,
    credits,
    docs,
    errors,
    files,
    imports,
    invitations,
    jobs,
    library,
    live,
    notices,
    people,
    run_sheets,
    sharing,
    teams,
    tokens,
    tools,
    tus,
)

DESCRIPTION = """
Send `Authorization: Bearer TOKEN`, or the cookie of a signed-in browser. Every error is
`{"error": {"kind", "message", "field"?}}`; what you may not know exists answers 404.

A file of an input is `{"file": FILE_ID}`, `{"job": JOB_ID, "path": PATH}` or `{"text": "...", "name": "x.fasta"}`.

Pages listen at the WebSocket `/api/v1/live`: send
`{"subscribe": {"jobs": [JOB_ID], "list": true, "batches": [BATCH_ID], "batch_list": true, "notices": true,
"files": true}}`, hear `{"seq", "job", "status", "progress", "step", "attempt"}`, `{"seq", "job", "gone": true}`,
`{"batch": BATCH_ID}` when something of it changed, `{"batch": BATCH_ID, "gone": true}`, `{"batch_list": true}`,
`{"notices": UNREAD}` or `{"files": true}`.
Programs read the same from `/api/v1/events`.
"""


def build() -> FastAPI:
    app = FastAPI(
        title="Wellplate",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses={
            status: {"model": errors.ErrorAnswer, "description": text}
            for status, text in {
                401: "Not signed in",
                403: "Not allowed",
                404: "Not there, or not yours to see",
                422: "A field does not fit",
            }.items()
        },
    )
    # The packaged Swagger UI reads OpenAPI 3.0.
    app.openapi_version = "3.0.2"
    errors.install(app)
    version_1 = APIRouter(prefix="/v1")
    for module in (
        tools,
        files,
        library,
        tus,
        imports,
        bulk,
        run_sheets,
        batches,
        jobs,
        sharing,
        credits,
        people,
        teams,
        invitations,
        tokens,
        notices,
        live,
    ):
        version_1.include_router(module.router)
    app.include_router(version_1)
    app.router.routes.extend(docs.routes())
    return app
