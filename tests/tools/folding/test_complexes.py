"""The text of a complex. Each row can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract import InputFailure, LocalFile
from tools.folding import complexes
from tools.folding.complexes import BadComplex, Complex, Entry


def shape(text: str) -> list[tuple[str, str, str]]:
    return [(chain.id, chain.kind, chain.content) for chain in complexes.chains(text)]


def read(tmp_path: Path, text: str, name: str = "x.txt") -> list[Entry]:
    path = tmp_path / name
    path.write_text(text)
    return complexes.read(LocalFile(path, name, "text"))


@pytest.mark.parametrize(
    ("text", "chains"),
    [
        ("ACDE", [("A", "protein", "ACDE")]),
        ("acde", [("A", "protein", "ACDE")]),
        ("ACDE*", [("A", "protein", "ACDE")]),  # the stop of a translation
        ("ACDX:ACDX", [("A", "protein", "ACDX"), ("B", "protein", "ACDX")]),
        (
            "protein=ACD:DNA=acgtn:rna=ACGU",
            [("A", "protein", "ACD"), ("B", "dna", "ACGTN"), ("C", "rna", "ACGU")],
        ),
        ("smiles=CCO:ccd=atp", [("A", "smiles", "CCO"), ("B", "ccd", "ATP")]),
        # a colon in brackets belongs to SMILES
        ("AC:smiles=[CH3:1]O", [("A", "protein", "AC"), ("B", "smiles", "[CH3:1]O")]),
        ("smiles=[CH3:1][OH:2]:AC", [("A", "smiles", "[CH3:1][OH:2]"), ("B", "protein", "AC")]),
        ("smiles=C=C", [("A", "smiles", "C=C")]),
    ],
)
def test_chains(text: str, chains: list[tuple[str, str, str]]) -> None:
    assert shape(text) == chains


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Chain A is empty"),
        ("ACD::EFG", "Chain B is empty"),
        ("ACD:", "Chain B is empty"),
        ("ACDB", r"Chain A has the letter 'B' at position 4, which a protein does not have. Write X"),
        ("AC-D", r"letter '-' at position 3"),
        ("ACGUACGU", "For a nucleic acid write dna= or rna="),
        ("dna=ACGU", r"letter 'U' at position 4, which a DNA"),
        ("rna=ACGT", r"letter 'T' at position 4, which a RNA"),
        ("smiles=C1CC", "no SMILES"),
        ("smiles=", "Chain A is empty"),
        ("ccd=TOOLONG", "no code of the chemical component dictionary"),
        ("lipid=CCC", "prefixes are protein="),
        ("***", "no protein sequence"),
        (":".join(["AC"] * 27), "27 chains"),
        ("A" * 20_001, "20,001 letters"),
    ],
)
def test_what_is_no_complex_is_told_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(BadComplex, match=told):
        complexes.chains(text)


def test_fasta_records_are_complexes_also_over_several_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "# ours\n>sp|P1|X Some protein\nACD:\nEFG\n\n>two\r\nAC D\n")
    assert [(each.name, each.where) for each in found] == [("sp|P1|X", "record 1"), ("two", "record 2")]
    assert [len(each.complex.chains) for each in found if each.complex] == [2, 1]


def test_lines_are_complexes_with_names_before_a_comma_or_a_tab(tmp_path: Path) -> None:
    found = read(tmp_path, "# ours\nACD\nmy dimer, ACD : ACD\n\nother\tACD:smiles=CCO\n", "list.txt")
    assert [(each.name, each.where) for each in found] == [
        ("list", "line 2"),
        ("my dimer", "line 3"),
        ("other", "line 5"),
    ]
    assert all(each.complex for each in found)


@pytest.mark.parametrize(
    "line", ["villin LSDEDFKAVFG", "my dimer ACD:ACD", "two, ACD:dna=ACGT AC", "TENLETTERS ACDEFGHIKLMN"]
)
def test_a_name_that_only_a_space_parts_from_its_sequence_is_not_folded(tmp_path: Path, line: str) -> None:
    (found,) = read(tmp_path, f"{line}\n", "list.txt")
    assert "If that is a name, write a comma after it" in found.problem and found.complex is None


def test_a_sequence_in_blocks_of_ten_is_joined(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "printed, ACDEFGHIKL MNPQRSTVWY ACD : dna = ACGT\n", "list.txt")
    assert found.content == "ACDEFGHIKLMNPQRSTVWYACD:dna=ACGT" and found.complex is not None


def test_a_table_of_colabfold_is_read_without_its_heading(tmp_path: Path) -> None:
    assert [each.name for each in read(tmp_path, "id,sequence\na,ACD\nb,ACD:EFG\n", "x.csv")] == ["a", "b"]


def test_the_same_text_means_the_same_as_line_and_as_record(tmp_path: Path) -> None:
    text = "ACD:dna=ACGT:smiles=CCO"
    line, record = read(tmp_path, f"x,{text}\n")[0], read(tmp_path, f">x\n{text}\n")[0]
    assert line.complex == record.complex


def test_a_bad_line_stops_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, "a,ACD\nb,ACD::\nc,ACD\n")
    assert [bool(each.problem) for each in found] == [False, True, False]


def test_a_job_takes_one_complex(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("ACD\nEFG\n")
    with pytest.raises(InputFailure, match=r"holds 2 complexes \(line 1, line 2"):
        complexes.only(LocalFile(path, "x.txt", "text"))
    path.write_text("# nothing\n")
    with pytest.raises(InputFailure, match="holds no sequence"):
        complexes.only(LocalFile(path, "x.txt", "text"))


def test_a_protein_of_four_letters_is_doubted() -> None:
    assert complexes.looks_like_dna(Complex("x", complexes.chains("ACGTACGT")))
    assert not complexes.looks_like_dna(Complex("x", complexes.chains("ACGTACGK:dna=ACGTACGT")))


def test_equal_chains_are_put_beside_each_other() -> None:
    found = complexes.grouped(Complex("x", complexes.chains("AAA:CCC:AAA")))
    assert [(chain.id, chain.content) for chain in found.chains] == [("A", "AAA"), ("B", "AAA"), ("C", "CCC")]


def test_tokens_count_residues_and_heavy_atoms() -> None:
    assert (
        Complex("x", complexes.chains("ACD:dna=AC:smiles=CCO:ccd=ATP")).tokens
        == 3 + 2 + 3 + complexes.CCD_ATOMS
    )


def test_proteins_only() -> None:
    with pytest.raises(InputFailure, match="chain B, C is DNA and ligand"):
        complexes.refuse_all_but_proteins(Complex("x", complexes.chains("AC:dna=AC:ccd=ATP")), "AlphaFold-2")
