"""/api/v1/jobs/{id}/sharing and /lineage: who else may see a job, and which jobs it belongs together with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Anyone, JobId, Reader, Runner
from api.shapes import job_row
from compute import workbench
from compute.sharing import MAX_INVITED, Shared
from data.records import Person, Relative, Visibility

router = APIRouter(tags=["sharing"])


class Invitee(BaseModel):
    """As the answer has it; only the address counts."""

    model_config = ConfigDict(extra="ignore")

    email: str = Field(max_length=300)


class SharingBody(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="ignore")

    visibility: Visibility | None = None
    invited: list[str | Invitee] | None = Field(
        None,
        max_length=MAX_INVITED,
        description="All who are invited from now on; who is not among them is invited no more.",
    )


@router.get("/jobs/{job_id}/sharing", response_model=models.Sharing, summary="Who may see a job")
def sharing(person: Reader, job_id: JobId) -> Response:
    return shared_answer(workbench.current().sharing.show(person, job_id))


@router.put("/jobs/{job_id}/sharing", response_model=models.Sharing, summary="Decide who may see a job")
def share(person: Runner, job_id: JobId, body: SharingBody) -> Response:
    """An invitation is taken up by its link, or at once where the address is known to be somebody's."""
    return shared_answer(workbench.current().sharing.change(person, job_id, body.visibility, addresses(body)))


@router.get(
    "/jobs/{job_id}/lineage",
    response_model=models.Lineage,
    summary="From which jobs it was made, and which were made from it",
)
def lineage(person: Anyone, job_id: JobId) -> Response:
    """`job` is null for one that you may not see."""
    found = workbench.current().lineage(person, job_id)
    return JSONResponse(
        {
            "made_from": [_relative(person, relative) for relative in found.made_from],
            "led_to": [_relative(person, relative) for relative in found.led_to],
        }
    )


def _relative(person: Person | None, relative: Relative) -> dict[str, Any]:
    return {"kind": relative.kind, "job": job_row(person, relative.job) if relative.job else None}


def addresses(body: SharingBody) -> list[str] | None:
    """All who are to be invited; None: as it is."""
    if body.invited is None:
        return None
    return [one if isinstance(one, str) else one.email for one in body.invited]


def shared_answer(shared: Shared) -> Response:
    return JSONResponse(
        {
            "visibility": shared.visibility,
            "invited": [
                {"email": one.email, "status": one.status, "link": shared.links.get(one.id)}
                for one in shared.invited
            ],
            "words": shared.words,
        }
    )
