"""/api/v1/jobs and /quote."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Anyone, JobId, Reader, Runner
from api.filters import ListQuery
from api.shapes import job_detail, job_row
from compute import workbench
from compute.access import Action, may
from compute.workbench import Submission
from data.errors import BadInput
from data.records import Job, Person, Visibility, valid_id

router = APIRouter(tags=["jobs"])


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuoteBody(Body):
    """What to run. A file is {"file": id}, {"job": id, "path": path} or {"text": content, "name": file name}."""

    tool: str = Field(max_length=100, examples=["autodock-vina"])
    inputs: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)


class SubmitBody(QuoteBody):
    name: str | None = Field(None, description="Default: a name made from the inputs.")
    visibility: Visibility | None = Field(None, description="Default: the team's.")
    team: str | None = Field(None, description="Default: the team in which you act.")
    expected_credits: int | None = Field(
        None, ge=0, description="Refuse with 409 when the price is another by now."
    )


class JobChanges(Body):
    """What is left out stays as it is."""

    name: str | None = None
    tags: list[str] | None = Field(None, max_length=100, description="All its tags from now on.")
    starred: bool | None = Field(None, description="Your own mark; nobody else sees it.")


IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200,
        description="The same key within 24 hours gives the same job; with another body 409.",
    ),
]


@router.post("/quote", response_model=models.Quote, summary="What it would cost, and what stands in the way")
def quote(person: Runner, body: QuoteBody) -> Response:
    refuse_broken_text(body)
    offer = workbench.current().quote(person, Submission(**body.model_dump()))
    return JSONResponse(
        {
            "credits": offer.credits,
            "lines": [{"label": line.label, "credits": line.credits} for line in offer.lines],
            "available": offer.available,
            "affordable": offer.affordable,
            "problems": [{"field": problem.field, "message": problem.message} for problem in offer.problems],
        }
    )


@router.post("/jobs", response_model=models.JobRow, status_code=201, summary="Submit a job")
def submit(
    person: Runner,
    body: SubmitBody,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    refuse_broken_text(body)
    acting = in_team(person, body.team)
    submission = Submission(**body.model_dump(exclude={"team"}), idempotency_key=idempotency_key)
    job = workbench.current().submit(acting, submission)
    return JSONResponse(job_row(acting, job), 201, headers={"Location": f"/api/v1/jobs/{job.id}"})


@router.get(
    "/jobs", response_model=models.JobPage, summary="The team's jobs, or those shared with you, newest first"
)
def jobs(
    person: Reader,
    query: Annotated[ListQuery, Query()],
) -> Response:
    page = workbench.current().jobs(person, query.of(person), limit=query.limit, cursor=query.cursor)
    return JSONResponse(
        {"jobs": [job_row(person, job) for job in page.jobs], "next_cursor": page.next_cursor}
    )


@router.get("/jobs/{job_id}", response_model=models.JobDetail, summary="One job")
def job(person: Anyone, job_id: JobId) -> Response:
    return _detail(person, job_id)


@router.patch("/jobs/{job_id}", response_model=models.JobDetail, summary="Rename, tag or star a job")
def change(person: Runner, job_id: JobId, body: JobChanges) -> Response:
    refuse_broken_text(body)
    return _after(person, workbench.current().change(person, job_id, body.name, body.tags, body.starred))


@router.delete("/jobs/{job_id}", status_code=204, summary="Delete a job that has ended, with its results")
def delete(person: Runner, job_id: JobId) -> Response:
    workbench.current().delete(person, job_id)
    return Response(status_code=204)


@router.post("/jobs/{job_id}/cancel", response_model=models.JobDetail, summary="Stop a job")
def cancel(person: Runner, job_id: JobId) -> Response:
    return _after(person, workbench.current().cancel(person, job_id))


@router.post(
    "/jobs/{job_id}/retry",
    response_model=models.JobRow,
    status_code=201,
    summary="Run it again as a new job, which is charged",
)
def retry(person: Runner, job_id: JobId, idempotency_key: IdempotencyKey = None) -> Response:
    job = workbench.current().retry(person, job_id, idempotency_key=idempotency_key)
    return JSONResponse(job_row(person, job), 201, headers={"Location": f"/api/v1/jobs/{job.id}"})


@router.get(
    "/jobs/{job_id}/submission",
    response_model=models.Submission,
    summary="The body that would submit it again",
)
def submission(person: Reader, job_id: JobId) -> Response:
    again = workbench.current().submission(person, job_id)
    return JSONResponse(
        {
            "tool": again.tool,
            "inputs": dict(again.inputs),
            "settings": dict(again.settings),
            "name": again.name,
            "visibility": again.visibility,
        }
    )


def _detail(person: Person | None, job_id: str) -> Response:
    return JSONResponse(job_detail(workbench.current().job(person, job_id)))


def _after(person: Person, job: Job) -> Response:
    """The job after a change; its row only for a token that may change jobs but not read them."""
    if may(person, Action.SEE, job):
        return _detail(person, job.id)
    return JSONResponse(job_row(person, job))


def in_team(person: Person, team: str | None) -> Person:
    """Acting in the team that a body names."""
    if team is None:
        return person
    return workbench.current().accounts.in_team(person, valid_id(team) or "")


def refuse_broken_text(body: BaseModel) -> None:
    """JSON can escape half a character (a lone surrogate), which no file or database takes."""
    try:
        json.dumps(body.model_dump(mode="python"), ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise BadInput("The text has a broken character (half of a surrogate pair).") from error
