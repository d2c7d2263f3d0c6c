"""A status has one colour, one sign and one word, the same in tables, badges and figures.

The signs are plain characters because a table's cells are drawn on a canvas, where icon fonts do not reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from data.records import Job, Status

Colour = Literal["red", "orange", "green", "blue", "violet", "gray"]


@dataclass(frozen=True, slots=True)
class Look:
    word: str
    sign: str
    colour: Colour
    help: str

    @property
    def label(self) -> str:
        return f"{self.sign} {self.word}"


LOOKS = {
    Status.QUEUED: Look("Queued", "⋯", "gray", "Above its team's limit of jobs at once."),
    Status.PENDING: Look("Pending", "○", "orange", "Waits for a free slot."),
    Status.PROCESSING: Look("Processing", "►", "blue", "Runs now."),
    Status.RETRY: Look("Retry", "↻", "orange", "Its worker was lost; it runs again by itself."),
    Status.COMPLETED: Look("Completed", "✓", "green", "Ended with a result."),
    Status.FAILED: Look("Failed", "✕", "red", "Ended with an error; its page says why."),
    Status.CANCELLED: Look("Cancelled", "⊘", "gray", "Somebody stopped it."),
    Status.TIMEOUT: Look("Timeout", "◷", "violet", "Reached its time limit and was stopped."),
}
CANCELLING = Look("Cancelling", "⊘", "orange", "Told to stop; its processes are being ended.")


def look(job: Job) -> Look:
    return CANCELLING if job.live and job.cancel_requested else LOOKS[job.status]


def every() -> list[Look]:
    return [*LOOKS.values(), CANCELLING]
