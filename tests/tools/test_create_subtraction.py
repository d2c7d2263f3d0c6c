"""Create Subtraction on small made-up genomes, with the real bowtie2; a host that carries a fragment of a virus."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tools import create_subtraction, library
from tools.contract import InputFailure, LocalFile, MetricsPanel, Result, RowsPanel, TablePanel
from tools.create_subtraction import TOOL
from tools.programs import missing
from tools.viruses import bowtie2, made_up

needs_bowtie2 = pytest.mark.skipif(missing("bowtie2-build") is not None, reason="bowtie2 is not installed")

HOST = {"chr1": made_up.sequence(1, 900), "chr2": made_up.sequence(2, 700)}


def started(
    folder: Path, genome: bytes, name: str = "host.fa", **settings: Any
) -> tuple[running.LocalJob, Result]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(genome)
    given = running.given(TOOL, {"genome": path}, settings, folder / "in")
    job = running.LocalJob(given, folder / "job")
    return job, TOOL.run(job)


@needs_bowtie2
def test_a_subtraction_holds_fasta_and_bowtie(tmp_path: Path) -> None:
    job, result = started(tmp_path, made_up.fasta(HOST).encode(), nickname=" apple ")
    (item,) = result.library
    assert (item.name, item.format) == ("host", "subtraction")
    held = {path.relative_to(item.path).as_posix() for path in item.path.rglob("*") if path.is_file()}
    assert held == {"subtraction.fa.gz", *(f"bowtie/subtraction{part}" for part in bowtie2.PARTS)}
    assert gzip.decompress((item.path / "subtraction.fa.gz").read_bytes()).decode() == made_up.fasta(HOST)
    assert {key for key, _, _ in library.KINDS["subtraction"].columns} <= set(item.facts)
    letters = "".join(HOST.values())
    strong = letters.count("G") + letters.count("C")
    assert item.facts["count"] == 2
    assert item.facts["length"] == 1600
    assert item.facts["nickname"] == "apple"
    assert item.facts["gc"] == pytest.approx(100 * strong / 1600, abs=0.001)
    assert item.facts["shares"] == {
        letter: round(letters.count(letter.upper()) / 1600, 3) for letter in "atgcn"
    }
    assert job.steps == ["Decompress FASTA", "Compute GC and count", "Build index", "Finalize"]


@needs_bowtie2
@pytest.mark.parametrize("packed", [False, True])
def test_packed_with_windows_line_ends_without_the_last_and_in_rna(tmp_path: Path, packed: bool) -> None:
    text = made_up.fasta(HOST).replace("T", "U").replace("\n", "\r\n").removesuffix("\r\n").encode()
    _, result = started(tmp_path, gzip.compress(text) if packed else text, "h.fa.gz" if packed else "h.fa")
    (item,) = result.library
    prefix = item.path / "bowtie" / "subtraction"
    told = subprocess.run(["bowtie2-inspect", prefix], check=True, capture_output=True, text=True).stdout
    assert told == made_up.fasta(HOST)
    assert item.name == "h"


@needs_bowtie2
def test_reads_of_the_host_and_of_its_virus_fragment_are_found(tmp_path: Path) -> None:
    virus = made_up.sequence(3, 600)
    host = {"chr1": HOST["chr1"] + virus[100:400] + HOST["chr2"]}
    job, result = started(tmp_path, made_up.fasta(host).encode())
    reads = [HOST["chr1"][200:300], virus[150:250], virus[450:550]]
    (job.work / "reads.fa").write_text("".join(f">{n}\n{read}\n" for n, read in enumerate(reads)))
    prefix = bowtie2.relative(job, result.library[0].path / "bowtie" / "subtraction")
    with job.stream(
        ["bowtie2", "-f", "--local", "--no-unal", "--no-hd", "-x", prefix, "-U", "reads.fa"]
    ) as found:
        assert [line.split(b"\t")[0] for line in found] == [b"0", b"1"]


@needs_bowtie2
def test_what_is_odd_is_told(tmp_path: Path) -> None:
    genome = f">a\n{HOST['chr1']}\n>b\n>a again\nACGTRYNN\n".encode()
    job, result = started(tmp_path, genome, name="x.fa")
    assert len(result.warnings) == 3
    assert "an earlier one has: 1 (a)" in result.warnings[0]
    assert "without letters: 1;" in result.warnings[1]
    assert "one of several bases (R, Y, ...): 2;" in result.warnings[2]
    panels = running.judge(TOOL, job, result)
    assert isinstance(panels[0], MetricsPanel) and isinstance(panels[1], TablePanel)
    assert [row[0] for row in result.tables[1].rows] == ["a", "a", "b"]


@needs_bowtie2
def test_a_subtraction_shows_what_it_holds(tmp_path: Path) -> None:
    _, result = started(tmp_path, made_up.fasta(HOST).encode(), name="x.fa", nickname="apple")
    (item,) = result.library
    metrics, rows = library.KINDS["subtraction"].show(
        LocalFile(item.path, item.name, "subtraction"), item.facts
    )
    assert isinstance(metrics, MetricsPanel) and isinstance(rows, RowsPanel)
    assert [row[0] for row in rows.rows] == ["A", "T", "G", "C", "N"]
    assert "apple" in rows.note and "bowtie2-build" in rows.note


BAD = [
    (b">a\n>b\n", "none of the letters A, C, G, T and N"),
    (b">a\nNNNN\n", "nothing but N"),
    (b">a\nRYRYRY\n", "none of the letters"),
    (
        b">a\nACGT\n>p some protein\nMEEPQSDPSV\n",
        "Record p holds letters that stand for no nucleotide (E, P, Q)",
    ),
    (b">a\nAC..GT\n", "Record a holds what stands for no nucleotide (.)"),
]


@pytest.mark.parametrize(("genome", "message"), BAD)
def test_a_bad_genome_is_refused_before_anything_is_charged(
    tmp_path: Path, genome: bytes, message: str
) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(genome)
    (problem,) = TOOL.check(running.given(TOOL, {"genome": path}, {}, tmp_path))
    assert problem.field == "genome"
    assert problem.message.startswith("x.fa: ") and message in problem.message


@pytest.mark.parametrize(("genome", "message"), BAD)
def test_what_is_wrong_beyond_the_part_that_is_looked_at_fails_as_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, genome: bytes, message: str
) -> None:
    monkeypatch.setattr(create_subtraction, "PEEKED", 4)
    path = tmp_path / "x.fa"
    path.write_bytes(genome)
    assert not list(TOOL.check(running.given(TOOL, {"genome": path}, {}, tmp_path)))
    with pytest.raises(InputFailure) as caught:
        started(tmp_path, genome, "x.fa")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"@r\nACGT\n+\nIIII\n", "x.fq", "x.fq is a FASTQ file. Give the genome"),
        (b"", "x.fa", "x.fa is empty"),
        (
            gzip.compress(made_up.fasta(HOST).encode())[:-30],
            "x.fa.gz",
            "x.fa.gz: The compressed file is damaged",
        ),
    ],
)
def test_what_is_no_genome_is_refused(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (problem,) = TOOL.check(running.given(TOOL, {"genome": path}, {}, tmp_path))
    assert message in problem.message


@pytest.mark.parametrize(
    ("bytes_stored", "credits"),
    [(1, [3]), (1_000_000_000, [3]), (1_000_000_001, [3, 3]), (3_100_000_000, [3, 9])],
)
def test_the_price_follows_the_size(tmp_path: Path, bytes_stored: int, credits: list[int]) -> None:
    path = tmp_path / "x.fa"
    with path.open("wb") as file:
        file.write(b">a\nACGT\n")
        file.truncate(bytes_stored)
    given = running.given(TOOL, {"genome": path}, {}, tmp_path)
    assert [line.credits for line in TOOL.price(given)] == credits


def test_the_name_is_the_persons_or_the_files(tmp_path: Path) -> None:
    (tmp_path / "malus.fa.gz").write_bytes(gzip.compress(b">a\nACGT\n"))
    titles = [
        TOOL.title(running.given(TOOL, {"genome": tmp_path / "malus.fa.gz"}, {"name": name}, tmp_path))  # type: ignore[misc]
        for name in ("", " Apple tree ")
    ]
    assert titles == ["Subtraction malus", "Subtraction Apple tree"]
