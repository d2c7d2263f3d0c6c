"""The one-pass reader against FastQC itself, and against counting read by read in plain Python."""

from __future__ import annotations

import math
import re
import shutil
import statistics
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.tools.reads import made
from tools.contract import InputFailure
from tools.reads import fastq, quality
from tools.reads.quality import SANGER, Tally

DATA = Path(__file__).parents[4] / "shared" / "data" / "virtool_nuvs"


def tally(path: Path) -> Tally:
    found = Tally(path.name)
    with fastq.opened(path, path.name) as source:
        for batch in fastq.batches(source):
            found.add(batch)
    return found


def measured(path: Path) -> dict[str, Any]:
    found = tally(path)
    return quality.quality(found, quality.encoding_of([found]))


class FastQC:
    """What the program says of a file, without joining cycles."""

    def __init__(self, path: Path, folder: Path) -> None:
        folder.mkdir()
        subprocess.run(
            ["fastqc", "--nogroup", "-q", "-f", "fastq", "-o", folder, path], check=True, capture_output=True
        )
        (report,) = folder.glob("*.zip")
        with zipfile.ZipFile(report) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("fastqc_data.txt"))
            text = archive.read(name).decode()
        self.modules = {
            found[1]: [line.split("\t") for line in found[2].splitlines() if not line.startswith("#")]
            for found in re.finditer(r">>([^\t]+)\t\w+\n(.*?)>>END_MODULE", text, re.DOTALL)
        }
        self.basic = {row[0]: row[1] for row in self.modules["Basic Statistics"]}

    def numbers(self, module: str) -> list[list[float]]:
        return [[float(value) for value in row] for row in self.modules[module]]


@pytest.mark.skipif(shutil.which("fastqc") is None, reason="fastqc is not installed (packages-bench.txt)")
@pytest.mark.parametrize("what", ["same length", "trimmed", "few reads", "Illumina 1.5", "real reads"])
def test_everything_is_as_fastqc_has_it(tmp_path: Path, what: str) -> None:
    path = _reads_for_fastqc(tmp_path, what)
    ours, theirs = measured(path), FastQC(path, tmp_path / "fastqc")
    assert str(ours["count"]) == theirs.basic["Total Sequences"]
    assert str(ours["gc"]) == theirs.basic["%GC"]
    assert ours["encoding"] == theirs.basic["Encoding"]
    shortest, longest = ours["length"]
    told = theirs.basic["Sequence length"]
    assert told == (str(longest) if shortest == longest else f"{shortest}-{longest}")
    _same_bases(ours["bases"], theirs.numbers("Per base sequence quality"))
    _same_composition(ours["composition"], theirs.numbers("Per base sequence content"))
    by_mean = {
        int(mean): int(reads) for mean, reads in theirs.numbers("Per sequence quality scores") if reads
    }
    assert {mean: reads for mean, reads in enumerate(ours["sequences"]) if reads} == by_mean


def _reads_for_fastqc(tmp_path: Path, what: str) -> Path:
    if what == "real reads":
        if not DATA.is_dir():
            pytest.skip("../shared/data is not here")
        return DATA / "paired_1.fq.gz"
    kinds: dict[str, Any] = {
        "same length": {"number": 3000, "lengths": (80, 80)},
        "trimmed": {"number": 3000, "lengths": (18, 120)},
        "few reads": {"number": 100, "lengths": (30, 30)},
        "Illumina 1.5": {"number": 500, "lengths": (36, 36), "offset": 64},
    }
    return made.write(tmp_path / "x.fastq", made.text(made.reads(**kinds[what])))


def _same_bases(ours: list[list[float]], theirs: list[list[float]]) -> None:
    """FastQC: cycle, mean, median, quartiles, 10th and 90th percentile; NaN where few reads come so far."""
    assert len(ours) == len(theirs)
    for own, (_, mean, *percentiles) in zip(ours, theirs, strict=True):
        assert own[0] == pytest.approx(mean, abs=6e-4)
        wanted = [own[0] if math.isnan(value) else value for value in percentiles]
        assert own[1:] == wanted


def _same_composition(ours: list[list[float]], theirs: list[list[float]]) -> None:
    assert len(ours) == len(theirs)
    for own, (_, *shares) in zip(ours, theirs, strict=True):
        assert own == pytest.approx(shares, abs=0.051)


@pytest.mark.parametrize("lengths", [(50, 50), (0, 90), (900, 3000)])
def test_counts_are_those_of_a_reader_in_plain_python(tmp_path: Path, lengths: tuple[int, int]) -> None:
    records = made.reads(300, lengths)
    found = measured(made.write(tmp_path / "x.fq.gz", made.text(records)))
    reads = [(letters, [ord(character) - 33 for character in scores]) for _, letters, scores in records]
    for (start, end), scores, shares in zip(
        found["cycles"], found["bases"], found["composition"], strict=True
    ):
        own = [score for _, values in reads for score in values[start - 1 : end]]
        assert scores[0] == pytest.approx(statistics.fmean(own), abs=6e-4)
        letters = "".join(letters[start - 1 : end] for letters, _ in reads)
        of_four = sum(letters.count(base) for base in "GATC")
        assert shares == pytest.approx([100 * letters.count(base) / of_four for base in "GATC"], abs=0.051)
        if sum(len(values) >= start for _, values in reads) > 100:
            ordered = sorted(own)
            assert scores[1:] == [ordered[max(0, len(own) * p // 100 - 1)] for p in quality.PERCENTILES]
        else:
            assert set(scores) == {scores[0]}
    means = [sum(values) // len(values) for _, values in reads if values]
    assert found["sequences"] == [means.count(mean) for mean in range(50)]
    for start, end, number in found["lengths"]:
        assert number == sum(start <= len(values) <= end for _, values in reads)
    assert sum(number for _, _, number in found["lengths"]) == found["count"] == 300


def test_rows_are_single_up_to_cycle_1000_and_widen_beyond() -> None:
    import numpy as np

    rows = quality.row_of(np.arange(300_000))
    cycles = quality.cycles_of(int(rows[-1]) + 1, 300_000)
    assert cycles[:2] == [[1, 1], [2, 2]] and cycles[998:1001] == [[999, 999], [1000, 1000], [1001, 1010]]
    assert cycles[1899:1901] == [[9991, 10_000], [10_001, 10_100]] and cycles[-1][1] == 300_000
    for row, (start, end) in enumerate(cycles):
        assert rows[start - 1] == rows[end - 1] == row
    assert quality.row_of(np.array([10**7, 10**9])).tolist() == [4599, 4599]


def test_reads_of_a_million_bases_take_few_rows(tmp_path: Path) -> None:
    found = tally(made.write(tmp_path / "x.fq", made.record("long", "ACGT" * 300_000)))
    assert found.longest == 1_200_000 and len(found.table) < 4000


def test_high_means_are_counted_at_the_last_counter(tmp_path: Path) -> None:
    found = measured(made.write(tmp_path / "x.fq", made.record("hifi", "ACGT", "~~~~")))
    assert found["sequences"][49] == 1 and found["bases"][0][0] == 93


@pytest.mark.parametrize(
    ("lowest", "highest", "number", "told"),
    [
        ("#", "J", 200, SANGER),
        ("I", "I", 200, SANGER),
        ("A", "h", 200, "Illumina 1.3"),
        ("B", "h", 200, "Illumina 1.5"),
        ("@", "i", 200, "Illumina 1.5"),
        ("B", "h", 99, SANGER),
        ("B", "~", 200, SANGER),
        ("?", "K", 200, SANGER),
    ],
)
def test_encoding(tmp_path: Path, lowest: str, highest: str, number: int, told: str) -> None:
    content = made.record("x", "AC", lowest + highest) * number
    found = tally(made.write(tmp_path / "x.fq", content))
    assert quality.encoding_of([found]) == told
    assert quality.too_few_to_judge([found]) == (number == 99)


def test_both_files_tell_the_encoding_together(tmp_path: Path) -> None:
    high = tally(made.write(tmp_path / "1.fq", made.record("x", "AC", "Bh") * 200))
    low = tally(made.write(tmp_path / "2.fq", made.record("x", "AC", "#I") * 200))
    assert quality.encoding_of([high, low]) == SANGER


def test_solexa_scores_are_refused(tmp_path: Path) -> None:
    found = tally(made.write(tmp_path / "x.fq", made.record("x", "AC", ";h") * 200))
    with pytest.raises(InputFailure, match="Solexa scores"):
        quality.encoding_of([found])


def test_phred_64_is_measured_as_phred_33(tmp_path: Path) -> None:
    other = measured(made.write(tmp_path / "64.fq", made.text(made.reads(offset=64))))
    same = measured(made.write(tmp_path / "33.fq", made.text(made.reads(offset=33))))
    for name in ("bases", "composition", "sequences", "lengths", "gc"):
        assert other[name] == same[name], name


@pytest.mark.parametrize(
    ("letters", "characters", "told"),
    [
        ("ACGTL", "IIIII", r"record 2 \(bad\) has the letter L, which is no nucleotide: is it a protein"),
        ("AC GT", "IIIII", "has a blank in its sequence"),
        ("AC-GT", "IIIII", "has “-” in its sequence"),
        ("ACGT", "II I", "has a blank in its qualities"),
        ("ACGT", "II\x7fI", "has the byte 127 in its qualities"),
    ],
)
def test_what_no_read_has_is_named_with_its_record(
    tmp_path: Path, letters: str, characters: str, told: str
) -> None:
    content = made.record("good", "ACGTAC") + made.record("bad", letters, characters)
    with pytest.raises(InputFailure, match=told):
        tally(made.write(tmp_path / "x.fq", content))


def test_two_files_are_joined_as_virtool_does() -> None:
    left = {
        "bases": [[30.0] * 6, [20.0] * 6],
        "composition": [[10.0, 20.0, 30.0, 40.0], [25.0] * 4],
        "count": 3,
        "encoding": SANGER,
        "gc": 40,
        "length": [2, 2],
        "sequences": [0] * 25 + [3] + [0] * 24,
        "cycles": [[1, 1], [2, 2]],
        "lengths": [[2, 2, 3]],
    }
    right = {
        **left,
        "bases": [[20.0] * 6],
        "composition": [[20.0, 20.0, 20.0, 40.0]],
        "gc": 45,
        "length": [0, 1],
        "cycles": [[1, 1]],
        "lengths": [[0, 0, 1], [1, 1, 2]],
    }
    joined = quality.both(left, right)
    assert joined["bases"] == [[25.0] * 6, [20.0] * 6]
    assert joined["composition"] == [[15.0, 20.0, 25.0, 40.0], [25.0] * 4]
    assert (joined["count"], joined["gc"], joined["length"]) == (6, 42.5, [0, 2])
    assert joined["sequences"][25] == 6
    assert joined["cycles"] == left["cycles"] and joined["lengths"] == [[0, 0, 1], [1, 1, 2], [2, 2, 3]]
