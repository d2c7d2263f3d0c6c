"""NuVs on a real site: SPAdes is cancelled in its middle, and a second run of the same comes to its end."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from compute.workbench import Submission
from data.records import Job, Status
from tests.sites import Site, named_after, opened, site_settings, until
from tests.tools import simulate
from tests.tools.simulate import Source
from tests.tools.viruses import families, folders
from tools.nuvs import TOOL

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(TOOL.missing() is not None, reason=str(TOOL.missing())),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(site_settings(tmp_path_factory.mktemp("site"))) as site:
        yield site


def upload(site: Site, name: str, content: str) -> dict[str, str]:
    return {"file": site.workbench.upload(site.person, name, io.BytesIO(content.encode())).id}


def made(site: Site, tool: str, **inputs: object) -> dict[str, str]:
    """The library item that a job makes."""
    job_id = submit(site, tool, inputs)
    detail = site.ended(job_id)
    assert detail.job.status is Status.COMPLETED, detail.job.error
    return {
        "file": next(file["file"] for file in site.workbench.files(site.person, job_id) if file.get("file"))
    }


def submit(site: Site, tool: str, inputs: dict[str, object]) -> str:
    return site.workbench.submit(site.person, Submission(tool=tool, inputs=inputs, settings={})).id


@pytest.fixture(scope="module")
def inputs(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    rng = random.Random(11)
    protein = families.protein(rng, 400)
    virus = simulate.sequence(rng, 200) + families.gene(protein) + simulate.sequence(rng, 200)
    other = simulate.sequence(rng, 30_000)  # something for SPAdes to do
    reads = simulate.single(rng, [Source("virus", virus, 1), Source("other", other, 9)], 6000, lengths=(150,))
    known = folders.virus_reference(folders.otu("known", {"": simulate.sequence(rng, 1000)}))
    related = {"vFam_3": [families.relative(rng, protein, 0.3) for _ in range(4)]}
    hmms = families.profiles(tmp_path_factory.mktemp("hmms") / "set.hmm", related)
    return {
        "sample": made(site, "create-sample", reads=[upload(site, "leaf.fastq", simulate.fastq(reads))]),
        "index": made(site, "build-index", reference=upload(site, "viruses.json", json.dumps(known))),
        "hmms": upload(site, "set.hmm", hmms.read_text()),
    }


def assembling(job: Job) -> bool:
    return bool(job.step == "Assemble" and job.note and job.note.startswith("K")) or job.status.terminal


def test_cancelled_in_the_middle_of_spades(site: Site, inputs: dict[str, object]) -> None:
    job_id = submit(site, "nuvs", inputs)
    site.until(job_id, assembling)
    work = site.work(job_id)
    started = until(lambda: programs(work), "SPAdes runs")
    assert (work / "assembly").is_dir()
    site.cancel(job_id)
    assert site.ended(job_id).job.status is Status.CANCELLED
    assert not [each for each in started if alive(each)]
    files = site.workbench.settings.files
    until(lambda: not (files / "live" / job_id).exists(), "the job's folder is settled")
    assert not work.exists()
    assert not (files / "jobs" / job_id / "attempts").exists()
    assert not (files / "jobs" / job_id / "results").exists()
    assert not [
        each for each in named_after(site.workbench.settings.home) if "spades" in " ".join(each.cmdline())
    ]


def programs(work: Path) -> list[psutil.Process]:
    """SPAdes' own, below its Python."""
    return [each for each in named_after(work) if "spades-core" in " ".join(each.cmdline())]


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_the_same_again_runs_to_its_end(site: Site, inputs: dict[str, object]) -> None:
    job_id = submit(site, "nuvs", inputs)
    detail = site.ended(job_id)
    assert detail.job.status is Status.COMPLETED, detail.job.error
    assert [step.state for step in detail.steps] == ["done"] * len(detail.steps)
    summary = detail.summary
    assert summary["best_profile"] == "vFam_3" and summary["significant"] == 1
    log = site.workbench.log(site.person, job_id)
    for program in ("skewer 0.2.2", "bowtie2 2.5", "spades.py 3.15", "hmmscan 3.3"):
        assert f"# {program}" in log, program
    assert len(site.workbench.panels(site.person, job_id)) == 2
