"""From a submission to a job on disk: looked at, priced, its folder written, charged. The workbench decides who may."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compute import references, submissions
from compute.cluster.client import Cluster
from compute.offers import limits_of
from compute.settings import Settings
from compute.submissions import Collected
from data import jobs
from data.errors import BadInput, Conflict, Unavailable
from data.folders import Folders, full_disk_told
from data.records import Job, NewJob, Person, Visibility, new_id
from data.remembered import Remembered
from data.store import Store
from tools.contract import Given, InputFailure, Limits, Model, Panel, PriceLine, Problem, Tool

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
    #: The job that this one runs again.
    retry_of: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What a person gave, looked at. `given` is None when it is too far off to be looked into."""

    given: Given | None
    lines: list[PriceLine]
    problems: list[Problem]
    #: Ids of the files of the library among the inputs.
    uses: tuple[str, ...] = ()


class Submitter:
    """Makes jobs of submissions. `find` says where a person's uploads and results lie, or refuses.

    `admitted` refuses who may not run jobs any more by now: looking at large files takes a while.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        cluster: Cluster,
        *,
        find: submissions.Finder,
        admitted: Callable[[Person], AbstractContextManager[None]],
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._cluster = cluster
        self._find = find
        self._admitted = admitted
        self._looked = Remembered(128)

    def look(
        self, person: Person, tool: Tool, submission: Submission, *, content: bool
    ) -> tuple[list[PriceLine], list[Problem]]:
        """The price, and what stands in the way; with `content` the files are looked into."""
        key = submissions.fingerprint(
            person.id, person.team, tool.id, submission.inputs, submission.settings, content
        )
        known: tuple[list[PriceLine], list[Problem]] | None = self._looked.get(key)
        if known is not None:
            return known
        with self.scratch() as folder:
            prepared = self._prepare(person, tool, submission, folder, check=content)
        if not prepared.problems:  # a problem may pass: a job that it waits for ends
            self._looked.put(key, (prepared.lines, []))
        return prepared.lines, prepared.problems

    def preview(self, person: Person, tool: Tool, submission: Submission) -> list[Panel]:
        """What the tool can show before it runs. Raises BadInput."""
        if tool.preview is None:
            return []
        with self.scratch() as folder:
            prepared = self._prepare(person, tool, submission, folder, check=False)
            if prepared.given is None:
                return []
            try:
                return list(tool.preview(prepared.given))
            except InputFailure as failure:
                raise BadInput(str(failure)) from failure

    def submit(self, person: Person, tool: Tool, submission: Submission) -> Job:
        """The job, on disk and charged; the earlier one where another submit with the same key was quicker."""
        job_id = new_id()
        with self._folders.making_job(job_id) as folder:
            prepared = self._prepare(person, tool, submission, folder / "inputs", check=True)
            if prepared.given is None or prepared.problems:
                raise bad_input(prepared.problems)
            # A job without files costs no sync: all that is lost with the power is its run, which is told.
            durable = any(prepared.given.local.values())
            new = self._new_job(person, tool, submission, prepared, job_id)
            self._folders.write_request(folder, self._request(person, tool, new, prepared), durable=durable)
            with self._admitted(person):
                written = jobs.submit(self._store, new)
            submitted = written.result(WRITE_TIMEOUT_S)
            if not submitted.created:
                self._folders.remove_job(job_id)
        return submitted.job

    def _prepare(
        self, person: Person, tool: Tool, submission: Submission, folder: Path, *, check: bool
    ) -> Prepared:
        validated = submissions.validate(tool, submission.inputs, submission.settings)
        if validated.inputs is None or validated.settings is None:
            return Prepared(None, [], validated.problems)
        return self.prepare(person, tool, validated.inputs, validated.settings, folder, check=check)

    def prepare(
        self,
        person: Person,
        tool: Tool,
        inputs: Model,
        settings: Model,
        folder: Path,
        *,
        check: bool,
        written: dict[str, Path] | None = None,
    ) -> Prepared:
        """Bring the files into the folder, price what is given, and with `check` look into the files."""
        collected = self.collect(person, tool, inputs, folder, written)
        if collected.problems:
            return Prepared(None, [], collected.problems)
        given = Given(inputs, settings, collected.local)
        lines = (
            []
            if self._settings.jobs.credits == "off"
            else [line for line in tool.price(given) if line.credits]
        )
        problems = list(tool.check(given)) if check else []
        return Prepared(given, lines, problems, tuple(collected.uses))

    def collect(
        self, person: Person, tool: Tool, inputs: Model, folder: Path, written: dict[str, Path] | None = None
    ) -> Collected:
        """Every input file in the folder, which is made when there is one. `written` as in `submissions.collect`."""
        return submissions.collect(tool, inputs, person, folder, self._find, self._settings, written)

    def child(
        self,
        person: Person,
        tool: Tool,
        submission: Submission,
        prepared: Prepared,
        job_id: str,
        place: tuple[str, int],
    ) -> NewJob:
        """What the store is to be told of a batch's child, which is in its folder by then if it has files.

        `place`: batch and well.
        """
        new = self._new_job(person, tool, submission, prepared, job_id, place)
        assert prepared.given is not None
        if any(prepared.given.local.values()):
            self._folders.write_request(self._folders.job(job_id), self._request(person, tool, new, prepared))
        return new

    def _new_job(
        self,
        person: Person,
        tool: Tool,
        submission: Submission,
        prepared: Prepared,
        job_id: str,
        place: tuple[str, int] | tuple[None, None] = (None, None),
    ) -> NewJob:
        assert prepared.given is not None
        credits = sum(line.credits for line in prepared.lines)
        if submission.expected_credits not in (None, credits):
            raise Conflict(
                f"The price is {credits} credits now, not {submission.expected_credits}; look at it again."
            )
        limits = self._with_gpu(limits_of(tool, self._settings))
        self._refuse_too_large(limits)
        title = tool.title(prepared.given) if tool.title is not None else tool.name
        name_length = self._settings.limits.name_length
        inputs = submissions.to_keep(prepared.given.inputs, job_id)
        settings = prepared.given.settings.model_dump(mode="json")
        return NewJob(
            id=job_id,
            team=person.team,
            submitter=person.id,
            tool=tool.id,
            name=submissions.clean_name(submission.name or title[:name_length], name_length, field="name"),
            visibility=submission.visibility,
            credits=credits,
            price=[{"label": line.label, "credits": line.credits} for line in prepared.lines],
            inputs=inputs,
            settings=settings,
            # No cpus: the lane of quick jobs, which never wait behind a long run.
            cpus_min=0 if limits.quick else limits.cpus_min,
            cpus_max=limits.cpus_max,
            memory_mb=limits.memory_mb,
            gpus=limits.gpus,
            timeout_s=limits.timeout_s,
            idempotency_key=submission.idempotency_key,
            body_hash=_body_hash(submission) if submission.idempotency_key else "",
            enforce=self._settings.jobs.credits == "enforce",
            made_from=_made_from(submission, inputs, job_id),
            uses=prepared.uses,
            batch=place[0],
            well=place[1],
        )

    def made_earlier(self, person: Person, submission: Submission) -> Job | None:
        """A submit that is repeated is answered whatever the price, the disk or the tool are like by now."""
        key = submission.idempotency_key
        if not key:
            return None
        return jobs.made_earlier(self._store, key, person.id, person.team, _body_hash(submission))

    def _with_gpu(self, limits: Limits) -> Limits:
        """A tool that is quicker on a GPU gets one where a worker that is present has any."""
        there = any(worker.gpus for worker in self._cluster.workers())
        return replace(limits, gpus=max(1, limits.gpus)) if limits.gpu_if_there and there else limits

    def _refuse_too_large(self, limits: Limits) -> None:
        """A job that no worker could ever take is refused; while no worker is present nothing is known."""
        workers = self._cluster.workers()
        needed = 0 if limits.quick else limits.cpus_min
        if workers and not any(worker.fits(needed, limits.memory_mb, limits.gpus) for worker in workers):
            gpus = f" and {limits.gpus} GPU" if limits.gpus else ""
            cpus = "1 CPU" if needed <= 1 else f"{needed} CPUs"
            memory = f"{limits.memory_mb * 2**20 / 1e9:.1f} GB"
            raise Unavailable(f"This tool needs {cpus}, {memory} of memory{gpus}; no worker here has that.")

    def _request(self, person: Person, tool: Tool, new: NewJob, prepared: Prepared) -> dict[str, Any]:
        """`job.json`: all that a worker, or a person who finds the folder, needs to know."""
        assert prepared.given is not None
        files = {
            name: [[str(file.path.relative_to(self._folders.root)), file.name, file.format] for file in files]
            for name, files in prepared.given.local.items()
        }
        return request_of_all(person, tool, new.settings) | {
            "id": new.id,
            "name": new.name,
            "credits": new.credits,
            "inputs": new.inputs,
            "files": files,
        }

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for as long as it takes to look at what was given."""
        staging = self._folders.root / "staging"
        with full_disk_told(), tempfile.TemporaryDirectory(dir=staging) as folder:
            yield Path(folder)


def request_of_all(person: Person, tool: Tool, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `job.json` that the children of a batch have in common."""
    return {
        "team": person.team,
        "submitter": person.id,
        "tool": tool.id,
        "settings": settings,
        "steps": list(tool.steps),
        "imports": list(tool.imports),
    }


def _made_from(submission: Submission, inputs: Mapping[str, Any], job_id: str) -> tuple[tuple[str, str], ...]:
    retried = [(submission.retry_of, "retry")] if submission.retry_of else []
    used = [(job, "input") for job in references.results_in(inputs) if job != job_id]
    return tuple(retried + used)


def _body_hash(submission: Submission) -> str:
    """Tells two submits with the same idempotency key apart."""
    asked = submission.tool, submission.inputs, submission.settings, submission.name, submission.visibility
    return submissions.fingerprint(*asked, *([submission.retry_of] if submission.retry_of else []))


def bad_input(problems: list[Problem]) -> BadInput:
    """The first problem as an error, with the number of the others."""
    first, *others = problems
    more = f" ({len(others)} more to mend)" if others else ""
    return BadInput(f"{first.message}{more}", field=first.field)
