"""The pages with the workbench in memory and just enough of the API, for tests of the browser parts.

`/test/add?name=` adds a job and tells the live pages; with `silent` it tells nobody, and `/test/drop` closes every
live socket, as a proxy that restarts would. `/test/end?batch=&well=` completes a well of a batch, `/test/forget?batch=`
deletes a batch, and both tell the pages.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import molstar_cli
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from compute import workbench
from data.records import Status, StoredFile, Visibility, new_id, utcnow
from tests.pages.fake_batches import make_well, screen
from tests.pages.fake_workbench import ANNA, BEN_ID, LIGAND, RECEPTOR, FakeWorkbench

bench = FakeWorkbench()
for name, number, done, more in [
    ("Ten analogues of imatinib", 10, 1.0, {"age_s": 7_000.0, "visibility": Visibility.PUBLIC}),
    ("FDA-approved → SRC", 1_400, 1.0, {"submitter": (BEN_ID, "Ben Okafor"), "age_s": 90_000.0}),
    ("ZINC leads → BRD4, first look", 10_000, 0.41, {}),
    ("Kinase library → ABL1 (1iep)", 384, 0.73, {}),
    ("96 fragments → BRD4", 96, 0.6, {}),
]:
    bench.batches.add(name=name, statuses=screen(number, done), **more)  # type: ignore[arg-type]
workbench.set_current(bench)  # type: ignore[arg-type]
sockets: set[WebSocket] = set()


@dataclass
class Sent:
    name: str
    length: int
    size: int = 0


uploads: dict[str, Sent] = {}


async def begin_upload(request: Request) -> Response:
    if request.headers["upload-length"] == "0":
        return JSONResponse({"error": {"kind": "input", "message": "This file is empty."}}, 422)
    upload_id = new_id()
    name = base64.b64decode(request.headers["upload-metadata"].removeprefix("filename ")).decode()
    uploads[upload_id] = Sent(name, int(request.headers["upload-length"]))
    return Response(status_code=201, headers={"Location": f"/api/v1/uploads/{upload_id}"})


async def go_on_with_upload(request: Request) -> Response:
    sent = uploads[request.path_params["id"]]
    async for chunk in request.stream():
        sent.size += len(chunk)
    headers = {"Upload-Offset": str(sent.size), "Upload-Length": str(sent.length)}
    if sent.size == sent.length:
        headers["Wellplate-File"] = request.path_params["id"]
    return Response(status_code=204, headers=headers)


async def uploaded(request: Request) -> Response:
    sent = uploads[request.path_params["id"]]
    stored = StoredFile(
        id=request.path_params["id"],
        team=ANNA.team,
        owner=ANNA.id,
        name=sent.name,
        size=sent.size,
        sha256="0",
        format="pdb",
        created_at=utcnow(),
    )
    bench.library.append(stored)
    file = {"id": stored.id, "name": stored.name, "size": stored.size, "format": stored.format}
    return JSONResponse({"file": file})


async def job_file(request: Request) -> Response:
    return PlainTextResponse(RECEPTOR if request.path_params["path"].endswith(".pdb") else LIGAND)


async def live(socket: WebSocket) -> None:
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            message = json.loads(await socket.receive_text())
            if message["since"] < bench.changes:
                await socket.send_text(json.dumps({"again": True}))
    except WebSocketDisconnect:
        sockets.discard(socket)


async def add(request: Request) -> Response:
    job = bench.add(name=request.query_params["name"], status=Status.PENDING).job
    bench.changes += 1
    if "silent" not in request.query_params:
        for socket in list(sockets):
            await socket.send_text(json.dumps({"seq": job.seq, "job": job.id, "status": job.status}))
    return JSONResponse({"id": job.id})


async def tell(event: dict[str, object]) -> Response:
    for socket in list(sockets):
        await socket.send_text(json.dumps(event))
    return JSONResponse({})


async def end(request: Request) -> Response:
    batch, number = request.query_params["batch"], int(request.query_params["well"])
    plate = bench.batches.plates[batch]
    plate[number] = make_well(number, plate[number].name, Status.COMPLETED)
    bench.changes += 1
    return await tell({"batch": batch})


async def forget(request: Request) -> Response:
    bench.batches.gone(request.query_params["batch"])
    bench.changes += 1
    return await tell({"batch": request.query_params["batch"], "gone": True})


async def batches(request: Request) -> Response:
    return JSONResponse({batch.name: batch.id for batch in bench.batches.records.values()})


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
        Route("/api/v1/uploads", begin_upload, methods=["POST"]),
        Route("/api/v1/uploads/{id}", uploaded, methods=["GET"]),
        Route("/api/v1/uploads/{id}", go_on_with_upload, methods=["PATCH"]),
        Route("/api/v1/jobs/{id}/files/{path:path}", job_file),
        WebSocketRoute("/api/v1/live", live),
        Route("/test/add", add),
        Route("/test/drop", drop),
        Route("/test/jobs", jobs),
        Route("/test/end", end),
        Route("/test/forget", forget),
        Route("/test/batches", batches),
        Mount("/vendor/molstar", StaticFiles(directory=viewer)),
    ],
)
