"""/api/v1/run-sheets: many samples at once, from a run sheet or a heap of FASTQ files."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Runner
from api.jobs import IdempotencyKey
from api.shapes import job_row
from compute import workbench
from compute.many import MOST_ROWS, Row
from data.errors import BadInput
from data.records import Person

router = APIRouter(tags=["jobs"])


class RunSheetBody(BaseModel):
    """Either `sheet` or `files`."""

    model_config = ConfigDict(extra="forbid")

    sheet: str | None = Field(
        None,
        max_length=2_000_000,
        description="CSV with a head: name, reads_1, reads_2, library_type, host, ...",
    )
    files: list[str] | None = Field(
        None, min_length=1, max_length=4 * MOST_ROWS, description="Ids of FASTQ files, paired by their names."
    )
    library_type: Literal["normal", "srna"] = "normal"
    start: bool = Field(False, description="Make the samples; without it they are only looked at.")
    tag: Annotated[str, Field(max_length=50)] = ""


@router.post("/run-sheets", response_model=models.RunSheet, summary="Make many samples at once")
def run_sheet(person: Runner, body: RunSheetBody, idempotency_key: IdempotencyKey = None) -> Response:
    """Every row is looked into first. With `start` nothing is made while any row has a problem."""
    many = workbench.current().many
    rows = many.look(person, _rows(person, body))
    if not body.start or any(row.problems for row in rows):
        return JSONResponse({"rows": [_row(row) for row in rows], "jobs": [], "refused": []})
    keys = [f"{idempotency_key}:{row.number}" if idempotency_key else None for row in rows]
    submissions = [
        replace(row.submission(), idempotency_key=key) for row, key in zip(rows, keys, strict=True)
    ]
    started = many.start(person, submissions, body.tag)
    return JSONResponse(
        {
            "rows": [_row(row) for row in rows],
            "jobs": [job_row(person, job) for job in started.jobs],
            "refused": [{"name": name, "reason": reason} for name, reason in started.refused],
        },
        201,
    )


def _rows(person: Person, body: RunSheetBody) -> list[Row]:
    many, settings = workbench.current().many, {"library_type": body.library_type}
    if body.sheet is not None and body.files is None:
        rows = many.sheet(person, body.sheet)
        return [replace(row, settings=settings | dict(row.settings)) for row in rows]
    if body.files is not None and body.sheet is None:
        return many.heap(person, body.files, settings)
    raise BadInput("Give either sheet or files.", field="sheet")


def _row(row: Row) -> dict[str, object]:
    return {
        "number": row.number,
        "name": row.name,
        "files": list(row.files),
        "names": list(row.names),
        "settings": dict(row.settings),
        "problems": list(row.problems),
    }
