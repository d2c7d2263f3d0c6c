"""Jobs as the other rooms see them: what changes one, and what can be asked.

Writes return a future that resolves when the transaction is on disk; submits.py, runs.py and actions.py say
what each does.
"""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Any

from data import actions, marks, rows, runs, submits
from data.filters import EVERYTHING, conditions
from data.records import (
    Claim,
    Job,
    JobDetail,
    JobError,
    JobFilter,
    Loss,
    NewJob,
    Outcome,
    Person,
    Progress,
    Status,
    valid_id,
)
from data.store import Store
from data.submits import Submitted

__all__ = [
    "Submitted",
    "ahead",
    "asked",
    "cancel",
    "claim",
    "counts",
    "delete",
    "detail",
    "finish",
    "get",
    "live_counts",
    "lose",
    "made_earlier",
    "page",
    "processing",
    "progress",
    "refuse",
    "rename",
    "several",
    "submit",
    "submitters",
    "waiting",
]

# Writes ---------------------------------------------------------------------------------------------------


def submit(store: Store, new: NewJob) -> Future[Submitted]:
    """Raises NotEnoughCredits, or Conflict for an idempotency key that was used with another body."""
    return store.write(submits.submits, new)


def claim(store: Store, claim: Claim) -> Future[bool]:
    """Whether this run owns the attempt."""
    return store.write(runs.claims, claim)


def progress(store: Store, report: Progress) -> Future[bool]:
    """Whether it came from the owner. May wait a moment for others."""
    return store.write(runs.progresses, report)


def finish(store: Store, outcome: Outcome) -> Future[Job | None]:
    """The job as it ended; None when the outcome is not the owner's, or not the first."""
    return store.write(runs.finishes, outcome)


def lose(store: Store, loss: Loss, max_retries: int) -> Future[Job | None]:
    """The job after its run was lost: in retry, failed or cancelled. None: that run is not the present one."""
    return store.write(runs.losses, runs.Lost(loss, max_retries))


def cancel(store: Store, job_id: str) -> Future[Job | None]:
    """The job after: cancelled, or marked while it runs. None when it has ended or does not exist."""
    return store.write(actions.cancels, valid_id(job_id) or "")


def refuse(store: Store, job_id: str, attempt: int, error: JobError) -> Future[Job | None]:
    """Fail a waiting job that cannot be started. None when it does not wait for this attempt."""
    return store.write(actions.refusals, actions.Refusal(valid_id(job_id) or "", attempt, error))


def rename(store: Store, job_id: str, name: str) -> Future[Job | None]:
    """The job after; None when it does not exist."""
    return store.write(actions.renames, actions.Rename(valid_id(job_id) or "", name))


def delete(store: Store, job_id: str) -> Future[Job | None]:
    """The job as it was; None when it is alive, a batch's child, or does not exist."""
    return store.write(actions.deletes, valid_id(job_id) or "")


# Reads ----------------------------------------------------------------------------------------------------


def made_earlier(store: Store, key: str, person: str, team: str, body_hash: str) -> Job | None:
    """The job that an earlier submit with this idempotency key made. Raises Conflict as `submit` does."""
    return submits.earlier(store, (key, person, team), body_hash)


def get(store: Store, job_id: str) -> Job | None:
    """Without its marks."""
    known = valid_id(job_id)
    if known is None:
        return None
    found = store.read("jobs_by_id", jobs=[known])
    return rows.job(found[0]) if found else None


def several(store: Store, ids: list[str]) -> dict[str, Job]:
    """Those that exist, by id, without their marks."""
    known = [job_id for job_id in ids if valid_id(job_id) == job_id]
    return {row["id"]: rows.job(row) for row in store.read("jobs_by_id", jobs=known)} if known else {}


def asked(store: Store, job: Job) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The inputs and settings of a job; None when it was deleted meanwhile."""
    found = store.read("submission", seq=job.seq)
    return (_load(found[0]["inputs"], {}), _load(found[0]["settings"], {})) if found else None


def detail(store: Store, job_id: str, person: str | None = None) -> JobDetail | None:
    """With the marks of the person who looks."""
    job = get(store, job_id)
    if job is None:
        return None
    asked = store.read("submission", seq=job.seq)
    if not asked:
        return None  # deleted since
    (job,) = marks.marked(store, [job], person)
    attempt = next(iter(store.read("last_attempt", seq=job.seq)), {"steps": None, "usage": None})
    result = next(iter(store.read("result", seq=job.seq)), {})
    return JobDetail(
        job=job,
        inputs=_load(asked[0]["inputs"], {}),
        settings=_load(asked[0]["settings"], {}),
        price=_load(asked[0]["price"], []),
        steps=[rows.step(step) for step in _load(attempt["steps"], [])],
        history=[rows.history_entry(row) for row in store.read("history", seq=job.seq)],
        summary=_load(result.get("summary"), {}),
        warnings=_load(result.get("warnings"), []),
        tables=_load(result.get("tables"), []),
        files=_load(result.get("files"), []),
        usage=rows.usage(_load(attempt["usage"], None)),
        refunded=store.read("refunded", seq=job.seq)[0]["credits"],
    )


def page(
    store: Store,
    team: str,
    filter: JobFilter,
    limit: int,
    before_seq: int | None = None,
    *,
    viewer: Person | None = None,
) -> list[Job]:
    """Newest first, those with a smaller `seq` than `before_seq`; with their marks. `viewer` is who looks."""
    asked = conditions(team, filter, viewer)
    if asked is None:
        return []
    if before_seq is not None:
        asked.append(("before", {"seq": before_seq}))
    found = [rows.job(row) for row in store.read_where("page_jobs", asked, limit=limit)]
    return marks.marked(store, found, viewer.id if viewer else None)


def counts(store: Store, team: str, filter: JobFilter, *, viewer: Person | None = None) -> dict[Status, int]:
    """Only statuses that occur."""
    asked = conditions(team, filter, viewer)
    if asked is None:
        return {}
    return {Status(row["status"]): row["jobs"] for row in store.read_where("count_jobs", asked)}


def submitters(
    store: Store, team: str, filter: JobFilter = EVERYTHING, *, viewer: Person | None = None
) -> list[tuple[str, str]]:
    """Id and name of everybody who has a job under the filter, by name."""
    asked = conditions(team, filter, viewer)
    if asked is None:
        return []
    return [(row["id"], row["name"]) for row in store.read_where("submitters", asked)]


def waiting(store: Store, per_person: int, *, quick: bool = True, slots: bool = True) -> list[Job]:
    """Of every person in every team the oldest that wait, in the order of submission: quick ones, and for a slot."""
    found = store.read("waiting_jobs", per_person=per_person, quick=quick, slots=slots)
    return [rows.job(row) for row in found]


def ahead(store: Store, job: Job) -> int:
    """How many jobs of anybody that wait for a slot came earlier."""
    return int(store.read("count_ahead", seq=job.seq)[0]["jobs"])


def processing(store: Store) -> list[Job]:
    return [rows.job(row) for row in store.read("processing_jobs")]


def live_counts(store: Store) -> dict[Status, int]:
    """Of all teams; only statuses that occur."""
    return {Status(row["status"]): row["jobs"] for row in store.read("live_counts")}


def _load(text: str | None, default: Any) -> Any:
    return default if text is None else json.loads(text)
