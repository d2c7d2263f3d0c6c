"""The default cluster: `dask scheduler` and one `dask worker` as processes of their own, on loopback with TLS.

They outlive an app that died (grace.py ends them) and are found again by `HOME/run/cluster.json`. A process is known
by pid and start time, never by pid alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from compute.cluster import certificates
from compute.settings import Settings
from tools import engines

log = logging.getLogger("wellplate.cluster")

ROOT = Path(__file__).resolve().parents[2]
#: What a process of the cluster may inherit: no secret of the app is among it.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", engines.VARIABLE)
_STOP_TIMEOUT_S = 20
#: Without an address of its own, the little HTTP server that each of them has would listen on all interfaces.
_LOOPBACK = ("--host", "127.0.0.1")
_NO_DASHBOARD = ("--dashboard-address", "127.0.0.1:0", "--no-dashboard")


@dataclass(frozen=True)
class ProcessName:
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessName:
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, or None when it is gone (or a zombie)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 0.01
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class LocalCluster:
    """The two processes, started or found again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._record = settings.run_folder / "cluster.json"
        self.certificates = certificates.ensure(settings.home / "tls")
        self.address = ""
        self.scheduler: ProcessName | None = None
        self.worker: ProcessName | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    def find(self) -> bool:
        """Take over the cluster that an earlier app of the same code left running."""
        try:
            record = json.loads(self._record.read_text())
            scheduler, worker = ProcessName(**record["scheduler"]), ProcessName(**record["worker"])
            address, same = record["address"], self._started_as().items() <= record.items()
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s says nothing of a cluster: %r", self._record, error)
            return False  # one that is there nevertheless ends when its grace time is over
        if same and scheduler.find():
            self.address, self.scheduler, self.worker = address, scheduler, worker
            return True
        for process in (worker, scheduler):
            _end(process)
        return False

    def start(self) -> None:
        self._settings.run_folder.mkdir(parents=True, exist_ok=True)
        port = _free_port()
        self.address = f"tls://127.0.0.1:{port}"
        self.scheduler = self._spawn(
            "scheduler",
            [
                *(*_LOOPBACK, *_dashboard(self._settings.cluster.dashboard_port)),
                *("--protocol", "tls", "--port", str(port), "--preload", "compute.cluster.grace"),
            ],
        )
        self.start_worker()

    def start_worker(self) -> None:
        cpus = self._settings.cpus
        gpus = _gpus()
        offers = f"cpus={cpus} memory={memory_bytes() // 2**20}" + (f" gpus={gpus}" if gpus else "")
        self.worker = self._spawn(
            "worker",
            [
                *(
                    self.address,
                    *_LOOPBACK,
                    *_NO_DASHBOARD,
                    "--no-nanny",
                    "--memory-limit=0",
                    "--death-timeout=60",
                ),
                # More threads than slots: resources decide what runs, a thread must never be what is short.
                f"--nthreads={2 * cpus + 2}",
                f"--resources={offers}",
                f"--local-directory={self._settings.run_folder / 'dask'}",
            ],
        )
        self._write_record()

    def stop(self) -> None:
        for process in (self.worker, self.scheduler):
            if process is not None:
                _end(process)
        self._record.unlink(missing_ok=True)

    def end_worker(self) -> None:
        if self.worker is not None:
            _end(self.worker)

    def dead(self) -> list[str]:
        """Which of the two are gone; reaps those that this process started."""
        self._children = [child for child in self._children if child.poll() is None]
        named = {"scheduler": self.scheduler, "worker": self.worker}
        return [name for name, process in named.items() if process is None or process.find() is None]

    def _spawn(self, kind: str, arguments: list[str]) -> ProcessName:
        tls = self.certificates
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        command += ["--tls-ca-file", str(tls.authority), "--tls-cert", str(tls.certificate)]
        command += ["--tls-key", str(tls.key)]
        with open(self._settings.run_folder / f"{kind}.log", "ab") as output:
            child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the app's terminal is not meant for them
            )
        self._children.append(child)
        return ProcessName.of(child.pid)

    def _environment(self) -> dict[str, str]:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return environment | {
            "PYTHONPATH": str(ROOT),
            "WELLPLATE_GRACE_S": str(self._settings.cluster.grace_s),
            # A task of ours is run again by the app, with an attempt of its own, never by Dask.
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_DISTRIBUTED__COMM__TLS__MIN_VERSION": "1.3",
            "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "30s",
        }

    def _started_as(self) -> dict[str, Any]:
        """What the processes were started with: one that differs is replaced, not taken over."""
        settings = self._settings
        return {
            "cpus": settings.cpus,
            "dashboard_port": settings.cluster.dashboard_port,
            "code": code_version(),
            "engines": settings.engine_places,
        }

    def _write_record(self) -> None:
        assert self.scheduler is not None and self.worker is not None
        record = {
            "address": self.address,
            "scheduler": asdict(self.scheduler),
            "worker": asdict(self.worker),
            **self._started_as(),
        }
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps(record, indent=1))
        temporary.chmod(0o600)
        temporary.replace(self._record)


def code_version() -> str:
    """Hash of the code that workers run: a worker with older code is replaced, not reused."""
    digest = hashlib.sha256()
    for folder in ("compute", "tools", "data"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _end(process: ProcessName) -> None:
    """TERM, so that the worker can clean up; KILL when that takes too long."""
    found = process.find()
    if found is None:
        return
    with suppress(psutil.NoSuchProcess):
        found.terminate()
    _, alive = psutil.wait_procs([found], timeout=_STOP_TIMEOUT_S)
    for survivor in alive:
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(alive, timeout=_STOP_TIMEOUT_S)


def _dashboard(port: int) -> tuple[str, ...]:
    """Dask's dashboard asks nobody who they are: never elsewhere than on loopback."""
    return ("--dashboard-address", f"127.0.0.1:{port}", "--dashboard") if port else _NO_DASHBOARD


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_bytes(controllers: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """What the machine has, or less where a control group (of a container, of a service) allows less."""
    limits = [psutil.virtual_memory().total]
    for line in own.read_text().splitlines() if own.exists() else []:
        _, names, path = line.split(":", 2)
        if names and "memory" not in names.split(","):
            continue
        root = controllers / "memory" if names else controllers
        group = root / path.lstrip("/")
        for folder in [group, *group.parents][: len(group.relative_to(root).parts) + 1]:
            limit = folder / ("memory.limit_in_bytes" if names else "memory.max")
            text = limit.read_text().strip() if limit.exists() else ""
            limits += [int(text)] if text.isdigit() else []
    return min(limits)


def _gpus() -> int:
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
