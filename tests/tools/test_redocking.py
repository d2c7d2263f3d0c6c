"""Known answers: a ligand taken out of its crystal structure is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem
from rdkit.Chem import rdMolAlign

from tests.tools import running
from tests.tools import structures as real
from tools.contract import Result
from tools.vina import TOOL

DATA = Path(__file__).parents[3] / "shared" / "data" / "vina_1iep"

pytestmark = [pytest.mark.science, pytest.mark.timeout(600)]


def dock(folder: Path, inputs: dict[str, Any], settings: dict[str, Any]) -> tuple[Result, running.LocalJob]:
    given = running.given(TOOL, inputs, settings, folder / "in")
    assert list(TOOL.check(given)) == []
    job = running.LocalJob(given, folder / "job")
    result = TOOL.run(job)
    running.judge(TOOL, job, result)
    return result, job


def distances(job: running.LocalJob, name: str, crystal: Chem.Mol) -> list[float]:
    """Heavy-atom RMSD (Å) of every pose to the crystal, best assignment of symmetric atoms, nothing moved."""
    heavy = Chem.RemoveHs(crystal)
    return [
        rdMolAlign.CalcRMS(Chem.RemoveHs(pose), heavy)
        for pose in Chem.SDMolSupplier(str(job.out / f"{name}.sdf"))
    ]


def test_the_example_comes_back_to_its_crystal_pose(tmp_path: Path) -> None:
    example = TOOL.example()
    result, job = dock(tmp_path, example.inputs, example.settings)
    crystal = Chem.MolFromMolBlock(real.ligand())
    assert distances(job, "TQD", crystal)[0] < 2.0
    assert result.summary["best_affinity"] < -8
    best = next(table for table in result.tables if table.name == "poses").rows[0]
    assert best[5] is True, "PoseBusters finds nothing wrong with it"


@pytest.mark.skipif(not DATA.exists(), reason="the 1iep data lie beside the project")
def test_imatinib_in_abl_kinase_has_its_published_energy_and_pose(tmp_path: Path) -> None:
    """Best published affinity -13.23 kcal/mol (AutoDock Vina, example basic_docking, 20 Å box)."""
    result, job = dock(
        tmp_path,
        {"receptor": DATA / "1iep_receptorH.pdb", "ligands": [DATA / "1iep_ligand.sdf"]},
        {"center": [15.190, 53.903, 16.917], "size": [20, 20, 20], "exhaustiveness": 4, "check_poses": 1},
    )
    assert result.summary["best_affinity"] == pytest.approx(-13.23, abs=0.4)
    crystal = next(iter(Chem.SDMolSupplier(str(DATA / "1iep_ligand.sdf"), removeHs=False)))
    assert distances(job, result.summary["best_ligand"], crystal)[0] < 2.0
