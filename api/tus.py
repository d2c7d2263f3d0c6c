"""/api/v1/uploads: uploads that survive a broken connection, by the tus protocol 1.0.0 (tus.io).

Core, creation, checksum, expiration and termination. Beyond it, an answer about a whole upload carries the header
`Wellplate-File`, the id of the file that it became, and the metadata `sha256` is the checksum of the whole file, in
hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import format_datetime
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from api import errors, models
from api.callers import Uploader
from api.shapes import file_shape, moment
from api.uploads import BodyReader
from compute import workbench
from compute.uploading import Upload, Uploading
from data.errors import NotFound, WellplateError
from data.parts import ALGORITHMS, Checksum
from data.records import valid_id

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
METHODS = ("PATCH", "HEAD", "DELETE")
#: They wait for their senders, so they have threads of their own and cannot keep other calls from running.
CALLS_AT_ONCE = 32

_threads = anyio.CapacityLimiter(CALLS_AT_ONCE)


class WrongVersion(WellplateError):
    kind, status = "tus_version", 412


class WrongType(WellplateError):
    kind, status = "content_type", 415


class BadHeader(WellplateError):
    kind, status = "header", 400


class TusRoute(APIRoute):
    """Refuses other versions of the protocol, and names ours in every answer, refusals too."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def call(request: Request) -> Response:
            try:
                _check_version(request)
                response = await handle(request)
            except WellplateError as error:
                response = errors.answer(error)
            response.headers["Tus-Resumable"] = VERSION
            if response.status_code == WrongVersion.status:
                response.headers["Tus-Version"] = VERSION
            return response

        return call


router = APIRouter(tags=["uploads"], route_class=TusRoute)


def _check_version(request: Request) -> None:
    if request.method not in ("OPTIONS", "GET") and request.headers.get("tus-resumable") != VERSION:
        raise WrongVersion(f"Send the header Tus-Resumable: {VERSION}.")


async def _upload_id(upload_id: str) -> str:
    known = valid_id(upload_id)
    if known is None:
        raise NotFound("There is no such upload.")
    return known


UploadId = Annotated[str, Depends(_upload_id)]


@router.options("/uploads", status_code=204, response_class=Response, summary="What this server knows of tus")
@router.options("/uploads/{upload_id}", status_code=204, include_in_schema=False)
def options() -> Response:
    limit_mb = workbench.current().settings.limits.upload_mb
    told = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(limit_mb << 20),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=told)


@router.post(
    "/uploads",
    status_code=201,
    response_class=Response,
    summary="Announce an upload: Upload-Length, and Upload-Metadata with filename and, if you like, sha256",
)
async def create(person: Uploader, request: Request) -> Response:
    length = _number(request, "Upload-Length")
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    name = metadata.get("filename") or metadata.get("name") or ""
    sha256 = metadata.get("sha256")
    begun = await _in_thread(
        lambda: _uploading().begin(person, name, length, sha256.lower() if sha256 else None)
    )
    headers = _headers(begun) | {"Location": f"/api/v1/uploads/{begun.id}"}
    return Response(status_code=201, headers=headers)


@router.get("/uploads", response_model=models.Uploads, summary="Your uploads under way")
def under_way(person: Uploader) -> Response:
    return JSONResponse({"uploads": [_shape(upload) for upload in _uploading().under_way(person)]})


@router.get(
    "/uploads/{upload_id}", response_model=models.Upload, summary="How far an upload is, or what it became"
)
def progress(person: Uploader, upload_id: UploadId) -> Response:
    return JSONResponse(_shape(_uploading().progress(person, upload_id)))


@router.head(
    "/uploads/{upload_id}", response_class=Response, summary="Where to go on; ends a request that still sends"
)
async def head(person: Uploader, upload_id: UploadId) -> Response:
    found = await _in_thread(lambda: _uploading().look(person, upload_id))
    told = {"Upload-Length": str(found.length), "Upload-Metadata": f"filename {_base64(found.name)}"}
    return Response(headers=_headers(found) | told)


@router.patch(
    "/uploads/{upload_id}",
    status_code=204,
    response_class=Response,
    summary="Send the bytes from Upload-Offset on",
    openapi_extra={
        "requestBody": {"content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def patch(person: Uploader, upload_id: UploadId, request: Request) -> Response:
    if request.headers.get("content-type") != CONTENT_TYPE:
        raise WrongType(f"Send the bytes as {CONTENT_TYPE}.")
    offset, checksum = _number(request, "Upload-Offset"), _checksum(request.headers.get("upload-checksum"))
    body = BodyReader(request, workbench.current().settings.limits.upload_mb)
    grown = await _in_thread(
        lambda: _uploading().append(person, upload_id, offset, body, checksum, stop=body.interrupt)
    )
    return Response(status_code=204, headers=_headers(grown))


@router.delete("/uploads/{upload_id}", status_code=204, response_class=Response, summary="Give an upload up")
async def delete(person: Uploader, upload_id: UploadId) -> Response:
    await _in_thread(lambda: _uploading().end(person, upload_id))
    return Response(status_code=204)


@router.post("/uploads/{upload_id}", include_in_schema=False)
async def override(person: Uploader, upload_id: UploadId, request: Request) -> Response:
    """For networks that let no PATCH and DELETE through."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await patch(person, upload_id, request)
    if method == "DELETE":
        return await delete(person, upload_id)
    if method == "HEAD":
        return await head(person, upload_id)
    raise BadHeader(f"X-HTTP-Method-Override is one of {', '.join(METHODS)}.")


def _uploading() -> Uploading:
    return workbench.current().uploading


async def _in_thread(work: Callable[[], Any]) -> Any:
    return await anyio.to_thread.run_sync(work, limiter=_threads)


def _headers(upload: Upload) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.expires is not None:
        headers["Upload-Expires"] = format_datetime(upload.expires.replace(tzinfo=UTC), usegmt=True)
    if upload.file is not None:
        headers["Wellplate-File"] = upload.file.id
    return headers


def _shape(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "name": upload.name,
        "length": upload.length,
        "offset": upload.offset,
        "expires": moment(upload.expires),
        "file": file_shape(upload.file) if upload.file else None,
    }


def _number(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadHeader(f"The header {header} is a number of bytes.", field=header)
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    """`key base64,key base64`; a key may stand alone."""
    found = {}
    for pair in filter(None, (pair.strip() for pair in header.split(","))):
        key, _, value = pair.partition(" ")
        found[key] = _decoded(value, "Upload-Metadata").decode("utf-8", "replace")
    return found


def _checksum(header: str | None) -> Checksum | None:
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(f"Checksums are {' or '.join(ALGORITHMS)}.", field="Upload-Checksum")
    return Checksum(algorithm, _decoded(value, "Upload-Checksum"))


def _decoded(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadHeader(f"The header {header} is not base64.", field=header) from error


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
