"""/api/v1/jobs/bulk: one action on many jobs."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Runner
from api.filters import BulkFilter
from compute import workbench
from compute.bulk import MAX_JOBS
from data.errors import BadInput
from data.records import JobFilter, Person

router = APIRouter(tags=["jobs"])


class BulkBody(BaseModel):
    """Either `jobs` or `filter`; an empty filter is the whole list of your team."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["cancel", "delete", "retry"]
    jobs: list[str] | None = Field(None, min_length=1, max_length=MAX_JOBS, description="Ids.")
    filter: BulkFilter | None = None


@router.post("/jobs/bulk", response_model=models.BulkReport, summary="Cancel, delete or retry many jobs")
def act(person: Runner, body: BulkBody) -> Response:
    """Each job is decided by itself, and the report says of each what happened. Of a filter's jobs those are taken
    that the action can do something about: live ones are cancelled, ended ones deleted, and failed, timed out and
    cancelled ones retried."""
    bulk = workbench.current().bulk
    verb = {"cancel": bulk.cancel, "delete": bulk.delete, "retry": bulk.retry}[body.action]
    outcomes = verb(person, _chosen(person, body))
    return JSONResponse(
        {
            "done": [{"id": job, "name": name} for job, name in outcomes.done],
            "refused": [
                {"id": job, "name": name, "reason": reason}
                for job, (name, reason) in zip(outcomes.refused_ids, outcomes.refused, strict=True)
            ],
        }
    )


def _chosen(person: Person, body: BulkBody) -> list[str] | JobFilter:
    if body.jobs is not None and body.filter is None:
        return body.jobs
    if body.filter is not None and body.jobs is None:
        return body.filter.of(person)
    raise BadInput("Give either jobs or filter.", field="jobs")
