"""What is told of all teams' jobs together: numbers only, nothing by which a job, a person or a team is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data.records import Status
from data.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Jobs that wait and need the same."""

    #: Above their team's limit, so that no slot is looked for yet.
    queued: bool
    cpus: int
    memory_mb: int
    gpus: int
    jobs: int
    #: When the oldest of them was submitted.
    oldest: datetime


def waiting(store: Store) -> list[Waiting]:
    return [
        Waiting(
            queued=row["queued"],
            cpus=row["cpus_min"],
            memory_mb=row["memory_mb"],
            gpus=row["gpus"],
            jobs=row["jobs"],
            oldest=row["oldest"],
        )
        for row in store.read("waiting_needs")
    ]


def ended_since(store: Store, since: datetime) -> dict[Status, int]:
    return {Status(row["status"]): row["jobs"] for row in store.read("ended_since", since=since)}


def median_wait(store: Store, since: datetime) -> float | None:
    """Seconds from submit to first start, of jobs that take cpus; None when none started."""
    return store.read("median_wait", since=since)[0]["seconds"]
