"""Who listens to which job: changes come in once per commit and go to those whom they concern.

The store's writer hands changes over from its own thread. Listeners are indexed by job and by team, so a commit costs
nothing for the sockets that show something else. Everything but `_heard` runs in the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from api.shapes import change_event, gone_event
from compute import workbench
from compute.workbench import Workbench
from data.records import Change, Person

#: At most one event per job in this time, except the last.
PAUSE_S = 0.5
PING_S = 30.0
#: A listener with more jobs waiting than this is too slow and is cut off.
MAX_WAITING = 1000
#: Changes this young are told again to a new subscription that does not say which it has seen.
RECENT_S = 3.0
#: So many changes are kept for those who say it.
MAX_RECENT = 2000

PING: dict[str, Any] = {"ping": True}
SIGNED_OUT: dict[str, Any] = {"signed_out": True}
#: The number of unread notices is put in when it is sent: it is the newest then, and read once for many notices.
NOTICES: dict[str, Any] = {"notices": None}
#: Of the team's library something came, changed or went.
FILES: dict[str, Any] = {"files": True}
#: Of the team's batches one came, changed or went.
BATCHES: dict[str, Any] = {"batch_list": True}
#: What was missed is not known any more.
AGAIN: dict[str, Any] = {"again": True}


class Listener:
    """One socket or event stream."""

    def __init__(self, person: Person | None) -> None:
        self.person = person
        self.jobs: frozenset[str] = frozenset()
        #: The team whose whole list is listened to.
        self.team: str | None = None
        self.batches: frozenset[str] = frozenset()
        #: The team whose list of batches is listened to.
        self.batch_list: str | None = None
        #: Whether the person's own notices are listened to.
        self.notices = False
        #: The team whose library is listened to.
        self.library: str | None = None
        self.signed_out = False
        self.cut = False
        self._waiting: dict[str, tuple[dict[str, Any], bool]] = {}
        self._sent: dict[str, float] = {}
        self._wake = asyncio.Event()

    def offer(self, job: str, event: dict[str, Any], *, urgent: bool) -> None:
        """Queue an event; a newer one of the same job takes its place."""
        if self.cut:
            return
        self._waiting[job] = (event, urgent)
        if len(self._waiting) > MAX_WAITING:
            self.cut_off()
        self._wake.set()

    def cut_off(self) -> None:
        """End it, as far as the server is concerned; the client comes back and draws everything anew."""
        self._waiting.clear()
        self.cut = True
        self._wake.set()

    def end(self) -> None:
        """Its session or token was revoked."""
        self.signed_out = True
        self._wake.set()

    async def events(self) -> list[dict[str, Any]]:
        """What is due next; a ping when nothing happened for a while; nothing when the listener was cut off."""
        asked = time.monotonic()
        while True:
            if self.signed_out:
                return [SIGNED_OUT]
            if self.cut:
                return []
            now = time.monotonic()
            if due := self._due(now):
                return due
            if now - asked >= PING_S:
                return [PING]
            self._wake.clear()
            await self._wait(self._pause(now, asked))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _due(self, now: float) -> list[dict[str, Any]]:
        ready = [job for job, (_, urgent) in self._waiting.items() if urgent or now >= self._next(job)]
        due = [self._waiting.pop(job)[0] for job in ready]
        self._sent = {job: at for job, at in self._sent.items() if now - at < PAUSE_S}
        self._sent |= dict.fromkeys(ready, now)
        return due

    def _next(self, job: str) -> float:
        return self._sent.get(job, -PAUSE_S) + PAUSE_S

    def _pause(self, now: float, asked: float) -> float:
        waits = [self._next(job) - now for job in self._waiting]
        return max(0.0, min([asked + PING_S - now, *waits]))


class Hub:
    """All listeners of one workbench on one event loop."""

    def __init__(self, bench: Workbench, loop: asyncio.AbstractEventLoop) -> None:
        self.bench = bench
        self.loop = loop
        self._listeners: set[Listener] = set()
        self._by_job: dict[str, set[Listener]] = {}
        self._by_team: dict[str, set[Listener]] = {}
        self._by_batch: dict[str, set[Listener]] = {}
        #: By team, for its list of batches.
        self._by_batch_list: dict[str, set[Listener]] = {}
        self._by_credential: dict[str, set[Listener]] = {}
        #: By person, for their notices.
        self._by_person: dict[str, set[Listener]] = {}
        #: By team, for its library.
        self._by_library: dict[str, set[Listener]] = {}
        self._recent: deque[tuple[float, Change]] = deque(maxlen=MAX_RECENT)
        self._stops = [
            bench.listen(self._heard),
            bench.accounts.on_revoked(self._revoked),
            bench.notices.listen(self._noticed),
            bench.library.listen(self._shelved),
        ]

    def close(self) -> None:
        for stop in self._stops:
            stop()

    # From other threads -------------------------------------------------------------------------------------

    def _heard(self, changes: list[Change]) -> None:
        """In the store's writer thread, after a commit."""
        now = time.monotonic()
        self._recent.extend((now, change) for change in changes)
        if any(self._concerned(change) for change in changes):
            self._soon(self._deliver, changes)

    def _concerned(self, change: Change) -> bool:
        if change.job in self._by_job:
            return True
        if change.batch is not None:
            return change.batch in self._by_batch or change.team in self._by_batch_list
        return change.team in self._by_team

    def _noticed(self, persons: frozenset[str]) -> None:
        """In the store's writer thread, after a commit."""
        if any(person in self._by_person for person in persons):
            self._soon(self._ring, persons)

    def _shelved(self, teams: frozenset[str]) -> None:
        """In the store's writer thread, after a commit."""
        if any(team in self._by_library for team in teams):
            self._soon(self._show_library, teams)

    def _revoked(self, credentials: frozenset[str]) -> None:
        self._soon(self._end, credentials)

    def _soon(self, call: Any, argument: Any) -> None:
        if self.loop.is_closed():
            self.close()
        else:
            self.loop.call_soon_threadsafe(call, argument)

    # In the event loop --------------------------------------------------------------------------------------

    def add(self, person: Person | None) -> Listener:
        listener = Listener(person)
        self._listeners.add(listener)
        if person is not None and person.credential is not None:
            self._by_credential.setdefault(person.credential, set()).add(listener)
        return listener

    def remove(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        self._forget(listener)
        if listener.person is not None and listener.person.credential is not None:
            _discard(self._by_credential, listener.person.credential, listener)

    def subscribe(
        self,
        listener: Listener,
        jobs: Iterable[str],
        *,
        whole_list: bool,
        batches: Iterable[str] = (),
        batch_list: bool = False,
        notices: bool = False,
        files: bool = False,
        since: int | None = None,
    ) -> None:
        """Listen to these jobs and batches, whose row the listener may see, and to no others; to own notices; to the
        team's library. `since`: the number of the last change that what the listener shows has in it.
        """
        before, team_before, notices_before = listener.jobs, listener.team, listener.notices
        batches_before, batch_list_before = listener.batches, listener.batch_list
        self._forget(listener)
        listener.jobs = frozenset(jobs)
        listener.team = listener.person.team if whole_list and listener.person else None
        for job in listener.jobs:
            self._by_job.setdefault(job, set()).add(listener)
        if listener.team:
            self._by_team.setdefault(listener.team, set()).add(listener)
        listener.batches = frozenset(batches)
        for batch in listener.batches:
            self._by_batch.setdefault(batch, set()).add(listener)
        listener.batch_list = listener.person.team if batch_list and listener.person else None
        if listener.batch_list:
            self._by_batch_list.setdefault(listener.batch_list, set()).add(listener)
        listener.notices = notices and listener.person is not None
        if listener.notices and listener.person is not None:
            self._by_person.setdefault(listener.person.id, set()).add(listener)
            if not notices_before:
                self._ring([listener.person.id])
        listener.library = listener.person.team if files and listener.person else None
        if listener.library:
            self._by_library.setdefault(listener.library, set()).add(listener)
        self._catch_up(
            listener,
            listener.jobs - before,
            listener.team if listener.team != team_before else None,
            listener.batches - batches_before,
            listener.batch_list if listener.batch_list != batch_list_before else None,
            since,
        )

    def _catch_up(
        self,
        listener: Listener,
        jobs: frozenset[str],
        team: str | None,
        batches: frozenset[str],
        batch_list: str | None,
        since: int | None,
    ) -> None:
        if since is not None and not self._before() <= since <= self.bench.last_change():
            listener.offer("again", AGAIN, urgent=True)
            return
        for change in self._missed(since):
            if change.job in jobs or (change.team == team and change.batch is None):
                self._tell(listener, change)
            if change.batch in batches:
                self._tell_of_batch(listener, change)
            if change.batch is not None and change.team == batch_list:
                listener.offer("batches", BATCHES, urgent=False)

    def _before(self) -> int:
        """The number of the last change before all that is kept; numbers have no gaps."""
        return self._recent[0][1].number - 1 if self._recent else self.bench.last_change()

    def _missed(self, since: int | None) -> list[Change]:
        if since is not None:
            return [change for _, change in list(self._recent) if change.number > since]
        young = time.monotonic() - RECENT_S
        return [change for at, change in list(self._recent) if at >= young]

    def _deliver(self, changes: list[Change]) -> None:
        for change in changes:
            of_team = self._by_team.get(change.team, set()) if change.batch is None else set()
            for listener in self._by_job.get(change.job, set()) | of_team:
                self._tell(listener, change)
        # However many children of a batch changed, it is told once.
        for change in {change.batch: change for change in changes if change.batch is not None}.values():
            for listener in list(self._by_batch.get(change.batch or "", ())):
                self._tell_of_batch(listener, change)
            for listener in self._by_batch_list.get(change.team, ()):
                listener.offer("batches", BATCHES, urgent=False)

    def _ring(self, persons: Iterable[str]) -> None:
        for person in persons:
            for listener in self._by_person.get(person, ()):
                listener.offer("notices", NOTICES, urgent=False)

    def _show_library(self, teams: Iterable[str]) -> None:
        for team in teams:
            for listener in self._by_library.get(team, ()):
                listener.offer("files", FILES, urgent=False)

    def _tell(self, listener: Listener, change: Change) -> None:
        """What this listener may know of a change: the change, that the job is gone, or nothing."""
        if listener.cut:
            return
        listener.person = self._still(listener)
        if listener.signed_out:
            return
        if self.bench.visible(listener.person, change):
            ended = change.gone or (change.status is not None and change.status.terminal)
            listener.offer(change.job, change_event(listener.person, change), urgent=ended)
        elif change.job in listener.jobs:
            listener.offer(change.job, gone_event(change), urgent=True)
            listener.jobs -= {change.job}
            _discard(self._by_job, change.job, listener)

    def _tell_of_batch(self, listener: Listener, change: Change) -> None:
        """That something of the batch changed, or that it is gone: a child has its team, submitter and visibility."""
        batch = change.batch
        if listener.cut or batch is None:
            return
        listener.person = self._still(listener)
        if listener.signed_out:
            return
        if change.gone or not self.bench.visible(listener.person, change):
            listener.offer(batch, {"batch": batch, "gone": True}, urgent=True)
            listener.batches -= {batch}
            _discard(self._by_batch, batch, listener)
        else:
            listener.offer(batch, {"batch": batch}, urgent=False)

    def _still(self, listener: Listener) -> Person | None:
        """The person as they are now: roles change, sessions run out."""
        if listener.person is None:
            return None
        now = self.bench.accounts.still(listener.person)
        if now is None:
            listener.end()
            return listener.person
        return now

    def check(self, listener: Listener) -> None:
        """End it if its session ran out meanwhile."""
        listener.person = self._still(listener)

    def cut_off(self) -> None:
        """Let go of all listeners, because the server stops."""
        for listener in self._listeners:
            listener.cut_off()

    def _end(self, credentials: frozenset[str]) -> None:
        for credential in credentials:
            for listener in list(self._by_credential.get(credential, ())):
                listener.end()

    def _forget(self, listener: Listener) -> None:
        for job in listener.jobs:
            _discard(self._by_job, job, listener)
        for batch in listener.batches:
            _discard(self._by_batch, batch, listener)
        if listener.team:
            _discard(self._by_team, listener.team, listener)
        if listener.batch_list:
            _discard(self._by_batch_list, listener.batch_list, listener)
        if listener.notices and listener.person is not None:
            _discard(self._by_person, listener.person.id, listener)
        if listener.library:
            _discard(self._by_library, listener.library, listener)


def _discard(index: dict[str, set[Listener]], key: str, listener: Listener) -> None:
    listeners = index.get(key, set())
    listeners.discard(listener)
    if not listeners:
        index.pop(key, None)


_hub: Hub | None = None


def current() -> Hub:
    """The hub of the running workbench; made by the first who listens."""
    global _hub
    bench, loop = workbench.current(), asyncio.get_running_loop()
    if _hub is None or _hub.bench is not bench or _hub.loop is not loop:
        if _hub is not None:
            _hub.close()
        _hub = Hub(bench, loop)
    return _hub


def stop() -> None:
    """Let go of all who listen: a server that stops waits for its open answers. From any thread or a signal."""
    if _hub is not None and not _hub.loop.is_closed():
        _hub.loop.call_soon_threadsafe(_hub.cut_off)
