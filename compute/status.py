"""How busy the site is, for everybody, and what its disk holds, for the site's admin.

The first is numbers over all teams; it names no job, person or team.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from compute import access
from compute.cluster.client import Cluster, Worker
from compute.gate import refuse_unless
from compute.queue.needs import Need
from compute.settings import Settings
from data import status
from data.folders import Folders
from data.records import Person, Status, utcnow
from data.status import Waiting
from data.store import Store

LATELY = timedelta(hours=24)
#: A counting of the disk is shown for so long, and for so many times as long as it took.
COUNT_AGAIN_S, COUNT_AGAIN_TIMES = 60.0, 50.0

BATCH = "Wait for their batch: their team has as many jobs at once as it may."
NO_WORKER = "No worker is connected."
SOON = "Start in a moment: they need no slot."
SLOT = "Wait for a free slot; turns go round teams and people."


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    words: str
    jobs: int
    #: When the oldest of them was submitted (UTC).
    oldest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """Everybody's jobs, in numbers."""

    #: Why jobs wait, the most frequent reason first.
    reasons: list[Reason]
    #: How jobs ended within the last 24 hours.
    ended: dict[Status, int]
    #: Seconds from submit to start, half of the last 24 hours' jobs waited less; None when none started.
    typical_wait_s: float | None

    @property
    def waiting(self) -> int:
        return sum(reason.jobs for reason in self.reasons)

    @property
    def oldest(self) -> datetime | None:
        """When the job that waits longest was submitted."""
        return min((reason.oldest for reason in self.reasons), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskUse:
    """Bytes. A file that several places share (a hard link) counts once, where it is named first."""

    uploads: int
    jobs: int
    database: int
    backups: int
    #: On the disk of the files.
    free: int
    counted_at: datetime


class SiteStatus:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        self._clock = clock
        self._counting = threading.Lock()
        #: The last counting, and when the next one is due.
        self._counted: tuple[DiskUse, float] | None = None

    def queue(self) -> Queue:
        since = utcnow() - LATELY
        return Queue(
            reasons=why_waiting(status.waiting(self._store), self._cluster.workers()),
            ended=status.ended_since(self._store, since),
            typical_wait_s=status.median_wait(self._store, since),
        )

    def disk(self, person: Person) -> DiskUse:
        """What takes the disk; every file is looked at, so it is counted once a minute at most."""
        refuse_unless(access.may_administer(person), "Only the site's admin sees what is on the disk.")
        with self._counting:
            if self._counted is not None and self._clock() < self._counted[1]:
                return self._counted[0]
            began = self._clock()
            found = self._count()
            took = self._clock() - began
            self._counted = found, began + took + max(COUNT_AGAIN_S, COUNT_AGAIN_TIMES * took)
            return found

    @property
    def dashboard(self) -> str | None:
        """Where Dask's own dashboard answers on the server's machine; None when it is off or not ours."""
        port = self._settings.cluster.dashboard_port
        return (
            f"http://127.0.0.1:{port}/status" if port and self._settings.cluster_address == "local" else None
        )

    def _count(self) -> DiskUse:
        root, database = self._folders.root, self._settings.database
        seen: set[tuple[int, int]] = set()
        return DiskUse(
            uploads=_bytes_under(root / "uploads", seen),
            jobs=_bytes_under(root / "jobs", seen),
            database=sum(_size(path) for path in database.parent.glob(f"{database.name}*")),
            backups=_bytes_under(self._settings.home / "backups", seen),
            free=shutil.disk_usage(root).free,
            counted_at=utcnow(),
        )


def why_waiting(groups: Sequence[Waiting], workers: Sequence[Worker]) -> list[Reason]:
    """Groups of jobs that wait as reasons in words, the most frequent first."""
    found: dict[str, Reason] = {}
    for group in groups:
        words = _why(group, workers)
        known = found.get(words)
        found[words] = Reason(
            words=words,
            jobs=group.jobs + (known.jobs if known else 0),
            oldest=min(group.oldest, known.oldest) if known else group.oldest,
        )
    return sorted(found.values(), key=lambda reason: (-reason.jobs, reason.words))


def _why(group: Waiting, workers: Sequence[Worker]) -> str:
    if group.queued:
        return BATCH
    if not workers:
        return NO_WORKER
    need = Need(group.cpus, group.memory_mb, group.gpus)
    if not any(need.within(worker) for worker in workers):
        gpus = f" and {group.gpus} GPU" if group.gpus else ""
        return f"No worker that is connected offers {group.cpus} CPUs, {group.memory_mb} MB of memory{gpus}."
    return SOON if group.cpus == 0 else SLOT


def _bytes_under(folder: Path, seen: set[tuple[int, int]]) -> int:
    return sum(_new_bytes(entry, seen) for entry in _files(folder))


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files below; what goes away meanwhile is left out."""
    folders = [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        yield entry
        except (FileNotFoundError, NotADirectoryError):
            continue


def _new_bytes(entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if found.st_nlink > 1:
        file = found.st_dev, found.st_ino
        if file in seen:
            return 0
        seen.add(file)
    return found.st_size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
