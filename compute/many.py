"""Many samples at once: a run sheet or a heap of FASTQ files as rows, each looked at before anything starts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from compute.marks import Marks, clean_tags
from compute.submissions import clean_name
from compute.submitting import Submission
from data.errors import BadInput, WellplateError
from data.records import Job, Person, StoredFile
from tools.contract import Problem
from tools.reads import pairing

TOOL = "create-sample"
MOST_ROWS = 2000
#: Submits at the same time: they share commits, and looking into files waits for the disk.
TOGETHER = 8

NAME = "name"
#: Columns with names of files; `reads` may hold several with `;` between them.
FILES = ("reads", "reads_1", "reads_2")
SETTINGS = ("library_type", "host", "isolate", "notes")

#: Hears how many of how many are through.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sample that is to be made."""

    #: Of the sheet's line, or of the heap's sample, from 1.
    number: int
    name: str
    #: Names of its FASTQ files as the sheet has them, first all of the first mates.
    names: tuple[str, ...]
    #: Their ids; as many as names when there is no problem.
    files: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def submission(self) -> Submission:
        return Submission(
            tool=TOOL,
            inputs={"reads": [{"file": file} for file in self.files]},
            settings={NAME: self.name, **self.settings},
            name=f"Sample {self.name}",
        )


@dataclass(frozen=True, kw_only=True)
class Started:
    """What became of each, in the order given."""

    jobs: list[Job]
    #: Name and why not.
    refused: list[tuple[str, str]]


class Many:
    """Rows from people, looked at and submitted. What each may do is decided where a single one is submitted."""

    def __init__(
        self,
        *,
        submit: Callable[[Person, Submission], Job],
        problems: Callable[[Person, Submission], Sequence[Problem]],
        reads: Callable[[Person], list[StoredFile]],
        marks: Marks,
        name_length: int,
    ) -> None:
        self._submit = submit
        self._problems = problems
        self._reads = reads
        self._marks = marks
        self._name_length = name_length

    def sheet(self, person: Person, text: str) -> list[Row]:
        """The rows of a run sheet: CSV (or with tabs or semicolons) with a head. Raises BadInput for the sheet as a
        whole; what is wrong with a row is told in it."""
        known: dict[str, list[StoredFile]] = {}
        for file in self._reads(person):
            known.setdefault(file.name, []).append(file)
        try:
            rows = [
                _found(_row(number, values), known) for number, values in enumerate(_lines(text), start=1)
            ]
        except csv.Error as error:
            raise BadInput(f"The sheet cannot be read as a table: {error}.", field="sheet") from error
        return _apart(rows)

    def heap(self, person: Person, files: Sequence[str], settings: Mapping[str, str]) -> list[Row]:
        """Samples from uploaded FASTQ files by their names: mates paired, lanes together. The settings hold for all."""
        wanted = set(files)
        chosen = [file for file in self._reads(person) if file.id in wanted]
        lost = len(wanted) - len(chosen)
        if lost:
            raise BadInput(f"{lost} of the files are no FASTQ files of yours.", field="files")
        twice = [name for name, number in Counter(file.name for file in chosen).items() if number > 1]
        if twice:
            raise BadInput(f"There are several files named {twice[0]}; leave all but one out.", field="files")
        ids = {file.name: file.id for file in chosen}
        rows = []
        for number, pair in enumerate(pairing.pair(list(ids)), start=1):
            names = tuple(name for mates in pair.reads for name in mates)
            rows.append(
                Row(
                    number=number,
                    name=pair.sample,
                    names=names,
                    files=tuple(ids[name] for name in names),
                    settings=settings,
                    problems=tuple(pair.problems),
                )
            )
        return _apart(rows)

    def look(self, person: Person, rows: Sequence[Row], on_progress: OnProgress | None = None) -> list[Row]:
        """The rows with what their files' content has against them. Nothing is started or charged."""

        def looked(row: Row) -> Row:
            if row.problems:
                return row
            problems = [problem.message for problem in self._problems(person, row.submission())]
            return replace(row, problems=(*_nameless(row, self._name_length), *problems))

        return self._each(looked, rows, on_progress)

    def start(
        self,
        person: Person,
        submissions: Sequence[Submission],
        tag: str = "",
        on_progress: OnProgress | None = None,
    ) -> Started:
        """Submit each; a tag makes them findable as one. Raises BadInput, before anything starts, for a bad tag."""
        tags = list(clean_tags([tag]))

        def submitted(submission: Submission) -> Job | WellplateError:
            try:
                job = self._submit(person, submission)
            except WellplateError as refusal:
                return refusal
            try:
                return self._marks.tag(person, job.id, tags) if tags else job
            except WellplateError:
                return job  # it was started, whatever became of its tag

        answers = self._each(submitted, submissions, on_progress)
        return Started(
            jobs=[answer for answer in answers if isinstance(answer, Job)],
            refused=[
                (submission.name or submission.tool, answer.message)
                for submission, answer in zip(submissions, answers, strict=True)
                if isinstance(answer, WellplateError)
            ],
        )

    def _each(
        self, act: Callable[[Any], Any], items: Sequence[Any], on_progress: OnProgress | None
    ) -> list[Any]:
        answers = []
        with ThreadPoolExecutor(TOGETHER, thread_name_prefix="many") as pool:
            for number, answer in enumerate(pool.map(act, items), start=1):
                answers.append(answer)
                if on_progress:
                    on_progress(number, len(items))
        return answers


def _lines(text: str) -> Iterator[dict[str, str]]:
    text = text.removeprefix("\ufeff")
    head = next(iter(text.splitlines()), "")
    delimiter = max(",\t;", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns = _columns([column.strip().lower() for column in next(lines, [])])
    filled = (line for line in lines if any(cell.strip() for cell in line))
    for number, line in enumerate(filled, start=1):
        if number > MOST_ROWS:
            raise BadInput(f"The sheet has more than {MOST_ROWS:,} rows.", field="sheet")
        cells = [cell.strip() for cell in line]
        if any(cell for place, cell in enumerate(cells) if place >= len(columns) or not columns[place]):
            raise BadInput(
                f"Row {number} of the sheet has more cells than the sheet has columns. Put what has a comma in it "
                "into quotation marks.",
                field="sheet",
            )
        yield {column: cell for column, cell in zip_longest(columns, cells, fillvalue="") if column}


def _columns(columns: list[str]) -> list[str]:
    """Of the head; empty where nothing stands above a column, as spreadsheets leave them behind the last."""
    named = [column for column in columns if column]
    unknown = [column for column in named if column not in (NAME, *FILES, *SETTINGS)]
    if NAME not in named or not set(FILES) & set(named):
        raise BadInput(
            "A run sheet starts with a line of column names: name, reads_1, reads_2 (or reads with ; between the "
            "files), and if you like library_type, host, isolate, notes.",
            field="sheet",
        )
    if unknown:
        told = ", ".join([NAME, *FILES, *SETTINGS])
        raise BadInput(f"The sheet has a column {unknown[0]!r}; there are {told}.", field="sheet")
    if len(set(named)) < len(named):
        raise BadInput("The sheet has a column twice.", field="sheet")
    return columns


def _row(number: int, values: Mapping[str, str]) -> Row:
    names = [name.strip() for column in FILES for name in values.get(column, "").split(";") if name.strip()]
    problems = []
    if not values[NAME]:
        problems.append("The name is empty.")
    if not names:
        problems.append("No file is named.")
    return Row(
        number=number,
        name=values[NAME],
        names=tuple(names),
        settings={column: values[column] for column in SETTINGS if values.get(column)},
        problems=tuple(problems),
    )


def _nameless(row: Row, limit: int) -> list[str]:
    """Why its job could not have its name."""
    try:
        clean_name(row.submission().name or "", limit, field=NAME)
    except BadInput as refusal:
        return [refusal.message]
    return []


def _found(row: Row, known: Mapping[str, Sequence[StoredFile]]) -> Row:
    """The row with the ids of its files; of several with the same content the newest."""
    files, problems = [], list(row.problems)
    for name in row.names:
        same = known.get(name, ())
        if not same:
            problems.append(f"There is no FASTQ file {name} among your files; upload it first.")
        elif len({file.sha256 for file in same}) > 1:
            problems.append(f"There are {len(same)} different files named {name}; delete all but one.")
        else:
            files.append(same[0].id)
    return replace(row, files=tuple(files), problems=tuple(problems))


def _apart(rows: Sequence[Row]) -> list[Row]:
    """No two samples with one name, and no file in two samples."""
    names = Counter(row.name for row in rows if row.name)
    files = Counter(name for row in rows for name in row.names)
    told = []
    for row in rows:
        problems = list(row.problems)
        if names[row.name] > 1:
            problems.append(f"{names[row.name]} samples are named {row.name}.")
        problems += [
            f"{name} is named {files[name]} times." for name in dict.fromkeys(row.names) if files[name] > 1
        ]
        told.append(replace(row, problems=tuple(problems)))
    return told
