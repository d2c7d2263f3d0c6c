"""Reading macromolecular structures, PDB or mmCIF, with gemmi."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools import formats
from tools.contract import InputFailure, LocalFile

if TYPE_CHECKING:
    import gemmi

FORMATS = ("pdb", "mmcif")


def read(file: LocalFile, *, wanted: str, limit_mb: int) -> gemmi.Structure:
    """All models, as written. Raises InputFailure with a sentence; `wanted` says what to give instead."""
    import gemmi

    refusal = formats.refuse(file, FORMATS, wanted)
    if refusal:
        raise InputFailure(refusal)
    text = formats.read_text(file.path, limit_mb * formats.MB)
    try:
        if formats.detect(file.path, file.name) == "pdb":
            structure = gemmi.read_pdb_string(text)
        else:
            structure = gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
    except (ValueError, RuntimeError, IndexError) as error:
        raise InputFailure(f"{file.name} cannot be read: {str(error)[:200]}") from error
    if not atoms(structure):
        raise InputFailure(f"{file.name} holds no atoms. Give {wanted}, with its coordinates.")
    return structure


def atoms(structure: gemmi.Structure) -> int:
    """Atom sites of the first model."""
    return sum(chain.count_atom_sites() for chain in structure[0]) if len(structure) else 0
