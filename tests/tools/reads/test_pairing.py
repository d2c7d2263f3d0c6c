"""Names to samples: mates, lanes, and what is wrong with a list of names."""

from __future__ import annotations

import pytest

from tools.reads.pairing import Name, NoSample, Row, arrange, pair, parse


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("Leaf_S1_L001_R1_001.fastq.gz", Name("Leaf", 1, "001", "001")),
        ("Leaf_S12_L004_R2_002.fastq.gz", Name("Leaf", 2, "004", "002")),
        ("Leaf_S1_R2_001.fastq.gz", Name("Leaf", 2, "", "001")),
        ("Leaf_S1_L001_I1_001.fastq.gz", Name("Leaf", 1, "001", "001", index=True)),
        ("Leaf_one_R1.fq", Name("Leaf_one", 1)),
        ("SRR1234_2.fastq.gz", Name("SRR1234", 2)),
        ("Leaf.1.fq.gz", Name("Leaf", 1)),
        ("Leaf.R2.fq.bz2", Name("Leaf", 2)),
        ("Leaf-R1.FASTQ.GZ", Name("Leaf", 1)),
        ("Leaf_L002_1.fq.gz", Name("Leaf", 1, "002")),
        ("Leaf_S3_L002_001.fastq", Name("Leaf", 0, "002", "001")),
        ("Leaf.fastq", Name("Leaf")),
        ("Leaf-1.fastq", Name("Leaf-1")),
        ("Leaf_S1_L001_R2_001_val_2.fq.gz", Name("Leaf", 2, "001", "001")),
        ("Leaf_R1.trimmed.fastq.gz", Name("Leaf", 1)),
        ("run 7/Leaf_R1.fq", Name("Leaf", 1)),
        ("plot_12.fq", Name("plot_12")),
    ],
)
def test_a_name_tells_sample_mate_and_lane(name: str, parsed: Name) -> None:
    assert parse(name) == parsed


def test_samples_in_order_with_their_mates_and_lanes_in_order() -> None:
    names = [
        "B_S2_L002_R2_001.fastq.gz",
        "B_S2_L001_R2_001.fastq.gz",
        "B_S2_L002_R1_001.fastq.gz",
        "B_S2_L001_R1_001.fastq.gz",
        "A_1.fq.gz",
        "A_2.fq.gz",
        "C.fastq",
    ]
    assert pair(names) == [
        Row("A", [["A_1.fq.gz"], ["A_2.fq.gz"]], [], []),
        Row("B", [[names[3], names[2]], [names[1], names[0]]], [], []),
        Row("C", [["C.fastq"]], [], []),
    ]


@pytest.mark.parametrize(
    ("names", "problems"),
    [
        (["A_R2.fq"], ["The first reads (R1) are missing: there is only A_R2.fq."]),
        (["A_L001_R1.fq", "A_L001_R2.fq", "A_L002_R1.fq"], ["Lane L002 has R1 but no R2."]),
        (["A_L001_R1.fq", "A_L001_R2.fq", "A_L002_R2.fq"], ["Lane L002 has R2 but no R1."]),
        (["A_L001_R1.fq", "A_L003_R1.fq"], ["L002 is missing between the others."]),
        (["A_R1.fq", "A_R1.fq.gz"], ["2 files for R1: A_R1.fq, A_R1.fq.gz. Keep one, or rename the other."]),
        (["A.fq", "A.fastq"], ["2 files for reads: A.fastq, A.fq. Keep one, or rename the other."]),
        (["A.fq", "A_R1.fq"], ["A.fq has no R1 or R2 in its name, but others of the sample have."]),
        (["A_S1_L001_I1_001.fastq.gz"], ["There are index reads only."]),
        (["notes.txt"], ["notes.txt is not named as reads are (.fastq or .fq, also with .gz)."]),
    ],
)
def test_what_lacks_or_is_double_is_told(names: list[str], problems: list[str]) -> None:
    (row,) = pair(names)
    assert row.problems == problems


def test_what_one_should_know_is_noted() -> None:
    rows = pair(["A_L001_R1.fq", "A_L002_R1.fq", "B_L001_R1.fq", "B_L001_R2.fq", "B_L001_I1.fq"])
    assert [row.problems for row in rows] == [[], []]
    assert rows[0].notes == ["There are no second reads (R2): a sample of single reads."]
    assert rows[1].notes == [
        "B_L001_I1.fq holds index reads and is left out.",
        "Other samples have lanes that this one has not: L002.",
    ]


@pytest.mark.parametrize(
    ("names", "arranged"),
    [
        (["anything"], [[0]]),
        (["left.fq", "right.fq"], [[0], [1]]),
        (["A_R1.fq", "A_R2.fq"], [[0], [1]]),
        (["A_R1.fq", "B_R2.fq"], [[0], [1]]),
        (["A_L002_R1.fq", "A_L001_R1.fq"], [[1, 0]]),
        (["A_L002.fq", "A_L001.fq"], [[1, 0]]),
        (["A_L002_R2.fq", "A_L001_R2.fq", "A_L001_R1.fq", "A_L002_R1.fq"], [[2, 3], [1, 0]]),
    ],
)
def test_files_of_one_sample(names: list[str], arranged: list[list[int]]) -> None:
    assert arrange(names) == arranged


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["A_R2.fq", "A_R1.fq"], "Swap them: R1 first"),
        (["A_R1.fq", "B_R1.fq"], "A_R1.fq and B_R1.fq are both R1"),
        (["A_R1.fq", "A_I1.fq"], "A_I1.fq holds index reads"),
        (["A_R1.fq", "A_R2.fq", "A_I1.fq"], "A_I1.fq holds index reads"),
        (["A_R1.fq", "A_R2.fq", "B_R1.fq"], "The names are those of 2 samples (A, B)"),
        (["A_L001_R1.fq", "A_L001_R2.fq", "A_L002_R1.fq"], "Lane L002 has R1 but no R2"),
    ],
)
def test_files_that_are_not_one_sample(names: list[str], told: str) -> None:
    with pytest.raises(NoSample) as refusal:
        arrange(names)
    assert told in str(refusal.value)
