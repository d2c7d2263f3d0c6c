"""Real structures for tests: what PoseBusters carries, and changes made to it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import gemmi
import posebusters

FOLDER = Path(posebusters.__file__).parent / "datasets" / "pdb"

#: Inside the binding site of 1s3v, where its inhibitor lies.
SITE = (-3.1, 27.8, 2.7)
FAR = (90.0, 90.0, 90.0)


@cache
def receptor(entry: str = "1s3v") -> str:
    return (FOLDER / entry / f"{entry}_protein_one_lig_removed.pdb").read_text()


@cache
def ligand(entry: str = "1s3v") -> str:
    return (FOLDER / entry / f"{entry}_ligand.sdf").read_text()


def hetatm(
    name: str, atom: str, element: str, at: tuple[float, float, float], *, chain: str = "B", number: int = 1
) -> str:
    x, y, z = at
    place = f"{x:8.3f}{y:8.3f}{z:8.3f}"
    return f"HETATM 9000 {atom:<4s} {name:>3s} {chain}{number:4d}    {place}  1.00 20.00          {element:>2s}\n"


def with_lines(*lines: str, text: str | None = None) -> str:
    """The receptor with these records before its end."""
    text = text or receptor()
    return text.replace("\nEND", "\n" + "".join(lines).rstrip("\n") + "\nEND", 1)


def without_atoms(residue: str, *names: str) -> str:
    """The receptor without these atoms of a residue such as "A 115"."""
    return "\n".join(
        line
        for line in receptor().splitlines()
        if not (line.startswith("ATOM") and line[21:26] == residue and line[12:16].strip() in names)
    )


def as_mmcif(pdb: str, chain: str | None = None) -> str:
    structure = gemmi.read_pdb_string(pdb)
    structure.name = "test"
    if chain:
        structure[0][0].name = chain
    structure.setup_entities()
    return str(structure.make_mmcif_document().as_string())
