"""Jobs and credits in memory, as design and protocol say it: one message after the other, no groups, no SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from data.records import Claim, ErrorKind, LedgerKind, Loss, NewJob, Outcome, Progress, Status

WAITING = (Status.PENDING, Status.RETRY)
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

    def _affords(self, new: NewJob) -> bool:
        cap = self.caps.get(new.team)
        within = cap is None or self.used(new.team, new.submitter) + new.credits <= cap
        return within and new.credits <= self.available(new.team)

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
        return job.status

    def _owed(self, job: ModelJob, outcome: Outcome) -> int:
        """The table of the design: what an end gives back of a charge."""
        if outcome.status == Status.FAILED:
            by_input = outcome.error is not None and outcome.error.kind == ErrorKind.INPUT
            return 0 if by_input else job.new.credits
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
        return job.status

    def refuse(self, job_id: str, attempt: int) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or job.status not in WAITING or job.attempt != attempt:
            return None
        job.status = Status.FAILED
        self._give_back(job)
        return job.status

    def rename(self, job_id: str, name: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        job.name = name
        return job.status

    def delete(self, job_id: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or not job.status.terminal:
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
