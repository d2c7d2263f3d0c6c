"""Counts against samtools' own code (through pysam), and against depths counted position by position."""

from __future__ import annotations

import gzip
import random
import re
from array import array
from pathlib import Path
from typing import Any

import pysam
import pytest

from tests.tools import running
from tools import coverage
from tools.alignment_summary import TOOL
from tools.contract import InputFailure, Result

HEADER = {
    "HD": {"VN": "1.6", "SO": "unsorted"},
    "SQ": [{"SN": "chrA", "LN": 2000}, {"SN": "chrB", "LN": 700}, {"SN": "empty", "LN": 50}],
}
FLAGS = [
    0,
    16,
    4,
    99,
    147,
    83,
    163,
    73,
    133,
    256,
    2048,
    1024,
    512,
    1024 + 99,
    512 + 147,
    65,
    129,
    512 + 65,
    77,
    141,
]
CIGARS = ["50M", "20M5D30M", "20M100N30M", "10S40M", "25M2I23M", "5H50M"]


def reads(number: int = 3000) -> list[pysam.AlignedSegment]:
    """Reads with every kind of flag, seeded; positions unsorted."""
    chance, header = random.Random(1), pysam.AlignmentHeader.from_dict(HEADER)
    made = []
    for index in range(number):
        read = pysam.AlignedSegment(header)
        read.query_name, read.flag = f"r{index}", chance.choice(FLAGS)
        read.query_sequence, read.query_qualities = "A" * 50, pysam.qualitystring_to_array("F" * 50)
        if read.flag & 4:
            read.reference_id, read.reference_start = -1, -1
        else:
            read.reference_id = chance.choice([0, 0, 1])
            read.reference_start = chance.randint(0, 400)
            read.cigarstring = chance.choice(CIGARS)
            read.mapping_quality = chance.choice([0, 3, 20, 60])
        if read.flag & 1 and not read.flag & 8:
            read.next_reference_id, read.next_reference_start = chance.choice([0, 1]), 100
            read.template_length = (
                chance.choice([150, 200, 250]) if read.reference_id == read.next_reference_id else 0
            )
        made.append(read)
    return made


def write(path: Path, mode: str = "wb", **options: Any) -> Path:
    with pysam.AlignmentFile(str(path), mode, header=HEADER, **options) as file:
        for read in reads():
            file.write(read)
    return path


def summarise(tmp_path: Path, inputs: dict[str, Any], **settings: Any) -> Result:
    job = running.LocalJob(running.given(TOOL, inputs, settings, tmp_path), tmp_path / "job")
    result = TOOL.run(job)
    running.judge(TOOL, job, result)
    return result


def rows(result: Result, table: str) -> list[Any]:
    return next(list(found.rows) for found in result.tables if found.name == table)


@pytest.fixture(scope="module")
def bam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bam") / "x.bam")


def test_flag_counts_are_those_of_samtools(tmp_path: Path, bam: Path) -> None:
    expected = [
        (int(found[1]), int(found[2]))
        for found in re.finditer(r"^(\d+) \+ (\d+) ", pysam.flagstat(str(bam)), re.MULTILINE)
    ]
    assert [tuple(row[1:]) for row in rows(summarise(tmp_path, {"alignment": bam}), "flags")] == expected
    assert len(expected) == 16 and all(sum(pair) for pair in expected), "every row is tested by some read"


def test_coverage_is_that_of_samtools(tmp_path: Path, bam: Path) -> None:
    ordered = tmp_path / "sorted.bam"
    pysam.sort("-o", str(ordered), str(bam))
    depths = [line.split("\t") for line in pysam.depth("-a", str(ordered)).splitlines()]
    result = summarise(tmp_path, {"alignment": bam})
    for name, length, _, covered, breadth, mean, deepest in rows(result, "references"):
        own = [int(depth) for reference, _, depth in depths if reference == name]
        if not own:
            assert (name, covered, mean, deepest) == ("empty", 0, 0, 0)
            continue
        assert (len(own), sum(d > 0 for d in own), max(own)) == (length, covered, deepest)
        assert mean == pytest.approx(sum(own) / length, abs=1e-4)
        assert breadth == pytest.approx(100 * covered / length, abs=1e-3)
        for _, first, last, bin_mean, peak in [row for row in rows(result, "coverage") if row[0] == name]:
            part = own[first - 1 : last]
            assert peak == max(part) and bin_mean == pytest.approx(sum(part) / len(part), abs=1e-3)


def test_sam_bam_and_cram_sorted_or_not_give_the_same(tmp_path: Path, bam: Path) -> None:
    reference = tmp_path / "reference.fa"
    reference.write_text("".join(f">{sq['SN']}\n{'A' * sq['LN']}\n" for sq in HEADER["SQ"]))  # type: ignore[index]
    ordered = tmp_path / "sorted.bam"
    pysam.sort("-o", str(ordered), str(bam))
    pysam.index(str(ordered))
    sam = write(tmp_path / "x.sam", "w")
    cram = write(tmp_path / "x.cram", "wc", reference_filename=str(reference))
    expected = summarise(tmp_path / "bam", {"alignment": bam})
    for number, inputs in enumerate(
        [{"alignment": sam}, {"alignment": ordered}, {"alignment": cram, "reference": reference}]
    ):
        found = summarise(tmp_path / str(number), inputs)
        for table in ("flags", "references", "coverage", "mapping_quality", "insert_sizes"):
            assert rows(found, table) == rows(expected, table), (inputs, table)
    assert not expected.summary["sorted"]
    assert summarise(tmp_path / "order", {"alignment": ordered}).summary["sorted"]


def test_quality_threshold_lowers_the_coverage_and_is_told(tmp_path: Path, bam: Path) -> None:
    everything = summarise(tmp_path / "a", {"alignment": bam}).summary["mean_depth"]
    result = summarise(tmp_path / "b", {"alignment": bam}, min_mapping_quality=20)
    assert 0 < result.summary["mean_depth"] < everything
    assert any("20 or more" in warning for warning in result.warnings)


def test_the_example_as_counted_by_hand(tmp_path: Path) -> None:
    result = summarise(tmp_path, TOOL.example().inputs)
    # chrA: 1-10, 6-15, 11-15, 26-30, 31-40 and 36-45; the duplicate does not count
    assert rows(result, "references")[0] == ("chrA", 60, 6, 35, 58.3333, 0.8333, 2)
    assert rows(result, "references")[1] == ("chrB", 40, 1, 10, 25.0, 0.25, 1)
    assert rows(result, "mapping_quality") == [(20, 1), (40, 1), (60, 5)]
    assert rows(result, "insert_sizes") == [(40, 2)]
    assert result.summary["median_insert"] == 40


def test_a_narrow_peak_is_not_hidden_by_its_bin() -> None:
    found = coverage.profile(array("i", [500_000] * 99), array("i", [500_001] * 99), 1_000_000)
    assert (found.covered, found.bases, found.deepest, len(found.bins)) == (1, 99, 99, 300)
    assert max(peak for *_, peak in found.bins) == 99
    assert max(mean for _, _, mean, _ in found.bins) < 0.1


def test_blocks_beyond_the_end_are_cut() -> None:
    assert coverage.profile(array("i", [5]), array("i", [25]), 10).bases == 5


def test_unmapped_reads_alone_are_no_error(tmp_path: Path) -> None:
    sam = tmp_path / "unmapped.sam"
    sam.write_text("@HD\tVN:1.6\nr1\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tFFFF\n")
    result = summarise(tmp_path, {"alignment": sam})
    assert result.summary["mapped_reads"] == 0 and result.summary["mean_depth"] is None
    assert any("No read is mapped" in warning for warning in result.warnings)


def cut(tmp_path: Path, bam: Path, keep: float) -> Path:
    content = bam.read_bytes()
    path = tmp_path / "cut.bam"
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.999])
def test_a_cut_bam_is_told_before_running(tmp_path: Path, bam: Path, keep: float) -> None:
    given = running.given(TOOL, {"alignment": cut(tmp_path, bam, keep)}, {}, tmp_path)
    problems = list(TOOL.check(given))
    assert [problem.field for problem in problems] == ["alignment"] and "cut short" in problems[0].message
    with pytest.raises(InputFailure, match="cut short"):
        TOOL.run(running.LocalJob(given, tmp_path / "job"))


def test_a_damaged_bam_is_told(tmp_path: Path, bam: Path) -> None:
    content = bytearray(bam.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path = tmp_path / "damaged.bam"
    path.write_bytes(bytes(content))
    given = running.given(TOOL, {"alignment": path}, {}, tmp_path)
    with pytest.raises(InputFailure, match=r"readable reads|cannot be read"):
        TOOL.run(running.LocalJob(given, tmp_path / "job"))


def test_a_cram_without_its_reference_is_told(tmp_path: Path) -> None:
    reference = tmp_path / "reference.fa"
    reference.write_text("".join(f">{sq['SN']}\n{'A' * sq['LN']}\n" for sq in HEADER["SQ"]))  # type: ignore[index]
    cram = write(tmp_path / "x.cram", "wc", reference_filename=str(reference))
    moved = tmp_path / "moved.fa"
    reference.rename(moved)  # the header of a CRAM remembers where its reference was
    problems = list(TOOL.check(running.given(TOOL, {"alignment": cram}, {}, tmp_path)))
    assert [problem.field for problem in problems] == ["reference"] and "reference (FASTA)" in problems[
        0
    ].message


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.bam", b"", "x.bam is empty"),
        ("x.bam", bytes(range(256)), "binary"),
        ("x.bam", b">a\nACGT\n", "a FASTA file"),
        ("x.sam", b"@HD\tVN:1.6\n@SQ\tSN:a\tLN:10\n", "no reads"),
        ("x.sam", b"@HD\tVN:1.6\n@SQ\tSN:a\tLN:10\nr1\tzero\ta\t1\n", "x.sam"),
        ("x.cram", b"CRAM\3\0" + bytes(100), "x.cram"),
    ],
)
def test_bad_input_is_told_before_running(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    problems = list(TOOL.check(running.given(TOOL, {"alignment": path}, {}, tmp_path)))
    assert len(problems) == 1 and told in problems[0].message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.bam", b"BAM\1" + (2**31 - 1).to_bytes(4, "little")),
        ("x.sam", b"@HD\tVN:1.6\n@CO\t" + b"x" * 70_000_000),
    ],
    ids=["bam", "sam"],
)
def test_a_header_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1))
    (problem,) = TOOL.check(running.given(TOOL, {"alignment": path}, {}, tmp_path))
    assert "header of more than 64 MB" in problem.message


def test_a_reference_that_is_no_fasta_is_told(tmp_path: Path, bam: Path) -> None:
    inputs = {"alignment": bam, "reference": {"text": "words", "name": "reference.fa"}}
    problems = list(TOOL.check(running.given(TOOL, inputs, {}, tmp_path)))
    assert [problem.field for problem in problems] == ["reference"]
