"""What the end of a child means for its batch and its team: the next child may start, the last one ends the batch.

Called by every verb that ends jobs, in its transaction, so that no crash leaves children queued with nobody to call
them, or a batch open whose children have all ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from data import endings, rows
from data.records import Job, Status
from data.store import Transaction
from data.transitions import history, tell

#: Children are called once one in so many of a team's places is free: a call costs as much as several ends.
LOT = 10


@dataclass(frozen=True, slots=True)
class _Plate:
    """A batch that has not ended."""

    id: str
    seq: int
    team: str
    #: Children of its team that may be alive outside the queue.
    most: int
    queued: int
    live: int


def moved(transaction: Transaction, ended: Iterable[Job]) -> None:
    """These jobs ended."""
    plates = _plates(transaction, {job.team for job in ended if job.batch is not None})
    _open(transaction, plates)
    empty = [plate.id for plate in plates if not plate.queued + plate.live]
    if empty:
        endings.batches_ended(transaction, transaction.run("end_batches", batches=empty, now=transaction.now))


def opened(transaction: Transaction, teams: Iterable[str]) -> None:
    """Queued children of these teams wait for a slot, as many as their team may have."""
    _open(transaction, _plates(transaction, set(teams)))


def _plates(transaction: Transaction, teams: set[str]) -> list[_Plate]:
    found = transaction.run("open_batches", teams=sorted(teams)) if teams else []
    if not found:
        return []
    alive = {
        row["batch"]: row
        for row in transaction.run(
            "alive_in_batches", batches=[row["id"] for row in found], first=min(row["seq"] for row in found)
        )
    }
    nothing = {"queued": 0, "live": 0}
    numbers = [alive.get(row["id"], nothing) for row in found]
    return [
        _Plate(**row, **{key: counted[key] for key in nothing})
        for row, counted in zip(found, numbers, strict=True)
    ]


def _open(transaction: Transaction, plates: list[_Plate]) -> None:
    of_team: dict[str, list[_Plate]] = defaultdict(list)
    for plate in plates:
        if plate.queued + plate.live:
            of_team[plate.team].append(plate)
    for team, alive in of_team.items():
        most = max(plate.most for plate in alive)
        room = most - sum(plate.live for plate in alive)
        if room >= max(1, most // LOT) and any(plate.queued for plate in alive):
            _open_some(transaction, team, room, first=min(plate.seq for plate in alive))


def _open_some(transaction: Transaction, team: str, room: int, *, first: int) -> None:
    jobs = [rows.job(row) for row in transaction.run("open_children", team=team, room=room, first=first)]
    history(transaction, [(job.seq, Status.QUEUED, job.status, job.attempt, "its turn came") for job in jobs])
    for job in jobs:
        tell(transaction, job)
