"""Runs a tool in this process: what the supervised child does, without the child."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tools import formats
from tools.contract import (
    ChoicePanel,
    FigurePanel,
    FilteredPanel,
    Finished,
    Given,
    InputFile,
    LocalFile,
    Panel,
    Result,
    StructurePanel,
    TablePanel,
    Tool,
    ToolFailure,
)


@dataclass
class LocalJob:
    """A `RunningJob` that remembers what the tool told."""

    given: Given
    folder: Path
    cpus: int = 2
    memory_mb: int = 8192
    cache: Path = field(default_factory=Path)
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    #: (step, fraction, note)
    told: list[tuple[str, float | None, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.work, self.out = self.folder / "work", self.folder / "out"
        if self.cache == Path():
            self.cache = self.folder / "cache"
        for path in (self.work, self.out, self.cache):
            path.mkdir(parents=True, exist_ok=True)

    def progress(self, fraction: float | None, note: str = "") -> None:
        assert fraction is None or 0 <= fraction <= 1
        self.told.append((self.steps[-1] if self.steps else "", fraction, note))

    def step(self, name: str) -> None:
        self.steps.append(name)

    def log(self, line: str) -> None:
        self.lines.append(line)

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
        self.log("$ " + " ".join(str(argument) for argument in arguments))
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=self.work,
            env=os.environ | (environment or {}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for line in done.stdout.splitlines():
            if not quiet:
                self.log(line)
            if on_line:
                on_line(line)
        if done.returncode:
            raise ToolFailure(f"{arguments[0]} ended with exit code {done.returncode}: {done.stdout[-500:]}")

    @contextmanager
    def stream(
        self, arguments: Sequence[str | Path], *, reads: Sequence[Path] = (), part: tuple[int, int] = (1, 1)
    ) -> Iterator[BinaryIO]:
        self.log("$ " + " ".join(str(argument) for argument in arguments))
        with (self.folder / "stderr.txt").open("w+") as errors:
            with subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=self.work,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as program:
                assert program.stdout
                try:
                    yield program.stdout
                except BaseException:
                    program.kill()
                    raise
                program.stdout.read()
            errors.seek(0)
            said = errors.read()
        for line in said.splitlines():
            self.log(line)
        if program.returncode:
            raise ToolFailure(f"{arguments[0]} ended with exit code {program.returncode}: {said[-500:]}")


def given(tool: Tool, inputs: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> Given:
    """Validated inputs with their texts on disk. A `Path` stands for an upload with that file's name."""
    local: dict[str, list[LocalFile]] = {}
    plain: dict[str, Any] = {}
    for name, value in inputs.items():
        many = isinstance(value, list)
        files = [_place(item, folder) for item in (value if many else [value])]
        local[name] = [file for file, _ in files]
        references = [reference for _, reference in files]
        plain[name] = references if many else references[0]
    return Given(tool.Inputs.model_validate(plain), tool.Settings.model_validate(dict(settings)), local)


def _place(value: Path | Mapping[str, Any], folder: Path) -> tuple[LocalFile, dict[str, Any]]:
    if isinstance(value, Path):
        return LocalFile(value, value.name, formats.detect(value, value.name)), {"file": value.name}
    text = InputFile.model_validate(dict(value))
    assert text.text is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"input-{len(list(folder.iterdir()))}"
    path.write_text(text.text)
    name = text.name or "text"
    return LocalFile(path, name, formats.detect(path, name)), dict(value)


def finished(job: LocalJob, result: Result) -> Finished:
    tables = {table.name: table for table in result.tables}

    def rows(name: str) -> list[dict[str, Any]]:
        table = tables[name]
        names = [column.name for column in table.columns]
        return [dict(zip(names, row, strict=True)) for row in table.rows]

    return Finished(
        given_settings=job.given.settings.model_dump(mode="json"),
        given_inputs=job.given.inputs.model_dump(mode="json", exclude_none=True),
        summary=result.summary,
        warnings=result.warnings,
        folder=job.out,
        rows=rows,
        tables=tables.keys(),
    )


def judge(tool: Tool, job: LocalJob, result: Result) -> list[Panel]:
    """What every finished run must fulfil; the panels of its view."""
    json.dumps(result.summary)
    for file in result.files:
        assert file.path.is_file() and file.path.resolve().is_relative_to(job.out.resolve())
        assert file.path.stat().st_size > 0
    assert len({file.path for file in result.files}) == len(result.files)
    for table in result.tables:
        assert all(len(row) == len(table.columns) for row in table.rows), table.name
    assert set(job.steps) <= set(tool.steps)
    panels = list(tool.view(finished(job, result)))
    assert panels
    for panel in panels:
        _judge_panel(panel, job, {table.name for table in result.tables})
    return panels


def _judge_panel(panel: Panel, job: LocalJob, tables: set[str]) -> None:
    if isinstance(panel, FilteredPanel):
        for inner in [*panel.passing(), *panel.everything()]:
            _judge_panel(inner, job, tables)
        return
    assert panel.title
    if isinstance(panel, ChoicePanel):
        assert len(dict(panel.choices)) == len(panel.choices), "names are unique"
        for inner in [inner for _, make in panel.choices[:3] for inner in make()]:
            _judge_panel(inner, job, tables)
    if isinstance(panel, TablePanel):
        assert panel.table in tables
    if isinstance(panel, FigurePanel):
        panel.figure.to_json()
        assert panel.alt, "a screen reader says something"
    if isinstance(panel, StructurePanel):
        for layer in [*panel.layers, *panel.choices]:
            assert (job.out / layer.path).is_file()
