"""/api/v1/credits: what a team can spend, where it went, what tools cost; grants and allowances of the site's admin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Admin, Reader
from api.shapes import moment
from compute import workbench
from compute.credits import MOST_CREDITS, MOST_ENTRIES, NOTE_LENGTH, ToolPrice
from data.errors import BadInput
from data.records import Balance, LedgerEntry, LedgerKind, Spent, Team, utcnow

router = APIRouter(prefix="/credits", tags=["credits"])

USUAL_DAYS = 30
MOST_DAYS = 366

Times = Annotated[datetime | None, Query(description="RFC 3339; without a zone it is UTC.")]


class GrantBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: str
    credits: int = Field(
        ge=-MOST_CREDITS, le=MOST_CREDITS, description="Negative to correct, never below what is held."
    )
    note: str = Field("", max_length=NOTE_LENGTH)


class AllowanceBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: str
    monthly_credits: int | None = Field(
        ge=1, le=MOST_CREDITS, description="Given at the start of every month (UTC); null for nothing."
    )


@router.get(
    "", response_model=models.Credits, summary="The team's balance, and your own use of it this month"
)
def balance(person: Reader) -> Response:
    credits = workbench.current().credits
    mine = credits.mine(person)
    rest = {
        "mode": credits.mode,
        "monthly_credits": credits.team(person).monthly_credits,
        "cap": mine.cap,
        "used": mine.used,
    }
    return JSONResponse(_balance(credits.balance(person)) | rest)


@router.get("/entries", response_model=models.Ledger, summary="The team's ledger, newest first")
def entries(
    person: Reader,
    kind: Annotated[list[LedgerKind], Query(default_factory=list)],
    tool: Annotated[list[str], Query(default_factory=list)],
    submitter: Annotated[list[str], Query(default_factory=list, description="Ids of people, or `me`.")],
    since: Times = None,
    until: Times = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
    before: Annotated[
        int | None, Query(description="`next_before` of the page before.", ge=0, lt=2**63)
    ] = None,
) -> Response:
    rows = workbench.current().credits.entries(
        person,
        kinds=kind,
        tools=tool,
        persons=[person.id if who == "me" else who for who in submitter],
        since=_utc(since),
        until=_utc(until),
        limit=limit,
        before=before,
    )
    more = len(rows) == limit
    return JSONResponse(
        {"entries": [_entry(entry) for entry in rows], "next_before": rows[-1].number if more else None}
    )


@router.get("/usage", response_model=models.Spending, summary="Credits spent per day, tool and person")
def usage(person: Reader, since: Times = None, until: Times = None) -> Response:
    """The last 30 days where nothing is said. A charge counts on its day, less what was refunded of it since."""
    end = _utc(until) or utcnow()
    start = _utc(since) or end - timedelta(days=USUAL_DAYS)
    if not timedelta(0) < end - start <= timedelta(days=MOST_DAYS):
        raise BadInput(f"until is later than since, by at most {MOST_DAYS} days.", field="since")
    rows = workbench.current().credits.spent(person, since=start, until=end)
    return JSONResponse(
        {
            "since": moment(start),
            "until": moment(end),
            "credits": sum(row.credits for row in rows),
            "spent": [_spent(row) for row in rows],
        }
    )


@router.get("/prices", response_model=models.Prices, summary="What every tool costs")
def prices(person: Reader) -> Response:
    credits = workbench.current().credits
    return JSONResponse({"mode": credits.mode, "tools": [_price(price) for price in credits.prices(person)]})


@router.post(
    "/grants",
    response_model=models.Balance,
    status_code=201,
    summary="Give a team credits (the site's admin)",
)
def grant(person: Admin, body: GrantBody) -> Response:
    given = workbench.current().credits.grant(person, body.team, body.credits, body.note)
    return JSONResponse(_balance(given), 201)


@router.get("/teams", response_model=models.TeamsCredits, summary="Every team's credits (the site's admin)")
def teams(person: Admin) -> Response:
    return JSONResponse({"teams": [_team(team) for team in workbench.current().credits.teams(person)]})


@router.put(
    "/allowance",
    response_model=models.TeamCredits,
    summary="Set what every month gives a team (the site's admin)",
)
def allow(person: Admin, body: AllowanceBody) -> Response:
    """The present month's is given at once; one that was given already changes with the next month."""
    return JSONResponse(_team(workbench.current().credits.allow(person, body.team, body.monthly_credits)))


def _utc(time: datetime | None) -> datetime | None:
    """As the store keeps times."""
    if time is None:
        return None
    if not 2000 <= time.year < 3000:
        raise BadInput("Give times of the years 2000 to 2999.", field="since")
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _balance(balance: Balance) -> dict[str, Any]:
    return {"balance": balance.balance, "held": balance.held, "available": balance.available}


def _team(team: Team) -> dict[str, Any]:
    return _balance(Balance(balance=team.balance, held=team.held)) | {
        "team": {"id": team.id, "name": team.name},
        "monthly_credits": team.monthly_credits,
        "person_credits": team.person_credits,
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": moment(entry.at),
        "kind": entry.kind,
        "balance": entry.balance,
        "held": entry.held,
        "job": entry.job,
        "note": entry.note,
        "person": {"id": entry.person, "name": entry.person_name} if entry.person else None,
    }


def _spent(row: Spent) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(),
        "tool": row.tool,
        "person": {"id": row.person, "name": row.person_name},
        "credits": row.credits,
        "jobs": row.jobs,
    }


def _price(price: ToolPrice) -> dict[str, Any]:
    return {
        "tool": price.tool,
        "name": price.name,
        "rule": price.rule,
        "example": price.example,
        "credits": price.credits,
        "lines": [{"label": line.label, "credits": line.credits} for line in price.lines],
    }
