"""The claim and outcome protocol (docs/protocol.md) as a state machine: anything may die between any two steps.

Store, folders and dispatcher are the real ones; the cluster does what the rules say. Whatever came before, once
everything is delivered every job has ended, once, and nothing is left over.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from compute.queue.dispatcher import LOOK_S, Dispatcher
from compute.settings import load
from data import jobs
from data.folders import Folders
from data.records import LIVE, TERMINAL, Job, Status, new_id
from data.store import Store
from tests.compute.queue.scripted import Deferred, Process, ScriptedCluster, SentTask
from tests.data.conftest import make_job, make_person, make_team
from tools.contract import Limits

CREDITS = 1000
ENDS = st.sampled_from([Status.COMPLETED, Status.COMPLETED, Status.FAILED, Status.TIMEOUT])
REQUEST: dict[str, Any] = {"steps": [], "inputs": {}, "settings": {}, "files": {}}


class Protocol(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="wellplate-protocol-"))
        self.now = 0.0
        self.settings = load({"WELLPLATE_HOME": str(self.home)})
        self.store = Store(self.settings.database)
        self.team, self.person = make_team(self.store, CREDITS), make_person(self.store)
        self.folders = Folders(self.settings.files)
        self.cluster = ScriptedCluster(self.settings.files, lambda: self.now)
        self.ids: list[str] = []
        self.ended: dict[str, tuple[Status, str | None]] = {}
        #: Owners that wrote an outcome: it counts, whatever happens to the messages.
        self.outcomes: dict[str, str] = {}
        self.cluster.add_worker()
        self.start_app()
        for quick in (True, False, True, False):
            self.submit(quick=quick, credits=2, cpus=1, off=1)
        self.flow()

    def start_app(self) -> None:
        self.io, self.calls = Deferred(), Deferred()
        self.dispatcher = Dispatcher(
            self.settings,
            self.store,
            self.folders,
            self.cluster,  # type: ignore[arg-type]
            lambda tool: Limits() if tool != "turned-off" else None,
            io=self.io,
            calls=self.calls,
            clock=lambda: self.now,
        )
        self.dispatcher.open()
        self.cluster.reconnect()

    def quiet(self) -> None:
        """Until the writer has called back for everything that was asked of it."""
        self.store.between(lambda database: None).result()

    def choose(self, data: st.DataObject, among: list[Any]) -> Any:
        return among[data.draw(st.integers(0, len(among) - 1))]

    # People

    @rule(quick=st.booleans(), credits=st.integers(0, 5), cpus=st.integers(1, 3), off=st.integers(0, 9))
    def submit(self, quick: bool, credits: int, cpus: int, off: int) -> None:
        if len(self.ids) >= 12:
            return
        job_id = new_id()
        needed = 0 if quick else min(cpus, 2)
        new = make_job(
            id=job_id,
            team=self.team,
            submitter=self.person,
            tool="turned-off" if off == 0 else "test-noop",
            credits=credits,
            cpus_min=needed,
            cpus_max=max(1, needed),
            memory_mb=256,
        )
        with self.folders.making_job(job_id) as folder:
            self.folders.write_request(folder, REQUEST)
            jobs.submit(self.store, new).result()
        self.ids.append(job_id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), told=st.booleans())
    def cancel(self, data: st.DataObject, told: bool) -> None:
        """Not told: the app dies, or would, before it can tell anybody."""
        job = jobs.cancel(self.store, self.choose(data, self.ids)).result()
        if job is not None and told:
            self.dispatcher.cancelled(job)
        elif job is not None:
            self.kill_app(data, "nothing")

    # The app

    @rule()
    def step(self) -> None:
        self.dispatcher.step(wait=False)
        self.quiet()
        assert self.dispatcher.problem is None

    @rule()
    def flow(self) -> None:
        """A stretch in which all goes well, so that what is rare happens to jobs that are under way."""
        while self.cluster.air:
            self.cluster.deliver(self.cluster.air.pop(0))
        self.step()
        for work in (self.calls, self.io):
            while work.waiting:
                work.work()
        self.step()

    @precondition(lambda self: self.cluster.startable())
    @rule()
    def flow_until_owned(self) -> None:
        self.cluster.begin(self.cluster.startable()[0])
        self.flow()

    @precondition(lambda self: self.io.waiting)
    @rule()
    def work_with_files(self) -> None:
        self.io.work()

    @precondition(lambda self: self.calls.waiting)
    @rule()
    def call_workers(self) -> None:
        self.calls.work()

    @rule(seconds=st.sampled_from([LOOK_S, LOOK_S, 50.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.cluster.time_passed()

    @rule(data=st.data(), meanwhile=st.sampled_from(["nothing", "a worker dies", "runs end", "a slot dies"]))
    def kill_app(self, data: st.DataObject, meanwhile: str) -> None:
        """What was written is written; what was in memory, in the air and in the queue of the cluster is not."""
        self.dispatcher._unlisten()  # the next one has a store of its own; here it is the same
        self.cluster.leave()
        if meanwhile == "a worker dies" and self.cluster.present:
            self.cluster.kill_worker(self.choose(data, list(self.cluster.present)))
        if meanwhile == "runs end":
            for process in list(self.cluster.processes):
                self.end_process(process, Status.COMPLETED, announced=True)
        if meanwhile == "a slot dies" and self.cluster.processes:
            self.cluster.lose(self.choose(data, self.cluster.processes))
        self.start_app()

    @rule()
    def stop_app(self) -> None:
        self.dispatcher.stop(end_cluster=True)
        self.cluster.add_worker()
        self.start_app()

    @rule()
    def lose_connection(self) -> None:
        self.cluster.disconnect()

    @precondition(lambda self: not self.cluster.connected)
    @rule()
    def connect_again(self) -> None:
        self.cluster.reconnect()

    # Messages: delivered in any order, twice, never

    @precondition(lambda self: self.cluster.air)
    @rule(data=st.data(), copies=st.integers(1, 2))
    def deliver(self, data: st.DataObject, copies: int) -> None:
        event = self.choose(data, self.cluster.air)
        self.cluster.air.remove(event)
        self.cluster.deliver(event)
        if copies == 2 and not event.sure:
            self.cluster.air.append(event)

    @precondition(lambda self: any(not event.sure for event in self.cluster.air))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        self.cluster.air.remove(self.choose(data, [event for event in self.cluster.air if not event.sure]))

    # Workers

    @precondition(lambda self: self.cluster.startable())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.cluster.begin(self.choose(data, self.cluster.startable()))

    @precondition(lambda self: self.cluster.processes)
    @rule(data=st.data(), status=ENDS, announced=st.booleans())
    def end(self, data: st.DataObject, status: Status, announced: bool) -> None:
        self.end_process(self.choose(data, self.cluster.processes), status, announced)

    def end_process(self, process: Process, status: Status, announced: bool) -> None:
        job = jobs.get(self.store, process.assignment.job)
        assert job is not None
        if job.status is Status.PROCESSING and job.run_id == process.run_id:
            self.outcomes.setdefault(job.id, process.run_id)
        self.cluster.end(process, status, announced=announced)

    @precondition(lambda self: self.cluster.processes)
    @rule(data=st.data())
    def report_progress(self, data: st.DataObject) -> None:
        self.cluster.progress(self.choose(data, self.cluster.processes))

    @precondition(lambda self: self.cluster.processes)
    @rule(data=st.data())
    def kill_slot(self, data: st.DataObject) -> None:
        self.cluster.lose(self.choose(data, self.cluster.processes))

    @precondition(lambda self: self.cluster.startable())
    @rule(data=st.data())
    def cut_ride(self, data: st.DataObject) -> None:
        task: SentTask = self.choose(data, self.cluster.startable())
        if task.worker is not None:
            self.cluster.cut_ride(task)

    @precondition(lambda self: self.cluster.present)
    @rule(data=st.data(), expected=st.booleans())
    def worker_leaves(self, data: st.DataObject, expected: bool) -> None:
        address = self.choose(data, list(self.cluster.present))
        (self.cluster.retire_worker if expected else self.cluster.kill_worker)(address)

    @precondition(lambda self: len(self.cluster.present) < 2)
    @rule()
    def worker_comes(self) -> None:
        self.cluster.add_worker()

    @precondition(lambda self: self.cluster.present)
    @rule(data=st.data())
    def worker_out_of_reach(self, data: st.DataObject) -> None:
        self.cluster.silence(self.choose(data, list(self.cluster.present)))

    @rule()
    def everybody_in_reach(self) -> None:
        self.cluster.silent.clear()

    # What holds after every step

    @invariant()
    def terminal_never_changes(self) -> None:
        if not hasattr(self, "store"):
            return
        for job in self.everyone():
            end = (job.status, job.run_id)
            assert self.ended.get(job.id, end) == end, f"{job.id} was {self.ended[job.id]}, is {end}"
            if not job.live:
                self.ended[job.id] = end

    @invariant()
    def results_are_the_owners(self) -> None:
        if not hasattr(self, "store"):
            return
        for job in self.everyone():
            results = self.folders.results(job.id)
            if results.exists():
                assert job.status is Status.COMPLETED
                assert (results / "owner.txt").read_text() == job.run_id

    @invariant()
    def the_library_has_what_owners_made(self) -> None:
        """A row comes with the end of its job; its folder may come a little later, and never without the row."""
        if not hasattr(self, "store"):
            return
        completed = {job.id: job.run_id for job in self.everyone() if job.status is Status.COMPLETED}
        made = {str(file): str(job) for file, job in self.query("select id, job from files")}
        assert sorted(made.values()) == sorted(completed)
        for folder in (self.folders.root / "uploads").iterdir():
            assert (folder / "owner.txt").read_text() == completed[made[folder.name]]

    @invariant()
    def ledger_adds_up(self) -> None:
        if not hasattr(self, "store"):
            return
        ((balance, held, kept_balance, kept_held, twice),) = self.query(
            """select (select sum(balance) from ledger), (select sum(held) from ledger), balance, held,
                (select count(*) from (select 1 from ledger where job_seq is not null
                 group by job_seq, kind having count(*) > 1)) from teams"""
        )
        unstarted = [job.credits for job in self.everyone() if job.live and job.started_at is None]
        assert (balance, held) == (kept_balance, kept_held)
        assert held == sum(unstarted)
        assert twice == 0

    def everyone(self) -> list[Job]:
        return [job for job in (jobs.get(self.store, job_id) for job_id in self.ids) if job is not None]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.store.database.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    # In the end

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self.heal()
        finally:
            self.store.close()
            shutil.rmtree(self.home)

    def heal(self) -> None:
        """Everything is delivered and carried out; then every job has ended, once, and nothing is left."""
        for _ in range(60):
            self.pass_time()
            if self.settled():
                break
        everyone = self.everyone()
        assert [job.id for job in everyone] == self.ids
        assert all(job.status in TERMINAL for job in everyone), [job.status for job in everyone]
        self.terminal_never_changes()
        self.results_are_the_owners()
        self.ledger_adds_up()
        assert self.query("select seq from history where to_status in ('completed', 'failed', 'cancelled', "
                          "'timeout') group by seq having count(*) <> 1") == []  # fmt: skip
        assert self.query("select seq from results group by seq having count(*) <> 1") == []
        self.the_library_has_what_owners_made()
        uploads = [folder.name for folder in (self.folders.root / "uploads").iterdir()]
        assert sorted(uploads) == sorted(str(file) for (file,) in self.query("select id from files"))
        assert list(self.folders.live()) == []
        assert list(self.settings.files.glob("jobs/*/attempts")) == []
        for job in everyone:
            assert self.folders.results(job.id).exists() == (job.status is Status.COMPLETED)
            assert self.outcomes.get(job.id, job.run_id) == job.run_id
        assert not self.dispatcher._busy
        assert self.dispatcher.free_slots() == 2 * len(self.cluster.present)

    def pass_time(self) -> None:
        cluster = self.cluster
        cluster.silent.clear()
        if not cluster.connected:
            cluster.reconnect()
        if not cluster.present:
            cluster.add_worker()
        while task := next(iter(cluster.startable()), None):
            cluster.begin(task)
        for process in list[Process](cluster.processes):
            self.end_process(process, Status.COMPLETED, announced=True)
        while cluster.air or self.calls.waiting or self.io.waiting or not self.dispatcher._inbox.empty():
            while cluster.air:
                cluster.deliver(cluster.air.pop(0))
            self.step()
            while self.calls.waiting:
                self.calls.work()
            while self.io.waiting:
                self.io.work()
        self.now += LOOK_S
        self.step()

    def settled(self) -> bool:
        busy = self.dispatcher._busy or self.cluster.tasks or self.cluster.air or self.io.waiting
        return not busy and all(job.status not in LIVE for job in self.everyone())


@pytest.fixture
def protocol() -> Iterator[Protocol]:
    machine = Protocol()
    machine.open()
    machine.flow_until_owned()
    yield machine
    machine.teardown()


def test_an_outcome_that_nobody_announces_counts(protocol: Protocol) -> None:
    (process,) = protocol.cluster.processes
    protocol.end_process(process, Status.COMPLETED, announced=False)
    assert protocol.outcomes == {process.assignment.job: process.run_id}


def test_a_worker_that_dies_while_no_app_is_there_is_noticed_by_the_next(protocol: Protocol) -> None:
    (process,) = protocol.cluster.processes
    protocol.dispatcher._unlisten()
    protocol.cluster.leave()
    protocol.cluster.kill_worker(process.worker)
    protocol.start_app()


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
