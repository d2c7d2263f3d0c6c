"""The pages with the workbench in memory and just enough of the API, for tests of the browser parts.

`/test/add?name=` adds a job and tells the live pages; with `silent` it tells nobody, and `/test/drop` closes every
live socket, as a proxy that restarts would.
"""

from __future__ import annotations

import json
from pathlib import Path

import molstar_cli
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from compute import workbench
from data.records import Status, StoredFile, new_id, utcnow
from tests.pages.fake_workbench import ANNA, LIGAND, RECEPTOR, FakeWorkbench

bench = FakeWorkbench()
workbench.set_current(bench)  # type: ignore[arg-type]
sockets: set[WebSocket] = set()


async def upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    if not size:
        return JSONResponse({"error": {"kind": "input", "message": "This file is empty."}}, 422)
    name = request.query_params["name"]
    stored = StoredFile(
        id=new_id(),
        team=ANNA.team,
        owner=ANNA.id,
        name=name,
        size=size,
        sha256="0",
        format="pdb",
        created_at=utcnow(),
    )
    bench.library.append(stored)
    return JSONResponse({"id": stored.id, "name": name, "size": size, "format": "pdb"}, 201)


async def job_file(request: Request) -> Response:
    return PlainTextResponse(RECEPTOR if request.path_params["path"].endswith(".pdb") else LIGAND)


async def live(socket: WebSocket) -> None:
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        sockets.discard(socket)


async def add(request: Request) -> Response:
    job = bench.add(name=request.query_params["name"], status=Status.PENDING).job
    if "silent" not in request.query_params:
        for socket in list(sockets):
            await socket.send_text(json.dumps({"seq": job.seq, "job": job.id, "status": job.status}))
    return JSONResponse({"id": job.id})


async def drop(request: Request) -> Response:
    for socket in list(sockets):
        await socket.close(1001)
        sockets.discard(socket)
    return JSONResponse({})


async def jobs(request: Request) -> Response:
    return JSONResponse({job.name: job.id for job in bench.records.values()})


viewer = Path(molstar_cli.__file__).parent / "static" / "molstar"
app = st.App(
    Path(__file__).parents[2] / "pages" / "main.py",
    routes=[
        Route("/api/v1/files", upload, methods=["PUT"]),
        Route("/api/v1/jobs/{id}/files/{path:path}", job_file),
        WebSocketRoute("/api/v1/live", live),
        Route("/test/add", add),
        Route("/test/drop", drop),
        Route("/test/jobs", jobs),
        Mount("/vendor/molstar", StaticFiles(directory=viewer)),
    ],
)
