"""The reassignment of a million alignments beside its plain-Python port, and the memory of all that follows mapping."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.processes import ROOT
from benchmarks.report import Goal, Report, Table, spread
from tools.viruses import em

if TYPE_CHECKING:
    import numpy as np

VIRUSES, ISOLATES, LENGTH, READ = 20, 10, 10_000, 150
GOAL_RATIO, GOAL_MB = 50, 1000

#: From SAM to depths, as the tool does it, in a process of its own.
_WHOLE = """
import json, resource, sys, time
from tools.viruses import coverage, em, sam
times, began = {}, time.monotonic()
def lap(name):
    global began
    times[name] = time.monotonic() - began
    began = time.monotonic()
with open(sys.argv[1], "rb") as stream:
    found = sam.read(stream, 0.01)
lap("read the SAM")
done = em.reassign(found.read, found.reference, found.score, len(found.references))
lap("reassign")
kept = done.kept
lengths = [int(sys.argv[2])] * len(found.references)
coverage.depths(found.reference[kept], found.position[kept], found.length[kept], lengths)
lap("depths")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"times": times, "peak_mb": peak, "alignments": len(found.read), "reads": done.reads}))
"""


def measure(*, quick: bool) -> Report:
    reads, rounds = (5_000, 1) if quick else (100_000, 3)
    alignments = _alignments(reads)
    ours, theirs, iterations, difference = _speed(alignments, rounds)
    with tempfile.TemporaryDirectory(prefix="wellplate-pathoscope-") as folder:
        path = Path(folder) / "isolates.sam"
        _write(path, alignments)
        size_mb = path.stat().st_size / 1e6
        whole = json.loads(
            subprocess.run(
                [sys.executable, "-c", _WHOLE, path, str(LENGTH)],
                cwd=ROOT,
                check=True,
                stdout=subprocess.PIPE,
            ).stdout
        )
    number = len(alignments[0])
    ratio = median(theirs) / median(ours)
    rows = [
        ["arrays", spread(ours, 3), f"{ratio:.0f}"],
        ["plain Python, as published", spread(theirs, 1), "1"],
    ]
    return Report(
        "pathoscope",
        {
            "alignments": number,
            "reads": reads,
            "sequences": VIRUSES * ISOLATES,
            "iterations": iterations,
            "rounds": rounds,
            "largest difference of a weight": f"{difference:.1g}",
        },
        [
            Table(f"Reassignment of {number:,} alignments", ("", "CPU s: median (range)", "x"), rows),
            Table(
                f"After mapping, a process of its own, {size_mb:,.0f} MB of SAM",
                (*(f"{name}: s" for name in whole["times"]), "peak memory, MB"),
                [[*(f"{seconds:.2f}" for seconds in whole["times"].values()), f"{whole['peak_mb']:.0f}"]],
            ),
        ],
        [
            Goal("at least 50 x faster than plain Python", f"{ratio:.0f} x", ratio >= GOAL_RATIO),
            Goal("under 1 GB of memory", f"{whole['peak_mb']:.0f} MB", whole["peak_mb"] < GOAL_MB),
        ],
    )


def _alignments(reads: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each read aligns to all isolates of its virus; the further an isolate is from the true one, the lower."""
    import numpy as np

    chance = np.random.default_rng(1)
    abundance = 1 / np.arange(1, VIRUSES + 1)
    virus = chance.choice(VIRUSES, reads, p=abundance / abundance.sum())
    true = np.where(chance.random(reads) < 0.8, 0, 1)
    read = np.repeat(np.arange(reads), ISOLATES)
    isolate = np.tile(np.arange(ISOLATES), reads)
    distance = np.abs(isolate - np.repeat(true, ISOLATES))
    mismatches = chance.poisson(0.5 * distance)
    score = np.maximum(3 * READ - 8 * mismatches, 2 * READ + 20)
    reference = np.repeat(virus, ISOLATES) * ISOLATES + isolate
    return read.astype(np.int32), reference.astype(np.int32), score.astype(np.int32)


def _speed(
    alignments: tuple[np.ndarray, np.ndarray, np.ndarray], rounds: int
) -> tuple[list[float], list[float], int, float]:
    """CPU seconds of both, one thread each, in turns; iterations; and how far the weights are apart at most."""
    from tests.tools.viruses import published_em

    em.reassign(*alignments, VIRUSES * ISOLATES)  # imports
    rows = list(zip(*(column.tolist() for column in alignments), strict=True))
    references = VIRUSES * ISOLATES
    ours, theirs = [], []
    difference, iterations = 0.0, 0
    for _ in range(rounds):
        began = time.process_time()
        fast = em.reassign(*alignments, references)
        ours.append(time.process_time() - began)
        began = time.process_time()
        plain = published_em.reassign(rows, references)
        theirs.append(time.process_time() - began)
        difference = max(difference, max(abs(a - b) for a, b in zip(fast.pi, plain.pi, strict=True)))
        iterations = plain.iterations
    return ours, theirs, iterations, difference


def _write(path: Path, alignments: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    dice = random.Random(1)
    bases, quality = "ACGT" * (READ // 4) + "AC", "F" * READ
    with path.open("w") as file:
        for read, reference, score in zip(*(column.tolist() for column in alignments), strict=True):
            position = dice.randrange(1, LENGTH - READ)
            file.write(
                f"SIM:1:FCX:1:{read}\t256\tvirus{reference}\t{position}\t255\t{READ}M\t*\t0\t0\t{bases}\t{quality}"
                f"\tAS:i:{score - READ}\tXS:i:{score - READ}\tXN:i:0\tXM:i:0\tXO:i:0\tXG:i:0\tNM:i:0\tMD:Z:{READ}"
                "\tYT:Z:UU\n"
            )
