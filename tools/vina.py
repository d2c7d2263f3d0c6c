"""Dock small molecules into a receptor with AutoDock Vina.

1. the receptor is cleaned and prepared (Meeko); every change is reported
2. the ligands are read, made three-dimensional where needed, and prepared (Meeko)
3. the maps of receptor and box are computed, or taken from an earlier job on this worker
4. Vina docks each ligand, or all of them at the same time
5. PoseBusters judges the best poses
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tools import formats
from tools.contract import (
    Batch,
    Box,
    Example,
    FigurePanel,
    Finished,
    Given,
    InputFailure,
    InputFile,
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
    RunningJob,
    StructurePanel,
    TablePanel,
    TextPanel,
    Tool,
    ToolFailure,
    file_field,
)
from tools.docking import batches, preparation, results
from tools.docking import box as boxes
from tools.docking import ligands as ligand_files
from tools.docking import receptor as receptors
from tools.docking.engine import Docked, Engine
from tools.docking.ligands import Ligand
from tools.docking.poses import judge, poses
from tools.words import told

MOST_LIGANDS = 10

Edge = Annotated[float, Field(ge=boxes.SMALLEST_EDGE, le=boxes.LARGEST_EDGE)]
Coordinate = Annotated[float, Field(ge=-9999, le=9999)]


class Inputs(Model):
    receptor: InputFile = file_field(
        "Receptor with coordinates: PDB or mmCIF. Waters and ligands in the file are taken out and reported.",
        ("pdb", "mmcif"),
    )
    ligands: Annotated[list[InputFile], Field(min_length=1, max_length=MOST_LIGANDS)] = file_field(
        "Ligands: SDF (one or several records), or SMILES text named .smi, one “SMILES name” per line.",
        ("sdf", "smiles"),
    )
    reference_ligand: InputFile | None = file_field(
        "A ligand placed in the binding site (SDF with coordinates), when the box goes around it.",
        ("sdf",),
        optional=True,
        when={"box_from": "ligand"},
    )


_BY_HAND: dict[str, Any] = {"when": {"box_from": "manual"}, "unit": "Å"}
_AROUND: dict[str, Any] = {"when": {"box_from": ["ligand", "residues"]}, "unit": "Å"}
_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(Model):
    mode: Literal["single", "simultaneous", "batch"] = Field(
        "single",
        description="single: one ligand. batch: up to 10 ligands one after the other in the same box. "
        "simultaneous: up to 10 ligands together, sharing the site.",
    )
    box_from: Literal["manual", "ligand", "residues"] = Field(
        "manual",
        description="manual: centre and size by hand. ligand: around the reference ligand, or around the only ligand "
        "in the receptor file. residues: around the named residues of the receptor file.",
    )
    center: tuple[Coordinate, Coordinate, Coordinate] | None = Field(
        None,
        description="Centre of the box: x, y, z in Å, in the receptor's frame.",
        examples=[[15.2, 53.9, 16.9]],
        json_schema_extra=_BY_HAND,
    )
    size: tuple[Edge, Edge, Edge] = Field(
        (20.0, 20.0, 20.0),
        description="Edges of the box in Å. 20 Å suits most drug-sized ligands.",
        json_schema_extra=_BY_HAND,
    )
    residues: str = Field(
        "",
        max_length=500,
        description="Residues round which the box goes: chain and number. Ligands in the receptor file count too.",
        examples=["A:315, A:317-320"],
        json_schema_extra={"when": {"box_from": "residues"}},
    )
    padding: float = Field(
        5.0,
        ge=0,
        le=20,
        description="Space in Å on every side of the reference ligand or the residues.",
        json_schema_extra=_AROUND,
    )
    exhaustiveness: int = Field(
        8,
        ge=1,
        le=64,
        description="Search effort. 8 is Vina's default; 32 for results to rely on. Time grows with it.",
    )
    poses: int = Field(9, ge=1, le=20, description="Most poses per ligand.")
    energy_range: float = Field(
        3.0,
        gt=0,
        le=10,
        description="Poses up to this many kcal/mol above the best one are kept.",
        json_schema_extra={**_ADVANCED, "unit": "kcal/mol"},
    )
    seed: int = Field(
        42,
        ge=0,
        le=2_147_483_647,
        description="Start of the random numbers. 0 takes a random one and records it. "
        "Repeats are exact only on one CPU.",
        json_schema_extra=_ADVANCED,
    )
    chains: str = Field(
        "",
        max_length=200,
        description="Chains of the receptor to keep; empty for all.",
        examples=["A, B"],
        json_schema_extra=_ADVANCED,
    )
    keep_metals: bool = Field(
        True,
        description="Keep Mg, Ca, Mn, Fe and Zn ions of the receptor file.",
        json_schema_extra=_ADVANCED,
    )
    allow_incomplete: bool = Field(
        False,
        description="Dock although residues in the box lack atoms or cannot be prepared, and are left out.",
        json_schema_extra=_ADVANCED,
    )
    check_poses: int = Field(
        3,
        ge=0,
        le=20,
        description="How many of each ligand's best poses PoseBusters checks, about a second each.",
        json_schema_extra=_ADVANCED,
    )


def _most(settings: Settings) -> int:
    return 1 if settings.mode == "single" else MOST_LIGANDS


MAPS_CREDITS = 2
LIGAND_CREDITS, LIGAND_EXHAUSTIVENESS = 3, 8
PRICING = (
    f"{MAPS_CREDITS} credits for the receptor and its maps, and for each ligand {LIGAND_CREDITS} per "
    f"{LIGAND_EXHAUSTIVENESS} of exhaustiveness, rounded up, {LIGAND_CREDITS} at least."
)


def price(given: Given[Inputs, Settings]) -> Iterator[PriceLine]:
    """`PRICING` is this in words."""
    each = math.ceil(given.settings.exhaustiveness * LIGAND_CREDITS / LIGAND_EXHAUSTIVENESS)
    yield PriceLine("Receptor and maps", MAPS_CREDITS)
    for name in _names(given):
        yield PriceLine(_label(name), max(LIGAND_CREDITS, each))


def _names(given: Given[Inputs, Settings]) -> list[str]:
    try:
        found = ligand_files.names(given.files("ligands"), _most(given.settings))
    except InputFailure:  # `check` tells
        found = []
    return found or [f"{number}" for number, _ in enumerate(given.inputs.ligands, start=1)]


def _label(ligand: str) -> str:
    return f"Ligand {ligand}"


def check(given: Given[Inputs, Settings]) -> Iterator[Problem]:
    found = _receptor_or_problem(given)
    ligands = _ligands_or_problem(given)
    yield from (each for each in (found, ligands) if isinstance(each, Problem))
    if isinstance(ligands, list):
        yield from _ligand_problems(given.settings, ligands)
    if isinstance(found, Problem):
        return
    try:
        box = preparation.box(given, found)
    except boxes.BadBox as error:
        yield error.problem
        return
    yield from boxes.problems(box, found.atoms)
    yield from preparation.incomplete_problems(given.settings, found, box)


def _receptor_or_problem(given: Given[Inputs, Settings]) -> receptors.Receptor | Problem:
    try:
        return preparation.receptor(given)
    except InputFailure as error:
        return Problem("receptor", str(error))


def _ligands_or_problem(given: Given[Inputs, Settings]) -> list[Ligand] | Problem:
    try:
        found = ligand_files.read(given.files("ligands"), _most(given.settings))
    except InputFailure as error:
        return Problem("ligands", str(error))
    return found or Problem("ligands", "The file holds no ligand. Give at least one.")


def _ligand_problems(settings: Settings, ligands: list[Ligand]) -> Iterator[Problem]:
    if len(ligands) > _most(settings):
        more = "Choose batch or simultaneous" if settings.mode == "single" else "Split them over several jobs"
        yield Problem(
            "ligands", f"More than {_most(settings)} ligands are too many for {settings.mode}. {more}."
        )
        return
    if settings.mode == "simultaneous" and len(ligands) < 2:
        yield Problem("mode", "Simultaneous docking needs at least two ligands. Choose single.")
    bad = [ligand for ligand in ligands if ligand.problem]
    if settings.mode == "batch" and len(bad) < len(ligands):
        return  # a bad one fails alone, and is refunded
    if settings.mode == "batch":
        bad = [ligand for ligand in bad if not ligand.doubt]
    for ligand in bad:
        yield Problem("ligands", f"{ligand.name} ({ligand.where}) cannot be docked: {ligand.problem}.")


def run(job: RunningJob) -> Result:
    settings: Settings = job.given.settings
    seed = settings.seed or random.SystemRandom().randint(1, 2_147_483_647)
    job.step("Prepare receptor")
    receptor = preparation.receptor(job.given)
    try:
        box = preparation.box(job.given, receptor)
    except boxes.BadBox as error:
        raise InputFailure(error.problem.message) from error
    prepared = preparation.prepare(receptor, job)
    preparation.refuse_incomplete(settings, receptor, box)
    (job.out / "receptor.pdb").write_text(prepared.pdb)

    job.step("Prepare ligands")
    ligands = ligand_files.read(job.given.files("ligands"), _most(settings))
    _prepare_ligands(job, ligands, seed)

    job.step("Compute maps")
    engine = Engine(prepared.pdbqt, box, work=job.work, cache=job.cache, cpus=job.cpus, seed=seed)
    job.progress(None, f"{box.size[0]:g} × {box.size[1]:g} × {box.size[2]:g} Å")
    engine.load(job.log)
    job.log("Maps taken from an earlier job." if engine.maps_were_kept else "Maps computed.")

    job.step("Dock")
    found = _dock_all(job, engine, ligands)
    if not found:
        raise InputFailure(_all_failed(ligands))

    job.step("Check poses")
    unjudged = _judge(job, found)

    job.step("Write results")
    files = results.write(job, found)
    warnings = [
        *preparation.receptor_warnings(receptor, box),
        *boxes.warnings(box, receptor.atoms, settings.exhaustiveness, fitted=settings.box_from != "manual"),
        *results.ligand_warnings(ligands),
        *results.fit_warnings(ligands, box, found),
        *unjudged,
    ]
    report = preparation.report(receptor, prepared, ligands, box)
    summary = results.summary(found, ligands, box, seed, job.cpus)
    (job.out / "report.json").write_text(json.dumps({"summary": summary, "report": report}, indent=1))
    return Result(
        summary=summary,
        tables=[results.poses_table(found), results.ligands_table(ligands, found)],
        files=[*files, ResultFile(job.out / "report.json", "Preparation report", "json")],
        warnings=warnings,
        failed_items=[_label(ligand.name) for ligand in ligands if ligand.problem] if found else [],
    )


def _prepare_ligands(job: RunningJob, ligands: list[Ligand], seed: int) -> None:
    for number, ligand in enumerate(ligands, start=1):
        if ligand.problem is None:
            ligand_files.prepare(ligand, seed)
        if ligand.problem:
            job.log(f"{ligand.name}: {ligand.problem}")
        job.progress(number / len(ligands), ligand.name)
    bad = [ligand for ligand in ligands if ligand.problem]
    if len(bad) == len(ligands) or (bad and job.given.settings.mode != "batch"):
        raise InputFailure(_all_failed(bad))


def _all_failed(ligands: list[Ligand]) -> str:
    told = "; ".join(f"{ligand.name}: {ligand.problem}" for ligand in ligands if ligand.problem)
    return f"No ligand could be docked. {told}."


def _dock_all(job: RunningJob, engine: Engine, ligands: list[Ligand]) -> results.Found:
    """Name -> poses. A ligand that fails gets its reason; the others go on."""
    good = [ligand for ligand in ligands if ligand.problem is None]
    if job.given.settings.mode == "simultaneous":
        docked = _dock(job, engine, good, 0.0, 1.0, f"{len(good)} ligands together")
        return {"set": (docked, poses(docked))}
    found = {}
    for index, ligand in enumerate(good):
        try:
            docked = _dock(job, engine, [ligand], index / len(good), 1 / len(good), ligand.name)
        except ToolFailure as error:
            if len(good) == 1:
                raise
            ligand.problem = str(error).rstrip(".")
            job.log(f"{ligand.name}: {error}")
            continue
        found[ligand.name] = (docked, poses(docked))
    return found


def _dock(
    job: RunningJob, engine: Engine, ligands: list[Ligand], start: float, share: float, note: str
) -> Docked:
    settings: Settings = job.given.settings
    job.progress(start, note)
    return engine.dock(
        [ligand.pdbqt or "" for ligand in ligands],
        exhaustiveness=settings.exhaustiveness,
        poses=settings.poses,
        energy_range=settings.energy_range,
        progress=lambda fraction: job.progress(min(1.0, start + share * fraction), note),
        log=job.log,
    )


def _judge(job: RunningJob, found: results.Found) -> list[str]:
    told = []
    for number, (name, (_, docked)) in enumerate(found.items(), start=1):
        best = docked[: job.given.settings.check_poses]
        refusal = judge(best, job.out / "receptor.pdb") if best else None
        if refusal:
            told.append(f"{name}: {refusal}")
        job.progress(number / len(found), name)
    return told


def view(finished: Finished) -> Sequence[Panel]:
    summary, rows = finished.summary, finished.rows("poses")
    together = finished.given_settings.get("mode") == "simultaneous"
    note = "Affinities of different receptors or boxes are not comparable."
    if together:
        note = "The energies belong to the set of ligands docked together, not to one of them. " + note
    panels: list[Panel] = [_metrics(summary, rows)]
    panels += [
        StructurePanel(
            "Poses in the receptor",
            [Layer("receptor.pdb", "pdb", "Receptor as docked", "receptor")],
            [
                Layer(
                    results.pose_path(row["ligand"], row["pose"]),
                    "sdf",
                    f"{row['ligand']} pose {row['pose']} ({row['affinity']:.1f} kcal/mol)",
                    "ligand",
                )
                for row in rows
            ],
            _box(summary),
        ),
        FigurePanel("Affinities", _figure(rows), note, alt=_figure_in_words(rows)),
        TablePanel("Poses", "poses", "RMSD bounds are to Vina's pose 1, not to a crystal structure. " + note),
    ]
    if len(finished.rows("ligands")) > 1:
        panels.append(TablePanel("Ligands", "ligands"))
    report = json.loads(finished.path("report.json").read_text())["report"]
    panels.append(TextPanel("How receptor and ligands were prepared", preparation.in_words(report)))
    return panels


def _box(summary: Any) -> Box | None:
    """None where the summary, perhaps of another release, tells of no box."""
    center, size = (_triple(summary.get(name)) for name in ("box_center", "box_size"))
    return Box(center, size) if center and size else None


def _triple(told: Any) -> tuple[float, float, float] | None:
    parts = told.split() if isinstance(told, str) else told
    try:
        x, y, z = (float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return x, y, z


def _metrics(summary: Any, rows: list[dict[str, Any]]) -> MetricsPanel:
    checked = [row for row in rows if row["plausible"] is not None]
    passed = sum(bool(row["plausible"]) for row in checked)
    return MetricsPanel(
        "Docking",
        [
            (
                "Best affinity",
                told(summary.get("best_affinity"), "{:.2f} kcal/mol"),
                f"Ligand {told(summary.get('best_ligand'))}",
            ),
            ("Ligands docked", f"{told(summary.get('docked'))} of {told(summary.get('ligands'))}", ""),
            ("Poses", told(summary.get("poses")), ""),
            ("PoseBusters", f"{passed} of {len(checked)} pass", "Physical plausibility of the checked poses"),
            (
                "Seed",
                told(summary.get("seed")),
                f"{told(summary.get('cpus'))} CPUs; repeats are exact only on one",
            ),
        ],
    )


def _figure(rows: list[dict[str, Any]]) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for name in dict.fromkeys(row["ligand"] for row in rows):
        own = [row for row in rows if row["ligand"] == name]
        figure.add_scatter(
            x=[row["pose"] for row in own],
            y=[row["affinity"] for row in own],
            name=name,
            mode="lines+markers",
            hovertemplate=f"{name}<br>pose %{{x}}: %{{y:.2f}} kcal/mol<extra></extra>",
        )
    figure.update_layout(xaxis_title="Pose", yaxis_title="Affinity (kcal/mol)", xaxis_dtick=1)
    return figure


def _figure_in_words(rows: list[dict[str, Any]]) -> str:
    values = [row["affinity"] for row in rows]
    return f"Affinities of {len(rows)} poses, from {min(values):.2f} to {max(values):.2f} kcal/mol"


def preview(given: Given[Inputs, Settings]) -> Sequence[Panel]:
    """Receptor and box in 3D, before anything is prepared. Raises InputFailure."""
    if not given.files("receptor"):
        return []
    receptor = preparation.receptor(given)
    layers = [Layer("receptor.pdb", "pdb", "Receptor", "receptor", receptor.pdb)]
    for file in given.files("reference_ligand"):
        text = formats.read_text(file.path, ligand_files.UNPACKED_MB * formats.MB)
        layers.append(Layer("reference.sdf", "sdf", file.name, "reference", text))
    try:
        box = preparation.box(given, receptor)
    except boxes.BadBox as error:
        return [StructurePanel("Receptor", layers, note=error.problem.message)]
    told = [
        f"Box of {box.size[0]:g} × {box.size[1]:g} × {box.size[2]:g} Å at "
        f"{box.center[0]:g}, {box.center[1]:g}, {box.center[2]:g}.",
        *(problem.message for problem in boxes.problems(box, receptor.atoms)),
        *boxes.warnings(box, receptor.atoms, given.settings.exhaustiveness),
    ]
    return [StructurePanel("Receptor and box", layers, (), box, " ".join(told))]


def title(given: Given[Inputs, Settings]) -> str:
    names = _names(given)
    told = names[0] if len(names) == 1 else f"{len(names)} ligands"
    return f"{told} in {Path(given.file('receptor').name).stem}"


def example() -> Example:
    """Dihydrofolate reductase with its inhibitor, from the examples that PoseBusters carries (PDB 1s3v)."""
    import posebusters

    folder = Path(posebusters.__file__).parent / "datasets" / "pdb" / "1s3v"
    ligand = (folder / "1s3v_ligand.sdf").read_text()
    return Example(
        "Redock an inhibitor of human dihydrofolate reductase (1s3v)",
        {
            "receptor": {
                "text": (folder / "1s3v_protein_one_lig_removed.pdb").read_text(),
                "name": "1s3v.pdb",
            },
            "ligands": [{"text": ligand, "name": "1s3v_ligand.sdf"}],
            "reference_ligand": {"text": ligand, "name": "1s3v_crystal.sdf"},
        },
        {"mode": "single", "box_from": "ligand", "padding": 4.0, "exhaustiveness": 4, "seed": 42},
        "The crystal pose is known: the best pose should lie within 2 Å of it.",
    )


def batch_example() -> Example:
    return batches.example(example())


def missing() -> str | None:
    """By what can be imported: reading each package's version takes thirty times as long, and every page asks."""
    needed = ("vina", "meeko", "rdkit", "gemmi", "scipy", "posebusters")
    absent = [package for package in needed if find_spec(package) is None]
    return f"Not installed: {', '.join(absent)}. Run: pip install {' '.join(absent)}" if absent else None


TOOL = Tool(
    id="autodock-vina",
    name="AutoDock Vina",
    summary="Docks small molecules into a protein or nucleic acid and ranks the poses by estimated affinity.",
    category="Docking",
    keywords=(
        "dock",
        "docking",
        "ligand",
        "protein",
        "binding",
        "affinity",
        "pose",
        "drug",
        "virtual screening",
    ),
    homepage="https://vina.scripps.edu",
    licence="Apache-2.0",
    doi="10.1021/acs.jcim.1c00203",
    version=lambda: f"AutoDock Vina {version('vina')}, Meeko {version('meeko')}",
    Inputs=Inputs,
    Settings=Settings,
    limits=Limits(
        cpus_min=1,
        cpus_max=4,
        memory_mb=3072,
        timeout_s=4 * 3600,
        input_mb=100,
        unpacked_mb=receptors.UNPACKED_MB,
    ),
    steps=("Prepare receptor", "Prepare ligands", "Compute maps", "Dock", "Check poses", "Write results"),
    imports=("numpy", "rdkit.Chem", "rdkit.Chem.AllChem", "duckdb"),  # not meeko: it starts threads
    price=price,
    pricing=PRICING,
    check=check,
    run=run,
    view=view,
    example=example,
    missing=missing,
    title=title,
    preview=preview,
    batch=Batch(
        Inputs=batches.Inputs,
        split=batches.split,
        metrics=[
            Metric(
                "best_affinity",
                "Best affinity",
                "lower",
                "kcal/mol",
                "Affinities of different receptors or boxes are not comparable.",
            ),
        ],
        example=batch_example,
        most=batches.most_runs,
    ),
)
