"""Many receptors and ligands at once: a run for each pair, or for each receptor with all ligands together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field

from tools.contract import Example, Given, InputFailure, InputFile, Item, Model, file_field
from tools.docking import ligands
from tools.docking.ligands import Ligand, Record


class Inputs(Model):
    receptors: Annotated[list[InputFile], Field(min_length=1, max_length=100)] = file_field(
        "Receptors with coordinates: PDB or mmCIF. The same box holds for all of them.", ("pdb", "mmcif")
    )
    ligands: Annotated[list[InputFile], Field(min_length=1, max_length=1000)] = file_field(
        "Ligands: SDF (each record is one), or SMILES text, one “SMILES name” per line.", ("sdf", "smiles")
    )
    pairing: Literal["all", "pairs"] = Field(
        "all",
        description="Which ligand is docked into which receptor: every one into every one (all), or the first into the "
        "first, the second into the second, and so on (pairs).",
        json_schema_extra={
            "when": {"mode": ["single", "batch"]},
            "labels": {"all": "Every ligand in every receptor", "pairs": "First in first, second in second"},
        },
    )
    reference_ligand: InputFile | None = file_field(
        "A ligand placed in the binding site (SDF with coordinates), when the box goes around it.",
        ("sdf",),
        optional=True,
        when={"box_from": "ligand"},
    )


#: Runs of a batch: the mode `batch` is for ten ligands, the others for a screen.
MOST_IN_BATCH, MOST_RUNS = 10, 1000


def most_runs(settings: Any) -> int:
    return MOST_IN_BATCH if settings.mode == "batch" else MOST_RUNS


def split(given: Given[Inputs, Any]) -> Iterator[Item]:
    """A run for each receptor with all ligands (simultaneous), otherwise for each receptor and ligand."""
    receptors = list(zip(given.inputs.receptors, given.files("receptors"), strict=True))
    if given.settings.mode == "simultaneous":
        for receptor, file in receptors:
            yield Item(
                f"Ligands in {file.stem}",
                file.name,
                _item(given, receptor, [_told(ligand) for ligand in given.inputs.ligands]),
            )
        return
    records = ligands.records(given.files("ligands"), MOST_RUNS)
    understood = {record.name: ligands.understand(record) for record in records}
    doubted = given.settings.mode == "batch"
    for (receptor, file), record in _pairs(given, receptors, records):
        ligand = understood[record.name]
        yield Item(
            record.name if len(receptors) == 1 else f"{record.name} in {file.stem}",
            record.where,
            _item(given, receptor, [_as_file(record)]),
            problem=_problem(ligand, doubted=doubted),
            doubt=f"{ligand.doubt}: it will most likely fail, and is then refunded."
            if ligand.doubt and doubted
            else "",
        )


def _pairs(
    given: Given[Inputs, Any], receptors: list[Any], records: list[Record]
) -> Iterator[tuple[Any, Record]]:
    if given.inputs.pairing == "all":
        return product(receptors, records)
    if len(receptors) != len(records):
        raise InputFailure(
            f"Pairs need as many ligands as receptors; there are {len(records)} ligands and {len(receptors)} receptors."
        )
    return zip(receptors, records, strict=True)


def _item(given: Given[Inputs, Any], receptor: InputFile, chosen: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The inputs of one run, in the API's form."""
    reference = given.inputs.reference_ligand
    more = {"reference_ligand": _told(reference)} if reference is not None else {}
    return {"receptor": _told(receptor), "ligands": list(chosen), **more}


def _told(file: InputFile) -> dict[str, str]:
    return file.model_dump(exclude_none=True)


def _as_file(record: Record) -> dict[str, str]:
    """One ligand as a file of its own, named after it."""
    if record.format == "smiles":
        return {"text": f"{record.text} {record.name}\n", "name": f"{record.name}.smi"}
    return {"text": f"{record.text.rstrip()}\n$$$$\n", "name": f"{record.name}.sdf"}


def _problem(ligand: Ligand, *, doubted: bool) -> str:
    """Why it cannot be run; where it may be `doubted`, which atoms it can type is for Vina to say."""
    if ligand.problem is None or (ligand.doubt and doubted):
        return ""
    return f"{ligand.name} cannot be docked: {ligand.problem}."


#: Antifolates that bind where the crystal's inhibitor does, and two small molecules that do not.
ANTIFOLATES = """\
COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC trimethoprim
CCc1nc(N)nc(N)c1-c1ccc(Cl)cc1 pyrimethamine
CN(Cc1cnc2nc(N)nc(N)c2n1)c1ccc(cc1)C(=O)N[C@@H](CCC(=O)O)C(=O)O methotrexate
CC1(C)N=C(N)N=C(N)N1c1ccc(Cl)cc1 cycloguanil
CC(=O)Oc1ccccc1C(=O)O aspirin
Cn1c(=O)c2c(ncn2C)n(C)c1=O caffeine
"""


def example(one: Example) -> Example:
    """With the receptor and the box of the example for one ligand."""
    return Example(
        "Antifolates and two other molecules against human dihydrofolate reductase (1s3v)",
        {
            "receptors": [one.inputs["receptor"]],
            "ligands": [{"text": ANTIFOLATES, "name": "antifolates.smi"}],
            "reference_ligand": one.inputs["reference_ligand"],
        },
        {**one.settings, "mode": "batch"},
        "The antifolates should come out before aspirin and caffeine.",
    )
