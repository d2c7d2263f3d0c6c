"""Every message in any order, twice, late, from the wrong run, alone or many in one group commit, against a model."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from data import jobs, ledger
from data.database import rows
from data.errors import WellplateError
from data.records import (
    Balance,
    Claim,
    ErrorKind,
    Job,
    JobError,
    Loss,
    NewJob,
    Outcome,
    Progress,
    Status,
    new_id,
)
from data.store import Rank, Store
from data.submits import Submitted

from .conftest import make_job, make_person, make_team, one_group
from .model import WAITING, Model, ModelJob

MAX_RETRIES = 2
SETTINGS = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ENDS = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT]
LABELS = ["ligand 1", "ligand 2"]


@dataclass(frozen=True)
class Message:
    """One call of the store and the same call of the model. Sent again, it is the same message come twice."""

    rank: Rank
    verb: str
    send: Callable[[Store], Future[Any]]
    tell: Callable[[Model], Any]


class LifeOfJobs(RuleBasedStateMachine):
    #: Opened once; every example has teams of its own.
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.sent: list[Message] = []
        self.keyed: list[NewJob] = []
        self.gone: list[ModelJob] = []
        self.ended: dict[str, str] = {}

    @initialize(credits=st.lists(st.integers(0, 150), min_size=2, max_size=3))
    def begin(self, credits: list[int]) -> None:
        self.persons = [make_person(self.store, name) for name in ("Ada", "Bob")]
        self.teams = [make_team(self.store, amount) for amount in credits]
        #: Counts credits, but refuses nothing.
        self.lenient = make_team(self.store)
        for team, amount in zip(self.teams, credits, strict=True):
            self.model.balance[team] = amount

    # Rules -------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def one_message(self, data: st.DataObject) -> None:
        self.deliver([self.draw(data)])

    @rule(data=st.data(), count=st.integers(2, 7))
    def a_group(self, data: st.DataObject, count: int) -> None:
        self.deliver([self.draw(data) for _ in range(count)])

    @rule(data=st.data(), count=st.integers(2, 4))
    def submits(self, data: st.DataObject, count: int) -> None:
        self.deliver([self.submit(data) for _ in range(count)])

    @rule(data=st.data())
    def a_message_comes_again(self, data: st.DataObject) -> None:
        if self.sent:
            self.deliver([data.draw(st.sampled_from(self.sent))])

    @rule(data=st.data())
    def a_message_comes_twice_at_once(self, data: st.DataObject) -> None:
        message = self.draw(data)
        self.deliver([message, message] if message.verb not in ("submit", "grant") else [message])

    def deliver(self, messages: list[Message]) -> None:
        with one_group(self.store):
            futures = [message.send(self.store) for message in messages]
        expected: dict[int, Any] = {}
        first = {message.verb: position for position, message in reversed(list(enumerate(messages)))}
        for position, message in sorted(
            enumerate(messages), key=lambda item: (item[1].rank, first[item[1].verb], item[0])
        ):
            expected[position] = message.tell(self.model)
        for position, future in enumerate(futures):
            assert self.seen(future) == expected[position], messages[position].verb
        self.sent += [message for message in messages if message.verb not in ("submit", "grant")]

    def seen(self, future: Future[Any]) -> Any:
        """A result in the words of the model."""
        try:
            result = future.result()
        except WellplateError:
            return "refused"
        if isinstance(result, Submitted):
            if result.created:
                self.model.jobs[result.job.id].seq = result.job.seq
            return ("created" if result.created else "again", result.job.id)
        if isinstance(result, Job):
            return result.status
        if isinstance(result, Balance):
            return (result.balance, result.held)
        return result

    # Messages ----------------------------------------------------------------------------------------------------

    def draw(self, data: st.DataObject) -> Message:
        make = [self.submit, self.grant]
        if self.model.jobs or self.gone:
            make += [
                self.claim,
                self.claim,
                self.progress,
                self.finish,
                self.finish,
                self.lose,
                self.cancel,
                self.refuse,
                self.delete,
            ]
        return data.draw(st.sampled_from(make))(data)

    def submit(self, data: st.DataObject) -> Message:
        new = self.new_job(data)
        return Message(Rank.SUBMIT, "submit", lambda store: jobs.submit(store, new), lambda m: m.submit(new))

    def new_job(self, data: st.DataObject) -> NewJob:
        if self.keyed and data.draw(st.booleans()):
            old = data.draw(st.sampled_from(self.keyed))
            return make_job(
                team=old.team,
                submitter=old.submitter,
                credits=old.credits,
                enforce=old.enforce,
                idempotency_key=old.idempotency_key,
                body_hash=data.draw(st.sampled_from([old.body_hash, old.body_hash, "other"])),
            )
        team = data.draw(st.sampled_from([*self.teams, self.lenient]))
        first, second = data.draw(st.sampled_from([(0, 0), (4, 6), (1, 0), (20, 15)]))
        new = make_job(
            team=team,
            submitter=data.draw(st.sampled_from(self.persons)),
            credits=first + second,
            price=[{"label": LABELS[0], "credits": first}, {"label": LABELS[1], "credits": second}],
            enforce=team != self.lenient,
            idempotency_key=data.draw(st.sampled_from([None, new_id()])),
            body_hash="body",
        )
        if new.idempotency_key:
            self.keyed.append(new)
        return new

    def grant(self, data: st.DataObject) -> Message:
        team = data.draw(st.sampled_from(self.teams))
        credits = data.draw(st.integers(-40, 40).filter(bool))
        key = data.draw(st.sampled_from([None, f"allowance:{team}"]))
        return Message(
            Rank.GRANT,
            "grant",
            lambda store: ledger.grant(store, team, credits, "test", key=key),
            lambda model: model.grant(team, credits, key),
        )

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
        kind = data.draw(st.sampled_from(list(ErrorKind)))
        outcome = Outcome(
            job=job.new.id,
            seq=job.seq,
            attempt=self.attempt(data, job),
            run_id=self.run_of(data, job),
            status=status,
            error=JobError(kind=kind, message="It failed.") if status == Status.FAILED else None,
            failed_items=data.draw(st.lists(st.sampled_from(LABELS), unique=True)),
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
            run_id=None if data.draw(st.booleans()) and job.run_id is None else self.run_of(data, job),
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

    def delete(self, data: st.DataObject) -> Message:
        job = self.some_job(data, *ENDS)
        self.gone.append(job)
        return Message(
            Rank.DELETE,
            "delete",
            lambda store: jobs.delete(store, job.new.id),
            lambda model: model.delete(job.new.id),
        )

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
        return data.draw(st.integers(0, 5)) == 5

    # What always holds -------------------------------------------------------------------------------------------

    @invariant()
    def jobs_are_those_of_the_model(self) -> None:
        last = "(select arg_max(to_status, h.rowid) from history h where h.seq = jobs.seq) as last"
        open_runs = (
            "(select count(*) from attempts a where a.seq = jobs.seq and a.ended_at is null) as open_runs"
        )
        found = {row["id"]: row for row in self.rows("jobs", f"*, {last}, {open_runs}")}
        assert found.keys() == self.model.jobs.keys()
        for job_id, job in self.model.jobs.items():
            row = found[job_id]
            assert Status(row["status"]) == job.status
            assert (row["attempt"], row["retries"], row["run_id"]) == (job.attempt, job.retries, job.run_id)
            assert row["cancel_requested"] == job.cancel_requested
            assert row["progress"] == job.progress
            assert (row["started_at"] is not None) == job.started
            assert (row["ended_at"] is not None) == job.status.terminal
            assert row["last"] == row["status"]
            assert row["open_runs"] == (job.status == Status.PROCESSING)
            assert self.ended.get(job_id, row["status"]) == row["status"], "an end is an end"
            if job.status.terminal:
                self.ended[job_id] = row["status"]

    @invariant()
    def the_ledger_adds_up(self) -> None:
        sums = {
            row["team"]: (row["balance"], row["held"])
            for row in self.rows(
                "ledger", "team, sum(balance)::bigint as balance, sum(held)::bigint as held", "group by team"
            )
        }
        for row in self.rows("teams", "id, balance, held"):
            team = row["id"]
            assert (row["balance"], row["held"]) == sums.get(team, (0, 0))
            assert (row["balance"], row["held"]) == (self.model.balance[team], self.model.held[team])
            assert row["held"] == self.model.holds(team)
            assert team == self.lenient or row["balance"] >= row["held"] >= 0

    @invariant()
    def no_kind_comes_twice_for_a_job(self) -> None:
        twice = self.rows(
            "ledger", "job_seq, kind", "and job_seq is not null group by job_seq, kind having count(*) > 1"
        )
        assert twice == []

    def rows(self, table: str, what: str, rest: str = "") -> list[dict[str, Any]]:
        if not hasattr(self, "teams"):
            return []
        column = "id" if table == "teams" else "team"
        sql = f"select {what} from {table} where {column} in (select unnest($teams::uuid[])) {rest}"
        with self.store.database.cursor() as cursor:
            return rows(cursor, sql, {"teams": [*self.teams, self.lenient]})


def test_jobs_and_credits_follow_the_model(store: Store) -> None:
    class Bound(LifeOfJobs):
        pass

    Bound.store = store
    run_state_machine_as_test(Bound, settings=SETTINGS)
