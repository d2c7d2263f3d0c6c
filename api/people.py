"""/api/v1/me, and what the site's admin does: people, sign-in links, the audit log, backups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Admin, SignedIn
from api.shapes import moment
from compute import workbench
from compute.people.teams import AdminView
from data.errors import BadInput, NotFound
from data.records import Person, valid_id

router = APIRouter(tags=["people"])


class ProfileBody(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    email: str | None = Field(None, description="A new address counts as not confirmed.")


class PersonChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    active: bool | None = Field(None, description="False ends all sessions, tokens and links.")
    heir: str | None = Field(None, description="With active=false: who gets their jobs and uploads.")
    verified: Literal[True] | None = Field(None, description="The address is known to be theirs.")


@router.get("/me", response_model=models.Me, summary="Who you are")
def me(person: SignedIn) -> Response:
    return JSONResponse(_me(person))


@router.patch("/me", response_model=models.Me, summary="Your name and address")
def change_me(person: SignedIn, body: ProfileBody) -> Response:
    accounts = workbench.current().accounts
    accounts.change_profile(person, name=body.name, email=body.email)
    return JSONResponse(_me(accounts.still(person) or person))


@router.get("/people", response_model=models.People, summary="Everybody on this site (the site's admin)")
def people(person: Admin) -> Response:
    found = workbench.current().teams.people(person)
    return JSONResponse({"people": [_row(view) for view in found]})


@router.patch(
    "/people/{person_id}",
    response_model=models.PersonRow,
    summary="Switch a person off or on, or vouch for their address (the site's admin)",
)
def change_person(person: Admin, person_id: str, body: PersonChange) -> Response:
    if body.heir is not None and body.active is not False:
        raise BadInput("An heir goes with active=false only.", field="heir")
    teams = workbench.current().teams
    if body.active is False:
        teams.deactivate(person, person_id, heir_id=body.heir)
    if body.active is True:
        teams.activate(person, person_id)
    if body.verified:
        teams.verify(person, person_id)
    found = next((view for view in teams.people(person) if view.id == valid_id(person_id)), None)
    if found is None:
        raise NotFound("There is no such person.")
    return JSONResponse(_row(found))


@router.post(
    "/people/{person_id}/sign-in-link",
    response_model=models.SignInLink,
    status_code=201,
    summary="A link that signs a person in once (the site's admin)",
)
def link_for(person: Admin, person_id: str) -> Response:
    return JSONResponse({"link": workbench.current().teams.sign_in_link(person, person_id)}, 201)


@router.post(
    "/sign-in-links",
    response_model=models.SignInLink,
    status_code=201,
    summary="A one-time sign-in link for the site's admin",
)
def sign_in_link(person: Admin) -> Response:
    return JSONResponse({"link": workbench.current().accounts.admin_link(person)}, 201)


@router.get("/audit", response_model=models.Audit, summary="Who did what, newest first (the site's admin)")
def audit(person: Admin, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
    rows = workbench.current().teams.audit(person, limit)
    return JSONResponse(
        {
            "entries": [
                {
                    "at": moment(row.happened_at),
                    "person": row.person_name,
                    "action": row.action,
                    "subject": row.subject,
                }
                for row in rows
            ]
        }
    )


@router.post(
    "/backups",
    response_model=models.Backup,
    status_code=201,
    summary="Save database and files together, on the server",
)
def back_up(person: Admin) -> Response:
    return JSONResponse({"path": str(workbench.current().backup(person))}, 201)


def _me(person: Person) -> dict[str, Any]:
    teams = workbench.current().accounts.teams(person)
    return {
        "id": person.id,
        "email": person.email,
        "verified": person.verified,
        "name": person.name,
        "site_admin": person.site_admin,
        "team": {"id": person.team, "name": person.team_name, "role": person.role},
        "teams": [{"id": m.team, "name": m.team_name, "role": m.role} for m in teams],
        "scopes": sorted(person.scopes) if person.scopes is not None else None,
    }


def _row(view: AdminView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "email": view.email,
        "verified": view.verified,
        "active": view.active,
        "site_admin": view.site_admin,
        "created": moment(view.created_at),
        "teams": [{"id": team, "name": name, "role": role} for team, name, role in view.teams],
    }
