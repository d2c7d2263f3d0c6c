"""/api/v1/files, and the files, log, archive and export of a job."""

from __future__ import annotations

import io
import itertools
import pathlib
from collections.abc import Callable
from typing import Annotated, Any, BinaryIO, Literal, cast
from urllib.parse import quote

import anyio
import anyio.to_thread
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from api import models
from api.callers import Anyone, FileReader, JobId, Uploader
from api.shapes import clean, moment
from api.uploads import BodyReader, MultipartReader
from compute import workbench
from data.records import Person, StoredFile

router = APIRouter(tags=["files"])

#: Uploads wait for their senders, so they get threads of their own and cannot keep other calls from running.
UPLOADS_AT_ONCE = 16
BUFFER = 256 * 1024

#: What a browser may show instead of saving. Never HTML or SVG, which can carry scripts.
INLINE = {
    ".png": "image/png",
    ".pdb": "text/plain; charset=utf-8",
    ".pdbqt": "text/plain; charset=utf-8",
    ".cif": "text/plain; charset=utf-8",
    ".mmcif": "text/plain; charset=utf-8",
    ".sdf": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".tsv": "text/plain; charset=utf-8",
    ".fasta": "text/plain; charset=utf-8",
}
#: Whatever a file is, a browser gives it no rights on this site.
CONFINED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-cache",
}

_upload_threads = anyio.CapacityLimiter(UPLOADS_AT_ONCE)


def _binary_body(content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {content_type: {"schema": schema}}}}


_BINARY = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}


@router.post(
    "/files",
    response_model=models.File,
    status_code=201,
    summary="Upload a file as a form, in a field `file`",
    openapi_extra=_binary_body("multipart/form-data", _FORM),
)
async def upload_form(person: Uploader, request: Request) -> Response:
    body = BodyReader(request, _limit_mb())
    form = MultipartReader(body, request.headers.get("content-type", ""))
    return await _stored(lambda: _upload(person, form.open(), form))


@router.put(
    "/files",
    response_model=models.File,
    status_code=201,
    summary="Upload a file: the body is its content",
    openapi_extra=_binary_body("application/octet-stream", _BINARY),
)
async def upload_raw(
    person: Uploader, request: Request, name: Annotated[str, Query(min_length=1, max_length=1000)]
) -> Response:
    body = BodyReader(request, _limit_mb())
    return await _stored(lambda: _upload(person, name, body))


@router.get("/files", response_model=models.Files, summary="Your team's uploaded files")
def uploads(person: FileReader, format: Annotated[list[str] | None, Query()] = None) -> Response:
    listed = workbench.current().uploads(person, format)
    return JSONResponse({"files": [_file(stored) for stored in listed]})


@router.get("/jobs/{job_id}/log", response_class=PlainTextResponse, summary="A job's log")
def log(
    person: Anyone, job_id: JobId, tail: Annotated[int | None, Query(ge=1, le=100_000)] = None
) -> Response:
    text = workbench.current().log(person, job_id, tail=tail)
    return PlainTextResponse(text, headers=CONFINED)


@router.get("/jobs/{job_id}/files", response_model=models.ResultFiles, summary="A job's result files")
def files(person: Anyone, job_id: JobId) -> Response:
    return JSONResponse({"files": clean(workbench.current().files(person, job_id))})


@router.get(
    "/jobs/{job_id}/files/{path:path}",
    response_class=FileResponse,
    summary="One result file, also in byte ranges",
)
def file(person: Anyone, job_id: JobId, path: str, inline: bool = False) -> Response:
    found = workbench.current().file(person, job_id, path)
    return _sent(found, found.name, inline=inline)


@router.get(
    "/jobs/{job_id}/inputs/{input}/{number}",
    response_class=FileResponse,
    summary="One input file, under the name that it was given",
)
def input_file(
    person: Anyone,
    job_id: JobId,
    input: str,
    number: Annotated[int, Path(ge=0)],
    inline: bool = False,
) -> Response:
    found, name = workbench.current().input_file(person, job_id, input, number)
    return _sent(found, name, inline=inline)


def _sent(found: pathlib.Path, name: str, *, inline: bool) -> Response:
    shown = INLINE.get(pathlib.Path(name).suffix.lower()) if inline else None
    return FileResponse(
        found,
        media_type=shown or "application/octet-stream",
        filename=name,
        content_disposition_type="inline" if shown else "attachment",
        headers=CONFINED,
    )


@router.get(
    "/jobs/{job_id}/archive", response_class=StreamingResponse, summary="Everything of a job as a zip"
)
def archive(person: Anyone, job_id: JobId) -> Response:
    name, pieces = workbench.current().archive(person, job_id)
    # A generator refuses only when it is asked for its first piece: ask before the answer begins.
    first = next(pieces, b"")
    return StreamingResponse(
        itertools.chain([first], pieces),
        media_type="application/zip",
        headers=CONFINED | {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"},
    )


@router.get("/jobs/{job_id}/export", response_class=Response, summary="The results as CSV or JSON")
def export(person: Anyone, job_id: JobId, format: Literal["csv", "json"] = "json") -> Response:
    name, media_type, content = workbench.current().export(person, job_id, format)
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers=CONFINED | {"Content-Disposition": disposition})


def _limit_mb() -> int:
    return workbench.current().accounts.settings.limits.upload_mb


def _upload(person: Person, name: str, body: io.RawIOBase) -> StoredFile:
    return workbench.current().upload(person, name, cast(BinaryIO, io.BufferedReader(body, BUFFER)))


async def _stored(receive: Callable[[], StoredFile]) -> Response:
    stored = await anyio.to_thread.run_sync(receive, limiter=_upload_threads)
    return JSONResponse(_file(stored), 201)


def _file(stored: StoredFile) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "size": stored.size,
        "sha256": stored.sha256,
        "format": stored.format,
        "created": moment(stored.created_at),
    }
