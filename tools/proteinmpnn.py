"""Design protein sequences for a backbone with ProteinMPNN.

1. the backbone is read; every chain is kept, those that were chosen are designed
2. ProteinMPNN draws sequences (its weights are in its package)
3. the sequences are read from its FASTA file
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools import engines, structures
from tools.contract import (
    Batch,
    Column,
    Example,
    FigurePanel,
    Finished,
    Given,
    InputFailure,
    InputFile,
    Item,
    Layer,
    Limits,
    Metric,
    MetricsPanel,
    Model,
    Panel,
    PriceLine,
    Problem,
    Result,
    ResultFile,
    RowsPanel,
    RunningJob,
    StructurePanel,
    Table,
    TablePanel,
    Tool,
    ToolFailure,
    file_field,
)
from tools.words import some, told

if TYPE_CHECKING:
    import gemmi

ENGINE = engines.PROTEINMPNN
MOST_RESIDUES = 3000
MOST_FILES = 1000
UNPACKED_MB = 100
WANTED = "a protein structure (PDB or mmCIF)"
BACKBONE = ("N", "CA", "C", "O")


class Inputs(Model):
    structure: InputFile = file_field(
        "Backbone of the protein: PDB or mmCIF; the first model is read.", structures.FORMATS
    )


_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(Model):
    chains: str = Field(
        "",
        max_length=200,
        description="Chains to design; the others are seen and kept. Empty: all.",
        examples=["A, B"],
    )
    sequences_per_target: int = Field(8, ge=1, le=100, description="Sequences that are drawn.")
    temperature: float = Field(
        0.1,
        gt=0,
        le=1,
        description="0.1 stays near the most likely sequence; higher is more diverse and less sure.",
    )
    weights: Literal["vanilla", "soluble"] = Field(
        "vanilla",
        description="soluble: trained on soluble proteins only, for membrane folds made soluble.",
        json_schema_extra=_ADVANCED,
    )
    omit: str = Field(
        "X",
        pattern=r"^[ACDEFGHIKLMNPQRSTVWYX]*$",
        max_length=20,
        description="Amino acids that are not used, as letters: CX leaves out cysteine.",
        json_schema_extra=_ADVANCED,
    )
    seed: int = Field(
        42,
        ge=0,
        le=2_147_483_647,
        description="Start of the random numbers. 0 takes a random one and records it.",
        json_schema_extra=_ADVANCED,
    )


BASE, WORK = 3, 2000
PRICING = f"{BASE} credits, and one for each started {WORK:,} of residues × sequences."


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    try:
        residues = sum(each.residues for each in backbone(given).chains)
    except InputFailure:  # `check` tells
        residues = 0
    count = given.settings.sequences_per_target
    work = math.ceil(min(residues, MOST_RESIDUES) * count / WORK)
    yield PriceLine(f"{count} sequences for {residues:,} residues", BASE + work)


@dataclass(frozen=True, slots=True)
class BackboneChain:
    #: As the person's file calls it.
    name: str
    #: One letter, as the program needs it.
    letter: str
    residues: int
    #: Residues without one of the four backbone atoms, which are left out.
    incomplete: int
    designed: bool


@dataclass(frozen=True)
class Backbone:
    chains: tuple[BackboneChain, ...]
    structure: gemmi.Structure

    @property
    def designed(self) -> list[BackboneChain]:
        return [chain for chain in self.chains if chain.designed]


def backbone(given: Given[Inputs, Settings]) -> Backbone:
    """The protein of the file, with chains of one letter. Raises InputFailure."""
    structure = structures.read(given.file("structure"), wanted=WANTED, limit_mb=UNPACKED_MB)
    structure.setup_entities()
    while len(structure) > 1:
        del structure[len(structure) - 1]
    structure.remove_alternative_conformations()
    structure.remove_ligands_and_waters()
    structure.remove_empty_chains()
    wanted = [name for name in re.split(r"[,\s]+", given.settings.chains) if name]
    found = list(_chains(structure, wanted))
    _refuse(found, wanted)
    return Backbone(tuple(found), structure)


def _chains(structure: gemmi.Structure, wanted: Sequence[str]) -> Iterator[BackboneChain]:
    """Leaves complete amino acids only, and gives each chain a letter."""
    kept = 0
    for chain in list(structure[0]):
        name = chain.name
        whole = sum(_is_amino_acid(residue) for residue in chain)
        for place in reversed(range(len(chain))):
            if not _complete(chain[place]):
                del chain[place]
        if not len(chain) or kept == len(ascii_uppercase):
            structure[0].remove_chain(name)
            continue
        chain.name = letter = ascii_uppercase[kept]
        kept += 1
        yield BackboneChain(name, letter, len(chain), whole - len(chain), not wanted or name in wanted)


def _is_amino_acid(residue: gemmi.Residue) -> bool:
    import gemmi

    return gemmi.find_tabulated_residue(residue.name).is_amino_acid()


def _complete(residue: gemmi.Residue) -> bool:
    return _is_amino_acid(residue) and all(atom in residue for atom in BACKBONE)


def _refuse(found: Sequence[BackboneChain], wanted: Sequence[str]) -> None:
    if not found:
        raise InputFailure(
            "The file has no amino acid with its backbone atoms N, CA, C and O. ProteinMPNN designs proteins."
        )
    names = [chain.name for chain in found]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InputFailure(f"There is no protein chain {', '.join(unknown)}; there is {some(names)}.")
    residues = sum(chain.residues for chain in found)
    if residues > MOST_RESIDUES:
        raise InputFailure(f"The protein has {residues:,} residues; {MOST_RESIDUES:,} are the most here.")


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    try:
        backbone(given)
    except InputFailure as error:
        yield Problem("chains" if "no protein chain" in str(error) else "structure", str(error))


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    job.step("Read backbone")
    found = backbone(job.given)
    if missing := ENGINE.missing():
        raise ToolFailure(missing)
    seed = settings.seed or random.SystemRandom().randint(1, 2_147_483_647)
    kept = job.out / "backbone.pdb"
    found.structure.write_pdb(str(kept))
    (job.work / "backbone.pdb").write_bytes(kept.read_bytes())

    job.step("Design")
    job.progress(None, f"{settings.sequences_per_target} sequences")
    job.command(_command(found, settings, seed), environment={"OMP_NUM_THREADS": str(job.cpus)})

    job.step("Write results")
    left = job.work / "out" / "seqs" / "backbone.fa"
    if not left.is_file():
        raise ToolFailure("ProteinMPNN ended without a sequence. The log has what it said.")
    native, designs = read_designs(left.read_text(), found)
    if not designs:
        raise ToolFailure("ProteinMPNN ended without a sequence. The log has what it said.")
    fasta = job.out / "designs.fasta"
    fasta.write_text("".join(f">design-{each.number}\n{each.sequence}\n" for each in designs))
    return Result(
        summary=_summary(found, native, designs, seed),
        tables=[_table(designs)],
        files=[
            ResultFile(fasta, "Designed sequences, chains joined by “:”", "fasta"),
            ResultFile(kept, "Backbone as it was read", "pdb"),
        ],
        warnings=list(_warnings(found)),
    )


def _command(found: Backbone, settings: Settings, seed: int) -> list[str | Path]:
    return [
        ENGINE.program(),
        *("--pdb-path", "backbone.pdb"),
        *("--pdb-path-chains", " ".join(chain.letter for chain in found.designed)),
        *("--out-folder", "out"),
        *("--num-seq-per-target", str(settings.sequences_per_target)),
        *("--sampling-temp", str(settings.temperature)),
        *("--omit-AAs", settings.omit),
        *("--batch-size", "1"),
        *("--seed", str(seed)),
        *(["--use-soluble-model"] if settings.weights == "soluble" else []),
    ]


@dataclass(frozen=True, slots=True)
class Design:
    #: 1, 2, ..., best first.
    number: int
    #: Mean negative log probability of the designed residues; lower is better.
    score: float
    #: Share of designed residues that are those of the file, in %.
    recovery: float
    #: Chains joined by `:`.
    sequence: str


def read_designs(text: str, found: Backbone) -> tuple[float, list[Design]]:
    """The score of the file's own sequence, and the designs, best first. The program writes

    >backbone, score=1.6334, global_score=1.6334, fixed_chains=[], designed_chains=['A'], ..., seed=42
    >T=0.1, sample=1, score=0.8107, global_score=0.8107, seq_recovery=0.4745
    """
    lines = [line for line in text.splitlines() if line]
    records = list(zip(lines[::2], lines[1::2], strict=False))
    native = float(_value(records[0][0], "score")) if records else math.nan
    drawn = [
        (
            float(_value(header, "score")),
            100 * float(_value(header, "seq_recovery")),
            sequence.replace("/", ":"),
        )
        for header, sequence in records[1:]
    ]
    return native, [
        Design(number, score, round(recovery, 2), sequence)
        for number, (score, recovery, sequence) in enumerate(sorted(drawn), start=1)
    ]


def _value(header: str, name: str) -> str:
    found = re.search(rf"(?<![a-z_]){name}=([-\d.e]+)", header)
    if found is None:
        raise ToolFailure(f"ProteinMPNN wrote a sequence without {name}: {header[:100]}")
    return found[1]


def _summary(found: Backbone, native: float, designs: Sequence[Design], seed: int) -> dict[str, Any]:
    return {
        "best_score": designs[0].score,
        "native_score": native,
        "recovery": round(mean(each.recovery for each in designs), 2),
        "sequences": len(designs),
        "residues": sum(chain.residues for chain in found.designed),
        "designed": ", ".join(chain.name for chain in found.designed),
        "seed": seed,
        "engine": ENGINE.version(),
    }


def _table(designs: Sequence[Design]) -> Table:
    return Table(
        "designs",
        "Designed sequences",
        [
            Column("design", "Design", "", "BIGINT", "1 has the best score"),
            Column("score", "Score", "", "DOUBLE", SCORE_HELP),
            Column("recovery", "Recovery", "%", "DOUBLE", RECOVERY_HELP),
            Column("sequence", "Sequence", "", "VARCHAR", "Designed chains, joined by “:”"),
        ],
        [(each.number, each.score, each.recovery, each.sequence) for each in designs],
    )


SCORE_HELP = "Mean negative log probability of a designed residue; lower is better"
RECOVERY_HELP = "Designed residues that are the file's own. Around half is usual for natural backbones"


def _warnings(found: Backbone) -> Iterator[str]:
    for chain in found.chains:
        if chain.incomplete:
            yield (
                f"{chain.incomplete} residues of chain {chain.name} lack backbone atoms and were left out."
            )
        if chain.name != chain.letter:
            yield f"Chain {chain.name} is called {chain.letter} in the result."


def view(finished: Finished) -> Sequence[Panel]:
    rows = finished.rows("designs")
    return [
        _metrics(finished.summary),
        _figure(rows, finished.summary),
        TablePanel("Designed sequences", "designs", "AlphaFold-2 and Boltz-2 take designs.fasta as a batch."),
        StructurePanel("Backbone", [Layer("backbone.pdb", "pdb", "Backbone", "backbone")]),
    ]


def _metrics(summary: Any) -> MetricsPanel:
    return MetricsPanel(
        "Designs",
        [
            ("Native recovery", told(summary["recovery"], "{:.1f} %"), RECOVERY_HELP),
            ("Best score", told(summary["best_score"], "{:.3f}"), SCORE_HELP),
            ("Score of the file's own", told(summary["native_score"], "{:.3f}"), SCORE_HELP),
            ("Sequences", told(summary["sequences"]), ""),
            ("Designed", f"{told(summary['residues'])} residues of {told(summary['designed'])}", ""),
            ("Seed", told(summary["seed"]), "The same seed on the same machine gives the same sequences"),
        ],
    )


def _figure(rows: Sequence[dict[str, Any]], summary: Any) -> FigurePanel:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=[row["recovery"] for row in rows],
        y=[row["score"] for row in rows],
        customdata=[row["design"] for row in rows],
        mode="markers",
        marker_size=9,
        hovertemplate="design %{customdata}: score %{y:.3f}, recovery %{x:.1f} %<extra></extra>",
    )
    figure.add_hline(
        y=summary["native_score"],
        line_dash="dot",
        line_width=1,
        line_color="#8a979c",
        annotation={"text": "the file's own sequence"},
    )
    figure.update_layout(
        height=320, xaxis_title="Recovery (%)", yaxis_title="Score (lower is better)", showlegend=False
    )
    scores = [row["score"] for row in rows]
    alt = f"Score and recovery of {len(rows)} designs; scores from {min(scores):.3f} to {max(scores):.3f}"
    return FigurePanel("Score and recovery", figure, alt=alt)


def preview(given: Given[Inputs, Settings]) -> Sequence[Panel]:
    """Chain by chain. Raises InputFailure."""
    if not given.files("structure"):
        return []
    found = backbone(given)
    rows = [(each.name, each.residues, each.incomplete, each.designed) for each in found.chains]
    columns = [
        Column("chain", "Chain"),
        Column("residues", "Residues", "", "BIGINT"),
        Column("incomplete", "Left out", "", "BIGINT", "Without all backbone atoms"),
        Column("designed", "Designed", "", "BOOLEAN"),
    ]
    count = given.settings.sequences_per_target
    return [RowsPanel(f"1 job, {count} sequences", columns, rows)]


def title(given: Given[Inputs, Settings]) -> str:
    return f"{given.file('structure').stem}: {given.settings.sequences_per_target} sequences"


def example() -> Example:
    """Human dihydrofolate reductase, from the examples that PoseBusters carries (PDB 1s3v)."""
    import posebusters

    folder = Path(posebusters.__file__).parent / "datasets" / "pdb" / "1s3v"
    text = (folder / "1s3v_protein_one_lig_removed.pdb").read_text()
    return Example(
        "Sequences for human dihydrofolate reductase (1s3v)",
        {"structure": {"text": text, "name": "1s3v.pdb"}},
        {"sequences_per_target": 2},
        "About half of the residues come out as in the natural enzyme.",
    )


class ManyInputs(Model):
    structures: list[InputFile] = file_field(
        "Backbones: PDB or mmCIF files.", structures.FORMATS, max_length=MOST_FILES
    )


def split(given: Given[ManyInputs, Settings]) -> Iterator[Item]:
    """One run a file."""
    seen: dict[str, int] = {}
    for file, reference in zip(given.files("structures"), given.inputs.structures, strict=True):
        seen[file.stem] = seen.get(file.stem, 0) + 1
        name = file.stem if seen[file.stem] == 1 else f"{file.stem}-{seen[file.stem]}"
        inputs = {"structure": reference.model_dump(exclude_none=True)}
        one = Given(Inputs.model_validate(inputs), given.settings, {"structure": [file]})
        yield Item(name, file.name, inputs, next((problem.message for problem in check(one)), ""))


def many() -> Example:
    one = example()
    return Example(one.name, {"structures": [one.inputs["structure"]]}, one.settings)


TOOL = Tool(
    id="proteinmpnn",
    name="ProteinMPNN",
    summary="Designs protein sequences that fold into a given backbone.",
    category="Protein design",
    keywords=("design", "sequence", "inverse folding", "protein", "backbone", "recovery"),
    homepage="https://github.com/dauparas/ProteinMPNN",
    licence="MIT",
    doi="10.1126/science.add2187",
    version=ENGINE.version,
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=4,
        memory_mb=2048,
        gpu_if_there=True,
        timeout_s=6 * 3600,
        input_mb=100,
        unpacked_mb=UNPACKED_MB,
    ),
    steps=("Read backbone", "Design", "Write results"),
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
            Metric("best_score", "Best score", "lower", "", SCORE_HELP),
            Metric("recovery", "Native recovery", "higher", "%", RECOVERY_HELP),
        ),
        example=many,
    ),
)
