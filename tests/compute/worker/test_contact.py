"""Messages of a worker to the app."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from compute.worker.contact import BATCH_S, MOST_S, Announcer


class Loop:
    """An event loop whose time the test makes pass."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def add_callback(self, call: Callable[[], None]) -> None:
        call()

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        self.waiting.append((delay, call))


def test_one_message_travels_at_once_and_many_short_ones_together() -> None:
    loop, sent = Loop(), []
    worker: Any = SimpleNamespace(loop=loop, log_event=lambda topic, batch: sent.append(len(batch)))
    announce = Announcer(worker)
    announce({"kind": "started"})
    announce({"kind": "outcome"})
    ((delay, flush),) = loop.waiting
    assert delay == BATCH_S
    flush()
    assert sent == [2]

    for _ in range(100):
        announce({"kind": "started"})
    loop.waiting[-1][1]()
    announce({"kind": "started"})
    assert loop.waiting[-1][0] == MOST_S
    assert sent == [2, 100]
