"""What a job's menu offers, and why something is not possible now."""

from __future__ import annotations

from compute.access import Action, may, may_run, why_not
from data.records import Job, Person, Status

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
    if key == "delete" and job.live:
        return "It has not ended; cancel it first."
    if key == "download" and job.live:
        return "It has not ended."
    if key in ("export_csv", "export_json") and job.status is not Status.COMPLETED:
        return "It has not ended." if job.live else f"It is {job.status}: there are no results to export."
    if key == "retry" and job.status not in (Status.FAILED, Status.CANCELLED, Status.TIMEOUT):
        return "It has not ended." if job.live else "It completed; duplicate it instead."
    return None
