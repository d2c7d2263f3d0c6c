"""Who hears that a job ended: written in the transaction that ends it, under the bell and for the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data import deliveries, notices, rows
from data.deliveries import NewDelivery
from data.notices import NewNotice
from data.records import Job, Status, When
from data.store import Transaction

EVENT = "job.ended"
KIND = "job_ended"
BATCH_EVENT = "batch.ended"
BATCH_KIND = "batch_ended"


def ended(tx: Transaction, jobs: list[Job]) -> None:
    """Tell the submitters of these jobs, each as they prefer.

    Nobody is told of a quick job, whose end is seen at once, nor of a cancelled one, nor of a batch's children.
    """
    worth = {job.seq: job for job in jobs if job.cpus_min > 0 and job.status is not Status.CANCELLED}
    if not worth:
        return
    hearers = [(worth[row["seq"]], row) for row in tx.run("who_hears", seqs=list(worth))]
    notices.insert(tx, [_notice(job) for job, row in hearers if _wants(row["bell"], job)])
    deliveries.insert(tx, [new for job, row in hearers for new in _outside(job, row)])


def batches_ended(tx: Transaction, batches: list[dict[str, Any]]) -> None:
    """Tell the submitters of these batches, once each. One that was cancelled as a whole tells nobody."""
    ids = [row["id"] for row in batches]
    counts: dict[str, dict[Status, int]] = {batch: {} for batch in ids}
    for row in tx.run("count_wells", batches=ids, first=min(row["seq"] for row in batches)):
        counts[row["batch"]][Status(row["status"])] = row["jobs"]
    ends = {
        row["id"]: BatchEnd(row["id"], row["name"], row["tool"], counts[row["id"]])
        for row in batches
        if counts[row["id"]].keys() - {Status.CANCELLED}
    }
    if not ends:
        return
    hearers = [(ends[row["batch"]], row) for row in tx.run("who_hears_of_batches", batches=list(ends))]
    notices.insert(tx, [end.notice(row["person"]) for end, row in hearers if end.wanted(row["bell"])])
    deliveries.insert(tx, [new for end, row in hearers for new in end.outside(row)])


@dataclass(frozen=True, slots=True)
class BatchEnd:
    batch: str
    name: str
    tool: str
    counts: dict[Status, int]

    @property
    def sentence(self) -> str:
        parts = [f"{self.counts[status]:,} {status.value}" for status in Status if status in self.counts]
        return notices.cut(f"Batch “{self.name}” has ended: {', '.join(parts)}.")

    def wanted(self, choice: str) -> bool:
        failed = bool(self.counts.keys() & {Status.FAILED, Status.TIMEOUT})
        return choice == When.ALWAYS or (choice == When.FAILURES and failed)

    def notice(self, person: str) -> NewNotice:
        return NewNotice(person=person, kind=BATCH_KIND, text=self.sentence, batch=self.batch)

    def outside(self, row: dict[str, Any]) -> Iterator[NewDelivery]:
        body = {
            "event": BATCH_EVENT,
            "batch": {"id": self.batch, "name": self.name, "tool": self.tool, "counts": self.counts},
            "text": self.sentence,
        }
        channels = (
            (deliveries.MAIL, row["email"] if row["verified"] else "", row["mail"], self.sentence),
            (deliveries.WEBHOOK, row["webhook_url"], row["webhook"], rows.dump(body)),
        )
        for channel, target, choice, text in channels:
            if target and self.wanted(choice):
                yield NewDelivery(
                    channel=channel,
                    target=target,
                    subject=f"{self.name}: ended",
                    body=text,
                    person=row["person"],
                    batch=self.batch,
                )


def sentence(job: Job) -> str:
    """How a job ended, in words."""
    reason = f" {job.error.message}" if job.error and job.error.message else ""
    ending = {
        Status.COMPLETED: "completed.",
        Status.FAILED: f"failed.{reason}",
        Status.TIMEOUT: f"ran out of time.{reason}",
        Status.CANCELLED: "was cancelled.",
    }
    return notices.cut(f"“{job.name}” {ending[job.status]}")


def _notice(job: Job) -> NewNotice:
    return NewNotice(person=job.submitter, kind=KIND, text=sentence(job), job=job.id)


def _outside(job: Job, row: dict[str, Any]) -> Iterator[NewDelivery]:
    """The mail and the webhook. An address that was never proven could be anybody's, so it gets no mail."""
    if row["verified"] and _wants(row["mail"], job):
        yield NewDelivery(
            channel=deliveries.MAIL,
            target=row["email"],
            subject=f"{job.name}: {job.status.value}",
            body=sentence(job),
            person=job.submitter,
            job=job.id,
        )
    if row["webhook_url"] and _wants(row["webhook"], job):
        yield NewDelivery(
            channel=deliveries.WEBHOOK,
            target=row["webhook_url"],
            subject=f"{job.name}: {job.status.value}",
            body=rows.dump(event(job)),
            person=job.submitter,
            job=job.id,
        )


def event(job: Job) -> dict[str, Any]:
    """What a webhook gets, but for the link."""
    return {
        "event": EVENT,
        "job": {"id": job.id, "name": job.name, "tool": job.tool, "status": job.status.value},
        "text": sentence(job),
    }


def _wants(choice: str, job: Job) -> bool:
    if choice == When.FAILURES:
        return job.status in (Status.FAILED, Status.TIMEOUT)
    return choice == When.ALWAYS
