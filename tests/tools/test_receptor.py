"""What stays of a receptor, what goes, and that every change is told."""

from __future__ import annotations

from pathlib import Path

import gemmi
import pytest

from tests.tools import structures as real
from tools.contract import InputFailure, LocalFile
from tools.docking import receptor as receptors
from tools.docking.receptor import Receptor


def select(tmp_path: Path, text: str, name: str = "x.pdb", **options: object) -> Receptor:
    path = tmp_path / "receptor"
    path.write_text(text)
    return receptors.select(receptors.read(LocalFile(path, name, "pdb")), **options)  # type: ignore[arg-type]


def test_a_clean_receptor_stays_as_it_is(tmp_path: Path) -> None:
    found = select(tmp_path, real.receptor())
    assert (found.report.kept, len(found.atoms)) == (186, 1502)
    assert not (found.report.altered or found.report.hetero or found.report.waters or found.report.incomplete)


def test_waters_ligands_and_metals_are_sorted_out(tmp_path: Path) -> None:
    text = real.with_lines(
        real.hetatm("HOH", "O", "O", real.FAR, number=1),
        real.hetatm("NDP", "PA", "P", real.FAR, number=2),
        real.hetatm("ZN", "ZN", "ZN", real.FAR, number=3),
        real.hetatm("NA", "NA", "NA", real.FAR, number=4),
    )
    report = select(tmp_path, text).report
    assert [residue.label for residue in report.waters] == ["HOH B:1"]
    assert [residue.label for residue in report.hetero] == ["NDP B:2", "NA B:4"]
    assert [residue.label for residue in report.metals_kept] == ["ZN B:3"]
    without = select(tmp_path, text, keep_metals=False)
    assert [residue.label for residue in without.report.metals_removed] == [
        "ZN B:3"
    ] and " ZN " not in without.pdb


def test_a_kept_zinc_is_in_the_prepared_receptor(tmp_path: Path) -> None:
    found = select(tmp_path, real.with_lines(real.hetatm("ZN", "ZN", "ZN", real.FAR)))
    prepared = receptors.prepare(found.pdb)
    assert prepared.dropped == []
    assert [line.split()[-1] for line in prepared.pdbqt.splitlines() if " ZN " in line] == ["Zn"]


@pytest.mark.parametrize(
    ("name", "element"), [("FE2", "FE"), ("MN3", "MN"), ("3ZN", "ZN"), ("MG", "MG"), ("CA", "CA")]
)
def test_an_ion_is_known_by_its_element(tmp_path: Path, name: str, element: str) -> None:
    text = real.with_lines(real.hetatm(name, element, element, real.FAR))
    found = select(tmp_path, text)
    assert [residue.label for residue in found.report.metals_kept] == [f"{name} B:1"]
    prepared = receptors.prepare(found.pdb)
    assert prepared.dropped == []
    assert [line.split()[-1].upper() for line in prepared.pdbqt.splitlines() if " B " in line] == [element]
    without = select(tmp_path, text, keep_metals=False).report
    assert [residue.label for residue in without.metals_removed] == [f"{name} B:1"] and not without.hetero


def test_copper_goes_because_meeko_has_no_type_for_it(tmp_path: Path) -> None:
    found = select(tmp_path, real.with_lines(real.hetatm("CU1", "CU", "CU", real.FAR)))
    assert [residue.label for residue in found.report.hetero] == ["CU1 B:1"]
    assert receptors.prepare(found.pdb).dropped == []


def test_missing_atoms_are_named(tmp_path: Path) -> None:
    report = select(tmp_path, real.without_atoms("A 115", "CG1", "CG2", "CD1", "OH")).report
    (incomplete,) = report.incomplete
    assert incomplete[0].id == "A:115" and set(incomplete[1].split()) <= {"CG1", "CG2", "CD1", "OH"}


def test_meeko_leaves_out_what_lacks_atoms(tmp_path: Path) -> None:
    found = select(tmp_path, real.without_atoms("A 115", "CB"))
    assert receptors.prepare(found.pdb).dropped == ["A:115"]


def renamed(residue: str, name: str) -> str:
    """The receptor with another name for a residue such as "A 115", as HETATM."""
    return "\n".join(
        "HETATM" + line[6:17] + name + line[20:]
        if line.startswith("ATOM") and line[21:26] == residue
        else line
        for line in real.receptor().splitlines()
    )


@pytest.mark.parametrize("name", ["CSO", "KCX", "LLP", "CRO", "ZZQ"])
def test_a_modified_residue_of_the_chain_is_no_ligand(tmp_path: Path, name: str) -> None:
    report = select(tmp_path, renamed("A 115", name)).report
    assert [residue.label for residue in report.dropped_unknown] == [f"{name} A:115"]
    assert report.hetero == [] and report.kept == 185


def test_a_modified_residue_with_a_template_stays(tmp_path: Path) -> None:
    report = select(tmp_path, renamed("A 115", "PTR")).report
    assert report.dropped_unknown == [] and report.kept == 186


@pytest.mark.parametrize("name", ["DAL", "ZZQ", "HEM"])
def test_a_molecule_away_from_the_chain_is_a_ligand(tmp_path: Path, name: str) -> None:
    """Also when it is an amino acid, and when it is bonded to a side chain."""
    site = [line for line in real.receptor().splitlines() if line[12:16].strip() == "SG"]
    x, y, z = (float(site[0][start : start + 8]) for start in (30, 38, 46))
    text = real.with_lines(
        real.hetatm(name, "CB", "C", real.FAR), real.hetatm("ZZZ", "C1", "C", (x + 1, y + 1, z + 1), number=2)
    )
    report = select(tmp_path, text).report
    assert [residue.name for residue in report.hetero] == [name, "ZZZ"] and not report.dropped_unknown


def test_selenomethionine_becomes_methionine(tmp_path: Path) -> None:
    methionines = [
        line[21:26]
        for line in real.receptor().splitlines()
        if line[17:20] == "MET" and line[12:16].strip() == "CA"
    ]
    text = "\n".join(
        (
            line[:12] + "SE   MSE" + line[20:76] + "SE"
            if line[12:16].strip() == "SD"
            else line[:17] + "MSE" + line[20:]
        )
        if line[21:26] == methionines[0] and line.startswith("ATOM")
        else line
        for line in real.receptor().splitlines()
    )
    found = select(tmp_path, text)
    assert found.report.altered == ["1 selenomethionines (MSE) were taken as methionine (MET)."]
    assert found.report.kept == 186 and receptors.prepare(found.pdb).dropped == []


def test_the_first_alternative_place_is_taken_and_told(tmp_path: Path) -> None:
    lines = real.receptor().splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith("ATOM") and line[12:16].strip() == "CB")
    a = lines[index][:16] + "A" + lines[index][17:]
    b = lines[index][:16] + "B" + lines[index][17:30] + "  99.000" + lines[index][38:]
    found = select(tmp_path, "\n".join([*lines[:index], a, b, *lines[index + 1 :]]))
    assert len(found.atoms) == 1502 and not any(atom[0] == 99.0 for atom in found.atoms)
    assert "1 residues have alternative places" in found.report.altered[0]


def test_hydrogens_at_the_end_of_the_file_go_to_their_residues(tmp_path: Path) -> None:
    structure = gemmi.read_pdb_string(receptors.prepare(select(tmp_path, real.receptor()).pdb).pdb)
    lines = structure.make_minimal_pdb().splitlines()
    heavy = [line for line in lines if line.startswith("ATOM") and line[76:78].strip() != "H"]
    hydrogens = [line for line in lines if line.startswith("ATOM") and line[76:78].strip() == "H"]
    assert len(hydrogens) > 1000
    found = select(tmp_path, "\n".join([*heavy, *hydrogens, "END"]))
    assert found.report.kept == 186 and found.report.hydrogens_in_file
    assert receptors.prepare(found.pdb).dropped == []


def test_mmcif_gives_the_same_receptor_as_pdb(tmp_path: Path) -> None:
    from_pdb = select(tmp_path, real.receptor())
    from_mmcif = select(tmp_path, real.as_mmcif(real.receptor()), "x.cif")
    assert from_mmcif.atoms == from_pdb.atoms and from_mmcif.pdb == from_pdb.pdb


def test_long_chain_names_keep_the_names_of_the_file_in_the_report(tmp_path: Path) -> None:
    found = select(tmp_path, real.as_mmcif(real.receptor(), chain="LONG"), "x.cif")
    assert found.residues[0].id == "LONG:1" and next(iter(found.ids.values())) == "LONG:1"
    assert "renamed to one letter" in found.report.altered[0]
    assert receptors.prepare(found.pdb).dropped == []


def test_only_the_first_model_and_the_wanted_chains_are_used(tmp_path: Path) -> None:
    atoms = [line for line in real.receptor().splitlines() if line.startswith("ATOM")]
    other = [line[:21] + "B" + line[22:] for line in atoms]
    model = "\n".join(["MODEL        1", *atoms, "TER", *other, "TER", "ENDMDL"])
    found = select(tmp_path, model + "\n" + model.replace("MODEL        1", "MODEL        2"), chains="B")
    assert found.report.kept == 186 and {key[0] for key in found.ids} == {"B"}
    assert "2 models" in found.report.altered[0]
    with pytest.raises(InputFailure, match=r"no chain X\. Its chains are A, B"):
        select(tmp_path, model, chains="A X")


def test_a_file_of_waters_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="nothing to dock against"):
        select(tmp_path, real.hetatm("HOH", "O", "O", real.FAR) + "END\n")


def test_a_virus_shell_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receptors, "MOST_ATOMS", 1000)
    with pytest.raises(InputFailure, match="1,502 atoms; up to 1,000"):
        select(tmp_path, real.receptor())
