"""Jobs and credits in memory, as design and protocol say it: one message after the other, no groups, no SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from data.records import Claim, ErrorKind, LedgerKind, Loss, NewJob, Outcome, Progress, Status

WAITING = (Status.PENDING, Status.RETRY)


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
    #: Every run that ever announced itself, for messages that come late.
    runs: list[str] = field(default_factory=list)


@dataclass
class Model:
    balance: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, ModelJob] = field(default_factory=dict)
    keys: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    rows: set[tuple[str, LedgerKind]] = field(default_factory=set)
    grants: set[str] = field(default_factory=set)

    def grant(self, team: str, credits: int, key: str | None) -> Any:
        if key in self.grants and key is not None:
            return (self.balance[team], self.held[team])
        if credits < 0 and self.balance[team] - self.held[team] + credits < 0:
            return "refused"
        if key is not None:
            self.grants.add(key)
        self.balance[team] += credits
        return (self.balance[team], self.held[team])

    def submit(self, new: NewJob) -> Any:
        key = (new.idempotency_key or "", new.submitter, new.team)
        if new.idempotency_key and key in self.keys:
            body, job = self.keys[key]
            return ("again", job) if body == new.body_hash and job in self.jobs else "refused"
        if new.enforce and new.credits > max(self.balance[new.team] - self.held[new.team], 0):
            return "refused"
        if new.idempotency_key:
            self.keys[key] = (new.body_hash, new.id)
        self.jobs[new.id] = ModelJob(new)
        if new.credits:
            self._row(self.jobs[new.id], LedgerKind.HOLD, 0, new.credits)
        return ("created", new.id)

    def claim(self, claim: Claim) -> bool:
        job = self.jobs.get(claim.job)
        if job is None or job.seq != claim.seq or job.attempt != claim.attempt:
            return False
        if job.status == Status.PROCESSING:
            return job.run_id == claim.run_id
        if job.status not in WAITING:
            return False
        job.status, job.run_id, job.progress = Status.PROCESSING, claim.run_id, None
        if job.new.credits and not job.started:
            self._row(job, LedgerKind.CHARGE, -job.new.credits, -job.new.credits)
        job.started = True
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
        self._refund(job, self._owed(job, outcome))
        return job.status

    def _owed(self, job: ModelJob, outcome: Outcome) -> int:
        if outcome.status == Status.FAILED:
            by_input = outcome.error is not None and outcome.error.kind == ErrorKind.INPUT
            return 0 if by_input else job.new.credits
        if outcome.status == Status.COMPLETED:
            return sum(line["credits"] for line in job.new.price if line["label"] in outcome.failed_items)
        return 0

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

    def delete(self, job_id: str) -> Status | None:
        job = self.jobs.get(job_id)
        if job is None or not job.status.terminal:
            return None
        return self.jobs.pop(job_id).status

    def holds(self, team: str) -> int:
        """Credits of live jobs of a team that never ran."""
        return sum(
            job.new.credits
            for job in self.jobs.values()
            if job.new.team == team and not job.status.terminal and not job.started
        )

    def _give_back(self, job: ModelJob) -> None:
        if job.started:
            self._refund(job, job.new.credits)
        elif job.new.credits:
            self._row(job, LedgerKind.RELEASE, 0, -job.new.credits)

    def _refund(self, job: ModelJob, credits: int) -> None:
        if credits and job.new.credits:
            self._row(job, LedgerKind.REFUND, credits, 0)

    def _row(self, job: ModelJob, kind: LedgerKind, balance: int, held: int) -> None:
        assert (job.new.id, kind) not in self.rows, "the model itself charges twice"
        self.rows.add((job.new.id, kind))
        self.balance[job.new.team] += balance
        self.held[job.new.team] += held
