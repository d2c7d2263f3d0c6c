"""A supervisor without a cluster: what it announces goes into an inbox. Also runs as a process of its own to be killed.

python -m tests.compute.worker.running FILES CACHE      assignments as JSON lines in, messages as JSON lines out
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from compute import messages
from compute.messages import Assignment
from compute.worker.supervisor import Supervisor

PATIENCE_S = 30.0


class Inbox:
    """Messages as they come, and waiting for one."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        #: Called with each message, in the thread that announces it.
        self.listener: Callable[[dict[str, Any]], None] | None = None
        self._news = threading.Condition()

    def __call__(self, message: dict[str, Any]) -> None:
        with self._news:
            self.messages.append(message)
            self._news.notify_all()
        if self.listener:
            self.listener(message)

    def wait(self, kind: str, job: str, wanted: Callable[[dict[str, Any]], object] = bool) -> dict[str, Any]:
        """The first message of this kind about this job."""

        def find() -> dict[str, Any] | None:
            return next((each for each in self.of(kind, job) if wanted(each)), None)

        with self._news:
            found = self._news.wait_for(find, PATIENCE_S)
        assert found, f"no {kind} of {job} within {PATIENCE_S:g} s; there are {self.messages}"
        return found

    def of(self, kind: str, job: str) -> list[dict[str, Any]]:
        return [each for each in self.messages if each["kind"] == kind and each["job"] == job]


def until(condition: Callable[[], Any], what: str) -> Any:
    """Looks until it is so: for facts of the system that nobody announces."""
    deadline = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        pause.wait(0.02)
    return value


def gone(pids: list[int], timeout_s: float = 10.0) -> bool:
    """Whether all of these end in time; a zombie counts as ended."""
    present = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    until_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while any(_lives(each) for each in present):
        if time.monotonic() > until_s:
            return False
        pause.wait(0.02)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assignment(job: str, fault: str = "none", *, tool: str = "test-fault", **different: Any) -> Assignment:
    """A job with small limits. What is no field of an assignment is a setting of the tool."""
    fields: dict[str, Any] = {
        "job": job,
        "seq": abs(hash(job)) % 10**9,
        "attempt": 1,
        "tool": tool,
        "cpus": 1,
        "memory_mb": 1024,
        "gpus": 0,
        "timeout_s": 60,
        "file_size_mb": 64,
        "open_files": 256,
        "steps": ("Prepare", "Misbehave", "Write") if tool == "test-fault" else (),
        "folder": f"jobs/{job}",
        "inputs": {},
    }
    settings = {key: value for key, value in different.items() if key not in Assignment.__dataclass_fields__}
    given = {key: value for key, value in different.items() if key in Assignment.__dataclass_fields__}
    if tool == "test-fault":
        settings["fault"] = fault
    return Assignment(**fields | given, settings=settings)


class Worker:
    """A supervisor in this process."""

    def __init__(self, home: Path, *, stop_grace_s: float = 0.5) -> None:
        self.inbox = Inbox()
        self.files = home / "files"
        self.files.mkdir(exist_ok=True)
        self.supervisor = Supervisor(
            self.files, home / "cache", worker="here", announce=self.inbox, stop_grace_s=stop_grace_s
        )
        self._threads: list[threading.Thread] = []

    def start(self) -> Worker:
        self.supervisor.start()
        return self

    def run(self, *assignments: Assignment) -> list[str]:
        return self.supervisor.run(assignments)

    def outcome(self, job: Assignment) -> dict[str, Any]:
        """Runs it to its end."""
        assert self.run(job) == []
        return self.inbox.wait(messages.OUTCOME, job.job)

    def begin(self, job: Assignment) -> str:
        """Starts it in the background; its run id."""
        thread = threading.Thread(target=self.run, args=(job,))
        thread.start()
        self._threads.append(thread)
        return str(self.inbox.wait(messages.STARTED, job.job)["run_id"])

    def log(self, job: str) -> str:
        (path,) = self.files.glob(f"jobs/{job}/attempts/*/log.txt")
        return path.read_text()

    def tree(self) -> list[psutil.Process]:
        """The template and everything below it."""
        template = psutil.Process(self.supervisor.slots.template_pid)
        return [template, *template.children(recursive=True)]

    def named(self, name: str) -> list[psutil.Process]:
        return [each for each in self.tree() if each.name() == name]

    def close(self) -> None:
        self.supervisor.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


class OtherWorker:
    """The same in a process of its own, which can be killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.inbox = Inbox()
        (home / "files").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.compute.worker.running", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def begin(self, job: Assignment) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(job.__dict__) + "\n")
        self.process.stdin.flush()

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.inbox(json.loads(line))


def main(home: Path) -> None:
    worker = Worker(home)
    worker.supervisor._announce = lambda message: print(json.dumps(message), flush=True)
    worker.start()
    for line in sys.stdin:
        job = Assignment(**json.loads(line))
        threading.Thread(target=worker.run, args=(job,), daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
