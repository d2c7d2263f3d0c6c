"""What the calls answer, for the documentation; a test holds the real answers against these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from data.records import ErrorKind, LedgerKind, Role, Status, Visibility


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Named(_Answer):
    id: str
    name: str


class Times(_Answer):
    created: datetime
    started: datetime | None
    ended: datetime | None


class JobFailure(_Answer):
    kind: ErrorKind
    message: str
    log_tail: str


class JobRow(_Answer):
    """Of a colleague's private job only id, name, tool, status, submitter, duration_s and times are there."""

    id: str
    name: str
    tool: str
    status: Status
    submitter: Named
    duration_s: float | None = Field(description="From the first start to the end.")
    times: Times
    visibility: Visibility | None = None
    progress: float | None = Field(None, description="0-100; null where the tool tells nothing.")
    step: str | None = None
    note: str | None = None
    attempt: int | None = None
    cancel_requested: bool | None = None
    error: JobFailure | None = None
    credits: int | None = None
    team: str | None = None
    links: dict[str, str] | None = None


class Step(_Answer):
    name: str
    state: str
    started: datetime | None
    ended: datetime | None


class HistoryEntry(_Answer):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    at: datetime
    from_status: Status | None = Field(alias="from")
    to_status: Status = Field(alias="to")
    attempt: int
    note: str


class PriceLine(_Answer):
    label: str
    credits: int


class JobDetail(JobRow):
    steps: list[Step] = []
    inputs: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    price: list[PriceLine] = []
    refunded: int = 0
    summary: dict[str, Any] = {}
    warnings: list[str] = []
    tables: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    usage: dict[str, Any] | None = Field(None, description="Of the whole process tree.")
    history: list[HistoryEntry] = []


class JobPage(_Answer):
    jobs: list[JobRow]
    next_cursor: str | None = Field(description="Null on the last page.")


class Problem(_Answer):
    field: str
    message: str


class Quote(_Answer):
    credits: int
    lines: list[PriceLine]
    available: int
    affordable: bool
    problems: list[Problem]


class Submission(_Answer):
    tool: str
    inputs: dict[str, Any]
    settings: dict[str, Any]
    name: str | None
    visibility: Visibility | None


class File(_Answer):
    id: str
    name: str
    size: int
    sha256: str
    format: str
    created: datetime


class Files(_Answer):
    files: list[File]


class ResultFile(_Answer):
    model_config = ConfigDict(extra="allow")

    path: str
    title: str
    format: str
    bytes: int


class ResultFiles(_Answer):
    files: list[ResultFile]


class ToolFacts(_Answer):
    id: str
    name: str
    summary: str
    category: str
    keywords: list[str]
    homepage: str
    licence: str
    doi: str
    steps: list[str]
    limits: dict[str, Any]
    available: bool
    unavailable: str | None = Field(description="Why it cannot run here, and what to do.")


class Tools(_Answer):
    tools: list[ToolFacts]


class ToolDetail(ToolFacts):
    inputs: dict[str, Any] = Field(description="JSON schema")
    settings: dict[str, Any] = Field(description="JSON schema")


class Balance(_Answer):
    balance: int
    held: int
    available: int


class LedgerEntry(_Answer):
    at: datetime
    kind: LedgerKind
    balance: int
    held: int
    job: str | None
    note: str


class Ledger(_Answer):
    entries: list[LedgerEntry]


class Token(_Answer):
    id: str
    name: str
    scopes: list[str]
    team: str
    created: datetime


class NewToken(Token):
    token: str = Field(description="The secret. It is shown this once.")


class Tokens(_Answer):
    tokens: list[Token]


class SignInLink(_Answer):
    link: str


class Backup(_Answer):
    path: str = Field(description="Where the copy lies on the server.")


class Membership(Named):
    role: Role


class Me(_Answer):
    id: str
    email: str
    name: str
    site_admin: bool
    team: Membership
    teams: list[Membership]
    scopes: list[str] | None = Field(description="Null for a session: everything.")
