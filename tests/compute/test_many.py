"""Many samples at once: rows of a run sheet or of a heap of files, looked at before anything starts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.many import Row
from data.errors import BadInput
from data.records import StoredFile
from tests.laboratory import Laboratory

READS = "".join(f"@read{number}\nACGTACGTAC\n+\nIIIIIIIIII\n" for number in range(4))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    laboratory = Laboratory(tmp_path)
    yield laboratory
    laboratory.close()


def give(lab: Laboratory, name: str, content: str = READS) -> StoredFile:
    return lab.workbench.upload(lab.admin, name, io.BytesIO(content.encode()))


def sheet(lab: Laboratory, *lines: str) -> list[Row]:
    return lab.workbench.many.sheet(lab.admin, "\n".join(lines))


def test_a_sheet_names_samples_and_finds_their_files(lab: Laboratory) -> None:
    first, second = give(lab, "a_R1.fq"), give(lab, "a_R2.fq")
    (row,) = sheet(lab, "name,reads_1,reads_2,host", 'field 1,a_R1.fq,a_R2.fq,"tomato, cv. Micro-Tom"')
    assert row.files == (first.id, second.id) and not row.problems
    asked = row.submission()
    assert asked.settings == {"name": "field 1", "host": "tomato, cv. Micro-Tom"}
    assert asked.inputs == {"reads": [{"file": first.id}, {"file": second.id}]}


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_tabs_semicolons_marks_and_empty_lines_are_all_right(lab: Laboratory, delimiter: str) -> None:
    file = give(lab, "a.fq")
    text = "\ufeff" + "\r\n".join(
        delimiter.join(each) for each in (("Name", "Reads"), ("a", "a.fq"), ("", ""))
    )
    (row,) = lab.workbench.many.sheet(lab.admin, text)
    assert row.files == (file.id,)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (("a,b",), "starts with a line of column names"),
        (("",), "starts with a line of column names"),
        (("name,reads,colour",), "column 'colour'"),
        (("name,reads,reads",), "a column twice"),
        (("name,reads,host", "a,a.fq,Vitis, vinifera"), "Row 1 .* more cells"),
    ],
)
def test_a_sheet_that_is_none_is_refused(lab: Laboratory, lines: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        sheet(lab, *lines)


def test_columns_that_a_spreadsheet_left_empty_are_nothing(lab: Laboratory) -> None:
    file = give(lab, "a.fq")
    (row,) = sheet(lab, "name,reads,,", "a,a.fq,,,")
    assert row.files == (file.id,)
    with pytest.raises(BadInput, match="Row 1 of the sheet has more cells"):
        sheet(lab, "name,reads,,", "a,a.fq,,lost")


def test_problems_are_told_by_row(lab: Laboratory) -> None:
    give(lab, "a.fq")
    give(lab, "b.fq")
    give(lab, "b.fq", READS * 2)
    rows = sheet(
        lab, "name,reads", "one,missing.fq", ",a.fq", "three,", "four,b.fq", "five,a.fq", "five,a.fq"
    )
    told = {row.number: " ".join(row.problems) for row in rows}
    assert "no FASTQ file missing.fq" in told[1]
    assert "The name is empty" in told[2] and "a.fq is named 3 times" in told[2]
    assert "No file is named" in told[3]
    assert "2 different files named b.fq" in told[4]
    assert "2 samples are named five" in told[5]


def test_the_same_file_twice_in_the_library_is_no_problem(lab: Laboratory) -> None:
    give(lab, "a.fq")
    newest = give(lab, "a.fq")
    (row,) = sheet(lab, "name,reads", "a,a.fq")
    assert row.files == (newest.id,) and not row.problems


def test_files_are_paired_and_lanes_joined_by_their_names(lab: Laboratory) -> None:
    names = [f"tomato_S1_L00{lane}_R{mate}_001.fastq" for lane in (1, 2) for mate in (1, 2)]
    ids = {name: give(lab, name).id for name in [*names, "single.fq"]}
    rows = {
        row.name: row for row in lab.workbench.many.heap(lab.admin, list(ids.values()), {"host": "tomato"})
    }
    assert set(rows) == {"tomato", "single"}
    assert rows["tomato"].names == (names[0], names[2], names[1], names[3]), "first mates first"
    assert rows["tomato"].files == tuple(ids[name] for name in rows["tomato"].names)
    assert rows["single"].settings == {"host": "tomato"}


def test_somebody_elses_files_make_no_samples(lab: Laboratory) -> None:
    file = give(lab, "a.fq")
    stranger = lab.found("mallory")
    with pytest.raises(BadInput, match="no FASTQ files of yours"):
        lab.workbench.many.heap(stranger, [file.id], {})
    (row,) = lab.workbench.many.sheet(stranger, "name,reads\na,a.fq")
    assert row.problems


def test_what_is_in_the_files_is_told_before_anything_starts(lab: Laboratory) -> None:
    give(lab, "good.fq")
    give(lab, "bad.fq", READS + "@cut\nACGT\n+\nII\n")
    rows = sheet(lab, "name,reads", "good,good.fq", "bad,bad.fq")
    heard: list[tuple[int, int]] = []
    good, bad = lab.workbench.many.look(lab.admin, rows, lambda done, all: heard.append((done, all)))
    assert not good.problems
    assert len(bad.problems) == 1 and "5" in bad.problems[0], "it says which record"
    assert heard == [(1, 2), (2, 2)]
    assert not lab.workbench.jobs(lab.admin).jobs


def test_all_are_started_with_one_tag_and_each_refusal_is_told(lab: Laboratory) -> None:
    give(lab, "a.fq")
    give(lab, "b.fq")
    submissions = [row.submission() for row in sheet(lab, "name,reads", "a,a.fq", "b,b.fq")]
    wrong = Row(number=3, name="c", names=("c.fq",), files=("00000000000000000000000000000000",))
    started = lab.workbench.many.start(lab.admin, [*submissions, wrong.submission()], "run 7")
    assert [job.name for job in started.jobs] == ["Sample a", "Sample b"]
    assert all(job.tags == ("run 7",) for job in started.jobs)
    ((name, reason),) = started.refused
    assert name == "Sample c" and "no such file" in reason


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_of_other_systems_are_all_right(lab: Laboratory, end: str) -> None:
    give(lab, "a.fq")
    give(lab, "b.fq")
    rows = lab.workbench.many.sheet(lab.admin, end.join(["name;reads", "a;a.fq", "b;b.fq", ""]))
    assert [(row.name, row.names, row.problems) for row in rows] == [
        ("a", ("a.fq",), ()),
        ("b", ("b.fq",), ()),
    ]


def test_what_cannot_be_read_as_a_table_is_refused(lab: Laboratory) -> None:
    csv.field_size_limit(131_072)
    with pytest.raises(BadInput, match="cannot be read as a table"):
        sheet(lab, "name,reads", '"' + "a" * 200_000)


@pytest.mark.parametrize("name", ["a/b", "a" * 198])
def test_a_name_that_no_job_can_have_is_told_before_anything_starts(lab: Laboratory, name: str) -> None:
    give(lab, "a.fq")
    (row,) = lab.workbench.many.look(lab.admin, sheet(lab, "name,reads", f"{name},a.fq"))
    assert len(row.problems) == 1 and "name has" in row.problems[0]


def test_a_tag_that_cannot_be_is_refused_before_anything_starts(lab: Laboratory) -> None:
    give(lab, "a.fq")
    submissions = [row.submission() for row in sheet(lab, "name,reads", "a,a.fq")]
    with pytest.raises(BadInput, match="comma"):
        lab.workbench.many.start(lab.admin, submissions, "monday, tuesday")
    assert not lab.workbench.jobs(lab.admin).jobs
