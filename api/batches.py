"""/api/v1/batches: many inputs to one tool, submitted, watched, retried and shared as one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from api import downloads, models
from api.callers import Anyone, Reader, Runner
from api.jobs import Body, IdempotencyKey, in_team, refuse_broken_text
from api.shapes import batch_detail, batch_row, clean, job_row
from api.sharing import SharingBody, addresses, shared_answer
from compute import workbench
from compute.batches import Batches
from compute.children import BatchSubmission
from compute.cursors import MOST
from data.errors import NotFound
from data.records import BatchFilter, JobFilter, Visibility, valid_id

router = APIRouter(tags=["batches"])


async def _batch_id(batch_id: Annotated[str, Path(description="The batch's id.")]) -> str:
    known = valid_id(batch_id)
    if known is None:
        raise NotFound("There is no such batch, or you may not see it.")
    return known


BatchId = Annotated[str, Depends(_batch_id)]


class PlanBody(Body):
    """What to run: `items`, the inputs of each job, or `inputs`, those of the tool's form for many."""

    tool: str = Field(max_length=100, examples=["autodock-vina"])
    settings: dict[str, Any] = Field(default_factory=dict)
    items: list[dict[str, Any]] | None = Field(None, max_length=10_000)
    inputs: dict[str, Any] | None = Field(None, description="As `GET /tools/{id}` describes under `batch`.")


class BatchBody(PlanBody):
    name: str | None = Field(None, description="Default: a name made from the inputs.")
    visibility: Visibility | None = Field(None, description="Default: the team's. Its jobs have the same.")
    team: str | None = Field(None, description="Default: the team in which you act.")
    skip_invalid: bool = Field(False, description="Go on without what cannot be run.")
    expected_credits: int | None = Field(
        None, ge=0, description="Refuse with 409 when the price is another by now."
    )


class BatchChanges(Body):
    """What is left out stays as it is."""

    name: str | None = None
    tags: list[str] | None = Field(None, max_length=100, description="All its tags from now on.")
    starred: bool | None = Field(None, description="Your own mark; nobody else sees it.")


class BatchQuery(Body):
    tool: list[str] = Field(default_factory=list, max_length=100)
    q: str | None = Field(None, max_length=200, description="Words that the name contains.")
    starred: bool = False
    live: bool = Field(False, description="Only those that go on.")
    shared: bool = Field(False, description="Instead of the team's those that others invited you to.")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")


class RetryBody(Body):
    expected_credits: int | None = Field(
        None, ge=0, description="Refuse with 409 when the price is another by now."
    )


def _verbs() -> Batches:
    return workbench.current().batches


@router.post(
    "/batches/plan", response_model=models.Plan, summary="What would run, line by line, and its price"
)
def plan(person: Runner, body: PlanBody) -> Response:
    refuse_broken_text(body)
    found = _verbs().plan(person, BatchSubmission(**body.model_dump()))
    return JSONResponse(
        {
            "lines": [
                {
                    "name": line.name,
                    "where": line.where,
                    "credits": line.credits,
                    "problem": line.problem or None,
                    "doubt": line.doubt or None,
                }
                for line in found.lines
            ],
            "jobs": found.good,
            "credits": found.credits,
            "price": [{"label": line.label, "credits": line.credits} for line in found.price],
            "available": found.available,
            "affordable": found.affordable,
            "problems": [{"field": problem.field, "message": problem.message} for problem in found.problems],
            "most": found.most,
        }
    )


@router.post("/batches", response_model=models.BatchRow, status_code=201, summary="Submit a batch")
def submit(person: Runner, body: BatchBody, idempotency_key: IdempotencyKey = None) -> Response:
    """All its jobs are on disk and their price is held when this answers; or nothing is."""
    refuse_broken_text(body)
    acting = in_team(person, body.team)
    asked = BatchSubmission(**body.model_dump(exclude={"team"}), idempotency_key=idempotency_key)
    batch = _verbs().submit(acting, asked)
    return JSONResponse(batch_detail(acting, batch), 201, headers={"Location": f"/api/v1/batches/{batch.id}"})


@router.get("/batches", response_model=models.BatchPage, summary="The team's batches, newest first")
def batches(person: Reader, query: Annotated[BatchQuery, Query()]) -> Response:
    wanted = BatchFilter(
        tool=tuple(query.tool), q=query.q, starred=query.starred, live=query.live, shared=query.shared
    )
    page = _verbs().batches(person, wanted, limit=query.limit, cursor=query.cursor)
    return JSONResponse(
        {
            "batches": [batch_row(person, batch) for batch in page.batches],
            "next_cursor": page.next_cursor,
        }
    )


@router.get("/batches/{batch_id}", response_model=models.BatchRow, summary="One batch")
def batch(person: Anyone, batch_id: BatchId) -> Response:
    return JSONResponse(batch_detail(person, _verbs().batch(person, batch_id)))


@router.get("/batches/{batch_id}/wells", response_model=models.Wells, summary="The job in each well")
def wells(person: Anyone, batch_id: BatchId) -> Response:
    """With what each result's summary says, in the order of the inputs."""
    columns, rows = _verbs().table(person, batch_id)
    told = [{"name": column.name, "label": column.label, "unit": column.unit} for column in columns]
    return JSONResponse({"columns": told, "wells": clean(rows)})


@router.get("/batches/{batch_id}/jobs", response_model=models.JobPage, summary="Its jobs, newest first")
def jobs(
    person: Reader,
    batch_id: BatchId,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Also those that a retry has put out of their wells."""
    page = workbench.current().jobs(person, JobFilter(batch=batch_id), limit=limit, cursor=cursor)
    return JSONResponse(
        {"jobs": [job_row(person, job) for job in page.jobs], "next_cursor": page.next_cursor}
    )


@router.patch("/batches/{batch_id}", response_model=models.BatchRow, summary="Rename, tag or star a batch")
def change(person: Runner, batch_id: BatchId, body: BatchChanges) -> Response:
    refuse_broken_text(body)
    after = _verbs().change(person, batch_id, body.name, body.starred, body.tags)
    return JSONResponse(batch_detail(person, after))


@router.delete(
    "/batches/{batch_id}", status_code=204, summary="Delete a batch that has ended, with all its jobs"
)
def delete(person: Runner, batch_id: BatchId) -> Response:
    _verbs().delete(person, batch_id)
    return Response(status_code=204)


@router.post("/batches/{batch_id}/cancel", response_model=models.BatchRow, summary="Stop all its jobs")
def cancel(person: Runner, batch_id: BatchId) -> Response:
    """Those that wait have ended when this answers."""
    return JSONResponse(batch_detail(person, _verbs().cancel(person, batch_id)))


@router.post(
    "/batches/{batch_id}/retry-failed",
    response_model=models.BatchRow,
    summary="Run again, into the same wells, all that failed, timed out or was cancelled",
)
def retry_failed(person: Runner, batch_id: BatchId, body: RetryBody | None = None) -> Response:
    expected = body.expected_credits if body else None
    return JSONResponse(
        batch_detail(person, _verbs().retry_failed(person, batch_id, expected_credits=expected))
    )


@router.get("/batches/{batch_id}/export", response_class=Response, summary="One CSV over all wells")
def export(person: Anyone, batch_id: BatchId) -> Response:
    name, media_type, content = _verbs().export_csv(person, batch_id)
    return downloads.whole(name, media_type, content)


@router.get(
    "/batches/{batch_id}/archive",
    response_class=StreamingResponse,
    summary="Everything of all its jobs as a zip",
)
def archive(person: Anyone, batch_id: BatchId) -> Response:
    return downloads.streamed(*_verbs().archive(person, batch_id))


@router.get("/batches/{batch_id}/sharing", response_model=models.Sharing, summary="Who may see a batch")
def sharing(person: Reader, batch_id: BatchId) -> Response:
    return shared_answer(_verbs().sharing.show(person, batch_id))


@router.put(
    "/batches/{batch_id}/sharing",
    response_model=models.Sharing,
    summary="Decide who may see a batch and all its jobs",
)
def share(person: Runner, batch_id: BatchId, body: SharingBody) -> Response:
    return shared_answer(_verbs().sharing.change(person, batch_id, body.visibility, addresses(body)))
