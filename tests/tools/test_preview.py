"""What a file holds, at a glance; bounded, and never a traceback."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pysam
import pytest

from tools import formats
from tools.contract import (
    FigurePanel,
    ImagePanel,
    LocalFile,
    MetricsPanel,
    Panel,
    RowsPanel,
    StructurePanel,
    TextPanel,
)
from tools.preview import preview
from tools.previews import head

DATA = Path("../shared/data")

FASTA = b">a first of all\nACGTAC\nGT\n>b\nAC\n"
FASTQ = b"".join(b"@r%d\nACGTN\n+\n!5IIF\n" % number for number in range(30))
GENBANK = b"""LOCUS       AB1234                    12 bp    DNA     linear   VRL 01-JAN-2000
DEFINITION  A short virus.
FEATURES             Location/Qualifiers
ORIGIN
        1 acgtacgtac gt
//
LOCUS       AB1235                    4 bp    DNA     linear   VRL 01-JAN-2000
DEFINITION  Another.
ORIGIN
        1 acgt
//
"""
EMBL = b"ID   X56734; SV 1; linear; mRNA; STD; PLN; 4 BP.\nDE   Clover.\nSQ   Sequence 4 BP;\n     acgt      4\n//\n"
SAM = (
    b"@HD\tVN:1.6\n@SQ\tSN:ref\tLN:100\n"
    b"r1\t99\tref\t7\t30\t8M2I\t=\t37\t39\tTTAGATAAAG\t*\nr2\t4\t*\t0\t0\t*\t*\t0\t0\tAC\t*\n"
)
VCF = (
    b"##fileformat=VCFv4.2\n##contig=<ID=1>\n"
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n1\t5\t.\tA\tC\t9\tPASS\t.\tGT\t0/1\t1/1\n"
)
PDB = (
    b"TITLE     A DROP OF WATER\n"
    b"HETATM    1  O   HOH A   1      10.000  10.000  10.000  1.00  0.00           O\nEND\n"
)
MOLECULE = (
    "methane\n  test\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n"
    "    0.0000    0.0000    0.0000 C   0  0  0  0  0  0  0  0  0  0  0  0\nM  END\n$$$$\n"
)
CIF = b"data_x\nloop_\n_atom_site.id\n_atom_site.Cartn_x\n1 1.0\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10\x00\x20\x03" + b"\0" * 20 + b"\xff\xd9"


def png(width: int = 2, height: int = 3) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 12))
        + chunk(b"IEND", b"")
    )


def bam(folder: Path) -> bytes:
    path = folder / "made.bam"
    header = pysam.AlignmentHeader.from_dict(
        {"HD": {"VN": "1.6"}, "SQ": [{"SN": "ref", "LN": 100}, {"SN": "other", "LN": 50}]}
    )
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for line in SAM.decode().splitlines()[2:]:
            out.write(pysam.AlignedSegment.fromstring(line, header))
    return path.read_bytes()


def look(folder: Path, name: str, content: bytes) -> list[Panel]:
    path = folder / "looked-at"
    path.write_bytes(content)
    return preview(LocalFile(path, name, formats.detect(path, name)))


def only(panels: list[Panel], kind: type) -> Any:
    (found,) = [panel for panel in panels if isinstance(panel, kind)]
    return found


def sentence(panels: list[Panel]) -> str:
    (panel,) = panels
    assert isinstance(panel, TextPanel)
    assert panel.language == "text"
    return panel.text


@pytest.mark.parametrize("packed", [False, True])
def test_fasta_has_its_records_with_lengths(tmp_path: Path, packed: bool) -> None:
    panels = look(tmp_path, "a.fa.gz", gzip.compress(FASTA) if packed else FASTA)
    table = only(panels, RowsPanel)
    assert list(table.rows) == [("a", "first of all", 8, "ACGTACGT"), ("b", "", 2, "AC")]
    assert only(panels, TextPanel).text.startswith(">a first of all")


def test_of_many_sequences_the_first_are_shown_and_it_is_said(tmp_path: Path) -> None:
    panels = look(tmp_path, "a.fa", b"".join(b">s%d\nACGT\n" % number for number in range(500)))
    table = only(panels, RowsPanel)
    assert (len(table.rows), table.note) == (100, "The first 100 sequences.")


def test_a_sequence_beyond_what_is_read_has_no_length(tmp_path: Path) -> None:
    panels = look(tmp_path, "a.fa", b">long\n" + b"ACGT" * (head.HEAD // 4) + b"\n>next\nAC\n")
    (row,) = only(panels, RowsPanel).rows
    assert (row[0], row[2]) == ("long", None)
    assert "first 4 MB" in only(panels, RowsPanel).note


def test_records_with_annotations_are_told_by_their_first_lines(tmp_path: Path) -> None:
    rows = only(look(tmp_path, "a.gb", GENBANK), RowsPanel).rows
    assert list(rows) == [("AB1234", "A short virus.", 12, "acgtacgtacgt"), ("AB1235", "Another.", 4, "acgt")]
    (row,) = only(look(tmp_path, "a.embl", EMBL), RowsPanel).rows
    assert row == ("X56734", "Clover.", 4, "acgt")


@pytest.mark.parametrize("digits", ["9" * 20, "9" * 5000])
@pytest.mark.parametrize(
    ("name", "record"), [("a.gb", "LOCUS x {} bp\n//\n"), ("a.embl", "ID   X; SV 1; linear; {} BP.\n//\n")]
)
def test_a_length_that_no_sequence_has_is_none(tmp_path: Path, name: str, record: str, digits: str) -> None:
    ((_, _, length, _),) = only(look(tmp_path, name, record.format(digits).encode()), RowsPanel).rows
    assert length is None


def test_reads_have_quality_by_cycle(tmp_path: Path) -> None:
    panels = look(tmp_path, "a.fq.gz", gzip.compress(FASTQ * 10))
    metrics = {label: value for label, value, _ in only(panels, MetricsPanel).metrics}
    told = {"Reads looked at": "300", "Length": "5 nt", "GC": "50 %", "Qualities": "Sanger / Illumina 1.9"}
    assert metrics == told
    assert only(panels, MetricsPanel).title == "All reads"
    quality = next(panel for panel in panels if isinstance(panel, FigurePanel))
    traces = {trace.name: list(trace.y) for trace in quality.figure.data if trace.name}
    assert traces["Median"] == [0, 20, 40, 40, 37]
    assert only(panels, TextPanel).text.startswith("@r0")


def test_no_more_than_ten_thousand_reads_are_looked_at(tmp_path: Path) -> None:
    for content in (b"@r\nACGT\n+\nIIII\n" * 12_000, b"@r\r\nACGT\r\n+\r\nIIII\r\n" * 12_000):
        assert only(look(tmp_path, "a.fq", content), MetricsPanel).title == "The first 10,000 reads"
    exactly = look(tmp_path, "a.fq", b"@r\nACGT\n+\nIIII\n" * 10_000)
    assert only(exactly, MetricsPanel).title == "All reads"


def test_long_reads_are_looked_at_as_far_as_four_megabytes_go(tmp_path: Path) -> None:
    panels = look(tmp_path, "a.fq", (b"@r\n" + b"A" * 99_000 + b"\n+\n" + b"I" * 99_000 + b"\n") * 60)
    assert only(panels, MetricsPanel).title == "The first 21 reads"
    one = sentence(look(tmp_path, "a.fq", b"@r\n" + b"A" * 9_000_000 + b"\n+\n" + b"I" * 9_000_000 + b"\n"))
    assert one == "No whole read lies in the first 4 MB of the file."


def test_old_qualities_are_told_by_their_letters(tmp_path: Path) -> None:
    metrics = only(look(tmp_path, "a.fq", b"@r\nACGT\n+\nhhhB\n" * 100), MetricsPanel).metrics
    assert ("Qualities", "Illumina 1.5") in [(label, value) for label, value, _ in metrics]


def test_a_broken_read_is_told_with_its_place(tmp_path: Path) -> None:
    assert "record 31 (x) has 4 letters but 1" in sentence(
        look(tmp_path, "a.fq", FASTQ + b"@x\nACGT\n+\nI\n")
    )
    assert "ends in the middle of record 31" in sentence(look(tmp_path, "a.fq", FASTQ + b"@x\nACGT\n"))


def test_alignments_have_references_and_reads(tmp_path: Path) -> None:
    shown = [
        ("r1", 99, "ref", 7, 30, "8M2I", "="),
        ("r2", 4, "*", 0, 0, "*", "*"),
    ]
    references, reads = (p for p in look(tmp_path, "a.sam", SAM) if isinstance(p, RowsPanel))
    assert (list(references.rows), list(reads.rows)) == ([("ref", 100)], shown)
    references, reads = (p for p in look(tmp_path, "a.bam", bam(tmp_path)) if isinstance(p, RowsPanel))
    assert list(references.rows) == [("ref", 100), ("other", 50)]
    assert list(reads.rows) == [
        ("r1", 99, "ref", 7, 30, "8M2I", "ref:37"),
        ("r2", 4, "*", None, 0, "*", "*"),
    ]


def test_a_bam_header_that_asks_for_memory_gets_none(tmp_path: Path) -> None:
    for header in (
        struct.pack("<4si", b"BAM\1", 2**31 - 1),
        struct.pack("<4sii", b"BAM\1", 0, 2**31 - 1),
        struct.pack("<4sii", b"BAM\1", 0, -1),
        struct.pack("<4si", b"BAM\1", -9) + b"\0" * 100,
        struct.pack("<4siii", b"BAM\1", 0, 1, -5) + b"\0" * 100,
    ):
        assert sentence(look(tmp_path, "a.bam", gzip.compress(header)))


def test_variants_are_a_table(tmp_path: Path) -> None:
    panels = look(tmp_path, "a.vcf.gz", gzip.compress(VCF))
    table = only(panels, RowsPanel)
    assert [column.label for column in table.columns][:3] == ["CHROM", "POS", "ID"]
    assert next(iter(table.rows))[-1] == "1/1"
    assert ("Samples", "2") in [(label, value) for label, value, _ in only(panels, MetricsPanel).metrics]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'# a note\nname,value\na,1\n"b,c",2\n'),
        ("a.csv", b"name;value\na;1\nb,c;2\n"),
        ("a.tsv", b"name\tvalue\na\t1\nb,c\t2\n"),
        ("a.csv", b'name,value\r\na,1\r\n"b,c",2\r\n'),
    ],
)
def test_tables_are_read_as_they_are_written(tmp_path: Path, name: str, content: bytes) -> None:
    table = only(look(tmp_path, name, content), RowsPanel)
    assert [column.label for column in table.columns] == ["name", "value"]
    assert list(table.rows) == [["a", "1"], ["b,c", "2"]]


def test_a_table_may_be_ragged_wide_and_of_the_same_names(tmp_path: Path) -> None:
    table = only(look(tmp_path, "a.csv", b"a,a,\n1\n1,2,3,4\n"), RowsPanel)
    assert len({column.name for column in table.columns}) == 3
    assert list(table.rows) == [["1", "", ""], ["1", "2", "3"]]
    wide = only(look(tmp_path, "a.csv", b",".join(b"%d" % n for n in range(500)) + b"\n"), RowsPanel)
    assert (len(wide.columns), wide.note) == (60, "The first 60 of 500 columns.")


def test_features_have_the_columns_of_their_format(tmp_path: Path) -> None:
    table = only(look(tmp_path, "a.gff", b"##gff-version 3\nc\tx\tgene\t1\t9\t.\t+\t.\tID=g\n"), RowsPanel)
    assert (table.columns[2].label, next(iter(table.rows))[2]) == ("type", "gene")


def test_structures_carry_their_content(tmp_path: Path) -> None:
    (layer,) = only(look(tmp_path, "a.pdb", PDB), StructurePanel).layers
    assert (layer.format, layer.text) == ("pdb", PDB.decode())
    (layer,) = only(look(tmp_path, "a.cif.gz", gzip.compress(CIF)), StructurePanel).layers
    assert (layer.format, layer.text) == ("mmcif", CIF.decode())
    panel = only(look(tmp_path, "a.sdf", (MOLECULE * 80).encode()), StructurePanel)
    assert (len(panel.choices), panel.choices[0].label) == (50, "1. methane")
    assert panel.note == "The first 50 molecules."


def test_pictures_are_shown_with_their_size(tmp_path: Path) -> None:
    assert only(look(tmp_path, "a.png", png()), ImagePanel).note == "2 × 3 pixels"
    assert only(look(tmp_path, "a.jpg", JPEG), ImagePanel).note == "32 × 16 pixels"
    assert "too many" in sentence(look(tmp_path, "a.png", png(90_000, 90_000)))
    assert "damaged" in sentence(look(tmp_path, "a.png", png()[:14]))
    assert "too large" in sentence(look(tmp_path, "a.png", png() + bytes(9_000_000)))


def test_what_can_carry_a_script_is_text(tmp_path: Path) -> None:
    for name, content in (
        ("a.html", b"<script>alert(1)</script>"),
        ("a.svg", b"<svg onload='alert(1)'/>"),
        ("a.md", b"<img src=x onerror=alert(1)> [x](javascript:alert(1))"),
    ):
        (panel,) = look(tmp_path, name, content)
        assert isinstance(panel, TextPanel)
        assert (panel.language, panel.text) == ("text", content.decode())


def test_of_a_text_the_first_lines_are_shown(tmp_path: Path) -> None:
    (panel,) = look(tmp_path, "a.log", b"line\n" * 1000)
    assert isinstance(panel, TextPanel)
    assert (panel.title, panel.text.count("line")) == ("The first 200 lines", 200)
    (panel,) = look(tmp_path, "a.json", b'{"a": 1}\n')
    assert isinstance(panel, TextPanel)
    assert (panel.title, panel.language) == ("Content", "json")
    (panel,) = look(tmp_path, "a.txt", b"x" * 9_000_000)
    assert isinstance(panel, TextPanel)
    assert len(panel.text) == head.LINE


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    assert sentence(look(tmp_path, "a", b"")) == "The file is empty."
    assert "binary file" in sentence(look(tmp_path, "a", b"\0\1\2"))
    assert "ZIP" in sentence(look(tmp_path, "a.zip", b"PK\3\4" + b"\0" * 30))
    assert "CRAM" in sentence(look(tmp_path, "a.cram", b"CRAM\3\0" + b"\0" * 30))


def test_a_small_file_that_unpacks_to_a_huge_one_is_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    read = head.read

    def counted(path: Path, limit: int = head.HEAD) -> head.Head:
        found = read(path, limit)
        taken.append(len(found.content))
        return found

    for module in ("texts", "sequences", "reads", "alignments", "pictures"):
        monkeypatch.setattr(f"tools.previews.{module}.read", counted)
    for start in (b">a\n", b"@r\nA\n+\nI\n", SAM, VCF, PDB, b"text\n"):
        assert look(tmp_path, "a.gz", gzip.compress(start + b"A" * 30_000_000))
    assert max(taken) <= 8_000_000 + 400_000


def test_damaged_files_give_a_sentence_or_what_can_be_read(tmp_path: Path) -> None:
    """Cut anywhere, and with bytes changed anywhere."""
    chance = random.Random(1)
    whole = {
        "a.fa": FASTA, "a.fa.gz": gzip.compress(FASTA), "a.fq": FASTQ, "a.fq.gz": gzip.compress(FASTQ), "a.gb": GENBANK,
        "a.embl": EMBL, "a.sam": SAM, "a.bam": bam(tmp_path), "b.bam": gzip.decompress(bam(tmp_path)), "a.vcf": VCF,
        "a.csv": b'a,b\n"1,2\n', "a.tsv": b"a\tb\n1\t2\n", "a.pdb": PDB, "a.cif": CIF, "a.sdf": MOLECULE.encode(),
        "a.png": png(), "a.jpg": JPEG, "a.json": b'{"a": [1', "a.gff": b"##gff-version 3\nc\n",
    }  # fmt: skip
    for name, content in whole.items():
        for cut in {*range(0, len(content), max(1, len(content) // 25)), len(content) - 1}:
            assert look(tmp_path, name, content[:cut]), (name, cut)
        for _ in range(60):
            changed = bytearray(content)
            for _ in range(chance.randint(1, 6)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            assert look(tmp_path, name, bytes(changed)), (name, bytes(changed))


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data is not here")
def test_real_files(tmp_path: Path) -> None:
    for path in sorted(path for path in DATA.rglob("*") if path.is_file()):
        panels = preview(LocalFile(path, path.name, formats.detect(path, path.name)))
        assert panels, path
