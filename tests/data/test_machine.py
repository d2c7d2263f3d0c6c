"""Every message in any order, twice, late, from the wrong run, alone or many in one group commit, against a model.

The store is closed and opened in between, or cut off as by a power cut: what was acknowledged is there. Time goes on by
days and months. The invariants are the lines of the design's part on credits, read from the tables after every step.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from data import batches, ledger, purses, teams
from data.allowances import month_of
from data.batches import Cancelled, Retried
from data.database import rows
from data.errors import WellplateError
from data.records import Balance, Change, Job, LedgerKind, Status, Team
from data.store import Store
from data.submits import Submitted
from data.teams import TeamChange

from .conftest import execute, make_person, make_team
from .messages import Broken, Message, Messages, broken
from .model import Clock, Model

#: Children of a team that a test lets be alive outside the queue.
MOST = 3
#: Executed, not asked for: Hypothesis may run fewer per example, so rounds of examples follow until it is enough.
STEPS = 5_000
SETTINGS = settings(
    max_examples=12,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=False,  # it would be the same round again and again
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
#: The design's table of statuses.
NEXT: dict[Status | None, set[Status]] = {
    None: {Status.PENDING, Status.QUEUED},
    Status.QUEUED: {Status.PENDING, Status.CANCELLED},
    Status.PENDING: {Status.PENDING, Status.PROCESSING, Status.CANCELLED, Status.FAILED},
    Status.PROCESSING: {
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELLED,
        Status.TIMEOUT,
        Status.RETRY,
    },
    Status.RETRY: {Status.RETRY, Status.PROCESSING, Status.CANCELLED, Status.FAILED},
}
#: Which rows one job can have: what a person pays for is charged once, and given back at most once.
LIVES = [
    {LedgerKind.HOLD},
    {LedgerKind.HOLD, LedgerKind.RELEASE},
    {LedgerKind.HOLD, LedgerKind.CHARGE},
    {LedgerKind.HOLD, LedgerKind.CHARGE, LedgerKind.REFUND},
]


class Site:
    """One store for all examples, each with teams of its own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.folder = folder
        self.openings = 1
        self.steps = 0
        self.verbs: Counter[str] = Counter()
        #: Ids of jobs by their numbers, which the ledger names; also of those that went before they could be read.
        self.job_of: dict[int, str] = {}
        self.store = self._open(folder / "1")

    def reopen(self) -> None:
        self.store.close()
        self.store = self._open(self.store.path.parent)
        self.openings += 1

    def cut_off(self) -> None:
        """Go on with what lies on the disk at this moment, as after a power cut."""
        old = self.store.path.parent
        self.openings += 1
        shutil.copytree(old, self.folder / str(self.openings))
        self.store.close()
        shutil.rmtree(old)
        self.store = self._open(self.folder / str(self.openings))

    def _open(self, folder: Path) -> Store:
        store = Store(folder / "wellplate.duckdb")
        store.listen(self._heard)
        return store

    def _heard(self, changes: list[Change]) -> None:
        self.job_of |= {change.seq: change.job for change in changes}


class LifeOfJobs(RuleBasedStateMachine):
    site: Site

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(self.site.clock)
        self.sent: list[Message] = []
        self.ended: dict[str, str] = {}
        self.ledger: list[dict[str, Any]] = []
        self.since_opened = 0

    @property
    def store(self) -> Store:
        return self.site.store

    @initialize(credits=st.lists(st.integers(0, 150), min_size=2, max_size=3))
    def begin(self, credits: list[int]) -> None:
        ours = [make_team(self.store) for _ in credits]
        persons = [make_person(self.store, name) for name in ("Ada", "Bob")]
        self.first = self.store.read("last_number")[0]["number"]
        self.messages = Messages(self.model, persons, ours, make_team(self.store))
        sql = "insert into memberships select unnest($teams::uuid[]), $person, 'member', $now"
        for person in persons:
            everywhere = [*ours, self.messages.lenient]
            execute(self.store, sql, teams=everywhere, person=person, now=self.site.clock.now())
        for team, amount in zip(ours, credits, strict=True):
            if amount:
                ledger.grant(self.store, team, amount, "first", key=f"first:{team}").result()
                self.model.grant(team, amount, f"first:{team}")

    # Rules -------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def one_message(self, data: st.DataObject) -> None:
        self.deliver([self.messages.any(data)])

    @rule(data=st.data(), count=st.integers(2, 7))
    def a_group(self, data: st.DataObject, count: int) -> None:
        self.deliver([self.messages.any(data) for _ in range(count)])

    @rule(data=st.data(), count=st.integers(1, 4))
    def a_group_with_a_broken_caller(self, data: st.DataObject, count: int) -> None:
        self.deliver([self.messages.any(data), broken(), *(self.messages.any(data) for _ in range(count))])

    @rule(data=st.data(), count=st.integers(2, 4))
    def submits(self, data: st.DataObject, count: int) -> None:
        self.deliver([self.messages.submit(data) for _ in range(count)])

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_message_comes_again(self, data: st.DataObject) -> None:
        self.deliver([data.draw(st.sampled_from(self.sent))])

    @rule(data=st.data())
    def a_message_comes_twice_at_once(self, data: st.DataObject) -> None:
        message = self.messages.any(data)
        self.deliver([message, message] if message.repeatable else [message])

    @rule(month=st.booleans())
    def time_goes_on(self, month: bool) -> None:
        """Keys of idempotency end after a day; an allowance comes once in a month."""
        if month:
            self.site.clock.next_month()
        else:
            self.site.clock.time += timedelta(hours=25)
        self.site.steps += 1

    @rule(data=st.data(), cap=st.sampled_from([None, 0, 10, 40, 200]))
    def a_cap_changes(self, data: st.DataObject, cap: int | None) -> None:
        team = data.draw(st.sampled_from([*self.messages.teams, self.messages.lenient]))
        execute(self.store, "update teams set person_credits = $cap where id = $team", team=team, cap=cap)
        self.model.caps.pop(team, None)
        if cap is not None:
            self.model.caps[team] = cap
        self.site.steps += 1

    @rule(data=st.data(), number=st.sampled_from([None, 1, MOST]))
    def a_teams_concurrency_changes(self, data: st.DataObject, number: int | None) -> None:
        team = data.draw(st.sampled_from([*self.messages.teams, self.messages.lenient]))
        change = TeamChange(
            team=team,
            by=self.messages.persons[0],
            name=None,
            default_visibility=None,
            person_credits=self.model.caps.get(team),
            concurrency=number,
            words="",
        )
        self.store.write(teams.change, change).result()
        self.model.change_concurrency(team, number)
        self.site.steps += 1

    @precondition(lambda self: self.since_opened > 8)
    @rule(cut_off=st.booleans())
    def the_store_opens_again(self, cut_off: bool) -> None:
        if cut_off:
            self.site.cut_off()
        else:
            self.site.reopen()
        self.since_opened = 0
        self.site.steps += 1

    def deliver(self, messages: list[Message]) -> None:
        """Send together, tell the model one by one, and compare what each caller was answered."""
        with self.store.together():
            futures = [message.send(self.store) for message in messages]
            told = self.store.between(lambda _: None)  # progress alone would wait for company
        expected: dict[int, Any] = {}
        order = in_the_order_of_the_store(messages)
        alone = any(message.verb == "broken" for message in messages)
        for position, following in zip(order, [*order[1:], None], strict=True):
            expected[position] = messages[position].tell(self.model)
            if alone or following is None or messages[following].verb != messages[position].verb:
                self.model.settle()
        told.result()  # by now all of them have ended, also when each was alone, and the listener has heard
        for position, future in enumerate(futures):
            assert self.seen(future) == expected[position], messages[position].verb
        self.sent += [message for message in messages if message.repeatable]
        self.site.verbs.update(message.verb for message in messages)
        self.site.steps += 1
        self.since_opened += 1

    def seen(self, future: Future[Any]) -> Any:
        """A result in the words of the model."""
        try:
            result = future.result()
        except WellplateError:
            return "refused"
        except Broken:
            return "broken"
        if isinstance(result, Submitted):
            if result.created:
                self.model.jobs[result.job.id].seq = result.job.seq
                self.site.job_of[result.job.seq] = result.job.id
            return ("created" if result.created else "again", result.job.id)
        if isinstance(result, batches.Submitted):
            self._number(result.batch.id)
            return ("created" if result.created else "again", result.batch.id)
        if isinstance(result, Retried):
            self._number(result.batch.id)
            return result.taken
        if isinstance(result, Cancelled):
            return (len(result.handed_out), len(result.asked))
        if isinstance(result, list):
            return len(result)
        if isinstance(result, Job):
            return result.status
        if isinstance(result, Balance):
            return (result.balance, result.held)
        if isinstance(result, Team):
            return (result.monthly_credits, result.balance, result.held)
        return result

    def _number(self, batch: str) -> None:
        """The numbers that the children of a batch got."""
        with self.store.database.cursor() as cursor:
            sql = "select id, seq from jobs where batch = $batch::uuid"
            for row in rows(cursor, sql, {"batch": batch}):
                self.model.jobs[row["id"]].seq = row["seq"]
                self.site.job_of[row["seq"]] = row["id"]

    # What always holds -------------------------------------------------------------------------------------------

    @invariant()
    def jobs_are_those_of_the_model(self) -> None:
        found = {row["id"]: row for row in self.rows("select * from jobs where seq > $first")}
        assert found.keys() == self.model.jobs.keys()
        for job_id, job in self.model.jobs.items():
            row = found[job_id]
            assert Status(row["status"]) == job.status
            assert (row["attempt"], row["retries"], row["run_id"]) == (job.attempt, job.retries, job.run_id)
            assert (row["name"], row["credits"]) == (job.name, job.new.credits)
            assert row["cancel_requested"] == job.cancel_requested
            assert row["progress"] == job.progress
            assert (row["started_at"] is not None) == job.started
            assert (row["ended_at"] is not None) == job.status.terminal
            assert self.ended.get(job_id, row["status"]) == row["status"], "an end is an end"
            if job.status.terminal:
                self.ended[job_id] = row["status"]

    @invariant()
    def the_batches_are_those_of_the_model(self) -> None:
        """Each well has one job, and a batch has ended if and only if none of its children is alive."""
        found = {row["id"]: row["ended_at"] for row in self.rows("select * from batches where seq > $first")}
        assert found.keys() == self.model.batches.keys()
        children = self.rows(
            "select id, team, batch, well, status from jobs where seq > $first and batch is not null"
        )
        wells = Counter((row["batch"], row["well"]) for row in children if row["well"] is not None)
        assert all(jobs == 1 for jobs in wells.values())
        in_wells = {(row["batch"], row["well"]): row["id"] for row in children if row["well"] is not None}
        assert in_wells == {
            (batch, well): job
            for batch, known in self.model.batches.items()
            for well, job in known.wells.items()
        }
        alive = {row["batch"] for row in children if not Status(row["status"]).terminal}
        assert alive == {batch for batch, ended_at in found.items() if ended_at is None}
        self.as_many_run_at_once_as_their_team_may_have(children)

    def as_many_run_at_once_as_their_team_may_have(self, children: list[dict[str, Any]]) -> None:
        """And none waits in the queue while there is room."""
        live = Counter(row["team"] for row in children if row["status"] in ("pending", "processing", "retry"))
        assert all(number <= MOST for number in live.values())
        for team in {row["team"] for row in children if row["status"] == "queued"}:
            assert live[team] >= self.model.most(team)

    @invariant()
    def every_change_is_in_the_history(self) -> None:
        past: dict[int, list[tuple[str | None, str]]] = defaultdict(list)
        for row in self.rows("select * from history where seq > $first order by rowid"):
            past[row["seq"]].append((row["from_status"], row["to_status"]))
        assert past.keys() == {job.seq for job in self.model.jobs.values()}, "a deleted job has no history"
        for job in self.model.jobs.values():
            steps = past[job.seq]
            assert [old for old, _ in steps] == [None, *(new for _, new in steps[:-1])]
            assert steps[-1][1] == job.status
            assert all(new in NEXT[Status(old) if old else None] for old, new in steps)

    @invariant()
    def there_is_one_run_and_one_result(self) -> None:
        found = self.rows(
            "select 'run' as what, seq, run_id, ended_at is null as alive from attempts where seq > $first "
            "union all select 'result', seq, null, false from results where seq > $first "
            "union all select 'submission', seq, null, false from submissions where seq > $first"
        )
        runs, results, submissions = (
            Counter(row["seq"] for row in found if row["what"] == what)
            for what in ("run", "result", "submission")
        )
        alive = {(row["seq"], row["run_id"]) for row in found if row["alive"]}
        jobs = self.model.jobs.values()
        assert runs == Counter({job.seq: job.starts for job in jobs if job.starts})
        assert alive == {(job.seq, job.run_id) for job in jobs if job.status == Status.PROCESSING}
        assert results == Counter(job.seq for job in jobs if job.status == Status.COMPLETED)
        assert submissions == Counter(job.seq for job in jobs)

    @invariant()
    def the_library_is_that_of_the_model(self) -> None:
        """What completed jobs made, once, and what it was made from; it outlives them."""
        found = {row["id"]: row for row in self.rows("select * from files where seq > $first")}
        made = {file: (row["job"], row["team"], row["owner"]) for file, row in found.items()}
        assert made == {file: whose[:3] for file, whose in self.model.files.items()}
        origins = Counter(
            (row["file"], row["origin"])
            for row in self.rows(
                "select o.* from file_origins o join files f on f.id = o.file where f.seq > $first"
            )
        )
        assert origins == Counter(
            (file, origin) for file, (*_, given) in self.model.files.items() for origin in given
        )
        uses = Counter(
            (row["seq"], row["file"]) for row in self.rows("select * from file_uses where seq > $first")
        )
        assert uses == Counter((job.seq, file) for job in self.model.jobs.values() for file in job.new.uses)

    @invariant()
    def the_ledger_is_that_of_the_model(self) -> None:
        """Row by row; and it only ever grows."""
        found = self.rows(
            "select * from ledger where number > $first and team in (select unnest($teams::uuid[])) order by number"
        )
        assert found[: len(self.ledger)] == self.ledger, "append-only"
        self.ledger = found
        written = Counter(
            (
                row["team"],
                self.site.job_of.get(row["job_seq"]),
                row["kind"],
                row["balance"],
                row["held"],
                row["key"],
            )
            for row in found
        )
        expected = Counter(
            (row.team, row.job, row.kind, row.balance, row.held, row.key) for row in self.model.ledger
        )
        assert written == expected

    @invariant()
    def the_sums_are_those_of_the_ledger(self) -> None:
        balance: Counter[str] = Counter()
        held: Counter[str] = Counter()
        for row in self.ledger:
            balance[row["team"]] += row["balance"]
            held[row["team"]] += row["held"]
        for row in self.rows(
            "select id, balance, held from teams where id in (select unnest($teams::uuid[]))"
        ):
            team = row["id"]
            assert (row["balance"], row["held"]) == (balance[team], held[team])
            assert row["held"] == self.model.holds(team), "held is what live jobs that never ran hold"
            assert team == self.messages.lenient or row["balance"] - row["held"] >= 0, "available"

    @invariant()
    def a_job_is_charged_once_and_given_back_once(self) -> None:
        """Of every job that ever was, also of deleted ones: the table of kinds, and at most one row of each."""
        of_job: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in self.ledger:
            if row["job_seq"] is not None:
                of_job[row["job_seq"]].append(row)
            else:
                assert (row["kind"], row["held"]) == ("grant", 0)
        for entries in of_job.values():
            kinds = [LedgerKind(row["kind"]) for row in entries]
            assert set(kinds) in LIVES and len(set(kinds)) == len(kinds)
            amount = {LedgerKind(row["kind"]): (row["balance"], row["held"]) for row in entries}
            price = amount[LedgerKind.HOLD][1]
            assert price > 0 and amount[LedgerKind.HOLD] == (0, price), "free jobs write no rows"
            assert amount.get(LedgerKind.CHARGE, (-price, -price)) == (-price, -price)
            assert amount.get(LedgerKind.RELEASE, (0, -price)) == (0, -price)
            refunded, held = amount.get(LedgerKind.REFUND, (1, 0))
            assert 0 < refunded <= max(price, 1) and held == 0
        assert not {job.seq for job in self.model.jobs.values() if not job.new.credits} & of_job.keys()

    @invariant()
    def an_allowance_is_given_once(self) -> None:
        keys = Counter(row["key"] for row in self.ledger if row["key"] is not None)
        assert all(times == 1 for times in keys.values())

    def rows(self, sql: str) -> list[dict[str, Any]]:
        if not hasattr(self, "messages"):
            return []
        known = {"first": self.first, "teams": [*self.messages.teams, self.messages.lenient]}
        parameters = {name: value for name, value in known.items() if f"${name}" in sql}
        with self.store.database.cursor() as cursor:
            return rows(cursor, sql, parameters)

    def teardown(self) -> None:
        """What people read of it."""
        if not hasattr(self, "messages"):
            return
        since = month_of(self.site.clock.time)
        for team in self.messages.teams:
            named = {entry.job for entry in ledger.entries(self.store, team, limit=10_000)}
            assert named - {None} <= self.model.jobs.keys(), "the ledger names no deleted job"
            for person in self.messages.persons:
                assert purses.used(self.store, team, person, since) == self.model.used(team, person)
        self._everybody_heard()
        sql = "update teams set monthly_credits = null where id in (select unnest($teams::uuid[]))"
        execute(self.store, sql, teams=self.messages.teams)

    def _everybody_heard(self) -> None:
        """The end of a job is told once, however often its outcome came; its submitter's own cancel is not."""
        sql = (
            "select job from notices where kind = 'job_ended' and person in (select unnest($persons::uuid[]))"
        )
        with self.store.database.cursor() as cursor:
            told = Counter(row["job"] for row in rows(cursor, sql, {"persons": self.messages.persons}))
        for job_id, job in self.model.jobs.items():
            single = job.new.batch is None
            assert told[job_id] == (single and job.status.terminal and job.status != Status.CANCELLED), (
                job.status
            )
        sql = "select batch from notices where batch is not null and person in (select unnest($persons::uuid[]))"
        with self.store.database.cursor() as cursor:
            of_batches = Counter(
                row["batch"] for row in rows(cursor, sql, {"persons": self.messages.persons})
            )
        assert of_batches == Counter(self.model.told), "each end of a batch is told once"


def in_the_order_of_the_store(messages: list[Message]) -> list[int]:
    """A group is applied in the order of a job's life; one with a broken caller alone, as it came."""
    positions = list(range(len(messages)))
    if any(message.verb == "broken" for message in messages):
        return positions
    first = {message.verb: position for position, message in reversed(list(enumerate(messages)))}
    return sorted(positions, key=lambda at: (messages[at].rank, first[messages[at].verb], at))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """In memory where there is such a folder; a commit costs the same statements, but no turn of a disk."""
    clock = Clock(datetime(2026, 1, 10, 12))
    for module in ("data.store", "data.submits"):
        monkeypatch.setattr(f"{module}.utcnow", clock.now)
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="wellplate-machine-", dir=shared) as folder:
        site = Site(Path(folder), clock)
        yield site
        site.store.close()


@pytest.mark.timeout(1800)
def test_jobs_and_credits_follow_the_model(site: Site) -> None:
    class Bound(LifeOfJobs):
        pass

    Bound.site = site
    while site.steps < STEPS:
        run_state_machine_as_test(Bound, settings=SETTINGS)
    assert site.openings > 20
    assert min(site.verbs.values()) > 100, f"a message that hardly ever came: {site.verbs}"
