"""Summarise read alignments: flag counts, coverage, mapping qualities and insert sizes, with pysam.

One pass over the file, so it need be neither sorted nor indexed. Coverage counts what `samtools depth` counts by
default: alignments that are mapped and not secondary, duplicate or failed in quality control; deletions and skipped
introns are not covered.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tools import coverage, formats
from tools.contract import (
    Column,
    Example,
    Finished,
    Given,
    InputFailure,
    InputFile,
    Limits,
    LocalFile,
    MetricsPanel,
    Model,
    Panel,
    Problem,
    Result,
    RunningJob,
    Table,
    TablePanel,
    Tool,
    file_field,
)
from tools.flagstat import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER,
    QC_FAIL,
    READ1,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    flagstat,
)

if TYPE_CHECKING:
    import pysam

FORMATS = ("sam", "bam", "cram")

NOT_COVERAGE = UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE

#: Aligned blocks kept in memory (8 bytes each).
MOST_BLOCKS = 100_000_000
#: References with a coverage plot, most reads first; the table lists more.
PLOTTED = 40
LISTED = 20_000
#: Reads that `check` looks at.
PEEKED = 100
REPORT_EVERY = 50_000
#: Headers are kept in memory.
HEADER_MB = 64

#: QNAME to PNEXT of the SAM columns. htslib opens whatever file the header of a CRAM names as its reference (`UR`),
#: unless neither sequence nor TLEN are asked for.
NO_REFERENCE = 0x0FF
#: With TLEN, which needs the reference.
WITH_TLEN = 0x1FF


class Inputs(Model):
    alignment: InputFile = file_field(
        "Alignments: SAM, BAM or CRAM; sorted or not, no index needed.", FORMATS
    )
    reference: InputFile | None = file_field(
        "The reference (FASTA) that a CRAM file was written against: only needed for its insert sizes.",
        ("fasta",),
        optional=True,
    )


class Settings(Model):
    min_mapping_quality: int = Field(
        0, ge=0, le=254, description="Alignments below this mapping quality do not count for the coverage."
    )


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    file = given.file("alignment")
    refusal = formats.refuse(file, FORMATS, "alignments as SAM, BAM or CRAM")
    if refusal:
        yield Problem("alignment", refusal)
        return
    if _header_is_huge(file):
        yield Problem(
            "alignment", f"{file.name} has a header of more than {HEADER_MB} MB, which is not usable."
        )
        return
    references = given.files("reference")
    if references:
        refusal = formats.refuse(references[0], ("fasta",), "the reference as FASTA")
        if refusal:
            yield Problem("reference", refusal)
        return  # the reference is unpacked and indexed only while running
    try:
        with _opened(file, None) as alignments:
            seen = sum(1 for _ in islice(_reads(alignments, file), PEEKED))
    except InputFailure as error:
        yield Problem("alignment", str(error))
        return
    if not seen:
        yield Problem("alignment", f"{file.name} has a header but no reads.")


def _header_is_huge(file: LocalFile) -> bool:
    """Whether the header would unpack to more than fits into memory comfortably."""
    format = formats.detect(file.path, file.name)
    if format == "cram":
        return False
    try:
        with formats.open_binary(file.path, HEADER_MB * formats.MB) as content:
            if format == "bam":  # "BAM" and a one, then the length of the header's text
                return int.from_bytes(content.read(8)[4:], "little") > HEADER_MB * formats.MB
            while content.readline().startswith(b"@"):
                pass
    except formats.UnpacksTooLarge:
        return True
    except InputFailure:
        return False  # damaged: told when it is opened
    return False


@contextmanager
def _opened(file: LocalFile, reference: Path | None) -> Iterator[pysam.AlignmentFile]:
    """Raises InputFailure with a sentence when it cannot be opened.

    A reference must hold every sequence of the header, see `_refuse_other_reference`.
    """
    import pysam

    # Without this htslib looks up references of CRAM files on the internet.
    os.environ["REF_PATH"] = os.devnull
    fields = WITH_TLEN if reference else NO_REFERENCE
    verbosity = pysam.set_verbosity(0)
    try:
        try:
            alignments = pysam.AlignmentFile(
                str(file.path),
                check_sq=False,
                reference_filename=str(reference) if reference else None,
                format_options=[f"required_fields={fields}"],
            )
        except (OSError, ValueError) as error:
            raise InputFailure(_broken(file, 0, error)) from error
        try:
            yield alignments
        finally:
            with suppress(OSError):  # a damaged file, already told, fails again when it is closed
                alignments.close()
    finally:
        pysam.set_verbosity(verbosity)


def _broken(file: LocalFile, reads: int, error: Exception) -> str:
    if "EOF marker" in str(error) or "truncated" in str(error):
        if formats.detect(file.path, file.name) == "cram":
            return (
                f"{file.name} cannot be decoded after {reads:,} reads: the file is cut short, or the reference is "
                "not the one that it was written against."
            )
        return f"{file.name} is cut short after {reads:,} readable reads. Copy or upload it again."
    return f"{file.name} cannot be read after {reads:,} reads: {str(error)[:150]}. Is it complete and valid?"


def _reads(alignments: pysam.AlignmentFile, file: LocalFile) -> Iterator[pysam.AlignedSegment]:
    number = 0
    reads = alignments.fetch(until_eof=True)
    while True:
        try:
            read = next(reads)
        except StopIteration:
            return
        except (OSError, ValueError) as error:
            raise InputFailure(_broken(file, number, error)) from error
        number += 1
        yield read


@dataclass
class _Counts:
    #: Alignments by flag.
    flags: Counter[int] = field(default_factory=Counter)
    #: Primary pairs with mates on different references: QC-passed and failed, and those with mapping quality >= 5.
    apart: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    #: Of primary mapped reads.
    qualities: Counter[int] = field(default_factory=Counter)
    #: Absolute template lengths of the first reads of proper pairs.
    inserts: Counter[int] = field(default_factory=Counter)
    mapped: Counter[int] = field(default_factory=Counter)
    starts: dict[int, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("i")))
    ends: dict[int, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("i")))
    blocks: int = 0
    sorted: bool = True
    _last: tuple[int, int] = (-1, -1)

    def add(self, read: pysam.AlignedSegment, min_quality: int) -> None:
        flag = read.flag
        self.flags[flag] += 1
        if flag & UNMAPPED:
            return
        reference, quality = read.reference_id, read.mapping_quality
        place = (reference, read.reference_start)
        self.sorted &= place >= self._last
        self._last = place
        self.mapped[reference] += 1
        if not flag & (SECONDARY | SUPPLEMENTARY):
            self._add_primary(read, flag, reference, quality)
        if not flag & NOT_COVERAGE and quality >= min_quality:
            self._add_blocks(read, reference)

    def _add_primary(self, read: pysam.AlignedSegment, flag: int, reference: int, quality: int) -> None:
        self.qualities[quality] += 1
        if not flag & PAIRED or flag & MATE_UNMAPPED:
            return
        if read.next_reference_id != reference:
            self.apart[bool(flag & QC_FAIL), quality >= 5] += 1
        if flag & PROPER and flag & READ1 and not flag & DUPLICATE and read.template_length:
            self.inserts[abs(read.template_length)] += 1

    def _add_blocks(self, read: pysam.AlignedSegment, reference: int) -> None:
        starts, ends = self.starts[reference], self.ends[reference]
        for start, end in read.get_blocks():
            starts.append(start)
            ends.append(end)
            self.blocks += 1
        if self.blocks > MOST_BLOCKS:
            raise InputFailure(
                f"More than {MOST_BLOCKS:,} aligned blocks are too many. Split the file by reference."
            )


def run(job: RunningJob) -> Result:
    file, settings = job.given.file("alignment"), job.given.settings
    format = formats.detect(file.path, file.name)
    if format not in FORMATS:  # htslib would fetch what a list of addresses (htsget) names
        raise InputFailure(f"{file.name} is {formats.describe(format)}. Give alignments as SAM, BAM or CRAM.")
    reference = _reference(job) if format == "cram" else None
    job.step("Read alignments")
    counts = _Counts()
    size = file.path.stat().st_size
    in_blocks = format == "bam"
    with _opened(file, reference) as alignments:
        header = [(str(name), int(alignments.lengths[i])) for i, name in enumerate(alignments.references)]
        for number, read in enumerate(_reads(alignments, file)):
            counts.add(read, settings.min_mapping_quality)
            if number % REPORT_EVERY == 0:
                # In a BAM file the upper bits of the position are the offset in the file itself.
                fraction = min(1.0, (alignments.tell() >> 16) / size) if in_blocks else None
                job.progress(fraction, f"{number:,} alignments")
    if not counts.flags:
        raise InputFailure(f"{file.name} has a header but no reads.")
    without_inserts = format == "cram" and reference is None
    if without_inserts:
        counts.inserts.clear()
    job.step("Compute coverage")
    profiles = _profiles(job, counts, header)
    return Result(
        summary=_summary(counts, header, profiles),
        tables=[
            _flag_table(counts),
            _reference_table(counts, header, profiles),
            _bin_table(header, _plotted(counts, header), profiles),
            _histogram(
                "mapping_quality", "Mapping quality of primary reads", "Mapping quality", "", counts.qualities
            ),
            _histogram("insert_sizes", "Insert sizes of proper pairs", "Insert size", "bp", counts.inserts),
        ],
        warnings=[*_warnings(counts, header, settings), *([_NO_INSERTS] if without_inserts else [])],
    )


_NO_INSERTS = (
    "Insert sizes are left out: for those of a CRAM file, give the reference (FASTA) it was written against."
)


def _reference(job: RunningJob) -> Path | None:
    """The reference of a CRAM file, unpacked and indexed in the working folder."""
    import pysam

    files = job.given.files("reference")
    if not files:
        return None
    job.step("Index the reference")
    target = job.work / "reference.fasta"
    with (
        formats.open_binary(files[0].path, LIMITS.unpacked_mb * formats.MB) as source,
        target.open("wb") as copy,
    ):
        while chunk := source.read(1 << 20):
            copy.write(chunk)
    try:
        pysam.faidx(str(target))
    except pysam.SamtoolsError as error:
        raise InputFailure(f"{files[0].name} cannot be indexed as FASTA: {str(error)[:150]}") from error
    _refuse_other_reference(job.given.file("alignment"), target)
    return target


def _refuse_other_reference(file: LocalFile, reference: Path) -> None:
    """Raises InputFailure when a sequence is missing or empty: htslib would open the file that the header names."""
    import pysam

    with _opened(file, None) as alignments, pysam.FastaFile(str(reference)) as fasta:
        wanted = zip(alignments.references, alignments.lengths, strict=True)
        lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        other = [name for name, length in wanted if not length or lengths.get(name) != length]
    if other:
        raise InputFailure(
            f"The reference is another one than {file.name} was written against: it has no sequence "
            f"{other[0]} of the same length. Give the same FASTA, or none."
        )


def _profiles(job: RunningJob, counts: _Counts, header: list[tuple[str, int]]) -> dict[int, coverage.Profile]:
    profiles = {}
    for number, index in enumerate(counts.starts, start=1):
        profiles[index] = coverage.profile(counts.starts[index], counts.ends[index], header[index][1])
        job.progress(number / len(counts.starts), header[index][0])
    return profiles


def _plotted(counts: _Counts, header: list[tuple[str, int]]) -> list[int]:
    return [index for index, _ in counts.mapped.most_common(PLOTTED) if index >= 0]


def _summary(
    counts: _Counts, header: list[tuple[str, int]], profiles: dict[int, coverage.Profile]
) -> dict[str, Any]:
    rows = {name: passed + failed for name, passed, failed in flagstat(counts.flags, counts.apart)}
    total = sum(length for _, length in header)
    return {
        "alignments": rows["in total"],
        "reads": rows["primary"],
        "mapped_reads": rows["primary mapped"],
        "mapped_percent": round(100 * rows["primary mapped"] / rows["primary"], 2)
        if rows["primary"]
        else None,
        "references": len(header),
        "mean_depth": round(sum(p.bases for p in profiles.values()) / total, 3) if total else None,
        "breadth_percent": round(100 * sum(p.covered for p in profiles.values()) / total, 3)
        if total
        else None,
        "median_insert": _median(counts.inserts),
        "sorted": counts.sorted,
    }


def _median(counts: Counter[int]) -> int | None:
    """The lower median of counted values."""
    left = (sum(counts.values()) + 1) // 2
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return None


def _warnings(counts: _Counts, header: list[tuple[str, int]], settings: Settings) -> Iterator[str]:
    if not counts.mapped:
        yield "No read is mapped: there is no coverage to show."
    if settings.min_mapping_quality:
        yield f"Coverage counts only alignments with mapping quality {settings.min_mapping_quality} or more."
    if len(header) > LISTED:
        yield f"The table lists the {LISTED:,} references with most alignments, of {len(header):,}."
    if len(counts.mapped) > PLOTTED:
        yield f"Coverage is plotted for the {PLOTTED} references with most alignments, of {len(counts.mapped):,}."


def _flag_table(counts: _Counts) -> Table:
    return Table(
        "flags",
        "Flag counts",
        [
            Column("what", "Alignments", help="As samtools flagstat counts them"),
            Column("passed", "QC-passed", "", "BIGINT"),
            Column("failed", "QC-failed", "", "BIGINT"),
        ],
        flagstat(counts.flags, counts.apart),
    )


def _reference_table(
    counts: _Counts, header: list[tuple[str, int]], profiles: dict[int, coverage.Profile]
) -> Table:
    listed = sorted(range(len(header)), key=lambda index: -counts.mapped[index])[:LISTED]
    nothing = coverage.Profile.empty()
    return Table(
        "references",
        "References",
        [
            Column("reference", "Reference"),
            Column("length", "Length", "bp", "BIGINT"),
            Column("mapped", "Mapped alignments", "", "BIGINT", "All, also secondary and duplicate"),
            Column("covered", "Covered", "bp", "BIGINT", "Positions with a depth of 1 or more"),
            Column("breadth", "Breadth", "%", "DOUBLE", "Covered part of the length"),
            Column("mean_depth", "Mean depth", "×", "DOUBLE", "Over the whole length"),
            Column("max_depth", "Maximum depth", "×", "BIGINT"),
        ],
        [
            (
                header[index][0],
                header[index][1],
                counts.mapped[index],
                found.covered,
                round(100 * found.covered / header[index][1], 4) if header[index][1] else 0.0,
                round(found.bases / header[index][1], 4) if header[index][1] else 0.0,
                found.deepest,
            )
            for index in listed
            for found in [profiles.get(index, nothing)]
        ],
    )


def _bin_table(
    header: list[tuple[str, int]], plotted: list[int], profiles: dict[int, coverage.Profile]
) -> Table:
    return Table(
        "coverage",
        "Coverage in bins",
        [
            Column("reference", "Reference"),
            Column("from", "From", "bp", "BIGINT", "First position, counted from 1"),
            Column("to", "To", "bp", "BIGINT"),
            Column("mean_depth", "Mean depth", "×", "DOUBLE"),
            Column("max_depth", "Maximum depth", "×", "BIGINT", "Deepest position of the bin"),
        ],
        [
            (header[index][0], first, last, round(mean, 3), deepest)
            for index in plotted
            if index in profiles
            for first, last, mean, deepest in profiles[index].bins
        ],
    )


def _histogram(name: str, title: str, label: str, unit: str, counts: Counter[int]) -> Table:
    columns = [Column("value", label, unit, "BIGINT"), Column("reads", "Reads", "", "BIGINT")]
    return Table(name, title, columns, sorted(counts.items()))


def view(finished: Finished) -> Sequence[Panel]:
    from tools import alignment_figures as figures

    summary: Any = finished.summary
    panels: list[Panel] = [
        MetricsPanel(
            "Alignments",
            [
                ("Reads", f"{summary['reads']:,}", "Primary records; each mate of a pair is one"),
                (
                    "Mapped",
                    "–" if summary["mapped_percent"] is None else f"{summary['mapped_percent']:.1f} %",
                    "",
                ),
                ("Mean depth", _told(summary["mean_depth"], "{:.2f} ×"), "Over all references"),
                (
                    "Breadth",
                    _told(summary["breadth_percent"], "{:.1f} %"),
                    "Part of all references that is covered",
                ),
                ("Median insert", _told(summary["median_insert"], "{:,} bp"), "Of proper pairs"),
                (
                    "Order",
                    "sorted" if summary["sorted"] else "not sorted",
                    "By position, as found in the file",
                ),
            ],
        )
    ]
    bins = finished.rows("coverage")
    if bins:
        panels.append(figures.coverage(bins))
    for table in ("mapping_quality", "insert_sizes"):
        rows = finished.rows(table)
        if rows:
            panels.append(figures.histogram(rows, table))
    return [*panels, TablePanel("References", "references"), TablePanel("Flag counts", "flags")]


def _told(value: Any, form: str) -> str:
    return "–" if value is None else form.format(value)


def title(given: Given[Inputs, Settings]) -> str:
    return f"Summary of {given.file('alignment').name}"


def example() -> Example:
    return Example(
        "Eight reads on two short references",
        {"alignment": {"text": _EXAMPLE, "name": "eight.sam"}},
        {},
        "Small enough to count by hand.",
    )


_EXAMPLE = (
    "\n".join(
        "\t".join(line.split())
        for line in """\
@HD VN:1.6 SO:coordinate
@SQ SN:chrA LN:60
@SQ SN:chrB LN:40
pair1 99 chrA 1 60 10M = 31 40 ACGTACGTAC FFFFFFFFFF
pair2 99 chrA 6 60 10M = 36 40 ACGTACGTAC FFFFFFFFFF
spliced 0 chrA 11 40 5M10N5M * 0 0 ACGTACGTAC FFFFFFFFFF
pair1 147 chrA 31 60 10M = 1 -40 ACGTACGTAC FFFFFFFFFF
pair2 147 chrA 36 60 10M = 6 -40 ACGTACGTAC FFFFFFFFFF
copy 1024 chrA 36 60 10M * 0 0 ACGTACGTAC FFFFFFFFFF
lonely 73 chrB 5 20 10M = 5 0 ACGTACGTAC FFFFFFFFFF
lonely 133 chrB 5 0 * = 5 0 ACGTACGTAC FFFFFFFFFF
""".splitlines()
    )
    + "\n"
)

LIMITS = Limits(memory_mb=3072, timeout_s=3600, input_mb=2000, unpacked_mb=4000)

TOOL = Tool(
    id="alignment-summary",
    name="Alignment summary",
    summary="Counts flags and shows coverage, mapping qualities and insert sizes of a SAM, BAM or CRAM file.",
    category="Utilities",
    keywords=(
        "bam",
        "sam",
        "cram",
        "alignment",
        "coverage",
        "depth",
        "flagstat",
        "mapping quality",
        "insert size",
    ),
    homepage="https://pysam.readthedocs.io",
    licence="MIT",
    doi="10.1093/gigascience/giab008",
    version=lambda: f"pysam {version('pysam')}",
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=("Index the reference", "Read alignments", "Compute coverage"),
    check=check,
    imports=("numpy", "pysam", "duckdb"),
    run=run,
    view=view,
    example=example,
    title=title,
)
