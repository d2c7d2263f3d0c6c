"""What a prediction leaves, whichever engine made it: models, tables, summary, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import engines
from tools.contract import Column, Result, ResultFile, RunningJob, Table, ToolFailure
from tools.folding.complexes import Complex
from tools.folding.msas import Alignment, warning, without

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Model:
    """One predicted structure, as the engine left it."""

    #: Where the engine wrote it.
    path: Path
    #: "pdb" or "mmcif".
    format: str
    #: Of the whole complex, 0-100.
    plddt: float
    ptm: float | None
    #: None for a single chain.
    iptm: float | None
    #: By which the engine ranks; higher is better.
    score: float
    #: What the engine calls it: a seed, a model.
    source: str
    #: Å, one row a token.
    pae: np.ndarray | None = None
    ligand_iptm: float | None = None
    #: Pair of chains -> ipTM.
    pairs: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Affinity:
    #: log10 of an IC50 in µM; lower is stronger.
    value: float
    #: That the ligand binds at all, 0-1.
    probability: float
    binder: str


@dataclass(frozen=True, slots=True)
class Residue:
    chain: str
    number: int
    name: str
    #: 0-100
    plddt: float
    #: Rows of the PAE that it has: 1, or one an atom for a ligand.
    tokens: int


def result(
    job: RunningJob,
    engine: engines.Engine,
    complex: Complex,
    models: Sequence[Model],
    *,
    alignments: Mapping[str, Alignment] | None,
    seed: int | None,
    warnings: Sequence[str] = (),
    affinity: Affinity | None = None,
    files: Sequence[ResultFile] = (),
) -> Result:
    """`models` best first; their files go into `job.out`. Alignments and seed are None where an engine takes none.

    Raises ToolFailure when there is no model.
    """
    if not models:
        raise ToolFailure(f"{engine.name} ended without a prediction. The log has what it said.")
    kept = [_keep(job, rank, model) for rank, model in enumerate(models, start=1)]
    tables = [_confidence(complex, models), _residues(models, [path for path, _ in kept])]
    if any(model.pairs for model in models):
        tables.append(_interfaces(models))
    if affinity is not None:
        tables.append(_affinity(affinity))
    return Result(
        summary=_summary(engine, complex, models[0], len(models), alignments, seed, affinity),
        tables=tables,
        files=[*(file for _, listed in kept for file in listed), *files],
        warnings=[*_marks(engine), *_msa_warnings(complex, alignments), *warnings],
    )


def structure_name(rank: int, format: str) -> str:
    return f"model_{rank}.{'pdb' if format == 'pdb' else 'cif'}"


def pae_name(rank: int) -> str:
    return f"pae_{rank}.npz"


def _keep(job: RunningJob, rank: int, model: Model) -> tuple[Path, list[ResultFile]]:
    import numpy as np

    path = job.out / structure_name(rank, model.format)
    path.write_bytes(model.path.read_bytes())
    files = [ResultFile(path, f"Model {rank} (pLDDT as B-factor)", model.format)]
    if model.pae is not None:
        pae = job.out / pae_name(rank)
        np.savez_compressed(pae, pae=np.round(model.pae.astype(np.float32), 2))
        files.append(ResultFile(pae, f"Model {rank}: predicted aligned error in Å (NumPy)", "npz"))
    return path, files


def residues(path: Path) -> list[Residue]:
    """In the order of the file, with the pLDDT that engines write as B-factor (0-100)."""
    import gemmi

    found = []
    for chain in gemmi.read_structure(str(path))[0]:
        for residue in chain:
            values = [atom.b_iso for atom in residue]
            ligand = residue.het_flag == "H"
            found.append(
                Residue(
                    chain.name,
                    residue.seqid.num or 0,
                    residue.name,
                    round(sum(values) / len(values), 2),
                    len(values) if ligand else 1,
                )
            )
    return found


def _summary(
    engine: engines.Engine,
    complex: Complex,
    best: Model,
    models: int,
    alignments: Mapping[str, Alignment] | None,
    seed: int | None,
    affinity: Affinity | None,
) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if best.iptm is not None:
        told["iptm"] = round(best.iptm, 4)
    if best.ptm is not None:
        told["ptm"] = round(best.ptm, 4)
    told["plddt"] = round(best.plddt, 2)
    if affinity is not None:
        told |= {"affinity": round(affinity.value, 4), "binding_probability": round(affinity.probability, 4)}
    told |= {"models": models, "chains": len(complex.chains), "tokens": complex.tokens}
    if alignments is not None:
        told["msa"] = msa_told(complex, alignments)
    if seed is not None:
        told["seed"] = seed
    return told | {
        "device": "GPU" if engines.gpu() else "CPU",
        "engine": engine.version(),
        "marks": "; ".join(_short_marks(engine, complex, alignments)),
    }


def msa_told(complex: Complex, alignments: Mapping[str, Alignment]) -> str:
    return "; ".join(
        f"{chain.id}: {alignments[chain.id].depth:,} sequences"
        if chain.id in alignments
        else f"{chain.id}: none"
        for chain in complex.proteins
    )


def _marks(engine: engines.Engine) -> list[str]:
    return [engines.MADE_UP] if engine.made_up() else []


def _msa_warnings(complex: Complex, alignments: Mapping[str, Alignment] | None) -> list[str]:
    absent = without(complex, alignments) if alignments is not None else []
    return [warning(complex, absent)] if absent else []


def _short_marks(
    engine: engines.Engine, complex: Complex, alignments: Mapping[str, Alignment] | None
) -> Iterator[str]:
    """Written on every plot."""
    if engine.made_up():
        yield "made-up weights, NOT a prediction"
    if alignments is not None and (absent := without(complex, alignments)):
        yield f"no MSA for {', '.join(absent)}"


PLDDT_HELP = "0-100, how sure the engine is of a residue's place among its neighbours; above 70 is usable"
PTM_HELP = "0-1, of the whole fold; above 0.5 the fold may be right"
IPTM_HELP = "0-1, of how the chains lie to each other; above 0.8 is good, below 0.6 it most likely failed"


def _confidence(complex: Complex, models: Sequence[Model]) -> Table:
    number = ("", "DOUBLE")
    columns = [Column("model", "Model", "", "BIGINT", "1 is the best")]
    together = any(model.iptm is not None for model in models)
    ligands = any(model.ligand_iptm is not None for model in models)
    if together:
        columns.append(Column("iptm", "ipTM", *number, IPTM_HELP))
    if ligands:
        columns.append(Column("ligand_iptm", "Ligand ipTM", *number, "0-1, of the ligands' place"))
    columns += [
        Column("ptm", "pTM", *number, PTM_HELP),
        Column("plddt", "pLDDT", *number, PLDDT_HELP),
        Column("score", "Score", *number, "By which the engine ranks its models; higher is better"),
        Column("source", "Made by"),
    ]
    rows = [
        (
            rank,
            *([_rounded(model.iptm)] if together else []),
            *([_rounded(model.ligand_iptm)] if ligands else []),
            _rounded(model.ptm),
            round(model.plddt, 2),
            round(model.score, 4),
            model.source,
        )
        for rank, model in enumerate(models, start=1)
    ]
    return Table("confidence", "Confidence", columns, rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _residues(models: Sequence[Model], paths: Sequence[Path]) -> Table:
    return Table(
        "plddt",
        "pLDDT per residue",
        [
            Column("model", "Model", "", "BIGINT", "1 is the best"),
            Column("chain", "Chain"),
            Column("position", "Position", "", "BIGINT", "From 1 within the chain"),
            Column("residue", "Residue"),
            Column("plddt", "pLDDT", "", "DOUBLE", PLDDT_HELP),
            Column("tokens", "Tokens", "", "BIGINT", "Rows of the aligned error: one an atom for a ligand"),
        ],
        [
            (rank, each.chain, each.number, each.name, each.plddt, each.tokens)
            for rank, path in enumerate(paths, start=1)
            for each in residues(path)
        ],
    )


def _interfaces(models: Sequence[Model]) -> Table:
    return Table(
        "interfaces",
        "Pairs of chains",
        [
            Column("model", "Model", "", "BIGINT", "1 is the best"),
            Column("chain_1", "Chain"),
            Column("chain_2", "With chain"),
            Column("iptm", "ipTM", "", "DOUBLE", IPTM_HELP),
        ],
        [
            (rank, first, second, round(value, 4))
            for rank, model in enumerate(models, start=1)
            for (first, second), value in model.pairs.items()
        ],
    )


def _affinity(affinity: Affinity) -> Table:
    return Table(
        "affinity",
        "Affinity",
        [
            Column("binder", "Ligand", "", "VARCHAR", "Its chain"),
            Column("affinity", "Affinity", "log10 IC50 in µM", "DOUBLE", AFFINITY_HELP),
            Column("ic50", "IC50", "µM", "DOUBLE", "10 to the power of the affinity"),
            Column("binding_probability", "Probability of binding", "", "DOUBLE", PROBABILITY_HELP),
        ],
        [
            (
                affinity.binder,
                round(affinity.value, 4),
                float(f"{10**affinity.value:.4g}"),
                round(affinity.probability, 4),
            )
        ],
    )


AFFINITY_HELP = (
    "log10 of the IC50 in µM: lower is stronger, -3 is 1 nM and 0 is 1 µM. It is no energy in kcal/mol"
)
PROBABILITY_HELP = "0-1, that the ligand binds at all; for telling binders from decoys"
