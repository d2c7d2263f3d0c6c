"""What the calls answer, for the documentation; a test holds the real answers against these."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from data.records import ErrorKind, LedgerKind, Role, Status, Visibility, When


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Named(_Answer):
    id: str
    name: str


class Times(_Answer):
    created: datetime
    started: datetime | None
    ended: datetime | None


class BatchTimes(_Answer):
    created: datetime
    ended: datetime | None = Field(description="When the last of its jobs did; null while one is alive.")


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
    batch: str | None = Field(None, description="Of which it is a child.")
    well: int | None = Field(None, description="Its place there, from 0; null once a retry has taken it.")
    tags: list[str] | None = None
    starred: bool | None = Field(None, description="By you.")
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


class LeftOut(_Answer):
    where: str
    message: str


class BatchRow(_Answer):
    """Of a colleague's private batch only id, name, tool, submitter, jobs, counts and times are there."""

    id: str
    name: str
    tool: str
    submitter: Named
    jobs: int = Field(description="Wells; a job is in each.")
    counts: dict[Status, int] = Field(description="Of the jobs in the wells.")
    times: BatchTimes
    team: str | None = None
    visibility: Visibility | None = None
    settings: dict[str, Any] | None = None
    credits: int | None = Field(None, description="Held or charged, also for what was retried since.")
    refunded: int | None = None
    problems: list[LeftOut] | None = Field(None, description="What could not be run and was left out.")
    tags: list[str] | None = None
    starred: bool | None = Field(None, description="By you.")
    links: dict[str, str] | None = None


class BatchPage(_Answer):
    batches: list[BatchRow]
    next_cursor: str | None = Field(description="Null on the last page.")


class PlanLine(_Answer):
    name: str
    where: str
    credits: int
    problem: str | None = Field(description="Why it cannot be run.")
    doubt: str | None = Field(description="What makes it likely to fail; it is run all the same.")


class Plan(_Answer):
    lines: list[PlanLine]
    jobs: int = Field(description="Those that can be run.")
    credits: int
    price: list[PriceLine]
    available: int
    affordable: bool
    problems: list[Problem] = Field(description="Of the whole; then there are no lines.")
    most: int


class WellColumn(_Answer):
    name: str
    label: str
    unit: str


class Wells(_Answer):
    columns: list[WellColumn]
    wells: list[dict[str, Any]]


class Done(Named):
    """A job that an action was done to; after a retry the new one."""


class Undone(Named):
    name: str = Field(description="Its id, where you may not see it.")
    reason: str


class BulkReport(_Answer):
    done: list[Done]
    refused: list[Undone]


class SheetRow(_Answer):
    number: int
    name: str
    files: list[str] = Field(description="Ids, all of the first mates before those of the second.")
    names: list[str]
    settings: dict[str, Any]
    problems: list[str] = Field(description="What stands against this sample; empty when it can be made.")


class NotStarted(_Answer):
    name: str
    reason: str


class RunSheet(_Answer):
    rows: list[SheetRow]
    jobs: list[JobRow] = Field(description="What was started.")
    refused: list[NotStarted]


class Invited(_Answer):
    email: str
    status: Literal["pending", "accepted"]
    link: str | None = Field(description="Takes a pending invitation up for whoever opens it first.")


class Sharing(_Answer):
    visibility: Visibility
    invited: list[Invited]
    words: str = Field(description="Who can see it, as a sentence.")


class Relative(_Answer):
    kind: Literal["input", "retry"]
    job: JobRow | None = Field(description="Null: private to somebody else.")


class Lineage(_Answer):
    made_from: list[Relative]
    led_to: list[Relative]


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
    """Of a colleague's private file sha256, visibility, facts and job are not there."""

    id: str
    name: str
    size: int = Field(description="Bytes; of a folder all its files together.")
    sha256: str | None = Field(None, description="Empty for a folder.")
    format: str
    created: datetime
    visibility: Visibility | None = None
    owner: str
    owner_name: str
    folder: bool = Field(description="Made by a job, of several files: see `members`.")
    facts: dict[str, Any] | None = Field(None, description="What it holds, in figures.")
    job: str | None = Field(None, description="That made it, if you may see it; null for an upload.")
    tool: str | None = Field(description="That made it; null for an upload.")


class FilePage(_Answer):
    files: list[File]
    next_cursor: str | None = Field(description="Null on the last page.")


class FileRelative(_Answer):
    """A file or a job."""

    kind: Literal["input", "output"]
    file: File | None
    job: JobRow | None


class Family(_Answer):
    made_from: list[FileRelative]
    led_to: list[FileRelative]
    private: int = Field(description="Neighbours that you may not see.")


class FolderMember(_Answer):
    path: str
    bytes: int


class FolderMembers(_Answer):
    members: list[FolderMember] = Field(description="None for a single file.")


class ResultRow(_Answer):
    job: Named
    tool: str
    submitter: Named
    path: str = Field(description="Within the job.")
    title: str
    format: str
    bytes: int
    created: datetime


class ResultPage(_Answer):
    files: list[ResultRow]
    next_cursor: str | None = Field(description="Null on the last page.")


class Space(_Answer):
    team: Named
    person: Named
    library: int = Field(description="Bytes of uploads, and of what jobs made for the library.")
    files: int = Field(description="How many these are.")
    results: int = Field(description="Bytes of result files of jobs.")


class Spaces(_Answer):
    space: list[Space]


class Upload(_Answer):
    id: str
    name: str
    length: int = Field(description="Bytes of the whole file.")
    offset: int = Field(description="Bytes that are on disk and count.")
    expires: datetime | None = Field(description="When it is given up without further progress.")
    file: File | None = Field(description="What it became.")


class Uploads(_Answer):
    uploads: list[Upload]


class ImportFolderName(_Answer):
    name: str


class ImportFolders(_Answer):
    folders: list[ImportFolderName]


class ImportEntry(_Answer):
    name: str
    bytes: int = Field(description="0 for a folder.")
    is_folder: bool


class ImportFolder(_Answer):
    name: str
    path: str
    entries: list[ImportEntry] = Field(description="Without links and hidden entries.")


class Imported(_Answer):
    files: list[File]


class ResultFile(_Answer):
    model_config = ConfigDict(extra="allow")

    path: str
    title: str
    format: str
    bytes: int
    file: str | None = Field(None, description="Of what the job made for the library: its id there.")


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


class MetricFacts(_Answer):
    key: str = Field(description="In the summary of a result.")
    label: str
    better: Literal["lower", "higher"]
    unit: str
    help: str


class BatchFacts(_Answer):
    inputs: dict[str, Any] = Field(description="JSON schema of the form for many.")
    metrics: list[MetricFacts]


class ToolDetail(ToolFacts):
    inputs: dict[str, Any] = Field(description="JSON schema")
    settings: dict[str, Any] = Field(description="JSON schema")
    batch: BatchFacts | None = Field(
        description="How many inputs at once are given; null: one job at a time."
    )


class Balance(_Answer):
    balance: int
    held: int
    available: int


class Credits(Balance):
    mode: str = Field(description="enforce: what cannot be paid is refused; show: only counted; off.")
    monthly_credits: int | None = Field(description="What every month gives the team; null for nothing.")
    cap: int | None = Field(description="What one member may use in a month; null for no cap.")
    used: int = Field(description="By your jobs of this month (UTC): held or charged, less what came back.")


class TeamCredits(Balance):
    team: Named
    monthly_credits: int | None
    person_credits: int | None = Field(description="What one member may use in a month; null for no cap.")


class TeamsCredits(_Answer):
    teams: list[TeamCredits]


class LedgerEntry(_Answer):
    number: int = Field(description="Later rows have higher numbers.")
    at: datetime
    kind: LedgerKind
    balance: int
    held: int
    job: str | None = Field(description="Null for a grant, and once the job was deleted.")
    note: str = Field(description="Of a job's rows the tool, of a grant what the admin wrote.")
    person: Named | None = Field(description="Who submitted the job, or who granted.")


class Ledger(_Answer):
    entries: list[LedgerEntry]
    next_before: int | None = Field(description="The next page's `before`; null on the last page.")


class SpentOnDay(_Answer):
    day: date
    tool: str
    person: Named
    credits: int = Field(description="Charged less what was refunded of it.")
    jobs: int


class Spending(_Answer):
    since: datetime
    until: datetime
    credits: int
    spent: list[SpentOnDay]


class ToolPrice(_Answer):
    tool: str
    name: str
    rule: str = Field(description="How the price is made; empty when the tool is free.")
    example: str = Field(description="Its name; empty for a tool that works on what other jobs make.")
    credits: int | None = Field(
        description="Of the example; null where there is none, or it cannot be looked at here."
    )
    lines: list[PriceLine] = Field(description="Of the example.")


class Prices(_Answer):
    mode: str
    tools: list[ToolPrice]


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
    verified: bool = Field(description="Whether the address was proven to be theirs.")
    name: str
    site_admin: bool
    team: Membership
    teams: list[Membership]
    scopes: list[str] | None = Field(description="Null for a session: everything.")


class Team(Named):
    role: Role | None = Field(description="Yours; null where you are no member.")
    default_visibility: Visibility = Field(description="Of jobs that name none.")
    concurrency: int | None = Field(description="Null: the site's setting.")
    monthly_credits: int | None = Field(description="Granted at the start of every month.")
    person_credits: int | None = Field(description="What one member may use in a month.")
    balance: int
    held: int
    created: datetime


class Teams(_Answer):
    teams: list[Team]


class Member(_Answer):
    person: str
    name: str
    email: str
    role: Role
    verified: bool
    active: bool
    since: datetime


class Members(_Answer):
    members: list[Member]


class Invitation(_Answer):
    id: str
    email: str
    role: Role | None
    status: Literal["pending", "accepted"]
    link: str | None = Field(
        description="While it is pending: for the person invited, whatever their address."
    )
    created: datetime


class Invitations(_Answer):
    invitations: list[Invitation]


class PersonRow(_Answer):
    id: str
    name: str
    email: str
    verified: bool
    active: bool
    site_admin: bool
    created: datetime
    teams: list[Membership]


class People(_Answer):
    people: list[PersonRow]


class AuditEntry(_Answer):
    at: datetime
    person: str | None = Field(description="The name of who did it; null for the system.")
    action: str
    subject: str


class Audit(_Answer):
    entries: list[AuditEntry]


class Notice(_Answer):
    id: str
    kind: str = Field(examples=["job_ended", "shared"])
    text: str
    job: str | None = Field(description="What it is about, where that is a job.")
    batch: str | None = Field(description="The same for a batch.")
    created: datetime
    read: datetime | None = Field(description="Null: not yet.")


class Notices(_Answer):
    unread: int
    notices: list[Notice]


class Unread(_Answer):
    unread: int


class Notifications(_Answer):
    """Of which ends of your jobs you hear, and where."""

    bell: When
    mail: When
    webhook: When
    webhook_url: str
    sends_mail: bool = Field(description="Whether this site sends mail.")
    webhook_hosts: list[str] = Field(description="Where a webhook may lead, as the site's settings name it.")
