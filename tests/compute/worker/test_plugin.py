"""The plugin in a real Dask worker: what it does that needs a scheduler."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from compute import messages
from compute.messages import OUTCOME, PROGRESS, TOPIC
from compute.worker import supervisor
from tests.compute.worker.running import Inbox, assignment, gone

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[3]
#: Long enough that a busy machine does not miss it.
LEASE_S = 6.0


class Cluster:
    """A scheduler, one worker without a nanny, and a client that listens."""

    def __init__(self, home: Path) -> None:
        self.files = home / "files"
        self.files.mkdir()
        self.inbox = Inbox()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self.scheduler = _dask("scheduler", "--host", self.address, "--no-dashboard", "--no-jupyter")
        self.worker = self.add_worker(home)
        self.client = Client(self.address, timeout=60)
        self.client.subscribe_topic(TOPIC, self._heard)
        self.plugin = supervisor.WellplatePlugin(
            str(self.files), str(home / "cache"), lease_s=LEASE_S, stop_grace_s=0.5
        )
        self.client.register_plugin(self.plugin)
        self.client.wait_for_workers(1, timeout=60)

    def add_worker(self, home: Path) -> subprocess.Popen[bytes]:
        return _dask(
            "worker", self.address, "--no-nanny", "--no-dashboard", "--nthreads", "4",
            "--resources", "cpus=2", "--local-directory", str(home),
        )  # fmt: skip

    def _heard(self, event: tuple[float, list[dict[str, Any]]]) -> None:
        for message in event[1]:
            self.inbox(message)

    def tree(self) -> list[int]:
        return [each.pid for each in psutil.Process(self.worker.pid).children(recursive=True)]

    def close(self) -> None:
        self.client.close()
        for process in (self.worker, self.scheduler):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(30)


def _dask(*arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WELLPLATE_TOKEN": "a-secret-token"}
    return subprocess.Popen([sys.executable, "-m", "dask", *arguments], env=environment, cwd=ROOT)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


def test_a_task_carries_jobs_out_and_its_messages_arrive(cluster: Cluster) -> None:
    jobs = [assignment("a"), assignment("b", tool="test-noop")]
    assert cluster.client.submit(supervisor.run, jobs, resources={"cpus": 1}).result(60) == []
    for job in jobs:
        outcome = cluster.inbox.wait(OUTCOME, job.job)
        assert outcome["status"] == "completed"
        assert messages.outcome_from_json(outcome).seq == job.seq
    (report,) = cluster.client.run(supervisor.report).values()
    assert report["cpus"] == 2
    assert report["files_writable"]
    assert report["running"] == []


def test_a_run_is_stopped_by_the_app(cluster: Cluster) -> None:
    future = cluster.client.submit(supervisor.run, [assignment("a", "grandchild")])
    note = cluster.inbox.wait(PROGRESS, "a", lambda each: each["note"])["note"]
    ((running,),) = cluster.client.run(supervisor.running).values()
    assert list(cluster.client.run(supervisor.stop, running["run_id"], "cancelled").values()) == [True]
    assert cluster.inbox.wait(OUTCOME, "a")["status"] == "cancelled"
    assert gone([int(note.split()[1])], 0)
    assert future.result(30) == []


def test_an_app_that_comes_back_finds_its_runs_going_on(cluster: Cluster) -> None:
    cluster.client.submit(supervisor.run, [assignment("a", "progress", amount=1, seconds=3)])
    cluster.inbox.wait(PROGRESS, "a")
    tree = cluster.tree()
    cluster.client.register_plugin(cluster.plugin)
    assert cluster.inbox.wait(OUTCOME, "a")["status"] == "completed"
    assert set(cluster.tree()) <= set(tree)
    assert cluster.client.submit(supervisor.run, [assignment("b")]).result(30) == []
    assert cluster.inbox.wait(OUTCOME, "b")["status"] == "completed"


def test_a_silent_scheduler_ends_the_run_when_the_lease_is_over(cluster: Cluster) -> None:
    future = cluster.client.submit(supervisor.run, [assignment("a", "grandchild")])
    daemon = int(cluster.inbox.wait(PROGRESS, "a", lambda each: each["note"])["note"].split()[1])
    cluster.scheduler.send_signal(signal.SIGSTOP)
    assert gone([daemon], 5 * LEASE_S)
    cluster.scheduler.send_signal(signal.SIGCONT)
    lost = cluster.inbox.wait(messages.LOST, "a")
    assert lost["reason"] == "the worker had no contact with the scheduler"
    assert future.result(30) == []
    assert not cluster.inbox.of(OUTCOME, "a")


def test_a_worker_that_is_told_to_end_leaves_nothing(cluster: Cluster) -> None:
    cluster.client.submit(supervisor.run, [assignment("a", "grandchild")])
    daemon = int(cluster.inbox.wait(PROGRESS, "a", lambda each: each["note"])["note"].split()[1])
    tree = cluster.tree()
    assert len(tree) >= 3
    cluster.worker.terminate()
    assert gone([daemon, *tree], 20)


def test_a_worker_whose_scheduler_dies_leaves_nothing(cluster: Cluster) -> None:
    cluster.client.submit(supervisor.run, [assignment("a", "grandchild")])
    daemon = int(cluster.inbox.wait(PROGRESS, "a", lambda each: each["note"])["note"].split()[1])
    tree = cluster.tree()
    cluster.scheduler.kill()
    assert gone([daemon, *tree], 30)


def test_a_worker_that_cannot_use_the_files_says_why_and_leaves(cluster: Cluster, tmp_path: Path) -> None:
    other = supervisor.WellplatePlugin(
        str(tmp_path / "missing"), str(tmp_path / "cache"), lease_s=LEASE_S, stop_grace_s=0.5
    )
    with pytest.raises(supervisor.UnfitWorker, match="cannot use the files folder"):
        cluster.client.register_plugin(other)
    assert cluster.worker.wait(60) is not None
    another = cluster.add_worker(tmp_path / "another")  # one that comes when the plugin is there already
    assert another.wait(60) is not None
    reasons = [each["reason"] for each in cluster.inbox.messages if each["kind"] == messages.UNFIT]
    assert len(reasons) == 2
    assert all("cannot use the files folder" in reason for reason in reasons)
