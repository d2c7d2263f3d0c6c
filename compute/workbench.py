"""The only door: the verbs a user would say.

Each verb takes the acting person first (None for nobody: a public link), checks what that person may do, and returns
records. Pages and API call these verbs and nothing below them. Every refusal is a `WellplateError` with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from compute import access, cursors, lineage, references, results, submissions
from compute.access import Action, Scope
from compute.batches import Batches
from compute.bulk import Bulk
from compute.cluster.client import Cluster
from compute.credits import Credits
from compute.ending import Answers, Ending
from compute.gate import NO_SUCH_JOB, Gate, refuse_unless, row_of
from compute.imports import Imports
from compute.library import MAY_NOT_READ, Library
from compute.many import MOST_ROWS, Many
from compute.marks import Marks, clean_tags
from compute.menu import menu
from compute.notices.notices import Notices
from compute.offers import catalogue
from compute.people.accounts import Accounts
from compute.people.invitations import Invitations
from compute.people.teams import Teams
from compute.queue.dispatcher import Dispatcher
from compute.settings import Settings
from compute.sharing import Sharing
from compute.status import SiteStatus
from compute.submitting import WRITE_TIMEOUT_S, Submission, Submitter
from compute.uploading import Uploading
from data import jobs, library
from data.backup import backup
from data.batches import RETRIED
from data.errors import (
    Forbidden,
    NotFound,
    Unavailable,
    WellplateError,
    WrongState,
)
from data.filters import EVERYTHING
from data.folders import Folders
from data.records import (
    Change,
    Job,
    JobDetail,
    JobFilter,
    JobPage,
    Lineage,
    Person,
    Status,
    StoredFile,
    utcnow,
    valid_id,
)
from data.remembered import Remembered
from data.store import Store
from tools.contract import Example, InputFile, Panel, PriceLine, Problem, Tool

VERSION = "0.1.0"
MAY_NOT_RUN = "Your role in this team lets you look, but not run jobs."


@dataclass(frozen=True, kw_only=True)
class Quote:
    credits: int
    lines: list[PriceLine]
    available: int
    affordable: bool
    #: What stands in the way; empty when it can be submitted.
    problems: list[Problem]
    #: Why it is not affordable, as a submit would say it: the team's credits, or the person's cap.
    lack: str | None = None


@dataclass(frozen=True, kw_only=True)
class ToolStatus:
    tool: Tool
    #: None when it can run here, otherwise why not and what to do.
    unavailable: str | None


@dataclass(frozen=True, kw_only=True)
class Health:
    ok: bool
    version: str
    store: str
    cluster: str
    #: address, name, cpus, memory_mb, gpus, running
    workers: list[dict[str, Any]]
    #: cpus free over all workers
    slots: int
    jobs: dict[str, int]


class Workbench:
    """The verbs, over a store, folders, people, tools and a dispatcher."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        accounts: Accounts,
        dispatcher: Dispatcher,
        cluster: Cluster,
    ) -> None:
        self.settings = settings
        self.accounts = accounts
        self.notices = Notices(store, accounts, accounts.outbox)
        self._store = store
        self._folders = folders
        self._dispatcher = dispatcher
        self._cluster = cluster
        self._gate = Gate(store, accounts)
        self._ending = Ending(store, folders, dispatcher)
        self.library = Library(store, folders, self._gate, name_length=settings.limits.name_length)
        self.teams = Teams(store, accounts)
        self.invitations = Invitations(store, accounts, accounts.outbox, accounts.signer)
        link = self.invitations.link
        self.sharing = Sharing(store, accounts, self._gate.job, accounts.outbox, link=link)
        self.marks = Marks(store, self._gate)
        self.bulk = Bulk(store, self._gate, self._ending, retry=self.retry)
        self._submitter = Submitter(
            settings, store, folders, cluster, find=self._find, admitted=self._admitted
        )
        self.uploading = Uploading(settings, store, folders, as_now=self._as_now, in_team=self._in_team)
        self.imports = Imports(settings, folders, self.uploading)
        self.many = Many(
            submit=self.submit,
            problems=lambda person, submission: self.quote(person, submission).problems,
            reads=lambda person: self.uploads(person, ["fastq"], limit=4 * MOST_ROWS),
            marks=self.marks,
            name_length=settings.limits.name_length,
        )
        self._panels = Remembered(32)
        self.credits = Credits(settings, store, example_price=self._example_price)
        self.batches = Batches(
            settings,
            store,
            folders,
            self._gate,
            accounts,
            dispatcher,
            self._submitter,
            self.credits,
            Sharing(store, accounts, self._gate.batch, accounts.outbox, link=link),
            tool=self._tool,
            ready=self._ready,
            again=self._again,
            admitted=self._admitted,
        )
        self.status = SiteStatus(settings, store, folders, cluster)
        if self.read_only is None:
            self._forget_half_uploaded()

    @property
    def read_only(self) -> str | None:
        """None, or why nothing can be saved and what to do."""
        return self._store.read_only

    # Tools

    def tools(self, person: Person | None) -> list[ToolStatus]:
        """What this site offers, in the order of the catalogue."""
        offered = (tool for tool in catalogue(self.settings))
        return [ToolStatus(tool=tool, unavailable=tool.missing()) for tool in offered]

    def tool(self, person: Person | None, tool_id: str) -> ToolStatus:
        tool = self._tool(tool_id)
        return ToolStatus(tool=tool, unavailable=tool.missing())

    def example(self, person: Person, tool_id: str) -> Example:
        tool = self._tool(tool_id)
        if tool.example is None:
            raise NotFound(f"{tool.name} has no example. {tool.first}")
        return tool.example()

    # Submitting

    def quote(self, person: Person, submission: Submission, *, content: bool = True) -> Quote:
        """The price, and what stands in the way. With `content` the files are looked into as a submit would."""
        tool = self._tool(submission.tool)
        lines, problems = self._submitter.look(person, tool, submission, content=content)
        credits = sum(line.credits for line in lines)
        lack = self.credits.refusal(person, credits)
        return Quote(
            credits=credits,
            lines=lines,
            available=self.credits.balance(person).available,
            affordable=lack is None,
            problems=list(problems),
            lack=lack,
        )

    def preview(self, person: Person, submission: Submission) -> list[Panel]:
        """What the tool can show before it runs; empty where it shows nothing. Raises BadInput."""
        tool = self._tool(submission.tool)
        return self._submitter.preview(person, tool, submission)

    def submit(self, person: Person, submission: Submission) -> Job:
        """Put a job on disk, charged or refused, before this returns. The same idempotency key gives the same job."""
        refuse_unless(access.may_run(person), MAY_NOT_RUN)
        if (earlier := self._submitter.made_earlier(person, submission)) is not None:
            return earlier
        return self._submitter.submit(person, self._ready(person, submission.tool), submission)

    def retry(
        self,
        person: Person,
        job_id: str,
        *,
        expected_credits: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """A new job with the same inputs and settings, charged anew. The same idempotency key gives the same one."""
        job, inputs, settings = self._gate.asked(person, Action.RETRY, job_id)
        if job.status not in RETRIED:
            raise WrongState(f"This job is {job.status}; only one that ended without a result is retried.")
        if job.batch is not None:
            return self.batches.retry_child(person, job, expected_credits=expected_credits)
        again = replace(
            self._again(person, job, inputs, settings),
            expected_credits=expected_credits,
            idempotency_key=idempotency_key,
            retry_of=job.id,
        )
        return self.submit(self.accounts.in_team(person, job.team), again)

    def submission(self, person: Person, job_id: str) -> Submission:
        """What would submit this job again."""
        return self._again(person, *self._gate.asked(person, Action.SEE, job_id))

    # Looking

    def jobs(
        self, person: Person, filter: JobFilter = EVERYTHING, *, limit: int = 50, cursor: str | None = None
    ) -> JobPage:
        """The team's jobs, or those shared with this person, newest first; of a colleague's private job what its row
        tells and no more."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        cursors.refuse_size(limit)
        if filter.batch is not None:
            self._gate.batch(person, Action.SEE_ROW, filter.batch)
        found = jobs.page(self._store, person.team, filter, limit + 1, cursors.number(cursor), viewer=person)
        more = len(found) > limit
        # The site's admin too sees a row only: looking into a private job is noted, which a list does not do.
        shown = [job if access.sees(person, job) else row_of(job) for job in found[:limit]]
        return JobPage(jobs=shown, next_cursor=str(shown[-1].seq) if more else None)

    def counts(self, person: Person, filter: JobFilter = EVERYTHING) -> dict[Status, int]:
        """How many jobs of the filter there are in each status (the filter's own status is left out)."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        return jobs.counts(self._store, person.team, replace(filter, status=()), viewer=person)

    def submitters(self, person: Person, filter: JobFilter = EVERYTHING) -> list[tuple[str, str]]:
        """Id and name of who has submitted jobs of the filter (its own submitters are left out), by name."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        others = replace(filter, submitter=(), not_submitter=())
        return jobs.submitters(self._store, person.team, others, viewer=person)

    def job(self, person: Person | None, job_id: str) -> JobDetail:
        """Everything of a job; only its row (`row_only`) for a colleague who may not see more."""
        return self._gate.seen(person, job_id)

    def lineage(self, person: Person | None, job_id: str) -> Lineage:
        """From which jobs it was made, and which were made from it; those that one may not see have no name."""
        return lineage.lineage(self._store, self._gate, person, job_id)

    def actions(self, person: Person | None, job: Job) -> dict[str, str | None]:
        """What the job's menu has: each action with None, or why it is not possible now."""
        return menu(person, job)

    def waiting(self, person: Person | None, job_id: str) -> str | None:
        """Why a job does not run yet, or does not stop; None when it does not wait."""
        job = self._gate.allowed(person, Action.SEE_ROW, job_id).job
        if job.status is Status.QUEUED:
            return "Waits for its batch: the team's jobs that run at once are at their limit."
        if job.status is Status.PROCESSING and job.cancel_requested:
            return self._dispatcher.why_stopping(job)
        return self._dispatcher.why_waiting(job) if job.status in (Status.PENDING, Status.RETRY) else None

    # Changing

    def cancel(self, person: Person, job_id: str) -> Job:
        return _only(self._ending.cancel([self._gate.job(person, Action.CANCEL, job_id)]))

    def rename(self, person: Person, job_id: str, name: str) -> Job:
        self._gate.job(person, Action.RENAME, job_id)
        clean = submissions.clean_name(name, self.settings.limits.name_length, field="name")
        job = jobs.rename(self._store, job_id, clean).result(WRITE_TIMEOUT_S)
        if job is None:
            raise NotFound(NO_SUCH_JOB)
        return job

    def change(
        self,
        person: Person,
        job_id: str,
        name: str | None = None,
        tags: list[str] | None = None,
        starred: bool | None = None,
    ) -> Job:
        """Name, tags and star; None leaves one as it is. Nothing changes where one of them cannot."""
        changes_job = name is not None or tags is not None
        right = Action.RENAME if changes_job else Action.SEE_ROW
        self._gate.job(person, right, job_id)
        words = None if tags is None else clean_tags(tags)
        if name is not None:
            self.rename(person, job_id, name)
        if words is not None:
            self.marks.tag(person, job_id, list(words))
        if starred is not None:
            self.marks.star(person, job_id, starred)
        return self._gate.job(person, right, job_id)

    def delete(self, person: Person, job_id: str) -> None:
        _only(self._ending.delete([self._gate.job(person, Action.DELETE, job_id)]))

    # Results

    def panels(self, person: Person | None, job_id: str) -> list[Panel]:
        detail = self._gate.allowed(person, Action.SEE, job_id)
        if detail.job.status is not Status.COMPLETED:
            return []
        known = self._panels.get(job_id)
        if known is None:
            self._folders.request(job_id)  # refused when the job's folder is not here
            known = results.panels(self._tool(detail.job.tool), detail, self._folders)
            self._panels.put(job_id, known)
        return known

    def table(self, person: Person | None, job_id: str, table: str) -> list[dict[str, Any]]:
        return results.rows(self._gate.allowed(person, Action.SEE, job_id), self._folders, table)

    def table_csv(self, person: Person | None, job_id: str, table: str) -> bytes:
        """One table with all its rows, units in the header, and warnings above it."""
        return results.table_csv(self._gate.allowed(person, Action.EXPORT, job_id), self._folders, table)

    def log(self, person: Person | None, job_id: str, *, tail: int | None = None) -> str:
        """The log, or its last `tail` lines."""
        path = self._folders.log(self._gate.allowed(person, Action.LOG, job_id).job)
        return results.read_log(path, tail)

    def files(self, person: Person | None, job_id: str) -> list[dict[str, Any]]:
        return self._gate.allowed(person, Action.FILE, job_id).files

    def file(self, person: Person | None, job_id: str, path: str) -> Path:
        return results.result_file(self._gate.allowed(person, Action.FILE, job_id), self._folders, path)

    def archive(self, person: Person | None, job_id: str) -> tuple[str, Iterator[bytes]]:
        """File name, and everything of the job as a zip that is made while it is sent."""
        detail = self._gate.allowed(person, Action.DOWNLOAD, job_id)
        if detail.job.live:
            raise WrongState("This job has not ended; its files can be downloaded then.")
        self._folders.given(detail.job)  # a refusal comes too late once the zip is being sent
        return f"{results.stem(detail)}.zip", results.archive(detail, self._folders)

    def export(self, person: Person | None, job_id: str, format: str) -> tuple[str, str, bytes]:
        detail = self._gate.allowed(person, Action.EXPORT, job_id)
        if detail.job.status is not Status.COMPLETED:
            raise WrongState("Only a completed job has results to export.")
        return results.export(detail, self._folders, format)

    def input_files(self, person: Person | None, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """Name, format and bytes of each input file, by input."""
        return results.input_files(self._folders, self._gate.allowed(person, Action.SEE, job_id))

    def input_file(self, person: Person | None, job_id: str, input: str, number: int) -> tuple[Path, str]:
        """Path and name of one input file."""
        return results.input_file(
            self._gate.allowed(person, Action.FILE, job_id), self._folders, input, number
        )

    # Files

    def upload(self, person: Person, name: str, stream: BinaryIO) -> StoredFile:
        """Keep a file: streamed to disk, checked, and registered only when it is whole."""
        return self.uploading.receive(person, name, stream)

    def uploads(
        self, person: Person, formats: list[str] | None = None, *, limit: int = 200
    ) -> list[StoredFile]:
        """The newest files of these formats that the person may give to a tool: own ones, and what others show."""
        refuse_unless(access.holds(person, Scope.FILES_READ), MAY_NOT_READ)
        return library.usable(self._store, person, formats, limit)

    # Site

    def health(self) -> Health:
        workers = self._cluster.workers()
        running = self._dispatcher.running_on()
        problem = self._cluster.problem or self._dispatcher.problem
        connected = self._cluster.connected
        return Health(
            ok=self.read_only is None and connected and problem is None and bool(workers),
            version=VERSION,
            store=self.read_only or "ok",
            cluster=problem or ("ok" if connected else "not connected"),
            workers=[{**asdict(worker), "running": running.get(worker.address, 0)} for worker in workers],
            slots=self._dispatcher.free_slots(),
            jobs={status.value: number for status, number in jobs.live_counts(self._store).items()},
        )

    def backup(self, person: Person) -> Path:
        """Database and folders together, while jobs go on: a new folder in HOME/backups."""
        refuse_unless(access.may_administer(person), "Only the site's admin makes backups.")
        target = self.settings.home / "backups" / f"{utcnow():%Y-%m-%dT%H-%M-%S.%f}"
        return backup(self._store, self._folders.root, target)

    def listen(self, callback: Callable[[list[Change]], None]) -> Callable[[], None]:
        """Hear of every change after its commit; returns what ends it. Called in the writer's thread."""
        return self._store.listen(callback)

    def last_change(self) -> int:
        """The number of the last change that was told; what is read after this has all up to it."""
        return self._store.last_change

    def visible(self, person: Person | None, change: Change) -> bool:
        return access.may(person, Action.EVENTS, change) or access.may(person, Action.SEE_ROW, change)

    # How it is done

    def _example_price(self, person: Person, tool: Tool) -> list[PriceLine] | None:
        if tool.example is None:
            return None
        example = tool.example()
        submission = Submission(tool=tool.id, inputs=example.inputs, settings=example.settings)
        lines, problems = self._submitter.look(person, tool, submission, content=False)
        return None if problems else lines

    def _tool(self, tool_id: str) -> Tool:
        for tool in catalogue(self.settings):
            if tool.id == tool_id:
                return tool
        raise NotFound(f"There is no tool {tool_id[:60]!r} on this site.")

    def _ready(self, person: Person, tool_id: str) -> Tool:
        """The tool, when this person may run it now."""
        refuse_unless(access.may_run(person), MAY_NOT_RUN)
        self._need_room()
        tool = self._tool(tool_id)
        if missing := tool.missing():
            raise Unavailable(missing)
        return tool

    def _again(
        self, person: Person, job: Job, inputs: dict[str, Any], settings: dict[str, Any]
    ) -> Submission:
        """For this person: of files that are gone, or that they do not see, the job has copies of its own."""
        seen = self._gate.visible_files(person, references.files_in(inputs))

        def reached(value: dict[str, Any]) -> bool:
            if value.get("file") is not None:
                return valid_id(value["file"]) in seen
            return value.get("job") in (None, job.id) or self._is_there(person, value)

        return Submission(
            tool=job.tool,
            inputs=references.through(inputs, job.id, reached),
            settings=settings,
            name=job.name,
            visibility=job.visibility,
        )

    def _is_there(self, person: Person, value: dict[str, Any]) -> bool:
        """Whether a result of another job can be an input: what it made for the library may have been deleted."""
        try:
            self._find(person, InputFile(**value))
        except WellplateError:
            return False
        return True

    def _find(self, person: Person, reference: InputFile) -> submissions.Found:
        """The bytes of an upload, or of a file that an earlier job made."""
        if reference.job is not None and reference.path is not None:
            detail = self._gate.allowed(person, Action.FILE, reference.job)
            item = results.library_item(detail, reference.path)
            path, name = results.referred(detail, self._folders, reference.path)
            return submissions.Found(path, name, item["file"] if item else None)
        stored = self._gate.file(person, Action.FILE, reference.file or "")
        return submissions.Found(self.library.path(stored), stored.name, stored.id)

    @contextmanager
    def _admitted(self, person: Person) -> Iterator[None]:
        """While a job is given to the store."""
        with self._as_now(person) as now:
            refuse_unless(access.may_run(now), MAY_NOT_RUN)
            yield

    @contextmanager
    def _as_now(self, person: Person) -> Iterator[Person]:
        """With the role that they have by now: who was removed meanwhile would leave behind what nobody inherits."""
        with self.accounts.role_held(person.id, person.team) as role:
            if role is None:
                raise Forbidden(f"You are not in the team {person.team_name} any more.")
            yield replace(person, role=role)

    def _in_team(self, person: str, team: str) -> bool:
        with self.accounts.role_held(person, team) as role:
            return role is not None

    def _forget_half_uploaded(self) -> None:
        """The bytes of uploads that an app which died did not come to register."""
        for file_id in self._folders.half_uploaded():
            if library.get(self._store, file_id) is None:
                self._folders.remove_upload(file_id)

    def _need_room(self) -> None:
        if self.read_only:
            raise Unavailable(self.read_only)
        self._folders.need_room(self.settings.limits.free_disk_mb)


def _only(answers: Answers) -> Job:
    """The answer for one job. Raises where that is a refusal."""
    (answer,) = answers
    if isinstance(answer, WellplateError):
        raise answer
    return answer


_current: Workbench | None = None


def current() -> Workbench:
    """The running app's workbench, for pages and routes."""
    if _current is None:
        raise RuntimeError("the workbench is made in app.py's lifespan; the app is not running")
    return _current


def set_current(workbench: Workbench | None) -> None:
    global _current
    _current = workbench
