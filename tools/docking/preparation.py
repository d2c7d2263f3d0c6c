"""From what a person gave to a receptor and a box ready for docking, and the report of everything that was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.contract import Box, Given, InputFailure, LocalFile, Problem, RunningJob
from tools.docking import box as boxes
from tools.docking import ligands as ligand_files
from tools.docking import receptor as receptors
from tools.docking.ligands import Ligand
from tools.docking.receptor import Point, Prepared, Receptor, Residue
from tools.docking.shelf import Shelf
from tools.remembered import remembered
from tools.words import plain, told

SHELF_BYTES = 200_000_000
#: A hetero group with fewer atoms is an ion or a buffer molecule rather than a ligand.
LIGAND_ATOMS = 6
#: Residues this near (Å) to the box still touch what is docked in it.
NEAR = 4.0


def receptor(given: Given[Any, Any]) -> Receptor:
    """The receptor as given, cleaned. Raises InputFailure."""
    return _cleaned(given.file("receptor"), given.settings.chains, given.settings.keep_metals)


@remembered(4)
def _cleaned(file: LocalFile, chains: str, keep_metals: bool) -> Receptor:
    """A form asks at each change, and every ligand of a batch has the same."""
    return receptors.select(receptors.read(file), chains=chains, keep_metals=keep_metals, name=file.name)


def box(given: Given[Any, Any], receptor: Receptor) -> Box:
    """The box that the settings describe. Raises BadBox with the field and a sentence."""
    settings = given.settings
    if settings.box_from == "residues":
        chosen = boxes.choose_residues(settings.residues, receptor.residues)
        return boxes.around([atom for residue in chosen for atom in residue.atoms], settings.padding)
    if settings.box_from == "ligand":
        return boxes.around(_reference(given, receptor), settings.padding)
    if settings.center is None:
        raise boxes.BadBox(
            "center", "Give the centre of the box as x, y, z in Å, or let it go around a ligand or residues."
        )
    return Box(settings.center, settings.size)


def _reference(given: Given[Any, Any], receptor: Receptor) -> Sequence[Point]:
    """Where the atoms of the reference ligand are: of its file, or of the only ligand in the receptor's file."""
    files = given.files("reference_ligand")
    if not files:
        return _only_ligand(receptor).atoms
    try:
        found = ligand_files.read(files[:1], 1)
    except InputFailure as error:
        raise boxes.BadBox("reference_ligand", str(error)) from error
    if not found or found[0].mol is None:
        why = found[0].problem if found else "the file holds none"
        raise boxes.BadBox("reference_ligand", f"The reference ligand cannot be used: {why}.")
    if not found[0].has_3d:
        raise boxes.BadBox(
            "reference_ligand",
            f"{files[0].name} has no 3D coordinates, so it does not tell where the binding site is. "
            "Give an SDF of the ligand in its place in the receptor.",
        )
    return [(x, y, z) for x, y, z in found[0].mol.GetConformer().GetPositions().tolist()]


def _only_ligand(receptor: Receptor) -> Residue:
    candidates = [residue for residue in receptor.report.hetero if len(residue.atoms) >= LIGAND_ATOMS]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise boxes.BadBox(
            "reference_ligand",
            "Give the reference ligand as SDF: the receptor's file holds no ligand to go around.",
        )
    told = ", ".join(f"{residue.id} ({residue.name})" for residue in candidates[:8])
    raise boxes.BadBox(
        "reference_ligand",
        f"The receptor's file holds several ligands: {told}. Give one as SDF, or choose “residues” and name it.",
    )


def prepare(receptor: Receptor, job: RunningJob) -> Prepared:
    """The receptor with hydrogens, charges and types, kept on this worker for the next job. Fills the report."""
    text = receptor.pdb
    key = hashlib.sha256(f"{version('meeko')}\n{text}".encode()).hexdigest()
    folder = job.work / "prepared"

    def make(folder: Path) -> None:
        prepared = receptors.prepare(text)
        (folder / "prepared.json").write_text(
            json.dumps([prepared.pdbqt, prepared.pdb, prepared.dropped, prepared.protonation])
        )

    was_there = Shelf(job.cache / "receptors", SHELF_BYTES).fetch(key, folder, make)
    job.log("Receptor taken from an earlier job." if was_there else "Receptor prepared with Meeko.")
    prepared = Prepared(*json.loads((folder / "prepared.json").read_text()))
    by_id = {residue.id: residue for residue in receptor.residues}
    receptor.report.dropped = [by_id[receptor.ids[key]] for key in prepared.dropped if key in receptor.ids]
    return prepared


def _in_box(residues: Sequence[Residue], box: Box, margin: float = 0.0) -> list[Residue]:
    return [residue for residue in residues if boxes.inside(residue.atoms, box, margin)]


def incomplete_problems(settings: Any, receptor: Receptor, box: Box) -> Iterator[Problem]:
    """Residues in the box that lack atoms: Meeko would leave them out, and a hole would be docked into."""
    if settings.allow_incomplete:
        return
    missing = {residue.id: atoms for residue, atoms in receptor.report.incomplete}
    bad = _in_box([residue for residue, _ in receptor.report.incomplete], box)
    if bad:
        told = _some([f"{residue.label} (lacks {missing[residue.id]})" for residue in bad])
        yield Problem("receptor", f"Residues in the box lack atoms: {told}. {_HOW_TO_MEND}")
    modified = _in_box(receptor.report.dropped_unknown, box)
    if modified:
        told = _some([residue.label for residue in modified])
        yield Problem("receptor", f"Modified residues in the box cannot be prepared: {told}. {_HOW_TO_MEND}")


_HOW_TO_MEND = (
    "Rebuild them (PDBFixer, Modeller), move the box, or allow incomplete residues to dock without them."
)


def refuse_incomplete(settings: Any, receptor: Receptor, box: Box) -> None:
    """Raises InputFailure when a residue in the box is not in the prepared receptor."""
    bad = _in_box(receptor.report.left_out, box)
    if bad and not settings.allow_incomplete:
        told = _some([residue.label for residue in bad])
        raise InputFailure(f"Residues in the box could not be prepared: {told}. {_HOW_TO_MEND}")


def receptor_warnings(receptor: Receptor, box: Box) -> Iterator[str]:
    """What a reader of the poses must know about the receptor near the box."""
    report = receptor.report
    near = _in_box(report.left_out, box, NEAR)
    if near:
        yield f"Left out of the receptor, in or near the box: {_some([r.label for r in near])}."
    elsewhere = len(report.left_out) - len(near)
    if elsewhere:
        yield f"{elsewhere} residues away from the box could not be prepared and were left out."
    for residues, what in ((report.hetero, "other molecules"), (report.metals_removed, "metal ions")):
        found = _in_box(residues, box)
        if found:
            yield f"Taken out of the box before docking, {what}: {_some([r.label for r in found])}."
    waters = _in_box(report.waters, box)
    if waters:
        yield f"{len(waters)} waters were taken out of the box before docking."
    metals = _in_box(report.metals_kept, box, NEAR)
    if metals:
        yield (
            f"Metal ions in or near the box: {_some([r.label for r in metals])}. "
            "Vina treats them as simple hydrogen-bond donors; judge such poses with care."
        )


def report(receptor: Receptor, prepared: Prepared, ligands: Sequence[Ligand], box: Box) -> dict[str, Any]:
    """Everything that was changed, as JSON."""
    found = receptor.report
    return {
        "residues_docked_against": found.kept - len(found.dropped),
        "dropped": [residue.label for residue in found.left_out],
        "incomplete": [f"{residue.label}: lacks {atoms}" for residue, atoms in found.incomplete],
        "altered": found.altered,
        "waters_removed": len(found.waters),
        "hetero_removed": [residue.label for residue in found.hetero],
        "metals_removed": [residue.label for residue in found.metals_removed],
        "metals_kept": [residue.label for residue in found.metals_kept],
        "in_box": [residue.label for residue in _in_box([*found.hetero, *found.metals_removed], box)],
        "hydrogens_in_file": found.hydrogens_in_file,
        "protonation": prepared.protonation,
        "ligands": {ligand.name: ligand.notes for ligand in ligands},
    }


def in_words(report: dict[str, Any]) -> str:
    """The report as Markdown; names are people's and are escaped."""
    lines = [f"- **{told(report.get('residues_docked_against'))}** residues were docked against."]
    lines += [f"- {plain(sentence)}" for sentence in report.get("altered", [])]
    for key, what in (
        ("dropped", "Left out, because they could not be prepared"),
        ("incomplete", "Incomplete in the file"),
        ("hetero_removed", "Other molecules taken out"),
        ("metals_removed", "Metal ions taken out"),
        ("metals_kept", "Metal ions kept"),
    ):
        if report.get(key):
            lines.append(f"- {what} ({len(report[key])}): {plain(_some(report[key], 20))}.")
    lines.append(f"- Waters taken out: {told(report.get('waters_removed'))}.")
    states = ", ".join(f"{count} × {state}" for state, count in sorted(report.get("protonation", {}).items()))
    source = (
        "from the hydrogens in the file"
        if report.get("hydrogens_in_file")
        else "standard ones; nothing was predicted"
    )
    lines.append(f"- Protonation states ({source}): {plain(states) or 'none to choose'}.")
    for name, notes in report.get("ligands", {}).items():
        lines.append(
            f"- Ligand {plain(name)}: {plain(' '.join(notes)) or 'used as given.'} Charges and tautomers as drawn."
        )
    return "\n".join(lines)


def _some(items: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
