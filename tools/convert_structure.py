"""Convert macromolecular structures between PDB and mmCIF, with gemmi."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools import formats, structures
from tools.contract import (
    Column,
    Example,
    Finished,
    Given,
    InputFailure,
    InputFile,
    Layer,
    Limits,
    MetricsPanel,
    Model,
    Panel,
    Problem,
    Result,
    ResultFile,
    RunningJob,
    StructurePanel,
    Table,
    TablePanel,
    Tool,
    file_field,
)

if TYPE_CHECKING:
    import gemmi

#: What the columns of the PDB format hold.
PDB_ATOMS = 99_999
PDB_CHAINS = 62
PDB_RESIDUE_NUMBER = 9_999
PDB_COORDINATES = (-999.999, 9999.999)  # Å

#: Larger files are read only while running.
CHECKED_BYTES = 40 * formats.MB


class Inputs(Model):
    structure: InputFile = file_field(
        "Structure: PDB or mmCIF, may be compressed with gzip.", structures.FORMATS
    )


class Settings(Model):
    to: Literal["pdb", "mmcif"] = Field(
        "mmcif", description="Format to write. PDB cannot hold very large structures; mmCIF holds all."
    )


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    file = given.file("structure")
    if file.path.stat().st_size > CHECKED_BYTES:
        refusal = formats.refuse(file, structures.FORMATS, _WANTED)
        if refusal:
            yield Problem("structure", refusal)
        return
    try:
        structure = _read(given)
    except InputFailure as error:
        yield Problem("structure", str(error))
        return
    if given.settings.to == "pdb":
        yield from (Problem("to", sentence) for sentence in too_much_for_pdb(structure))


_WANTED = "a structure as PDB or mmCIF"


def _read(given: Given[Inputs, Settings]) -> gemmi.Structure:
    return structures.read(given.file("structure"), wanted=_WANTED, limit_mb=LIMITS.unpacked_mb)


def too_much_for_pdb(structure: gemmi.Structure) -> Iterator[str]:
    """Why the columns of the PDB format cannot hold this structure."""
    atoms = max(sum(chain.count_atom_sites() for chain in model) for model in structure)
    if atoms > PDB_ATOMS:
        yield f"The structure has {atoms:,} atoms; PDB numbers up to {PDB_ATOMS:,}. Keep mmCIF."
    chains = max(len(model) for model in structure)
    if chains > PDB_CHAINS:
        yield f"The structure has {chains} chains; PDB names chains with one letter, up to {PDB_CHAINS}. Keep mmCIF."
    numbers = [residue.seqid.num or 0 for model in structure for chain in model for residue in chain]
    if max(numbers) > PDB_RESIDUE_NUMBER or min(numbers) < -999:
        yield f"Residue numbers go from {min(numbers)} to {max(numbers)}; PDB has four places for them. Keep mmCIF."
    low, high = PDB_COORDINATES
    box = structure.calculate_box()
    if min(box.minimum.tolist()) < low or max(box.maximum.tolist()) > high:
        yield f"Coordinates lie outside of {low:g} to {high:g} Å, which PDB cannot hold. Keep mmCIF."


def run(job: RunningJob) -> Result:
    job.step("Convert")
    source, to = job.given.file("structure"), job.given.settings.to
    format = formats.detect(source.path, source.name)
    structure = _read(job.given)
    names = [chain.name for chain in structure[0]]
    warnings = (
        list(_fit_pdb(structure, source.format))
        if to == "pdb"
        else list(_fit_mmcif(structure, source.format))
    )
    target = job.out / f"{formats.stem(source)}.{'pdb' if to == 'pdb' else 'cif'}"
    if to == "pdb":
        structure.write_pdb(str(target))
    else:
        structure.make_mmcif_document().write_file(str(target))
    table = _chains(structure, names)
    return Result(
        summary={
            "atoms": structures.atoms(structure),
            "chains": len(names),
            "models": len(structure),
            "from": format,
            "to": to,
            "file": target.name,
        },
        tables=[table],
        files=[ResultFile(target, f"Structure as {to}", to)],
        warnings=warnings,
    )


def _fit_pdb(structure: gemmi.Structure, source: str) -> Iterator[str]:
    """Make names fit into the columns; tells what changed. Raises InputFailure for what cannot fit."""
    refusals = list(too_much_for_pdb(structure))
    if refusals:
        raise InputFailure(" ".join(refusals))
    long = [chain.name for chain in structure[0] if len(chain.name) > 1]
    before = [chain.name for chain in structure[0]]
    if long:
        structure.shorten_chain_names()
        renamed = [f"{old} → {c.name}" for old, c in zip(before, structure[0], strict=True) if old != c.name]
        yield f"Chains were renamed, because PDB has one letter for them: {_some(renamed)}."
    structure.shorten_ccd_codes()
    codes = [f"{old} → {new}" for old, new in structure.shortened_ccd_codes]
    if codes:
        yield f"Components were renamed, because PDB has three letters for them: {_some(codes)}."
    if source == "mmcif":
        yield "PDB keeps coordinates, sequence, cell and secondary structure; other mmCIF categories are left out."


def _fit_mmcif(structure: gemmi.Structure, source: str) -> Iterator[str]:
    structure.setup_entities()
    structure.assign_label_seq_id()
    if not structure.name:
        structure.name = "structure"
    if source == "pdb" and any(
        remark for remark in structure.raw_remarks if remark[7:10].strip() not in ("2", "3")
    ):
        yield "Free-text REMARK records of the PDB file have no place in mmCIF and are left out."


def _chains(structure: gemmi.Structure, names: list[str]) -> Table:
    structure.setup_entities()
    return Table(
        "chains",
        "Chains of the first model",
        [
            Column("chain", "Chain", help="As in the file given"),
            Column("written_as", "Written as"),
            Column("kind", "Kind"),
            Column("polymer", "Polymer residues", "", "BIGINT"),
            Column("ligands", "Ligands and ions", "", "BIGINT"),
            Column("waters", "Waters", "", "BIGINT"),
            Column("atoms", "Atoms", "", "BIGINT"),
        ],
        [
            (
                name,
                chain.name,
                _kind(chain),
                len(chain.get_polymer()),
                len(chain.get_ligands()),
                sum(residue.is_water() for residue in chain),
                chain.count_atom_sites(),
            )
            for name, chain in zip(names, structure[0], strict=True)
        ],
    )


def _kind(chain: gemmi.Chain) -> str:
    kinds = {
        "PeptideL": "protein",
        "PeptideD": "protein (D)",
        "Dna": "DNA",
        "Rna": "RNA",
        "DnaRnaHybrid": "DNA/RNA",
        "SaccharideL": "saccharide",
        "SaccharideD": "saccharide",
    }
    polymer = chain.get_polymer()
    if not len(polymer):
        return "no polymer"
    return kinds.get(polymer.check_polymer_type().name, "other polymer")


def view(finished: Finished) -> Sequence[Panel]:
    summary: Any = finished.summary
    panels: list[Panel] = [
        MetricsPanel(
            "Structure",
            [
                ("Atoms", f"{summary['atoms']:,}", "Of the first model"),
                ("Chains", f"{summary['chains']}", ""),
                ("Models", f"{summary['models']}", ""),
                ("Format", f"{summary['from']} → {summary['to']}", ""),
            ],
        )
    ]
    layer = Layer(summary["file"], summary["to"], summary["file"], "receptor")
    return [*panels, StructurePanel("Structure", [layer]), TablePanel("Chains", "chains")]


def title(given: Given[Inputs, Settings]) -> str:
    return f"{given.file('structure').name} to {given.settings.to}"


def example() -> Example:
    """Human dihydrofolate reductase, from the examples that PoseBusters carries (PDB 1s3v)."""
    import posebusters

    path = Path(posebusters.__file__).parent / "datasets/pdb/1s3v/1s3v_protein_one_lig_removed.pdb"
    return Example(
        "Human dihydrofolate reductase to mmCIF",
        {"structure": {"text": path.read_text(), "name": "1s3v.pdb"}},
        {"to": "mmcif"},
    )


def _some(items: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


LIMITS = Limits(memory_mb=2048, timeout_s=600, unpacked_mb=150, quick=True)

TOOL = Tool(
    id="convert-structure",
    name="Convert structure",
    summary="Converts protein and nucleic acid structures between PDB and mmCIF, and says what does not fit.",
    category="Utilities",
    keywords=("convert", "structure", "pdb", "mmcif", "cif", "chains", "protein", "format"),
    homepage="https://gemmi.readthedocs.io",
    licence="MPL-2.0",
    doi="10.21105/joss.04200",
    version=lambda: f"gemmi {version('gemmi')}",
    Inputs=Inputs,
    Settings=Settings,
    limits=LIMITS,
    steps=("Convert",),
    check=check,
    imports=("gemmi", "duckdb"),
    run=run,
    view=view,
    example=example,
    title=title,
)
