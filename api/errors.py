"""Every refusal in one shape: {"error": {"kind", "message", "field"?}}."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from data.errors import WellplateError

log = logging.getLogger(__name__)

KINDS = {
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method",
    413: "too_large",
    422: "input",
}


class ErrorBody(BaseModel):
    kind: str
    message: str
    field: str | None = None


class ErrorAnswer(BaseModel):
    """What went wrong, as a sentence; `field` names what to mend."""

    error: ErrorBody


def answer(error: WellplateError) -> Response:
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status == 429:
        headers["Retry-After"] = "60"
    return _shaped(error.status, error.kind, error.message, error.field, headers)


def install(app: FastAPI) -> None:
    """Give all errors of this app the shape."""
    app.add_exception_handler(WellplateError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def _shaped(
    status: int, kind: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"kind": kind, "message": message} | ({"field": field} if field else {})
    return JSONResponse({"error": body}, status_code=status, headers=headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, WellplateError)
    return answer(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first field that does not fit, by its path in the body or query."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _shaped(422, "input", "The body is not valid JSON.")
    field = ".".join(str(part) for part in first["loc"][1:])
    message = f"{field or 'body'}: {first['msg']}"
    return _shaped(422, "input", message, field or None)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, WellplateError):
        return answer(error.__cause__)
    message = {404: "There is nothing at this address.", 405: "This address takes other methods."}
    kind = KINDS.get(error.status_code, "request")
    text = message.get(error.status_code, str(error.detail))
    return _shaped(error.status_code, kind, text, headers=dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    """The traceback goes to the server's log, not to the caller."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _shaped(500, "internal", "Something went wrong on the server. Its log says what.")
