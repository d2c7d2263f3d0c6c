"""Process trees on Linux: who descends from whom, what they use, and how to end them without hitting another.

A process is named by its id and its start time: ids come again, the pair does not (until the next boot).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: In the environment of every program of a run.
MARKER = "WELLPLATE_RUN"

#: Names of our own processes, as ps shows them.
TEMPLATE, SLOT, CHILD = "wp-template", "wp-slot", "wp-run"

#: Of jobs: pages and the app's own work on the same machine go before them.
NICE = 10

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """This process gets the signal when the thread that forked it ends. Its children do not inherit this."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of the init process's."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def call_itself(name: str) -> None:
    """Up to 15 characters; lasts until the process starts another program."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def give_way() -> None:
    """This process and its descendants use what others leave of the cpus. Call it first in a session of its own.

    Linux may divide the cpus among sessions before it looks at processes (sched_autogroup, see sched(7)).
    """
    os.nice(NICE)
    with suppress(OSError):  # not every kernel has it
        Path("/proc/self/autogroup").write_text(str(NICE))


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    name: str
    parent: int
    #: In clock ticks since boot.
    started: int
    zombie: bool
    #: Its own and those of children that it waited for.
    cpu_seconds: float
    resident_bytes: int


def read(pid: int) -> Process | None:
    """None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # 4242 (a name with ) and spaces) S 4200 ... : fields from the third one on, see proc(5).
    fields = text[text.rindex(b")") + 2 :].split()
    return Process(
        pid=pid,
        name=text[text.index(b"(") + 1 : text.rindex(b")")].decode(errors="replace"),
        parent=int(fields[1]),
        started=int(fields[19]),
        zombie=fields[0] in (b"Z", b"X"),
        cpu_seconds=sum(map(int, fields[11:15])) * _TICK,
        resident_bytes=int(fields[21]) * _PAGE,
    )


def everybody() -> dict[int, Process]:
    found = (read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process}


def descendants(root: int, known: dict[int, Process] | None = None) -> list[Process]:
    """Everything below `root`, parents before children, zombies included."""
    children: dict[int, list[Process]] = {}
    for process in (known or everybody()).values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += [process.pid for process in below]
    return found


def io_bytes(pid: int) -> tuple[int, int]:
    """Bytes read and written by system calls, with those of children that it waited for; also of a zombie."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            text = file.read().split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0, 0
    return int(text[1]), int(text[3])  # rchar: N wchar: N ...


def open_files(pid: int) -> list[tuple[tuple[int, int], int]]:
    """((device, inode), position in bytes) of the files that it has open; empty when it is gone or not ours."""
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    found = []
    for each in descriptors:
        with suppress(FileNotFoundError, ProcessLookupError):  # closed meanwhile
            file = os.stat(f"/proc/{pid}/fd/{each}")
            if stat.S_ISREG(file.st_mode):
                with open(f"/proc/{pid}/fdinfo/{each}", "rb") as info:
                    found.append(((file.st_dev, file.st_ino), int(info.readline().split()[1])))  # pos: N
    return found


def proportional_bytes(pid: int) -> int:
    """Resident memory in which a page that n processes share counts 1/n: exact for forks, but dear."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass
    return 0


def send_signal(process: Process, number: int) -> None:
    """Signals this very process, never a later one of the same id."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        now = read(process.pid)
        if now and now.started == process.started:
            signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return  # ended meanwhile, or a set-uid program that is not ours to end
    finally:
        os.close(descriptor)


def identity() -> dict[str, Any]:
    """Tells where a process id is valid: this boot, this namespace of processes."""
    return {
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "namespace": os.readlink("/proc/self/ns/pid"),
    }


def write_record(path: Path, processes: Iterable[Process]) -> None:
    """Remembers a run's processes, for a start after everything was killed at once."""
    record = {**identity(), "processes": [[each.pid, each.started] for each in processes]}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(record))
    temporary.rename(path)


def read_record(path: Path) -> set[tuple[int, int]]:
    """(id, start time) of the recorded processes; empty when they were of another boot or machine."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return set()
    here = identity()
    if any(record.get(key) != value for key, value in here.items()):
        return set()
    return {(pid, started) for pid, started in record["processes"]}


def environment_of(pid: int) -> dict[str, str]:
    """The environment with which its program was started; empty for a process of somebody else."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (item.partition(b"=") for item in text.split(b"\0") if b"=" in item)
    return {os.fsdecode(key): os.fsdecode(value) for key, _, value in pairs}


def wait_gone(processes: Iterable[Process], timeout_s: float) -> list[Process]:
    """Waits until they are gone (a zombie counts as gone); returns those that are still there."""
    deadline = time.monotonic() + timeout_s
    left = []
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        now = read(process.pid)
        if now and now.started == process.started and not _readable(descriptor, deadline):
            left.append(process)
        os.close(descriptor)
    return left


def _readable(descriptor: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
