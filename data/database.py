"""The DuckDB file: opening it, upgrading it, and opening it again after a fatal error.

One process owns the file: DuckDB lets no second one in, not even to read.

A write-ahead log (WAL) that does not replay is never thrown away: the database is shown read-only as it was
at the last checkpoint, until somebody moves the WAL aside. DuckDB itself notices only some damage. A
flipped byte in the length of an entry, or in the header, looks to it like the torn end that a crash leaves;
it then drops the rest of the WAL without a word. So every transaction counts itself in the table `commits`,
the last acknowledged number is kept in a small file beside the database, and a WAL is first replayed in
memory (read-only): what comes back with a lower number is damaged.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import duckdb

from data.errors import Unavailable
from data.records import utcnow

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "schema.sql"
MIGRATIONS = FOLDER / "migrations"
QUERIES = FOLDER / "queries"
CONDITIONS = QUERIES / "conditions"

#: Where a query takes conditions.
_MORE = "/* and so on */"
_PARAMETER = re.compile(r"\$(\w+)")

#: The name of a condition, and its parameters.
Condition = tuple[str, dict[str, Any]]

_HEADER = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


class BadQueries(Exception):
    """A file of queries/ is malformed; says where."""


@cache
def load_queries(folder: Path = QUERIES) -> dict[str, str]:
    """The statements of a folder by name: `-- name: word`, a comment that says what it does, one statement."""
    queries: dict[str, str] = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _HEADER.split(path.read_text())[1:]
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in queries:
                raise BadQueries(f"{path.name}: two queries have the name {name}")
            if not body.lstrip().startswith("--"):
                raise BadQueries(f"{path.name}: {name} has no comment that says what it does")
            queries[name] = body.strip()
    return queries


def narrow(query: str, conditions: Sequence[Condition]) -> tuple[str, dict[str, Any]]:
    """A query that takes conditions, with these, and their parameters under names of their own.

    Only those that are asked for, so that the planner sees no others.
    """
    known = load_queries(CONDITIONS)
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    for number, (name, own) in enumerate(conditions):
        text = _PARAMETER.sub(rf"$\1_{number}", known[name])
        parts.append(f"and ({text}\n)")
        parameters |= {f"{parameter}_{number}": value for parameter, value in own.items()}
    if _MORE not in query:
        raise BadQueries("this query takes no conditions")
    return query.replace(_MORE, "\n".join(parts)), parameters


def is_fatal(error: BaseException) -> bool:
    """Whether DuckDB refuses everything until the file is opened again."""
    text = str(error)
    return (
        isinstance(error, duckdb.FatalException | duckdb.InternalException) or "has been invalidated" in text
    )


def is_storage(error: BaseException) -> bool:
    """Whether the disk, not the statement, is to blame.

    A commit that meets a full disk is a TransactionException: 'Failed to commit: Could not write file ...'.
    """
    failed_commit = isinstance(error, duckdb.TransactionException) and "Could not " in str(error)
    return (
        failed_commit
        or is_fatal(error)
        or isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException)
    )


class Database:
    """A DuckDB file with named queries. Any thread may read; one thread at a time may write or reopen."""

    def __init__(self, path: Path, *, migrations: Path = MIGRATIONS) -> None:
        self.path = path
        self.migrations = migrations
        #: None, or the sentence that says why nothing can be written and what to do.
        self.read_only: str | None = None
        #: Only makes cursors; a connection that is busy refuses a second thread.
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._writer: duckdb.DuckDBPyConnection | None = None
        self._mark: int | None = None
        self._readers = 0
        self._gate = threading.Condition()
        self._reopening = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def wal_bytes(self) -> int:
        wal = wal_of(self.path)
        return wal.stat().st_size if wal.exists() else 0

    def writer(self) -> duckdb.DuckDBPyConnection:
        """The one cursor for transactions; opens the file again when the last try failed."""
        if self._connection is None:
            self.reopen()
        if self._writer is None:
            self._writer = self._base().cursor()
        return self._writer

    def is_open(self) -> bool:
        return self._connection is not None

    def acknowledge(self, number: int) -> None:
        """Note that transaction `number` is on disk, before anybody is told so."""
        try:
            if self._mark is None:
                self._mark = os.open(mark_of(self.path), os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwrite(self._mark, b"%020d\n" % number, 0)
        except OSError as error:
            # The transaction is safe; only the check at the next start knows less.
            log.warning("%s: %s", mark_of(self.path), error)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own: two threads on one connection are refused by DuckDB."""
        with self._gate:
            self._gate.wait_for(lambda: not self._reopening)
            cursor = self._base().cursor()
            self._readers += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._gate:
                self._readers -= 1
                self._gate.notify_all()

    def reopen(self) -> None:
        """Close and open again, when every reader has left: DuckDB gives an invalidated instance to whoever
        connects while anybody still holds it."""
        with self._gate:
            self._reopening = True
            self._gate.wait_for(lambda: self._readers == 0)
            try:
                self.close()
                self._open()
            finally:
                self._reopening = False
                self._gate.notify_all()

    def checkpoint(self) -> bool:
        """Fold the WAL into the file; False when a reader stands in the way."""
        try:
            self.writer().execute("checkpoint")
        except duckdb.TransactionException:
            return False
        return True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None

    def _base(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise Unavailable(
                "The database cannot be opened: the server's disk is full or failing. Try later."
            )
        return self._connection

    def _open(self) -> None:
        damage = self._damage()
        if damage is not None:
            self._open_without_wal(damage)
            return
        try:
            self._connection = connect(self.path)
        except duckdb.Error as error:
            raise Unavailable(_why(self.path, error)) from error
        migrate(self._connection, self.migrations)

    def _damage(self) -> str | None:
        """Why not everything that was acknowledged would come back, found without changing a byte."""
        if not self.path.exists():
            return None
        expected = acknowledged(self.path)
        with _beside(self.path, "probe") as probe:
            if self.wal_bytes():
                _link_or_copy(wal_of(self.path), wal_of(probe))
            try:
                with connect(probe, read_only=True) as connection:
                    found = _committed(connection)
            except duckdb.Error as error:
                if not self.wal_bytes() or "lock" in str(error).lower():
                    raise Unavailable(_why(self.path, error)) from error
                return str(error)
        return None if found >= expected else f"transaction {expected} was acknowledged, {found} came back"

    def _open_without_wal(self, damage: str) -> None:
        """Show what the last checkpoint had, from a second name of the file beside which lies no WAL."""
        log.error("%s is damaged: %s", wal_of(self.path), damage)
        with _beside(self.path, "without-wal") as shown:
            try:
                self._connection = connect(shown, read_only=True)
            except duckdb.Error as error:
                raise Unavailable(_why(self.path, error)) from error
        self.read_only = (
            "The newest changes of the database could not be read back (its write-ahead log is damaged or "
            "missing), so it is shown read-only, as it was before them. Stop the app, keep a copy of the home "
            f"folder {self.path.parent}. Then restore a backup, or go on without these changes: "
            "make move-wal-aside"
        )


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def mark_of(path: Path) -> Path:
    """The file that holds the number of the last acknowledged transaction."""
    return path.with_name(path.name + ".acknowledged")


def acknowledged(path: Path) -> int:
    """0 for a database that comes without the file, such as a restored one."""
    mark = mark_of(path)
    text = mark.read_text().strip() if mark.exists() else ""
    return int(text) if text.isdecimal() else 0


@contextmanager
def _beside(path: Path, word: str) -> Iterator[Path]:
    """A second name of the same file, for a while (an open file outlives its name)."""
    second = path.with_name(f"{path.stem}-{word}{path.suffix}")
    second.unlink(missing_ok=True)
    wal_of(second).unlink(missing_ok=True)
    _link_or_copy(path, second)
    try:
        yield second
    finally:
        second.unlink(missing_ok=True)
        wal_of(second).unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path) -> None:
    """Read-only connections change nothing, so a second name will do; it needs no space on a full disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)  # a file system without hard links


def _committed(connection: duckdb.DuckDBPyConnection) -> int:
    if not _has_table(connection, "commits"):
        return 0
    return int(connection.execute("select number from commits").fetchall()[0][0])


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """One fsync per commit. Checkpoints are the writer's to choose: the default stalls a commit by 0.3 s."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "checkpoint_threshold": "1GB",
        "allow_unsigned_extensions": "false",
    }
    connection = duckdb.connect(str(path), read_only=read_only, config=config)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what this home has not had yet, each file in a transaction with its record; returns the names."""
    steps = [SCHEMA, *sorted(folder.glob("*.sql"))]
    known = _applied(connection)
    fresh = [step for step in steps if step.name not in known]
    for step in fresh:
        with transaction(connection):
            connection.execute(step.read_text())
            connection.execute(
                "insert into migrations values ($name, $now)", {"name": step.name, "now": utcnow()}
            )
    if fresh:
        connection.execute("checkpoint")  # DDL in a WAL is what fails to replay
    return [step.name for step in fresh]


def _applied(connection: duckdb.DuckDBPyConnection) -> set[str]:
    if not _has_table(connection, "migrations"):
        return set()
    return {name for (name,) in connection.execute("select name from migrations").fetchall()}


def _has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    found = connection.execute("select 1 from duckdb_tables() where table_name = $name", {"name": name})
    return bool(found.fetchall())


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit when the body went well. After an error DuckDB's commit quietly rolls back: never call it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        rollback(connection)
        raise
    connection.execute("commit")


def rollback(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("rollback")
    except duckdb.Error as error:
        # Nothing to roll back: a fatal error has ended the transaction already.
        log.info("rollback: %s", error)


def run(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Execute one statement, parsed once in the process: of a short one, parsing takes a quarter of the time."""
    return cursor.execute(parsed(sql), parameters)


@lru_cache(maxsize=1024)
def parsed(sql: str) -> duckdb.Statement:
    (statement,) = duckdb.extract_statements(sql)
    return statement


def rows(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer as dictionaries; ids as text."""
    result = run(cursor, sql, parameters)
    columns = result.description or []
    names = [column[0] for column in columns]
    ids = [number for number, column in enumerate(columns) if str(column[1]) == "UUID"]
    answer = []
    for row in result.fetchall():
        record = dict(zip(names, row, strict=True))
        for number in ids:
            if row[number] is not None:
                record[names[number]] = str(row[number])
        answer.append(record)
    return answer


def _why(path: Path, error: duckdb.Error) -> str:
    if "lock" in str(error).lower():
        return f"{path} is in use by another process: only one app can open a home. Stop the other one."
    if "No space left" in str(error):
        return f"{path} cannot be opened: the disk is full. Make space and start again."
    return f"{path} cannot be opened: {error}. Restore a backup into an empty home."
