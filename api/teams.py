"""/api/v1/teams: teams, their members, and the team in which a session acts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import SignedIn
from api.shapes import moment
from compute import workbench
from data.records import Member, Person, Role, Team, Visibility

router = APIRouter(tags=["teams"])

Heir = Annotated[
    str | None, Query(description="Who gets their jobs and uploads; default: you, else the oldest owner.")
]


class TeamBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str


class TeamChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    default_visibility: Visibility | None = Field(None, description="Of jobs that name none.")
    person_credits: int | None = Field(
        None, ge=0, description="Credits that one member may use in a month; null for no cap."
    )
    concurrency: int | None = Field(
        None, ge=1, description="Batch children that may wait or run at once; null: the site's setting."
    )


class RoleBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role


class ActingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    team: str = Field(description="The team's id.")


@router.get("/teams", response_model=models.Teams, summary="Your teams; with `all` every team of the site")
def teams(
    person: SignedIn, all: Annotated[bool, Query(description="The site's admin only.")] = False
) -> Response:
    of_site = workbench.current().teams
    found = (
        of_site.every(person) if all else [of_site.team(person, mine.team) for mine in of_site.mine(person)]
    )
    return JSONResponse({"teams": [_team(person, team) for team in found]})


@router.post(
    "/teams", response_model=models.Team, status_code=201, summary="A new team, of which you are owner"
)
def create(person: SignedIn, body: TeamBody) -> Response:
    bench = workbench.current()
    team = bench.teams.create(person, body.name)
    return JSONResponse(_team(bench.accounts.still(person) or person, team), 201)


@router.get("/teams/{team_id}", response_model=models.Team, summary="A team: settings, balance and your role")
def team(person: SignedIn, team_id: str) -> Response:
    return JSONResponse(_team(person, workbench.current().teams.team(person, team_id)))


@router.patch("/teams/{team_id}", response_model=models.Team, summary="Name and settings (owners and admins)")
def change(person: SignedIn, team_id: str, body: TeamChange) -> Response:
    wanted = {name: getattr(body, name) for name in body.model_fields_set}
    changed = workbench.current().teams.change(person, **wanted, team_id=team_id)
    return JSONResponse(_team(person, changed))


@router.get("/teams/{team_id}/members", response_model=models.Members, summary="Who is in a team")
def members(person: SignedIn, team_id: str) -> Response:
    found = workbench.current().teams.members(person, team_id)
    return JSONResponse({"members": [_member(member) for member in found]})


@router.patch(
    "/teams/{team_id}/members/{member_id}",
    response_model=models.Members,
    summary="Give a member another role",
)
def set_role(person: SignedIn, team_id: str, member_id: str, body: RoleBody) -> Response:
    workbench.current().teams.set_role(person, member_id, body.role, team_id=team_id)
    return members(person, team_id)


@router.delete(
    "/teams/{team_id}/members/{member_id}", status_code=204, summary="Remove a member, or leave yourself"
)
def remove(person: SignedIn, team_id: str, member_id: str, heir: Heir = None) -> Response:
    workbench.current().teams.remove(person, member_id, heir_id=heir, team_id=team_id)
    return Response(status_code=204)


@router.post(
    "/me/team", response_model=models.Membership, summary="Act in another of your teams (this session)"
)
def switch(person: SignedIn, body: ActingBody) -> Response:
    there = workbench.current().teams.switch(person, body.team)
    return JSONResponse({"id": there.team, "name": there.team_name, "role": there.role})


def _team(person: Person, team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "role": person.role_in(team.id),
        "default_visibility": team.default_visibility,
        "concurrency": team.concurrency,
        "monthly_credits": team.monthly_credits,
        "person_credits": team.person_credits,
        "balance": team.balance,
        "held": team.held,
        "created": moment(team.created_at),
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "person": member.person,
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "verified": member.verified,
        "active": member.active,
        "since": moment(member.since),
    }
