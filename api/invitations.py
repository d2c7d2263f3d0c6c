"""/api/v1/invitations: into a team."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import SignedIn
from api.shapes import moment
from compute import workbench
from data.records import Invitation, Person, Role

router = APIRouter(prefix="/invitations", tags=["teams"])


class InvitationBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: str
    role: Role = Role.MEMBER
    team: str | None = Field(None, description="One of your teams; default: the one in which you act.")


@router.post(
    "",
    response_model=models.Invitation,
    status_code=201,
    summary="Invite somebody into a team; they get a mail where the site sends any",
)
def invite(person: SignedIn, body: InvitationBody) -> Response:
    acting = _acting(person, body.team)
    return JSONResponse(_shape(workbench.current().invitations.to_team(acting, body.email, body.role)), 201)


@router.get("", response_model=models.Invitations, summary="Invitations into a team, pending ones first")
def invitations(
    person: SignedIn, team: Annotated[str | None, Query(description="One of your teams.")] = None
) -> Response:
    found = workbench.current().invitations.of_team(_acting(person, team))
    return JSONResponse({"invitations": [_shape(invitation) for invitation in found]})


@router.delete("/{invitation_id}", status_code=204, summary="Withdraw an invitation")
def withdraw(person: SignedIn, invitation_id: str) -> Response:
    workbench.current().invitations.withdraw(person, invitation_id)
    return Response(status_code=204)


def _acting(person: Person, team: str | None) -> Person:
    return workbench.current().accounts.in_team(person, team) if team else person


def _shape(invitation: Invitation) -> dict[str, Any]:
    pending = invitation.person is None
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "status": invitation.status,
        "link": workbench.current().invitations.link(invitation) if pending else None,
        "created": moment(invitation.created_at),
    }
