"""The receptor: read with gemmi, choose what stays, prepare with Meeko, and report every change.

Residues are named as in the file ("A:315", author numbering). PDB columns and Meeko want short chain names, so long
ones of mmCIF are shortened after the residues were chosen; the report keeps the file's names.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools import structures
from tools.contract import InputFailure, LocalFile

if TYPE_CHECKING:
    import gemmi

#: Beyond this a person most likely gave the wrong assembly, and preparation takes minutes.
MOST_ATOMS = 150_000

UNPACKED_MB = 100

#: Ions that Meeko can type and Vina can score.
METALS = frozenset({"MG", "CA", "MN", "FE", "ZN"})

#: Heavy side-chain atoms of the standard amino acids; backbone N, CA, C, O come on top.
_SIDE_CHAINS = {
    "ALA": "CB", "ARG": "CB CG CD NE CZ NH1 NH2", "ASN": "CB CG OD1 ND2", "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG", "GLN": "CB CG CD OE1 NE2", "GLU": "CB CG CD OE1 OE2", "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2", "ILE": "CB CG1 CG2 CD1", "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ", "MET": "CB CG SD CE", "PHE": "CB CG CD1 CD2 CE1 CE2 CZ", "PRO": "CB CG CD",
    "SER": "CB OG", "THR": "CB OG1 CG2", "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH", "VAL": "CB CG1 CG2",
}  # fmt: skip

#: Residues for which Meeko brings templates. Any other it would try to fetch from the internet.
_KNOWN = frozenset(_SIDE_CHAINS) | frozenset(
    "HID HIE HIP ASH GLH LYN CYX CYM HYP SEP TPO PTR S1P T1P Y1P ALY ACE NME "
    "A C G U DA DC DG DT RA RC RG RU PSU 5MU 1MA 2MG 7MG".split()
)

#: Atoms by which residues of a chain are joined, and how far apart (Å) joined atoms may be.
_JOINTS = frozenset(("N", "C", "P", "O3'"))
_JOINED = 1.75

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Residue:
    """One residue of the file, with the places of its atoms."""

    #: "A:315", with the insertion code where there is one.
    id: str
    name: str
    atoms: tuple[Point, ...]

    @property
    def label(self) -> str:
        return f"{self.name} {self.id}"


@dataclass
class Report:
    """What was done to the receptor, in residues."""

    kept: int = 0
    waters: list[Residue] = field(default_factory=list)
    hetero: list[Residue] = field(default_factory=list)
    metals_removed: list[Residue] = field(default_factory=list)
    metals_kept: list[Residue] = field(default_factory=list)
    #: Standard residues whose heavy atoms are incomplete, with the missing ones.
    incomplete: list[tuple[Residue, str]] = field(default_factory=list)
    #: Residues that Meeko could not match to a template; they are not in the docked receptor.
    dropped: list[Residue] = field(default_factory=list)
    #: Sentences: selenomethionine, alternative places, further models, shortened chains.
    altered: list[str] = field(default_factory=list)
    #: Modified residues of the chain for which there is no template; they are not in the docked receptor.
    dropped_unknown: list[Residue] = field(default_factory=list)
    hydrogens_in_file: bool = False

    @property
    def left_out(self) -> list[Residue]:
        """Residues of the chain that are not in the docked receptor."""
        return [*self.dropped_unknown, *self.dropped]


@dataclass
class Receptor:
    """What stays of the file, ready to be prepared."""

    structure: gemmi.Structure
    report: Report
    #: Every residue of the file, also those that go: a box may be put around them.
    residues: list[Residue]
    #: Atoms that stay.
    atoms: list[Point]
    #: Residue id in the prepared structure -> id in the file.
    ids: dict[str, str]

    @property
    def pdb(self) -> str:
        return _pdb(self.structure)


@dataclass(frozen=True)
class Prepared:
    pdbqt: str
    #: With hydrogens, as docked.
    pdb: str
    #: Ids, in the prepared structure, of residues that matched no template and are left out.
    dropped: list[str]
    #: "HIS as HIE" -> residues.
    protonation: dict[str, int]


def read(file: LocalFile) -> gemmi.Structure:
    """Raises InputFailure with a sentence."""
    structure = structures.read(file, wanted="the receptor as PDB or mmCIF", limit_mb=UNPACKED_MB)
    atoms = structures.atoms(structure)
    if atoms > MOST_ATOMS:
        raise InputFailure(
            f"{file.name} has {atoms:,} atoms; up to {MOST_ATOMS:,} can be docked against. "
            "Keep only the chains around the binding site."
        )
    return structure


def select(
    structure: gemmi.Structure, *, chains: str = "", keep_metals: bool = True, name: str = "The receptor"
) -> Receptor:
    """Sort the residues of a structure into what stays and what goes. Raises InputFailure when nothing stays."""
    report = Report()
    structure = _single_model(structure, report)
    _rename_selenomethionine(structure, report)
    _take_first_places(structure, report)
    wanted = _wanted_chains(structure, chains)
    residues: list[Residue] = []
    kept: dict[str, list[Any]] = {}
    backbone = _Backbone(structure[0])
    for chain, group in _residues(structure):
        residue = _residue(chain, group[0], group)
        residues.append(residue)
        if wanted and chain not in wanted:
            continue
        if _stays(residue, group, report, keep_metals, backbone):
            kept.setdefault(chain, []).append(group)
    if not report.kept:
        raise InputFailure(
            f"{name} holds no amino acid or nucleotide of a known kind, so there is nothing to dock against."
        )
    rebuilt, ids = _rebuild(kept, report)
    atoms = [(a.pos.x, a.pos.y, a.pos.z) for c in rebuilt[0] for r in c for a in r]
    return Receptor(rebuilt, report, residues, atoms, ids)


def _single_model(structure: gemmi.Structure, report: Report) -> gemmi.Structure:
    models = len(structure)
    structure = structure.clone()
    if models > 1:
        report.altered.append(f"The file holds {models} models; the first one is used.")
        del structure[1:]
    return structure


def _rename_selenomethionine(structure: gemmi.Structure, report: Report) -> None:
    import gemmi

    changed = 0
    for chain in structure[0]:
        for residue in chain:
            if residue.name != "MSE":
                continue
            changed += 1
            residue.name, residue.het_flag = "MET", "A"
            for atom in residue:
                if atom.element == gemmi.Element("Se"):
                    atom.name, atom.element = "SD", gemmi.Element("S")
    if changed:
        report.altered.append(f"{changed} selenomethionines (MSE) were taken as methionine (MET).")


def _take_first_places(structure: gemmi.Structure, report: Report) -> None:
    """Keep the first alternative place of every atom: A in nearly all files."""
    alternatives = {
        f"{residue.name} {chain.name}:{residue.seqid}"
        for chain in structure[0]
        for residue in chain
        for atom in residue
        if atom.altloc != "\0"
    }
    if alternatives:
        report.altered.append(
            f"{len(alternatives)} residues have alternative places; the first one (A) is used: "
            f"{_some(sorted(alternatives))}."
        )
        structure.remove_alternative_conformations()


def _wanted_chains(structure: gemmi.Structure, chains: str) -> set[str]:
    wanted = {part for part in chains.replace(",", " ").split() if part}
    present = {chain.name for chain in structure[0]}
    unknown = wanted - present
    if unknown:
        raise InputFailure(
            f"The receptor has no chain {', '.join(sorted(unknown))}. Its chains are {', '.join(sorted(present))}."
        )
    return wanted


def _residues(structure: gemmi.Structure) -> Iterator[tuple[str, list[Any]]]:
    """(chain, parts of one residue): some programs write hydrogens at the end of the file, away from their residue."""
    parts: dict[tuple[str, str, str], list[Any]] = {}
    for chain in structure[0]:
        for residue in chain:
            parts.setdefault((chain.name, str(residue.seqid), residue.name), []).append(residue)
    for (chain_name, _, _), group in parts.items():
        yield chain_name, group


def _residue(chain: str, first: Any, group: list[Any]) -> Residue:
    atoms = tuple((atom.pos.x, atom.pos.y, atom.pos.z) for part in group for atom in part)
    return Residue(f"{chain}:{first.seqid}", first.name, atoms)


def _stays(
    residue: Residue, group: list[Any], report: Report, keep_metals: bool, backbone: _Backbone
) -> bool:
    import gemmi

    known = gemmi.find_tabulated_residue(residue.name)
    if known.is_water():
        report.waters.append(residue)
        return False
    metal = _metal(residue, group)
    if metal:
        group[0].name = group[0][0].name = metal  # Meeko knows FE, but not FE2
        (report.metals_kept if keep_metals else report.metals_removed).append(residue)
        return keep_metals
    if residue.name not in _KNOWN:
        of_chain = _is_monomer(residue.name, group) and backbone.joins(residue.name, group)
        (report.dropped_unknown if of_chain else report.hetero).append(residue)
        return False
    missing = _missing_atoms(residue.name, group)
    if missing:
        report.incomplete.append((residue, missing))
    report.hydrogens_in_file |= any(atom.is_hydrogen() for part in group for atom in part)
    report.kept += 1
    return True


def _metal(residue: Residue, group: list[Any]) -> str | None:
    """The element of an ion that can be kept, whatever its charge is called: FE of FE2."""
    if residue.name in _KNOWN or len(residue.atoms) != 1:
        return None
    element = str(group[0][0].element.name).upper()
    return element if element in METALS else None


def _is_monomer(name: str, group: list[Any]) -> bool:
    """Whether this may be an amino acid or a nucleotide: by gemmi's table, or where that is silent by its atoms."""
    import gemmi

    known = gemmi.find_tabulated_residue(name)
    if known.found():
        return bool(known.is_amino_acid() or known.is_nucleic_acid())
    return {"N", "CA", "C"} <= {atom.name for part in group for atom in part}


class _Backbone:
    """Tells which residues are joined to a chain; a ligand bonded to a side chain is not."""

    def __init__(self, model: gemmi.Model) -> None:
        import gemmi

        self._model = model
        self._search = gemmi.NeighborSearch(model, gemmi.UnitCell(), 5).populate()

    def joins(self, name: str, group: list[Any]) -> bool:
        """Whether an atom of this residue is bonded to the backbone of another one."""
        own = (name, str(group[0].seqid))
        return any(
            (found.residue.name, str(found.residue.seqid)) != own and found.atom.name in _JOINTS
            for part in group
            for atom in part
            for mark in self._search.find_atoms(atom.pos, "\0", radius=_JOINED)
            for found in [mark.to_cra(self._model)]
        )


def _missing_atoms(name: str, group: list[Any]) -> str:
    expected = _SIDE_CHAINS.get(name)
    if expected is None:
        return ""
    present = {atom.name for part in group for atom in part}
    return " ".join(atom for atom in ["N", "CA", "C", "O", *expected.split()] if atom not in present)


def _rebuild(kept: dict[str, list[Any]], report: Report) -> tuple[gemmi.Structure, dict[str, str]]:
    """A new structure of the residues that stay, atoms of one residue together, chain names short."""
    import gemmi

    structure, model = gemmi.Structure(), gemmi.Model(1)
    for chain_name, groups in kept.items():
        chain = gemmi.Chain(chain_name or "A")
        for group in groups:
            merged = group[0].clone()
            for part in group[1:]:
                for atom in part:
                    merged.add_atom(atom)
            chain.add_residue(merged)
        model.add_chain(chain)
    structure.add_model(model)
    names = [chain.name for chain in structure[0]]
    structure.shorten_chain_names()
    short = [chain.name for chain in structure[0]]
    if any(len(name) > 1 for name in short):
        raise InputFailure(
            f"The receptor has {len(short)} chains; up to 62 fit. Name the chains around the binding site in `chains`."
        )
    renamed = [f"{old} as {new}" for old, new in zip(names, short, strict=True) if old != new]
    if renamed:
        report.altered.append(f"Chains were renamed to one letter: {_some(renamed)}.")
    ids = {
        f"{chain.name}:{residue.seqid}": f"{old}:{residue.seqid}"
        for old, chain in zip(names, structure[0], strict=True)
        for residue in chain
    }
    return structure, ids


def _pdb(structure: gemmi.Structure) -> str:
    import gemmi

    options = gemmi.PdbWriteOptions(minimal=True)
    return str(structure.make_pdb_string(options))


def prepare(pdb: str) -> Prepared:
    """Hydrogens, charges and atom types by Meeko. Raises InputFailure."""
    from meeko import MoleculePreparation, PDBQTWriterLegacy, Polymer, ResidueChemTemplates
    from meeko.polymer import PolymerCreationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Meeko's words repeat what the report says
        try:
            polymer = Polymer.from_pdb_string(
                pdb,
                ResidueChemTemplates.create_from_defaults(),
                MoleculePreparation(charge_model="gasteiger"),
                allow_bad_res=True,
                default_altloc="A",
            )
            rigid, _ = PDBQTWriterLegacy.write_from_polymer(polymer)
        except (PolymerCreationError, ValueError, RuntimeError) as error:
            raise InputFailure(f"The receptor cannot be prepared for docking: {str(error)[:300]}") from error
    dropped = [str(key) for key in polymer.get_ignored_monomers()]
    return Prepared(rigid, polymer.to_pdb(), dropped, _protonation(polymer))


def _protonation(polymer: Any) -> dict[str, int]:
    titratable = ("HIS", "HID", "HIE", "HIP", "ASP", "ASH", "GLU", "GLH", "LYS", "LYN", "CYS", "CYX", "CYM")
    return Counter(
        f"{monomer.input_resname} as {monomer.residue_template_key}"
        for monomer in polymer.get_valid_monomers().values()
        if monomer.input_resname in titratable
    )


def _some(items: list[str], most: int = 8) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
