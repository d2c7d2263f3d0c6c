"""Docked poses: back from PDBQT to molecules with all their bonds and hydrogens, written as SDF, and judged."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.docking.engine import Docked
from tools.docking.ligands import quiet_rdkit

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# REMARK VINA RESULT:   -13.293      0.000      0.000
#                      affinity  RMSD l.b.  RMSD u.b.
_RESULT = re.compile(r"^REMARK VINA RESULT:\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE)


@dataclass
class Pose:
    #: From 1, best first.
    number: int
    affinity: float
    rmsd_lower: float
    rmsd_upper: float
    inter: float
    intra: float
    torsions: float
    #: The ligand; with several docked together, each of them. One conformer each.
    parts: list[Mol]
    #: None: not checked.
    plausible: bool | None = None
    failed_checks: tuple[str, ...] = ()


def poses(docked: Docked) -> list[Pose]:
    """The poses of one docking, best first."""
    results = [tuple(map(float, numbers)) for numbers in _RESULT.findall(docked.pdbqt)]
    molecules = _molecules(docked.pdbqt)
    found = []
    for index, (result, energies) in enumerate(zip(results, docked.energies, strict=True)):
        parts = [_one_conformer(molecule, index) for molecule in molecules]
        affinity, lower, upper = result
        found.append(Pose(index + 1, affinity, lower, upper, energies[1], energies[2], energies[3], parts))
    return found


def _molecules(pdbqt: str) -> list[Any]:
    from meeko import PDBQTMolecule, RDKitMolCreate

    return list(RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(pdbqt, skip_typing=True)))


def _one_conformer(molecule: Any, index: int) -> Any:
    from rdkit import Chem

    single = Chem.Mol(molecule, confId=molecule.GetConformers()[index].GetId())
    single.GetConformer().SetId(0)  # PoseBusters asks for the conformer 0
    return single


def write_sdf(poses: Sequence[Pose], path: Path, name: str) -> None:
    """One record per pose, with its numbers as properties; ligands docked together share a record."""
    from rdkit import Chem

    path.parent.mkdir(parents=True, exist_ok=True)
    with Chem.SDWriter(str(path)) as writer:
        for pose in poses:
            mol = functools.reduce(Chem.CombineMols, pose.parts)
            mol.SetProp("_Name", f"{name} pose {pose.number}")
            mol.SetProp("pose", str(pose.number))
            mol.SetProp("affinity_kcal_per_mol", f"{pose.affinity:.3f}")
            mol.SetProp("rmsd_to_pose_1_lower_angstrom", f"{pose.rmsd_lower:.3f}")
            mol.SetProp("rmsd_to_pose_1_upper_angstrom", f"{pose.rmsd_upper:.3f}")
            writer.write(mol)


def judge(poses: Sequence[Pose], receptor: Path) -> str | None:
    """Fill `plausible` and `failed_checks` with PoseBusters. A sentence when it could not judge.

    Buttenschoen et al. 2024, doi 10.1039/D3SC04185A; its `dock` tests, which need no crystal pose.
    """
    from posebusters import PoseBusters

    parts = [part for pose in poses for part in pose.parts]
    try:
        with quiet_rdkit():
            report = PoseBusters(config="dock").bust(parts, None, str(receptor))
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        return f"PoseBusters could not judge the poses: {str(error)[:200]}"
    rows = iter(report.to_dict("records"))
    for pose in poses:
        failed = {str(check) for _ in pose.parts for check, good in next(rows).items() if not bool(good)}
        pose.failed_checks = tuple(sorted(check.replace("_", " ") for check in failed))
        pose.plausible = not failed
    return None
