"""The only door: the verbs a user would say.

Each verb takes the acting person first (None for nobody: a public link), checks what that person may do, and returns
records. Pages and API call these verbs and nothing below them. Every refusal is a `WellplateError` with a sentence.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from cachetools import LRUCache

from compute import access, results, submissions
from compute.access import Action, Scope
from compute.cluster.client import Cluster
from compute.menu import menu
from compute.offers import catalogue, limits_of
from compute.people.accounts import Accounts
from compute.queue.dispatcher import Dispatcher
from compute.settings import Settings
from data import jobs, ledger, people, uploads
from data.backup import backup
from data.errors import (
    BadInput,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
    WellplateError,
    WrongState,
)
from data.folders import Folders, full_disk_told
from data.records import (
    Balance,
    Change,
    Job,
    JobDetail,
    JobFilter,
    JobPage,
    LedgerEntry,
    NewJob,
    Person,
    Status,
    StoredFile,
    Visibility,
    new_id,
    utcnow,
    valid_id,
)
from data.store import Store
from tools import formats
from tools.contract import Example, Given, InputFailure, InputFile, Limits, Panel, PriceLine, Problem, Tool

EVERYTHING = JobFilter()
NO_SUCH_JOB = "There is no such job, or it is not shared with you."
VERSION = "0.1.0"
#: A commit takes milliseconds; a writer that is this late has stopped.
WRITE_TIMEOUT_S = 60


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
    #: address, name, cpus, memory_mb, gpus, running
    workers: list[dict[str, Any]]
    #: cpus free over all workers
    slots: int
    jobs: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """What a person gave, looked at. `given` is None when it is too far off to be looked into."""

    given: Given | None
    lines: list[PriceLine]
    problems: list[Problem]


class _Remembered:
    """The last answers to questions whose answer does not change; for several threads."""

    def __init__(self, size: int) -> None:
        self._answers: LRUCache[str, Any] = LRUCache(size)
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        with self._lock:
            return self._answers.get(key)

    def put(self, key: str, answer: Any) -> None:
        with self._lock:
            self._answers[key] = answer


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
        self._store = store
        self._folders = folders
        self._dispatcher = dispatcher
        self._cluster = cluster
        self._checked = _Remembered(128)
        self._panels = _Remembered(32)
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
        return self._tool(tool_id).example()

    # Submitting

    def quote(self, person: Person, submission: Submission, *, content: bool = True) -> Quote:
        """The price, and what stands in the way. With `content` the files are looked into as a submit would."""
        tool = self._tool(submission.tool)
        key = submissions.fingerprint(
            person.id, person.team, tool.id, submission.inputs, submission.settings, content
        )
        known = self._checked.get(key)
        if known is None:
            with self._scratch() as folder:
                prepared = self._prepare(person, tool, submission, folder, check=content)
            known = prepared.lines, prepared.problems
            if not prepared.problems:  # a problem may pass: a job that it waits for ends
                self._checked.put(key, known)
        lines, problems = known
        credits = sum(line.credits for line in lines)
        available = self.balance(person).available
        affordable = self.settings.jobs.credits != "enforce" or credits <= available
        return Quote(
            credits=credits, lines=lines, available=available, affordable=affordable, problems=list(problems)
        )

    def preview(self, person: Person, submission: Submission) -> list[Panel]:
        """What the tool can show before it runs; empty where it shows nothing. Raises BadInput."""
        tool = self._tool(submission.tool)
        if tool.preview is None:
            return []
        with self._scratch() as folder:
            prepared = self._prepare(person, tool, submission, folder, check=False)
            if prepared.given is None:
                return []
            try:
                return list(tool.preview(prepared.given))
            except InputFailure as failure:
                raise BadInput(str(failure)) from failure

    def submit(self, person: Person, submission: Submission) -> Job:
        """Put a job on disk, charged or refused, before this returns. The same idempotency key gives the same job."""
        self._refuse_unless(access.may_run(person), "Your role in this team lets you look, but not run jobs.")
        if (earlier := self._made_earlier(person, submission)) is not None:
            return earlier
        self._need_room()
        tool = self._tool(submission.tool)
        if missing := tool.missing():
            raise Unavailable(missing)
        job_id = new_id()
        with self._folders.making_job(job_id) as folder:
            prepared = self._prepare(person, tool, submission, folder / "inputs", check=True)
            if prepared.given is None or prepared.problems:
                raise bad_input(prepared.problems)
            new = self._new_job(person, tool, submission, prepared, job_id)
            # A job without files costs no sync: all that is lost with the power is its run, which is told.
            request = self._request(person, tool, new, prepared, folder)
            self._folders.write_request(folder, request, durable=any(prepared.given.local.values()))
            submitted = jobs.submit(self._store, new).result(WRITE_TIMEOUT_S)
            if not submitted.created:
                self._folders.remove_job(job_id)
        return submitted.job

    def retry(self, person: Person, job_id: str, *, expected_credits: int | None = None) -> Job:
        """A new job with the same inputs and settings, charged anew."""
        detail = self._allowed(person, Action.RETRY, job_id)
        if detail.job.status not in (Status.FAILED, Status.CANCELLED, Status.TIMEOUT):
            raise WrongState(
                f"This job is {detail.job.status}; only one that ended without a result is retried."
            )
        again = replace(self.submission(person, job_id), expected_credits=expected_credits)
        return self.submit(person, again)

    def submission(self, person: Person, job_id: str) -> Submission:
        """What would submit this job again."""
        detail = self._allowed(person, Action.SEE, job_id)
        own = detail.job.submitter == person.id and detail.job.team == person.team
        return Submission(
            tool=detail.job.tool,
            inputs=detail.inputs if own else through_job(detail.inputs, job_id),
            settings=detail.settings,
            name=detail.job.name,
            visibility=detail.job.visibility,
        )

    # Looking

    def jobs(
        self, person: Person, filter: JobFilter = EVERYTHING, *, limit: int = 50, cursor: str | None = None
    ) -> JobPage:
        """The team's jobs, newest first; of a colleague's private job what its row tells and no more."""
        self._refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        if not 1 <= limit <= 500:
            raise BadInput("limit is from 1 to 500.", field="limit")
        found = jobs.page(self._store, person.team, filter, limit + 1, _seq_of(cursor))
        more = len(found) > limit
        shown = [job if access.may(person, Action.SEE, job) else row_of(job) for job in found[:limit]]
        return JobPage(jobs=shown, next_cursor=str(shown[-1].seq) if more else None)

    def counts(self, person: Person, filter: JobFilter = EVERYTHING) -> dict[Status, int]:
        """How many jobs of the filter there are in each status (the filter's own status is left out)."""
        self._refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        return jobs.counts(self._store, person.team, replace(filter, status=()))

    def submitters(self, person: Person) -> list[tuple[str, str]]:
        return jobs.submitters(self._store, person.team)

    def job(self, person: Person | None, job_id: str) -> JobDetail:
        """Everything of a job; only its row (`row_only`) for a colleague who may not see more."""
        detail = self._detail(job_id)
        if self._may(person, Action.SEE, detail.job):
            return detail
        if access.may(person, Action.SEE_ROW, detail.job):
            return row_only(detail)
        raise NotFound(NO_SUCH_JOB)

    def actions(self, person: Person | None, job: Job) -> dict[str, str | None]:
        """What the job's menu has: each action with None, or why it is not possible now."""
        return menu(person, job)

    def waiting(self, person: Person | None, job_id: str) -> str | None:
        """Why a job does not run yet; None when it does not wait."""
        job = self._allowed(person, Action.SEE_ROW, job_id).job
        if job.status is Status.QUEUED:
            return "Waits for its batch: the team's jobs that run at once are at their limit."
        return self._dispatcher.why_waiting(job) if job.status in (Status.PENDING, Status.RETRY) else None

    # Changing

    def cancel(self, person: Person, job_id: str) -> Job:
        self._allowed(person, Action.CANCEL, job_id)
        job = jobs.cancel(self._store, job_id).result(WRITE_TIMEOUT_S)
        if job is None:
            raise WrongState("This job has ended already; there is nothing to cancel.")
        self._dispatcher.cancelled(job)
        return job

    def rename(self, person: Person, job_id: str, name: str) -> Job:
        self._allowed(person, Action.RENAME, job_id)
        clean = submissions.clean_name(name, self.settings.limits.name_length, field="name")
        job = jobs.rename(self._store, job_id, clean).result(WRITE_TIMEOUT_S)
        if job is None:
            raise NotFound(NO_SUCH_JOB)
        return job

    def delete(self, person: Person, job_id: str) -> None:
        job = self._allowed(person, Action.DELETE, job_id).job
        with suppress(Unavailable), full_disk_told():  # deleting is what makes room
            self._folders.mark_live(job.id)  # a crash before its folder is gone: the next start removes it
        if jobs.delete(self._store, job_id).result(WRITE_TIMEOUT_S) is None:
            raise WrongState("This job has not ended; cancel it first.")
        self._folders.remove_job(job_id)

    def cancel_many(self, person: Person, job_ids: list[str]) -> Outcomes:
        return self._each(person, job_ids, self.cancel)

    def delete_many(self, person: Person, job_ids: list[str]) -> Outcomes:
        return self._each(person, job_ids, self.delete)

    # Results

    def panels(self, person: Person | None, job_id: str) -> list[Panel]:
        detail = self._allowed(person, Action.SEE, job_id)
        if detail.job.status is not Status.COMPLETED:
            return []
        known = self._panels.get(job_id)
        if known is None:
            self._folders.request(job_id)  # refused when the job's folder is not here
            known = results.panels(self._tool(detail.job.tool), detail, self._folders)
            self._panels.put(job_id, known)
        return known

    def table(self, person: Person | None, job_id: str, table: str) -> list[dict[str, Any]]:
        return results.rows(self._allowed(person, Action.SEE, job_id), self._folders, table)

    def table_csv(self, person: Person | None, job_id: str, table: str) -> bytes:
        """One table with all its rows, units in the header, and warnings above it."""
        return results.table_csv(self._allowed(person, Action.EXPORT, job_id), self._folders, table)

    def log(self, person: Person | None, job_id: str, *, tail: int | None = None) -> str:
        """The log, or its last `tail` lines."""
        path = self._folders.log(self._allowed(person, Action.LOG, job_id).job)
        return results.read_log(path, tail)

    def files(self, person: Person | None, job_id: str) -> list[dict[str, Any]]:
        return self._allowed(person, Action.FILE, job_id).files

    def file(self, person: Person | None, job_id: str, path: str) -> Path:
        return results.result_file(self._allowed(person, Action.FILE, job_id), self._folders, path)

    def archive(self, person: Person | None, job_id: str) -> tuple[str, Iterator[bytes]]:
        """File name, and everything of the job as a zip that is made while it is sent."""
        detail = self._allowed(person, Action.DOWNLOAD, job_id)
        if detail.job.live:
            raise WrongState("This job has not ended; its files can be downloaded then.")
        self._folders.request(job_id)  # a refusal comes too late once the zip is being sent
        return f"{results.stem(detail)}.zip", results.archive(detail, self._folders)

    def export(self, person: Person | None, job_id: str, format: str) -> tuple[str, str, bytes]:
        detail = self._allowed(person, Action.EXPORT, job_id)
        if detail.job.status is not Status.COMPLETED:
            raise WrongState("Only a completed job has results to export.")
        return results.export(detail, self._folders, format)

    def input_files(self, person: Person | None, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """Name, format and bytes of each input file, by input."""
        return results.input_files(self._folders, self._allowed(person, Action.SEE, job_id))

    def input_file(self, person: Person | None, job_id: str, input: str, number: int) -> tuple[Path, str]:
        """Path and name of one input file."""
        return results.input_file(self._allowed(person, Action.FILE, job_id), self._folders, input, number)

    # Files

    def upload(self, person: Person, name: str, stream: BinaryIO) -> StoredFile:
        """Keep a file: streamed to disk, checked, and registered only when it is whole."""
        self._refuse_unless(
            access.may_upload(person), "Your role in this team lets you look, but not upload."
        )
        self._need_room()
        clean = submissions.clean_name(name, self.settings.limits.name_length, field="name")
        file_id, limits = new_id(), self.settings.limits
        with self._folders.making_upload(file_id):
            size, sha256 = self._folders.receive(file_id, stream, limits.upload_mb, limits.free_disk_mb)
            stored = StoredFile(
                id=file_id,
                team=person.team,
                owner=person.id,
                name=clean,
                size=size,
                sha256=sha256,
                format=formats.detect(self._folders.upload(file_id), clean),
                created_at=utcnow(),
            )
            return uploads.add(self._store, stored).result(WRITE_TIMEOUT_S)

    def uploads(self, person: Person, formats: list[str] | None = None) -> list[StoredFile]:
        """The person's own files: a colleague's are seen through the jobs that are shared."""
        self._refuse_unless(access.holds(person, Scope.FILES_READ), "This token may not read files.")
        return uploads.page(self._store, person.team, person.id, formats)

    # Credits

    def balance(self, person: Person) -> Balance:
        return ledger.balance(self._store, person.team)

    def ledger(self, person: Person, *, limit: int = 100) -> list[LedgerEntry]:
        return ledger.entries(self._store, person.team, limit)

    def grant(self, person: Person, team: str, credits: int, note: str) -> Balance:
        self._refuse_unless(access.may_administer(person), "Only the site's admin grants credits.")
        team_id = valid_id(team)
        if team_id is None:
            raise NotFound("There is no such team.")
        return ledger.grant(self._store, team_id, credits, note, person=person.id).result(WRITE_TIMEOUT_S)

    # Site

    def health(self) -> Health:
        workers = self._cluster.workers()
        running = self._dispatcher.running_on()
        problem = self._cluster.problem
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
        self._refuse_unless(access.may_administer(person), "Only the site's admin makes backups.")
        target = self.settings.home / "backups" / f"{utcnow():%Y-%m-%dT%H-%M-%S.%f}"
        return backup(self._store, self._folders.root, target)

    def listen(self, callback: Callable[[list[Change]], None]) -> Callable[[], None]:
        """Hear of every change after its commit; returns what ends it. Called in the writer's thread."""
        return self._store.listen(callback)

    def visible(self, person: Person | None, change: Change) -> bool:
        return access.may(person, Action.EVENTS, change) or access.may(person, Action.SEE_ROW, change)

    # How it is done

    def _tool(self, tool_id: str) -> Tool:
        for tool in catalogue(self.settings):
            if tool.id == tool_id:
                return tool
        raise NotFound(f"There is no tool {tool_id[:60]!r} on this site.")

    def _detail(self, job_id: str) -> JobDetail:
        known = valid_id(job_id)
        detail = jobs.detail(self._store, known) if known else None
        if detail is None:
            raise NotFound(NO_SUCH_JOB)
        return detail

    def _allowed(self, person: Person | None, action: Action, job_id: str) -> JobDetail:
        """The job, when this person may do this to it. What one may not even see does not exist."""
        detail = self._detail(job_id)
        if self._may(person, action, detail.job):
            return detail
        if not access.may(person, Action.SEE_ROW, detail.job):
            raise NotFound(NO_SUCH_JOB)
        raise Forbidden(access.why_not(person, action, detail.job))

    def _may(self, person: Person | None, action: Action, job: Job) -> bool:
        if access.looks_in_as_admin(person, action, job):
            self.accounts.audit(person, f"admin {action.value}", job.id)
        return access.may(person, action, job)

    def _each(self, person: Person, job_ids: list[str], verb: Callable[[Person, str], Any]) -> Outcomes:
        done: list[str] = []
        refused: list[tuple[str, str]] = []
        for job_id in job_ids:
            name = job_id
            try:
                name = self._allowed(person, Action.SEE_ROW, job_id).job.name
                verb(person, job_id)
                done.append(name)
            except WellplateError as error:
                refused.append((name, error.message))
        return Outcomes(done=done, refused=refused)

    def _prepare(
        self, person: Person, tool: Tool, submission: Submission, folder: Path, *, check: bool
    ) -> Prepared:
        validated = submissions.validate(tool, submission.inputs, submission.settings)
        if validated.inputs is None or validated.settings is None:
            return Prepared(None, [], validated.problems)
        folder.mkdir(parents=True, exist_ok=True)
        local, problems = submissions.collect(
            tool, validated.inputs, person, folder, self._find, self.settings
        )
        given = Given(validated.inputs, validated.settings, local)
        if problems:
            return Prepared(None, [], problems)
        lines = (
            []
            if self.settings.jobs.credits == "off"
            else [line for line in tool.price(given) if line.credits]
        )
        return Prepared(given, lines, list(tool.check(given)) if check else [])

    def _find(self, person: Person, reference: InputFile) -> tuple[Path, str]:
        """The bytes of an upload, or of a file that an earlier job made."""
        if reference.job is not None and reference.path is not None:
            detail = self._allowed(person, Action.FILE, reference.job)
            return results.referred(detail, self._folders, reference.path)
        known = valid_id(reference.file)
        stored = uploads.get(self._store, known) if known else None
        own = stored is not None and (stored.team, stored.owner) == (person.team, person.id)
        if stored is None or not own or not access.holds(person, Scope.FILES_READ):
            raise NotFound("There is no such file; upload it again.")
        return self._folders.upload(stored.id), stored.name

    def _new_job(
        self, person: Person, tool: Tool, submission: Submission, prepared: Prepared, job_id: str
    ) -> NewJob:
        assert prepared.given is not None
        credits = sum(line.credits for line in prepared.lines)
        if submission.expected_credits not in (None, credits):
            raise Conflict(
                f"The price is {credits} credits now, not {submission.expected_credits}; look at it again."
            )
        limits = limits_of(tool, self.settings)
        self._refuse_too_large(limits)
        title = tool.title(prepared.given) if tool.title is not None else tool.name
        name_length = self.settings.limits.name_length
        inputs = submissions.to_keep(prepared.given.inputs, job_id)
        settings = prepared.given.settings.model_dump(mode="json")
        return NewJob(
            id=job_id,
            team=person.team,
            submitter=person.id,
            tool=tool.id,
            name=submissions.clean_name(submission.name or title[:name_length], name_length, field="name"),
            visibility=submission.visibility or people.default_visibility(self._store, person.team),
            credits=credits,
            price=[asdict(line) for line in prepared.lines],
            inputs=inputs,
            settings=settings,
            # No cpus: the lane of quick jobs, which never wait behind a long run.
            cpus_min=0 if limits.quick else limits.cpus_min,
            cpus_max=limits.cpus_max,
            memory_mb=limits.memory_mb,
            gpus=limits.gpus,
            timeout_s=limits.timeout_s,
            idempotency_key=submission.idempotency_key,
            body_hash=_body_hash(submission),
            enforce=self.settings.jobs.credits == "enforce",
        )

    def _made_earlier(self, person: Person, submission: Submission) -> Job | None:
        """A submit that is repeated is answered whatever the price, the disk or the tool are like by now."""
        key = submission.idempotency_key
        if not key:
            return None
        return jobs.made_earlier(self._store, key, person.id, person.team, _body_hash(submission))

    def _refuse_too_large(self, limits: Limits) -> None:
        """A job that no worker could ever take is refused; while no worker is present nothing is known."""
        workers = self._cluster.workers()
        needed = 0 if limits.quick else limits.cpus_min
        if workers and not any(worker.fits(needed, limits.memory_mb, limits.gpus) for worker in workers):
            gpus = f" and {limits.gpus} GPU" if limits.gpus else ""
            cpus = "1 CPU" if needed <= 1 else f"{needed} CPUs"
            memory = f"{limits.memory_mb * 2**20 / 1e9:.1f} GB"
            raise Unavailable(f"This tool needs {cpus}, {memory} of memory{gpus}; no worker here has that.")

    def _request(
        self, person: Person, tool: Tool, new: NewJob, prepared: Prepared, folder: Path
    ) -> dict[str, Any]:
        """`job.json`: all that a worker, or a person who finds the folder, needs to know."""
        assert prepared.given is not None
        files = {
            name: [[str(file.path.relative_to(self._folders.root)), file.name, file.format] for file in files]
            for name, files in prepared.given.local.items()
        }
        return {
            "id": new.id,
            "team": new.team,
            "submitter": new.submitter,
            "tool": tool.id,
            "name": new.name,
            "credits": new.credits,
            "inputs": new.inputs,
            "settings": new.settings,
            "steps": list(tool.steps),
            "files": files,
        }

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder for as long as it takes to look at what was given."""
        staging = self._folders.root / "staging"
        with full_disk_told(), tempfile.TemporaryDirectory(dir=staging) as folder:
            yield Path(folder)

    def _forget_half_uploaded(self) -> None:
        """The bytes of uploads that an app which died did not come to register."""
        for file_id in self._folders.half_uploaded():
            if uploads.get(self._store, file_id) is None:
                self._folders.remove_upload(file_id)

    def _need_room(self) -> None:
        if self.read_only:
            raise Unavailable(self.read_only)
        self._folders.need_room(self.settings.limits.free_disk_mb)

    def _refuse_unless(self, allowed: bool, message: str) -> None:
        if not allowed:
            raise Forbidden(message)


def _body_hash(submission: Submission) -> str:
    """Tells two submits with the same idempotency key apart."""
    return submissions.fingerprint(
        submission.tool, submission.inputs, submission.settings, submission.name, submission.visibility
    )


def through_job(inputs: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    """The inputs for somebody else: uploads are their owner's, so the job's own copies stand for them."""

    def told(value: Any, name: str, number: int) -> Any:
        upload = isinstance(value, dict) and value.get("file") is not None
        return {"job": job_id, "path": f"inputs/{name}/{number}"} if upload else value

    return {
        name: [told(each, name, number) for number, each in enumerate(value)]
        if isinstance(value, list)
        else told(value, name, 0)
        for name, value in inputs.items()
    }


def bad_input(problems: list[Problem]) -> BadInput:
    """The first problem as an error, with the number of the others."""
    first, *others = problems
    more = f" ({len(others)} more to mend)" if others else ""
    return BadInput(f"{first.message}{more}", field=first.field)


def row_of(job: Job) -> Job:
    """What a colleague's list tells of a private job: nothing that its tool said."""
    return replace(job, error=None, note=None, step=None, progress=None)


def row_only(detail: JobDetail) -> JobDetail:
    """A detail that tells no more than the row of the list."""
    return JobDetail(
        job=row_of(detail.job),
        inputs={},
        settings={},
        price=[],
        steps=[],
        history=[],
        summary={},
        warnings=[],
        tables=[],
        files=[],
        usage=None,
        row_only=True,
    )


def _seq_of(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise BadInput("This cursor is none that a list gave.", field="cursor")
    return int(cursor)


_current: Workbench | None = None


def current() -> Workbench:
    """The running app's workbench, for pages and routes."""
    if _current is None:
        raise RuntimeError("the workbench is made in app.py's lifespan; the app is not running")
    return _current


def set_current(workbench: Workbench | None) -> None:
    global _current
    _current = workbench
