"""One action on many jobs: those that are named, or all that a filter finds. Each job is decided by itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

from compute import access
from compute.access import Action, Scope
from compute.ending import Answers, Ending
from compute.gate import Gate, refuse_unless
from data import jobs
from data.batches import RETRIED
from data.errors import BadInput, WellplateError
from data.records import LIVE, TERMINAL, Job, JobFilter, Person, Status, valid_id
from data.store import Store

#: Of one call; more than anybody reads the report of.
MAX_JOBS = 10_000
#: Jobs that share a transaction; others wait for it meanwhile.
CHUNK = 250
#: Submits at the same time: they share commits.
TOGETHER = 16
#: Submits after which one hears how far it is.
SUBMITS = 2 * TOGETHER

Verb = Literal["cancel", "delete", "retry"]
#: What a verb can do something about: a filter is narrowed to it.
STATUSES: dict[Verb, frozenset[Status]] = {"cancel": LIVE, "delete": TERMINAL, "retry": RETRIED}
RIGHT: dict[Verb, Action] = {"cancel": Action.CANCEL, "delete": Action.DELETE, "retry": Action.RETRY}

#: Hears how many of how many jobs are through.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What happened, job by job."""

    #: Id and name; after a retry those of the new job.
    done: list[tuple[str, str]]
    #: Name, or the id of what one may not see, and why not.
    refused: list[tuple[str, str]]
    #: The ids of those, in the same order.
    refused_ids: list[str] = field(default_factory=list)

    def refuse(self, job_id: str, name: str, refusal: WellplateError) -> None:
        self.refused.append((name, refusal.message))
        self.refused_ids.append(job_id)


class Bulk:
    def __init__(
        self, store: Store, gate: Gate, ending: Ending, *, retry: Callable[[Person, str], Job]
    ) -> None:
        self._store = store
        self._gate = gate
        self._ending = ending
        self._retry = retry

    def chosen(self, person: Person, verb: Verb, chosen: JobFilter) -> list[Job]:
        """What the verb would be tried on, newest first: for a dialog that names it. Raises BadInput."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        wanted = _narrowed(chosen, STATUSES[verb])
        if wanted is None:
            return []
        found = jobs.page(self._store, person.team, wanted, MAX_JOBS + 1, viewer=person)
        if len(found) > MAX_JOBS:
            raise BadInput(
                f"More than {MAX_JOBS:,} jobs are in this filter, too many for one action. "
                "Narrow it, for example by time.",
                field="filter",
            )
        return found

    def cancel(
        self, person: Person, jobs: list[str] | JobFilter, *, on_progress: OnProgress | None = None
    ) -> Outcomes:
        return self._each(person, "cancel", jobs, self._ending.cancel, on_progress)

    def delete(
        self, person: Person, jobs: list[str] | JobFilter, *, on_progress: OnProgress | None = None
    ) -> Outcomes:
        return self._each(person, "delete", jobs, self._ending.delete, on_progress)

    def retry(
        self, person: Person, jobs: list[str] | JobFilter, *, on_progress: OnProgress | None = None
    ) -> Outcomes:
        """Each as a new job that is charged; when the credits run out the rest is refused."""

        def again(job: Job) -> Job | WellplateError:
            try:
                return self._retry(person, job.id)
            except WellplateError as refusal:
                return refusal

        with ThreadPoolExecutor(TOGETHER, thread_name_prefix="bulk") as pool:
            return self._each(
                person, "retry", jobs, lambda part: list(pool.map(again, part)), on_progress, size=SUBMITS
            )

    def _each(
        self,
        person: Person,
        verb: Verb,
        chosen: list[str] | JobFilter,
        act: Callable[[list[Job]], Answers],
        on_progress: OnProgress | None,
        *,
        size: int = CHUNK,
    ) -> Outcomes:
        ids = (
            [job.id for job in self.chosen(person, verb, chosen)] if isinstance(chosen, JobFilter) else chosen
        )
        if len(ids) > MAX_JOBS:
            raise BadInput(
                f"{len(ids):,} jobs are too many for one action; at most {MAX_JOBS:,}.", field="jobs"
            )
        outcomes = Outcomes(done=[], refused=[])
        through = 0
        ids = list(dict.fromkeys(valid_id(each) or each for each in ids))
        for part in (ids[first : first + size] for first in range(0, len(ids), size)):
            admitted = self._admitted(person, RIGHT[verb], part, outcomes)
            for job, answer in zip(admitted, act(admitted), strict=True):
                if isinstance(answer, WellplateError):
                    outcomes.refuse(job.id, job.name, answer)
                else:
                    outcomes.done.append((answer.id, answer.name))
            through += len(part)
            if on_progress:
                on_progress(through, len(ids))
        return outcomes

    def _admitted(self, person: Person, action: Action, ids: list[str], outcomes: Outcomes) -> list[Job]:
        """Those that this person may do it to; the others are told in the outcomes."""
        admitted: list[Job] = []
        for job_id, found in zip(ids, self._gate.jobs(person, action, ids), strict=True):
            if isinstance(found, Job):
                admitted.append(found)
            else:
                name, refusal = found
                outcomes.refuse(job_id, name, refusal)
        return admitted


def _narrowed(chosen: JobFilter, statuses: frozenset[Status]) -> JobFilter | None:
    """The filter, for these statuses only; None when it leaves none of them."""
    wanted = statuses & set(chosen.status) if chosen.status else statuses
    left = wanted - set(chosen.not_status)
    return replace(chosen, status=tuple(sorted(left)), not_status=()) if left else None
