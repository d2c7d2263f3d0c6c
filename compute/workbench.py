"""The only door: the verbs a user would say.

Each verb takes the acting person first (None for nobody: a public link), checks what that person may do, and returns
records. Pages and API call these verbs and nothing below them. Every refusal is a `WellplateError` with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from data.records import (
    Balance,
    Change,
    Job,
    JobDetail,
    JobFilter,
    JobPage,
    LedgerEntry,
    Person,
    Status,
    StoredFile,
    Visibility,
)
from tools.contract import Example, Finished, Panel, PriceLine, Problem, Tool


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What to run. `inputs` and `settings` in the API's form."""

    tool: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    name: str | None = None
    visibility: Visibility | None = None
    expected_credits: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Quote:
    credits: int
    lines: list[PriceLine]
    available: int
    affordable: bool
    #: What stands in the way; empty when it can be submitted.
    problems: list[Problem]


@dataclass(frozen=True, kw_only=True)
class ToolStatus:
    tool: Tool
    #: None when it can run here, otherwise why not and what to do.
    unavailable: str | None


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What a bulk action did, per job: name and None, or why not."""

    done: list[str]
    refused: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Health:
    ok: bool
    version: str
    store: str
    cluster: str
    #: name, cpus, memory_mb, gpus, running, reachable
    workers: list[dict[str, Any]]
    #: cpus free over all workers
    slots: int
    jobs: dict[str, int]


class Workbench:
    # Tools
    def tools(self, person: Person | None) -> list[ToolStatus]: ...
    def tool(self, person: Person | None, tool_id: str) -> ToolStatus: ...
    def example(self, person: Person, tool_id: str) -> Example: ...
    # Jobs
    def quote(self, person: Person, submission: Submission, *, content: bool = True) -> Quote: ...
    def preview(self, person: Person, submission: Submission) -> list[Panel]: ...
    def submit(self, person: Person, submission: Submission) -> Job: ...
    def jobs(self, person: Person, filter: JobFilter = JobFilter(), *, limit: int = 50, cursor: str | None = None) -> JobPage: ...
    def counts(self, person: Person, filter: JobFilter = JobFilter()) -> dict[Status, int]: ...
    def submitters(self, person: Person) -> list[tuple[str, str]]: ...
    def job(self, person: Person | None, job_id: str) -> JobDetail: ...
    def actions(self, person: Person | None, job: Job) -> dict[str, str | None]: ...
    def waiting(self, person: Person | None, job_id: str) -> str | None: ...
    def cancel(self, person: Person, job_id: str) -> Job: ...
    def retry(self, person: Person, job_id: str) -> Job: ...
    def rename(self, person: Person, job_id: str, name: str) -> Job: ...
    def delete(self, person: Person, job_id: str) -> None: ...
    def cancel_many(self, person: Person, job_ids: list[str]) -> Outcomes: ...
    def delete_many(self, person: Person, job_ids: list[str]) -> Outcomes: ...
    def submission(self, person: Person, job_id: str) -> Submission: ...
    # Results
    def panels(self, person: Person | None, job_id: str) -> list[Panel]: ...
    def table(self, person: Person | None, job_id: str, table: str) -> list[dict[str, Any]]: ...
    def log(self, person: Person | None, job_id: str, *, tail: int | None = None) -> str: ...
    def files(self, person: Person | None, job_id: str) -> list[dict[str, Any]]: ...
    def file(self, person: Person | None, job_id: str, path: str) -> Path: ...
    def archive(self, person: Person | None, job_id: str) -> Iterator[bytes]: ...
    def export(self, person: Person | None, job_id: str, format: str) -> tuple[str, str, bytes]: ...
    # Files
    def upload(self, person: Person, name: str, stream: BinaryIO) -> StoredFile: ...
    def uploads(self, person: Person, formats: list[str] | None = None) -> list[StoredFile]: ...
    # Credits
    def balance(self, person: Person) -> Balance: ...
    def ledger(self, person: Person, *, limit: int = 100) -> list[LedgerEntry]: ...
    def grant(self, person: Person, team: str, credits: int, note: str) -> Balance: ...
    # Site
    def health(self) -> Health: ...
    def listen(self, callback: Callable[[list[Change]], None]) -> Callable[[], None]: ...
    def visible(self, person: Person | None, change: Change) -> bool: ...


_current: Workbench | None = None


def current() -> Workbench:
    """The running app's workbench, for pages and routes."""
    if _current is None:
        raise RuntimeError("the workbench is made in app.py's lifespan; the app is not running")
    return _current


def set_current(workbench: Workbench | None) -> None:
    global _current
    _current = workbench
