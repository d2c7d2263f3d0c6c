"""/api/v1/credits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Admin, Reader
from api.shapes import moment
from compute import workbench
from data.errors import NotFound
from data.records import Balance, valid_id

router = APIRouter(prefix="/credits", tags=["credits"])


class GrantBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: str
    credits: int = Field(ge=-(10**9), le=10**9, description="Negative to correct, never below what is held.")
    note: str = Field("", max_length=500)


@router.get("", response_model=models.Balance, summary="The team's balance")
def balance(person: Reader) -> Response:
    return JSONResponse(_shape(workbench.current().credits.balance(person)))


@router.get("/entries", response_model=models.Ledger, summary="The team's ledger, newest first")
def entries(person: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    rows = workbench.current().credits.entries(person, limit=limit)
    return JSONResponse(
        {
            "entries": [
                {
                    "at": moment(entry.at),
                    "kind": entry.kind,
                    "balance": entry.balance,
                    "held": entry.held,
                    "job": entry.job,
                    "note": entry.note,
                }
                for entry in rows
            ]
        }
    )


@router.post(
    "/grants",
    response_model=models.Balance,
    status_code=201,
    summary="Give a team credits (the site's admin)",
)
def grant(person: Admin, body: GrantBody) -> Response:
    team = valid_id(body.team)
    if team is None:
        raise NotFound("There is no such team.", field="team")
    return JSONResponse(_shape(workbench.current().credits.grant(person, team, body.credits, body.note)), 201)


def _shape(balance: Balance) -> dict[str, int]:
    return {"balance": balance.balance, "held": balance.held, "available": balance.available}
