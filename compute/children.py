"""From what was given for many to one submission for each: read apart, looked at, and brought to disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from compute import submissions
from compute.settings import Settings
from compute.submitting import Prepared, Submission, Submitter
from data.errors import BadInput, Unavailable, WellplateError
from data.folders import Folders
from data.records import NewJob, Person, Visibility
from tools.contract import Batch, Given, InputFailure, Item, Model, Problem, Tool


@dataclass(frozen=True, kw_only=True)
class BatchSubmission:
    """What to run. Either `items`, the inputs of each job in the API's form, or `inputs` of the form for many."""

    tool: str
    settings: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]] | None = None
    inputs: Mapping[str, Any] | None = None
    name: str | None = None
    visibility: Visibility | None = None
    #: Go on without what cannot be run.
    skip_invalid: bool = False
    expected_credits: int | None = None
    idempotency_key: str | None = None


class Unreadable(Exception):
    """What was given as a whole cannot be read apart: the problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


class Children:
    def __init__(self, settings: Settings, folders: Folders, submitter: Submitter) -> None:
        self._settings = settings
        self._folders = folders
        self._submitter = submitter

    def read(self, person: Person, tool: Tool, asked: BatchSubmission) -> tuple[Model, list[Item]]:
        """The settings, and a run for each input, bad ones included. Raises Unreadable."""
        batch = _batchable(tool)
        if (asked.items is None) == (asked.inputs is None):
            raise Unreadable([Problem("items", "Give either items (one for each job) or inputs.")])
        settings, problems = submissions.validate_one(tool.Settings, asked.settings)
        if settings is None:
            raise Unreadable(problems)
        most = self.most(tool, settings)
        items = list(islice(self._items(person, tool, batch, settings, asked), most + 1))
        if not items:
            raise Unreadable([Problem(_first_field(batch), "There is nothing to run in it.")])
        if len(items) > most:
            raise Unreadable(
                [
                    Problem(
                        _first_field(batch),
                        f"A batch of {tool.name} has at most {most:,} jobs on this site, and this would have more. "
                        "Split it; the site's admin may allow more (tools.batches).",
                    )
                ]
            )
        return settings, items

    def most(self, tool: Tool, settings: Model) -> int:
        """Jobs that one batch may have."""
        return self._settings.tools.batches.get(tool.id, _batchable(tool).most(settings))

    def _items(
        self, person: Person, tool: Tool, batch: Batch, settings: Model, asked: BatchSubmission
    ) -> Iterator[Item]:
        if asked.items is not None:
            for number, item in enumerate(asked.items, start=1):
                yield Item(name="", where=f"item {number}", inputs=item)
            return
        inputs, problems = submissions.validate_one(batch.Inputs, asked.inputs or {})
        if inputs is None:
            raise Unreadable(problems)
        with self._submitter.scratch() as folder:
            collected = self._submitter.collect(person, tool, inputs, folder)
            if collected.problems:
                raise Unreadable(collected.problems)
            try:
                yield from batch.split(Given(inputs, settings, collected.local))
            except InputFailure as failure:
                raise Unreadable([Problem(_first_field(batch), str(failure))]) from failure

    def looked(
        self, person: Person, tool: Tool, settings: Model, items: Sequence[Item]
    ) -> Iterator[tuple[Item, Prepared]]:
        """Each with its price and what stands in its way. Nothing stays on disk."""
        written: dict[str, Path] = {}
        with self._submitter.scratch() as folder:
            for number, item in enumerate(items):
                yield item, self._prepare(person, tool, settings, item, folder / f"{number}", written)

    def write(
        self,
        person: Person,
        tool: Tool,
        settings: Model,
        item: Item,
        submission: Submission,
        job_id: str,
        place: tuple[str, int],
        written: dict[str, Path],
    ) -> NewJob | list[Problem]:
        """The job, its files in its folder, or why it cannot be. Within `Folders.making_children`.

        `place`: batch and well; `written`: as in `submissions.collect`, for all children together.
        """
        folder = self._folders.job(job_id) / "inputs"
        prepared = self._prepare(person, tool, settings, item, folder, written)
        if prepared.given is None or prepared.problems:
            self._folders.remove_job(job_id)
            return prepared.problems
        return self._submitter.child(person, tool, submission, prepared, job_id, place)

    def _prepare(
        self,
        person: Person,
        tool: Tool,
        settings: Model,
        item: Item,
        folder: Path,
        written: dict[str, Path],
    ) -> Prepared:
        if item.problem:
            return _refused(item.problem)
        inputs, problems = submissions.validate_one(tool.Inputs, item.inputs)
        if inputs is None:
            return Prepared(None, [], problems)
        try:
            return self._submitter.prepare(
                person, tool, inputs, settings, folder, check=True, written=written
            )
        except Unavailable:
            raise  # a full disk is no fault of this line
        except WellplateError as refusal:
            return _refused(refusal.message)


def told(problems: Sequence[Problem]) -> str:
    """What stands in the way of one item, in one text."""
    return " ".join(problem.message for problem in problems)


def _refused(sentence: str) -> Prepared:
    return Prepared(None, [], [Problem("", sentence)])


def _batchable(tool: Tool) -> Batch:
    if tool.batch is None:
        raise BadInput(f"{tool.name} takes one job at a time, not batches.", field="tool")
    return tool.batch


def _first_field(batch: Batch) -> str:
    return next(iter(batch.Inputs.model_fields), "inputs")
