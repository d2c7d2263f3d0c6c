from __future__ import annotations

import gzip
import random
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.tools import running
from tools.contract import InputFailure, Result
from tools.convert_sequences import _EXTENSIONS, TOOL, Target, guess_molecule

FASTA = ">one first sequence\nACGTACGTAC\n>two\nGGGCCC\n"
FASTQ = "@r1\nACGT\n+\nFF:#\n@r2\nGGGG\n+\n!!!!\n"
GENBANK = """\
LOCUS       TESTSEQ                   24 bp    DNA     linear   SYN 01-JAN-2020
DEFINITION  A made-up gene.
ACCESSION   TESTSEQ
VERSION     TESTSEQ.1
SOURCE      synthetic construct
  ORGANISM  synthetic construct
FEATURES             Location/Qualifiers
     CDS             1..24
                     /gene="abc"
ORIGIN
        1 atggcacgta ggttcacgat ctaa
//
"""
SWISS = """\
ID   TEST_HUMAN              Reviewed;          12 AA.
AC   P00001;
DT   01-JAN-2000, integrated into UniProtKB/Swiss-Prot.
DT   01-JAN-2000, sequence version 1.
DT   01-JAN-2020, entry version 9.
DE   RecName: Full=Made-up protein;
GN   Name=TST;
OS   Homo sapiens (Human).
OC   Eukaryota; Metazoa.
OX   NCBI_TaxID=9606;
RN   [1]
RP   NUCLEOTIDE SEQUENCE.
RA   Doe J.;
RL   J. Tests 1:1-2(2000).
FT   CHAIN           1..12
FT                   /note="Made up"
SQ   SEQUENCE   12 AA;  1234 MW;  0123456789ABCDEF CRC64;
     MKTAYIAKQR QI
//
"""


def problems(tmp_path: Path, content: str | bytes, name: str, **settings: Any) -> list[tuple[str, str]]:
    given = running.given(TOOL, {"sequences": written(tmp_path, content, name)}, settings, tmp_path)
    return [(problem.field, problem.message) for problem in TOOL.check(given)]


def written(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def convert(tmp_path: Path, source: Path, **settings: Any) -> tuple[Result, str]:
    job = running.LocalJob(running.given(TOOL, {"sequences": source}, settings, tmp_path), tmp_path / "job")
    result = TOOL.run(job)
    return result, result.files[0].path.read_text()


def test_fasta_to_genbank_and_back_gives_the_same_sequences(tmp_path: Path) -> None:
    result, text = convert(tmp_path / "a", written(tmp_path, FASTA, "x.fasta"), to="genbank")
    assert text.startswith("LOCUS       one                       10 bp    DNA")
    assert result.files[0].path.name == "x.gb"
    _, back = convert(tmp_path / "b", result.files[0].path, to="fasta")
    assert back == FASTA
    assert result.summary == {
        "records": 2,
        "letters": 16,
        "shortest": 6,
        "longest": 10,
        "from": "fasta",
        "to": "genbank",
    }


def test_fastq_keeps_its_qualities_and_qual_tells_them(tmp_path: Path) -> None:
    source = written(tmp_path, FASTQ, "x.fastq.gz".removesuffix(".gz"))
    assert convert(tmp_path / "a", source, to="fastq")[1] == FASTQ
    # F is Phred 37, : is 25, # is 2
    assert ">r1\n37 37 25 2\n" in convert(tmp_path / "b", source, to="qual")[1]


def test_a_lossy_conversion_says_what_is_lost(tmp_path: Path) -> None:
    result, text = convert(tmp_path, written(tmp_path, GENBANK, "x.gb"), to="fasta")
    assert text == ">TESTSEQ.1 A made-up gene\nATGGCACGTAGGTTCACGATCTAA\n"
    assert any("features" in warning for warning in result.warnings)
    assert any("annotation" in warning for warning in result.warnings)
    result, _ = convert(tmp_path / "q", written(tmp_path, FASTQ, "x.fastq"), to="fasta")
    assert any("base qualities: lost in 2 of 2" in warning for warning in result.warnings)


def test_genbank_to_embl_keeps_features(tmp_path: Path) -> None:
    result, text = convert(tmp_path, written(tmp_path, GENBANK, "x.gb"), to="embl")
    assert '/gene="abc"' in text and not any("features" in warning for warning in result.warnings)


def test_gc_and_lengths_can_be_counted_by_hand(tmp_path: Path) -> None:
    result, _ = convert(tmp_path, written(tmp_path, FASTA, "x.fasta"), to="tab")
    records, lengths = result.tables
    assert [row[:3] for row in records.rows] == [("one", 10, 50.0), ("two", 6, 100.0)]
    assert [tuple(row) for row in lengths.rows if row[2]] == [(6, 6, 1), (10, 10, 1)]
    assert sum(row[2] for row in lengths.rows) == 2


def test_protein_is_written_as_protein(tmp_path: Path) -> None:
    source = written(tmp_path, ">p\nMKVLAAGIVGLLLAQWEQ\n", "p.fasta")
    result, text = convert(tmp_path, source, to="genbank")
    assert "18 aa" in text and result.tables[0].rows[0][2] is None
    assert any("1 protein" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("letters", "kind"),
    [("ACGTN", "DNA"), ("ACGUU", "RNA"), ("MKVLAW", "protein"), ("", "protein"), ("acgt", "DNA")],
)
def test_guessed_molecule(letters: str, kind: str) -> None:
    assert guess_molecule(letters) == kind


@pytest.mark.parametrize("to", ["clustal", "stockholm", "phylip", "nexus"])
def test_alignments_round_trip_and_need_equal_lengths(tmp_path: Path, to: str) -> None:
    aligned = ">a\nACGT-A\n>b\nACGTTA\n"
    result, _ = convert(tmp_path / to, written(tmp_path, aligned, "x.fasta"), to=to)
    assert convert(tmp_path / "back", result.files[0].path, to="fasta-2line")[1].count("ACGT-A") == 1
    with pytest.raises(InputFailure, match="6 to 10 letters"):
        convert(tmp_path / "bad", written(tmp_path, FASTA, "y.fasta"), to=to)


@pytest.mark.parametrize(
    ("name", "content", "to", "field", "told"),
    [
        ("x.fasta", "", "fasta", "sequences", "x.fasta is empty"),
        ("x.fasta", bytes(range(256)), "fasta", "sequences", "binary file"),
        ("x.fasta", "just some words\n", "fasta", "sequences", "plain text"),
        ("x.fasta", "%PDF-1.7\n", "fasta", "sequences", "PDF document"),
        (
            "x.fasta",
            "ATOM      1  N   VAL A   1      15.062  43.333  14.156  1.00 20.00\n",
            "fasta",
            "sequences",
            "PDB",
        ),
        ("x.fasta", FASTA, "fastq", "to", "holds no base qualities"),
        ("x.gb", GENBANK, "qual", "to", "holds no base qualities"),
        ("x.fastq", "@r1\nACGT\n+\nFF\n", "fasta", "sequences", "not valid fastq"),
        ("x.gb", "LOCUS       X\nthis is not GenBank\n", "fasta", "sequences", "x.gb"),
        ("x" * 290 + ".fasta", ">a\n" + "\xff", "fastq", "to", "base qualities"),
    ],
)
def test_bad_input_is_told_before_running(
    tmp_path: Path, name: str, content: str | bytes, to: str, field: str, told: str
) -> None:
    name = name if len(name) < 250 else name[-240:]
    found = problems(tmp_path, content, name, to=to)
    assert [problem[0] for problem in found] == [field] and told in found[0][1]


def test_cut_gzip_and_bomb_are_told(tmp_path: Path) -> None:
    cut = gzip.compress(("".join(f">{i}\n{'ACGT' * (i % 7 + 1)}\n" for i in range(3000))).encode())[:-100]
    with pytest.raises(InputFailure, match="damaged or cut short"):
        convert(tmp_path, written(tmp_path, cut, "x.fasta.gz"), to="fasta")
    given = running.given(
        TOOL, {"sequences": written(tmp_path, gzip.compress(b">a\nA"), "ok.gz")}, {}, tmp_path
    )
    assert list(TOOL.check(given)) == []


def test_one_endless_record_is_not_read_by_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.convert_sequences.PEEKED_MB", 1)
    source = written(tmp_path, gzip.compress(b">a\n" + b"ACGT" * 1_000_000, 1), "x.fasta.gz")
    given = running.given(TOOL, {"sequences": source}, {}, tmp_path)
    assert list(TOOL.check(given)) == []
    assert TOOL.run(running.LocalJob(given, tmp_path / "job")).summary["letters"] == 4_000_000


def test_a_record_without_sequence_is_told(tmp_path: Path) -> None:
    contig = GENBANK.split("ORIGIN")[0] + "CONTIG      join(AB000001.1:1..24)\n//\n"
    with pytest.raises(InputFailure, match="no sequence"):
        convert(tmp_path, written(tmp_path, contig, "x.gb"), to="fasta")


def test_long_and_strange_names_are_safe_in_the_result(tmp_path: Path) -> None:
    given = running.given(
        TOOL, {"sequences": {"text": FASTA, "name": "../" + "ä" * 200 + ".fasta"}}, {"to": "tab"}, tmp_path
    )
    job = running.LocalJob(given, tmp_path / "job")
    running.judge(TOOL, job, TOOL.run(job))


def test_many_records_are_all_written_though_the_table_lists_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.convert_sequences.LISTED", 10)
    source = written(tmp_path, "".join(f">{i}\nACGT\n" for i in range(25)), "x.fasta")
    result, text = convert(tmp_path, source, to="fasta")
    assert text.count(">") == 25 and len(result.tables[0].rows) == 10
    assert any("first 10 of 25" in warning for warning in result.warnings)


def garbled(chance: random.Random, text: str) -> str:
    """The text cut short, with letters, lines or parts of lines missing, changed, doubled or in another order."""
    if chance.random() < 0.3:
        return text[: chance.randrange(len(text))]
    lines = text.splitlines(keepends=True)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        line = lines[at]
        lines[at] = chance.choice(
            [
                "",
                line * 2,
                line[: chance.randrange(len(line) + 1)] + "\n",
                line.replace(
                    chance.choice(line or " "), chance.choice(["", ";", "=", "'", "[", "-1", "\t", "é"])
                ),
                chance.choice(lines),
                " " + line,
            ]
        )
    return "".join(lines)


@pytest.mark.parametrize("kind", [*get_args(Target), "swiss"])
def test_a_garbled_file_is_told_and_breaks_nothing(tmp_path: Path, kind: str) -> None:
    start = FASTQ if kind in ("fastq", "qual") else GENBANK
    text = SWISS
    if kind != "swiss":
        _, text = convert(tmp_path / "start", written(tmp_path, start, "start.txt"), to=kind)
    chance = random.Random(kind)
    for number in range(60):
        source = written(tmp_path, garbled(chance, text), f"{number}.{_EXTENSIONS.get(kind, 'txt')}")
        to = chance.choice(get_args(Target))
        given = running.given(TOOL, {"sequences": source}, {"to": to}, tmp_path)
        if list(TOOL.check(given)):
            continue
        with suppress(InputFailure):
            TOOL.run(running.LocalJob(given, tmp_path / f"job{number}"))


def test_a_header_alone_ends(tmp_path: Path) -> None:
    for number, text in enumerate(
        ["CLUSTAL X (1.81) multiple sequence alignment\n\n\n", " 2 10\nx ACGT\n\n"]
    ):
        given = running.given(TOOL, {"sequences": written(tmp_path, text, f"{number}.phy")}, {}, tmp_path)
        assert [problem.field for problem in TOOL.check(given)] == ["sequences"]


@pytest.mark.parametrize(
    "text", ["#NEXUS\nbegin data;\ndimensions ntax=2;\n", "#NEXUS\nbegin x\n", "#NEXUS\n"]
)
def test_a_broken_nexus_is_told_before_running(tmp_path: Path, text: str) -> None:
    ((field, _),) = problems(tmp_path, text, "x.nex")
    assert field == "sequences"
