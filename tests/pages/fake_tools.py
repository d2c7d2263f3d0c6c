"""The tools of the laboratory in memory: one that docks, also many at once, and one whose program is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from tools.contract import (
    Batch,
    Example,
    Given,
    InputFile,
    Item,
    Limits,
    Metric,
    Model,
    Panel,
    PriceLine,
    Result,
    Tool,
    file_field,
)

RECEPTOR = "HEADER    A LOOP OF ALANINES\n" + "".join(
    f"ATOM  {i * 4 + j + 1:5d}  {name:<3} ALA A{i + 1:4d}    "
    f"{8 * math.cos(i * 0.6) + dx:8.3f}{8 * math.sin(i * 0.6) + dy:8.3f}{i * 1.1 + dz:8.3f}"
    f"  1.00 20.00           {name[0]}\n"
    for i in range(24)
    for j, (name, dx, dy, dz) in enumerate(
        [("N", 0, 0, 0), ("CA", 1.1, 0.9, 0.2), ("C", 2.2, 0.2, 0.6), ("O", 2.4, -1.0, 0.6)]
    )
)
LIGAND = """benzene
  wellplate

  6  6  0  0  0  0  0  0  0  0999 V2000
    1.4000    0.0000   10.0000 C   0  0
    0.7000    1.2124   10.0000 C   0  0
   -0.7000    1.2124   10.0000 C   0  0
   -1.4000    0.0000   10.0000 C   0  0
   -0.7000   -1.2124   10.0000 C   0  0
    0.7000   -1.2124   10.0000 C   0  0
  1  2  2  0
  2  3  1  0
  3  4  2  0
  4  5  1  0
  5  6  2  0
  6  1  1  0
M  END
$$$$
"""


class DockInputs(Model):
    receptor: InputFile = file_field("Protein structure, with or without hydrogens.", ["pdb", "mmcif"])
    ligands: list[InputFile] = file_field("Molecules to dock.", ["sdf", "smiles"])
    reference: InputFile | None = file_field("Ligand in the crystal.", ["sdf", "pdb"], optional=True)


class DockSettings(Model):
    mode: Literal["single", "simultaneous", "batch"] = Field(
        "single", description="How several ligands are treated."
    )
    center: tuple[float, float, float] | None = Field(
        None, description="Middle of the box.", json_schema_extra={"unit": "Å"}
    )
    size: tuple[float, float, float] = Field(
        (20.0, 20.0, 20.0), description="Edges of the box.", json_schema_extra={"unit": "Å"}
    )
    exhaustiveness: int = Field(8, ge=1, le=128, description="Search effort; 8 is usual.")
    energy_range: float = Field(
        3.0, gt=0, le=20, description="Worst pose above the best one.", json_schema_extra={"unit": "kcal/mol"}
    )
    seed: int = Field(1, ge=1, description="Seed of the search.", json_schema_extra={"advanced": True})
    score_only: bool = Field(False, description="Score the given pose without a search.")
    chains: list[str] = Field(default_factory=list, description="Chains to keep; empty for all.")
    remark: str = Field("", max_length=80, description="Free text.")


def _nothing(job: Any) -> Result:
    return Result()


def _no_panels(finished: Any) -> list[Panel]:
    return []


class ManyDockInputs(Model):
    receptor: InputFile = file_field("Protein structure, the same for all.", ["pdb", "mmcif"])
    ligands: list[InputFile] = file_field("Molecules, each a job of its own.", ["sdf", "smiles"])
    pairing: Literal["each", "all"] = Field(
        "each",
        description="How receptors and ligands meet.",
        json_schema_extra={"labels": {"each": "Each by itself", "all": "All with all"}},
    )


SCREEN = """c1ccccc1 benzene
Cc1ccccc1 toluene
Oc1ccccc1 phenol
c1ccccc1( half a ring
CC(=O)O acetic acid
"""


def split(given: Given) -> Iterator[Item]:
    """A job for each line that holds a SMILES with closed brackets."""
    for number, line in enumerate(given.file("ligands").path.read_text().splitlines(), 1):
        yield item(number, line)


def item(number: int, line: str) -> Item:
    smiles, _, name = line.partition(" ")
    return Item(
        name=name or smiles,
        where=f"ligands.smi, line {number}",
        inputs={
            "receptor": {"text": RECEPTOR, "name": "1iep.pdb"},
            "ligands": [{"text": line, "name": "one.smi"}],
        },
        problem="" if smiles.count("(") == smiles.count(")") else f"“{smiles}” is not a valid SMILES.",
        doubt="A stereocentre is not defined; one of the forms is docked." if "@" in smiles else "",
    )


DOCK = Tool(
    id="dock",
    name="Dock",
    summary="Places small molecules into a binding site and estimates how well they bind.",
    category="Docking",
    keywords=("docking", "ligand", "binding", "affinity"),
    homepage="https://vina.scripps.edu",
    licence="Apache-2.0",
    version=lambda: "Vina 1.2.7",
    Inputs=DockInputs,
    Settings=DockSettings,
    limits=Limits(cpus_max=4),
    steps=("Prepare", "Maps", "Dock", "Check"),
    price=lambda given: [PriceLine("Docking, 1 ligand", 10), PriceLine("Pose checks", 2)],
    run=_nothing,
    view=_no_panels,
    batch=Batch(
        Inputs=ManyDockInputs,
        split=split,
        metrics=(
            Metric("affinity", "Affinity", "lower", "kcal/mol", "Of the best pose."),
            Metric("rmsd", "RMSD", "lower", "Å"),
        ),
        example=lambda: Example(
            "Four small rings and an acid",
            {
                "receptor": {"text": RECEPTOR, "name": "1iep.pdb"},
                "ligands": [{"text": SCREEN, "name": "ligands.smi"}],
                "pairing": "each",
            },
            {"center": [15.6, 53.4, 15.5], "size": [20.0, 20.0, 20.0], "exhaustiveness": 8},
        ),
    ),
    example=lambda: Example(
        "Imatinib into ABL1 kinase (1iep)",
        {
            "receptor": {"text": RECEPTOR, "name": "1iep.pdb"},
            "ligands": [{"text": "c1ccccc1 benzene", "name": "benzene.smi"}],
        },
        {"center": [15.6, 53.4, 15.5], "size": [20.0, 20.0, 20.0], "exhaustiveness": 8},
        note="A minute on two cores. Redocking finds the crystal pose.",
    ),
)
ABSENT = replace(
    DOCK,
    id="boltz-2",
    batch=None,
    name="Boltz-2",
    summary="Predicts the structure of a complex from its sequences.",
    category="Structure prediction",
    keywords=("fold", "structure", "complex"),
    example=lambda: Example("A small protein", {}, {}),
    missing=lambda: "The program boltz is not installed. Install it with: make boltz",
)
