"""Runs on a worker, with real processes: how each ends, what is left, what is said."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from compute import messages
from compute.messages import (
    CANCELLED,
    CLOSING,
    DISK_FULL,
    LEASE,
    LOST,
    OUTCOME,
    PROGRESS,
    REFUSED,
    STARTED,
    Assignment,
)
from compute.worker import processes, supervisor
from compute.worker.supervisor import UnfitWorker, check_files_root
from data.records import Outcome
from tests.compute.worker.running import OtherWorker, Worker, assignment, gone, until
from tests.disks import small_disk as mounted
from tools.library import about


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path_factory.mktemp("worker")).start()
    yield worker
    tree = [each.pid for each in worker.tree()]
    worker.close()
    assert gone(tree)


@pytest.fixture
def job() -> str:
    return str(uuid.uuid4())


def attempt(worker: Worker, job: str) -> Path:
    (folder,) = worker.files.glob(f"jobs/{job}/attempts/*")
    return folder


def daemon_of(worker: Worker | OtherWorker, job: str) -> int:
    """The id of the program that left its session."""
    note = worker.inbox.wait(PROGRESS, job, lambda each: (each["note"] or "").startswith("daemon"))["note"]
    return int(note.split()[1])


def test_a_run_is_announced_then_its_outcome_which_is_on_disk(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job))
    started = worker.inbox.wait(STARTED, job)
    folder = attempt(worker, job)
    assert folder.name == f"1-{started['run_id']}"
    assert outcome["run_id"] == started["run_id"]
    assert outcome["status"] == "completed"
    on_disk = messages.read_outcome((folder / "outcome.json").read_bytes())
    assert messages.outcome_to_json(on_disk) == {k: v for k, v in outcome.items() if k != "kind"}


def test_a_result_keeps_summary_tables_with_units_files_and_warnings(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job))
    out = attempt(worker, job) / "out"
    assert outcome["summary"] == {"energy": -7.5, "undefined": None}
    assert outcome["warnings"] == ["This is a test."]
    assert outcome["files"] == [{"path": "poem.txt", "title": "Poem", "format": "text", "bytes": 3}]
    (table,) = outcome["tables"]
    assert [each["unit"] for each in table["columns"]] == ["", "kcal/mol", "", ""]
    with duckdb.connect() as connection:
        path = str(out / table["file"])
        rows = connection.execute("from read_parquet(?)", [path]).fetchall()
        ((metadata,),) = connection.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'wellplate'", [path]
        ).fetchall()
    assert rows == [("a", -7.5, 1, True), ("b", None, 2, False), ("ü", None, None, None)]
    assert json.loads(metadata)["columns"][1]["unit"] == "kcal/mol"
    assert [each["state"] for each in outcome["steps"]] == ["done"] * 3


@pytest.mark.parametrize(
    ("fault", "settings", "kind", "message"),
    [
        ("raise", {}, "tool", "The tool stopped with an error: ValueError: the fault that was asked for"),
        ("bad-input", {}, "input", "The text has no atoms."),
        ("exit", {}, "tool", "The tool ended with exit code 3."),
        ("segfault", {}, "tool", "The tool crashed: it was ended by signal 11 (Segmentation fault)."),
        ("memory-error", {}, "limit", "The tool ran out of memory."),
        ("big-file", {"amount": 65}, "limit", "a file that is larger than this job may write"),
        ("many-files", {"amount": 300}, "limit", "opened more files at once than this job may open"),
        ("program-fails", {}, "tool", "ended with exit code 7. Its last lines: no such atom: Xx"),
        ("program-crashes", {}, "tool", "was ended by signal 11 (Segmentation fault)"),
        ("memory", {"amount": 400, "memory_mb": 200}, "limit", "needed more than its 200 MB of memory"),
    ],
)
def test_a_fault_fails_with_its_kind_and_a_sentence(
    worker: Worker, job: str, fault: str, settings: dict[str, Any], kind: str, message: str
) -> None:
    outcome = worker.outcome(assignment(job, fault, **settings))
    assert outcome["status"] == "failed"
    assert outcome["error"]["kind"] == kind
    assert message in outcome["error"]["message"]
    assert outcome["steps"][1]["state"] == "failed"
    assert f"fault: {fault}" in outcome["error"]["log_tail"]
    assert [each.name() for each in worker.tree()] == ["wp-template", "wp-slot"]


def test_a_bug_has_its_traceback_in_the_log_only(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "raise"))
    assert "Traceback" not in outcome["error"]["message"]
    assert "Traceback" in worker.log(job)


def test_an_unknown_setting_is_the_inputs_fault(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "none", colour="red"))
    assert outcome["error"]["kind"] == "input"
    assert "colour" in outcome["error"]["message"]


def test_time_runs_out_even_for_one_who_ignores_term(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "ignore-term", timeout_s=0.3))
    assert outcome["status"] == "timeout"
    assert outcome["error"]["message"] == "The run reached its time limit of 0.3 s."
    assert 0.7 < outcome["usage"]["wall_seconds"] < 10


def test_cancel_ends_a_program_that_left_its_session_and_ignores_term(worker: Worker, job: str) -> None:
    run_id = worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    assert os.getsid(daemon) == daemon
    # Of all that is ours there is one session: Linux may divide the cpus among sessions.
    ours = [each.pid for each in worker.tree() if each.name().startswith("wp-")]
    assert len(ours) == 3 and len({os.getsid(pid) for pid in ours}) == 1
    assert worker.supervisor.stop(run_id, CANCELLED)
    outcome = worker.inbox.wait(OUTCOME, job)
    assert outcome["status"] == "cancelled"
    assert outcome["error"] is None
    assert gone([daemon], 0), "it was announced before nobody was left"


def test_what_a_tool_leaves_behind_is_gone_before_its_outcome(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "daemon", seconds=600))
    assert outcome["status"] == "completed"
    assert [each.name() for each in worker.tree()] == ["wp-template", "wp-slot"]


def test_a_run_that_is_not_here_cannot_be_stopped(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job))
    assert not worker.supervisor.stop(outcome["run_id"], CANCELLED)


def test_a_stop_before_the_child_exists_counts(worker: Worker, job: str) -> None:
    def stop(message: dict[str, Any]) -> None:
        if message["kind"] == STARTED:
            assert worker.supervisor.stop(message["run_id"], CANCELLED)

    worker.inbox.listener = stop
    outcome = worker.outcome(assignment(job, "sleep"))
    worker.inbox.listener = None
    assert outcome["status"] == "cancelled"


@pytest.mark.parametrize(("reason", "counts"), [(CLOSING, False), (LEASE, True)])
def test_a_worker_that_ends_before_the_child_exists_loses_the_run(
    worker: Worker, job: str, reason: str, counts: bool
) -> None:
    """And does not take the signal that ends it for a crash of the tool."""

    def stop(message: dict[str, Any]) -> None:
        if message["kind"] == STARTED:
            worker.supervisor.stop_all(reason)

    worker.inbox.listener = stop
    assert worker.run(assignment(job, "sleep")) == []
    worker.inbox.listener = None
    assert worker.inbox.wait(LOST, job)["counts"] is counts
    assert not worker.inbox.of(OUTCOME, job)


def test_a_surprise_costs_one_run_and_not_its_ride(
    worker: Worker, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = supervisor.verdict

    def surprised(given: Assignment, *more: Any) -> Outcome:
        if given.job == f"{job}-1":
            raise OSError(errno.EIO, "Input/output error")
        return judge(given, *more)

    monkeypatch.setattr(supervisor, "verdict", surprised)
    monkeypatch.setattr(supervisor, "RIDE_S", 60.0)  # however busy the machine is
    assert worker.run(*(assignment(f"{job}-{number}") for number in (1, 2))) == []
    assert worker.inbox.wait(LOST, f"{job}-1")["counts"] is True
    assert worker.inbox.wait(OUTCOME, f"{job}-2")["status"] == "completed"
    assert not worker.supervisor.running()


def test_a_run_whose_claim_is_refused_leaves_nothing(worker: Worker, job: str) -> None:
    run_id = worker.begin(assignment(job, "sleep"))
    assert worker.supervisor.running()[0]["run_id"] == run_id
    worker.supervisor.stop(run_id, REFUSED)
    until(lambda: not worker.supervisor.running(), "the run ends")
    assert not worker.inbox.of(OUTCOME, job)
    assert not list(worker.files.glob(f"jobs/{job}/attempts/*"))


def test_progress_is_relayed_the_latest_at_most_once_a_second(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "progress", amount=2000, seconds=1.3))
    told = worker.inbox.of(PROGRESS, job)
    assert 2 <= len(told) <= 3
    assert "item 2000" in [each["note"] for each in told]
    assert told[-1]["step"] in ("Misbehave", "Write")
    assert [each["state"] for each in told[0]["steps"]][1] in ("waiting", "running")
    assert outcome["status"] == "completed"


def test_the_environment_holds_no_secret(tmp_path: Path, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLPLATE_TOKEN", "a-secret-token")
    worker = Worker(tmp_path).start()
    worker.begin(assignment(job, "environment", cpus=2))
    outcome = worker.inbox.wait(OUTCOME, job)
    worker.close()
    log = worker.log(job)
    assert "a-secret-token" not in log
    names = {line.partition("=")[0] for line in log.splitlines() if "=" in line}
    assert names == {
        "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "WELLPLATE_RUN",
    }  # fmt: skip
    assert log.count("OMP_NUM_THREADS=2") == 2, "in the tool and in its program"
    assert f"WELLPLATE_RUN={outcome['run_id']}" in log


def test_much_output_goes_to_the_log_and_its_end_into_an_error(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "chatter", amount=20000))
    assert outcome["status"] == "completed"
    log = worker.log(job)
    assert "line 0\n" in log
    assert "line 19999\n" in log
    assert "ended with 0 after" in log


def test_usage_counts_the_whole_tree(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "memory", amount=300, seconds=0.8))
    usage = outcome["usage"]
    assert usage["peak_memory_bytes"] > 300 << 20
    assert usage["wall_seconds"] > 0.8
    assert usage["series"], "it ran longer than the first interval"
    assert max(memory for _, _, memory, _, _ in usage["series"]) > 300 << 20


def test_usage_counts_cpu_seconds(worker: Worker, job: str) -> None:
    usage = worker.outcome(assignment(job, "spin", seconds=0.6))["usage"]
    assert 0.2 < usage["cpu_seconds"] < 0.9
    assert usage["cpu_seconds"] <= usage["wall_seconds"] + 0.05


def test_a_tool_that_closes_everything_does_not_keep_its_slot_busy(worker: Worker, job: str) -> None:
    run_id = worker.begin(assignment(job, "close-all"))
    (child,) = until(lambda: worker.named("wp-run"), "the child")
    until(lambda: child.num_fds() == 3, "it closed what it had")
    slot = psutil.Process(child.ppid())
    before = sum(slot.cpu_times()[:2])
    assert not gone([child.pid], 1.0)
    assert sum(slot.cpu_times()[:2]) - before < 0.5
    worker.supervisor.stop(run_id, CANCELLED)
    assert worker.inbox.wait(OUTCOME, job)["status"] == "cancelled"


def test_quick_jobs_ride_together_but_not_for_long(
    worker: Worker, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ride = [assignment(f"{job}-{number}", tool="test-noop") for number in range(3)]
    assert worker.run(*ride) == []
    assert all(worker.inbox.of(OUTCOME, each.job) for each in ride)
    monkeypatch.setattr(supervisor, "RIDE_S", 0.0)
    late = [assignment(f"{job}-late-{number}", tool="test-noop") for number in range(3)]
    assert worker.run(*late) == [late[1].job, late[2].job]


def test_two_runs_at_a_time_have_two_slots(worker: Worker, job: str) -> None:
    runs = [worker.begin(assignment(f"{job}-{number}", "sleep")) for number in range(2)]
    until(lambda: len(worker.named("wp-run")) == 2, "two children")
    assert len(worker.named("wp-slot")) == 2
    for run_id in runs:
        worker.supervisor.stop(run_id, CANCELLED)
    for number in range(2):
        worker.inbox.wait(OUTCOME, f"{job}-{number}")


def test_an_input_file_is_where_the_tool_looks(worker: Worker, job: str) -> None:
    (worker.files / "uploads").mkdir(exist_ok=True)
    (worker.files / "uploads" / "u1").write_text("a rose\n")
    files = {"text": [("uploads/u1", "../../rose.txt", "text")]}
    worker.outcome(assignment(job, files=files))
    assert (attempt(worker, job) / "out" / "poem.txt").read_text() == "a rose\n"


def test_what_a_run_makes_for_the_library_is_in_its_outcome_and_under_its_id(
    worker: Worker, job: str
) -> None:
    outcome = worker.outcome(assignment(job, "environment", items=2))
    out = attempt(worker, job) / "out"
    assert sorted(entry.name for entry in out.iterdir()) == ["library", "poem.txt", "tables"]
    assert [item["name"] for item in outcome["library"]] == ["Sample 0", "Sample 1"]
    assert [file.get("file") for file in outcome["files"]] == [
        None,
        *(item["id"] for item in outcome["library"]),
    ]
    assert [file["path"] for file in outcome["files"]] == ["poem.txt", "sample", "sample-2"]
    for item in outcome["library"]:
        folder = out / "library" / item["id"]
        assert (folder / "deep" / "quality.json").read_text() == "{}"
        assert item["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        told = {name: item[name] for name in ("name", "format", "facts")}
        assert about(folder) == told | {"tool": "test-fault", "versions": ["env", "1"]}
    assert messages.outcome_from_json(outcome).library == outcome["library"]


def test_a_run_that_fails_tells_of_nothing_for_the_library(worker: Worker, job: str) -> None:
    outcome = worker.outcome(assignment(job, "raise", items=1))
    assert (outcome["status"], outcome["library"], outcome["files"]) == ("failed", [], [])


# Deaths ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", ["wp-template", "wp-slot"])
def test_a_killed_template_or_slot_loses_the_run_and_nothing_else(
    worker: Worker, job: str, victim: str
) -> None:
    worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    (child,) = worker.named("wp-run")
    if victim == "wp-slot":
        psutil.Process(child.ppid()).kill()
    else:
        worker.named(victim)[0].kill()
    lost = worker.inbox.wait(LOST, job)
    assert lost["counts"]
    assert gone([daemon, child.pid], 0), "lost was said before its processes were gone"
    assert not worker.inbox.of(OUTCOME, job)
    assert worker.outcome(assignment(f"{job}-next"))["status"] == "completed"


def test_a_killed_child_is_an_outcome(worker: Worker, job: str) -> None:
    worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    worker.named("wp-run")[0].kill()
    outcome = worker.inbox.wait(OUTCOME, job)
    assert outcome["error"]["kind"] == "limit"
    assert gone([daemon], 0)


def test_without_its_scheduler_every_run_is_lost(worker: Worker, job: str) -> None:
    worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    worker.supervisor.stop_all(LEASE)
    lost = worker.inbox.wait(LOST, job)
    assert lost["reason"] == "the worker had no contact with the scheduler"
    assert gone([daemon], 0)
    assert worker.outcome(assignment(f"{job}-next"))["status"] == "completed"


def test_a_worker_that_closes_loses_its_runs_without_using_up_a_retry(tmp_path: Path, job: str) -> None:
    worker = Worker(tmp_path).start()
    worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    tree = [each.pid for each in worker.tree()]
    worker.close()
    lost = worker.inbox.wait(LOST, job)
    assert lost["counts"] is False
    assert gone([daemon, *tree])
    assert worker.run(assignment(f"{job}-late")) == [f"{job}-late"]


def test_a_killed_worker_takes_everything_with_it(tmp_path: Path, job: str) -> None:
    worker = OtherWorker(tmp_path)
    worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    tree = [each.pid for each in worker.tree()]
    assert len(tree) >= 3
    worker.process.kill()
    worker.process.wait()
    assert gone([daemon, *tree])


@pytest.mark.parametrize("fault", ["grandchild", "unmarked-daemon"])
def test_what_outlives_worker_template_and_slot_is_ended_by_the_next_start(
    tmp_path: Path, job: str, fault: str
) -> None:
    first = OtherWorker(tmp_path)
    first.begin(assignment(job, fault, seconds=600))
    daemon = daemon_of(first, job)
    record = tmp_path / "cache" / "runs"
    until(
        lambda: any(
            daemon == pid for path in record.glob("*.json") for pid, _ in processes.read_record(path)
        ),
        "the slot recorded the daemon",
    )
    mine = [each for each in first.tree() if each.name() in ("wp-template", "wp-slot")]
    for each in mine:
        each.suspend()
    for pid in [first.process.pid, *(each.pid for each in mine)]:
        os.kill(pid, signal.SIGKILL)
    first.process.wait()
    assert not gone([daemon], 0.2)
    second = Worker(tmp_path).start()
    assert gone([daemon], 0)
    assert not list(record.iterdir())
    second.close()


def test_a_start_leaves_the_runs_of_a_living_worker_alone(worker: Worker, job: str) -> None:
    run_id = worker.begin(assignment(job, "grandchild"))
    daemon = daemon_of(worker, job)
    other = Worker(worker.files.parent).start()
    assert not gone([daemon], 0)
    other.close()
    worker.supervisor.stop(run_id, CANCELLED)
    worker.inbox.wait(OUTCOME, job)


def test_a_process_that_only_has_a_recorded_id_is_not_ended(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    present = processes.read(bystander.pid)
    assert present
    earlier = processes.Process(present.pid, "", 1, present.started - 1, False, 0.0, 0)
    (tmp_path / "cache" / "runs").mkdir(parents=True)
    processes.write_record(tmp_path / "cache" / "runs" / "x.json", [earlier])
    Worker(tmp_path).start().close()
    assert bystander.poll() is None
    bystander.communicate(b"\n")


# Disk -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Worker]:
    """A worker whose home has room for 1 MB."""
    with mounted(tmp_path, "1m"):
        worker = Worker(tmp_path).start()
        yield worker
        worker.close()


def test_an_outcome_waits_for_room_on_a_full_disk(
    small_disk: Worker, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DISK_RETRY_S", 0.05)
    small_disk.begin(assignment(job, "wait-for-file"))
    small_disk.inbox.wait(PROGRESS, job)
    filler = small_disk.files / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    (attempt(small_disk, job) / "work" / "go").touch()
    small_disk.inbox.wait(DISK_FULL, job)
    assert not small_disk.inbox.of(OUTCOME, job)
    filler.unlink()
    outcome = small_disk.inbox.wait(OUTCOME, job)
    assert outcome["error"]["kind"] == "limit"
    assert outcome["error"]["message"] == "The disk of the worker is full."
    kept = messages.read_outcome((attempt(small_disk, job) / "outcome.json").read_bytes())
    assert kept.run_id == outcome["run_id"]


def test_a_files_folder_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    check_files_root(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnfitWorker, match=r"cannot use the files folder .*: .*No such file"):
        check_files_root(tmp_path / "missing")


def test_an_outcome_that_was_cut_short_is_none() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        messages.read_outcome(b'{"job": "x", ')
    with pytest.raises(ValueError, match="not an outcome"):
        messages.read_outcome(b'{"job": "x"}')


def test_threads_end_with_their_runs(worker: Worker, job: str) -> None:
    before = threading.active_count()
    worker.outcome(assignment(job))
    assert threading.active_count() <= before
