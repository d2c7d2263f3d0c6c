"""A worker's contact with its scheduler: messages to the app, and what happens when nobody answers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from distributed import Worker
from distributed.comm import CommClosedError

from compute.messages import TOPIC

logger = logging.getLogger("wellplate.contact")

#: Messages that come within this time travel together, in seconds: for each of the last second so much, so much at
#: most. One job alone is told of at once; of many short ones the app hears in few messages, each of them one commit.
BATCH_S, MOST_S = 0.005, 0.25


class Announcer:
    """Sends messages to the app as events of the scheduler; those that come together travel together."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._waiting: list[dict[str, Any]] = []
        #: When messages were sent in the last second.
        self._sent: deque[float] = deque()

    def __call__(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._waiting.append(message)
            first = len(self._waiting) == 1
        if first:
            self._worker.loop.add_callback(self._soon)

    def hurry(self) -> None:
        """Sends what waits before anything that the event loop is asked for after this. From any thread."""
        self._worker.loop.add_callback(self.flush)

    def flush(self) -> None:
        """On the event loop only."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        if not batch:
            return
        self._sent.extend([time.monotonic()] * len(batch))
        try:
            self._worker.log_event(TOPIC, batch)
        except CommClosedError:
            logger.warning("no scheduler to tell %d messages; outcomes are on disk", len(batch))

    def _soon(self) -> None:
        while self._sent and time.monotonic() - self._sent[0] > 1:
            self._sent.popleft()
        self._worker.loop.call_later(min(MOST_S, BATCH_S * (1 + len(self._sent))), self.flush)


class Lease:
    """Asks the scheduler now and then; after `lease_s` without an answer it says so, once per silence."""

    def __init__(self, worker: Worker, lease_s: float, expired: Callable[[], None]) -> None:
        self._worker = worker
        self.lease_s = lease_s
        self._expired = expired
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def _keep(self) -> None:
        last = time.monotonic()
        while True:
            every = self.lease_s / 6
            await asyncio.sleep(every)
            try:
                await asyncio.wait_for(self._worker.scheduler.identity(n_workers=0), every)
                last = time.monotonic()
            except (TimeoutError, OSError):
                if time.monotonic() - last > self.lease_s:
                    logger.warning("no contact with the scheduler for %.0f s: ending all runs", self.lease_s)
                    self._expired()
                    last = time.monotonic()
