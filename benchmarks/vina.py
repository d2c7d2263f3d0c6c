"""Ten ligands through Wellplate as one job, beside the program `vina` called ten times."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.processes import NotReady
from benchmarks.report import Goal, Report, Table, spread
from benchmarks.site import CPUS, Client, Ended, Site, running_site
from tools import formats
from tools.contract import Given, LocalFile
from tools.docking import ligands as ligand_files
from tools.docking import preparation
from tools.docking import receptor as receptors
from tools.vina import TOOL, Inputs, Settings, example

LIGANDS = """CC(=O)Oc1ccccc1C(=O)O aspirin
CC(=O)Nc1ccc(O)cc1 paracetamol
CC(C)Cc1ccc(cc1)C(C)C(=O)O ibuprofen
Cn1cnc2c1c(=O)n(C)c(=O)n2C caffeine
CN1CCC[C@H]1c1cccnc1 nicotine
COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC trimethoprim
CCc1nc(N)nc(N)c1-c1ccc(Cl)cc1 pyrimethamine
NC(=N)c1ccccc1 benzamidine
Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1 sulfamethoxazole
OC(=O)c1ccccc1O salicylic_acid
"""
SIZE = [20.0, 20.0, 20.0]
SEED = 42
POSES, ENERGY_RANGE = 9, 3.0
GOAL_RATIO, GOAL_QUEUE = 1.5, 0.02


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the program needs, made by the tool's own functions outside of the timing."""

    receptor: Path
    #: name -> file
    ligands: dict[str, Path]
    center: list[float]


@dataclass(frozen=True, slots=True)
class Docking:
    seconds: float
    #: Ligand -> best affinity in kcal/mol.
    best: dict[str, float]
    #: Name -> seconds; only of a job.
    steps: dict[str, float]
    #: Seconds of the queue: created -> started, and ended -> heard.
    queue: float = 0.0


def measure(*, quick: bool) -> Report:
    rounds, exhaustiveness = (1, 1) if quick else (3, 8)
    program = shutil.which("vina")
    if program is None:
        raise NotReady("The program vina is not installed: apt-get install autodock-vina")
    fresh, kept, called = [], [], []
    with running_site() as site, tempfile.TemporaryDirectory(prefix="wellplate-vina-") as folder:
        prepared = _prepare(Path(folder))
        client = site.client()
        for _ in range(rounds):
            _forget_maps(site)
            fresh.append(_through_wellplate(site, client, prepared, exhaustiveness))
            kept.append(_through_wellplate(site, client, prepared, exhaustiveness))
            called.append(_by_program(program, prepared, exhaustiveness, Path(folder)))
    return _report(fresh, kept, called, rounds, exhaustiveness, _version(program))


def _inputs() -> dict[str, Any]:
    inputs = dict(example().inputs)
    inputs["ligands"] = [{"text": LIGANDS, "name": "ten.smi"}]
    return inputs


def _prepare(folder: Path) -> Prepared:
    local = {}
    inputs = _inputs()
    for name, value in inputs.items():
        file = value[0] if isinstance(value, list) else value
        path = folder / name
        path.write_text(file["text"])
        local[name] = [LocalFile(path, file["name"], formats.detect(path, file["name"]))]
    around = Settings.model_validate({"mode": "batch", "box_from": "ligand"})
    given = Given(Inputs.model_validate(inputs), around, local)
    receptor = preparation.receptor(given)
    center = [round(value, 3) for value in preparation.box(given, receptor).center]
    target = folder / "receptor.pdbqt"
    target.write_text(receptors.prepare(receptor.pdb).pdbqt)
    ligands = {}
    for ligand in ligand_files.read(given.files("ligands"), 10):
        ligand_files.prepare(ligand, SEED)
        if ligand.pdbqt is None:
            raise NotReady(f"{ligand.name} could not be prepared: {ligand.problem}")
        ligands[ligand.name] = folder / f"{ligand.name}.pdbqt"
        ligands[ligand.name].write_text(ligand.pdbqt)
    return Prepared(target, ligands, center)


def _forget_maps(site: Site) -> None:
    """Receptor and maps that earlier jobs left on the worker."""
    for name in ("vina-maps", "receptors"):
        for shelf in site.home.rglob(name):
            shutil.rmtree(shelf)


def _through_wellplate(site: Site, client: Client, prepared: Prepared, exhaustiveness: int) -> Docking:
    settings = {
        "mode": "batch",
        "center": prepared.center,
        "size": SIZE,
        "exhaustiveness": exhaustiveness,
        "poses": POSES,
        "energy_range": ENERGY_RANGE,
        "seed": SEED,
        "check_poses": 0,  # the program has nothing like it
    }
    ended = Ended(site)
    began = datetime.now(UTC)
    job = client.submit(TOOL.id, settings, _inputs())["id"]
    heard = ended.wait([job], seconds=600)
    ended.close()
    found = client.job(job)
    if found["status"] != "completed":
        raise NotReady(f"the docking is {found['status']}: {found['error']}")
    created, started, done = (_time(found["times"][name]) for name in ("created", "started", "ended"))
    return Docking(
        (heard - began).total_seconds(),
        _best(client, job),
        {
            step["name"]: (_time(step["ended"]) - _time(step["started"])).total_seconds()
            for step in found["steps"]
        },
        (started - created).total_seconds() + (heard - done).total_seconds(),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _best(client: Client, job: str) -> dict[str, float]:
    answer = client.call("GET", f"/api/v1/jobs/{job}/export?format=json")
    rows = answer["tables"]["ligands"]["rows"]
    return {row["ligand"]: row["best_affinity"] for row in rows}


def _by_program(program: str, prepared: Prepared, exhaustiveness: int, folder: Path) -> Docking:
    began = time.monotonic()
    best = {}
    for name, ligand in prepared.ligands.items():
        box = [f"--center_{axis}={value}" for axis, value in zip("xyz", prepared.center, strict=True)]
        box += [f"--size_{axis}={value}" for axis, value in zip("xyz", SIZE, strict=True)]
        target = folder / f"{name}-docked.pdbqt"
        search = [f"--exhaustiveness={exhaustiveness}", f"--seed={SEED}", f"--cpu={CPUS}"]
        kept = [f"--num_modes={POSES}", f"--energy_range={ENERGY_RANGE}", f"--out={target}"]
        files = [f"--receptor={prepared.receptor}", f"--ligand={ligand}"]
        subprocess.run([program, *files, *box, *search, *kept], check=True, capture_output=True, timeout=600)
        found = re.search(r"REMARK VINA RESULT:\s+(\S+)", target.read_text())
        assert found is not None
        best[name] = float(found[1])
    return Docking(time.monotonic() - began, best, {})


def _version(program: str) -> str:
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()


def _report(
    fresh: list[Docking],
    kept: list[Docking],
    called: list[Docking],
    rounds: int,
    exhaustiveness: int,
    program: str,
) -> Report:
    peer = median(docking.seconds for docking in called)
    ways = {
        "one job of Wellplate, nothing kept": fresh,
        "the same again, maps kept on the worker": kept,
        f"{program}, ten calls": called,
    }
    rows = [
        [
            name,
            spread([docking.seconds for docking in dockings], 1),
            f"{peer / median(docking.seconds for docking in dockings):.2f}",
            f"{mean(dockings[0].best.values()):.2f}",
        ]
        for name, dockings in ways.items()
    ]
    steps = [
        [step, *(f"{median(docking.steps[step] for docking in way):.2f}" for way in (fresh, kept))]
        for step in fresh[0].steps
    ]
    steps.append(["the queue", *(f"{median(docking.queue for docking in way):.3f}" for way in (fresh, kept))])
    ratio = peer / median(docking.seconds for docking in fresh)
    queue = max(docking.queue / docking.seconds for docking in fresh)
    columns = ("", "s: median (range)", "x faster than the program", "mean best affinity, kcal/mol")
    return Report(
        "vina",
        {"ligands": 10, "box": SIZE, "exhaustiveness": exhaustiveness, "cpus": CPUS, "rounds": rounds},
        [
            Table("Ten ligands in one receptor and box", columns, rows),
            Table("Where the job's time goes (s)", ("", "nothing kept", "maps kept"), steps),
        ],
        [
            Goal("at least 1.5 x faster than ten calls", f"{ratio:.2f} x", ratio >= GOAL_RATIO),
            Goal("the queue's own cost under 2 %", f"{100 * queue:.2f} %", queue < GOAL_QUEUE),
        ],
    )
