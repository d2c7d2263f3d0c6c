"""Many inputs to one tool at once: looked at line by line, submitted together, watched and retried as one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compute import access, batch_results, cursors, submissions
from compute.access import Action, Scope
from compute.children import BatchSubmission, Children, Unreadable, told
from compute.credits import Credits
from compute.gate import NO_SUCH_BATCH, Gate, refuse_unless
from compute.marks import clean_tags
from compute.menu import batch_menu
from compute.people.accounts import Accounts
from compute.queue.dispatcher import Dispatcher
from compute.settings import Settings
from compute.sharing import Sharing
from compute.submitting import WRITE_TIMEOUT_S, Submission, Submitter, bad_input, request_of_all
from data import batches, jobs
from data.batches import Marking, Retry
from data.errors import BadInput, Conflict, NotFound, WrongState
from data.folders import Folders
from data.records import (
    Batch,
    BatchFilter,
    BatchPage,
    Job,
    NewBatch,
    NewJob,
    Person,
    Well,
    new_id,
)
from data.store import Store
from tools import registry
from tools.contract import Column, Example, Item, Model, PriceLine, Problem, Tool

#: Bad lines that a refusal names.
NAMED = 3

#: Hears how many of how many jobs are looked at.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A job that is to be, or why it cannot be."""

    name: str
    #: "line 3", "record 2 of hits.sdf".
    where: str
    credits: int
    #: A sentence; empty when it can be run.
    problem: str = ""
    #: What makes it likely to fail; it is run all the same.
    doubt: str = ""
    #: How much it is: "2 chains".
    size: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A batch before it is submitted."""

    lines: list[Line]
    #: Of those that can be run, together.
    credits: int
    #: What this is made of, in sums over all of them.
    price: list[PriceLine]
    available: int
    affordable: bool
    #: Why it is not affordable, as a submit would say it.
    lack: str | None = None
    #: Of the form as a whole; then there are no lines.
    problems: list[Problem]
    #: Jobs that one batch may have.
    most: int

    @property
    def good(self) -> int:
        return sum(not line.problem for line in self.lines)


class Batches:
    """The verbs for batches. Its rights are those of a job, by the same function; its children have them too."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        gate: Gate,
        accounts: Accounts,
        dispatcher: Dispatcher,
        submitter: Submitter,
        credits: Credits,
        sharing: Sharing,
        *,
        tool: Callable[[str], Tool],
        ready: Callable[[Person, str], Tool],
        again: Callable[[Person, Job, dict[str, Any], dict[str, Any]], Submission],
        admitted: Callable[[Person], AbstractContextManager[None]],
    ) -> None:
        """`ready`: the tool, when this person may run it now; `again`: what would submit a job again."""
        self._settings = settings
        self._store = store
        self._folders = folders
        self._gate = gate
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._credits = credits
        self._children = Children(settings, folders, submitter)
        self._tool = tool
        self._ready = ready
        self._again = again
        self._admitted = admitted
        self.sharing = sharing

    # Submitting

    def example(self, person: Person, tool_id: str) -> Example | None:
        """Inputs of the form for many, with settings."""
        tool = self._tool(tool_id)
        return tool.batch.example() if tool.batch and tool.batch.example else None

    def plan(self, person: Person, asked: BatchSubmission) -> Plan:
        """Every line with its price and what stands in its way, as a submit would find it."""
        tool = self._tool(asked.tool)
        try:
            settings, items = self._children.read(person, tool, asked)
        except Unreadable as refusal:
            return self._plan(person, [], [], refusal.problems, most=0)
        lines, prices = [], []
        for item, prepared in self._children.looked(person, tool, settings, items):
            problem = told(prepared.problems)
            credits = 0 if problem else sum(line.credits for line in prepared.lines)
            prices += [] if problem else prepared.lines
            name = item.name or _title(tool, prepared.given) or item.where
            lines.append(
                Line(
                    name=name,
                    where=item.where,
                    credits=credits,
                    problem=problem,
                    doubt=item.doubt,
                    size=item.size,
                )
            )
        return self._plan(person, lines, prices, [], most=self._children.most(tool, settings))

    def _plan(
        self,
        person: Person,
        lines: list[Line],
        prices: Sequence[PriceLine],
        problems: list[Problem],
        *,
        most: int,
    ) -> Plan:
        credits = sum(line.credits for line in lines)
        lack = self._credits.refusal(person, credits, "batch")
        return Plan(
            lines=lines,
            credits=credits,
            price=_summed(prices),
            available=self._credits.balance(person).available,
            affordable=lack is None,
            lack=lack,
            problems=problems,
            most=most,
        )

    def submit(
        self, person: Person, asked: BatchSubmission, *, on_progress: OnProgress | None = None
    ) -> Batch:
        """All jobs on disk and their price held, or nothing. The same idempotency key gives the same batch.

        Raises BadInput that names the lines which cannot be run, unless they are to be left out.
        """
        body_hash = _body_hash(asked)
        if asked.idempotency_key and (
            earlier := batches.earlier(self._store, asked.idempotency_key, person.id, person.team, body_hash)
        ):
            return self._now(person, earlier.id)
        tool = self._ready(person, asked.tool)
        try:
            settings, items = self._children.read(person, tool, asked)
        except Unreadable as refusal:
            raise bad_input(refusal.problems) from refusal
        batch_id, ids = new_id(), [new_id() for _ in items]
        with self._folders.making_children(batch_id, ids):
            made, left_out = self._write(person, tool, settings, asked, batch_id, ids, items, on_progress)
            if not made or (left_out and not asked.skip_invalid):
                raise _not_runnable(left_out, len(items))
            _refuse_other_price(asked.expected_credits, made)
            new = NewBatch(
                id=batch_id,
                team=person.team,
                submitter=person.id,
                tool=tool.id,
                name=self._named(tool, asked, made),
                visibility=asked.visibility,
                settings=settings.model_dump(mode="json"),
                inputs=None if asked.inputs is None else dict(asked.inputs),
                children=made,
                request=request_of_all(person, tool, settings.model_dump(mode="json")),
                left_out=left_out,
                concurrency=self._settings.jobs.batch_concurrency,
                idempotency_key=asked.idempotency_key,
                body_hash=body_hash,
            )
            self._sync(made)
            with self._admitted(person):
                written = batches.submit(self._store, new)
            done = written.result(WRITE_TIMEOUT_S)
            if not done.created:
                for job_id in ids:
                    self._folders.remove_job(job_id)
        return self._now(person, done.batch.id)

    def _write(
        self,
        person: Person,
        tool: Tool,
        settings: Model,
        asked: BatchSubmission,
        batch_id: str,
        ids: list[str],
        items: list[Item],
        on_progress: OnProgress | None,
    ) -> tuple[list[NewJob], list[dict[str, str]]]:
        """The children in their folders, and what cannot be run."""
        made: list[NewJob] = []
        left_out: list[dict[str, str]] = []
        written: dict[str, Path] = {}
        for number, (item, job_id) in enumerate(zip(items, ids, strict=True), start=1):
            submission = self._submission(tool, item, asked)
            place = (batch_id, len(made))
            answer = self._children.write(person, tool, settings, item, submission, job_id, place, written)
            if isinstance(answer, NewJob):
                made.append(answer)
            else:
                left_out.append({"where": item.where, "message": told(answer)})
            if on_progress:
                on_progress(number, len(items))
        return made, left_out

    def _submission(self, tool: Tool, item: Item, asked: BatchSubmission) -> Submission:
        name = item.name[: self._settings.limits.name_length] or None
        return Submission(
            tool=tool.id, inputs=item.inputs, settings={}, name=name, visibility=asked.visibility
        )

    def _named(self, tool: Tool, asked: BatchSubmission, made: list[NewJob]) -> str:
        more = f" and {len(made) - 1:,} more" if len(made) > 1 else ""
        limit = self._settings.limits.name_length
        itself = f"{tool.name}: {made[0].name[: limit - 60]}{more}"
        return submissions.clean_name(asked.name or itself, limit, field="name")

    def _sync(self, made: Sequence[NewJob]) -> None:
        """One sync for all of them: one for each file would take minutes for thousands."""
        if any(new.inputs for new in made):
            os.sync()

    def retry_credits(self, person: Person, batch_id: str) -> int:
        """What it would cost to run again all that failed, timed out or was cancelled."""
        batch = self._gate.batch(person, Action.SEE, batch_id)
        return sum(job.credits for job in self._retried(batch))

    def retry_failed(self, person: Person, batch_id: str, *, expected_credits: int | None = None) -> Batch:
        """Run again all that failed, timed out or was cancelled, into the same wells, charged anew.

        What cannot be made again (its tool takes other inputs by now) stays as it is; BadInput where that is all.
        """
        batch = self._gate.batch(person, Action.RETRY, batch_id)
        chosen = self._retried(batch)
        if not chosen:
            raise WrongState("Nothing in this batch failed, timed out or was cancelled.")
        self._retry(person, batch, chosen, expected_credits)
        return self._now(person, batch.id)

    def retry_child(self, person: Person, job: Job, *, expected_credits: int | None = None) -> Job:
        """Run one job again, in its well."""
        batch = self._gate.batch(person, Action.RETRY, job.batch or "")
        if job.well is None:
            raise WrongState("This job was retried before; another is in its well.")
        (made,) = self._retry(person, batch, [job], expected_credits)
        again = jobs.get(self._store, made)
        if again is None:
            raise NotFound(NO_SUCH_BATCH)
        return again

    def _retried(self, batch: Batch) -> list[Job]:
        return [
            job
            for job in batches.children(self._store, batch)
            if job.well is not None and job.status in batches.RETRIED
        ]

    def _retry(
        self, person: Person, batch: Batch, chosen: list[Job], expected_credits: int | None
    ) -> list[str]:
        """The ids of the new jobs."""
        acting = self._accounts.in_team(person, batch.team)
        tool = self._ready(acting, batch.tool)
        settings, problems = submissions.validate_one(tool.Settings, batch.settings)
        if settings is None:
            raise bad_input(problems)
        ids = [new_id() for _ in chosen]
        with self._folders.making_children(new_id(), ids):
            made, replaced = self._all_made_again(acting, tool, settings, chosen, ids)
            self._sync(made)
            # What cannot be made again makes it cheaper than what was seen.
            expected = expected_credits if len(made) == len(chosen) else None
            asked = Retry(batch.id, made, replaced, expected)
            with self._admitted(acting):
                written = batches.retry(self._store, asked)
            done = written.result(WRITE_TIMEOUT_S)
            for job_id in set(ids) - done.taken:
                self._folders.remove_job(job_id)
        if not done.taken:
            raise WrongState("These jobs were retried or deleted meanwhile.")
        return [job_id for job_id in ids if job_id in done.taken]

    def _all_made_again(
        self, person: Person, tool: Tool, settings: Model, chosen: list[Job], ids: list[str]
    ) -> tuple[list[NewJob], list[int]]:
        """New jobs, and the numbers of those that they replace. Raises BadInput when there is none."""
        made, replaced = [], []
        refusal: BadInput | None = None
        for job, given, job_id in zip(chosen, batches.inputs(self._store, chosen), ids, strict=True):
            try:
                made.append(self._made_again(person, tool, settings, job, given, job_id))
                replaced.append(job.seq)
            except BadInput as error:  # the others are none the worse
                refusal = refusal or error
        if not made and refusal is not None:
            raise refusal
        return made, replaced

    def _made_again(
        self, person: Person, tool: Tool, settings: Model, job: Job, given: dict[str, Any], job_id: str
    ) -> NewJob:
        submission = replace(self._again(person, job, given, {}), retry_of=job.id)
        item = Item(job.name, f"“{job.name}”", submission.inputs)
        assert job.batch is not None and job.well is not None, "only who is in a well is retried"
        place = (job.batch, job.well)
        made = self._children.write(person, tool, settings, item, submission, job_id, place, {})
        if isinstance(made, NewJob):
            return made
        raise BadInput(f"{job.name} cannot be run again: {told(made)}")

    def submission(self, person: Person, batch_id: str) -> BatchSubmission:
        """What would submit it again from the form for many."""
        batch = self._gate.batch(person, Action.SEE, batch_id)
        inputs = batches.asked(self._store, batch)
        if inputs is None:
            raise WrongState("It was submitted job by job; duplicate one of its jobs.")
        return BatchSubmission(
            tool=batch.tool,
            inputs=inputs,
            settings=batch.settings,
            name=batch.name,
            visibility=batch.visibility,
        )

    # Looking

    def batches(
        self, person: Person, filter: BatchFilter, *, limit: int = 50, cursor: str | None = None
    ) -> BatchPage:
        """The team's batches, or those shared with this person, newest first."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        cursors.refuse_size(limit)
        found = batches.page(self._store, filter, limit + 1, cursors.number(cursor), viewer=person)
        # The site's admin too sees a row only: looking into a private batch is noted, which a list does not do.
        shown = [batch if access.sees(person, batch) else _row_of(batch) for batch in found[:limit]]
        return BatchPage(batches=shown, next_cursor=str(shown[-1].seq) if len(found) > limit else None)

    def batch(self, person: Person | None, batch_id: str) -> Batch:
        """With counts and money; only its row for a colleague who may not see more."""
        return self._now(person, self._gate.seen_batch(person, batch_id).id)

    def _now(self, person: Person | None, batch_id: str) -> Batch:
        """For who did something to it, or may see its row: a token that may write only still learns what it made."""
        viewer = person.id if person else None
        found = self._store.once(
            f"batch {batch_id} {viewer}", lambda: batches.get(self._store, batch_id, viewer)
        )
        if found is None:
            raise NotFound(NO_SUCH_BATCH)
        return found if access.may(person, Action.SEE, found) else _row_of(found)

    def wells(self, person: Person | None, batch_id: str) -> list[Well]:
        """The job in each well, in their order."""
        return self._wells(self._gate.batch(person, Action.SEE, batch_id))

    def _wells(self, batch: Batch) -> list[Well]:
        return self._store.once(f"wells {batch.id}", lambda: batches.wells(self._store, batch))

    def actions(self, person: Person | None, batch: Batch) -> dict[str, str | None]:
        """What its menu has: each action with None, or why it is not possible now."""
        return batch_menu(person, batch)

    # Changing

    def cancel(self, person: Person, batch_id: str) -> Batch:
        """Every child that is alive: those that wait have ended when this returns, those that run are stopping."""
        batch = self._gate.batch(person, Action.CANCEL, batch_id)
        done = batches.cancel(self._store, batch.id).result(WRITE_TIMEOUT_S)
        for job in (*done.handed_out, *done.asked):
            self._dispatcher.cancelled(job)
        return self._now(person, batch.id)

    def change(
        self,
        person: Person,
        batch_id: str,
        name: str | None = None,
        starred: bool | None = None,
        tags: list[str] | None = None,
    ) -> Batch:
        """None leaves one as it is. Nothing changes where one of them cannot."""
        if starred is not None:
            refuse_unless(access.holds(person, Scope.JOBS_WRITE), "This token may not change jobs.")
        right = Action.SEE_ROW if name is None and tags is None else Action.RENAME
        batch = self._gate.batch(person, right, batch_id)
        words = None if tags is None else clean_tags(tags)
        if name is not None:
            clean = submissions.clean_name(name, self._settings.limits.name_length, field="name")
            batches.rename(self._store, batch.id, clean).result(WRITE_TIMEOUT_S)
        if words is not None or starred is not None:
            batches.mark(self._store, Marking(batch.id, person.id, starred, words)).result(WRITE_TIMEOUT_S)
        return self._now(person, batch.id)

    def delete(self, person: Person, batch_id: str) -> None:
        """With all its jobs, their results and folders."""
        batch = self._gate.batch(person, Action.DELETE, batch_id)
        children = batches.children(self._store, batch)
        if any(job.live for job in children):
            raise WrongState("This batch has not ended; cancel it first.")
        mark = self._folders.mark_children(batch.id, [job.id for job in children])
        gone = batches.delete(self._store, batch.id).result(WRITE_TIMEOUT_S)
        if gone is None:
            raise WrongState("This batch has not ended, or was deleted meanwhile.")
        self._dispatcher.remove_folders([job.id for job in gone], mark)

    # Results

    def table(self, person: Person | None, batch_id: str) -> tuple[list[Column], list[dict[str, Any]]]:
        """A row for each well, with all that the summaries say."""
        batch = self._gate.batch(person, Action.SEE, batch_id)
        return batch_results.table(registry().get(batch.tool), self._wells(batch))

    def export_csv(self, person: Person | None, batch_id: str) -> tuple[str, str, bytes]:
        """(file name, media type, content)."""
        batch = self._gate.batch(person, Action.EXPORT, batch_id)
        wells = self._wells(batch)
        return batch_results.csv(batch, registry().get(batch.tool), wells)

    def archive(self, person: Person | None, batch_id: str) -> tuple[str, Iterator[bytes]]:
        """File name, and everything of all its jobs as a zip that is made while it is sent."""
        batch = self._gate.batch(person, Action.DOWNLOAD, batch_id)
        if batch.live:
            raise WrongState("This batch has not ended; its files can be downloaded then.")
        wells = self._wells(batch)
        details = (
            (well, detail) for well in wells if (detail := jobs.detail(self._store, well.job)) is not None
        )
        name = batch_results.stem(batch)
        first = batch_results.csv(batch, registry().get(batch.tool), wells)[2]
        return f"{name}.zip", batch_results.archive(name, first, details, self._folders)


def _row_of(batch: Batch) -> Batch:
    """What a colleague's list tells of a private batch: nothing that is in it."""
    return replace(batch, settings={}, left_out=[], credits=0, refunded=0, tags=())


def _title(tool: Tool, given: Any) -> str:
    return tool.title(given) if tool.title is not None and given is not None else ""


def _summed(lines: Sequence[PriceLine]) -> list[PriceLine]:
    """Lines of one label together, with how many they are."""
    credits: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for line in lines:
        credits[line.label] += line.credits
        numbers[line.label] += 1
    return [
        PriceLine(label if numbers[label] == 1 else f"{numbers[label]:,} × {label}", total)
        for label, total in credits.items()
    ]


def _refuse_other_price(expected: int | None, made: Sequence[NewJob]) -> None:
    credits = sum(new.credits for new in made)
    if expected not in (None, credits):
        raise Conflict(f"The price is {credits} credits now, not {expected}; look at it again.")


def _not_runnable(left_out: list[dict[str, str]], number: int) -> BadInput:
    named = "; ".join(f"{one['where']}: {one['message']}" for one in left_out[:NAMED])
    more = f"; and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
    return BadInput(
        f"{len(left_out):,} of {number:,} cannot be run. {named[0].upper()}{named[1:]}{more}", field="items"
    )


def _body_hash(asked: BatchSubmission) -> str:
    return submissions.fingerprint(
        asked.tool,
        asked.inputs,
        asked.items,
        asked.settings,
        asked.name,
        asked.visibility,
        asked.skip_invalid,
    )
