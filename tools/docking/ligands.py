"""Ligands: read from SDF and SMILES, named, made three-dimensional, and prepared with Meeko.

A ligand that cannot be used keeps its name and says why, so that one bad ligand of a batch fails alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from tools import formats
from tools.contract import InputFailure, LocalFile

if TYPE_CHECKING:
    from rdkit.Chem import Mol

UNPACKED_MB = 20
#: Longest SMILES or SDF record that is looked at.
RECORD_CHARACTERS = 200_000
SMILES_CHARACTERS = 2_000
MOST_HEAVY_ATOMS = 150
MOST_ROTATABLE = 40
#: Elements that both Meeko and Vina have types for.
ELEMENTS = frozenset("H B C N O F Si P S Cl Br I".split())


@dataclass(frozen=True, slots=True)
class Record:
    """One ligand as text, before any chemistry."""

    #: Unique among the job's ligands and safe as a file name.
    name: str
    text: str
    #: sdf or smiles
    format: str
    #: "record 3 of x.sdf", "line 3 of x.smi"
    where: str


@dataclass
class Ligand:
    name: str
    where: str
    #: The molecule as given, largest fragment only; None when it cannot be used.
    mol: Mol | None = None
    problem: str | None = None
    #: What was done to it, or what a reader must know.
    notes: list[str] = field(default_factory=list)
    #: Why the program will most likely refuse it; it is the judge of that.
    doubt: str = ""
    #: With hydrogens and 3D coordinates, after `prepare`.
    pdbqt: str | None = None

    @property
    def heavy_atoms(self) -> int | None:
        return self.mol.GetNumHeavyAtoms() if self.mol else None

    @property
    def rotatable_bonds(self) -> int | None:
        from rdkit.Chem import rdMolDescriptors

        return rdMolDescriptors.CalcNumRotatableBonds(self.mol) if self.mol else None

    @property
    def smiles(self) -> str | None:
        from rdkit import Chem

        return Chem.MolToSmiles(Chem.RemoveHs(self.mol)) if self.mol else None

    @property
    def has_3d(self) -> bool:
        return bool(self.mol and self.mol.GetNumConformers() and self.mol.GetConformer().Is3D())


def records(files: Sequence[LocalFile], most: int) -> list[Record]:
    """At most `most` + 1 ligands as text, with unique names. Raises InputFailure for a file that is none."""
    found: list[Record] = []
    taken: set[str] = set()
    for file in files:
        for number, (title, text, format, where) in enumerate(_split(file), start=1):
            fallback = (
                formats.stem(file) if format == "sdf" and number == 1 else f"{formats.stem(file)}_{number}"
            )
            name = _unique(formats.safe_name(title, fallback=fallback), taken)
            found.append(Record(name, text, format, f"{where} of {file.name}"))
            if len(found) > most:
                return found
    return found


def _split(file: LocalFile) -> Iterator[tuple[str, str, str, str]]:
    """(title, text, format, where it stands) of every record of a file."""
    refusal = formats.refuse(file, ("sdf", "smiles"), "ligands as SDF, or as SMILES text named .smi")
    if refusal:
        raise InputFailure(refusal)
    if formats.detect(file.path, file.name) == "smiles":
        yield from _split_smiles(file)
        return
    lines: list[str] = []
    characters, number = 0, 1
    with formats.open_text(file.path, UNPACKED_MB * formats.MB) as handle:
        for line in handle:
            characters += len(line)
            if characters > RECORD_CHARACTERS:
                raise InputFailure(f"{file.name} has a record that is far too large for a ligand.")
            if line.startswith("$$$$"):
                yield lines[0].strip() if lines else "", "".join(lines), "sdf", f"record {number}"
                lines, characters, number = [], 0, number + 1
                continue
            lines.append(line)
    if any(line.strip() for line in lines):
        yield lines[0].strip(), "".join(lines), "sdf", f"record {number}"


def _split_smiles(file: LocalFile) -> Iterator[tuple[str, str, str, str]]:
    with formats.open_text(file.path, UNPACKED_MB * formats.MB) as handle:
        for number in count(1):
            if not (line := handle.readline(RECORD_CHARACTERS)):
                return
            smiles, title = [*line.split(None, 1), "", ""][:2]
            if smiles and not smiles.startswith("#"):
                yield title.strip(), smiles, "smiles", f"line {number}"


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number when another ligand has it; case does not count, as in some file systems."""
    candidate, number = name, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate.lower())
    return candidate


def understand(record: Record) -> Ligand:
    """The molecule of a record, its largest fragment; or why it cannot be docked."""
    from rdkit import Chem

    ligand = Ligand(record.name, record.where)
    with quiet_rdkit():
        mol, problem = _parse(Chem, record)
        if mol is None:
            ligand.problem = problem
            return ligand
        mol = _largest_fragment(Chem, mol, ligand)
        ligand.problem = ligand.doubt = _untyped(mol)
        ligand.problem = ligand.problem or _unusable(mol)
        if ligand.problem is None:
            ligand.mol = mol
            _note_stereo(Chem, ligand)
    return ligand


@contextmanager
def quiet_rdkit() -> Iterator[None]:
    """RDKit's complaints go into sentences of ours, not to the terminal."""
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        yield


def _parse(chem: Any, record: Record) -> tuple[Any, str]:
    if record.format == "smiles":
        if len(record.text) > SMILES_CHARACTERS:
            return None, f"its SMILES is longer than {SMILES_CHARACTERS:,} characters"
        mol = chem.MolFromSmiles(record.text)
        return mol, f"“{record.text[:60]}” is not a valid SMILES"
    if len(record.text.splitlines()) < 4:
        return None, "the SDF record is cut short"
    mol = chem.MolFromMolBlock(record.text, sanitize=False, removeHs=False)
    if mol is None:
        return None, "the SDF record cannot be read"
    try:
        chem.SanitizeMol(mol)
    except chem.MolSanitizeException as error:
        return None, f"its chemistry is impossible ({error})"
    chem.AssignStereochemistryFrom3D(mol) if mol.GetConformer().Is3D() else chem.AssignStereochemistry(mol)
    return mol, ""


def _largest_fragment(chem: Any, mol: Any, ligand: Ligand) -> Any:
    fragments = chem.GetMolFrags(mol, asMols=True)
    if len(fragments) <= 1:
        return mol
    largest = max(fragments, key=lambda part: (part.GetNumHeavyAtoms(), part.GetNumAtoms()))
    left = [chem.MolToSmiles(chem.RemoveHs(part)) for part in fragments if part is not largest]
    ligand.notes.append(f"Several fragments: the largest was docked, left out: {', '.join(left[:5])}.")
    return largest


def _unusable(mol: Any) -> str | None:
    from rdkit.Chem import rdMolDescriptors

    heavy = mol.GetNumHeavyAtoms()
    if not heavy:
        return "it has no atoms"
    if heavy > MOST_HEAVY_ATOMS:
        return f"it has {heavy} heavy atoms; Vina docks small molecules of up to {MOST_HEAVY_ATOMS}"
    rotatable = rdMolDescriptors.CalcNumRotatableBonds(mol)
    if rotatable > MOST_ROTATABLE:
        return f"it has {rotatable} rotatable bonds, too many to search (up to {MOST_ROTATABLE})"
    return None


def _untyped(mol: Any) -> str:
    """The sentence for atoms that Vina cannot type; empty when it can type all."""
    strange = sorted({atom.GetSymbol() for atom in mol.GetAtoms()} - ELEMENTS)
    return f"Vina has no parameters for {', '.join(strange)}" if strange else ""


def _note_stereo(chem: Any, ligand: Ligand) -> None:
    if ligand.has_3d:
        return  # the coordinates decide
    undefined = [
        info
        for info in chem.FindPotentialStereo(ligand.mol)
        if info.specified == chem.StereoSpecified.Unspecified
    ]
    if undefined:
        ligand.notes.append(
            f"Undefined stereochemistry at {len(undefined)} place(s): one arbitrary isomer was docked. "
            "Write the stereochemistry into the SMILES to choose it."
        )


def read(files: Sequence[LocalFile], most: int) -> list[Ligand]:
    """At most `most` + 1 ligands. Raises InputFailure for a file that holds none."""
    return [understand(record) for record in islice(records(files, most), most + 1)]


def prepare(ligand: Ligand, seed: int) -> None:
    """Add hydrogens, make a 3D conformer where there is none, and write PDBQT; or set `problem`."""
    from meeko import MoleculePreparation, PDBQTWriterLegacy
    from rdkit import Chem

    with quiet_rdkit():
        three_d = ligand.has_3d
        hydrogens_before = sum(atom.GetAtomicNum() == 1 for atom in ligand.mol.GetAtoms())  # type: ignore[union-attr]
        mol = Chem.AddHs(ligand.mol, addCoords=three_d)
        if not three_d and not _embed(mol, seed):
            ligand.problem = "no 3D conformer could be made; give it as SDF with coordinates"
            return
        setups = MoleculePreparation().prepare(mol)
        text, good, error = PDBQTWriterLegacy.write_string(setups[0])
    if not good:
        ligand.problem = f"it cannot be prepared for docking ({error.strip().splitlines()[0]})"
        return
    added = mol.GetNumAtoms() - ligand.mol.GetNumAtoms()  # type: ignore[union-attr]
    if three_d and added and hydrogens_before:
        ligand.notes.append(f"{added} missing hydrogens were added.")
    if not three_d:
        ligand.notes.append(f"3D conformer made with RDKit (seed {seed}); ring shapes stay as made.")
    ligand.mol, ligand.pdbqt = mol, text


def _embed(mol: Any, seed: int) -> bool:
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    settings: Any = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed
    settings.maxIterations = 50
    if rdDistGeom.EmbedMolecule(mol, settings) != 0:
        settings.useRandomCoords = True
        if rdDistGeom.EmbedMolecule(mol, settings) != 0:
            return False
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=1000)
    else:
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=1000)
    return True


def names(files: Sequence[LocalFile], most: int) -> list[str]:
    """Names of the ligands without any chemistry: what the price lists."""
    return [record.name for record in records(files, most)[:most]]
