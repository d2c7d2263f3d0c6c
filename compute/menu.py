"""What a job's menu offers, and why something is not possible now."""

from __future__ import annotations

from compute.access import Action, may, may_run, why_not
from data.batches import RETRIED
from data.records import Batch, Job, Person, Status

#: Keys of the menu in its order, with the right that each needs.
MENU: dict[str, Action] = {
    "open": Action.SEE,
    "open_new_tab": Action.SEE,
    "rename": Action.RENAME,
    "duplicate": Action.SEE,
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
    "star": Action.SEE_ROW,
    "tags": Action.RENAME,
    "share": Action.SHARE,
    "export_csv": Action.EXPORT,
    "export_json": Action.EXPORT,
    "download": Action.DOWNLOAD,
    "copy_link": Action.SEE_ROW,
    "delete": Action.DELETE,
}


def menu(person: Person | None, job: Job) -> dict[str, str | None]:
    """Each action with None when it is possible, otherwise the reason."""
    return {key: _hindrance(person, key, action, job) for key, action in MENU.items()}


#: Of a batch, likewise.
BATCH_MENU: dict[str, Action] = {
    "rename": Action.RENAME,
    "duplicate": Action.SEE,
    "retry_failed": Action.RETRY,
    "cancel": Action.CANCEL,
    "star": Action.SEE_ROW,
    "tags": Action.RENAME,
    "share": Action.SHARE,
    "export_csv": Action.EXPORT,
    "download": Action.DOWNLOAD,
    "copy_link": Action.SEE_ROW,
    "delete": Action.DELETE,
}


def batch_menu(person: Person | None, batch: Batch) -> dict[str, str | None]:
    return {key: _hindrance_of_batch(person, key, action, batch) for key, action in BATCH_MENU.items()}


def _hindrance_of_batch(person: Person | None, key: str, action: Action, batch: Batch) -> str | None:
    if not may(person, action, batch):
        return why_not(person, action, batch)
    if key == "duplicate":
        return _hindrance_to_run(person)
    if key == "star" and person is None:
        return "Sign in first."
    if key == "cancel" and not batch.live:
        return "It has ended."
    if key in ("delete", "download") and batch.live:
        return "It has not ended; cancel it first." if key == "delete" else "It has not ended."
    if key == "retry_failed" and not RETRIED & batch.counts.keys():
        return "Nothing failed, timed out or was cancelled."
    return None


def _hindrance(person: Person | None, key: str, action: Action, job: Job) -> str | None:
    if not may(person, action, job):
        return why_not(person, action, job)
    if key == "duplicate":
        return _hindrance_to_run(person)
    if key == "star" and person is None:
        return "Sign in first."
    return _state(key, job)


def _hindrance_to_run(person: Person | None) -> str | None:
    """Why somebody who sees a job may not submit one like it."""
    if person is None:
        return "Sign in first."
    return None if may_run(person) else f"Your role in {person.team_name} lets you look, but not run jobs."


def _state(key: str, job: Job) -> str | None:
    """What the job's status forbids."""
    if key == "cancel":
        if job.status.terminal:
            return f"It is {job.status} already."
        return "It is being cancelled." if job.cancel_requested else None
    if key in ("delete", "share") and job.batch is not None:
        return f"It belongs to a batch: {key} that."
    if key == "delete" and job.live:
        return "It has not ended; cancel it first."
    if key == "download" and job.live:
        return "It has not ended."
    if key in ("export_csv", "export_json") and job.status is not Status.COMPLETED:
        return "It has not ended." if job.live else f"It is {job.status}: there are no results to export."
    if key == "retry" and job.batch is not None and job.well is None:
        return "It was retried; another job is in its well."
    if key == "retry" and job.status not in RETRIED:
        return "It has not ended." if job.live else "It completed; duplicate it instead."
    return None
