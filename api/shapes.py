"""Records as JSON. Times are RFC 3339 with Z; numbers that JSON does not know become null."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

from compute.access import Action, may, sees
from data.records import Batch, Change, Job, JobDetail, Person, Step, StoredFile


def moment(time: datetime | None) -> str | None:
    """2026-11-22T00:09:46.123456Z; the store keeps UTC without zone."""
    return time.isoformat(timespec="microseconds") + "Z" if time else None


def job_row(person: Person | None, job: Job) -> dict[str, Any]:
    """A job in a list. The verbs empty what a colleague's private job keeps to itself; here it has no key either."""
    return _whole_row(job) if sees(person, job) else _public_row(job)


def _whole_row(job: Job) -> dict[str, Any]:
    return _public_row(job) | {
        "visibility": job.visibility,
        "progress": number(job.progress),
        "step": job.step,
        "note": job.note,
        "attempt": job.attempt,
        "cancel_requested": job.cancel_requested,
        "error": _error(job),
        "credits": job.credits,
        "team": job.team,
        "batch": job.batch,
        "well": job.well,
        "tags": list(job.tags),
        "starred": job.starred,
        "links": _links(job.id),
    }


def job_detail(detail: JobDetail) -> dict[str, Any]:
    """A job with everything that its page shows."""
    if detail.row_only:
        return _public_row(detail.job)
    return _whole_row(detail.job) | {
        "steps": [_step(step) for step in detail.steps],
        "inputs": clean(detail.inputs),
        "settings": clean(detail.settings),
        "price": clean(detail.price),
        "refunded": detail.refunded,
        "summary": clean(detail.summary),
        "warnings": detail.warnings,
        "tables": clean(detail.tables),
        "files": clean(detail.files),
        "usage": clean(asdict(detail.usage)) if detail.usage else None,
        "history": [
            {
                "at": moment(entry.at),
                "from": entry.from_status,
                "to": entry.to_status,
                "attempt": entry.attempt,
                "note": entry.note,
            }
            for entry in detail.history
        ],
    }


def batch_row(person: Person | None, batch: Batch) -> dict[str, Any]:
    """A batch in a list, with how its jobs stand; of a colleague's private one what everybody in the team sees."""
    return _whole_batch(batch) if sees(person, batch) else _public_batch(batch)


def batch_detail(person: Person | None, batch: Batch) -> dict[str, Any]:
    """The same of one that is looked into, which the site's admin may too."""
    return _whole_batch(batch) if may(person, Action.SEE, batch) else _public_batch(batch)


def _public_batch(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "name": batch.name,
        "tool": batch.tool,
        "submitter": {"id": batch.submitter, "name": batch.submitter_name},
        "jobs": batch.wells,
        "counts": {status.value: number for status, number in batch.counts.items()},
        "times": {"created": moment(batch.created_at), "ended": moment(batch.ended_at)},
    }


def _whole_batch(batch: Batch) -> dict[str, Any]:
    own = f"/api/v1/batches/{batch.id}"
    return _public_batch(batch) | {
        "team": batch.team,
        "visibility": batch.visibility,
        "settings": clean(batch.settings),
        "credits": batch.credits,
        "refunded": batch.refunded,
        "problems": batch.left_out,
        "tags": list(batch.tags),
        "starred": batch.starred,
        "links": {
            "self": own,
            "page": f"/app/batch?batchId={batch.id}",
            "jobs": f"{own}/jobs",
            "wells": f"{own}/wells",
            "export": f"{own}/export",
            "archive": f"{own}/archive",
        },
    }


def file_row(person: Person | None, file: StoredFile) -> dict[str, Any]:
    """A file in a list: of a colleague's private one its row."""
    return file_shape(file) if sees(person, file) else _public_file(file)


def file_shape(file: StoredFile) -> dict[str, Any]:
    """A file with everything that is told of it."""
    return _public_file(file) | {
        "sha256": file.sha256,
        "visibility": file.visibility,
        "facts": clean(file.facts),
        "job": file.job,
    }


def _public_file(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size,
        "format": file.format,
        "created": moment(file.created_at),
        "owner": file.owner,
        "owner_name": file.owner_name,
        "folder": file.folder,
        "tool": file.tool,
    }


def change_event(person: Person | None, change: Change) -> dict[str, Any]:
    """A change as live pages hear it; `seq` runs upwards. Of a colleague's private job only what the list shows."""
    if change.gone:
        return gone_event(change)
    if not may(person, Action.EVENTS, change):
        return {"seq": change.number, "job": change.job, "status": change.status}
    return {
        "seq": change.number,
        "job": change.job,
        "status": change.status,
        "progress": number(change.progress),
        "step": change.step,
        "attempt": change.attempt,
    }


def gone_event(change: Change) -> dict[str, Any]:
    return {"seq": change.number, "job": change.job, "gone": True}


def clean(value: Any) -> Any:
    """A value that JSON can carry: NaN and infinity become null, times become text."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item) for item in value]
    if isinstance(value, datetime):
        return moment(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _public_row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "tool": job.tool,
        "status": job.status,
        "submitter": {"id": job.submitter, "name": job.submitter_name},
        "duration_s": _duration(job),
        "times": {
            "created": moment(job.created_at),
            "started": moment(job.started_at),
            "ended": moment(job.ended_at),
        },
    }


def _duration(job: Job) -> float | None:
    """Seconds from the first start to the end; None while it runs and when it never started."""
    if job.started_at is None or job.ended_at is None:
        return None
    return round((job.ended_at - job.started_at).total_seconds(), 3)


def _error(job: Job) -> dict[str, Any] | None:
    if job.error is None:
        return None
    return {"kind": job.error.kind, "message": job.error.message, "log_tail": job.error.log_tail}


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "state": step.state,
        "started": moment(step.started_at),
        "ended": moment(step.ended_at),
    }


def _links(job: str) -> dict[str, str]:
    own = f"/api/v1/jobs/{job}"
    return {
        "self": own,
        "page": f"/app/jobs?jobId={job}",
        "log": f"{own}/log",
        "files": f"{own}/files",
        "archive": f"{own}/archive",
        "export": f"{own}/export",
    }
