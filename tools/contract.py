"""The contract that every tool follows, and nothing else: no Dask, no Streamlit, no database.

A tool is one file in `tools/`, in reading order: facts, `Inputs`, `Settings`, `price`, `check`, `run`, `view`, `TOOL`.
`Inputs` and `Settings` are pydantic models; their fields are the one source of form, validation, help and API schema.

    check(given)  -> problems          before anything is charged, in the app
    price(given)  -> price lines       a pure function; no lines means free
    run(job)      -> Result            in a child process of its own
    view(finished) -> panels           data, drawn by `pages/parts/panels.py`
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator


class InputFile(BaseModel):
    """A file given to a tool: an upload, a file of an earlier job, or text with a name."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = Field(None, description="Id of an uploaded file.")
    job: str | None = Field(None, description="Id of an earlier job.")
    path: str | None = Field(None, description="Path of a result file inside that job.")
    text: str | None = Field(None, description="The content itself.")
    name: str | None = Field(None, description="File name of the text, with its extension.", max_length=300)

    @model_validator(mode="after")
    def _one_source(self) -> InputFile:
        if [self.file is not None, self.job is not None, self.text is not None].count(True) != 1:
            raise ValueError(
                'give {"file": id}, {"job": id, "path": path} or {"text": content, "name": file name}'
            )
        if (self.job is None) != (self.path is None):
            raise ValueError("job and path go together")
        return self


def file_field(description: str, formats: Sequence[str], *, optional: bool = False, **extra: Any) -> Any:
    """A pydantic field for an `InputFile` (or a list of them) that accepts these formats."""
    return Field(
        None if optional else ...,
        description=description,
        json_schema_extra={"formats": list(formats), **extra},
    )


class Model(BaseModel):
    """Base of `Inputs` and `Settings`: unknown names, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """An input file where the tool finds it. `name` is the person's; the path is ours and never made from it.

    An index, sample or subtraction is a folder: tools/library.py tells what lies in it.
    """

    path: Path
    name: str
    format: str

    @property
    def stem(self) -> str:
        return Path(self.name).stem or self.name


InputsT = TypeVar("InputsT", bound=Model)
SettingsT = TypeVar("SettingsT", bound=Model)


@dataclass(frozen=True)
class Given(Generic[InputsT, SettingsT]):
    """Inputs and settings, validated, with their files on disk."""

    inputs: InputsT
    settings: SettingsT
    local: Mapping[str, list[LocalFile]]

    def file(self, name: str) -> LocalFile:
        return self.local[name][0]

    def files(self, name: str) -> list[LocalFile]:
        return list(self.local.get(name, []))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a submit is refused: the field, and a sentence that says what to do."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class PriceLine:
    label: str
    credits: int


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    #: As people write it: kcal/mol, Å, bp; empty for none.
    unit: str = ""
    #: A DuckDB type: VARCHAR, DOUBLE, BIGINT, BOOLEAN.
    type: str = "VARCHAR"
    help: str = ""


@dataclass(frozen=True)
class Table:
    """A named table of the result; kept as Parquet with the units in the column metadata."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class ResultFile:
    #: Inside `job.out`.
    path: Path
    title: str
    format: str


@dataclass(frozen=True)
class LibraryItem:
    """What a job makes and what outlives it: it goes into the team's library, not into the job's results."""

    #: A folder inside `job.out`.
    path: Path
    #: As the person knows it.
    name: str
    #: A key of tools.library.KINDS.
    format: str
    #: What it holds, in figures: what lists of its kind show. JSON values.
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    #: A few named values for lists and exports; keys are words, values numbers or short strings.
    summary: dict[str, Any] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    files: Sequence[ResultFile] = ()
    library: Sequence[LibraryItem] = ()
    #: What a reader of the result must see, wherever it goes.
    warnings: Sequence[str] = ()
    #: Labels of price lines whose item failed while others succeeded; these are refunded.
    failed_items: Sequence[str] = ()


class ToolFailure(Exception):
    """The program failed: a sentence for the person."""


class InputFailure(ToolFailure):
    """An input turned out bad only while running."""


class RunningJob(Protocol):
    """What `run` gets: plain paths, settings, and a way to tell how far it is."""

    given: Given
    #: Working folder; removed afterwards.
    work: Path
    #: What is put here is kept.
    out: Path
    #: A folder on this worker that outlives the job, for things worth keeping (maps, indexes). May be emptied any time.
    cache: Path
    #: CPUs granted to this run.
    cpus: int
    #: Memory that this run and its programs may use together.
    memory_mb: int

    def progress(self, fraction: float | None, note: str = "") -> None:
        """0-1 within the present step; None where nothing is known."""
        ...

    def step(self, name: str) -> None: ...

    def log(self, line: str) -> None: ...

    def command(
        self,
        arguments: Sequence[str | Path],
        *,
        on_line: Callable[[str], None] | None = None,
        reads: Sequence[Path] = (),
        quiet: bool = False,
        part: tuple[int, int] = (1, 1),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run a program in `work`, its output into the log. Raises ToolFailure when it exits non-zero.

        The log also gets the command line, the program's version, its exit code and time. Progress of the step follows
        how far the program has come in the files `reads`, where it is the first of two in the step, say: `part` (1, 2).
        With `quiet` its output goes to `on_line` only. `environment` is added to the run's own.
        """
        ...

    def stream(
        self, arguments: Sequence[str | Path], *, reads: Sequence[Path] = (), part: tuple[int, int] = (1, 1)
    ) -> AbstractContextManager[BinaryIO]:
        """The same for a program whose standard output is data: read it within `with`; the log has its standard error.

        Leaving the block with what is unread waits for the program; leaving it by an exception ends the program.
        """
        ...


@dataclass(frozen=True)
class Finished:
    """A completed job's result, as `view` reads it."""

    given_settings: Mapping[str, Any]
    given_inputs: Mapping[str, Any]
    summary: Mapping[str, Any]
    warnings: Sequence[str]
    folder: Path
    #: Rows of a result table as dictionaries, by name.
    rows: Callable[[str], list[dict[str, Any]]]
    #: Names of the result tables that there are.
    tables: Collection[str] = ()

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True, slots=True)
class FigurePanel:
    title: str
    #: A plotly.graph_objects.Figure.
    figure: Any
    note: str = ""
    #: What a screen reader says.
    alt: str = ""


@dataclass(frozen=True, slots=True)
class TablePanel:
    title: str
    #: Name of a result table.
    table: str
    note: str = ""
    #: Which rows are drawn; the download holds all. None: all.
    where: Callable[[Mapping[str, Any]], bool] | None = None


@dataclass(frozen=True)
class RowsPanel:
    """A small table that is no result table: of a preview, or of what a library item holds."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ImagePanel:
    """A picture in PNG or JPEG."""

    title: str
    content: bytes
    alt: str
    note: str = ""


@dataclass(frozen=True)
class FilteredPanel:
    """Panels of what passes a filter, and a switch to those of everything."""

    #: On the switch, with the number: "Show 12 more with a coverage below 0.5".
    label: str
    #: Rows that the filter hides; with 0 there is no switch.
    hidden: int
    passing: Callable[[], Sequence[Panel]]
    everything: Callable[[], Sequence[Panel]]


@dataclass(frozen=True)
class ChoicePanel:
    """Panels of one of many things (a virus, a contig), which the person chooses."""

    title: str
    #: What is chosen: "Virus".
    label: str
    #: (name as shown, its panels, made when it is chosen); names are unique.
    choices: Sequence[tuple[str, Callable[[], Sequence[Panel]]]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One structure of a scene, a file of the result."""

    path: str
    format: Literal["pdb", "mmcif", "sdf"]
    label: str
    #: What it is, which decides how it is drawn.
    role: Literal["receptor", "ligand", "reference", "backbone", "prediction"]
    #: The content itself, in a preview, where there is no result file yet.
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A docking box in Å."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class StructurePanel:
    title: str
    #: Layers that are always shown.
    layers: Sequence[Layer]
    #: Layers of which one is chosen at a time (poses).
    choices: Sequence[Layer] = ()
    box: Box | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class TextPanel:
    title: str
    text: str
    #: "markdown" or a code language.
    language: str = "markdown"


@dataclass(frozen=True, slots=True)
class WarningsPanel:
    """What somebody must see before Run. Of a result, `Result.warnings` says it."""

    title: str
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricsPanel:
    title: str
    #: (label, value with unit, help)
    metrics: Sequence[tuple[str, str, str]]


Panel = (
    FigurePanel
    | TablePanel
    | RowsPanel
    | ImagePanel
    | StructurePanel
    | TextPanel
    | WarningsPanel
    | MetricsPanel
    | FilteredPanel
    | ChoicePanel
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use."""

    cpus_min: int = 1
    cpus_max: int = 1
    memory_mb: int = 2048
    gpus: int = 0
    #: One GPU where a worker that is present has any, none otherwise.
    gpu_if_there: bool = False
    timeout_s: int = 3600
    #: Largest single file that the run may write.
    file_size_mb: int = 4096
    open_files: int = 1024
    #: Largest address space of one process; None: unlimited, as torch and jax reserve more than they use.
    address_space_mb: int | None = None
    #: Largest input file.
    input_mb: int = 200
    #: Largest unpacked size of a compressed input.
    unpacked_mb: int = 2048
    #: Runs in seconds: several may ride in one task of the cluster.
    quick: bool = False


@dataclass(frozen=True)
class Example:
    """Inputs and settings that run with one click, in the form of the API."""

    name: str
    inputs: dict[str, Any]
    settings: dict[str, Any]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One run of a batch, as `Batch.split` finds it."""

    #: As the person knows it: of a record, a ligand, a pair. The job is called so.
    name: str
    #: For sentences: "line 3", "record 2 of hits.sdf".
    where: str
    #: Of the tool, in the form of the API.
    inputs: Mapping[str, Any]
    #: Why it cannot be run, as a sentence; empty when it can.
    problem: str = ""
    #: What makes it likely to fail, as a sentence; it is run all the same.
    doubt: str = ""
    #: How much it is, in two words: "2 chains"; empty where that tells nothing.
    size: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of the summary by which the runs of a batch are compared."""

    #: In the summary.
    key: str
    label: str
    better: Literal["lower", "higher"]
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How one submission of many inputs becomes many runs of the tool, all with the same settings."""

    #: What the form for many takes.
    Inputs: type[Model]
    #: Every run that it stands for, bad ones included. Raises InputFailure for what cannot be read at all.
    split: Callable[[Given], Iterable[Item]]
    #: The first colours the plate unless somebody chooses another.
    metrics: Sequence[Metric]
    #: None where the tool's own example has none.
    example: Callable[[], Example] | None
    #: Runs in one batch with these settings, unless the site says otherwise.
    most: Callable[[Any], int] = lambda settings: 10_000


@dataclass(frozen=True, kw_only=True)
class Tool:
    id: str
    name: str
    #: One sentence: what it does for the reader.
    summary: str
    category: str
    #: Words for what one wants to do; the catalogue is searched by them.
    keywords: Sequence[str]
    homepage: str
    licence: str
    doi: str = ""
    #: Tells the version of the program in use.
    version: Callable[[], str]
    Inputs: type[Model]
    Settings: type[Model]
    limits: Limits = Limits()
    steps: Sequence[str] = ()
    #: Heavy modules that a slot imports once, for all runs of tools with the same. Not one that starts threads.
    imports: Sequence[str] = ()
    price: Callable[[Given], Iterable[PriceLine]] = lambda given: ()
    #: The rule of `price` in words, with its numbers; empty when it is free.
    pricing: str = ""
    check: Callable[[Given], Iterable[Problem]] = lambda given: ()
    run: Callable[[RunningJob], Result]
    view: Callable[[Finished], Sequence[Panel]]
    #: None for a tool that works on what other jobs make: text cannot bring a sample or an index along.
    example: Callable[[], Example] | None
    #: What one needs first, in sentences, where there is no example.
    first: str = ""
    #: None when it can run here, otherwise why not and the command that installs what is missing.
    missing: Callable[[], str | None] = lambda: None
    #: A good name for a job by itself.
    title: Callable[[Given], str] | None = None
    #: What the form draws before Run, from what is given so far; None for nothing.
    preview: Callable[[Given], Sequence[Panel]] | None = None
    #: How many inputs at once are given; None: one job at a time only.
    batch: Batch | None = None
    #: Listed only where the site turned on developer tools.
    hidden: bool = False
