"""/api/v1/tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import SignedIn
from api.shapes import moment
from compute import workbench
from compute.access import Scope
from data.people import ApiToken

router = APIRouter(tags=["people"])

DEFAULT_SCOPES = [Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_READ, Scope.FILES_WRITE]


class TokenBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="What it is for.", examples=["nightly script"])
    scopes: list[Scope] = Field(default=DEFAULT_SCOPES, description="What it may do.")


@router.post(
    "/tokens",
    response_model=models.NewToken,
    status_code=201,
    summary="Make an API token; it is shown this once",
)
def create(person: SignedIn, body: TokenBody) -> Response:
    token, secret = workbench.current().accounts.create_token(person, body.name, body.scopes)
    return JSONResponse(_shape(token) | {"token": secret}, 201)


@router.get("/tokens", response_model=models.Tokens, summary="Your API tokens, without their secrets")
def tokens(person: SignedIn) -> Response:
    own = workbench.current().accounts.tokens(person)
    return JSONResponse({"tokens": [_shape(token) for token in own]})


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def revoke(person: SignedIn, token_id: str) -> Response:
    workbench.current().accounts.revoke_token(person, token_id)
    return Response(status_code=204)


def _shape(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "team": token.team,
        "created": moment(token.created_at),
    }
