"""Predict the structure of one protein with ESMFold: from a language model, without an alignment.

1. the sequence is read
2. ESMFold predicts one structure (folding/esmfold_program.py, with the Python of its own environment)
3. what it left is looked at
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from tools import engines
from tools.contract import (
    Batch,
    Example,
    Given,
    InputFailure,
    InputFile,
    Item,
    Limits,
    Model,
    Panel,
    PriceLine,
    Problem,
    Result,
    RunningJob,
    Tool,
    ToolFailure,
    file_field,
)
from tools.folding import complexes, form, predictions
from tools.folding.complexes import Complex
from tools.folding.view import view

ENGINE = engines.ESMFOLD
#: Run by its path, with another Python.
PROGRAM = Path(__file__).parent / "folding" / "esmfold_program.py"
MOST_RESIDUES = 1000
MOST_FILES = 1000


class Inputs(Model):
    sequence: InputFile = file_field(
        "The protein, one chain: one line or FASTA record.",
        form.FORMATS,
        placeholder="MKTAYIAKQRQISFVKSHFSRQ",
    )


class Settings(Model):
    recycles: int = Field(4, ge=0, le=12, description="Times that the model refines its own result.")
    chunk_size: int = Field(
        64,
        ge=0,
        le=512,
        description="Rows that are computed at once: fewer need less memory and more time. 0: all.",
        json_schema_extra={"advanced": True},
    )


BASE, WORK = 3, 800
PRICING = f"{BASE} credits, and one for each started {WORK} of residues × (recycles + 1)."


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    found = form.complex_for_price(given, "sequence")
    residues = min(found.tokens, MOST_RESIDUES) if found else 0
    work = math.ceil(residues * (given.settings.recycles + 1) / WORK)
    yield PriceLine(f"{residues:,} residues", BASE + work)


def fit(complex: Complex) -> Complex:
    """Raises InputFailure for what ESMFold cannot predict."""
    complexes.refuse_all_but_proteins(complex, "ESMFold")
    if len(complex.chains) > 1:
        raise InputFailure(
            f"ESMFold predicts one chain, and this has {len(complex.chains)}. AlphaFold-2 and Boltz-2 take complexes."
        )
    form.check_size(complex, MOST_RESIDUES)
    return complex


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    found = form.complex_or_problem(given, "sequence", fit)
    if isinstance(found, Problem):
        yield found


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    job.step("Read input")
    complex = fit(complexes.only(job.given.file("sequence")))
    if missing := ENGINE.missing():
        raise ToolFailure(missing)

    job.step("Predict structure")
    job.progress(None, "loads the weights")
    job.command(
        [
            ENGINE.program(),
            PROGRAM,
            ENGINE.weights_folder().resolve(),
            complex.chains[0].content,
            str(settings.recycles),
            str(settings.chunk_size),
            "out",
        ],
        on_line=lambda line: job.progress(None, line) if line.startswith("predicts") else None,
        environment=engines.OFFLINE | {"OMP_NUM_THREADS": str(job.cpus)},
    )

    job.step("Write results")
    return predictions.result(
        job,
        ENGINE,
        complex,
        _models(job.work / "out"),
        alignments=None,
        seed=None,
        warnings=[*complexes.looks_like_dna(complex), *_without_place(complex)],
    )


def _without_place(complex: Complex) -> list[str]:
    unknown = complex.chains[0].content.count("X")
    return (
        [f"ESMFold gives unknown residues (X) no atoms: {unknown} are missing in the structure."]
        if unknown
        else []
    )


def _models(left: Path) -> list[predictions.Model]:
    import numpy as np

    if not (left / "confidence.json").is_file():
        return []
    told = json.loads((left / "confidence.json").read_text())
    with np.load(left / "pae.npz") as stored:
        pae = stored["pae"]
    return [
        predictions.Model(
            path=left / "model.pdb",
            format="pdb",
            plddt=told["plddt"],
            ptm=told["ptm"],
            iptm=None,
            score=told["plddt"],
            source="esmfold_v1",
            pae=pae,
        )
    ]


def preview(given: Given[Inputs, Settings]) -> Sequence[Panel]:
    return form.preview(given, "sequence", ENGINE, fit, aligned=False)


def title(given: Given[Inputs, Settings]) -> str:
    return form.title(given, "sequence", "ESMFold")


def example() -> Example:
    """The designed mini-protein Trp-cage (PDB 1l2y)."""
    return Example(
        "Trp-cage",
        {"sequence": {"text": ">trp-cage\nNLYIQWLKDGGPSSGRPPPS\n", "name": "trp-cage.fasta"}},
        {},
        "A designed protein of 20 residues.",
    )


class ManyInputs(Model):
    sequences: list[InputFile] = file_field(
        "Proteins, one chain each: text with one a line, or FASTA with one a record.",
        form.FORMATS,
        max_length=MOST_FILES,
    )


def split(given: Given[ManyInputs, Settings]) -> Iterator[Item]:
    return form.split(given, "sequences", fit, name_of_run="sequence")


def many() -> Example:
    text = ">trp-cage\nNLYIQWLKDGGPSSGRPPPS\n>other\nGSHMKTAYIAKQRQISFVKSH\n"
    return Example("Two small proteins", {"sequences": [{"text": text, "name": "two.fasta"}]}, {})


TOOL = Tool(
    id="esmfold",
    name="ESMFold",
    summary="Predicts the structure of one protein quickly and without an alignment, by a language model.",
    category="Structure prediction",
    keywords=("fold", "structure", "protein", "language model", "ESM", "single sequence", "pLDDT", "PAE"),
    homepage="https://github.com/facebookresearch/esm",
    licence="MIT",
    doi="10.1126/science.ade2574",
    version=ENGINE.version,
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=20_480,
        gpu_if_there=True,
        timeout_s=12 * 3600,
        input_mb=20,
    ),
    steps=("Read input", "Predict structure", "Write results"),
    imports=("numpy",),
    price=price,
    pricing=PRICING,
    check=check,
    run=run,
    view=view,
    example=example,
    missing=ENGINE.missing,
    title=title,
    preview=preview,
    batch=Batch(Inputs=ManyInputs, split=split, metrics=(form.PLDDT, form.PTM), example=many),
)
