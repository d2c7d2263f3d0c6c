"""Counts against samtools' own code (through pysam), and against depths counted position by position."""

from __future__ import annotations

import gzip
import json
import random
import re
import socket
from array import array
from hashlib import md5
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


def cram_naming(folder: Path, named: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CRAM that needs its references, several in a slice, and whose header says that they are at `named`."""
    sequences = {name: name.upper() * 400 for name in "acg"}
    for sequence in sequences.values():
        (folder / md5(sequence.encode()).hexdigest()).write_text(sequence)
    header = {
        "SQ": [
            {"SN": name, "LN": 400, "M5": md5(sequence.encode()).hexdigest(), "UR": named}
            for name, sequence in sequences.items()
        ]
    }
    monkeypatch.setenv("REF_PATH", f"{folder}/%s")
    path = folder / "x.cram"
    with pysam.AlignmentFile(
        str(path), "wc", header=header, format_options=["multi_seq_per_slice=1"]
    ) as file:
        for index in range(120):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.flag, read.cigarstring = f"r{index}", 99, "50M"
            read.reference_id, read.reference_start, read.mapping_quality = index % 3, index, 60
            read.next_reference_id, read.next_reference_start, read.template_length = index % 3, 300, 200
            read.query_sequence = "ACG"[index % 3] * 50
            read.query_qualities = pysam.qualitystring_to_array("F" * 50)
            file.write(read)
    return path


def referenced(folder: Path) -> tuple[Path, Path]:
    """A CRAM that needs its reference, and the reference, which htslib is told of in the header."""
    folder.mkdir()
    reference, cram = folder / "named.fa", folder / "x.cram"
    reference.write_text("".join(f">{sq['SN']}\n{'A' * sq['LN']}\n" for sq in HEADER["SQ"]))  # type: ignore[index]
    with pysam.AlignmentFile(
        str(cram),
        "wc",
        header=HEADER,
        reference_filename=str(reference),
        format_options=["multi_seq_per_slice=1"],
    ) as file:
        for read in reads(300):
            file.write(read)
    Path(f"{reference}.fai").unlink()
    return cram, reference


def was_opened(reference: Path) -> bool:
    """htslib writes an index beside a reference that it opens."""
    return Path(f"{reference}.fai").exists()


def test_htslib_by_itself_opens_the_file_that_a_cram_names(tmp_path: Path) -> None:
    """Otherwise the next tests would show nothing."""
    cram, reference = referenced(tmp_path / "x")
    with pysam.AlignmentFile(str(cram), check_sq=False) as file:
        assert sum(1 for _ in file) == 300
    assert was_opened(reference)


def test_the_file_that_a_cram_names_is_never_opened(tmp_path: Path) -> None:
    cram, reference = referenced(tmp_path / "x")
    given = running.given(TOOL, {"alignment": cram}, {}, tmp_path)
    assert list(TOOL.check(given)) == []
    assert not was_opened(reference)
    result = TOOL.run(running.LocalJob(given, tmp_path / "job"))
    assert result.summary["alignments"] == 300
    assert not was_opened(reference)


@pytest.mark.parametrize("fasta", [">chrA\n" + "A" * 2000 + "\n", ">chrA\n>chrB\n>empty\n", ">other\nACGT\n"])
def test_a_reference_that_lacks_sequences_is_refused_and_no_other_opened(tmp_path: Path, fasta: str) -> None:
    cram, reference = referenced(tmp_path / "x")
    given = running.given(
        TOOL, {"alignment": cram, "reference": {"text": fasta, "name": "r.fa"}}, {}, tmp_path
    )
    list(TOOL.check(given))
    with pytest.raises(InputFailure, match=r"another one|cannot be indexed"):
        TOOL.run(running.LocalJob(given, tmp_path / "job"))
    assert not was_opened(reference)


def test_the_given_reference_is_used_instead_of_the_named_one(tmp_path: Path) -> None:
    cram, reference = referenced(tmp_path / "x")
    given = running.given(
        TOOL, {"alignment": cram, "reference": {"text": reference.read_text(), "name": "r.fa"}}, {}, tmp_path
    )
    assert list(TOOL.check(given)) == []
    assert TOOL.run(running.LocalJob(given, tmp_path / "job")).summary["median_insert"]
    assert not was_opened(reference)


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize("scheme", ["http", "ftp", "https", "s3+http"])
def test_no_connection_is_made_for_a_cram(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, with_reference: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        named = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/x.fa"
        inputs: dict[str, Any] = {"alignment": cram_naming(tmp_path, named, monkeypatch)}
        if with_reference:
            text = "".join(f">{name}\n{name.upper() * 400}\n" for name in "acg")
            inputs["reference"] = {"text": text, "name": "r.fa"}
        given = running.given(TOOL, inputs, {}, tmp_path)
        assert list(TOOL.check(given)) == []
        assert TOOL.run(running.LocalJob(given, tmp_path / "job")).summary["alignments"] == 120
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody waits to be accepted
            listener.accept()


def test_a_list_of_addresses_is_no_alignment(tmp_path: Path) -> None:
    """htslib would fetch what such a file names."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.bam"
        text = json.dumps({"htsget": {"format": "BAM", "urls": [{"url": address}]}})
        given = running.given(TOOL, {"alignment": {"text": text, "name": "x.sam"}}, {}, tmp_path)
        assert [problem.field for problem in TOOL.check(given)] == ["alignment"]
        with pytest.raises(InputFailure):
            TOOL.run(running.LocalJob(given, tmp_path / "job"))
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_cram_without_its_reference_lacks_only_insert_sizes(tmp_path: Path, bam: Path) -> None:
    cram, _ = referenced(tmp_path / "x")
    same = tmp_path / "same.bam"
    with pysam.AlignmentFile(str(same), "wb", header=HEADER) as file:
        for read in reads(300):
            file.write(read)
    found = summarise(tmp_path / "cram", {"alignment": cram})
    expected = summarise(tmp_path / "bam", {"alignment": same})
    for table in ("flags", "references", "coverage", "mapping_quality"):
        assert rows(found, table) == rows(expected, table)
    assert rows(expected, "insert_sizes") and not rows(found, "insert_sizes")
    assert any("Insert sizes are left out" in warning for warning in found.warnings)


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
