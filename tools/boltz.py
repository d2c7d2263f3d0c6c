"""Predict the structure of a complex with Boltz-2: proteins, DNA, RNA and ligands, and how strongly a ligand binds.

1. the complex and the alignments are read and written as Boltz wants them
2. Boltz predicts structures by diffusion, one a sample
3. where it is asked for, Boltz predicts the affinity of one ligand
4. what it left is looked at: success is the files, not the exit code
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
    Metric,
    Model,
    Panel,
    PriceLine,
    Problem,
    Result,
    ResultFile,
    RunningJob,
    Tool,
    ToolFailure,
    file_field,
)
from tools.folding import boltz_yaml, complexes, form, msas, predictions
from tools.folding.complexes import Complex
from tools.folding.predictions import Affinity
from tools.folding.view import view

ENGINE = engines.BOLTZ
MOST_TOKENS = 1500
#: Heavy atoms of a ligand whose affinity Boltz-2 predicts.
MOST_BINDER_ATOMS = 128
MOST_FILES = 1000


class Inputs(Model):
    complex: InputFile = file_field(
        "The complex: one line or FASTA record with “:” between chains (protein by default; dna=, rna=, smiles=, ccd= "
        "before a chain for others), or a Boltz YAML file.",
        form.FORMATS,
        placeholder="MKTAYIAKQR:dna=ACGT:smiles=CCO:ccd=ATP",
    )
    msa: form.Alignments = form.msa_field()


_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(Model):
    samples: int = Field(1, ge=1, le=10, description="Structures that are drawn; the best is ranked first.")
    affinity: bool = Field(
        False, description="Predict how strongly the ligand binds. The complex must have exactly one ligand."
    )
    recycling_steps: int = Field(
        3, ge=0, le=10, description="Rounds of refinement before sampling. 3 is Boltz's default."
    )
    sampling_steps: int = Field(
        200,
        ge=5,
        le=500,
        description="Diffusion steps of a sample. 200 is Boltz's default; fewer are quicker and rougher.",
        json_schema_extra=_ADVANCED,
    )
    potentials: bool = Field(
        False,
        description="Steer the samples by physical potentials: fewer clashes and wrong stereocentres, slower.",
        json_schema_extra=_ADVANCED,
    )
    msa_server: bool = form.msa_server_field()
    seed: int = form.seed_field()


BASE, TRUNK, SAMPLING, AFFINITY = 3, 200, 50_000, 5
PRICING = (
    f"{BASE} credits, one for each started {TRUNK} of residues and ligand atoms × (recycling steps + 1), one for each "
    f"started {SAMPLING:,} of residues and ligand atoms × samples × sampling steps, and {AFFINITY} for an affinity."
)


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    found = form.complex_for_price(given, "complex")
    tokens = min(found.tokens, MOST_TOKENS) if found else 0
    settings = given.settings
    yield PriceLine(
        f"Complex of {tokens:,} residues and ligand atoms",
        BASE + math.ceil(tokens * (settings.recycling_steps + 1) / TRUNK),
    )
    sampled = math.ceil(tokens * settings.samples * settings.sampling_steps / SAMPLING)
    if sampled:
        yield PriceLine(f"{settings.samples} samples", sampled)
    if settings.affinity or (found and found.binder):
        yield PriceLine("Affinity", AFFINITY)


def fit(complex: Complex) -> Complex:
    """Raises InputFailure for what Boltz-2 cannot take here."""
    form.check_size(complex, MOST_TOKENS)
    codes = [chain.content for chain in complex.chains if chain.kind == "ccd"]
    codes += [code for chain in complex.chains for _, code in chain.modifications]
    mols = ENGINE.weights_folder() / "mols"
    unknown = [code for code in codes if mols.is_dir() and not (mols / f"{code}.pkl").is_file()]
    if unknown:
        raise InputFailure(
            f"{', '.join(dict.fromkeys(unknown))} is not in the chemical component dictionary of this site. "
            "Give the ligand as SMILES."
        )
    return complex


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    found = form.complex_or_problem(given, "complex", fit)
    yield from form.check_msa_server(given)
    if isinstance(found, Problem):
        yield found
        return
    yield from msas.problems(found, given.files("msa"))
    try:
        _binder(found, given.settings)
    except InputFailure as error:
        yield Problem("affinity" if given.settings.affinity else "complex", str(error))


def _binder(complex: Complex, settings: Settings) -> str | None:
    """The chain whose affinity is asked for. Raises InputFailure."""
    if complex.binder is None and not settings.affinity:
        return None
    ligands = {chain.id: chain for chain in complex.ligands}
    if complex.binder is None and len(ligands) != 1:
        raise InputFailure(
            f"An affinity needs exactly one ligand, and the complex has {len(ligands) or 'none'}. "
            "A Boltz YAML file can name the binder among several."
        )
    binder = complex.binder or next(iter(ligands))
    if binder not in ligands:
        raise InputFailure(f"The binder {binder} is no ligand. An affinity is that of a small molecule.")
    if not complex.proteins:
        raise InputFailure("An affinity needs a protein to which the ligand binds.")
    if ligands[binder].tokens > MOST_BINDER_ATOMS:
        raise InputFailure(
            f"The binder {binder} has {ligands[binder].tokens} heavy atoms; {MOST_BINDER_ATOMS} are the most."
        )
    return binder


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    job.step("Read input")
    complex = fit(complexes.only(job.given.file("complex")))
    alignments = msas.given(complex, job.given.files("msa"))
    binder = _binder(complex, settings)
    if missing := ENGINE.missing():
        raise ToolFailure(missing)
    seed = form.seed(settings)
    input = _write_input(job, complex, alignments, binder)

    job.step("Predict structure")
    job.progress(None, f"{complex.tokens:,} residues and ligand atoms on {_device()}")
    heard = _Heard(job)
    job.command(_command(job, input, seed), on_line=heard.line, environment=_environment(job))

    job.step("Write results")
    left = job.work / "out" / f"boltz_results_{input.stem}" / "predictions" / input.stem
    models, checks = _models(left, complex)
    if not models:
        heard.fail()
    return predictions.result(
        job,
        ENGINE,
        complex,
        models,
        alignments=alignments,
        seed=seed,
        warnings=[*checks, *complexes.looks_like_dna(complex)],
        affinity=_affinity(left, binder),
        files=[_kept_input(job, input)],
    )


def _write_input(
    job: RunningJob, complex: Complex, alignments: dict[str, msas.Alignment], binder: str | None
) -> Path:
    files = {}
    for chain, alignment in alignments.items():
        msas.write(alignment, job.work / f"msa_{chain}.a3m")
        files[chain] = f"msa_{chain}.a3m"
    input = job.work / "complex.yaml"
    ask = job.given.settings.msa_server
    input.write_text(boltz_yaml.write(complex, files, binder=binder, ask_server=ask))
    return input


def _kept_input(job: RunningJob, input: Path) -> ResultFile:
    kept = job.out / "complex.yaml"
    kept.write_bytes(input.read_bytes())
    return ResultFile(kept, "Input as Boltz read it", "yaml")


def _command(job: RunningJob, input: Path, seed: int) -> list[str | Path]:
    settings: Settings = job.given.settings
    asked = ["--use_msa_server", "--msa_server_url", engines.msa_server()] if settings.msa_server else []
    return [
        ENGINE.program(),
        "predict",
        input.name,
        *("--out_dir", "out"),
        *("--cache", ENGINE.weights_folder().resolve()),
        *("--accelerator", "gpu" if engines.gpu() else "cpu"),
        *("--devices", "1"),
        "--no_kernels",
        *("--num_workers", "0"),
        *("--preprocessing-threads", "1"),
        *("--recycling_steps", str(settings.recycling_steps)),
        *("--sampling_steps", str(settings.sampling_steps)),
        *("--diffusion_samples", str(settings.samples)),
        *("--output_format", "mmcif"),
        "--write_full_pae",
        "--override",
        *("--seed", str(seed)),
        *(["--use_potentials"] if settings.potentials else []),
        *asked,
    ]


def _environment(job: RunningJob) -> dict[str, str]:
    return engines.OFFLINE | {"OMP_NUM_THREADS": str(job.cpus), "MKL_NUM_THREADS": str(job.cpus)}


def _device() -> str:
    return "a GPU" if engines.gpu() else "the CPU, where it takes long"


class _Heard:
    """What the program says, as far as it matters."""

    def __init__(self, job: RunningJob) -> None:
        self._job = job
        self._no_memory = False
        self._refused = ""

    def line(self, line: str) -> None:
        if "Predicting property: affinity" in line:
            self._job.step("Predict affinity")
        if "ran out of memory" in line:
            self._no_memory = True
        # Failed to process complex.yaml. Skipping. Error: CCD component XYZ not found!
        if "Failed to process" in line:
            self._refused = line.partition("Error:")[2].strip() or line.strip()

    def fail(self) -> None:
        """Why there is no prediction, where it was told."""
        if self._refused:
            raise InputFailure(f"Boltz-2 refused the complex: {self._refused}")
        if self._no_memory:
            raise ToolFailure("Boltz-2 ran out of memory. Predict a smaller complex, or fewer samples.")


def _models(left: Path, complex: Complex) -> tuple[list[predictions.Model], list[str]]:
    """Best first, and what the program's own checks of the structures found."""
    import numpy as np

    models, failed = [], []
    together = len(complex.chains) > 1
    ids = [chain.id for chain in complex.chains]
    for number in range(len(list(left.glob("confidence_*_model_*.json")))):
        stem = f"{left.name}_model_{number}"
        confidence = json.loads((left / f"confidence_{stem}.json").read_text())
        with np.load(left / f"pae_{stem}.npz") as stored:
            pae = stored["pae"]
        models.append(
            predictions.Model(
                path=left / f"{stem}.cif",
                format="mmcif",
                plddt=100 * confidence["complex_plddt"],
                ptm=confidence["ptm"],
                iptm=confidence["iptm"] if together else None,
                score=confidence["confidence_score"],
                source=f"sample {number + 1}",
                pae=pae,
                ligand_iptm=confidence["ligand_iptm"] if together and complex.ligands else None,
                pairs=_pairs(confidence["pair_chains_iptm"], ids) if together else {},
            )
        )
        if confidence.get("structure_checks_passed") is False:
            failed.append(len(models))
    return models, [_UNSOUND.format(", ".join(map(str, failed)))] if failed else []


_UNSOUND = (
    "Boltz-2's own checks failed for model {}: bonds far from their lengths, or stereocentres that are turned over. "
    "Potentials usually mend that."
)


def _pairs(values: dict[str, dict[str, float]], ids: Sequence[str]) -> dict[tuple[str, str], float]:
    """Boltz numbers the chains from 0."""
    return {
        (ids[int(first)], ids[int(second)]): value
        for first, others in values.items()
        for second, value in others.items()
        if int(first) < int(second) < len(ids)
    }


def _affinity(left: Path, binder: str | None) -> Affinity | None:
    """Raises ToolFailure when it was asked for and is not there."""
    if binder is None:
        return None
    path = left / f"affinity_{left.name}.json"
    if not path.is_file():
        raise ToolFailure("Boltz-2 predicted the structure, but no affinity. The log has what it said.")
    told = json.loads(path.read_text())
    return Affinity(told["affinity_pred_value"], told["affinity_probability_binary"], binder)


def preview(given: Given[Inputs, Settings]) -> Sequence[Panel]:
    return form.preview(given, "complex", ENGINE, fit, aligned=True)


def title(given: Given[Inputs, Settings]) -> str:
    return form.title(given, "complex", "Boltz-2")


def example() -> Example:
    """The designed mini-protein Trp-cage (PDB 1l2y) with glycerol beside it."""
    text = ">trp-cage\nNLYIQWLKDGGPSSGRPPPS:smiles=OCC(O)CO\n"
    return Example(
        "Trp-cage with glycerol",
        {"complex": {"text": text, "name": "trp-cage.fasta"}},
        {"sampling_steps": 50, "recycling_steps": 1, "affinity": True},
        "A designed protein of 20 residues, which needs no alignment to fold, and a small ligand.",
    )


class ManyInputs(Model):
    complexes: list[InputFile] = file_field(
        "Complexes: text with one a line, FASTA with one a record, or Boltz YAML files.",
        form.FORMATS,
        max_length=MOST_FILES,
    )
    msas: list[InputFile] = form.msa_field()


def split(given: Given[ManyInputs, Settings]) -> Iterator[Item]:
    return form.split(given, "complexes", fit, name_of_run="complex")


def many() -> Example:
    text = "first, NLYIQWLKDGGPSSGRPPPS:smiles=OCC(O)CO\nsecond, NLYIQWLKDGGPSSGRPPPS:smiles=CCO\n"
    return Example(
        "Trp-cage with two ligands",
        {"complexes": [{"text": text, "name": "ligands.txt"}]},
        {"sampling_steps": 50, "recycling_steps": 1, "affinity": True},
    )


TOOL = Tool(
    id="boltz-2",
    name="Boltz-2",
    summary="Predicts structures of proteins with ligands, DNA and RNA, and how strongly a ligand binds.",
    category="Structure prediction",
    keywords=(
        "fold",
        "structure",
        "protein",
        "complex",
        "ligand",
        "DNA",
        "RNA",
        "affinity",
        "binding",
        "cofold",
    ),
    homepage="https://github.com/jwohlwend/boltz",
    licence="MIT",
    doi="10.1101/2025.06.14.659707",
    version=ENGINE.version,
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=12_288,
        gpu_if_there=True,
        timeout_s=24 * 3600,
        open_files=4096,
        input_mb=100,
    ),
    steps=("Read input", "Predict structure", "Predict affinity", "Write results"),
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
    batch=Batch(
        Inputs=ManyInputs,
        split=split,
        metrics=(
            form.PLDDT,
            form.IPTM,
            Metric("affinity", "Affinity", "lower", "log10 IC50 in µM", predictions.AFFINITY_HELP),
            Metric(
                "binding_probability", "Probability of binding", "higher", "", predictions.PROBABILITY_HELP
            ),
            form.PTM,
        ),
        example=many,
    ),
)
