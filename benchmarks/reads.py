"""Create Sample's one-pass reader beside FastQC on the same file, and its memory at three sizes."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import ROOT, NotReady
from benchmarks.report import Goal, Report, Table, spread

LENGTH = 100
BLOCK = 10_000
#: Modules of FastQC that have no part in a sample.
UNUSED = ("duplication", "kmer", "n_content", "overrepresented", "gc_sequence", "tile", "adapter")
SIZES_MB, QUICK_SIZES_MB = (10, 100, 1000), (10, 20)
GOAL_FLAT = 1.25

_OURS = (
    "import sys; from pathlib import Path; from tools.reads import fastq, quality\n"
    "path = Path(sys.argv[1]); tally = quality.Tally(path.name)\n"
    "with fastq.opened(path, path.name) as source:\n"
    "    for batch in fastq.batches(source): tally.add(batch)\n"
    "quality.quality(tally, quality.encoding_of([tally]))"
)


def measure(*, quick: bool) -> Report:
    fastqc = shutil.which("fastqc")
    if fastqc is None:
        raise NotReady("fastqc is not installed: sh packages.sh packages-bench.txt")
    number, rounds = (20_000, 1) if quick else (1_000_000, 3)
    sizes = QUICK_SIZES_MB if quick else SIZES_MB
    with tempfile.TemporaryDirectory(prefix="wellplate-reads-") as name:
        folder = Path(name)
        speed = _speed(fastqc, folder, number, rounds)
        memory = [[f"{size:,}", *_sample(folder, size)] for size in sizes]
    version = subprocess.run([fastqc, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return _report(speed, memory, version, number, rounds)


@dataclass
class _Taken:
    """Seconds of whole processes on one core: by the clock, and of the processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, command: Sequence[str | Path]) -> None:
        began, used = time.monotonic(), _children()
        _run(command)
        self.wall.append(time.monotonic() - began)
        self.cpu.append(_children() - used)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _speed(fastqc: str, folder: Path, number: int, rounds: int) -> dict[str, _Taken]:
    """Each way so many times, in turns."""
    path = folder / "reads.fq.gz"
    with path.open("wb") as target:
        for block in range(number // BLOCK):
            target.write(_packed(block))
    limits = folder / "limits.txt"
    limits.write_text("".join(f"{module}\tignore\t1\n" for module in UNUSED))
    theirs: list[str | Path] = [fastqc, "-q", "-f", "fastq", "-o", folder]
    ways: dict[str, list[str | Path]] = {
        "one pass": [sys.executable, "-c", _OURS, path],
        "FastQC": [*theirs, path],
        "FastQC, only what a sample has": [*theirs, "-l", limits, path],
    }
    found = {way: _Taken() for way in ways}
    for _ in range(rounds):
        for way, command in ways.items():
            found[way].run(command)
    return found


def _run(command: Sequence[str | Path]) -> str:
    return subprocess.run(
        ["taskset", "-c", "0", *(str(part) for part in command)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _packed(block: int, mate: int = 1) -> bytes:
    """Ten thousand reads of random letters, whose quality falls towards their end, gzipped."""
    import numpy as np
    from isal import igzip

    chance = np.random.default_rng(2 * block + mate)
    letters = np.frombuffer(b"ACGT", np.uint8)[chance.integers(0, 4, (BLOCK, LENGTH))]
    letters[chance.random((BLOCK, LENGTH)) < 0.001] = ord("N")
    scores = chance.normal(37 - 8 * np.arange(LENGTH) / LENGTH, 4, (BLOCK, LENGTH))
    qualities = (np.clip(scores, 2, 41).astype(np.uint8) // 4 * 4 + 34).astype(np.uint8)
    return igzip.compress(
        b"".join(
            b"@SIM:1:FCX:1:%d:%d %d:N:0:ATCC\n%s\n+\n%s\n"
            % (block, read, mate, letters[read].tobytes(), qualities[read].tobytes())
            for read in range(BLOCK)
        ),
        2,
    )


def _sample(folder: Path, size_mb: int) -> list[str]:
    """Seconds and peak memory of the whole tool, for a gzipped pair and for one plain file with CR LF ends."""
    from isal import igzip

    blocks = [_packed(0, mate) for mate in (1, 2)]
    plain = igzip.decompress(blocks[0])
    pair = [folder / f"x_R{mate}.fastq.gz" for mate in (1, 2)]
    for path, block in zip(pair, blocks, strict=True):
        _repeat(path, block, size_mb * 1_000_000 // (2 * len(plain)))
    single = folder / "x.fastq"
    other = plain.replace(b"\n", b"\r\n")
    _repeat(single, other, size_mb * 1_000_000 // len(other))
    cells = []
    for files in (pair, [single]):
        target = folder / "job"
        told = json.loads(_run([sys.executable, "-m", "benchmarks.create_sample", target, *files]))
        shutil.rmtree(target)
        cells += [f"{told['seconds']:.1f}", str(told["peak_mb"])]
    for path in (*pair, single):
        path.unlink()
    return cells


def _repeat(path: Path, block: bytes, times: int) -> None:
    with path.open("wb") as target:
        for _ in range(max(1, times)):
            target.write(block)


def _report(
    speed: dict[str, _Taken], memory: list[list[str]], version: str, number: int, rounds: int
) -> Report:
    ours = median(speed["one pass"].wall)
    rows: list[list[Any]] = [
        [way, spread(taken.wall, 2), spread(taken.cpu, 2), f"{median(taken.wall) / ours:.1f}"]
        for way, taken in speed.items()
    ]
    fair = median(speed["FastQC, only what a sample has"].wall) / ours
    peaks = [[int(row[column]) for row in memory] for column in (2, 4)]
    growth = max(max(column) / min(column) for column in peaks)
    return Report(
        "reads",
        {"reads": number, "length": LENGTH, "cores": 1, "rounds": rounds, "peer": version},
        [
            Table(
                f"Quality of {number:,} gzipped reads",
                ("", "s: median (range)", "CPU s", "s, x one pass"),
                rows,
            ),
            Table(
                "Create Sample as a whole, one cpu",
                ("reads, MB unpacked", "pair .gz: s", "peak MB", "plain CR LF: s", "peak MB"),
                memory,
            ),
        ],
        [
            Goal("faster than FastQC on one core", f"{fair:.1f} x, its other modules off", fair > 1),
            Goal("memory flat whatever the size", f"largest / smallest {growth:.2f}", growth < GOAL_FLAT),
        ],
    )
