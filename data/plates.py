"""What the end of a child means for its batch and its team: the next child may start, the last one ends the batch.

Called by every verb that ends jobs, in its transaction, so that no crash leaves children queued with nobody to call
them, or a batch open whose children have all ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from data import endings, rows
from data.records import Job, Status
from data.store import Transaction
from data.transitions import history, tell


def moved(transaction: Transaction, ended: Iterable[Job]) -> None:
    """These jobs ended."""
    children = [job for job in ended if job.batch is not None]
    if not children:
        return
    opened(transaction, {job.team for job in children})
    batches = sorted({job.batch for job in children if job.batch})
    closed = transaction.run("end_batches", batches=batches, now=transaction.now)
    if closed:
        endings.batches_ended(transaction, closed)


def opened(transaction: Transaction, teams: Iterable[str]) -> None:
    """Queued children of these teams wait for a slot, as many as their team may have."""
    for row in transaction.run("room_of_teams", teams=sorted(set(teams))):
        room = row["most"] - row["live"]
        if room > 0:
            _open(transaction, row["team"], room)


def _open(transaction: Transaction, team: str, room: int) -> None:
    jobs = [rows.job(row) for row in transaction.run("open_children", team=team, room=room)]
    history(transaction, [(job.seq, Status.QUEUED, job.status, job.attempt, "its turn came") for job in jobs])
    for job in jobs:
        tell(transaction, job)
