"""Sites for tests: opened in this process, or in one of its own that can be killed.

python -m tests.sites HOME SETTINGS      SETTINGS: JSON of `site_settings`; a submit a line in, its job id a line out
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from distributed import Client

from compute.children import BatchSubmission
from compute.settings import Settings, load
from compute.site import open_site
from compute.workbench import Submission, Workbench
from data.records import Batch, Change, Job, JobDetail, Status

ROOT = Path(__file__).parents[1]
#: For what takes seconds at most on an idle machine; the tests share theirs.
PATIENCE_S = 90.0


def site_settings(home: Path, *, limits: dict[str, Any] | None = None, **different: Any) -> Settings:
    """Short times, developer tools; `limits` are those of test-fault, the rest are settings by their names."""
    settings = load({"WELLPLATE_HOME": str(home), "WELLPLATE_CPUS": "2"})
    cluster = {"lease_s": 20.0, "lost_after_s": 30.0, "stop_grace_s": 0.5, "grace_s": 60.0}
    tools = {"developer": True, "limits": {"test-fault": limits or {}}}
    sections: dict[str, dict[str, Any]] = {"cluster": cluster, "tools": tools, "limits": {}, "jobs": {}}
    top: dict[str, Any] = {}
    for name, value in different.items():
        section = next(
            (each for each in sections if name in type(getattr(settings, each)).model_fields), None
        )
        (sections[section] if section else top)[name] = value
    changed = {name: getattr(settings, name).model_copy(update=section) for name, section in sections.items()}
    return settings.model_copy(update=changed | top)


class Site:
    """A workbench, and waiting for what it tells."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        person = workbench.accounts.admin()
        assert person is not None
        self.person = person
        self._news = threading.Condition()
        workbench.listen(self._heard)

    def _heard(self, changes: list[Change]) -> None:
        with self._news:
            self._news.notify_all()

    def submit(self, fault: str | None = "none", **settings: Any) -> str:
        """A test-fault job; with no fault the no-op."""
        tool = "test-noop" if fault is None else "test-fault"
        if fault is not None:
            settings["fault"] = fault
        return self.workbench.submit(self.person, Submission(tool=tool, inputs={}, settings=settings)).id

    def submit_batch(self, faults: list[str], **settings: Any) -> str:
        """A test-fault child for each."""
        inputs = {"lines": {"text": "\n".join(faults), "name": "faults.txt"}}
        asked = BatchSubmission(tool="test-fault", inputs=inputs, settings={**settings, "fault": "as-told"})
        return self.workbench.batches.submit(self.person, asked).id

    def batch_ended(self, batch_id: str) -> Batch:
        """The batch as soon as it has."""
        with self._news:
            in_time = self._news.wait_for(lambda: not self._batch(batch_id).live, PATIENCE_S)
        found = self._batch(batch_id)
        assert in_time, f"not within {PATIENCE_S:g} s: {found}"
        return found

    def _batch(self, batch_id: str) -> Batch:
        return self.workbench.batches.batch(self.person, batch_id)

    def some_ended(self, batch_id: str, number: int) -> None:
        """As soon as so many of its children have."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended_of(batch_id) >= number, PATIENCE_S)

    def _ended_of(self, batch_id: str) -> int:
        return sum(jobs for status, jobs in self._batch(batch_id).counts.items() if status.terminal)

    def job(self, job_id: str) -> Job:
        return self.detail(job_id).job

    def detail(self, job_id: str) -> JobDetail:
        return self.workbench.job(self.person, job_id)

    def until(self, job_id: str, reached: Callable[[Job], bool]) -> JobDetail:
        """The job as soon as it is so."""
        with self._news:
            in_time = self._news.wait_for(lambda: reached(self.job(job_id)), PATIENCE_S)
        found = self.detail(job_id)
        assert in_time, f"not within {PATIENCE_S:g} s: {found.job}, {found.history}"
        return found

    def ended(self, job_id: str) -> JobDetail:
        return self.until(job_id, lambda job: job.status.terminal)

    def running(self, job_id: str, attempt: int = 1) -> JobDetail:
        return self.until(job_id, lambda job: job.status is Status.PROCESSING and job.attempt == attempt)

    def cancel(self, job_id: str) -> Job:
        return self.workbench.cancel(self.person, job_id)

    def work(self, job_id: str) -> Path:
        """The working folder of the run that owns the job."""
        job = self.job(job_id)
        return work_folder(self.workbench.settings, job)

    def go(self, job_id: str) -> None:
        """Lets a job with the fault wait-for-file end."""
        (self.work(job_id) / "go").touch()

    def ledger(self, job_id: str) -> list[str]:
        entries = self.workbench.credits.entries(self.person)
        return [entry.kind.value for entry in reversed(entries) if entry.job == job_id]

    def process(self, name: str) -> psutil.Process:
        """The cluster's scheduler or worker."""
        return cluster_process(self.workbench.settings, name)

    def child(self, name: str) -> psutil.Process:
        """A process below the worker by its name, which it takes when it begins: wp-template, wp-slot, wp-run."""
        return until(lambda: self._child(name), f"{name} is there")

    def _child(self, name: str) -> psutil.Process | None:
        below = self.process("worker").children(recursive=True)
        return next((each for each in below if each.is_running() and each.name() == name), None)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Somebody else at the scheduler."""
        cluster = self.workbench._cluster
        assert cluster._local is not None
        with Client(cluster._local.address, security=cluster._security(), set_as_default=False) as client:
            yield client


@contextmanager
def opened(settings: Settings) -> Iterator[Site]:
    """A site in this process; no process of it is left afterwards."""
    tree: list[psutil.Process] = []
    with open_site(settings) as workbench:
        yield Site(workbench)
        if settings.cluster_address == "local":
            tree = cluster_tree(settings)
    assert_gone(settings, tree)


def assert_gone(settings: Settings, tree: list[psutil.Process]) -> None:
    """None of these, and none that names the home or works in its folders, lives."""
    until(lambda: not [each for each in tree if _lives(each)], "its processes end")
    until(lambda: not named_after(settings.home), "no process names the home")


def named_after(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if process.pid != os.getpid() and any(str(home) in word for word in words) and _lives(process):
            found.append(process)
    return found


def until(condition: Callable[[], Any], what: str) -> Any:
    """Looks until it is so: for facts of the system that nobody announces."""
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        pause.wait(0.02)
    return value


def work_folder(settings: Settings, job: Job) -> Path:
    return settings.files / "jobs" / job.id / "attempts" / f"{job.attempt}-{job.run_id}" / "work"


def cluster_process(settings: Settings, name: str) -> psutil.Process:
    record = json.loads((settings.run_folder / "cluster.json").read_text())
    return psutil.Process(record[name]["pid"])


def cluster_tree(settings: Settings) -> list[psutil.Process]:
    """Scheduler, worker, and all below them."""
    found = []
    for name in ("scheduler", "worker"):
        try:
            process = cluster_process(settings, name)
            found += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class OtherApp:
    """A site in a process of its own."""

    def __init__(self, home: Path, **different: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.sites", str(home), json.dumps(different)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def submit(self, fault: str | None = "none", **settings: Any) -> str:
        return self._ask({"fault": fault, **settings})

    def running(self, job_id: str) -> None:
        """Waits until a run of this job is owned."""
        self._ask({"wait": job_id})

    def submit_batch(self, faults: list[str], **settings: Any) -> str:
        return self._ask({"faults": faults, **settings})

    def some_ended(self, batch_id: str, number: int) -> None:
        """Waits until so many children of this batch have ended."""
        self._ask({"batch": batch_id, "number": number})

    def _ask(self, command: dict[str, Any]) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("job "):
            assert line, "the other app ended"
        return line.split()[1]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=PATIENCE_S)

    def stop(self) -> None:
        """Cleanly: its input ends."""
        self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0


def main(home: Path, different: dict[str, Any]) -> None:
    with open_site(site_settings(home, **different)) as workbench:
        site = Site(workbench)
        for line in sys.stdin:
            print("job", done(site, json.loads(line)), flush=True)


def done(site: Site, command: dict[str, Any]) -> str:
    """The id that the command was about, or that came of it."""
    if "wait" in command:
        site.running(command["wait"])
        return str(command["wait"])
    if "batch" in command:
        site.some_ended(command["batch"], command["number"])
        return str(command["batch"])
    return site.submit_batch(**command) if "faults" in command else site.submit(**command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
