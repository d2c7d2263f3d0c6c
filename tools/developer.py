"""Tools for tests and measurements: one that does nothing, and one that misbehaves as it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from tools.contract import (
    Batch,
    Column,
    Example,
    Finished,
    Given,
    InputFailure,
    InputFile,
    Item,
    LibraryItem,
    Limits,
    Metric,
    MetricsPanel,
    Model,
    Panel,
    PriceLine,
    Result,
    ResultFile,
    RunningJob,
    Table,
    TablePanel,
    Tool,
    file_field,
)


class NoInputs(Model):
    pass


class OptionalText(Model):
    text: InputFile | None = file_field("Any text.", ["fasta", "text"], optional=True)


class NoopSettings(Model):
    credits: int = Field(0, ge=0, le=1000, description="Price of this job.")


Fault = Literal[
    "none",
    "raise",
    "bad-input",
    "exit",
    "segfault",
    "memory",
    "memory-error",
    "sleep",
    "ignore-term",
    "daemon",
    "grandchild",
    "unmarked-daemon",
    "big-file",
    "chatter",
    "progress",
    "environment",
    "program-fails",
    "program-crashes",
    "many-files",
    "spin",
    "close-all",
    "wait-for-file",
    "stream",
    "as-told",
]


class FaultSettings(Model):
    fault: Fault = Field("none", description="What goes wrong.")
    seconds: float = Field(60.0, ge=0, le=86400, description="How long it takes, in s.")
    amount: int = Field(100, ge=0, description="How much: MB, lines or steps.")
    credits: int = Field(0, ge=0, le=1000, description="Price of this job.")
    items: int = Field(0, ge=0, le=10, description="How many samples it makes for the library.")


def price(given: Given[Any, Any]) -> Iterable[PriceLine]:
    if given.settings.credits:
        yield PriceLine("Test job", given.settings.credits)


def run_noop(job: RunningJob) -> Result:
    return Result()


def run_fault(job: RunningJob) -> Result:
    settings = job.given.settings
    job.step("Prepare")
    job.log(f"fault: {settings.fault}")
    job.step("Misbehave")
    FAULTS[settings.fault](job, settings)
    job.step("Write")
    return _everything(job)


def _everything(job: RunningJob) -> Result:
    """A result that has one of each kind."""
    (job.out / "poem.txt").write_text(
        "".join(file.path.read_text() for file in job.given.files("text")) or "Ä\n"
    )
    columns = [
        Column("name", "Name"),
        Column("energy", "Energy", unit="kcal/mol", type="DOUBLE", help="Lower is better."),
        Column("count", "Count", type="BIGINT"),
        Column("good", "Good", type="BOOLEAN"),
    ]
    rows = [("a", -7.5, 1, True), ("b", float("nan"), 2, False), ("ü", None, None, None)]
    return Result(
        summary={"energy": -7.5, "undefined": float("nan")},
        tables=[Table("energies", "Energies", columns, rows)],
        files=[ResultFile(job.out / "poem.txt", "Poem", "text")],
        library=[_sample(job, number) for number in range(job.given.settings.items)],
        warnings=["This is a test."],
    )


def _sample(job: RunningJob, number: int) -> LibraryItem:
    folder = job.out / f"sample-{number}"
    (folder / "deep").mkdir(parents=True)
    (folder / "reads_1.fq").write_text("@r\nACGT\n+\nIIII\n")
    (folder / "deep" / "quality.json").write_text("{}")
    return LibraryItem(folder, f"Sample {number}", "sample", {"count": 1, "gc": float("nan")})


def _nothing(job: RunningJob, settings: FaultSettings) -> None:
    return


def _raise(job: RunningJob, settings: FaultSettings) -> None:
    raise ValueError("the fault that was asked for")


def _bad_input(job: RunningJob, settings: FaultSettings) -> None:
    raise InputFailure("The text has no atoms.")


def _exit(job: RunningJob, settings: FaultSettings) -> None:
    os._exit(3)


def _segfault(job: RunningJob, settings: FaultSettings) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _memory(job: RunningJob, settings: FaultSettings) -> None:
    """In a grandchild, which then sleeps."""
    job.command(
        [
            sys.executable,
            "-c",
            f"import time; b = b'x' * ({settings.amount} << 20); time.sleep({settings.seconds})",
        ]
    )


def _memory_error(job: RunningJob, settings: FaultSettings) -> None:
    raise MemoryError


def _sleep(job: RunningJob, settings: FaultSettings) -> None:
    time.sleep(settings.seconds)


def _spin(job: RunningJob, settings: FaultSettings) -> None:
    end = time.monotonic() + settings.seconds
    while time.monotonic() < end:
        pass


def _close_all(job: RunningJob, settings: FaultSettings) -> None:
    """Closes what it inherited, as programs that become daemons do, and waits."""
    os.closerange(3, 256)
    time.sleep(settings.seconds)


def _ignore_term(job: RunningJob, settings: FaultSettings) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(settings.seconds)


#: Leaves its parent and its session and ignores TERM, as a rude daemon would.
_DAEMON = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    os._exit(0)
os.setsid()
print("daemon", os.getpid(), flush=True)
time.sleep(float(sys.argv[1]))
"""


def _daemon(job: RunningJob, settings: FaultSettings) -> None:
    """Tells the id of a program that left its session, and leaves it running."""
    environment: dict[str, str] | None = {} if settings.fault == "unmarked-daemon" else None
    program = subprocess.Popen(
        [sys.executable, "-c", _DAEMON, str(settings.seconds)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert program.stdout
    job.progress(0.5, program.stdout.readline().strip())


def _grandchild(job: RunningJob, settings: FaultSettings) -> None:
    """As the daemon, but goes on itself as well."""
    _daemon(job, settings)
    time.sleep(settings.seconds)


def _big_file(job: RunningJob, settings: FaultSettings) -> None:
    with open(job.out / "big", "wb") as file:
        for _ in range(settings.amount):
            file.write(b"\0" * (1 << 20))


def _chatter(job: RunningJob, settings: FaultSettings) -> None:
    job.command([sys.executable, "-c", f"for i in range({settings.amount}): print('line', i)"])


def _progress(job: RunningJob, settings: FaultSettings) -> None:
    """As many notes as asked for, then waits."""
    for number in range(settings.amount):
        job.progress((number + 1) / settings.amount, f"item {number + 1}")
    time.sleep(settings.seconds)


def _environment(job: RunningJob, settings: FaultSettings) -> None:
    """Its own and a program's environment, into the log."""
    for name, value in sorted(os.environ.items()):
        job.log(f"{name}={value}")
    job.command(["env"])


def _program_fails(job: RunningJob, settings: FaultSettings) -> None:
    job.command([sys.executable, "-c", "import sys; print('no such atom: Xx'); sys.exit(7)"])


def _program_crashes(job: RunningJob, settings: FaultSettings) -> None:
    job.command([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])


def _many_files(job: RunningJob, settings: FaultSettings) -> None:
    for _ in range(settings.amount):
        os.dup(1)


def _wait_for_file(job: RunningJob, settings: FaultSettings) -> None:
    """Ends as soon as `go` is in its working folder: a test decides when."""
    end = time.monotonic() + settings.seconds
    while not (job.work / "go").exists() and time.monotonic() < end:
        time.sleep(0.01)


#: A program with another one below it, as the scripts that start aligners are.
_WRAPPER = """
import subprocess, sys
below = subprocess.Popen(["sleep", sys.argv[1]])
print("daemon", below.pid, flush=True)
below.wait()
"""


def _stream(job: RunningJob, settings: FaultSettings) -> None:
    """Reads what a program writes, which goes on and on."""
    with job.stream([sys.executable, "-c", _WRAPPER, str(settings.seconds)]) as output:
        for line in output:
            (job.out / "partial").write_bytes(line)
            job.progress(0.5, line.decode().strip())


def _as_told(job: RunningJob, settings: FaultSettings) -> None:
    """The fault that its text names: so the jobs of one batch end differently."""
    (file,) = job.given.files("text")
    FAULTS[file.path.read_text().strip()](job, settings)


FAULTS: dict[str, Callable[[RunningJob, FaultSettings], None]] = {
    "none": _nothing,
    "raise": _raise,
    "bad-input": _bad_input,
    "exit": _exit,
    "segfault": _segfault,
    "memory": _memory,
    "memory-error": _memory_error,
    "sleep": _sleep,
    "ignore-term": _ignore_term,
    "daemon": _daemon,
    "grandchild": _grandchild,
    "unmarked-daemon": _grandchild,
    "big-file": _big_file,
    "chatter": _chatter,
    "progress": _progress,
    "environment": _environment,
    "program-fails": _program_fails,
    "program-crashes": _program_crashes,
    "many-files": _many_files,
    "spin": _spin,
    "close-all": _close_all,
    "wait-for-file": _wait_for_file,
    "stream": _stream,
    "as-told": _as_told,
}


def view_noop(finished: Finished) -> Sequence[Panel]:
    return [MetricsPanel("Result", [("Done", "yes", "It did nothing.")])]


def view_fault(finished: Finished) -> Sequence[Panel]:
    return [TablePanel("Energies", "energies")]


class Lines(Model):
    lines: InputFile = file_field("A job for each line.", ["text"])


def _lines(given: Given[Any, Any]) -> Iterator[tuple[int, str]]:
    text = given.file("lines").path.read_text()
    return ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def split_noop(given: Given[Any, Any]) -> Iterator[Item]:
    for number, line in _lines(given):
        yield Item(line, f"line {number}", {})


def split_fault(given: Given[Any, Any]) -> Iterator[Item]:
    """A line that is no fault is a bad one."""
    for number, line in _lines(given):
        problem = "" if line in FAULTS else f"There is no fault {line!r}."
        yield Item(line, f"line {number}", {"text": {"text": line, "name": "fault.txt"}}, problem)


def _tool(**different: Any) -> Tool:
    facts: dict[str, Any] = {
        "category": "Developer",
        "keywords": ("test",),
        "homepage": "https://example.org",
        "licence": "Apache-2.0",
        "version": lambda: "1",
        "price": price,
        "pricing": "As many credits as its settings say.",
        "hidden": True,
    }
    return Tool(**facts | different)


NOOP = _tool(
    id="test-noop",
    name="No-op",
    summary="Does nothing, to measure what a job costs.",
    Inputs=NoInputs,
    Settings=NoopSettings,
    limits=Limits(memory_mb=256, timeout_s=60, quick=True),
    run=run_noop,
    view=view_noop,
    batch=Batch(Inputs=Lines, split=split_noop, metrics=(), example=None),
    example=lambda: Example("Nothing", {}, {}),
)

FAULT = _tool(
    id="test-fault",
    name="Fault",
    summary="Goes wrong in the way that is asked for, to test what happens then.",
    Inputs=OptionalText,
    Settings=FaultSettings,
    limits=Limits(memory_mb=1024, timeout_s=600),
    steps=("Prepare", "Misbehave", "Write"),
    run=run_fault,
    view=view_fault,
    batch=Batch(
        Inputs=Lines,
        split=split_fault,
        metrics=[Metric("energy", "Energy", "lower", "kcal/mol")],
        example=lambda: Example(
            "Three ends",
            {"lines": {"text": "none\nbad-input\nraise\n", "name": "faults.txt"}},
            {"fault": "as-told"},
        ),
    ),
    example=lambda: Example("No fault", {}, {"fault": "none"}),
)

TOOLS = [NOOP, FAULT]
