"""Alignments: which chain they belong to, and how ColabFold is given them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract import InputFailure, LocalFile
from tools.folding import complexes, msas
from tools.folding.complexes import Complex


def alignment(tmp_path: Path, text: str) -> msas.Alignment:
    path = tmp_path / "x.a3m"
    path.write_text(text)
    return msas.read(LocalFile(path, "x.a3m", "a3m"))


def complex_of(text: str) -> Complex:
    return complexes.grouped(Complex("x", complexes.chains(text)))


def test_rows_insertions_and_remarks(tmp_path: Path) -> None:
    found = alignment(tmp_path, "#4\t1\n>query\nACDE\n>hit 1\nA-\nDaaE\n>hit 2\n--DE\n")
    assert found.query == "ACDE" and found.depth == 3 and found.rows[1] == ("hit 1", "A-DaaE")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no alignment"),
        (">q\nAC-E\n", "first row of x.a3m has gaps"),
        (">q\nACDE\n>h\nACD\n", "Row 2 of x.a3m has 3 columns and the first 4"),
        (">q\nACDE\n>h\nAC1E\n", "Row 2 of x.a3m holds something else"),
    ],
)
def test_what_is_no_alignment(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputFailure, match=told):
        alignment(tmp_path, text)


def test_an_alignment_belongs_to_the_chains_with_its_first_sequence(tmp_path: Path) -> None:
    own = alignment(tmp_path, ">q\nACDE\n>h\nAC-E\n")
    found = complex_of("ACDE:EEE:ACDE")
    assert msas.without(found, msas.assign(found, [own])) == ["C"]
    with pytest.raises(InputFailure, match="none of the protein chains"):
        msas.assign(complex_of("EEE"), [own])
    with pytest.raises(InputFailure, match="second alignment of chain A"):
        msas.assign(complex_of("ACDE"), [own, own])


def test_one_chain_is_given_as_it_is(tmp_path: Path) -> None:
    found = complex_of("ACDE")
    own = msas.assign(found, [alignment(tmp_path, ">q\nACDE\n>h\nAaC-E\n")])
    assert msas.colabfold(found, own) == ">q\nACDE\n>h\nAaC-E\n"
    assert msas.colabfold(found, {}) == ">A\nACDE\n"


def test_chains_are_padded_with_gaps_and_counted(tmp_path: Path) -> None:
    found = complex_of("ACDE:EEE:ACDE")
    own = msas.assign(found, [alignment(tmp_path, ">q\nACDE\n>h\nAaC-E\n")])
    assert msas.colabfold(found, own).splitlines() == [
        "#4,3\t2,1",
        ">101\t102",
        "ACDEEEE",
        ">101",
        "ACDE---",
        ">h",
        "AaC-E---",
        ">102",
        "----EEE",
    ]
