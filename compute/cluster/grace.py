"""Scheduler preload: ends the local cluster some time after the app went away.

The cluster outlives an app that died, so that a long run is not lost because the dashboard restarted; but nobody
should find it days later.
"""

from __future__ import annotations

import os
import time

from distributed.scheduler import Scheduler
from tornado.ioloop import PeriodicCallback


def dask_setup(scheduler: Scheduler) -> None:
    grace_s = float(os.environ["WELLPLATE_GRACE_S"])
    last_seen = time.monotonic()

    async def look() -> None:
        nonlocal last_seen
        # The scheduler itself counts as a client under this name once a task was fired and forgotten.
        if any(name != "fire-and-forget" for name in scheduler.clients):
            last_seen = time.monotonic()
        if time.monotonic() - last_seen > grace_s:
            await scheduler.close(reason="the app has been away for the grace time")

    PeriodicCallback(look, callback_time=1000 * min(grace_s / 10, 10)).start()
