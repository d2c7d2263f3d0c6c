"""What a docking leaves: files, tables, the summary, and the warnings that a reader must see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from tools.contract import Box, Column, ResultFile, RunningJob, Table
from tools.docking import box as boxes
from tools.docking.engine import Docked
from tools.docking.ligands import Ligand
from tools.docking.poses import Pose, write_sdf

#: Ligand (or "set", when docked together) -> what Vina wrote, and its poses, best first.
Found = dict[str, tuple[Docked, list[Pose]]]


def write(job: RunningJob, found: Found) -> list[ResultFile]:
    """The poses as SDF and PDBQT per ligand, and one SDF per pose for the viewer."""
    files = [ResultFile(job.out / "receptor.pdb", "Receptor as docked", "pdb")]
    for name, (docked, docked_poses) in found.items():
        sdf, pdbqt = job.out / f"{name}.sdf", job.out / f"{name}.pdbqt"
        write_sdf(docked_poses, sdf, name)
        pdbqt.write_text(docked.pdbqt)
        files += [
            ResultFile(sdf, f"{name}: all poses", "sdf"),
            ResultFile(pdbqt, f"{name}: all poses", "pdbqt"),
        ]
        for pose in docked_poses:
            path = job.out / pose_path(name, pose.number)
            write_sdf([pose], path, name)
            files.append(ResultFile(path, f"{name}: pose {pose.number}", "sdf"))
    return files


def pose_path(name: str, number: int) -> str:
    return f"poses/{name}/pose_{number:02d}.sdf"


def summary(found: Found, ligands: list[Ligand], box: Box, seed: int, cpus: int) -> dict[str, Any]:
    name, best = min(
        ((name, docked[0]) for name, (_, docked) in found.items()), key=lambda each: each[1].affinity
    )
    return {
        "best_affinity": best.affinity,
        "best_ligand": name,
        "ligands": len(ligands),
        "docked": sum(ligand.problem is None for ligand in ligands),
        "poses": sum(len(docked) for _, docked in found.values()),
        "box_center": " ".join(f"{value:g}" for value in box.center),
        "box_size": " ".join(f"{value:g}" for value in box.size),
        "seed": seed,
        "cpus": cpus,
        "vina": version("vina"),
    }


def ligand_warnings(ligands: list[Ligand]) -> Iterator[str]:
    for ligand in ligands:
        if ligand.problem:
            yield f"{ligand.name} ({ligand.where}) was not docked: {ligand.problem}."
        for note in ligand.notes:
            if "fragments" in note or "stereo" in note:
                yield f"{ligand.name}: {note}"


def fit_warnings(ligands: list[Ligand], box: Box, found: Found) -> Iterator[str]:
    for ligand in ligands:
        if ligand.problem or ligand.mol is None:
            continue
        length = boxes.length(ligand.mol.GetConformer().GetPositions().tolist())
        if length > math.hypot(*box.size):
            yield (
                f"{ligand.name} may not fit: it is {length:.0f} Å long, more than the box's diagonal, "
                "and fits only when bent. Make the box larger."
            )
    for name, (_, docked) in found.items():
        if docked[0].affinity >= 0:
            yield f"{name} does not fit: even its best pose has an affinity of {docked[0].affinity:.1f} kcal/mol."


def poses_table(found: Found) -> Table:
    to_best = "Distance to Vina's own best pose (pose 1), not to a crystal structure"
    energy = ("kcal/mol", "DOUBLE")
    return Table(
        "poses",
        "Poses",
        [
            Column("ligand", "Ligand"),
            Column("pose", "Pose", "", "BIGINT", "1 is the best"),
            Column(
                "affinity", "Affinity", *energy, "Lower is stronger; compare only within one receptor and box"
            ),
            Column(
                "rmsd_lb",
                "RMSD l.b.",
                "Å",
                "DOUBLE",
                f"{to_best}; lower bound, atoms matched freely by element",
            ),
            Column("rmsd_ub", "RMSD u.b.", "Å", "DOUBLE", f"{to_best}; upper bound, atom by atom"),
            Column("plausible", "PoseBusters", "", "BOOLEAN", "Passed all checks; empty: not checked"),
            Column(
                "failed_checks", "Failed checks", "", "VARCHAR", "PoseBusters checks that this pose fails"
            ),
            Column("intermolecular", "Intermolecular", *energy, "Ligand with receptor"),
            Column("intramolecular", "Intramolecular", *energy, "Ligand with itself"),
            Column("torsional", "Torsional", *energy, "Vina's penalty for rotatable bonds"),
        ],
        [
            (
                name,
                pose.number,
                pose.affinity,
                pose.rmsd_lower,
                pose.rmsd_upper,
                pose.plausible,
                ", ".join(pose.failed_checks),
                pose.inter,
                pose.intra,
                pose.torsions,
            )
            for name, (_, docked) in found.items()
            for pose in docked
        ],
    )


def ligands_table(ligands: list[Ligand], found: Found) -> Table:
    best = {name: docked[0].affinity for name, (_, docked) in found.items()}
    return Table(
        "ligands",
        "Ligands",
        [
            Column("ligand", "Ligand"),
            Column("status", "Status", "", "VARCHAR", "ok or failed"),
            Column("reason", "Reason"),
            Column(
                "best_affinity",
                "Best affinity",
                "kcal/mol",
                "DOUBLE",
                "Of the whole set when docked together",
            ),
            Column("heavy_atoms", "Heavy atoms", "", "BIGINT"),
            Column("rotatable_bonds", "Rotatable bonds", "", "BIGINT"),
            Column("smiles", "SMILES", "", "VARCHAR", "As docked"),
            Column("notes", "Notes"),
        ],
        [
            (
                ligand.name,
                "failed" if ligand.problem else "ok",
                ligand.problem or "",
                None if ligand.problem else best.get(ligand.name, best.get("set")),
                ligand.heavy_atoms,
                ligand.rotatable_bonds,
                ligand.smiles,
                " ".join(ligand.notes),
            )
            for ligand in ligands
        ],
    )
