from __future__ import annotations

from pathlib import Path
from typing import Any

import gemmi
import pytest

from tests.tools import running
from tools.contract import InputFailure, Result
from tools.convert_structure import TOOL

ATOM = "ATOM  {serial:5d}  CA  {name:3s} {chain:1s}{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           C\n"


def pdb(residues: int = 3, **changes: Any) -> str:
    lines = [
        ATOM.format(
            **{"serial": n, "name": "ALA", "chain": "A", "number": n, "x": 3.8 * n, "y": 0, "z": 0} | changes
        )
        for n in range(1, residues + 1)
    ]
    return "".join(lines) + "END\n"


def mmcif(chains: list[str], *, name: str = "ALA", x: float = 1.0) -> str:
    structure, model = gemmi.Structure(), gemmi.Model(1)
    structure.name = "test"
    for chain_name in chains:
        chain, residue = gemmi.Chain(chain_name), gemmi.Residue()
        residue.name, residue.seqid = name, gemmi.SeqId("1")
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = "CA", gemmi.Element("C"), gemmi.Position(x, 2, 3)
        residue.add_atom(atom)
        chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    return str(structure.make_mmcif_document().as_string())


def given(tmp_path: Path, content: str | bytes, name: str, to: str) -> Any:
    path = tmp_path / "input"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    made = running.given(TOOL, {"structure": path}, {"to": to}, tmp_path)
    made.local["structure"][0] = running.LocalFile(path, name, running.formats.detect(path, name))  # type: ignore[index]
    return made


def convert(tmp_path: Path, content: str, name: str, to: str) -> tuple[Result, gemmi.Structure]:
    job = running.LocalJob(given(tmp_path, content, name, to), tmp_path / "job")
    result = TOOL.run(job)
    running.judge(TOOL, job, result)
    return result, gemmi.read_structure(str(result.files[0].path))


def atoms(structure: gemmi.Structure) -> list[tuple[str, str, str, tuple[float, ...]]]:
    return [
        (chain.name, str(residue.seqid), atom.name, tuple(round(v, 3) for v in atom.pos.tolist()))
        for chain in structure[0]
        for residue in chain
        for atom in residue
    ]


def test_the_example_comes_back_with_every_atom_in_its_place(tmp_path: Path) -> None:
    text = TOOL.example().inputs["structure"]["text"]
    _, as_mmcif = convert(tmp_path, text, "1s3v.pdb", "mmcif")
    cif = (tmp_path / "job" / "out" / "1s3v.cif").read_text()
    _, as_pdb = convert(tmp_path, cif, "1s3v.cif", "pdb")
    original = gemmi.read_pdb_string(text)
    assert len(atoms(original)) == 1502
    assert atoms(as_mmcif) == atoms(original) == atoms(as_pdb)


def test_chains_are_counted(tmp_path: Path) -> None:
    result, _ = convert(tmp_path, pdb(3), "x.pdb", "mmcif")
    assert result.tables[0].rows[0][:2] == ("A", "A") and result.tables[0].rows[0][-1] == 3


def test_long_chain_names_are_shortened_for_pdb_and_told(tmp_path: Path) -> None:
    result, structure = convert(tmp_path, mmcif(["AAA", "BBB"]), "x.cif", "pdb")
    assert [len(chain.name) for chain in structure[0]] == [1, 1]
    assert any("AAA →" in warning for warning in result.warnings)
    assert [row[0] for row in result.tables[0].rows] == ["AAA", "BBB"]


def test_long_component_names_are_shortened_for_pdb_and_told(tmp_path: Path) -> None:
    result, _ = convert(tmp_path, mmcif(["A"], name="A1ABC"), "x.cif", "pdb")
    assert any("A1ABC →" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("content", "name", "to", "field", "told"),
    [
        ("", "x.pdb", "mmcif", "structure", "x.pdb is empty"),
        (bytes(range(256)), "x.pdb", "mmcif", "structure", "binary"),
        (">a\nACGT\n", "x.pdb", "mmcif", "structure", "x.pdb is a FASTA file"),
        ("HEADER    HYDROLASE\nEND\n", "x.pdb", "mmcif", "structure", "holds no atoms"),
        ("data_x\n_entry.id x\n", "x.cif", "pdb", "structure", "holds no atoms"),
        ("data_x\nloop_\n_atom_site.id\n_atom_site.x\n1\n", "x.cif", "pdb", "structure", "cannot be read"),
        (mmcif(["A"], x=20_000.0), "x.cif", "pdb", "to", "Coordinates lie outside"),
        (mmcif([f"c{n}" for n in range(63)]), "x.cif", "pdb", "to", "63 chains"),
    ],
)
def test_bad_input_is_told_before_running(
    tmp_path: Path, content: str | bytes, name: str, to: str, field: str, told: str
) -> None:
    problems = list(TOOL.check(given(tmp_path, content, name, to)))
    assert [problem.field for problem in problems] == [field] and told in problems[0].message


def test_more_atoms_than_pdb_can_number_are_refused(tmp_path: Path) -> None:
    structure = gemmi.read_pdb_string(pdb(3))
    residue = structure[0][0][0]
    for _ in range(100_000):
        residue.add_atom(residue[0])
    text = structure.make_mmcif_document().as_string()
    problems = list(TOOL.check(given(tmp_path, text, "x.cif", "pdb")))
    assert "100,003 atoms" in problems[0].message
    with pytest.raises(InputFailure, match="100,003 atoms"):
        TOOL.run(running.LocalJob(given(tmp_path, text, "x.cif", "pdb"), tmp_path / "job"))
    assert list(TOOL.check(given(tmp_path, text, "x.cif", "mmcif"))) == []
