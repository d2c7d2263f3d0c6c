"""The child: one run of one tool, in a process of its own that a slot forked.

It sees its folder, its inputs and a clean environment, and leaves `result.json` beside `work/` and `out/`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

import tools
from compute.messages import encode, json_safe
from compute.worker import items, processes
from compute.worker.programs import LimitFailure, Programs
from compute.worker.tables import write_table
from data.records import ErrorKind, utcnow
from tools import engines
from tools.contract import Given, InputFailure, LocalFile, Result, ToolFailure

#: A progress that differs by less than this (in percent) is told at most every `QUIET` seconds.
SMALL = 0.5
QUIET = 0.05

_ENVIRONMENT_KEPT = ("PATH", engines.VARIABLE)

_libc = ctypes.CDLL(None)


class Job:
    """What a tool gets as `job`: see tools.contract.RunningJob."""

    def __init__(self, spec: Mapping[str, Any], given: Given[Any, Any], pipe: int) -> None:
        folder = Path(spec["attempt_folder"])
        self.given = given
        self.work = folder / "work"
        self.out = folder / "out"
        self.cache = Path(spec["cache"])
        self.cpus = int(spec["cpus"])
        self.memory_mb = int(spec["memory_mb"])
        self._programs = Programs(self.work, _write_log, self.progress)
        self._pipe = pipe
        self._lock = threading.Lock()
        self._progress: float | None = None
        self._reached = 0.0
        self._note = ""
        self._step: str | None = None
        self._steps: list[dict[str, Any]] = [_waiting(name) for name in spec["steps"]]
        self._told = 0.0

    def progress(self, fraction: float | None, note: str = "") -> None:
        percent = None if fraction is None else self._percent(fraction)
        if self._worth_telling(percent, note):
            self._tell(percent, note)

    def step(self, name: str) -> None:
        with self._lock:
            self._close_step("done")
            step = next(
                (each for each in self._steps if each["name"] == name and each["state"] == "waiting"), None
            )
            if step is None:
                step = _waiting(name)
                self._steps.append(step)
            step["state"] = "running"
            step["started_at"] = utcnow().isoformat()
            self._step = name
        _write_log(f"— {name}")
        self._tell(self._percent(0.0) if len(self._steps) > 1 else None, "")

    def log(self, line: str) -> None:
        _write_log(line)

    def command(
        self,
        arguments: Sequence[str | Path],
        *,
        on_line: Callable[[str], None] | None = None,
        reads: Sequence[Path] = (),
        quiet: bool = False,
        part: tuple[int, int] = (1, 1),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._programs.command(arguments, on_line, reads, quiet, part, environment)

    def stream(
        self, arguments: Sequence[str | Path], *, reads: Sequence[Path] = (), part: tuple[int, int] = (1, 1)
    ) -> AbstractContextManager[BinaryIO]:
        return self._programs.stream(arguments, reads, part)

    @property
    def versions(self) -> list[str]:
        """Of the programs that were started."""
        return self._programs.versions

    def finish(self, state: str) -> list[dict[str, Any]]:
        """Ends the running step; returns all steps."""
        with self._lock:
            self._close_step(state)
            if state == "done":
                self._steps = [each for each in self._steps if each["state"] != "waiting"]
            return self._steps

    def _percent(self, fraction: float) -> float:
        """Of the whole job: each of its steps has an equal share. It never goes back, as where a program runs twice."""
        share = min(1.0, max(0.0, float(fraction)))
        if self._step is not None and len(self._steps) > 1:
            place = next(i for i, each in enumerate(self._steps) if each["state"] == "running")
            share = (place + share) / len(self._steps)
        self._reached = max(self._reached, round(100 * share, 2))
        return self._reached

    def _worth_telling(self, percent: float | None, note: str) -> bool:
        if note != self._note or (percent is None) != (self._progress is None):
            return True
        if percent is None or self._progress is None:
            return False
        return abs(percent - self._progress) >= SMALL or time.monotonic() - self._told >= QUIET

    def _tell(self, percent: float | None, note: str) -> None:
        with self._lock:
            self._progress, self._note, self._told = percent, note, time.monotonic()
            message = {"progress": percent, "step": self._step, "note": note or None, "steps": self._steps}
            _send(self._pipe, message)

    def _close_step(self, state: str) -> None:
        for each in self._steps:
            if each["state"] == "running":
                each["state"] = state
                each["ended_at"] = utcnow().isoformat()


def main(spec: dict[str, Any], pipe: int) -> int:
    """The whole life of the child; returns its exit code."""
    try:
        enter(spec)
        outcome, code = carry_out(spec, pipe)
        _keep(Path(spec["attempt_folder"]) / "result.json", outcome)
        return code
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except BaseException as error:  # noqa: BLE001  the one place where an outcome is recorded
        _send(pipe, {"failure": describe(error)})
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _libc.fflush(None)


def enter(spec: Mapping[str, Any]) -> None:
    """Folder, log, limits, environment and threads of this run."""
    folder = Path(spec["attempt_folder"])
    work = folder / "work"
    os.umask(0o077)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    os.chdir(work)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, spec["file_size_mb"] << 20)
    _limit(resource.RLIMIT_NOFILE, spec["open_files"])
    if spec["address_space_mb"]:
        _limit(resource.RLIMIT_AS, spec["address_space_mb"] << 20)
    kept = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | environment(spec, work))
    if spec["cpus"] != 1:
        _use_threads(spec["cpus"])


def environment(spec: Mapping[str, Any], work: Path) -> dict[str, str]:
    cpus = str(spec["cpus"])
    return {
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": cpus,
        "MKL_NUM_THREADS": cpus,
        "OPENBLAS_NUM_THREADS": cpus,
        "CUDA_VISIBLE_DEVICES": spec["gpus"],
        processes.MARKER: spec["run_id"],
    }


def _use_threads(cpus: int) -> None:
    from compute.worker.template import thread_pools

    thread_pools().limit(limits=cpus)


def _limit(which: int, value: int) -> None:
    """Soft and hard limit; never above the hard one that holds already."""
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def carry_out(spec: Mapping[str, Any], pipe: int) -> tuple[dict[str, Any], int]:
    """Runs the tool. Returns what goes into result.json, and the exit code."""
    tool = tools.find(spec["tool"])
    job: Job | None = None
    try:
        job = Job(spec, _given(tool, spec), pipe)
        outcome = _collect(job, tool, tool.run(job))
        return {**outcome, "steps": job.finish("done")}, 0
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  the one place where an outcome is recorded
        steps = job.finish("failed") if job else []
        return {"error": describe(error), "steps": steps}, 1


def _given(tool: Any, spec: Mapping[str, Any]) -> Given[Any, Any]:
    local = {
        name: [LocalFile(Path(path), called, format) for path, called, format in files]
        for name, files in spec["files"].items()
    }
    try:
        inputs = tool.Inputs.model_validate(spec["inputs"])
        settings = tool.Settings.model_validate(spec["settings"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputFailure(f"{place}: {first['msg']}.") from error
    return Given(inputs, settings, local)


def _collect(job: Job, tool: Any, result: Result) -> dict[str, Any]:
    """Writes the tables, looks the files up, puts aside what goes into the library, and makes all of it last."""
    folder = job.out / "tables"
    if result.tables:
        folder.mkdir(exist_ok=True)
    tables = [write_table(each, folder / f"{each.name}.parquet", job.work) for each in result.tables]
    library = [items.put_aside(job.out, each, tool, job.versions) for each in result.library]
    files = [_result_file(job.out, each.path, each.title, each.format) for each in result.files]
    files += items.listed(library, [each["path"] for each in files])
    _sync(job.out)
    return {
        "summary": json_safe(result.summary),
        "warnings": [str(each) for each in result.warnings],
        "tables": [{**each, "file": f"tables/{each['name']}.parquet"} for each in tables],
        "files": files,
        "library": library,
        "failed_items": [str(each) for each in result.failed_items],
    }


def _result_file(out: Path, path: Path, title: str, format: str) -> dict[str, Any]:
    whole = (out / path).resolve()
    if not whole.is_relative_to(out.resolve()) or not whole.is_file():
        raise ToolFailure(f"The tool named the result file {path.name}, but did not write it.")
    return {
        "path": str(whole.relative_to(out.resolve())),
        "title": title,
        "format": format,
        "bytes": whole.stat().st_size,
    }


def _sync(out: Path) -> None:
    """Files and folders on disk, before anybody hears of them. An empty folder costs nothing."""
    if not any(out.iterdir()):
        return
    for folder, _, names in os.walk(out):
        for path in [*(os.path.join(folder, name) for name in names), folder]:
            if os.path.islink(path):
                continue
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def describe(error: BaseException) -> dict[str, str]:
    """Kind and sentence of an error; the traceback of a bug goes to the log only."""
    if isinstance(error, InputFailure):
        return _error(ErrorKind.INPUT, str(error))
    if isinstance(error, LimitFailure):
        return _error(ErrorKind.LIMIT, str(error))
    if isinstance(error, ToolFailure):
        return _error(ErrorKind.TOOL, str(error))
    _write_log("".join(traceback.format_exception(error)))
    if isinstance(error, MemoryError):
        return _error(ErrorKind.LIMIT, "The tool ran out of memory.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _error(ErrorKind.LIMIT, "The disk of the worker is full.")
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return _error(ErrorKind.LIMIT, "The tool wrote a file that is larger than this job may write.")
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return _error(ErrorKind.LIMIT, "The tool opened more files at once than this job may open.")
    text = str(error).strip().splitlines()
    name = type(error).__name__
    return _error(
        ErrorKind.TOOL,
        f"The tool stopped with an error: {name}: {text[0][:300]}"
        if text
        else f"The tool stopped with an error: {name}.",
    )


def _error(kind: ErrorKind, message: str) -> dict[str, str]:
    return {"kind": kind.value, "message": message}


def _waiting(name: str) -> dict[str, Any]:
    return {"name": name, "state": "waiting", "started_at": None, "ended_at": None}


def _keep(path: Path, value: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value))
    temporary.rename(path)


def _send(pipe: int, message: Mapping[str, Any]) -> None:
    data = encode(message)
    while data:
        data = data[os.write(pipe, data) :]


def _write_log(line: str) -> None:
    """Adds a line to the log; a full disk ends the run where it writes its results, not here."""
    try:
        os.write(1, line.encode(errors="replace") + b"\n")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
