"""What a job's menu offers, and why something is not possible now."""

from __future__ import annotations

from compute.access import Action, may, why_not
from data.records import Job, Person, Status

#: Keys of the menu in its order, with the right that each needs.
MENU: dict[str, Action] = {
    "open": Action.SEE,
    "rename": Action.RENAME,
    "duplicate": Action.SEE,
    "retry": Action.RETRY,
    "cancel": Action.CANCEL,
    "delete": Action.DELETE,
    "download": Action.DOWNLOAD,
    "copy_link": Action.SEE_ROW,
}


def menu(person: Person | None, job: Job) -> dict[str, str | None]:
    """Each action with None when it is possible, otherwise the reason."""
    return {
        key: _state(key, job) if may(person, action, job) else why_not(person, action, job)
        for key, action in MENU.items()
    }


def _state(key: str, job: Job) -> str | None:
    if key == "cancel":
        if job.status.terminal:
            return f"It is {job.status} already."
        return "It is being cancelled." if job.cancel_requested else None
    if key in ("delete", "download") and job.live:
        return "It has not ended; cancel it first." if key == "delete" else "It has not ended."
    if key == "retry" and job.status not in (Status.FAILED, Status.CANCELLED, Status.TIMEOUT):
        return "It has not ended." if job.live else "It completed; duplicate it instead."
    return None
