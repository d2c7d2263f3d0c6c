"""Uploads to /api/v1/files, and the files, log, archive and export of a job."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated, Any, BinaryIO, Literal, cast

import anyio
import anyio.to_thread
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from api import models
from api.callers import Anyone, JobId, Uploader
from api.downloads import CONFINED, sent, streamed, whole
from api.shapes import clean, file_shape
from api.uploads import BodyReader, MultipartReader
from compute import workbench
from data.records import Person, StoredFile

router = APIRouter(tags=["files"])

#: Uploads wait for their senders, so they get threads of their own and cannot keep other calls from running.
UPLOADS_AT_ONCE = 16
BUFFER = 256 * 1024

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
    """What the job made for the library comes as a zip."""
    bench = workbench.current()
    found = bench.file(person, job_id, path)
    if found.is_dir():
        return streamed(*bench.library.made_by_job(person, job_id, path))
    return sent(found, found.name, inline=inline)


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
    """A folder comes as a zip."""
    bench = workbench.current()
    found, name = bench.input_file(person, job_id, input, number)
    if found.is_dir():
        return streamed(*bench.library.made_by_job(person, job_id, f"inputs/{input}/{number}"))
    return sent(found, name, inline=inline)


@router.get(
    "/jobs/{job_id}/archive", response_class=StreamingResponse, summary="Everything of a job as a zip"
)
def archive(person: Anyone, job_id: JobId) -> Response:
    return streamed(*workbench.current().archive(person, job_id))


@router.get("/jobs/{job_id}/export", response_class=Response, summary="The results as CSV or JSON")
def export(person: Anyone, job_id: JobId, format: Literal["csv", "json"] = "json") -> Response:
    name, media_type, content = workbench.current().export(person, job_id, format)
    return whole(name, media_type, content)


def _limit_mb() -> int:
    return workbench.current().accounts.settings.limits.upload_mb


def _upload(person: Person, name: str, body: io.RawIOBase) -> StoredFile:
    return workbench.current().upload(person, name, cast(BinaryIO, io.BufferedReader(body, BUFFER)))


async def _stored(receive: Callable[[], StoredFile]) -> Response:
    stored = await anyio.to_thread.run_sync(receive, limiter=_upload_threads)
    return JSONResponse(file_shape(stored), 201)
