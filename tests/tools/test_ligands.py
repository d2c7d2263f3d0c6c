from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import structures as real
from tools.contract import InputFailure, LocalFile
from tools.docking import ligands
from tools.docking.ligands import Ligand


def read(tmp_path: Path, content: str | bytes, name: str = "x.smi", most: int = 10) -> list[Ligand]:
    path = tmp_path / "ligands"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ligands.read([LocalFile(path, name, "")], most)


def one(tmp_path: Path, smiles: str) -> Ligand:
    (ligand,) = read(tmp_path, smiles)
    return ligand


def test_names_are_unique_and_safe(tmp_path: Path) -> None:
    found = read(
        tmp_path, "CCO same\nCCC Same\nCCN ../../etc/passwd\nCCF\nCCCl\ttabbed name\n# comment\n\nCCBr β\n"
    )
    assert [ligand.name for ligand in found] == ["same", "Same_2", "etc_passwd", "x_4", "tabbed_name", "x_6"]


def test_records_of_an_sdf_are_read_one_by_one(tmp_path: Path) -> None:
    broken = "broken\n\n\n  x\nM  END\n"
    found = read(tmp_path, "$$$$\n".join([real.ligand(), broken, real.ligand("1uou")]), "x.sdf")
    assert [ligand.name for ligand in found] == ["TQD", "broken", "CMU"]
    assert [bool(ligand.problem) for ligand in found] == [False, True, False]
    assert found[0].has_3d and found[0].heavy_atoms == 27


def test_reading_stops_behind_the_limit(tmp_path: Path) -> None:
    assert len(read(tmp_path, "C\n" * 100_000, most=10)) == 11


@pytest.mark.parametrize(
    ("smiles", "left", "told"),
    [
        ("CC(=O)[O-].[Na+]", "CC(=O)[O-]", "[Na+]"),
        ("Cl.CCN", "CCN", "left out: Cl"),
        ("CCO.O", "CCO", "left out: O"),
    ],
)
def test_salts_are_taken_off_and_told(tmp_path: Path, smiles: str, left: str, told: str) -> None:
    ligand = one(tmp_path, smiles)
    assert ligand.smiles == left and told in ligand.notes[0]


@pytest.mark.parametrize(
    ("smiles", "undefined"),
    [
        ("CC(N)C(=O)O", 1),
        ("C[C@H](N)C(=O)O", 0),
        ("CC=CC", 1),  # a double bond without its geometry
        ("C/C=C/C", 0),
        ("CC(O)C(N)C", 2),
        ("CCO", 0),
    ],
)
def test_undefined_stereochemistry_is_told(tmp_path: Path, smiles: str, undefined: int) -> None:
    notes = " ".join(one(tmp_path, smiles).notes)
    assert (f"at {undefined} place(s)" in notes) if undefined else ("stereo" not in notes)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not_a_smiles bad", "is not a valid SMILES"),
        ("C1CC open_ring", "is not a valid SMILES"),
        ("C(C)(C)(C)(C)C five_bonds", "is not a valid SMILES"),
        ("[Fe+2] iron", "no parameters for Fe"),
        ("*CC wildcard", "no parameters for *"),
        ("C" * 151 + " long", "151 heavy atoms"),
        ("C" * 3000 + " longer", "longer than 2,000 characters"),
        ("C" * 60 + " floppy", "rotatable bonds"),
        ("[Se]1C=CC=C1 selenophene", "no parameters for Se"),
    ],
)
def test_what_cannot_be_docked_says_why(tmp_path: Path, content: str, told: str) -> None:
    assert told in (one(tmp_path, content).problem or "")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.smi", b"", "x.smi is empty"),
        ("x.smi", bytes(range(256)), "binary"),
        ("x.sdf", b">a\nACGT\n", "FASTA"),
        ("x.txt", b"CCO ethanol\n", "named .smi"),
        ("x.sdf", b"PK\3\4" + bytes(40), "ZIP"),
        ("x.sdf", (real.ligand() + "\n" * 300_000).encode(), "far too large"),
    ],
)
def test_a_file_that_holds_no_ligands_is_refused(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(InputFailure, match=told):
        read(tmp_path, content, name)


@pytest.mark.parametrize(
    "smiles", ["CCO", "OB(O)c1ccccc1", "C[Si](C)(C)c1ccccc1", "C1CCCCCCCCCCC(=O)OCC1", "BrCCI"]
)
def test_smiles_become_three_dimensional_pdbqt(tmp_path: Path, smiles: str) -> None:
    ligand = one(tmp_path, smiles)
    ligands.prepare(ligand, seed=7)
    assert ligand.problem is None and "TORSDOF" in (ligand.pdbqt or "") and ligand.has_3d
    assert "3D conformer" in ligand.notes[-1]


def test_coordinates_of_an_sdf_are_kept(tmp_path: Path) -> None:
    (ligand,) = read(tmp_path, real.ligand(), "x.sdf")
    before = ligand.mol.GetConformer().GetPositions()[:27].tolist()  # type: ignore[union-attr]
    ligands.prepare(ligand, seed=7)
    assert ligand.mol.GetConformer().GetPositions()[:27].tolist() == before  # type: ignore[union-attr]
    assert not any("3D conformer" in note for note in ligand.notes)


def test_the_same_seed_makes_the_same_conformer(tmp_path: Path) -> None:
    made = []
    for seed in (7, 7, 8):
        ligand = one(tmp_path, "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O")
        ligands.prepare(ligand, seed)
        made.append(ligand.pdbqt)
    assert made[0] == made[1] != made[2]
