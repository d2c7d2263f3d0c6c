"""The DuckDB file: opening it, upgrading it, and opening it again after a fatal error.

One process owns the file (DuckDB lets no second one in, not even to read). A WAL that does not replay is never
thrown away: the database is then shown read-only as it was at the last checkpoint, until somebody moves the WAL aside.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from data.errors import Unavailable
from data.records import utcnow

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "schema.sql"
MIGRATIONS = FOLDER / "migrations"
QUERIES = FOLDER / "queries.sql"

FULL = (
    "The server's disk is full, so nothing can be saved. Nothing was changed; try again when there is space."
)
_HEADER = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


class BadQueries(Exception):
    """queries.sql is malformed; says where."""


@cache
def load_queries(path: Path = QUERIES) -> dict[str, str]:
    """The statements of a file by name: `-- name: word`, a line of comment that says what it does, one statement."""
    parts = _HEADER.split(path.read_text())[1:]
    queries: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise BadQueries(f"{path.name}: two queries have the name {name}")
        if not body.lstrip().startswith("--"):
            raise BadQueries(f"{path.name}: {name} has no comment that says what it does")
        queries[name] = body.strip()
    return queries


def is_fatal(error: BaseException) -> bool:
    """Whether DuckDB refuses everything until the file is opened again."""
    text = str(error)
    return (
        isinstance(error, duckdb.FatalException | duckdb.InternalException) or "has been invalidated" in text
    )


def is_storage(error: BaseException) -> bool:
    """Whether the disk, not the statement, is to blame."""
    return is_fatal(error) or isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException)


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
        self._readers = 0
        self._gate = threading.Condition()
        self._reopening = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    @property
    def wal(self) -> Path:
        return self.path.with_name(self.path.name + ".wal")

    def wal_bytes(self) -> int:
        return self.wal.stat().st_size if self.wal.exists() else 0

    def connection(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise Unavailable(f"The database cannot be opened at the moment. {FULL}")
        return self._connection

    def writer(self) -> duckdb.DuckDBPyConnection:
        """The one cursor for transactions; opens the file again when the last try failed."""
        if self._connection is None:
            self.reopen()
        if self._writer is None:
            self._writer = self.connection().cursor()
        return self._writer

    def is_open(self) -> bool:
        return self._connection is not None

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own: two threads on one connection are refused by DuckDB."""
        with self._gate:
            self._gate.wait_for(lambda: not self._reopening)
            cursor = self.connection().cursor()
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
                self._connection = connect(self.path)
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

    def _open(self) -> None:
        try:
            self._connection = connect(self.path)
        except duckdb.Error as error:
            if not self.wal_bytes() or "lock" in str(error).lower():
                raise Unavailable(_why(self.path, error)) from error
            self._open_without_wal(error)
            return
        migrate(self._connection, self.migrations)

    def _open_without_wal(self, error: duckdb.Error) -> None:
        """Show what the last checkpoint had, from a second name of the file beside which lies no WAL."""
        shown = self.path.with_name(self.path.stem + "-without-wal" + self.path.suffix)
        shown.unlink(missing_ok=True)
        try:
            os.link(self.path, shown)
        except OSError:
            shutil.copyfile(self.path, shown)
        try:
            self._connection = connect(shown, read_only=True)
        except duckdb.Error as second:
            raise Unavailable(_why(self.path, second)) from second
        self.read_only = (
            "The newest changes of the database could not be read back (its write-ahead log is damaged), so it is "
            "shown read-only as it was before them. Stop the app, keep a copy of the home folder, then run "
            "`wellplate move-wal-aside` to go on without these changes, or restore a backup."
        )
        log.error("%s is damaged: %s", self.wal, error)


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """One fsync per commit. Checkpoints are the writer's to choose: the default stalls a commit by 0.3 s."""
    config = {"checkpoint_threshold": "1GB", "allow_unsigned_extensions": "false"}
    connection = duckdb.connect(str(path), read_only=read_only, config=config)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def migrate(connection: duckdb.DuckDBPyConnection, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what this home has not had yet, each file in a transaction with its own record; returns the names."""
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
    if not connection.execute("select 1 from duckdb_tables() where table_name = 'migrations'").fetchall():
        return set()
    return {name for (name,) in connection.execute("select name from migrations").fetchall()}


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit when the body went well. After any error DuckDB's commit would quietly roll back, so never call it then."""
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


def rows(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer as dictionaries; ids as text."""
    result = cursor.execute(sql, parameters)
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
        return f"{path} is in use by another process: only one app at a time can open a home. Stop the other one."
    if "No space left" in str(error):
        return f"{path} cannot be opened: the disk is full. Make space and start again."
    return f"{path} cannot be opened: {error}. Restore a backup into an empty home."
