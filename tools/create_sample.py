"""Create a sample: the reads of one sequencing library, checked, with their quality, in the team's library.

One pass over the files measures them (tools/reads/quality.py) and compares the mates' names; then they are put away
gzipped, byte by byte as they came where nothing has to be changed.

What is looked at when. Before the job starts (`check`): names, formats, the first 1,000 records of each file and of
each pair, and the whole of every compressed file of less than 64 MB: whether it unpacks to its end (2 GB at most).
While it runs: every record. What turns out bad only then ends the job with a sentence; it costs nothing, like the job.

What is changed, each with a warning: CR LF line ends, blank lines at the end and a last line without an end; letters in
lower case; U to T; a dot or an IUPAC code to N, which is how the mappers read it; Phred+64 qualities to Phred+33.
Reads of length zero stay, so that mates stay in step, and are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any, Literal

from pydantic import Field

from tools import formats
from tools.contract import (
    Example,
    Finished,
    Given,
    InputFailure,
    InputFile,
    LibraryItem,
    Limits,
    LocalFile,
    MetricsPanel,
    Model,
    Panel,
    Problem,
    Result,
    RunningJob,
    Tool,
    file_field,
)
from tools.reads import fastq, figures, mates, pairing, tables, writing
from tools.reads import quality as qualities
from tools.reads.quality import SANGER, SHIFT, Tally
from tools.remembered import remembered

#: Records that `check` looks at.
PEEKED = 1000
#: Compressed files below this size are unpacked by `check`, so much of them.
UNPACKED_BELOW_MB, UNPACKED_MB = 64, 2048
MOST_FILES = 64

FORMATS = ("fastq",)
MEASURE, FINALIZE = "Measure quality", "Finalize"


class Inputs(Model):
    reads: Annotated[list[InputFile], Field(min_length=1, max_length=MOST_FILES)] = file_field(
        "FASTQ, gzipped or plain: one file, or two of mates (R1 first), or more when their names tell mates and lanes.",
        FORMATS,
    )


class Settings(Model):
    name: str = Field(
        "", max_length=200, description="Name of the sample; empty: taken from the file's name."
    )
    library_type: Literal["normal", "srna"] = Field(
        "normal",
        description="srna for small RNA, whose reads of 18 nt and more are kept when they are trimmed.",
    )
    host: str = Field(
        "", max_length=200, description="What the sample was taken from.", examples=["Vitis vinifera"]
    )
    isolate: str = Field(
        "", max_length=200, description="The isolate or plant it is of.", examples=["Isolate A1"]
    )
    notes: str = Field("", max_length=4000, description="Anything worth keeping with the sample.")


def _arranged(files: Sequence[LocalFile]) -> list[list[LocalFile]]:
    """The files of each mate, in the order of their lanes. Raises pairing.NoSample."""
    return [[files[index] for index in lanes] for lanes in pairing.arrange([file.name for file in files])]


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    files = given.files("reads")
    refusals = [formats.refuse(file, FORMATS, "reads as FASTQ, plain or gzipped") for file in files]
    if any(refusals):
        yield from (Problem("reads", refusal) for refusal in refusals if refusal)
        return
    try:
        for lane in zip(*_in_step(_arranged(files)), strict=True):
            _peek(lane)
        for file in files:
            if _is_small(file):
                _unpacks(file)
    except (InputFailure, pairing.NoSample) as problem:
        yield Problem("reads", str(problem))


def _in_step(arranged: list[list[LocalFile]]) -> list[list[LocalFile]]:
    if len({len(lanes) for lanes in arranged}) > 1:
        raise pairing.NoSample("There are more files of one mate than of the other. Give both of every lane.")
    return arranged


@remembered(4 * MOST_FILES)
def _unpacks(file: LocalFile) -> None:
    """A file takes 0.3 s. Raises InputFailure."""
    fastq.unpacks(file.path, file.name, UNPACKED_MB)


def _is_small(file: LocalFile) -> bool:
    return file.path.stat().st_size < UNPACKED_BELOW_MB * formats.MB


def _peek(lane: Sequence[LocalFile]) -> None:
    """Looks at the first records of a file, or of two mates. Raises InputFailure."""
    with ExitStack() as stack:
        sources = [stack.enter_context(fastq.opened(file.path, file.name)) for file in lane]
        heads = [next(fastq.batches(source)).head(PEEKED) for source in sources]
    for file, head in zip(lane, heads, strict=True):
        Tally(file.name).add(head)
        fastq.judge_names(head, file.name)
    if len(lane) == 1:
        return
    shared = min(len(head) for head in heads)
    first, second = (head.head(shared) for head in heads)
    if mates.identical(first, second):
        raise InputFailure(
            f"{lane[0].name} and {lane[1].name} hold the same reads: one file was given twice. Give R1 and R2."
        )
    if (mates.mate_of(first), mates.mate_of(second)) == (2, 1):
        raise InputFailure(
            f"{lane[0].name} has the second reads and {lane[1].name} the first, as the names of their reads say. "
            "Swap them: R1 first."
        )
    mates.compare(first, second, [file.name for file in lane])


@dataclass
class _Progress:
    """Progress of a step by bytes read."""

    job: RunningJob
    #: Bytes of all files, as they are stored.
    total: int
    done: int = 0

    def __call__(self, more: int, note: str = "") -> None:
        self.done += more
        self.job.progress(min(1.0, self.done / self.total), note)


def run(job: RunningJob) -> Result:
    files = job.given.files("reads")
    try:
        arranged = _in_step(_arranged(files))
    except pairing.NoSample as problem:
        raise InputFailure(str(problem)) from problem
    total = sum(file.path.stat().st_size for file in files)
    job.step(MEASURE)
    found = _measure(job, arranged, _Progress(job, total))
    encoding = qualities.encoding_of(found.tallies)
    if not any(tally.longest for tally in found.tallies):
        raise InputFailure(
            f"All reads of {files[0].name} have the length zero. There is nothing to make a sample of."
        )
    job.step(FINALIZE)
    changed = _changes(found, encoding)
    folder = job.out / "sample"
    folder.mkdir()
    told = _Progress(job, total)
    for number, lanes in enumerate(arranged, start=1):
        writing.write(
            lanes,
            folder / f"reads_{number}.fq.gz",
            change=bool(changed),
            shift=0 if encoding == SANGER else SHIFT,
            cpus=job.cpus,
            told=told,
        )
    quality = _quality(found.tallies, encoding)
    (folder / "quality.json").write_text(json.dumps(quality))
    facts = _facts(job.given, quality, arranged, changed)
    return Result(
        summary={
            "sample": _name(job.given),
            "reads": quality["count"],
            "paired": facts["paired"],
            "shortest": quality["length"][0],
            "longest": quality["length"][1],
            "gc": quality["gc"],
            "encoding": quality["encoding"],
        },
        tables=tables.tables(quality),
        library=[LibraryItem(folder, _name(job.given), "sample", facts)],
        warnings=list(_warnings(found, changed, quality)),
    )


@dataclass
class _Measured:
    #: One per mate.
    tallies: list[Tally]
    #: Files whose end is not as it should be.
    untidy: list[str] = field(default_factory=list)


def _measure(job: RunningJob, arranged: list[list[LocalFile]], told: _Progress) -> _Measured:
    found = _Measured([Tally(lanes[0].name) for lanes in arranged])
    for lane in zip(*arranged, strict=True):
        with ExitStack() as stack:
            sources = [
                stack.enter_context(fastq.opened(file.path, file.name, cpus=job.cpus)) for file in lane
            ]
            position = 0
            for index, batch in mates.side_by_side(sources):
                found.tallies[index].name = lane[index].name
                found.tallies[index].add(batch)
                reached = sum(source.position for source in sources)
                told(reached - position, f"{sum(tally.count for tally in found.tallies):,} reads")
                position = reached
            found.untidy += [source.name for source in sources if source.untidy]
    return found


def _changes(found: _Measured, encoding: str) -> list[str]:
    """What is changed in the reads, in words."""
    tallies = found.tallies
    ambiguous, uracils = (sum(getattr(tally, kind) for tally in tallies) for kind in ("ambiguous", "uracils"))
    changes = {
        "line ends from CR LF to LF": any(tally.crlf for tally in tallies),
        f"the end of {', '.join(found.untidy)}": bool(found.untidy),
        "letters from lower to upper case": any(tally.lower_case for tally in tallies),
        f"{ambiguous:,} dots and IUPAC codes to N": ambiguous > 0,
        f"{uracils:,} U to T": uracils > 0,
        f"qualities from Phred+64 ({encoding}) to Phred+33": encoding != SANGER,
    }
    return [change for change, made in changes.items() if made]


def _warnings(found: _Measured, changed: Sequence[str], quality: dict[str, Any]) -> Iterator[str]:
    if changed:
        yield f"Changed in the reads, everywhere: {'; '.join(changed)}."
    if empty := sum(int(tally.ends[0]) for tally in found.tallies):
        yield f"{empty:,} of {quality['count']:,} reads have the length zero. They are kept and counted."
    if qualities.too_few_to_judge(found.tallies):
        yield (
            "All qualities are unusually high: they may be Phred+64 (Illumina 1.3 to 1.7), but there are fewer than "
            f"{qualities.ENOUGH_READS} reads to judge by. They were taken for Phred+33."
        )


def _quality(tallies: Sequence[Tally], encoding: str) -> dict[str, Any]:
    """Virtool's object over all files, and under `files` that of each. The encoding is that of the stored reads."""
    each = [{**qualities.quality(tally, encoding), "encoding": SANGER} for tally in tallies]
    return {**(qualities.both(*each) if len(each) == 2 else each[0]), "files": each}


def _name(given: Given[Inputs, Settings]) -> str:
    """As set, otherwise the sample in the first file's name."""
    return given.settings.name.strip() or pairing.parse(given.files("reads")[0].name).sample


def _facts(
    given: Given[Inputs, Settings],
    quality: dict[str, Any],
    arranged: list[list[LocalFile]],
    changed: list[str],
) -> dict[str, Any]:
    settings = given.settings
    return {
        "count": quality["count"],
        "paired": len(arranged) == 2,
        "length": quality["length"],
        "gc": quality["gc"],
        "encoding": quality["encoding"],
        "library_type": settings.library_type,
        "host": settings.host.strip(),
        "isolate": settings.isolate.strip(),
        "notes": settings.notes.strip(),
        "mates": [file.name for lanes in arranged for file in lanes],
        "changed": changed,
    }


def view(finished: Finished) -> Sequence[Panel]:
    summary = finished.summary
    metrics = MetricsPanel(
        "Sample",
        figures.metrics(
            summary["reads"],
            summary["paired"],
            (summary["shortest"], summary["longest"]),
            summary["gc"],
            summary["encoding"],
        ),
    )
    return [
        metrics,
        *figures.draw(finished.rows("cycles"), finished.rows("lengths"), finished.rows("read_quality")),
    ]


def title(given: Given[Inputs, Settings]) -> str:
    return f"Sample {_name(given)}"[:200]


def example() -> Example:
    return Example(
        "Fifty made-up pairs of reads",
        {"reads": [{"text": _made_up(mate), "name": f"made-up_R{mate}.fastq"} for mate in (1, 2)]},
        {
            "name": "Made-up reads",
            "host": "none",
            "notes": "Random letters, to see what a sample looks like.",
        },
    )


def _made_up(mate: int) -> str:
    """Random reads whose quality falls towards their end, the second reads' more; always the same."""
    import random

    chance = random.Random(mate)
    records = []
    for number in range(1, 51):
        letters = "".join(chance.choice("ACGT") for _ in range(60))
        scores = (chance.gauss(38 - cycle * mate / 8, 3) for cycle in range(60))
        quality = "".join(chr(33 + max(2, min(40, round(score)))) for score in scores)
        records.append(f"@made-up:{number} {mate}:N:0:1\n{letters}\n+\n{quality}\n")
    return "".join(records)


TOOL = Tool(
    id="create-sample",
    name="Create sample",
    summary="Checks the reads of a sequencing library, measures their quality and keeps them as a sample.",
    category="Viruses",
    keywords=(
        "sample",
        "reads",
        "fastq",
        "quality",
        "quality control",
        "FastQC",
        "sequencing",
        "Illumina",
        "paired",
        "lanes",
        "small RNA",
    ),
    homepage="https://www.virtool.ca",
    licence="Apache-2.0",
    version=lambda: f"python-isal {version('isal')}, NumPy {version('numpy')}",
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=1024,
        timeout_s=24 * 3600,
        file_size_mb=200_000,
        input_mb=200_000,
        unpacked_mb=fastq.UNPACKED_MB,
    ),
    steps=(MEASURE, FINALIZE),
    imports=("numpy", "isal.igzip", "duckdb"),
    check=check,
    run=run,
    view=view,
    example=example,
    title=title,
)
