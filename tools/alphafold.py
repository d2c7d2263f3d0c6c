"""Predict the structure of a protein or of a complex of proteins with AlphaFold-2, through ColabFold.

1. the chains and the alignments are read and written as one A3M file
2. ColabFold runs the chosen number of AlphaFold's five models, with the monomer or the multimer weights
3. what it left is ranked as it ranks: by pLDDT for one chain, by ipTM and pTM for a complex
"""

from __future__ import annotations

import json
import math
import re
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
from tools.folding import complexes, form, msas, predictions
from tools.folding.complexes import Complex
from tools.folding.view import view

ENGINE = engines.ALPHAFOLD
MOST_RESIDUES = 1500
MOST_FILES = 1000
#: Of what was compiled, on a worker; JAX drops what was used longest ago.
CACHE_BYTES = 2**30
#: ColabFold's weights of the score of a complex.
IPTM_SHARE = 0.8


class Inputs(Model):
    sequence: InputFile = file_field(
        "The protein: one line or FASTA record; the chains of a complex are joined by “:”.",
        form.FORMATS,
        placeholder="MKTAYIAKQRQISFVK:GSHMLEDPVDAF",
    )
    msa: form.Alignments = form.msa_field()


class Settings(Model):
    models: int = Field(
        5, ge=1, le=5, description="Models of AlphaFold that are run; the best is ranked first."
    )
    recycles: int = Field(
        3, ge=0, le=12, description="Times that a model refines its own result. Complexes gain from more."
    )
    msa_server: bool = form.msa_server_field()
    seed: int = form.seed_field()


BASE, WORK = 3, 400
PRICING = f"{BASE} credits, and one for each started {WORK} of residues × models × (recycles + 1)."


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    found = form.complex_for_price(given, "sequence")
    residues = min(found.tokens, MOST_RESIDUES) if found else 0
    settings = given.settings
    work = math.ceil(residues * settings.models * (settings.recycles + 1) / WORK)
    yield PriceLine(f"{residues:,} residues", BASE + work)


def fit(complex: Complex) -> Complex:
    """In the order in which ColabFold writes the chains. Raises InputFailure for what it cannot predict."""
    complexes.refuse_all_but_proteins(complex, "AlphaFold-2")
    if complex.constraints or any(chain.modifications or chain.cyclic for chain in complex.chains):
        raise InputFailure(
            "AlphaFold-2 takes no constraints, modified residues or cyclic chains. Boltz-2 does."
        )
    form.check_size(complex, MOST_RESIDUES)
    if len(complex.chains) > 1 and (missing := ENGINE.missing_weights(engines.MULTIMER_WEIGHTS)):
        raise InputFailure(f"Complexes cannot be predicted here. {missing}")
    return complexes.grouped(complex)


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    found = form.complex_or_problem(given, "sequence", fit)
    yield from form.check_msa_server(given)
    if isinstance(found, Problem):
        yield found
        return
    yield from msas.problems(found, given.files("msa"))


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    job.step("Read input")
    complex = fit(complexes.only(job.given.file("sequence")))
    alignments = msas.given(complex, job.given.files("msa"))
    if missing := ENGINE.missing():
        raise ToolFailure(missing)
    seed = form.seed(settings)
    input = _write_input(job, complex, alignments)

    job.step("Predict structure")
    job.progress(None, "loads the weights" + ("" if engines.gpu() else "; on the CPU it takes long"))
    job.command(
        _command(job, input, seed),
        on_line=_Progress(job, settings).line,
        environment=_environment(job),
    )

    job.step("Write results")
    return predictions.result(
        job,
        ENGINE,
        complex,
        _models(job.work / "out", input.stem, together=len(complex.chains) > 1),
        alignments=alignments,
        seed=seed,
        warnings=complexes.looks_like_dna(complex),
    )


def _write_input(job: RunningJob, complex: Complex, alignments: dict[str, msas.Alignment]) -> Path:
    """A FASTA file where the server is asked, an A3M file otherwise: ColabFold asks nobody for that."""
    if job.given.settings.msa_server and not alignments:
        path = job.work / "query.fasta"
        path.write_text(f">query\n{':'.join(chain.content for chain in complex.chains)}\n")
    else:
        path = job.work / "query.a3m"
        path.write_text(msas.colabfold(complex, alignments))
    return path


def _command(job: RunningJob, input: Path, seed: int) -> list[str | Path]:
    settings: Settings = job.given.settings
    asked = input.suffix == ".fasta"
    server = ["--host-url", engines.msa_server()] if asked else []
    return [
        ENGINE.program(),
        input.name,
        "out",
        *("--data", ENGINE.weights_folder().resolve()),
        *("--msa-mode", "mmseqs2_uniref_env" if asked else "single_sequence"),
        *server,
        *("--num-models", str(settings.models)),
        *("--num-recycle", str(settings.recycles)),
        *("--random-seed", str(seed)),
    ]


def _environment(job: RunningJob) -> dict[str, str]:
    """XLA takes as many threads as NPROC says. What it compiles for a length is kept for the next job."""
    own = {
        "NPROC": str(job.cpus),
        "PJRT_NPROC": str(job.cpus),
        "JAX_COMPILATION_CACHE_DIR": str(job.cache / "jax"),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(CACHE_BYTES),
        "MPLCONFIGDIR": str(job.work),
        "MPLBACKEND": "agg",
    }
    return engines.OFFLINE | own | ({} if engines.gpu() else {"JAX_PLATFORMS": "cpu"})


class _Progress:
    """From the lines of ColabFold's log:

    2026-11-30 08:26:29,560 alphafold2_ptm_model_2_seed_003 recycle=0 pLDDT=45.8 pTM=0.03
                                                            ^^^^^^^^^
    2026-11-30 08:26:34,433 alphafold2_ptm_model_2_seed_003 took 14.0s (1 recycles)
    """

    _RECYCLE = re.compile(r"_model_\d_seed_\d+ recycle=(\d+)(.*)")
    _TOOK = re.compile(r"_model_\d_seed_\d+ took ")

    def __init__(self, job: RunningJob, settings: Settings) -> None:
        self._job = job
        self._rounds = settings.recycles + 1
        self._models = settings.models
        self._done = 0

    def line(self, line: str) -> None:
        if found := self._RECYCLE.search(line):
            part = min(1.0, (int(found[1]) + 1) / self._rounds)
            self._tell(self._done + part, f"model {self._done + 1} of {self._models}:{found[2]}")
        elif self._TOOK.search(line):
            self._done += 1
            self._tell(self._done, f"model {self._done} of {self._models}")

    def _tell(self, models: float, note: str) -> None:
        self._job.progress(min(1.0, models / self._models), note)


def _models(left: Path, stem: str, *, together: bool) -> list[predictions.Model]:
    """Best first. `query_scores_rank_001_alphafold2_ptm_model_2_seed_042.json` and the PDB file beside it."""
    import numpy as np

    found = []
    for scores in sorted(left.glob(f"{stem}_scores_rank_*.json")):
        name = scores.stem.removeprefix(f"{stem}_scores_")
        told = json.loads(scores.read_text())
        plddt = float(np.mean(told["plddt"]))
        iptm = told.get("iptm") if together else None
        found.append(
            predictions.Model(
                path=left / f"{stem}_unrelaxed_{name}.pdb",
                format="pdb",
                plddt=plddt,
                ptm=told.get("ptm"),
                iptm=iptm,
                score=plddt if iptm is None else IPTM_SHARE * iptm + (1 - IPTM_SHARE) * told["ptm"],
                source=re.sub(r"^rank_\d+_|_seed_\d+$", "", name),
                pae=np.array(told["pae"], dtype=np.float32) if "pae" in told else None,
            )
        )
    return found


def preview(given: Given[Inputs, Settings]) -> Sequence[Panel]:
    return form.preview(given, "sequence", ENGINE, fit, aligned=True)


def title(given: Given[Inputs, Settings]) -> str:
    return form.title(given, "sequence", "AlphaFold-2")


def example() -> Example:
    """The designed mini-protein Trp-cage (PDB 1l2y)."""
    return Example(
        "Trp-cage",
        {"sequence": {"text": ">trp-cage\nNLYIQWLKDGGPSSGRPPPS\n", "name": "trp-cage.fasta"}},
        {"models": 1, "recycles": 1},
        "A designed protein of 20 residues, which needs no alignment to fold.",
    )


class ManyInputs(Model):
    sequences: list[InputFile] = file_field(
        "Proteins: text with one a line, or FASTA with one a record; “:” joins the chains of a complex.",
        form.FORMATS,
        max_length=MOST_FILES,
    )
    msas: list[InputFile] = form.msa_field()


def split(given: Given[ManyInputs, Settings]) -> Iterator[Item]:
    return form.split(given, "sequences", fit, name_of_run="sequence")


def many() -> Example:
    text = ">trp-cage\nNLYIQWLKDGGPSSGRPPPS\n>dimer\nNLYIQWLKDGGPSSGRPPPS:NLYIQWLKDGGPSSGRPPPS\n"
    return Example(
        "Trp-cage alone and twice",
        {"sequences": [{"text": text, "name": "two.fasta"}]},
        {"models": 1, "recycles": 1},
    )


TOOL = Tool(
    id="alphafold-2",
    name="AlphaFold-2",
    summary="Predicts the structure of a protein, or of several proteins together, with AlphaFold's five models.",
    category="Structure prediction",
    keywords=("fold", "structure", "protein", "complex", "multimer", "ColabFold", "pLDDT", "PAE"),
    homepage="https://github.com/sokrypton/ColabFold",
    licence="MIT (ColabFold), Apache-2.0 (AlphaFold), CC BY 4.0 (weights)",
    doi="10.1038/s41592-022-01488-1",
    version=ENGINE.version,
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=8,
        memory_mb=8192,
        gpu_if_there=True,
        timeout_s=24 * 3600,
        open_files=4096,
        input_mb=200,
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
    batch=Batch(Inputs=ManyInputs, split=split, metrics=(form.PLDDT, form.IPTM, form.PTM), example=many),
)
