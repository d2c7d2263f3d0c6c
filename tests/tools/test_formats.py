from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from tools import formats
from tools.contract import InputFailure, LocalFile

PDB = "ATOM      1  N   VAL A   1      15.062  43.333  14.156  1.00 20.00           N\n"
SDF = (
    "TQD\n  RDKit\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0    0.0    0.0 C   0  0\nM  END\n$$$$\n"
)
SAM = "@HD\tVN:1.6\n@SQ\tSN:a\tLN:10\n"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("x.fasta", ">a\nACGT\n", "fasta"),
        ("x.pdb", ">a\nACGT\n", "fasta"),  # the content decides, not the name
        ("x.fasta", "\n\n>a\nACGT\n", "fasta"),
        ("x.fasta", "\ufeff>a\nACGT\n", "fasta"),  # a byte order mark from Windows
        ("x.fa", ">a\r\nACGT\r\n", "fasta"),
        ("x.a3m", ">a\nACgT\n", "a3m"),
        ("x.fastq", "@r1\nACGT\n+\nFFFF\n", "fastq"),
        ("x.fq", "@HD\nACGT\n+\nFFFF\n", "fastq"),  # a read named as a SAM header line, without its tab
        ("x.gb", "LOCUS       X 4 bp DNA\n", "genbank"),
        ("x.embl", "ID   X; SV 1; linear; DNA; STD; UNC; 4 BP.\n", "embl"),
        ("x.txt", "ID   001R_FRG3G  Reviewed;  256 AA.\n", "swiss"),
        ("x.aln", "CLUSTAL W (1.83)\n\n", "clustal"),
        ("x.sto", "# STOCKHOLM 1.0\n", "stockholm"),
        ("x.nex", "#NEXUS\nbegin data;\n", "nexus"),
        ("x.phy", " 2 4\na ACGT\nb ACGT\n", "phylip"),
        ("x.sam", SAM, "sam"),
        ("x", "r1\t0\tchr1\t1\t60\t4M\t*\t0\t0\tACGT\tFFFF\n", "sam"),  # no header
        ("x.pdb", PDB, "pdb"),
        ("x.txt", PDB, "pdb"),
        ("x.ent", "HEADER    HYDROLASE\nTITLE     X\n", "pdb"),
        ("x.pdbqt", "ROOT\n" + PDB + "ENDROOT\nTORSDOF 1\n", "pdbqt"),
        ("x.cif", "data_1ABC\n#\nloop_\n_atom_site.id\n1\n", "mmcif"),
        ("x.cif", "# made by a program\ndata_1ABC\n_entry.id 1ABC\n", "mmcif"),
        ("x.sdf", SDF, "sdf"),
        ("x.mol", SDF, "sdf"),
        ("x.smi", "CCO ethanol\n", "smiles"),
        ("x.txt", "CCO ethanol\n", "text"),  # only the name can tell
        ("x.csv", "a,b\n1,2\n", "csv"),
        ("x.hmm", "HMMER3/f [3.3.2]\n", "hmm"),
        ("x.vcf", "##fileformat=VCFv4.2\n", "vcf"),
        ("x.fasta", "Dear colleague, please find attached\n", "text"),
        ("x.fasta", "", "empty"),
    ],
)
def test_text_formats(tmp_path: Path, name: str, content: str, format: str) -> None:
    path = tmp_path / "input"
    path.write_text(content)
    assert formats.detect(path, name) == format


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("x.bam", gzip.compress(b"BAM\1" + bytes(100), mtime=0), "bam"),
        ("x.cram", b"CRAM\3\0" + bytes(30), "cram"),
        ("x.fasta", b"PK\3\4" + bytes(30), "zip"),
        ("x.pdb", b"%PDF-1.7\n", "pdf"),
        ("x.fasta", bytes(range(256)) * 4, "binary"),
        ("x.fasta.gz", gzip.compress(b">a\nACGT\n", mtime=0), "fasta"),
        ("x.smi.gz", gzip.compress(b"CCO ethanol\n", mtime=0), "smiles"),
        ("x.fasta.bz2", bz2.compress(b">a\nACGT\n"), "fasta"),
        ("x.fasta.xz", lzma.compress(b">a\nACGT\n"), "fasta"),
        ("x.fasta.gz", gzip.compress(b"", mtime=0), "empty"),
        ("x.fasta.gz", b"\x1f\x8b" + bytes(20), "binary"),  # not really gzip
    ],
)
def test_binary_and_compressed_formats(tmp_path: Path, name: str, content: bytes, format: str) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    assert formats.detect(path, name) == format


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(b"A" * 3_000_000))  # type: ignore[operator]
    with pytest.raises(InputFailure, match="unpacks to more than 1 MB"):
        formats.read_text(path, formats.MB)


def test_a_cut_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(gzip.compress(b">a\n" + bytes(range(65, 90)) * 5000)[:-20])
    with pytest.raises(InputFailure, match="damaged or cut short"):
        formats.read_text(path, formats.MB)


def test_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "latin1"
    path.write_bytes(">gène\nACGT\n".encode("latin-1"))
    with pytest.raises(InputFailure, match="byte 0xe8"):
        formats.read_text(path, formats.MB)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("aspirin", "aspirin"),
        ("../../etc/passwd", "etc_passwd"),
        ("a/b\\c:d*e", "a_b_c_d_e"),
        ("β-lactam", "lactam"),
        ("   ", "unnamed"),
        (".hidden", "hidden"),
        ("x" * 300, "x" * 60),
        ("a\0b\nc", "a_b_c"),
    ],
)
def test_safe_name(text: str, safe: str) -> None:
    assert formats.safe_name(text) == safe


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.b.fasta.gz", "a.b"), ("x" * 299 + ".fa", "x" * 60), ("Übung.pdb", "bung"), ("…", "unnamed")],
)
def test_stem_of_a_persons_file_name(tmp_path: Path, name: str, expected: str) -> None:
    assert formats.stem(LocalFile(tmp_path, name, "fasta")) == expected


@pytest.mark.parametrize(
    ("about", "format"),
    [
        ('{"format": "index"}', "index"),
        ('{"format": "sample"}', "sample"),
        ('{"format": "fasta?"}', "folder"),
        ('{"name": "x"}', "folder"),
        ("{", "folder"),
        (None, "folder"),
    ],
)
def test_a_folder_is_what_it_says_that_it_is(tmp_path: Path, about: str | None, format: str) -> None:
    if about is not None:
        (tmp_path / "about.json").write_text(about)
    assert formats.detect(tmp_path, "x.fasta") == format
    assert formats.describe(format) in ("an index", "a sample", "a folder of unknown kind")
