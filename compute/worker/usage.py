"""What a run's whole process tree uses: sampled while it runs, exact for each process that ended."""

from __future__ import annotations

import time
from typing import Any

from compute.worker import processes
from compute.worker.processes import Process

#: Samples kept; when there are more, every second one goes.
ROWS = 200

_FIRST_INTERVAL = 0.2
_LAST_INTERVAL = 1.0
_GROWTH = 1.05


class Meter:
    """Adds up the tree below one process, its children as they come and go."""

    def __init__(self, memory_limit_bytes: int) -> None:
        self._limit = memory_limit_bytes
        self._start = time.monotonic()
        self._interval = _FIRST_INTERVAL
        self.next_sample = self._start + self._interval
        self._reaped_cpu = 0.0
        self._reaped_io = (0, 0)
        self._cpu = 0.0
        self._io = (0, 0)
        self._peak = 0
        self._series: list[list[float]] = []
        self._last = (0.0, 0.0)
        self._stride = 1
        self._seen = 0

    def reap(self, cpu_seconds: float, peak_bytes: int, io: tuple[int, int]) -> None:
        """A direct child that ended, with all that it had waited for."""
        self._reaped_cpu += cpu_seconds
        self._reaped_io = (self._reaped_io[0] + io[0], self._reaped_io[1] + io[1])
        self._peak = max(self._peak, peak_bytes)

    def sample(self, tree: list[Process]) -> bool:
        """Measures the living ones. True when their memory is over the limit."""
        now = time.monotonic()
        self._interval = min(_LAST_INTERVAL, self._interval * _GROWTH)
        self.next_sample = now + self._interval
        pairs = [processes.io_bytes(each.pid) for each in tree]
        self._io = (
            max(self._io[0], self._reaped_io[0] + sum(read for read, _ in pairs)),
            max(self._io[1], self._reaped_io[1] + sum(written for _, written in pairs)),
        )
        self._cpu = max(self._cpu, self._reaped_cpu + sum(each.cpu_seconds for each in tree))
        memory = sum(each.resident_bytes for each in tree)
        over = memory > self._limit
        if over:  # forks share pages: count those once before anything is ended
            memory = sum(processes.proportional_bytes(each.pid) for each in tree)
            over = memory > self._limit
        self._peak = max(self._peak, memory)
        self._keep(now - self._start, memory)
        return over

    def _keep(self, seconds: float, memory: int) -> None:
        last_seconds, last_cpu = self._last
        self._seen += 1
        if self._seen % self._stride:
            return
        cores = (self._cpu - last_cpu) / max(seconds - last_seconds, 1e-3)
        self._series.append([round(seconds, 2), round(cores, 2), memory, *self._io])
        self._last = (seconds, self._cpu)
        if len(self._series) >= ROWS:
            del self._series[::2]
            self._stride *= 2

    def usage(self) -> dict[str, Any]:
        """The totals, as records.Usage has them; called when nobody is left."""
        self._cpu = max(self._cpu, self._reaped_cpu)
        self._io = (max(self._io[0], self._reaped_io[0]), max(self._io[1], self._reaped_io[1]))
        return {
            "cpu_seconds": round(self._cpu, 4),
            "peak_memory_bytes": self._peak,
            "read_bytes": self._io[0],
            "written_bytes": self._io[1],
            "wall_seconds": round(time.monotonic() - self._start, 4),
            "series": self._series,
        }
