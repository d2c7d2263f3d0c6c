"""The records that travel between rooms: what the store remembers, as frozen values."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Status(StrEnum):
    QUEUED = "queued"  # a batch child above its team's concurrency
    PENDING = "pending"  # waits for a free slot that fits its resources
    PROCESSING = "processing"  # the child process runs
    RETRY = "retry"  # a transient failure; the system runs it again
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT})
LIVE = frozenset(Status) - TERMINAL


class ErrorKind(StrEnum):
    INPUT = "input"  # what the person gave
    TOOL = "tool"  # the program failed
    LIMIT = "limit"  # memory or disk
    PLATFORM = "platform"  # worker, scheduler or app


class Visibility(StrEnum):
    PRIVATE = "private"  # its submitter
    TEAM = "team"
    USERS = "users"  # any signed-in person
    INVITED = "invited"  # named e-mail addresses
    PUBLIC = "public"  # anyone with the link


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"  # reads, cannot run


class LedgerKind(StrEnum):
    GRANT = "grant"
    HOLD = "hold"
    CHARGE = "charge"
    RELEASE = "release"
    REFUND = "refund"


#: A public id as it is written here.
_CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def new_id() -> str:
    """A public id: 128 random bits, written as a UUID. Public links rest on its being unguessable."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16)))


def valid_id(text: object) -> str | None:
    """The canonical form of a public id, or None when the text is none."""
    if not isinstance(text, str):
        return None
    if _CANONICAL.fullmatch(text):  # nearly always, and ten times quicker than to parse it
        return text
    try:
        return str(uuid.UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None


def utcnow() -> datetime:
    """UTC without zone: the form in which the store keeps time."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who acts, in which team. Made by the sign-in, a token, or the command line."""

    id: str
    email: str
    name: str
    #: The site's admin: grants, limits, everybody's queue. Something else than a team's owner.
    site_admin: bool
    #: The team in which this person acts now.
    team: str
    team_name: str
    role: Role
    #: Hash of the session or token that authorised this; None for the command line.
    credential: str | None = None
    #: Scopes of an API token (jobs:read, jobs:write, files:read, files:write, admin); None means all.
    scopes: frozenset[str] | None = None
    #: All teams of this person with the role there; of a token its own team only.
    roles: Mapping[str, Role] = field(default_factory=dict)
    #: Jobs and batches to which this person has taken up an invitation that still stands.
    invited: frozenset[str] = frozenset()
    #: Whether the address was proven to be this person's.
    verified: bool = False

    def role_in(self, team: str) -> Role | None:
        return self.role if team == self.team else self.roles.get(team)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobError:
    kind: ErrorKind
    #: A sentence that a scientist understands.
    message: str
    #: The last lines of the log, where they help.
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One row of the list of jobs."""

    #: Order and paging; given by the writer. Never shown.
    seq: int
    id: str
    team: str
    submitter: str
    submitter_name: str
    tool: str
    name: str
    status: Status
    visibility: Visibility
    credits: int
    attempt: int
    #: Retries used up; a clean stop or a retired worker uses none.
    retries: int
    #: The run that owns the present attempt.
    run_id: str | None
    worker: str | None
    #: 0-100, or None where the tool tells nothing.
    progress: float | None
    step: str | None
    note: str | None
    cancel_requested: bool
    error: JobError | None
    cpus_min: int
    cpus_max: int
    memory_mb: int
    gpus: int
    timeout_s: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    #: The batch of which it is a child.
    batch: str | None = None
    #: Its place in the batch, from 0; None when another job has taken it by a retry.
    well: int | None = None
    tags: tuple[str, ...] = ()
    #: By the person who looks.
    starred: bool = False

    @property
    def live(self) -> bool:
        return not self.status.terminal


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    name: str
    #: waiting, running, done, failed
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the whole process tree used."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    wall_seconds: float = 0.0
    #: [seconds since start, cores in use, resident bytes, bytes read, bytes written], at most 200 samples.
    series: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    at: datetime
    from_status: Status | None
    to_status: Status
    attempt: int
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDetail:
    """Everything that the detail page shows."""

    job: Job
    inputs: dict[str, Any]
    settings: dict[str, Any]
    price: list[dict[str, Any]]
    steps: list[Step]
    history: list[HistoryEntry]
    summary: dict[str, Any]
    warnings: list[str]
    #: [{"name", "title", "file", "columns": [{"name", "label", "unit"}]}]
    tables: list[dict[str, Any]]
    #: [{"path", "title", "format", "bytes"}]
    files: list[dict[str, Any]]
    usage: Usage | None
    refunded: int = 0
    #: Only what the list shows: a colleague's private job.
    row_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """What a list is narrowed to. Empty and None mean no filter; all that is given must hold."""

    tool: tuple[str, ...] = ()
    not_tool: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    not_status: tuple[Status, ...] = ()
    submitter: tuple[str, ...] = ()
    not_submitter: tuple[str, ...] = ()
    #: Words that the name or a tag contains, in any case; a word with a leading `-` must not be contained.
    q: str | None = None
    tag: str | None = None
    #: Only those that the person who looks has starred.
    starred: bool = False
    #: Submitted at or after, and before.
    since: datetime | None = None
    until: datetime | None = None
    #: Seconds from the first start to the end, or to now.
    longer_s: float | None = None
    shorter_s: float | None = None
    #: Instead of the team's jobs, those of others that the person who looks was invited to.
    shared: bool = False
    #: The children of this batch, which are in no other list.
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    jobs: list[Job]
    #: Opaque; None on the last page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Many inputs that were submitted at once to one tool with one set of settings; a job for each."""

    #: Order and paging; given by the writer, from the same numbers as those of jobs. Never shown.
    seq: int
    id: str
    team: str
    submitter: str
    submitter_name: str
    tool: str
    name: str
    visibility: Visibility
    settings: dict[str, Any]
    #: How many places it has; a job is in each.
    wells: int
    #: [{"where", "message"}]: what could not be run and was left out.
    left_out: list[dict[str, str]]
    created_at: datetime
    #: When the last of its children ended; None while one is alive.
    ended_at: datetime | None
    #: Of the jobs in the wells; only statuses that occur.
    counts: dict[Status, int] = field(default_factory=dict)
    #: What its jobs, retried ones included, hold or have cost, refunds not taken off.
    credits: int = 0
    refunded: int = 0
    tags: tuple[str, ...] = ()
    #: By the person who looks.
    starred: bool = False

    @property
    def live(self) -> bool:
        return self.ended_at is None


class Well(NamedTuple):
    """A place of a batch, with the job that is in it now. A tuple: a page makes ten thousand of them at once."""

    #: From 0.
    number: int
    job: str
    name: str
    status: Status
    #: 0-100; None where nothing is known.
    progress: float | None
    cancel_requested: bool
    credits: int
    refunded: int
    #: Without the end of the log, which its job has.
    error: JobError | None
    started_at: datetime | None
    ended_at: datetime | None
    #: Of a completed job.
    summary: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchFilter:
    """What a list of batches is narrowed to. Empty and None mean no filter."""

    tool: tuple[str, ...] = ()
    #: Words that the name contains, in any case.
    q: str | None = None
    #: Only those that the person who looks has starred.
    starred: bool = False
    #: Only those that go on.
    live: bool = False
    #: Instead of the team's, those of others that the person who looks was invited to.
    shared: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPage:
    batches: list[Batch]
    #: Opaque; None on the last page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBatch:
    """What the store needs to remember a submitted batch."""

    id: str
    team: str
    submitter: str
    tool: str
    name: str
    #: None: the team's default.
    visibility: Visibility | None
    settings: dict[str, Any]
    #: Of the form for many, in the API's form; None: it was submitted job by job.
    inputs: dict[str, Any] | None
    #: In the order of the wells, with ids of the batch and of the wells; of one submitter, with the same settings and
    #: limits. Seen like the batch.
    children: list[NewJob]
    #: What the `job.json` of each child has in common.
    request: dict[str, Any]
    #: [{"where", "message"}]: what could not be run.
    left_out: list[dict[str, str]]
    #: Children of a team that may wait or run at once where the team has no number of its own.
    concurrency: int
    idempotency_key: str | None = None
    body_hash: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """What the store needs to remember a submitted job."""

    id: str
    team: str
    submitter: str
    tool: str
    name: str
    #: None: the team's default.
    visibility: Visibility | None
    credits: int
    price: list[dict[str, Any]]
    inputs: dict[str, Any]
    settings: dict[str, Any]
    cpus_min: int
    cpus_max: int
    memory_mb: int
    gpus: int
    timeout_s: int
    idempotency_key: str | None = None
    #: Hash of the request body: the same key with another body is a conflict.
    body_hash: str = ""
    #: Whether a lack of credits refuses the job (`enforce`).
    enforce: bool = True
    #: Jobs from which this one is made, with how: `records.Relative.kind`.
    made_from: tuple[tuple[str, str], ...] = ()
    #: Files of the library that it was given.
    uses: tuple[str, ...] = ()
    #: The batch of which it is a child, and its place there.
    batch: str | None = None
    well: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A supervisor's announcement that it starts an attempt."""

    job: str
    seq: int
    attempt: int
    run_id: str
    worker: str
    cpus: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    job: str
    seq: int
    run_id: str
    progress: float | None
    step: str | None
    note: str | None
    steps: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ended, as the supervisor wrote it to `outcome.json`."""

    job: str
    seq: int
    attempt: int
    run_id: str
    #: completed, failed, cancelled or timeout
    status: Status
    error: JobError | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    #: What goes into the team's library: [{"id", "name", "format", "facts", "bytes"}]; each is a folder
    #: `library/<id>` of `out`, and stands in `files` too, with its id as "file".
    library: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    #: Labels of the price lines of items that failed in a job that completed: refunded.
    failed_items: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A run that ended without an outcome."""

    job: str
    seq: int
    attempt: int
    #: None when the attempt was never claimed.
    run_id: str | None
    reason: str
    #: False for a clean stop or an expected retirement: neither uses up a retry.
    counts: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    balance: int
    held: int

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    at: datetime
    kind: LedgerKind
    balance: int
    held: int
    #: None once the job was deleted.
    job: str | None
    #: Of a job's rows the tool, of a grant what the admin wrote.
    note: str
    #: Who submitted the job, or who granted.
    person: str | None = None
    person_name: str = ""
    #: Order and paging: later rows have higher numbers.
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Credits charged less those refunded, of one day (UTC), tool and person."""

    day: date
    tool: str
    person: str
    person_name: str
    credits: int
    jobs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    id: str
    name: str
    #: Of jobs that name no visibility.
    default_visibility: Visibility
    #: Batch children that may wait or run at once; None: the site's setting.
    concurrency: int | None
    #: Credits granted at the start of every month (UTC); None for none.
    monthly_credits: int | None
    #: Credits that one member may use in a month (UTC); None for no cap.
    person_credits: int | None
    balance: int
    held: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    person: str
    name: str
    email: str
    role: Role
    verified: bool
    #: A person whom the site's admin has switched off stays a member.
    active: bool
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """To a team, or to see one job or batch."""

    id: str
    email: str
    team: str | None
    job: str | None
    batch: str | None
    #: In the team; None for a job or batch.
    role: Role | None
    invited_by: str
    #: Who took it up; None while it is pending.
    person: str | None
    created_at: datetime

    @property
    def status(self) -> str:
        return "accepted" if self.person else "pending"


class When(StrEnum):
    """Of which ends of own jobs somebody wants to hear."""

    NEVER = "never"
    FAILURES = "failures"  # failed or timeout
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """Where a person hears that a job or a whole batch ended."""

    bell: When = When.ALWAYS
    mail: When = When.NEVER
    webhook: When = When.NEVER
    webhook_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What the bell shows."""

    id: str
    #: job_ended, shared, invitation_accepted, joined, role_changed, ...: decides the icon.
    kind: str
    text: str
    #: What it is about, where that is a job or a batch.
    job: str | None
    batch: str | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Relative:
    """A job from which this one was made, or which was made from it."""

    #: input: a result of the one is an input of the other; retry: run again with the same inputs and settings.
    kind: str
    #: None: private to somebody else.
    job: Job | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    made_from: list[Relative]
    led_to: list[Relative]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file, or a folder of files, that lives on its own: an upload, or what a job made for the team's library."""

    id: str
    team: str
    owner: str
    name: str
    #: Bytes; of a folder all its files together.
    size: int
    #: Empty for a folder.
    sha256: str
    format: str
    created_at: datetime
    visibility: Visibility = Visibility.PRIVATE
    owner_name: str = ""
    folder: bool = False
    #: What it holds, in figures: `tools.library.Kind.columns`.
    facts: dict[str, Any] = field(default_factory=dict)
    #: The job that made it, which may be deleted by now, and its tool; None for an upload.
    job: str | None = None
    tool: str | None = None
    #: Order and paging; given by the writer.
    seq: int = 0

    @property
    def submitter(self) -> str:
        """Rights hang on the same as those of a job."""
        return self.owner


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFilter:
    """What a list of files is narrowed to. Empty and None mean no filter."""

    format: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    #: Words that the name contains, in any case.
    q: str | None = None
    #: uploaded: uploads only; made: what jobs made only.
    origin: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePage:
    files: list[StoredFile]
    #: Opaque; None on the last page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultFile:
    """A result file of a job."""

    job: str
    job_name: str
    tool: str
    submitter: str
    submitter_name: str
    #: Inside the job.
    path: str
    title: str
    format: str
    size: int
    created_at: datetime
    seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPage:
    files: list[ResultFile]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """Bytes that a person's files take in a team."""

    team: str
    team_name: str
    person: str
    person_name: str
    #: Uploads and what jobs made for the library.
    library: int
    files: int
    #: Results of jobs.
    results: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRelative:
    """A neighbour in the picture of what was made from what: a file or a job."""

    #: input: it went into the making; output: it was made from it.
    kind: str
    file: StoredFile | None = None
    job: Job | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What a file was made from, and what was made from it or used it, each level nearest first."""

    made_from: list[FileRelative]
    led_to: list[FileRelative]
    #: Neighbours that are somebody else's.
    private: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What listeners hear after a commit."""

    #: Running number of this process's changes.
    number: int
    job: str
    seq: int
    team: str
    submitter: str
    visibility: Visibility
    status: Status | None
    progress: float | None
    step: str | None
    attempt: int
    #: The batch of which the job is a child.
    batch: str | None = None
    #: The job was deleted.
    gone: bool = False
