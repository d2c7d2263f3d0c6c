"""The store: named reads on a cursor per call, and one writer thread that commits in groups.

A commit costs one fsync (1 to 4 ms), whatever it carries. So the writer takes everything that is queued,
hands each verb all of its arguments at once, commits once, and only then resolves the callers' futures.

Within a group the verbs run in the order of a job's life (`Rank`), not in the order of arrival. That is
legal because none of these callers has been told anything yet: they are concurrent, and any order among
concurrent callers is one that they could have seen. A caller that waits for its future before it writes
again finds its own write.

DuckDB has no savepoints, and after any error `commit` returns normally and rolls everything back. So an
error means ROLLBACK, the file opened anew, and every caller of the group again in a transaction of its own:
a poisoned one fails alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from data.database import (
    MIGRATIONS,
    Condition,
    Database,
    is_storage,
    load_queries,
    narrow,
    rollback,
    rows,
    run,
)
from data.errors import Unavailable
from data.records import Change, Status, Visibility, utcnow
from data.remembered import Remembered

log = logging.getLogger(__name__)

#: The WAL is folded into the file at this size at the latest, and when nothing was written for IDLE_S.
WAL_LIMIT = 64 * 1024 * 1024
IDLE_S = 5.0
#: After a checkpoint that failed.
CHECKPOINT_AGAIN_S = 60.0
#: How long a patient verb (progress) waits for company.
PATIENCE_S = 0.1
#: Of reads, kept until the next commit; one may be the ten thousand wells of a plate.
ANSWERS = 32

A = TypeVar("A")
K = TypeVar("K")
T = TypeVar("T")


class Transaction:
    """What a verb gets; only inside the writer thread and only until the verb returns."""

    def __init__(self, store: Store, connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
        self._store = store
        self._connection = connection
        #: UTC without zone; one per transaction, and later than that of every transaction before it.
        self.now = now
        self.changes: list[dict[str, Any]] = []
        #: By topic, what `Store.hear` tells after the commit.
        self.told: dict[str, set[str]] = {}

    def run(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """A named query of queries/; ids come back as text."""
        return rows(self._connection, self._store.queries[query], parameters)

    def next_seq(self, count: int = 1) -> int:
        """The first of `count` new numbers. A transaction that fails leaves a gap."""
        return self._store.take_seq(count)

    def changed(
        self,
        *,
        job: str,
        seq: int,
        team: str,
        submitter: str,
        visibility: Visibility,
        status: Status | None,
        progress: float | None,
        step: str | None,
        attempt: int,
        batch: str | None = None,
        gone: bool = False,
    ) -> None:
        """Tell the listeners, after the commit."""
        self.changes.append(
            {
                "job": job,
                "seq": seq,
                "team": team,
                "submitter": submitter,
                "visibility": visibility,
                "status": status,
                "progress": progress,
                "step": step,
                "attempt": attempt,
                "batch": batch,
                "gone": gone,
            }
        )

    def tell(self, topic: str, subject: str) -> None:
        """Let those who hear of this topic know, after the commit, that something of this subject changed."""
        self.told.setdefault(topic, set()).add(subject)


#: Set-based: gets all arguments of one group and returns a result for each. An Exception as a result goes to that
#: caller only; one that is raised makes the group start again, caller by caller.
Verb = Callable[[Transaction, list[Any]], list[Any]]


class Rank(IntEnum):
    """The order of verbs within a group."""

    GRANT = 0
    SUBMIT = 1
    CLAIM = 2
    PROGRESS = 3
    FINISH = 4
    LOSE = 5
    CANCEL = 6
    RENAME = 7
    DELETE = 8
    OTHER = 9


def ranked(rank: Rank, *, patient: bool = False) -> Callable[[Verb], Verb]:
    """Give a verb its place in the group. A patient one may wait PATIENCE_S for others, to save commits."""

    def mark(verb: Verb) -> Verb:
        verb.rank = rank  # type: ignore[attr-defined]
        verb.patient = patient  # type: ignore[attr-defined]
        return verb

    return mark


def rounds(arguments: list[A], key: Callable[[A], K]) -> Iterable[list[int]]:
    """Positions in rounds in which no key comes twice: a set-based statement takes each row once."""
    waiting = list(range(len(arguments)))
    while waiting:
        seen: set[K] = set()
        turn: list[int] = []
        later: list[int] = []
        for position in waiting:
            (later if key(arguments[position]) in seen else turn).append(position)
            seen.add(key(arguments[position]))
        yield turn
        waiting = later


@dataclass(slots=True)
class _Call:
    #: None: `argument` is called between two transactions.
    verb: Verb | None
    argument: Any
    future: Future[Any] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)

    @property
    def patient(self) -> bool:
        return getattr(self.verb, "patient", False)


class Store:
    def __init__(self, path: Path, *, migrations: Path = MIGRATIONS) -> None:
        self.queries = load_queries()
        self.database = Database(path, migrations=migrations)
        #: Transactions committed since the start.
        self.commits = 0
        self._answers = Remembered(ANSWERS)
        self._seq = 0 if self.read_only else self.read("last_number")[0]["number"]
        self._now = utcnow()
        self._queue: list[_Call] = []
        self._urgent = 0
        #: Groups that are being put together.
        self._held = 0
        self._wake = threading.Condition()
        self._closing = False
        self._listeners: list[Callable[[list[Change]], None]] = []
        self._hearers: dict[str, list[Callable[[frozenset[str]], None]]] = {}
        # Greater than in any earlier run: who was told of changes by that one has missed some.
        self._changes = int(time.time()) << 20
        self._checkpoint_after = 0.0
        self._writer = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._writer.start()

    @property
    def path(self) -> Path:
        return self.database.path

    @property
    def last_change(self) -> int:
        """The number of the last change that the listeners were told: what is read after this has all up to it."""
        return self._changes

    @property
    def read_only(self) -> str | None:
        """None, or the sentence that says why nothing can be written and what to do."""
        return self.database.read_only

    def read(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """A named query, seeing what is committed; ids come back as text."""
        return self._read(self.queries[query], parameters)

    def read_where(
        self, query: str, conditions: Sequence[Condition], **parameters: Any
    ) -> list[dict[str, Any]]:
        """A named query that takes conditions, with these."""
        sql, more = narrow(self.queries[query], conditions)
        return self._read(sql, parameters | more)

    def tuples(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a named query as they come: for thousands, which as dictionaries cost as much again."""
        with self._reading() as cursor:
            return run(cursor, self.queries[query], parameters).fetchall()

    def once(self, question: str, read: Callable[[], T]) -> T:
        """What `read` answers, kept until something is committed: the parts of a page are drawn of one read."""
        commits = self.commits  # before reading: what is committed meanwhile makes the answer old
        known: tuple[int, T] | None = self._answers.get(question)
        if known is not None and known[0] == commits:
            return known[1]
        answer = read()
        self._answers.put(question, (commits, answer))
        return answer

    def _read(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        with self._reading() as cursor:
            return rows(cursor, sql, parameters)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.database.cursor() as cursor:
            try:
                yield cursor
            except duckdb.Error as error:
                if is_storage(error):
                    raise Unavailable("The database cannot be read at the moment. Try again.") from error
                raise

    def write(self, verb: Verb, argument: Any) -> Future[Any]:
        """Resolves when its transaction is on disk."""
        return self._put(_Call(verb, argument))

    def between(self, action: Callable[[Database], Any]) -> Future[Any]:
        """Call `action` in the writer thread while no transaction is open."""
        return self._put(_Call(None, action))

    def listen(self, callback: Callable[[list[Change]], None]) -> Callable[[], None]:
        """Call back with the changes of each commit, in the writer thread: be quick. Returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def hear(self, topic: str, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call back with the subjects told of a topic in each commit, in the writer thread: be quick.

        Returns what ends it.
        """
        hearers = self._hearers.setdefault(topic, [])
        hearers.append(callback)
        return lambda: hearers.remove(callback) if callback in hearers else None

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked for within is one group. Nothing is written meanwhile: so wait for nothing that is."""
        with self._wake:
            self._held += 1
        try:
            yield
        finally:
            with self._wake:
                self._held -= 1
                self._wake.notify_all()

    def checkpoint(self) -> None:
        """Fold the WAL into the file now."""
        self.between(Database.checkpoint).result()

    def close(self) -> None:
        """Write what is queued, then let go of the file."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._writer.join()
        self.database.close()

    def take_seq(self, count: int) -> int:
        """Only for Transaction."""
        first = self._seq + 1
        self._seq += count
        return first

    def _put(self, call: _Call) -> Future[Any]:
        with self._wake:
            if self.read_only:
                call.future.set_exception(Unavailable(self.read_only))
            elif self._closing:
                call.future.set_exception(Unavailable("The app is stopping; try again when it is back."))
            else:
                self._queue.append(call)
                self._urgent += not call.patient
                self._wake.notify_all()
        return call.future

    # The writer thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            calls = self._take()
            if calls is None:
                return
            self._apply([call for call in calls if call.verb])
            for call in calls:
                if not call.verb:
                    self._call(call)
            if not calls or self.database.wal_bytes() > WAL_LIMIT:
                self._tidy()

    def _take(self) -> list[_Call] | None:
        """Everything that is queued; nothing after IDLE_S without a caller; None when the store closes."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing, timeout=IDLE_S)
            self._wake.wait_for(lambda: not self._held)
            if self._queue and not self._closing:
                due = self._queue[0].arrived + PATIENCE_S - time.monotonic()
                self._wake.wait_for(lambda: self._urgent or self._closing, timeout=max(0.0, due))
            if self._closing and not self._queue:
                return None
            calls, self._queue, self._urgent = self._queue, [], 0
        return [call for call in calls if call.future.set_running_or_notify_cancel()]

    def _apply(self, calls: list[_Call]) -> None:
        """Commit together; when that fails, each alone."""
        if not calls:
            return
        connection = self._connection()
        if connection is None:
            self._refuse(calls)
            return
        try:
            results, transaction = self._commit(connection, calls)
        except Exception as error:  # noqa: BLE001  every error goes to a caller
            self._failed(calls, error)
            return
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, Exception):
                call.future.set_exception(result)
            else:
                call.future.set_result(result)
        self._publish(transaction)

    def _failed(self, calls: list[_Call], error: Exception) -> None:
        if is_storage(error):
            self._lost_disk(calls, error)
            return
        # After a rollback DuckDB 2.0 may show, and write on, an older value of a row that had been updated; on disk is
        # the right one.
        self._revive()
        if len(calls) == 1:
            calls[0].future.set_exception(error)
        else:
            for call in calls:
                self._apply([call])

    def _connection(self) -> duckdb.DuckDBPyConnection | None:
        """None when nothing can be written."""
        try:
            connection = self.database.writer()
        except (duckdb.Error, Unavailable, OSError) as error:
            log.error("the database could not be opened again: %s", error)
            return None
        return None if self.read_only else connection

    def _commit(
        self, connection: duckdb.DuckDBPyConnection, calls: list[_Call]
    ) -> tuple[list[Any], Transaction]:
        """One transaction: the results in the order of the calls, and what it has to tell."""
        self._now = max(utcnow(), self._now + timedelta(microseconds=1))
        transaction = Transaction(self, connection, self._now)
        results: list[Any] = [None] * len(calls)
        connection.execute("begin")
        try:
            for positions in _by_verb(calls):
                verb = calls[positions[0]].verb
                assert verb is not None
                answers = verb(transaction, [calls[position].argument for position in positions])
                for position, answer in zip(positions, answers, strict=True):
                    results[position] = answer
            number = transaction.run("count_commit")[0]["number"]
        except BaseException:
            rollback(connection)
            raise
        connection.execute("commit")
        self.commits += 1
        self.database.acknowledge(number)
        return results, transaction

    def _numbered(self, change: dict[str, Any]) -> Change:
        self._changes += 1
        return Change(number=self._changes, **change)

    def _publish(self, transaction: Transaction) -> None:
        changes = [self._numbered(change) for change in transaction.changes]
        if changes:
            for callback in list(self._listeners):
                _call_back(callback, changes)
        for topic, subjects in transaction.told.items():
            for hearer in list(self._hearers.get(topic, ())):
                _call_back(hearer, frozenset(subjects))

    def _lost_disk(self, calls: list[_Call], error: Exception) -> None:
        """The disk is full or DuckDB gave up. What is on disk is the truth: open again, callers may retry.

        They are not replayed: a commit that failed half-way may be found on disk after all.
        """
        log.error("the database could not be written: %s", error)
        self._revive()
        self._refuse(calls)

    def _refuse(self, calls: list[_Call]) -> None:
        full = "This could not be saved: the server's disk is full or failing. Try again later."
        for call in calls:
            call.future.set_exception(Unavailable(self.read_only or full))

    def _revive(self) -> None:
        try:
            self.database.reopen()
        except (duckdb.Error, Unavailable, OSError) as error:
            log.error("the database could not be opened again: %s", error)

    def _call(self, call: _Call) -> None:
        try:
            call.future.set_result(call.argument(self.database))
        except Exception as error:  # noqa: BLE001  every error goes to the caller
            if is_storage(error):
                self._revive()
            call.future.set_exception(error)

    def _tidy(self) -> None:
        """Checkpoint; and open the file again if that failed when the disk was full."""
        if not self.database.is_open():
            self._revive()
        if self.read_only or not self.database.wal_bytes() or time.monotonic() < self._checkpoint_after:
            return
        try:
            self.database.checkpoint()
        except (duckdb.Error, Unavailable, OSError) as error:
            log.error("checkpoint: %s", error)
            # Fatal to DuckDB when the disk is full, so not after every commit.
            self._checkpoint_after = time.monotonic() + CHECKPOINT_AGAIN_S
            self._revive()


def _call_back(callback: Callable[[A], None], news: A) -> None:
    try:
        callback(news)
    except Exception:
        log.exception("a listener failed; the others and the store go on")


def _by_verb(calls: list[_Call]) -> list[list[int]]:
    """Positions by verb: verbs in the order of a job's life, then in the order in which they came."""
    groups: dict[Verb | None, list[int]] = {}
    for position, call in enumerate(calls):
        groups.setdefault(call.verb, []).append(position)
    return sorted(groups.values(), key=lambda group: getattr(calls[group[0]].verb, "rank", Rank.OTHER))
