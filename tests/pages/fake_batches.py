"""Batches in memory: a plan of text lines, a plate in any state, and what can be done with one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from compute import batch_results
from compute.batches import BatchSubmission, Line, Plan
from compute.menu import batch_menu
from compute.sharing import Shared
from data.errors import NotFound, WrongState
from data.records import (
    Batch,
    BatchFilter,
    BatchPage,
    ErrorKind,
    JobError,
    Person,
    Status,
    Visibility,
    Well,
    new_id,
    utcnow,
)
from tests.pages.fake_tools import item
from tools.contract import Column, Example, PriceLine, Problem

if TYPE_CHECKING:
    from tests.pages.fake_workbench import FakeWorkbench

AGAIN = (Status.FAILED, Status.TIMEOUT, Status.CANCELLED)
OUTSIDE = "Vina could not place the ligand: every atom lies outside of the box."
MEMORY = "The program took more than its 2.0 GB of memory."
#: Price of a job.
PRICE = 12


class Batches:
    def __init__(self, bench: FakeWorkbench) -> None:
        self.bench = bench
        self.records: dict[str, Batch] = {}
        self.plates: dict[str, list[Well]] = {}
        #: How often a form was looked at.
        self.planned = 0
        self.submitted: list[BatchSubmission] = []
        self.calls: list[tuple[Any, ...]] = []
        self.sharing = Sharing(self)

    # Before

    def example(self, person: Person, tool_id: str) -> Example | None:
        batch = self.bench.all_tools()[tool_id].batch
        return batch.example() if batch and batch.example else None

    def plan(self, person: Person, submission: BatchSubmission) -> Plan:
        self.planned += 1
        tool = self.bench.all_tools()[submission.tool]
        assert tool.batch is not None
        given = submission.inputs or {}
        missing = [
            Problem(f"inputs.{name}", "Field required")
            for name in ("receptor", "ligands")
            if not given.get(name)
        ]
        lines = (
            [] if missing else [line for file in given["ligands"] for line in _lines(file.get("text", ""))]
        )
        good = sum(not line.problem for line in lines)
        available = self.bench.credits.available
        return Plan(
            lines=lines,
            credits=PRICE * good,
            price=[PriceLine("Docking", 10 * good), PriceLine("Pose checks", 2 * good)] if good else [],
            available=available,
            affordable=PRICE * good <= available,
            problems=missing,
            most=tool.batch.most(None),
        )

    def submit(
        self,
        person: Person,
        submission: BatchSubmission,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Batch:
        plan = self.plan(person, submission)
        self.submitted.append(submission)
        names = [line.name for line in plan.lines if not line.problem]
        if on_progress:
            on_progress(len(names), len(names))
        return self.add(
            name=submission.name or "New batch", statuses=[Status.PENDING] * len(names), names=names
        )

    def submission(self, person: Person, batch_id: str) -> BatchSubmission:
        batch = self.batch(person, batch_id)
        example = self.example(person, batch.tool)
        assert example is not None
        return BatchSubmission(
            tool=batch.tool, settings=batch.settings, inputs=example.inputs, name=batch.name
        )

    # What there is

    def batches(
        self, person: Person, filter: BatchFilter, *, limit: int = 50, cursor: str | None = None
    ) -> BatchPage:
        rows = [
            batch
            for batch in sorted(self.records.values(), key=lambda each: -each.seq)
            if (not filter.tool or batch.tool in filter.tool)
            and (not filter.q or filter.q.lower() in batch.name.lower())
            and (not filter.starred or batch.starred)
            and (not filter.live or self.batch(person, batch.id).live)
            and not filter.shared
            and (cursor is None or batch.seq < int(cursor))
        ]
        page = [self.batch(person, batch.id) for batch in rows[:limit]]
        return BatchPage(batches=page, next_cursor=str(page[-1].seq) if len(rows) > limit else None)

    def batch(self, person: Person | None, batch_id: str) -> Batch:
        if batch_id not in self.records:
            raise NotFound("There is no such batch, or it is not shared with you.")
        batch, wells = self.records[batch_id], self.plates[batch_id]
        if person is None and batch.visibility is not Visibility.PUBLIC:
            raise NotFound("There is no such batch, or it is not shared with you.")
        ended = all(well.status.terminal for well in wells)
        return replace(
            batch,
            counts=dict(Counter(well.status for well in wells)),
            credits=sum(well.credits for well in wells if well.started_at or not well.status.terminal),
            refunded=sum(well.refunded for well in wells),
            ended_at=max((well.ended_at for well in wells if well.ended_at), default=utcnow())
            if ended
            else None,
        )

    def wells(self, person: Person | None, batch_id: str) -> list[Well]:
        self.batch(person, batch_id)
        return list(self.plates[batch_id])

    def table(self, person: Person | None, batch_id: str) -> tuple[list[Column], list[dict[str, Any]]]:
        tool = self.bench.all_tools()[self.batch(person, batch_id).tool]
        return batch_results.table(tool, self.plates[batch_id])

    def actions(self, person: Person | None, batch: Batch) -> dict[str, str | None]:
        return batch_menu(person, batch)

    # What is done

    def change(
        self,
        person: Person,
        batch_id: str,
        name: str | None = None,
        starred: bool | None = None,
        tags: Sequence[str] | None = None,
    ) -> Batch:
        old = self.records[batch_id]
        self.records[batch_id] = replace(
            old,
            name=old.name if name is None else name,
            starred=old.starred if starred is None else starred,
            tags=old.tags if tags is None else tuple(tags),
        )
        return self.batch(person, batch_id)

    def cancel(self, person: Person, batch_id: str) -> Batch:
        self.calls.append(("cancel", batch_id))
        self.plates[batch_id] = [
            well
            if well.status.terminal
            else well._replace(cancel_requested=True)
            if well.status is Status.PROCESSING
            else well._replace(status=Status.CANCELLED, ended_at=utcnow())
            for well in self.plates[batch_id]
        ]
        return self.batch(person, batch_id)

    def retry_credits(self, person: Person, batch_id: str) -> int:
        return PRICE * sum(well.status in AGAIN for well in self.plates[batch_id])

    def retry_failed(
        self,
        person: Person,
        batch_id: str,
        *,
        expected_credits: int | None = None,
    ) -> Batch:
        self.calls.append(("retry_failed", batch_id, expected_credits))
        self.plates[batch_id] = [
            make_well(well.number, well.name, Status.PENDING) if well.status in AGAIN else well
            for well in self.plates[batch_id]
        ]
        return self.batch(person, batch_id)

    def delete(self, person: Person, batch_id: str) -> None:
        if self.batch(person, batch_id).live:
            raise WrongState("It has not ended; cancel it first.")
        self.gone(batch_id)

    def gone(self, batch_id: str) -> None:
        del self.records[batch_id], self.plates[batch_id]

    # Its past

    def add(
        self,
        *,
        name: str,
        statuses: Sequence[Status],
        names: Sequence[str] | None = None,
        submitter: tuple[str, str] | None = None,
        age_s: float = 1800,
        visibility: Visibility = Visibility.PRIVATE,
        left_out: list[dict[str, str]] | None = None,
    ) -> Batch:
        person = self.bench.anna
        chance = random.Random(len(statuses))
        number = len(statuses)
        wells = [
            make_well(
                place,
                names[place] if names else f"ZINC{10_000_000 + 7919 * place}",
                status,
                began_s=age_s * (1 - place / number),
                chance=chance,
            )
            for place, status in enumerate(statuses)
        ]
        batch = Batch(
            seq=len(self.records) + 1,
            id=new_id(),
            team=person.team,
            submitter=submitter[0] if submitter else person.id,
            submitter_name=submitter[1] if submitter else person.name,
            tool="dock",
            name=name,
            visibility=visibility,
            left_out=left_out or [],
            settings={"center": [15.6, 53.4, 15.5], "size": [20.0, 20.0, 20.0], "exhaustiveness": 8},
            wells=number,
            created_at=utcnow() - timedelta(seconds=age_s + 5),
            ended_at=None,
        )
        self.records[batch.id], self.plates[batch.id] = batch, wells
        return self.batch(person, batch.id)


class Sharing:
    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def words(self, person: Person | None, batch: Batch) -> str:
        return "Anyone with the link" if batch.visibility is Visibility.PUBLIC else "Only you"

    def show(self, person: Person, batch_id: str) -> Shared:
        batch = self.batches.batch(person, batch_id)
        return Shared(visibility=batch.visibility, invited=[], links={}, words=self.words(person, batch))

    def change(
        self, person: Person, batch_id: str, visibility: Visibility | None, emails: list[str] | None
    ) -> Shared:
        if visibility is not None:
            old = self.batches.records[batch_id]
            self.batches.records[batch_id] = replace(old, visibility=visibility)
        return self.show(person, batch_id)


def _lines(text: str) -> list[Line]:
    items = [item(number, line) for number, line in enumerate(text.splitlines(), 1)]
    return [
        Line(
            name=each.name,
            where=each.where,
            credits=0 if each.problem else PRICE,
            problem=each.problem,
            doubt=each.doubt,
        )
        for each in items
    ]


def make_well(
    number: int,
    name: str,
    status: Status,
    *,
    began_s: float = 60,
    chance: random.Random | None = None,
) -> Well:
    chance = chance or random.Random(number)
    began = status in (Status.PROCESSING, Status.COMPLETED, Status.FAILED, Status.TIMEOUT)
    started_at = utcnow() - timedelta(seconds=began_s) if began else None
    ended_at = (
        (started_at or utcnow()) + timedelta(seconds=chance.uniform(4, 40)) if status.terminal else None
    )
    failed = status is Status.FAILED
    message = MEMORY if chance.random() < 0.3 else OUTSIDE
    done = status is Status.COMPLETED
    affinity = round(chance.gauss(-7.4, 1.3), 1)
    return Well(
        number=number,
        job=new_id(),
        name=name,
        status=status,
        progress=float(chance.randint(5, 95)) if status is Status.PROCESSING else None,
        cancel_requested=False,
        credits=PRICE,
        refunded=PRICE if failed or status is Status.TIMEOUT else 0,
        error=JobError(kind=ErrorKind.TOOL, message=message) if failed else None,
        started_at=started_at,
        ended_at=ended_at,
        summary={"affinity": affinity, "rmsd": round(chance.uniform(0.3, 4), 2), "pose": 9} if done else {},
    )


def screen(number: int, done: float = 0.6, seed: int = 1) -> list[Status]:
    """Statuses of a plate of which this part has ended, as it looks while it runs."""
    chance = random.Random(seed)
    ended = round(number * done)
    running = min(8, number - ended) if done < 1 else 0
    waiting = number - ended - running
    kinds = [Status.COMPLETED, Status.FAILED, Status.TIMEOUT, Status.CANCELLED]
    return [
        *chance.choices(kinds, [92, 5, 2, 1], k=ended),
        *[Status.PROCESSING] * running,
        *[Status.PENDING] * min(16, waiting),
        *[Status.QUEUED] * max(0, waiting - 16),
    ]
