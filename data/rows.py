"""Rows of the database as records, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from data.records import (
    Batch,
    ErrorKind,
    HistoryEntry,
    Invitation,
    Job,
    JobError,
    ResultFile,
    Role,
    Status,
    Step,
    StoredFile,
    Team,
    Usage,
    Visibility,
    Well,
)

_USAGE = frozenset(item.name for item in fields(Usage))


def job(row: dict[str, Any]) -> Job:
    return Job(
        seq=row["seq"],
        id=row["id"],
        team=row["team"],
        submitter=row["submitter"],
        submitter_name=row.get("submitter_name") or "",
        tool=row["tool"],
        name=row["name"],
        status=Status(row["status"]),
        visibility=Visibility(row["visibility"]),
        credits=row["credits"],
        attempt=row["attempt"],
        retries=row["retries"],
        run_id=row["run_id"],
        worker=row["worker"],
        progress=row["progress"],
        step=row["step"],
        note=row["note"],
        cancel_requested=row["cancel_requested"],
        error=_error(row),
        cpus_min=row["cpus_min"],
        cpus_max=row["cpus_max"],
        memory_mb=row["memory_mb"],
        gpus=row["gpus"],
        timeout_s=row["timeout_s"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        batch=row["batch"],
        well=row["well"],
    )


def batch(row: dict[str, Any]) -> Batch:
    """Without counts, money and marks."""
    return Batch(
        seq=row["seq"],
        id=row["id"],
        team=row["team"],
        submitter=row["submitter"],
        submitter_name=row.get("submitter_name") or "",
        tool=row["tool"],
        name=row["name"],
        visibility=Visibility(row["visibility"]),
        settings=json.loads(row["settings"]),
        wells=row["wells"],
        left_out=json.loads(row["left_out"]),
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


#: Looked up instead of called: a page makes ten thousand wells at once.
_STATUSES = {status.value: status for status in Status}


def well(row: tuple[Any, ...]) -> Well:
    """Of the columns of the query `wells`, in their order."""
    (number, job, name, status, progress, cancel_requested, price, refunded, kind, message, *rest) = row
    started, ended, out, warned = rest
    return Well(
        number,
        job,
        name,
        _STATUSES[status],
        progress,
        cancel_requested,
        price,
        refunded,
        JobError(kind=ErrorKind(kind), message=message or "") if kind else None,
        started,
        ended,
        json.loads(out) if out else {},
        tuple(json.loads(warned)) if warned else (),
    )


def history_entry(row: dict[str, Any]) -> HistoryEntry:
    return HistoryEntry(
        at=row["happened_at"],
        from_status=Status(row["from_status"]) if row["from_status"] else None,
        to_status=Status(row["to_status"]),
        attempt=row["attempt"],
        note=row["note"],
    )


def step(given: dict[str, Any]) -> Step:
    return Step(
        name=given["name"],
        state=given["state"],
        started_at=moment(given.get("started_at")),
        ended_at=moment(given.get("ended_at")),
    )


def usage(given: dict[str, Any] | None) -> Usage | None:
    """Names that this version does not know are left out."""
    return Usage(**{name: value for name, value in given.items() if name in _USAGE}) if given else None


def team(row: dict[str, Any]) -> Team:
    return Team(
        id=row["id"],
        name=row["name"],
        default_visibility=Visibility(row["default_visibility"]),
        concurrency=row["concurrency"],
        monthly_credits=row["monthly_credits"],
        person_credits=row["person_credits"],
        balance=row["balance"],
        held=row["held"],
        created_at=row["created_at"],
    )


def invitation(row: dict[str, Any]) -> Invitation:
    return Invitation(
        id=row["id"],
        email=row["email"],
        team=row["team"],
        job=row["job"],
        batch=row["batch"],
        role=Role(row["role"]) if row["role"] else None,
        invited_by=row["invited_by"],
        person=row["person"],
        created_at=row["created_at"],
    )


def stored_file(row: dict[str, Any]) -> StoredFile:
    return StoredFile(
        seq=row["seq"],
        id=row["id"],
        team=row["team"],
        owner=row["owner"],
        owner_name=row["owner_name"] or "",
        name=row["name"],
        size=row["size"],
        sha256=row["sha256"],
        format=row["format"],
        created_at=row["created_at"],
        visibility=Visibility(row["visibility"]),
        folder=row["folder"],
        facts=json.loads(row["facts"]),
        job=row["job"],
        tool=row["tool"],
    )


def result_file(row: dict[str, Any]) -> ResultFile:
    return ResultFile(
        seq=row["seq"],
        job=row["id"],
        job_name=row["name"],
        tool=row["tool"],
        submitter=row["submitter"],
        submitter_name=row["submitter_name"] or "",
        path=row["path"],
        title=row["title"],
        format=row["format"],
        size=row["bytes"],
        created_at=row["created_at"],
    )


def moment(text: str | None) -> datetime | None:
    """RFC 3339 or ISO text as UTC without zone."""
    if text is None:
        return None
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON: {value!r}")


#: Made once: json.dumps with options makes one for each call.
_JSON = json.JSONEncoder(default=_text, ensure_ascii=False, separators=(",", ":"))


def dump(value: Any) -> str:
    return _JSON.encode(value)


def _error(row: dict[str, Any]) -> JobError | None:
    if row["error_kind"] is None:
        return None
    return JobError(
        kind=ErrorKind(row["error_kind"]), message=row["error_message"] or "", log_tail=row["log_tail"] or ""
    )
