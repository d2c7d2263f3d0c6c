"""What can be said to the store, as Hypothesis draws it: mostly what makes sense, at times late or from a stranger."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from data import allowances, batches, jobs, ledger
from data.allowances import Allowance
from data.batches import Retry
from data.records import (
    Claim,
    ErrorKind,
    JobError,
    Loss,
    NewBatch,
    NewJob,
    Outcome,
    Progress,
    Status,
    new_id,
)
from data.store import Rank, Store

from .conftest import make_batch, make_job
from .model import RETRIED, WAITING, Model, ModelJob

MAX_RETRIES = 2
ENDS = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT]
#: Prices by their lines; two lines may have one label.
PRICES = [
    [],
    [("ligand 1", 4), ("ligand 2", 6)],
    [("ligand 1", 1), ("ligand 2", 0)],
    [("ligand 1", 20), ("ligand 1", 15)],
]
LABELS = ["ligand 1", "ligand 1", "ligand 2", "of nobody"]


@dataclass(frozen=True)
class Message:
    """One call of the store and the same call of the model. Sent again, it is the same message come twice."""

    rank: Rank
    verb: str
    send: Callable[[Store], Future[Any]]
    tell: Callable[[Model], Any]

    @property
    def repeatable(self) -> bool:
        """A submit without a key and a grant without one are new ones each time they come."""
        return self.verb not in ("submit", "submit_batch", "grant", "allow")


class Broken(Exception):
    """A caller whose verb fails: all others of its group are none the worse."""


def broken() -> Message:
    def verb(transaction: Any, arguments: list[Any]) -> list[Any]:
        raise Broken

    return Message(Rank.OTHER, "broken", lambda store: store.write(verb, None), lambda model: "broken")


@dataclass(repr=False)
class Messages:
    model: Model
    persons: list[str]
    #: Those that must afford their jobs, and one that counts credits but refuses nothing.
    teams: list[str]
    lenient: str
    keyed: list[NewJob] = field(default_factory=list)
    #: Jobs of delete messages.
    gone: list[ModelJob] = field(default_factory=list)
    #: Batches of delete messages.
    gone_batches: list[str] = field(default_factory=list)
    keyed_batches: list[NewBatch] = field(default_factory=list)

    def any(self, data: st.DataObject) -> Message:
        names = ["submit", "submit", "grant", "allow", "look"]
        if self.model.jobs or self.gone:
            names += ["submit", "claim", "claim", "claim", "claim", "progress", "finish", "finish", "finish"]
            names += ["lose", "lose", "cancel", "refuse", "rename", "delete"]
        names += ["submit_batch"]
        if self.model.batches or self.gone_batches:
            names += ["submit_batch", "retry_batch", "retry_batch", "cancel_batch", "cancel_batch"]
            names += ["delete_batch", "delete_batch"]
        message: Message = getattr(self, data.draw(st.sampled_from(names)))(data)
        return message

    def submit(self, data: st.DataObject) -> Message:
        new = self.new_job(data)
        return Message(Rank.SUBMIT, "submit", lambda store: jobs.submit(store, new), lambda m: m.submit(new))

    def new_job(self, data: st.DataObject) -> NewJob:
        if self.keyed and data.draw(st.booleans()):
            return self._same_key(data)
        ended = [job.new for job in self.model.jobs.values() if job.status.terminal and not job.new.batch]
        if ended and data.draw(st.booleans()):
            return self._retried(data, ended)
        team = data.draw(st.sampled_from([*self.teams, self.lenient]))
        lines = data.draw(st.sampled_from(PRICES))
        new = make_job(
            team=team,
            submitter=data.draw(st.sampled_from(self.persons)),
            credits=sum(credits for _, credits in lines),
            price=[{"label": label, "credits": credits} for label, credits in lines],
            enforce=team != self.lenient,
            idempotency_key=data.draw(st.sampled_from([None, new_id()])),
            body_hash="body",
            uses=data.draw(st.sampled_from([(), *((file,) for file in self.model.files)])),
        )
        if new.idempotency_key:
            self.keyed.append(new)
        return new

    def _same_key(self, data: st.DataObject) -> NewJob:
        old = data.draw(st.sampled_from(self.keyed))
        return _like(
            old,
            idempotency_key=old.idempotency_key,
            body_hash=data.draw(st.sampled_from([old.body_hash, old.body_hash, "other"])),
        )

    def _retried(self, data: st.DataObject, ended: list[NewJob]) -> NewJob:
        """A person's Retry: a job of its own, charged anew."""
        old = data.draw(st.sampled_from(ended))
        return _like(old, made_from=((old.id, "retry"),))

    def grant(self, data: st.DataObject) -> Message:
        team = data.draw(st.sampled_from(self.teams))
        credits = data.draw(st.integers(-40, 40).filter(bool))
        key = data.draw(st.sampled_from([None, f"allowance:{team}:{self.model.clock.month}"]))
        return Message(
            Rank.GRANT,
            "grant",
            lambda store: ledger.grant(store, team, credits, "test", key=key),
            lambda model: model.grant(team, credits, key),
        )

    def allow(self, data: st.DataObject) -> Message:
        team = data.draw(st.sampled_from(self.teams))
        credits = data.draw(st.sampled_from([None, 5, 60]))
        change = Allowance(team=team, credits=credits, person=self.persons[0])
        return Message(
            Rank.GRANT,
            "allow",
            lambda store: allowances.set_allowance(store, change),
            lambda model: model.allow(team, credits),
        )

    def look(self, data: st.DataObject) -> Message:
        """Somebody looks at a balance, which brings the allowances that are due."""
        return Message(Rank.GRANT, "look", allowances.give_due, lambda model: model.give_due())

    def claim(self, data: st.DataObject) -> Message:
        job = self.some_job(data, *WAITING)
        run_id = data.draw(st.sampled_from([new_id(), *job.runs]))
        job.runs.append(run_id)
        claim = Claim(
            job=job.new.id, seq=job.seq, attempt=self.attempt(data, job), run_id=run_id, worker="w", cpus=1
        )
        return Message(Rank.CLAIM, "claim", lambda store: jobs.claim(store, claim), lambda m: m.claim(claim))

    def progress(self, data: st.DataObject) -> Message:
        job = self.some_job(data, Status.PROCESSING)
        report = Progress(
            job=job.new.id,
            seq=job.seq,
            run_id=self.run_of(data, job),
            progress=data.draw(st.sampled_from([None, 0.0, 12.5, 50.0])),
            step="dock",
            note=None,
            steps=[],
        )
        return Message(
            Rank.PROGRESS,
            "progress",
            lambda store: jobs.progress(store, report),
            lambda m: m.progress(report),
        )

    def finish(self, data: st.DataObject) -> Message:
        job = self.some_job(data, Status.PROCESSING)
        status = data.draw(st.sampled_from(ENDS))
        kind = data.draw(st.sampled_from([*ErrorKind, None]))
        outcome = Outcome(
            job=job.new.id,
            seq=job.seq,
            attempt=self.attempt(data, job),
            run_id=self.run_of(data, job),
            status=status,
            error=JobError(kind=kind, message="It failed.") if status == Status.FAILED and kind else None,
            failed_items=data.draw(st.sampled_from([[], LABELS[:1], LABELS[:2], LABELS[2:], LABELS])),
            library=[_item() for _ in range(data.draw(st.integers(0, 2)))],
        )
        return Message(
            Rank.FINISH, "finish", lambda store: jobs.finish(store, outcome), lambda m: m.finish(outcome)
        )

    def lose(self, data: st.DataObject) -> Message:
        job = self.some_job(data, Status.PROCESSING, *WAITING)
        loss = Loss(
            job=job.new.id,
            seq=job.seq,
            attempt=self.attempt(data, job),
            run_id=None if job.run_id is None and data.draw(st.booleans()) else self.run_of(data, job),
            reason="gone",
            counts=data.draw(st.booleans()),
        )
        return Message(
            Rank.LOSE,
            "lose",
            lambda store: jobs.lose(store, loss, MAX_RETRIES),
            lambda model: model.lose(loss, MAX_RETRIES),
        )

    def cancel(self, data: st.DataObject) -> Message:
        job = self.some_job(data, Status.PROCESSING, *WAITING).new.id
        return Message(
            Rank.CANCEL, "cancel", lambda store: jobs.cancel(store, job), lambda model: model.cancel(job)
        )

    def refuse(self, data: st.DataObject) -> Message:
        job = self.some_job(data, *WAITING)
        attempt = self.attempt(data, job)
        error = JobError(kind=ErrorKind.INPUT, message="An input vanished.")
        return Message(
            Rank.CANCEL,
            "refuse",
            lambda store: jobs.refuse(store, job.new.id, attempt, error),
            lambda model: model.refuse(job.new.id, attempt),
        )

    def rename(self, data: st.DataObject) -> Message:
        job = self.some_job(data, *Status).new.id
        name = data.draw(st.sampled_from(["Dock", "Dock again", "Überlagerung"]))
        return Message(
            Rank.RENAME,
            "rename",
            lambda store: jobs.rename(store, job, name),
            lambda model: model.rename(job, name),
        )

    def delete(self, data: st.DataObject) -> Message:
        job = self.some_job(data, *ENDS)
        self.gone.append(job)
        return Message(
            Rank.DELETE,
            "delete",
            lambda store: jobs.delete(store, job.new.id),
            lambda model: model.delete(job.new.id),
        )

    # Batches

    def submit_batch(self, data: st.DataObject) -> Message:
        new = self._new_batch(data)
        return Message(
            Rank.SUBMIT,
            "submit_batch",
            lambda store: batches.submit(store, new),
            lambda model: model.submit_batch(new),
        )

    def _new_batch(self, data: st.DataObject) -> NewBatch:
        if self.keyed_batches and data.draw(st.integers(0, 3)) == 0:
            old = data.draw(st.sampled_from(self.keyed_batches))
            prices = [child.credits for child in old.children]
            given = {"team": old.team, "submitter": old.submitter, "idempotency_key": old.idempotency_key}
            given["body_hash"] = data.draw(st.sampled_from([old.body_hash, "other"]))
        else:
            prices = data.draw(st.lists(st.sampled_from([0, 1, 1, 10, 30]), min_size=1, max_size=5))
            given = {
                "team": data.draw(st.sampled_from([*self.teams, self.lenient])),
                "submitter": data.draw(st.sampled_from(self.persons)),
                "idempotency_key": data.draw(st.sampled_from([None, new_id()])),
                "body_hash": "body",
            }
        team, submitter = str(given.pop("team")), str(given.pop("submitter"))
        new = make_batch(team, submitter, *prices, concurrency=2, enforce=team != self.lenient, **given)
        if new.idempotency_key:
            self.keyed_batches.append(new)
        return new

    def retry_batch(self, data: st.DataObject) -> Message:
        """Mostly what a person would retry now; at times also what lives, completed or was retried before."""
        batch_id = self.some_batch(data)
        batch = self.model.batches.get(batch_id)
        chosen = [self.model.jobs[job] for job in batch.jobs] if batch else []
        if not self.odd(data):
            chosen = [job for job in chosen if job.status in RETRIED and job.new.id in batch.wells.values()]
        chosen = [job for job in chosen if data.draw(st.integers(0, 3))]
        children = [
            _like(job.new, batch=batch_id, well=job.new.well, made_from=((job.new.id, "retry"),))
            for job in chosen
        ]
        replaced = [job.new.id for job in chosen]
        # Their numbers are given when the group before this one was written: so when it is sent.
        return Message(
            Rank.SUBMIT,
            "retry_batch",
            lambda store: batches.retry(store, Retry(batch_id, children, [job.seq for job in chosen])),
            lambda model: model.retry_batch(Retry(batch_id, children, []), replaced),
        )

    def cancel_batch(self, data: st.DataObject) -> Message:
        batch = self.some_batch(data)
        return Message(
            Rank.CANCEL,
            "cancel_batch",
            lambda store: batches.cancel(store, batch),
            lambda model: model.cancel_batch(batch),
        )

    def delete_batch(self, data: st.DataObject) -> Message:
        batch = self.some_batch(data, ended=True)
        self.gone_batches.append(batch)
        return Message(
            Rank.DELETE,
            "delete_batch",
            lambda store: batches.delete(store, batch),
            lambda model: model.delete_batch(batch),
        )

    def some_batch(self, data: st.DataObject, *, ended: bool = False) -> str:
        fitting = [batch for batch, known in self.model.batches.items() if known.ended or not ended]
        if fitting and not self.odd(data):
            return data.draw(st.sampled_from(fitting))
        return data.draw(st.sampled_from([*self.model.batches, *self.gone_batches]))

    def some_job(self, data: st.DataObject, *statuses: Status) -> ModelJob:
        """Mostly one for which the message makes sense, else any, gone ones too."""
        fitting = [job for job in self.model.jobs.values() if job.status in statuses]
        if fitting and not self.odd(data):
            return data.draw(st.sampled_from(fitting))
        return data.draw(st.sampled_from([*self.model.jobs.values(), *self.gone]))

    def attempt(self, data: st.DataObject, job: ModelJob) -> int:
        return job.attempt + (data.draw(st.sampled_from([-1, 1])) if self.odd(data) else 0)

    def run_of(self, data: st.DataObject, job: ModelJob) -> str:
        if job.run_id and not self.odd(data):
            return job.run_id
        return data.draw(st.sampled_from([*job.runs, new_id()]))

    def odd(self, data: st.DataObject) -> bool:
        return data.draw(st.integers(0, 7)) == 7


def _item() -> dict[str, Any]:
    return {"id": new_id(), "name": "A sample", "format": "sample", "facts": {}, "bytes": 1}


def _like(old: NewJob, **other: Any) -> NewJob:
    """A new job with the same people and price."""
    return make_job(
        team=old.team,
        submitter=old.submitter,
        credits=old.credits,
        price=old.price,
        enforce=old.enforce,
        **other,
    )
