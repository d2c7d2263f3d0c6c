"""One thread that sends what is due of one channel, and tries again later what could not be sent.

A delivery is removed from the disk once it was sent, so a crash in between sends it a second time: at least once, and
twice only then. Both copies carry the same id (`Message-ID`, `Wellplate-Delivery`), by which a receiver tells.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from compute.notices.addresses import host_of
from data import deliveries
from data.deliveries import Delivery, GivenUp, Postponed
from data.errors import Unavailable
from data.notices import NewNotice
from data.store import Store

log = logging.getLogger(__name__)

#: Of the notice that something could not be delivered.
KIND = "delivery_failed"
#: After each failed try; then it is given up.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
#: Taken from the disk at once.
MOST = 100
#: When the store cannot be read or written.
PAUSE_S = 30.0
#: A clock that was set back, or a wait that is too long for a lock, must not stop the sending for good.
LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    #: A sentence without anything secret, nor the other side's own words: they may quote a link of the body.
    problem: str
    #: It makes no sense to try again.
    final: bool = False


class Report(Protocol):
    """Called by a sender once it is known what came of some deliveries; None: they were sent."""

    def __call__(self, concerned: list[Delivery], failure: Failure | None, /) -> None: ...


class Sender(Protocol):
    """Sends in the carrier's thread, and leaves off between two deliveries once `stopping()`."""

    def __call__(self, batch: list[Delivery], report: Report, stopping: Callable[[], bool]) -> None: ...


class Carrier:
    def __init__(
        self,
        store: Store,
        channel: str,
        send: Sender,
        *,
        clock: Callable[[], datetime],
        waits: tuple[timedelta, ...],
    ) -> None:
        self._store = store
        self._channel = channel
        self._send = send
        self._clock = clock
        self._waits = waits
        self._wake = threading.Condition()
        self._news = False
        self._stopping = False
        #: Sent, but the store did not take it yet: never sent again.
        self._sent: set[str] = set()
        self._thread = threading.Thread(target=self._work, name=f"outbox-{channel}", daemon=True)
        self._stop_hearing: Callable[[], None] | None = None

    def start(self) -> None:
        self._stop_hearing = self._store.hear(deliveries.TOPIC, self._heard)
        self._thread.start()

    def stop(self) -> None:
        """Returns once the delivery under way has come to its end, which its sender limits in time."""
        if self._stop_hearing is None:
            return
        self._stop_hearing()
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join()

    def _heard(self, channels: frozenset[str]) -> None:
        if self._channel not in channels:
            return
        with self._wake:
            self._news = True
            self._wake.notify_all()

    # The thread ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping:
            try:
                self._round()
            except Unavailable as trouble:
                log.warning("outbox: %s", trouble.message)
                self._wait(lambda: self._stopping, PAUSE_S)

    def _round(self) -> None:
        """Send what is due, or wait for the next."""
        self._news = False
        self._forget_sent()
        if due := deliveries.due(self._store, self._channel, self._clock(), MOST):
            self._send(due, self._report, lambda: self._stopping)
            return
        next_due = deliveries.next_due(self._store, self._channel)
        seconds = (next_due - self._clock()).total_seconds() if next_due else LONGEST_WAIT_S
        self._wait(lambda: self._stopping or self._news, min(max(seconds, 0.0), LONGEST_WAIT_S))

    def _wait(self, until: Callable[[], bool], seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(until, timeout=seconds)

    def _forget_sent(self) -> None:
        if self._sent:
            deliveries.sent(self._store, sorted(self._sent)).result()
            self._sent.clear()

    def _report(self, concerned: list[Delivery], failure: Failure | None) -> None:
        if failure is None:
            self._sent |= {delivery.id for delivery in concerned}
            self._forget_sent()
            return
        again = [] if failure.final else [each for each in concerned if each.tries < len(self._waits)]
        over = [each for each in concerned if each not in again]
        log.warning(
            "outbox: %d of %s to try again, %d given up: %s",
            len(again),
            self._channel,
            len(over),
            failure.problem,
        )
        written = [deliveries.postpone(self._store, self._later(each, failure)) for each in again]
        if over:
            given_up = GivenUp(deliveries=[each.id for each in over], told=list(_told(over, failure)))
            written.append(deliveries.give_up(self._store, given_up))
        _finish(written)

    def _later(self, delivery: Delivery, failure: Failure) -> Postponed:
        due_at = self._clock() + self._waits[delivery.tries]
        return Postponed(delivery=delivery.id, due_at=due_at, problem=failure.problem)


def _told(over: list[Delivery], failure: Failure) -> Iterator[NewNotice]:
    """One notice for each person, however many of theirs were given up at once."""
    by_person: dict[str, list[Delivery]] = {}
    for delivery in over:
        if delivery.person is not None:
            by_person.setdefault(delivery.person, []).append(delivery)
    for person, theirs in by_person.items():
        text = f"{_what(theirs)} could not be delivered. {failure.problem}"
        yield NewNotice(person=person, kind=KIND, text=text, job=theirs[0].job)


def _what(theirs: list[Delivery]) -> str:
    first, more = theirs[0], f" and {len(theirs) - 1} more" if len(theirs) > 1 else ""
    if first.channel == deliveries.WEBHOOK:
        return f"The notice “{first.subject}” to {host_of(first.target)}{more}"
    return f"The mail “{first.subject}” to {first.target}{more}"


def _finish(written: Iterable[Future[None]]) -> None:
    for future in written:
        future.result()
