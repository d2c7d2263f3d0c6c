"""How often somebody may fail: a sliding minute per key, in memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from data.errors import TooMany

WINDOW_S = 60.0
MAX_KEYS = 10_000


class Throttle:
    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: dict[str, deque[float]] = {}

    def count(self, *keys: str) -> None:
        """Count a try under each key before it is made. Raises TooMany when one had too many within a minute."""
        now = self._clock()
        with self._lock:
            if len(self._tries) > MAX_KEYS:
                self._drop_old(now)
            tries = [self._recent(key, now) for key in keys]
            if any(len(recent) >= self._per_minute for recent in tries):
                raise TooMany("Too many tries. Wait a minute and try again.")
            for recent in tries:
                recent.append(now)

    def excuse(self, *keys: str) -> None:
        """Take the last try under each key back: it was a good one."""
        with self._lock:
            for key in keys:
                if tries := self._tries.get(key):
                    tries.pop()

    def _recent(self, key: str, now: float) -> deque[float]:
        recent = self._tries.setdefault(key, deque(maxlen=self._per_minute))
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        return recent

    def _drop_old(self, now: float) -> None:
        for key in list(self._tries):
            if not self._recent(key, now):
                del self._tries[key]
