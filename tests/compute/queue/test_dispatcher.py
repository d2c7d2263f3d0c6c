"""What the dispatcher hands out and what it says, step by step, over a real store and a scripted cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.cluster.client import End, Worker
from compute.queue.dispatcher import LOOK_S, Dispatcher
from compute.queue.feeder import DAMAGED, QUICK_TASKS, RIDE
from compute.settings import load
from data import batches, jobs, ledger
from data.errors import Unavailable
from data.folders import Folders
from data.records import ErrorKind, Job, Status, new_id
from data.store import Store
from tests.compute.queue.scripted import Deferred, ScriptedCluster
from tests.data.conftest import make_batch, make_job, make_person, make_team
from tools.contract import Limits

REQUEST: dict[str, Any] = {"steps": [], "inputs": {}, "settings": {}, "files": {}}


class Bench:
    def __init__(self, home: Path) -> None:
        self.now = 0.0
        self.settings = load({"WELLPLATE_HOME": str(home)})
        self.store = Store(self.settings.database)
        self.team, self.person = make_team(self.store, 100), make_person(self.store)
        self.folders = Folders(self.settings.files)
        self.cluster = ScriptedCluster(self.settings.files, lambda: self.now)
        self.offered = {"test-noop"}
        self.limits = Limits()
        self.start_app()
        self.cluster.add_worker()
        self.step()

    def start_app(self) -> None:
        self.io, self.calls = Deferred(), Deferred()
        self.dispatcher = Dispatcher(
            self.settings,
            self.store,
            self.folders,
            self.cluster,  # type: ignore[arg-type]
            lambda tool: self.limits if tool in self.offered else None,
            io=self.io,
            calls=self.calls,
            clock=lambda: self.now,
        )
        self.dispatcher.open()

    def submit(self, cpus: int = 1, most: int | None = None, **different: Any) -> str:
        job_id = new_id()
        usual = {"team": self.team, "submitter": self.person, "tool": "test-noop", "credits": 0}
        different = {**usual, **different}
        new = make_job(id=job_id, cpus_min=cpus, cpus_max=most or max(1, cpus), memory_mb=256, **different)
        with self.folders.making_job(job_id) as folder:
            self.folders.write_request(folder, REQUEST)
            jobs.submit(self.store, new).result()
        return job_id

    def submit_batch(self, *inputs: dict[str, Any]) -> list[str]:
        """A child for each, without folders: those with files lost theirs."""
        new = make_batch(self.team, self.person, *[5 for _ in inputs], tool="test-noop", request=REQUEST)
        children = [
            replace(child, inputs=given, tool="test-noop", memory_mb=256)
            for child, given in zip(new.children, inputs, strict=True)
        ]
        batches.submit(self.store, replace(new, children=children)).result()
        return [child.id for child in children]

    def step(self) -> None:
        """Deliver everything, and do everything that comes of it."""
        for _ in range(4):
            while self.cluster.air:
                self.cluster.deliver(self.cluster.air.pop(0))
            self.dispatcher.step(wait=False)
            self.store.between(lambda database: None).result()
            for work in (self.calls, self.io):
                while work.waiting:
                    work.work()

    def look(self) -> None:
        self.now += LOOK_S
        self.step()

    def job(self, job_id: str) -> Job:
        job = jobs.get(self.store, job_id)
        assert job is not None
        return job

    def sent(self) -> list[list[str]]:
        return [[each.job for each in task.given] for task in self.cluster.tasks]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.dispatcher.stop(end_cluster=False)
    bench.store.close()


def test_a_window_of_the_queue_is_in_the_cluster_not_the_queue(bench: Bench) -> None:
    ids = [bench.submit() for _ in range(8)]
    bench.step()
    assert bench.sent() == [[each] for each in ids[:4]]  # two cpus and a buffer of two
    running, _ = [bench.cluster.begin(task) for task in bench.cluster.tasks[:2]]
    bench.cluster.end(running)
    bench.step()
    bench.cluster.begin(bench.cluster.tasks[1])
    bench.step()
    assert bench.sent() == [[each] for each in ids[1:5]]


def test_quick_jobs_ride_together_and_do_not_wait_for_cpus(bench: Bench) -> None:
    for _ in range(4):
        bench.submit(cpus=2)
    bench.step()
    quick = [bench.submit(cpus=0) for _ in range(RIDE * QUICK_TASKS + 5)]
    bench.step()
    rides = [ride for ride in bench.sent() if ride[0] in quick]
    assert len(rides) == QUICK_TASKS
    assert all(len(ride) == RIDE for ride in rides)
    assert [task.given[0].cpus for task in bench.cluster.tasks if task.given[0].job in quick] == [
        1
    ] * QUICK_TASKS


def test_what_a_ride_did_not_come_to_goes_with_the_next(bench: Bench) -> None:
    ids = [bench.submit(cpus=0) for _ in range(6)]
    bench.step()
    task = bench.cluster.tasks[0]
    first, *rest = [each.job for each in task.given]
    bench.cluster.end(bench.cluster.begin(task))
    bench.cluster.cut_ride(task)
    bench.step()
    assert bench.job(first).status is Status.COMPLETED
    assert sorted(job for ride in bench.sent() for job in ride) == sorted(set(ids) - {first})
    assert all(bench.job(each).attempt == 1 for each in rest)


def test_the_next_ride_takes_what_the_last_had_time_for_and_some_more(bench: Bench) -> None:
    for _ in range(100):
        bench.submit(cpus=0)
    bench.step()
    task = bench.cluster.tasks[0]
    for _ in range(4):
        bench.cluster.end(bench.cluster.begin(task))
    bench.cluster.cut_ride(task)
    bench.step()
    assert len(bench.sent()[-1]) == 6


def test_a_large_job_is_not_overtaken_for_ever(bench: Bench) -> None:
    small = bench.submit()
    bench.step()
    running = bench.cluster.begin(bench.cluster.tasks[0])
    large, behind = bench.submit(cpus=2), [bench.submit() for _ in range(5)]
    bench.step()
    assert bench.sent()[:3] == [[small], [large], [behind[0]]]
    assert len(bench.sent()) == 3  # the buffer is full
    bench.cluster.end(running)
    bench.step()
    assert bench.job(small).status is Status.COMPLETED


def test_a_job_that_no_worker_can_take_holds_up_nobody_and_says_why(bench: Bench) -> None:
    too_large = [bench.submit(cpus=64) for _ in range(5)]
    small = bench.submit()
    bench.step()
    assert bench.sent() == [[small]]
    assert "No worker that is connected offers 64 CPUs" in bench.dispatcher.why_waiting(
        bench.job(too_large[0])
    )
    bench.cluster.present["large"] = Worker("large", "large", cpus=64, memory_mb=99999, gpus=0)
    bench.look()
    assert [too_large[0]] in bench.sent()


def test_what_a_waiting_job_is_told_is_true(bench: Bench) -> None:
    for _ in range(4):  # two cpus and a buffer of two
        bench.submit()
    bench.step()
    for task in list(bench.cluster.tasks[:2]):
        bench.cluster.begin(task)
    bench.step()
    quick, last = bench.submit(cpus=0), bench.submit()
    assert bench.dispatcher.why_waiting(bench.job(quick)) == "Starts in a moment."
    said = bench.dispatcher.why_waiting(bench.job(last))
    assert said == "Waits for a free slot; 2 jobs wait in front. Turns go round teams and people."


def test_a_job_alone_gets_all_its_cpus_and_shares_them_with_others(bench: Bench) -> None:
    bench.submit(cpus=1, most=2)
    bench.step()
    assert [task.given[0].cpus for task in bench.cluster.tasks] == [2]
    bench.cluster.end(bench.cluster.begin(bench.cluster.tasks[0]))
    bench.step()
    for _ in range(2):
        bench.submit(cpus=1, most=2)
    bench.step()
    assert [task.given[0].cpus for task in bench.cluster.tasks] == [1, 1]


def test_no_job_gets_more_cpus_than_a_single_worker_has(bench: Bench) -> None:
    bench.cluster.add_worker()
    bench.step()
    bench.submit(cpus=1, most=4)
    bench.step()
    assert [task.given[0].cpus for task in bench.cluster.tasks] == [2]


def test_what_was_cut_out_for_a_worker_that_left_is_handed_out_again_for_another(bench: Bench) -> None:
    large = bench.cluster.add_worker(cpus=4)
    bench.step()
    job_id = bench.submit(cpus=1, most=4)
    bench.step()
    assert [task.given[0].cpus for task in bench.cluster.tasks] == [4]
    bench.cluster.kill_worker(large)
    bench.step()
    assert [(task.given[0].job, task.given[0].cpus) for task in bench.cluster.tasks] == [(job_id, 2)]


def test_a_job_that_waits_for_a_gpu_holds_up_nobody_who_needs_none(bench: Bench) -> None:
    bench.cluster.add_worker(cpus=4, gpus=1)
    bench.step()
    on_gpu = [bench.submit(gpus=1) for _ in range(6)]
    plain = [bench.submit() for _ in range(3)]
    bench.step()
    assert bench.sent() == [[on_gpu[0]], *([each] for each in plain)]
    bench.cluster.end(bench.cluster.begin(bench.cluster.tasks[0]))
    bench.step()
    assert [on_gpu[1]] in bench.sent()


def test_a_tool_that_was_turned_off_fails_its_jobs_and_gives_back_the_hold(bench: Bench) -> None:
    bench.offered.clear()
    job_id = bench.submit(credits=5)
    bench.step()
    job = bench.job(job_id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.kind is ErrorKind.PLATFORM
    assert bench.sent() == []


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "[]", "{}", json.dumps({**REQUEST, "steps": 1}), json.dumps({**REQUEST, "files": []})],
)
def test_a_damaged_job_folder_fails_that_job_only(bench: Bench, content: str | None) -> None:
    bench.offered.clear()
    damaged = new_id()
    new = make_job(id=damaged, team=bench.team, submitter=bench.person, tool="test-noop", cpus_min=1)
    bench.offered.add("test-noop")
    with bench.folders.making_job(damaged) as folder:
        if content is not None:
            (folder / "job.json").write_text(content)
        jobs.submit(bench.store, new).result()
    good = bench.submit()
    bench.step()
    assert bench.job(damaged).status is Status.FAILED
    assert bench.sent() == [[good]]


def test_a_batchs_child_without_files_gets_its_folder_when_it_is_handed_out(bench: Bench) -> None:
    ids = bench.submit_batch(*[{"number": number} for number in range(6)])
    assert not any(bench.folders.job(each).exists() for each in ids)
    bench.step()
    assert bench.sent() == [[each] for each in ids[:4]], "two cpus and a buffer of two"
    assert [task.given[0].inputs for task in bench.cluster.tasks] == [
        {"number": number} for number in range(4)
    ]
    assert [bench.folders.has_request(each) for each in ids] == [True] * 4 + [False] * 2
    assert bench.folders.request(ids[0])["name"] == "child 0"
    assert list((bench.folders.root / "staging").iterdir()) == []


def test_a_folder_that_a_power_failure_left_empty_is_made_again(bench: Bench) -> None:
    (child,) = bench.submit_batch({"number": 1})
    bench.folders.job(child).mkdir()
    (bench.folders.job(child) / "job.json").touch()
    bench.step()
    assert bench.sent() == [[child]]
    assert bench.folders.request(child)["inputs"] == {"number": 1}


def test_a_batchs_child_whose_files_are_gone_fails_alone_and_gives_back_the_hold(bench: Bench) -> None:
    lost, other = bench.submit_batch({"text": {"text": "none", "name": "a.txt"}}, {"number": 1})
    bench.step()
    error = bench.job(lost).error
    assert error is not None
    assert (bench.job(lost).status, error.message) == (Status.FAILED, DAMAGED)
    assert bench.sent() == [[other]]
    assert ledger.balance(bench.store, bench.team).held == 5


def test_what_a_tool_imports_and_its_address_space_reach_the_worker(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REQUEST, "imports", ["rdkit.Chem"])
    bench.limits = Limits(address_space_mb=512)
    with_imports = bench.submit()
    monkeypatch.delitem(REQUEST, "imports")
    from_before = bench.submit()
    bench.step()
    given = {task.given[0].job: task.given[0] for task in bench.cluster.tasks}
    assert (given[with_imports].imports, given[from_before].imports) == (("rdkit.Chem",), ())
    assert given[with_imports].address_space_mb == 512


def test_storage_that_dropped_out_fails_no_job(bench: Bench) -> None:
    job_id = bench.submit()
    folders = bench.folders.root / "jobs"
    folders.rename(folders.with_name("away"))
    bench.look()
    assert bench.job(job_id).status is Status.PENDING
    folders.with_name("away").rename(folders)
    bench.look()
    assert bench.sent() == [[job_id]]


def test_a_folder_that_cannot_be_read_holds_up_no_other_job(bench: Bench) -> None:
    odd = bench.submit()
    request = bench.folders.job(odd) / "job.json"
    request.unlink()
    request.mkdir()
    good = bench.submit()
    bench.step()
    assert bench.sent() == [[good]]
    assert bench.job(odd).status is Status.PENDING


def test_an_error_in_one_action_is_said_and_does_not_end_the_dispatcher(bench: Bench) -> None:
    bench.dispatcher._on_messages([{"kind": "started"}])
    bench.dispatcher.step(wait=False)
    assert bench.dispatcher.problem is not None
    job_id = bench.submit()
    bench.step()
    assert bench.dispatcher.problem is None
    assert bench.sent() == [[job_id]]


def test_jobs_that_a_full_disk_held_back_are_handed_out_when_there_is_room(bench: Bench) -> None:
    live = bench.folders.root / "live"
    live.rename(live.with_name("away"))
    job_id = bench.submit()
    bench.look()
    assert bench.sent() == []
    assert bench.dispatcher.problem is not None
    live.with_name("away").rename(live)
    bench.look()
    assert bench.sent() == [[job_id]]
    assert bench.dispatcher.problem is None


def test_a_queue_that_could_not_be_read_is_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = bench.submit()
    with monkeypatch.context() as away:
        away.setattr(bench.store, "read", _unreadable)
        bench.dispatcher.step(wait=False)
    bench.dispatcher._post(lambda: None)  # something else goes right meanwhile
    bench.step()
    assert bench.sent() == []
    bench.look()
    assert bench.sent() == [[job_id]]


def test_a_refusal_that_could_not_be_written_is_written_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.offered.clear()
    job_id = bench.submit()
    with monkeypatch.context() as full:
        full.setattr(bench.store, "_connection", lambda: None)
        bench.step()
    assert bench.job(job_id).status is Status.PENDING
    bench.look()
    assert bench.job(job_id).status is Status.FAILED


def test_a_loss_before_any_run_that_could_not_be_written_leaves_no_job_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    bench.step()
    with monkeypatch.context() as full:
        full.setattr(bench.store, "_connection", lambda: None)
        bench.cluster.fail(bench.cluster.tasks[0])
        bench.step()
    bench.look()
    assert bench.sent() == [[job_id]]


def test_the_end_of_a_run_that_an_earlier_app_started_makes_room(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[jobs]\nwindow_extra = 0\n")
    bench = Bench(tmp_path)
    first, second = bench.submit(cpus=2), bench.submit(cpus=2)
    process = _begun(bench, first)
    bench.dispatcher.stop(end_cluster=False)
    bench.start_app()
    bench.cluster.reconnect()
    bench.step()
    bench.cluster.end(process)
    bench.step()
    assert bench.sent() == [[second]]
    bench.dispatcher.stop(end_cluster=False)
    bench.store.close()


def test_a_task_that_cannot_start_is_tried_three_times(bench: Bench) -> None:
    """As on a worker that cannot use the files: no run ever announces itself."""
    job_id = bench.submit(credits=5)
    for attempt in (1, 2, 3):
        bench.step()
        assert bench.job(job_id).attempt == attempt
        bench.cluster.fail(bench.cluster.tasks[0])
    bench.step()
    job = bench.job(job_id)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.kind is ErrorKind.PLATFORM


def test_an_unfit_worker_uses_up_no_attempt(bench: Bench) -> None:
    job_id = bench.submit()
    bench.step()
    for _ in range(5):
        bench.cluster.fail(bench.cluster.tasks[0], End.UNFIT)
        bench.step()
        assert bench.sent() == []
        bench.look()
        assert bench.sent() == [[job_id]]
    assert bench.job(job_id).attempt == 1


def test_jobs_beside_one_that_kills_the_worker_lose_no_attempt(bench: Bench) -> None:
    culprit, innocent = bench.submit(), bench.submit()
    bench.step()
    process = bench.cluster.begin(bench.cluster.tasks[0])
    for task in bench.cluster.tasks:
        task.worker = process.worker
    bench.step()
    bench.cluster.kill_worker(process.worker)
    bench.cluster.add_worker()
    bench.step()
    assert (bench.job(culprit).status, bench.job(culprit).retries) == (Status.RETRY, 1)
    assert (bench.job(innocent).status, bench.job(innocent).attempt) == (Status.PENDING, 1)
    assert sorted(job for (job,) in bench.sent()) == sorted([culprit, innocent])


def test_while_the_app_has_no_contact_no_run_is_given_up(bench: Bench) -> None:
    job_id = bench.submit()
    bench.step()
    bench.cluster.begin(bench.cluster.tasks[0])
    bench.step()
    bench.cluster.disconnect()
    for _ in range(60):
        bench.look()
    assert bench.job(job_id).status is Status.PROCESSING


def test_a_run_out_of_reach_is_given_up_only_when_its_lease_must_have_ended(bench: Bench) -> None:
    job_id = bench.submit()
    bench.step()
    process = bench.cluster.begin(bench.cluster.tasks[0])
    bench.step()
    bench.look()
    bench.cluster.silence(process.worker)
    for _ in range(int(90 / LOOK_S)):
        bench.look()
        assert bench.job(job_id).status is Status.PROCESSING
    bench.look()
    assert bench.job(job_id).status is Status.RETRY


def test_a_cancel_is_told_again_until_the_run_is_gone(bench: Bench) -> None:
    job_id = bench.submit()
    bench.step()
    process = bench.cluster.begin(bench.cluster.tasks[0])
    bench.step()
    bench.cluster.silence(process.worker)
    job = jobs.cancel(bench.store, job_id).result()
    assert job is not None
    bench.dispatcher.cancelled(job)
    bench.step()
    assert process.stop is None
    assert bench.dispatcher.why_stopping(bench.job(job_id)) is None
    for _ in range(3):
        bench.look()
    assert "not confirmed" in str(bench.dispatcher.why_stopping(bench.job(job_id)))
    assert bench.dispatcher.free_slots() == 1
    bench.cluster.silent.clear()
    bench.look()
    assert process.stop == "cancelled"


def test_nothing_is_asked_of_anybody_while_nothing_runs(bench: Bench) -> None:
    bench.cluster.end(_begun(bench, bench.submit()))
    bench.look()
    assert not bench.dispatcher._busy
    bench.cluster.running = lambda: pytest.fail("asked")  # type: ignore[method-assign]
    for _ in range(5):
        bench.look()


#: Its items are no labels: the refund of failed items cannot be computed.
REJECTED = [["no", "label"]]


def test_an_outcome_that_the_store_rejects_fails_its_job(bench: Bench) -> None:
    job_id = bench.submit(credits=5)
    bench.cluster.end(_begun(bench, job_id), failed_items=REJECTED)
    bench.step()
    job = bench.job(job_id)
    assert (job.status, job.error and job.error.kind) == (Status.FAILED, ErrorKind.PLATFORM)
    assert list(bench.folders.live()) == []
    bench.look()
    assert not bench.dispatcher._busy


def test_an_outcome_that_the_store_rejects_does_not_keep_the_next_app_from_starting(bench: Bench) -> None:
    job_id = bench.submit(credits=5)
    process = _begun(bench, job_id)
    bench.dispatcher.stop(end_cluster=False)
    bench.cluster.end(process, failed_items=REJECTED)
    bench.start_app()
    job = bench.job(job_id)
    assert (job.status, job.error and job.error.kind) == (Status.FAILED, ErrorKind.PLATFORM)


def test_a_job_that_cannot_be_recovered_does_not_keep_the_app_from_starting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _begun(bench, bench.submit())
    bench.dispatcher.stop(end_cluster=False)
    bench.cluster.end(process)
    (bench.folders.root / "live" / "lost+found").mkdir()
    results = bench.folders.job(process.assignment.job) / "results"
    with monkeypatch.context() as broken:
        broken.setattr(bench.folders, "settle", _broken_disk)
        bench.start_app()
        bench.cluster.reconnect()
        bench.step()
    assert not results.exists()
    bench.look()
    assert (results / "owner.txt").read_text() == process.run_id
    assert list(bench.folders.live()) == ["lost+found"]


def test_half_a_surrogate_pair_is_no_reason_to_lose_a_result(bench: Bench) -> None:
    job_id = bench.submit()
    process = _begun(bench, job_id)
    bench.cluster.end(process, warnings=["caf\udce9"], summary={"\ud800": 1})
    bench.step()
    detail = jobs.detail(bench.store, job_id)
    assert detail is not None
    assert (detail.job.status, detail.warnings, detail.summary) == (Status.COMPLETED, ["caf?"], {"?": 1})


def _broken_disk(job: Job) -> None:
    raise OSError(5, "Input/output error")


def _unreadable(*asked: Any, **parameters: Any) -> Any:
    raise Unavailable("The database cannot be read at the moment.")


def _begun(bench: Bench, job_id: str) -> Any:
    bench.step()
    process = bench.cluster.begin(bench.cluster.tasks[0])
    bench.step()
    assert bench.job(job_id).status is Status.PROCESSING
    return process
