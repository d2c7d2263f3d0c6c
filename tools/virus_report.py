"""Viruses × samples: many Pathoscope results as one table and heat map, with controls and contamination marked.

A virus is *found* in a sample where its coverage reaches the setting. Two marks warn of reads that may come from
elsewhere: the virus is also in a negative control, or the sample has a small share of the reads that the richest sample
has (index swaps move up to 2 % of the reads of a run: Costello et al. 2018, doi:10.1186/s12864-018-4703-0).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from tools import formats, words
from tools.contract import (
    ChoicePanel,
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
from tools.remembered import remembered

MOST_RESULTS = 500
#: A result has the depth of every position in it.
RESULT_MB = 500

CONTROL = "in a negative control"
ALSO_IN_CONTROL = "also in a negative control"
CARRY_OVER = "few reads beside another sample"


class Inputs(Model):
    results: Annotated[list[InputFile], Field(min_length=1, max_length=MOST_RESULTS)] = file_field(
        "Pathoscope results (pathoscope.json), one for each sample.", ("pathoscope",)
    )


class Settings(Model):
    negative_controls: str = Field(
        "",
        max_length=2000,
        description="Names of the samples that are negative controls, with commas between them.",
        examples=["NTC, water"],
    )
    min_coverage: float = Field(
        0.5, gt=0, le=1, description="A virus counts as found from this coverage on (Virtool's manual: 0.5)."
    )
    carry_over: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="A sample with fewer than this share of the reads that the richest sample has of a virus is "
        "marked; 0 marks none.",
        json_schema_extra={"advanced": True},
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One virus in one sample."""

    otu: str
    virus: str
    abbreviation: str
    sample: str
    weight: float
    coverage: float
    depth: float
    reads: int


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    control: bool
    index: str
    version: str
    reads: int
    subtracted: int


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    try:
        names = [_name(file) for file in given.files("results")]
    except InputFailure as error:
        yield Problem("results", str(error))
        return
    unknown = [name for name in _controls(given.settings) if name not in names]
    if unknown:
        yield Problem(
            "negative_controls",
            f"No result is of a sample named {unknown[0]!r}. The samples are {words.some(names)}.",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield Problem(
            "results", f"There are several results of the sample {twice[0]!r}; give one of each sample."
        )


def _controls(settings: Settings) -> list[str]:
    return [name.strip() for name in settings.negative_controls.split(",") if name.strip()]


@remembered(2 * MOST_RESULTS)
def _name(file: LocalFile) -> str:
    """Of the sample. A result has the depth of every position, which takes a while to read."""
    return _read(file, set())[0].name


def _read(file: LocalFile, controls: set[str]) -> tuple[Sample, list[Cell]]:
    """The sample and the viruses in it. Raises InputFailure."""
    try:
        result = json.loads(formats.read_text(file.path, RESULT_MB * formats.MB))
        return _sample(result, controls), _cells(result)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputFailure(f"{file.name} is no result of Pathoscope.") from error


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    job.step("Compare samples")
    controls = set(_controls(settings))
    samples: list[Sample] = []
    cells: list[Cell] = []
    files = job.given.files("results")
    for number, file in enumerate(files):
        sample, own = _read(file, controls)
        samples.append(sample)
        cells += own
        job.progress((number + 1) / len(files))
    marks = mark(cells, samples, settings.carry_over)
    found = [cell for cell in cells if cell.coverage >= settings.min_coverage]
    return Result(
        summary={
            "samples": len(samples),
            "negative_controls": sum(sample.control for sample in samples),
            "viruses": len({cell.otu for cell in found}),
            "findings": len(found),
            "marked": sum(bool(marks.get((cell.otu, cell.sample))) for cell in found),
            "index": ", ".join(sorted({f"{sample.index} ({sample.version})" for sample in samples})),
        },
        tables=[
            _findings(cells, marks, settings.min_coverage),
            _viruses(cells, marks, samples, settings.min_coverage),
            _samples(samples, cells, settings.min_coverage),
        ],
        warnings=list(_warnings(samples, found, marks)),
    )


def _sample(result: Mapping[str, Any], controls: set[str]) -> Sample:
    name = str(result["sample"]["name"])
    return Sample(
        name=name,
        control=name in controls,
        index=str(result["index"].get("name", "")),
        version=str(result["index"].get("version", "")),
        reads=int(result["read_count"]),
        subtracted=int(result["subtracted_count"]),
    )


def _cells(result: Mapping[str, Any]) -> list[Cell]:
    return [
        Cell(
            otu=str(otu["id"]),
            virus=str(otu["name"]),
            abbreviation=str(otu.get("abbreviation") or ""),
            sample=str(result["sample"]["name"]),
            weight=float(otu["weight"]),
            coverage=float(otu["coverage"]),
            depth=float(otu["depth"]),
            reads=int(otu["reads"]),
        )
        for otu in result["otus"]
    ]


def mark(
    cells: Sequence[Cell], samples: Sequence[Sample], carry_over: float
) -> dict[tuple[str, str], list[str]]:
    """(OTU id, sample) -> what a reader should doubt."""
    controls = {sample.name for sample in samples if sample.control}
    in_control = {cell.otu for cell in cells if cell.sample in controls and cell.reads > 0}
    richest: dict[str, int] = {}
    for cell in cells:
        richest[cell.otu] = max(richest.get(cell.otu, 0), cell.reads)
    marks: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        doubts = []
        if cell.sample in controls:
            doubts.append(CONTROL)
        elif cell.otu in in_control:
            doubts.append(ALSO_IN_CONTROL)
        if cell.reads < carry_over * richest[cell.otu]:
            doubts.append(CARRY_OVER)
        if doubts:
            marks[cell.otu, cell.sample] = doubts
    return marks


def _warnings(
    samples: Sequence[Sample], found: Sequence[Cell], marks: Mapping[tuple[str, str], list[str]]
) -> Iterator[str]:
    versions = {(sample.index, sample.version) for sample in samples}
    if len(versions) > 1:
        told = "; ".join(sorted(f"{name} ({version})" for name, version in versions))
        yield f"The samples were mapped against different indexes, so their weights do not compare: {told}."
    of_controls = sorted({cell.virus for cell in found if CONTROL in marks.get((cell.otu, cell.sample), [])})
    if of_controls:
        yield f"Found in a negative control: {words.some(of_controls)}. Doubt these viruses in the other samples."
    carried = sum(CARRY_OVER in marks.get((cell.otu, cell.sample), []) for cell in found)
    if carried:
        yield (
            f"{carried} of {len(found)} findings have few reads beside another sample of the same virus: "
            "they may be carried over."
        )


def _findings(
    cells: Sequence[Cell], marks: Mapping[tuple[str, str], list[str]], min_coverage: float
) -> Table:
    return Table(
        "findings",
        "Viruses in samples",
        [
            Column("sample", "Sample"),
            Column("virus", "Virus"),
            Column("abbreviation", "Abbreviation"),
            Column("found", "Found", "", "BOOLEAN", f"Coverage of {min_coverage:g} or more"),
            Column("doubt", "Doubt"),
            Column("coverage", "Coverage", "", "DOUBLE", "Share of the positions with a read"),
            Column(
                "weight", "Weight", "", "DOUBLE", "Share of the mapped reads, weighted by their scores (pi)"
            ),
            Column("depth", "Depth", "×", "DOUBLE", "Median depth"),
            Column("reads", "Reads", "", "BIGINT"),
        ],
        [
            (
                cell.sample,
                cell.virus,
                cell.abbreviation,
                cell.coverage >= min_coverage,
                "; ".join(marks.get((cell.otu, cell.sample), [])),
                cell.coverage,
                cell.weight,
                cell.depth,
                cell.reads,
            )
            for cell in sorted(cells, key=lambda cell: (cell.sample, -cell.coverage, cell.virus))
        ],
    )


def _viruses(
    cells: Sequence[Cell],
    marks: Mapping[tuple[str, str], list[str]],
    samples: Sequence[Sample],
    min_coverage: float,
) -> Table:
    by_otu: dict[str, list[Cell]] = {}
    for cell in cells:
        by_otu.setdefault(cell.otu, []).append(cell)
    rows = []
    for own in by_otu.values():
        found = [cell for cell in own if cell.coverage >= min_coverage]
        clear = [cell for cell in found if not marks.get((cell.otu, cell.sample))]
        best = max(own, key=lambda cell: (cell.coverage, cell.reads))
        rows.append((best.virus, best.abbreviation, len(found), len(clear), best.sample, best.coverage))
    return Table(
        "viruses",
        "Viruses",
        [
            Column("virus", "Virus"),
            Column("abbreviation", "Abbreviation"),
            Column("samples", "Samples", "", "BIGINT", f"With it, of {len(samples)}"),
            Column("clear", "Without doubt", "", "BIGINT", "Of these, with neither mark"),
            Column("best", "Best covered in"),
            Column("coverage", "Coverage there", "", "DOUBLE"),
        ],
        sorted(rows, key=lambda row: (-row[2], -row[5], row[0])),
    )


def _samples(samples: Sequence[Sample], cells: Sequence[Cell], min_coverage: float) -> Table:
    found: dict[str, int] = {}
    for cell in cells:
        if cell.coverage >= min_coverage:
            found[cell.sample] = found.get(cell.sample, 0) + 1
    return Table(
        "samples",
        "Samples",
        [
            Column("sample", "Sample"),
            Column("control", "Negative control", "", "BOOLEAN"),
            Column("viruses", "Viruses", "", "BIGINT"),
            Column("reads", "Mapped reads", "", "BIGINT"),
            Column("subtracted", "Subtracted reads", "", "BIGINT"),
            Column("index", "Index"),
            Column("version", "Version of the index"),
        ],
        [
            (
                sample.name,
                sample.control,
                found.get(sample.name, 0),
                sample.reads,
                sample.subtracted,
                sample.index,
                sample.version,
            )
            for sample in samples
        ],
    )


def view(finished: Finished) -> Sequence[Panel]:
    summary: Any = finished.summary
    cells, samples = finished.rows("findings"), finished.rows("samples")
    least = float(finished.given_settings["min_coverage"])
    measures = (("coverage", "Coverage"), ("weight", "Weight"), ("depth", "Depth"))
    return [
        MetricsPanel(
            "Samples",
            [
                ("Samples", f"{summary['samples']:,}", "One result of Pathoscope each"),
                ("Negative controls", f"{summary['negative_controls']:,}", ""),
                ("Viruses", f"{summary['viruses']:,}", f"With a coverage of {least:g} or more somewhere"),
                ("Findings", f"{summary['findings']:,}", "A virus in a sample"),
                ("Doubtful", f"{summary['marked']:,}", "Findings with a mark"),
            ],
        ),
        ChoicePanel(
            "Viruses × samples",
            "Measure",
            [(label, partial(_map, cells, samples, measure, least)) for measure, label in measures],
            note=f"Index: {summary['index']}",
        ),
        TablePanel("Viruses", "viruses"),
        TablePanel("Viruses in samples", "findings", where=lambda row: bool(row["found"] or row["doubt"])),
        TablePanel("Samples", "samples"),
    ]


def _map(
    cells: list[dict[str, Any]], samples: list[dict[str, Any]], measure: str, least: float
) -> list[Panel]:
    from tools.viruses.report_figures import heat_map

    return [heat_map(cells, samples, measure, least)]


def title(given: Given[Inputs, Settings]) -> str:
    number = len(given.files("results"))
    return f"Viruses in {number} samples" if number > 1 else "Viruses in one sample"


def example() -> Example:
    """Four samples of a made-up run, one of them a control with a trace of the richest."""
    return Example(
        "Four samples and a control",
        {
            "results": [
                {"text": json.dumps(_made_up(name, found)), "name": f"{name}.json"}
                for name, found in _MADE_UP.items()
            ]
        },
        {"negative_controls": "water"},
        "Made-up numbers.",
    )


#: Sample -> abbreviation -> (weight, coverage, depth, reads).
_MADE_UP: dict[str, dict[str, tuple[float, float, int, int]]] = {
    "field-1": {"TMV": (0.91, 0.998, 2140, 92_000), "PVX": (0.08, 0.93, 160, 8_100)},
    "field-2": {"PVX": (0.99, 0.991, 880, 41_000)},
    "field-3": {"PLRV": (0.62, 0.87, 55, 2_300), "TMV": (0.003, 0.12, 0, 60)},
    "water": {"TMV": (0.99, 0.61, 1, 240)},
}
_VIRUSES = {"TMV": "Tobacco mosaic virus", "PVX": "Potato virus X", "PLRV": "Potato leafroll virus"}


def _made_up(name: str, found: Mapping[str, tuple[float, float, int, int]]) -> dict[str, Any]:
    reads = sum(each[3] for each in found.values())
    otus = [
        {
            "id": abbreviation.lower(),
            "name": _VIRUSES[abbreviation],
            "abbreviation": abbreviation,
            "weight": weight,
            "coverage": coverage,
            "depth": depth,
            "reads": own,
        }
        for abbreviation, (weight, coverage, depth, own) in found.items()
    ]
    return {
        "sample": {"name": name},
        "index": {"name": "Made-up viruses", "version": "0"},
        "read_count": reads,
        "subtracted_count": reads // 50,
        "otus": otus,
    }


LIMITS = Limits(memory_mb=2048, timeout_s=600, input_mb=RESULT_MB, quick=True)

TOOL = Tool(
    id="virus-report",
    name="Virus report",
    summary="Compares the viruses of many samples: a heat map of Pathoscope results with controls and contamination.",
    category="Viruses",
    keywords=("virus", "report", "heat map", "samples", "contamination", "negative control", "pathoscope"),
    homepage="https://www.virtool.ca",
    licence="Apache-2.0",
    version=lambda: "1",
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=("Compare samples",),
    check=check,
    imports=("duckdb",),
    run=run,
    view=view,
    example=example,
    title=title,
)
