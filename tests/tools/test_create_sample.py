"""Samples: what the library gets of good files, and the sentence for each kind of bad one."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.reads import made
from tools.contract import FigurePanel, InputFailure, LocalFile, Result
from tools.create_sample import TOOL
from tools.reads import fastq, figures

PAIR = ("x_R1.fq.gz", "x_R2.fq.gz")


def pair(tmp_path: Path, **kinds: Any) -> list[Path]:
    return [
        made.write(tmp_path / name, made.text(made.reads(mate=mate, **kinds)))
        for mate, name in enumerate(PAIR, start=1)
    ]


def job(tmp_path: Path, files: list[Path], **settings: Any) -> running.LocalJob:
    given = running.given(TOOL, {"reads": files}, settings, tmp_path)
    return running.LocalJob(given, tmp_path / "job", cpus=settings.pop("cpus", 1))


def create(tmp_path: Path, files: list[Path], *, cpus: int = 1, **settings: Any) -> Result:
    own = job(tmp_path, files, **settings)
    own.cpus = cpus
    assert list(TOOL.check(own.given)) == []
    result = TOOL.run(own)
    running.judge(TOOL, own, result)
    assert own.steps == list(TOOL.steps)
    for step in own.steps:
        fractions = [fraction or 0 for name, fraction, _ in own.told if name == step]
        assert fractions == sorted(fractions) and fractions[-1] == 1
    return result


def refused(tmp_path: Path, *files: Path) -> str:
    """The one sentence that `check` has."""
    (problem,) = TOOL.check(job(tmp_path, list(files)).given)
    assert problem.field == "reads"
    return problem.message


def fails(tmp_path: Path, *files: Path) -> str:
    """The sentence of a run whose check found nothing."""
    own = job(tmp_path, list(files))
    assert list(TOOL.check(own.given)) == []
    with pytest.raises(InputFailure) as failure:
        TOOL.run(own)
    return str(failure.value)


def stored(result: Result, mate: int = 1) -> list[tuple[str, str, str]]:
    return made.read(result.library[0].path / f"reads_{mate}.fq.gz")


def changed(result: Result) -> list[str]:
    return list(result.library[0].facts["changed"])


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_pair_becomes_a_sample_with_facts_reads_and_quality(tmp_path: Path, cpus: int) -> None:
    files = pair(tmp_path)
    settings = {"name": " Vine 7 ", "library_type": "srna", "host": "Vitis", "isolate": "B", "notes": "cold"}
    result = create(tmp_path, files, cpus=cpus, **settings)
    (item,) = result.library
    assert (item.name, item.format) == ("Vine 7", "sample")
    quality = json.loads((item.path / "quality.json").read_text())
    assert dict(item.facts) == {
        "count": 400,
        "paired": True,
        "length": [60, 60],
        "gc": quality["gc"],
        "encoding": "Sanger / Illumina 1.9",
        "library_type": "srna",
        "host": "Vitis",
        "isolate": "B",
        "notes": "cold",
        "mates": list(PAIR),
        "changed": [],
    }
    assert not result.warnings
    assert sorted(path.name for path in item.path.iterdir()) == [
        "quality.json",
        "reads_1.fq.gz",
        "reads_2.fq.gz",
    ]
    assert quality["count"] == 400 and [file["count"] for file in quality["files"]] == [200, 200]
    assert stored(result, 2) == made.reads(mate=2)


def test_gzipped_reads_are_not_copied(tmp_path: Path) -> None:
    (file, _) = pair(tmp_path)
    result = create(tmp_path, [file])
    assert (result.library[0].path / "reads_1.fq.gz").samefile(file)
    assert result.library[0].facts["paired"] is False and result.summary["sample"] == "x"


@pytest.mark.parametrize("cpus", [1, 3])
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("x.fastq", bytes),
        ("x.fq.bz2", bz2.compress),
        ("x.fq.xz", lzma.compress),
        ("plain-but-called.fq.gz", bytes),
        ("zipped-but-called.fastq", gzip.compress),
    ],
)
def test_the_content_tells_how_it_is_packed(
    tmp_path: Path, cpus: int, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(pack(made.text(made.reads()).encode()))
    result = create(tmp_path, [tmp_path / name], cpus=cpus)
    assert stored(result) == made.reads() and not changed(result)


def test_lanes_are_merged_in_the_order_of_their_names(tmp_path: Path) -> None:
    lanes = {}
    for lane in (1, 2, 3):
        for mate in (1, 2):
            name = f"Leaf_S1_L00{lane}_R{mate}_001.fastq" + (".gz" if lane != 2 else "")
            path = made.write(tmp_path / name, made.text(made.reads(30, seed=lane, mate=mate)))
            lanes[lane, mate] = path
    result = create(tmp_path, [lanes[key] for key in ((3, 2), (1, 1), (2, 2), (3, 1), (2, 1), (1, 2))])
    for mate in (1, 2):
        expected = [one for lane in (1, 2, 3) for one in made.reads(30, seed=lane, mate=mate)]
        assert stored(result, mate) == expected
    assert result.library[0].name == "Leaf" and result.summary["reads"] == 180
    assert result.library[0].facts["mates"][:2] == [
        "Leaf_S1_L001_R1_001.fastq.gz",
        "Leaf_S1_L002_R1_001.fastq",
    ]


def test_two_lanes_of_single_reads_are_one_file(tmp_path: Path) -> None:
    files = [
        made.write(tmp_path / f"a_L00{lane}_R1.fq", made.text(made.reads(20, seed=lane))) for lane in (2, 1)
    ]
    result = create(tmp_path, files)
    assert stored(result) == made.reads(20, seed=1) + made.reads(20, seed=2)
    assert not (result.library[0].path / "reads_2.fq.gz").exists()


def test_a_gzip_of_several_members_is_fine(tmp_path: Path) -> None:
    text = made.text(made.reads(150))
    cuts = [0, len(text) // 3, len(text) // 2, len(text)]
    parts = [gzip.compress(text[start:end].encode()) for start, end in pairwise(cuts)]
    parts.append(gzip.compress(b""))  # as bgzip ends
    path = made.write(tmp_path / "x.fastq", b"".join(parts))
    assert create(tmp_path, [path]).summary["reads"] == 150


def test_an_upload_may_itself_be_called_reads_1(tmp_path: Path) -> None:
    files = [
        made.write(tmp_path / f"reads_{mate}.fq.gz", made.text(made.reads(mate=mate))) for mate in (1, 2)
    ]
    assert stored(create(tmp_path, files), 2) == made.reads(mate=2)


class TestChanged:
    """What is put right, and said."""

    @pytest.mark.parametrize("name", ["x.fq", "x.fq.gz"])
    def test_crlf(self, tmp_path: Path, name: str) -> None:
        content = made.text(made.reads()).replace("\n", "\r\n")
        result = create(tmp_path, [made.write(tmp_path / name, content)])
        assert stored(result) == made.reads() and changed(result) == ["line ends from CR LF to LF"]
        assert result.warnings == [f"Changed in the reads, everywhere: {changed(result)[0]}."]

    @pytest.mark.parametrize("end", ["", "\n\n", "\n\r\n \n"])
    def test_the_end_of_the_file(self, tmp_path: Path, end: str) -> None:
        content = made.text(made.reads()).removesuffix("\n") + end
        result = create(tmp_path, [made.write(tmp_path / "x.fq.gz", content)])
        assert stored(result) == made.reads() and changed(result) == ["the end of x.fq.gz"]

    def test_letters(self, tmp_path: Path) -> None:
        content = made.record("a", "acgtn") + made.record("b", "AC.RY") + made.record("c", "ACUuk")
        result = create(tmp_path, [made.write(tmp_path / "x.fq.gz", content)])
        assert [letters for _, letters, _ in stored(result)] == ["ACGTN", "ACNNN", "ACTTN"]
        assert changed(result) == [
            "letters from lower to upper case",
            "4 dots and IUPAC codes to N",
            "2 U to T",
        ]

    def test_names_that_look_like_sequences_stay(self, tmp_path: Path) -> None:
        content = "@acgt.acgu ryk\nAC.T\n+acgt.acgu\nIIII\n"
        result = create(tmp_path, [made.write(tmp_path / "x.fq.gz", content)])
        kept = gzip.decompress((result.library[0].path / "reads_1.fq.gz").read_bytes()).decode()
        assert kept == content.replace("AC.T", "ACNT")

    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    def test_phred_64(self, tmp_path: Path, ends: str) -> None:
        content = made.text(made.reads(offset=64)).replace("\n", ends)
        result = create(tmp_path, [made.write(tmp_path / "x.fq", content)])
        assert stored(result) == made.reads(offset=33)
        assert changed(result)[-1] == "qualities from Phred+64 (Illumina 1.5) to Phred+33"
        assert result.summary["encoding"] == "Sanger / Illumina 1.9"

    def test_both_files_of_a_pair_alike(self, tmp_path: Path) -> None:
        files = [
            made.write(tmp_path / name, made.text(made.reads(mate=mate, offset=64)))
            for mate, name in enumerate(PAIR, start=1)
        ]
        assert stored(create(tmp_path, files), 2) == made.reads(mate=2, offset=33)


class TestKept:
    def test_reads_of_length_zero_are_counted(self, tmp_path: Path) -> None:
        content = made.record("a", "ACGT") + made.record("b", "") + made.record("c", "ACG")
        result = create(tmp_path, [made.write(tmp_path / "x.fq.gz", content)])
        assert result.summary["reads"] == 3 and result.summary["shortest"] == 0
        assert list(result.warnings) == ["1 of 3 reads have the length zero. They are kept and counted."]

    def test_too_few_reads_to_judge_the_encoding(self, tmp_path: Path) -> None:
        content = "".join(made.record(f"x{number}", "AC", "Bh") for number in range(20))
        result = create(tmp_path, [made.write(tmp_path / "x.fq.gz", content)])
        assert "fewer than 100 reads" in result.warnings[0] and not changed(result)


class TestRefused:
    """Before the job starts."""

    def test_empty(self, tmp_path: Path) -> None:
        assert refused(tmp_path, made.write(tmp_path / "x.fq", "")).startswith("x.fq is empty.")
        assert refused(tmp_path, made.write(tmp_path / "y.fq.gz", "")).startswith("y.fq.gz is empty.")

    def test_no_fastq(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq", ">a\nMKVLA\n")
        assert refused(tmp_path, file) == "x.fq is a FASTA file. Give reads as FASTQ, plain or gzipped."

    def test_protein(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq", made.record("a", "MKVLAEFQ"))
        assert "record 1 (a) has the letter L, which is no nucleotide: is it a protein?" in refused(
            tmp_path, file
        )

    def test_several_lines(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq", made.record("a", "ACGT") + "@b\nACGT\nACGT\n+\nIIII\nIIII\n")
        assert "record 2 (b) has its sequence on several lines" in refused(tmp_path, file)

    def test_a_file_is_unpacked_once_for_all_changes_of_a_form(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = made.write(tmp_path / "x.fq.gz", made.text(made.reads(10)))
        unpacked: list[str] = []
        monkeypatch.setattr(fastq, "unpacks", lambda path, name, limit: unpacked.append(name))
        for name in ("", "leaf", "leaf 7"):
            assert not list(TOOL.check(job(tmp_path, [file], name=name).given))
        assert unpacked == ["x.fq.gz"]

    @pytest.mark.parametrize("name", ["same", "", " ", " {}", "same {}", "x" * 255 + "{}"])
    def test_names_that_tell_no_read_from_another(self, tmp_path: Path, name: str) -> None:
        """Pathoscope would take them all for one read, and lose it to the host."""
        content = "".join(made.record(name.format(number), "ACGT") for number in range(5))
        told = refused(tmp_path, made.write(tmp_path / "x.fq", content))
        assert told.startswith("x.fq: 5 of the first 5 reads are")

    def test_mates_that_follow_each_other_in_one_file_are_let_through(self, tmp_path: Path) -> None:
        content = "".join(made.record(f"x{number // 2}", "ACGT") for number in range(50))
        assert create(tmp_path, [made.write(tmp_path / "x.fq", content)]).summary["reads"] == 50

    @pytest.mark.parametrize("record", ["@b é\nACGT\n+\nIIII\n", "@b\nACGT\n+é\nIIII\n"])
    def test_a_name_that_is_not_ascii(self, tmp_path: Path, record: str) -> None:
        file = made.write(tmp_path / "x.fq", made.record("a", "AC") + record + made.record("c", "AC"))
        assert "x.fq: record 2 (b) has a character in its name" in refused(tmp_path, file)

    @pytest.mark.parametrize("kept", [0.5, 0.999])
    def test_truncated_gzip(self, tmp_path: Path, kept: float) -> None:
        file = made.write(tmp_path / "x.fq.gz", made.text(made.reads(5000)))
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * kept)])
        assert "x.fq.gz is damaged or cut short" in refused(tmp_path, file)

    def test_damaged_gzip(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq.gz", made.text(made.reads(5000)))
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 0xFF
        file.write_bytes(whole)
        assert "x.fq.gz is damaged or cut short" in refused(tmp_path, file)

    def test_mixed_up_mates(self, tmp_path: Path) -> None:
        one, other = pair(tmp_path)
        records = made.reads(mate=2)
        made.write(other, made.text([*records[:7], records[8], records[7], *records[9:]]))
        assert refused(tmp_path, one, other).startswith(
            "Record 8 is run:7 in x_R1.fq.gz but run:8 in x_R2.fq.gz: these are no mates."
        )

    def test_the_same_file_twice(self, tmp_path: Path) -> None:
        (file, _) = pair(tmp_path)
        other = made.write(tmp_path / "y_R2.fq", gzip.decompress(file.read_bytes()))
        assert "hold the same reads: one file was given twice" in refused(tmp_path, file, other)
        assert "one file was given twice" in refused(tmp_path, file, file)

    def test_second_reads_first_by_the_files_names(self, tmp_path: Path) -> None:
        one, other = pair(tmp_path)
        assert "Swap them: R1 first." in refused(tmp_path, other, one)

    @pytest.mark.parametrize("names", [(" 1:N:0:A", " 2:N:0:A"), ("/1", "/2"), (";1", ";2")])
    def test_second_reads_first_by_the_reads_names(self, tmp_path: Path, names: tuple[str, str]) -> None:
        ours = [
            made.write(tmp_path / f"{word}.fq", made.record(f"a{end}", letters))
            for word, end, letters in zip(("one", "other"), names, ("ACGT", "GGCC"), strict=True)
        ]
        assert list(TOOL.check(job(tmp_path, ours).given)) == []
        assert "as the names of their reads say. Swap them" in refused(tmp_path, *reversed(ours))

    def test_other_samples(self, tmp_path: Path) -> None:
        files = [
            made.write(tmp_path / f"{name}_R1.fq", made.text(made.reads(5, seed=seed)))
            for seed, name in enumerate("abc")
        ]
        assert "The names are those of 3 samples (a, b, c)." in refused(tmp_path, *files)

    def test_a_lane_without_its_mate(self, tmp_path: Path) -> None:
        files = [
            made.write(tmp_path / f"a_L00{lane}_R{mate}.fq", made.text(made.reads(5, seed=lane, mate=mate)))
            for lane, mate in ((1, 1), (1, 2), (2, 1))
        ]
        assert "Lane L002 has R1 but no R2." in refused(tmp_path, *files)


class TestFoundWhileRunning:
    """Beyond the first 1,000 records."""

    def test_mixed_up_mates(self, tmp_path: Path) -> None:
        one, other = pair(tmp_path, number=1500)
        records = made.reads(1500, mate=2)
        made.write(other, made.text([*records[:1200], records[1201], records[1200], *records[1202:]]))
        assert fails(tmp_path, one, other).startswith(
            "Record 1,201 is run:1200 in x_R1.fq.gz but run:1201 in"
        )

    @pytest.mark.parametrize("shorter", [0, 1])
    @pytest.mark.parametrize("number", [1499, 5000])
    def test_unequal_lengths(self, tmp_path: Path, shorter: int, number: int) -> None:
        files = pair(tmp_path, number=number + 1)
        made.write(files[shorter], made.text(made.reads(number, mate=shorter + 1)))
        names = files[shorter].name, files[1 - shorter].name
        assert fails(tmp_path, *files).startswith(f"{names[0]} has {number:,} reads, {names[1]} has more.")

    def test_a_bad_record(self, tmp_path: Path) -> None:
        records = [*made.reads(1500), ("odd", "ACGX", "IIII")]
        file = made.write(tmp_path / "x.fq.gz", made.text(records))
        assert "record 1,501 (odd) has the letter X" in fails(tmp_path, file)

    def test_a_plain_file_that_is_cut_short(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq", made.text(made.reads(1500))[:-140])
        assert "x.fq ends in the middle of record 1,500" in fails(tmp_path, file)

    def test_a_truncated_gzip_that_is_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tools.create_sample.UNPACKED_BELOW_MB", 0)
        file = made.write(tmp_path / "x.fq.gz", made.text(made.reads(20_000)))
        file.write_bytes(file.read_bytes()[:-10_000])
        assert "x.fq.gz is damaged or cut short" in fails(tmp_path, file)

    def test_solexa(self, tmp_path: Path) -> None:
        content = "".join(made.record(f"x{number}", "AC", ";h") for number in range(200))
        file = made.write(tmp_path / "x.fq", content)
        assert "Solexa scores" in fails(tmp_path, file)

    def test_nothing_but_empty_reads(self, tmp_path: Path) -> None:
        file = made.write(tmp_path / "x.fq", made.record("a", "") * 2)
        assert "All reads of x.fq have the length zero." in fails(tmp_path, file)


def test_a_sample_shows_the_same_figures_as_its_job(tmp_path: Path) -> None:
    own = job(tmp_path, pair(tmp_path))
    result = TOOL.run(own)
    (item,) = result.library
    drawn = [panel for panel in running.judge(TOOL, own, result) if isinstance(panel, FigurePanel)]
    shown = figures.panels(LocalFile(item.path, item.name, "sample"), item.facts)
    assert [panel for panel in shown if isinstance(panel, FigurePanel)] == drawn
    assert len(drawn) == 6 and all(panel.alt for panel in drawn)
