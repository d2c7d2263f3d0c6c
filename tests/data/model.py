"""Jobs and credits in memory, as design and protocol say it: one message after the other, no groups, no SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from data.batches import Retry
from data.records import (
    Claim,
    ErrorKind,
    LedgerKind,
    Loss,
    NewBatch,
    NewJob,
    Outcome,
    Progress,
    Status,
)

WAITING = (Status.PENDING, Status.RETRY)
RETRIED = (Status.FAILED, Status.TIMEOUT, Status.CANCELLED)
KEY_LIFE = timedelta(hours=24)


@dataclass
class Clock:
    """The time that the store and the model tell: it moves only when it is looked at, or moved on."""

    time: datetime

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def next_month(self) -> None:
        self.time = (self.time.replace(day=1) + timedelta(days=32)).replace(day=10)

    @property
    def month(self) -> str:
        return f"{self.time:%Y-%m}"


@dataclass
class ModelJob:
    new: NewJob
    seq: int = 0
    status: Status = Status.PENDING
    attempt: int = 1
    retries: int = 0
    run_id: str | None = None
    started: bool = False
    cancel_requested: bool = False
    progress: float | None = None
    name: str = ""
    #: Every run that ever announced itself, for messages that come late.
    runs: list[str] = field(default_factory=list)
    #: How many runs were accepted.
    starts: int = 0


@dataclass
class ModelBatch:
    team: str
    #: Job in each well.
    wells: dict[int, str]
    #: In the order of submission: all jobs that it ever had.
    jobs: list[str]
    #: What the site gives a team without a number of its own.
    concurrency: int
    ended: bool = False


@dataclass(frozen=True)
class Row:
    """Of the ledger."""

    team: str
    #: None: a grant.
    job: str | None
    kind: LedgerKind
    balance: int
    held: int
    person: str | None
    key: str | None
    month: str


@dataclass
class Model:
    clock: Clock
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    #: Of idempotency: (word, person, team) -> (body, job, when).
    keys: dict[tuple[str, str, str], tuple[str, str, datetime]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    balance: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    batches: dict[str, ModelBatch] = field(default_factory=dict)
    #: Of teams: the children that may be alive outside the queue.
    concurrency: dict[str, int] = field(default_factory=dict)
    #: Children whose ends have not had their consequences.
    moved: list[ModelJob] = field(default_factory=list)
    #: Batches that were told to have ended, once for each end.
    told: list[str] = field(default_factory=list)
    #: Of the library: file -> job, team and person that made it, and the files that the job was given.
    files: dict[str, tuple[str, str, str, tuple[str, ...]]] = field(default_factory=dict)
    #: Of teams: what every month gives, and what one person may use in a month.
    allowances: dict[str, int] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)

    # Money -------------------------------------------------------------------------------------------------------

    def grant(self, team: str, credits: int, key: str | None) -> Any:
        given = key is not None and any(row.key == key for row in self.ledger)
        if not given:
            if credits < 0 and self.available(team) + credits < 0:
                return "refused"
            self._write(team, None, LedgerKind.GRANT, credits, 0, None, key)
        return (self.balance[team], self.held[team])

    def allow(self, team: str, credits: int | None) -> Any:
        self.allowances.pop(team, None)
        if credits is not None:
            self.allowances[team] = credits
        self.give_due()
        return (credits, self.balance[team], self.held[team])

    def give_due(self) -> None:
        """Each team's allowance of this month, to whom it was not given yet."""
        for team, credits in self.allowances.items():
            self.grant(team, credits, f"allowance:{team}:{self.clock.month}")

    def used(self, team: str, person: str) -> int:
        """By this person's jobs of this month: what they hold or cost, less what came back, whenever it did."""
        mine = [
            row for row in self.ledger if row.job is not None and (row.team, row.person) == (team, person)
        ]
        lately = {row.job for row in mine if row.kind == LedgerKind.HOLD and row.month == self.clock.month}
        return sum(row.held - row.balance for row in mine if row.job in lately)

    def available(self, team: str) -> int:
        return self.balance[team] - self.held[team]

    def holds(self, team: str) -> int:
        """Credits of live jobs of a team that never ran."""
        return sum(
            job.new.credits
            for job in self.jobs.values()
            if job.new.team == team and not job.status.terminal and not job.started
        )

    # Messages ----------------------------------------------------------------------------------------------------

    def submit(self, new: NewJob) -> Any:
        if new.team in self.allowances:
            self.give_due()
        key = (new.idempotency_key or "", new.submitter, new.team)
        if new.idempotency_key and key in self.keys and self.clock.time - self.keys[key][2] < KEY_LIFE:
            body, job, _ = self.keys[key]
            return ("again", job) if body == new.body_hash and job in self.jobs else "refused"
        if new.enforce and new.credits and not self._affords(new):
            return "refused"
        if new.idempotency_key:
            self.keys[key] = (new.body_hash, new.id, self.clock.time)
        self.jobs[new.id] = ModelJob(new, name=new.name)
        self._row(self.jobs[new.id], LedgerKind.HOLD, 0, new.credits)
        return ("created", new.id)

    def _affords(self, new: NewJob, credits: int | None = None) -> bool:
        """The job, or so many credits for a batch of such jobs."""
        credits = new.credits if credits is None else credits
        cap = self.caps.get(new.team)
        within = cap is None or self.used(new.team, new.submitter) + credits <= cap
        return within and credits <= self.available(new.team)

    # Batches -----------------------------------------------------------------------------------------------------

    def submit_batch(self, new: NewBatch) -> Any:
        key = (new.idempotency_key or "", new.submitter, new.team)
        if new.idempotency_key and key in self.keys and self.clock.time - self.keys[key][2] < KEY_LIFE:
            body, batch, _ = self.keys[key]
            return ("again", batch) if body == new.body_hash and batch in self.batches else "refused"
        if new.team in self.allowances:
            self.give_due()
        if not self._afford_all(new.children):
            return "refused"
        if new.idempotency_key:
            self.keys[key] = (new.body_hash, new.id, self.clock.time)
        wells = {well: child.id for well, child in enumerate(new.children)}
        self.batches[new.id] = ModelBatch(new.team, wells, [], new.concurrency)
        self._queue(self.batches[new.id], new.children)
        return ("created", new.id)

    def _afford_all(self, children: list[NewJob]) -> bool:
        credits = sum(child.credits for child in children)
        return not children or not children[0].enforce or not credits or self._affords(children[0], credits)

    def _queue(self, batch: ModelBatch, children: list[NewJob]) -> None:
        for child in children:
            batch.jobs.append(child.id)
            self.jobs[child.id] = ModelJob(child, name=child.name, status=Status.QUEUED)
            self._row(self.jobs[child.id], LedgerKind.HOLD, 0, child.credits)
        self._open(batch.team)

    def retry_batch(self, retry: Retry, replaced: list[str]) -> Any:
        """`replaced`: ids of the jobs whose wells are wanted."""
        batch = self.batches.get(retry.batch)
        if batch is None:
            return "refused"
        again = [
            (child, old)
            for child, old in zip(retry.children, replaced, strict=True)
            if old in batch.wells.values() and self.jobs[old].status in RETRIED
        ]
        children = [child for child, _ in again]
        if children and children[0].team in self.allowances:
            self.give_due()
        if not self._afford_all(children):
            return "refused"
        for child, old in again:
            well = next(well for well, job in batch.wells.items() if job == old)
            batch.wells[well] = child.id
        if children:
            batch.ended = False
            self._queue(batch, children)
        return frozenset(child.id for child in children)

    def cancel_batch(self, batch_id: str) -> Any:
        """How many ended, and how many were asked to stop."""
        batch = self.batches.get(batch_id)
        alive = [self.jobs[job] for job in batch.jobs if not self.jobs[job].status.terminal] if batch else []
        waited = [job for job in alive if job.status != Status.PROCESSING]
        asked = [job for job in alive if job.status == Status.PROCESSING and not job.cancel_requested]
        for job in asked:
            job.cancel_requested = True
        for job in waited:
            job.status = Status.CANCELLED
            self._give_back(job)
        if waited:
            self._moved(waited)
        return (len(waited), len(asked))

    def delete_batch(self, batch_id: str) -> Any:
        batch = self.batches.get(batch_id)
        if batch is None or not batch.ended:
            return None
        del self.batches[batch_id]
        for job in batch.jobs:
            del self.jobs[job]
        self.told = [told for told in self.told if told != batch_id]
        return len(batch.jobs)

    def change_concurrency(self, team: str, number: int | None) -> None:
        self.concurrency.pop(team, None)
        if number is not None:
            self.concurrency[team] = number
        self._open(team)

    def most(self, team: str) -> int:
        """Children of a team that may be alive outside the queue."""
        sites = [
            batch.concurrency for batch in self.batches.values() if batch.team == team and self._lives(batch)
        ]
        return self.concurrency.get(team, max(sites, default=0))

    def children(self, team: str) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.new.team == team and job.new.batch]

    def _lives(self, batch: ModelBatch) -> bool:
        return any(not self.jobs[job].status.terminal for job in batch.jobs)

    def _open(self, team: str) -> None:
        """In turns of people, who begin behind what they have outside the queue, and of each one's batches."""
        children = self.children(team)
        order = {job.new.id: number for number, job in enumerate(self.jobs.values())}
        outside = [job for job in children if job.status in (*WAITING, Status.PROCESSING)]
        room = self.most(team) - len(outside)
        taken = Counter(job.new.submitter for job in outside)
        in_batch: Counter[str | None] = Counter()
        places: list[tuple[int, int, ModelJob]] = []
        for job in children:
            if job.status == Status.QUEUED:
                in_batch[job.new.batch] += 1
                places.append((in_batch[job.new.batch], order[job.new.id], job))
        turns = []
        for _, number, job in sorted(places, key=lambda place: place[:2]):
            taken[job.new.submitter] += 1
            turns.append((taken[job.new.submitter], number, job))
        for _, _, job in sorted(turns, key=lambda turn: turn[:2])[: max(room, 0)]:
            job.status = Status.PENDING

    def _moved(self, ended: list[ModelJob]) -> None:
        self.moved += [job for job in ended if job.new.batch]

    def settle(self) -> None:
        """What follows from the ends that messages of one kind brought in one group."""
        children, self.moved = self.moved, []
        for team in sorted({job.new.team for job in children}):
            self._open(team)
        for batch_id in sorted({str(job.new.batch) for job in children}):
            batch = self.batches[batch_id]
            if not batch.ended and not self._lives(batch):
                batch.ended = True
                if {self.jobs[job].status for job in batch.wells.values()} != {Status.CANCELLED}:
                    self.told.append(batch_id)

    # Messages of jobs --------------------------------------------------------------------------------------------

    def claim(self, claim: Claim) -> bool:
        job = self.jobs.get(claim.job)
        if job is None or job.seq != claim.seq or job.attempt != claim.attempt:
            return False
        if job.status == Status.PROCESSING:
            return job.run_id == claim.run_id
        if job.status not in WAITING:
            return False
        job.status, job.run_id, job.progress = Status.PROCESSING, claim.run_id, None
        if not job.started:
            self._row(job, LedgerKind.CHARGE, -job.new.credits, -job.new.credits)
        job.started = True
        job.starts += 1
        return True

    def progress(self, report: Progress) -> bool:
        job = self.jobs.get(report.job)
        if job is None or job.status != Status.PROCESSING or job.run_id != report.run_id:
            return False
        job.progress = report.progress
        return True

    def finish(self, outcome: Outcome) -> Status | None:
        job = self.jobs.get(outcome.job)
        if job is None or job.status != Status.PROCESSING:
            return None
        if (job.run_id, job.attempt) != (outcome.run_id, outcome.attempt):
            return None
        job.status = outcome.status
        if outcome.status == Status.COMPLETED:
            job.progress = 100
            made = (job.new.id, job.new.team, job.new.submitter, job.new.uses)
            self.files |= {item["id"]: made for item in outcome.library}
        self._row(job, LedgerKind.REFUND, self._owed(job, outcome), 0)
        self._moved([job])
        return job.status

    def _owed(self, job: ModelJob, outcome: Outcome) -> int:
        """The table of the design: what an end gives back of a charge."""
        if outcome.status == Status.FAILED:
            by_input = outcome.error is not None and outcome.error.kind == ErrorKind.INPUT
            return job.new.credits if job.new.batch or not by_input else 0
        if outcome.status == Status.TIMEOUT:
            return job.new.credits if job.new.batch else 0
        if outcome.status != Status.COMPLETED:
            return 0
        owed, failed = 0, list(outcome.failed_items)
        for line in job.new.price:
            if line["label"] in failed:
                failed.remove(line["label"])
                owed += line["credits"]
        return owed

    def lose(self, loss: Loss, max_retries: int) -> Status | None:
        job = self.jobs.get(loss.job)
        if job is None or job.attempt != loss.attempt:
            return None
        owned = job.status == Status.PROCESSING and loss.run_id is not None and job.run_id == loss.run_id
        unclaimed = job.status in WAITING and loss.run_id is None
        if not owned and not unclaimed:
            return None
        if job.cancel_requested:
            job.status = Status.CANCELLED
        elif job.retries + loss.counts > max_retries:
            job.status = Status.FAILED
            self._give_back(job)
        else:
            job.status = Status.RETRY if owned else job.status
            job.attempt, job.retries = job.attempt + 1, job.retries + loss.counts
            job.run_id = job.progress = None
        if job.status.terminal:
            self._moved([job])
        return job.status

    def cancel(self, job_id: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or job.status.terminal:
            return None
        if job.status == Status.PROCESSING:
            job.cancel_requested = True
            return job.status
        job.status = Status.CANCELLED
        self._give_back(job)
        self._moved([job])
        return job.status

    def refuse(self, job_id: str, attempt: int) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or job.status not in WAITING or job.attempt != attempt:
            return None
        job.status = Status.FAILED
        self._give_back(job)
        self._moved([job])
        return job.status

    def rename(self, job_id: str, name: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        job.name = name
        return job.status

    def delete(self, job_id: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or not job.status.terminal or job.new.batch:
            return None
        return self.jobs.pop(job_id).status

    def _give_back(self, job: ModelJob) -> None:
        if job.started:
            self._row(job, LedgerKind.REFUND, job.new.credits, 0)
        else:
            self._row(job, LedgerKind.RELEASE, 0, -job.new.credits)

    def _row(self, job: ModelJob, kind: LedgerKind, balance: int, held: int) -> None:
        """Nothing where nothing moves: free jobs, and ends that give nothing back."""
        if balance or held:
            assert all((row.job, row.kind) != (job.new.id, kind) for row in self.ledger), (
                "the model charges twice"
            )
            self._write(job.new.team, job.new.id, kind, balance, held, job.new.submitter, None)

    def _write(
        self,
        team: str,
        job: str | None,
        kind: LedgerKind,
        balance: int,
        held: int,
        person: str | None,
        key: str | None,
    ) -> None:
        row = Row(team, job, kind, balance, held, person, key, self.clock.month)
        self.ledger.append(row)
        self.balance[team] += balance
        self.held[team] += held
