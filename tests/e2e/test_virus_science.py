"""The five workflows over the API on real viruses: the right isolates, weights, contigs and families."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.conftest import Server, start_server
from tests.tools import simulate
from tests.tools.simulate import Read, Source
from tests.tools.viruses.folders import DATA
from tools.programs import PROGRAMS, missing

VIRUSES = DATA / "virtool_reference" / "reference_subset.json"
NUVS = DATA / "virtool_nuvs"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not VIRUSES.is_file(), reason="the shared data is absent"),
    pytest.mark.skipif(missing(*PROGRAMS) is not None, reason=str(missing(*PROGRAMS))),
]

#: Abbreviation -> share of the reads of viruses.
TRUTH = {"TMV": 0.4, "TSWV": 0.25, "PepMV": 0.2, "PVY": 0.1, "CMV": 0.05}
PAIRS, OF_VIRUSES = 20_000, 0.3


class Lab:
    """A server, and what the tests made on it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.content: dict[str, Any] = json.loads(VIRUSES.read_text())
        self.otus = {otu["abbreviation"]: otu for otu in self.content["otus"]}
        rng = random.Random(11)
        self.isolates = {name: rng.choice(self.otus[name]["isolates"]) for name in TRUTH}
        fragment = self.otus["PVX"]["isolates"][0]["sequences"][0]["sequence"][1000:3000]
        self.genome = simulate.host(rng, 200_000, fragment)

    def upload(self, path: Path) -> str:
        request = urllib.request.Request(
            f"{self.server.url}/api/v1/files?name={quote(path.name)}",
            method="PUT",
            data=path.read_bytes(),
            headers={"Authorization": f"Bearer {self.server.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.loads(answer.read())["id"])

    def run(self, tool: str, inputs: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """The completed job."""
        body = {"tool": tool, "inputs": inputs, "settings": settings}
        job = self.server.ask("POST", "/api/v1/jobs", body)["id"]
        done = self.server.until_ended(job)
        assert done["status"] == "completed", done["error"]
        return done

    def table(self, job: dict[str, Any], name: str) -> list[dict[str, Any]]:
        rows = self.server.ask("GET", f"/api/v1/jobs/{job['id']}/export?format=json")["tables"][name]["rows"]
        return list(rows)

    def sample(self, name: str, mates: tuple[list[Read], list[Read]], **settings: Any) -> dict[str, Any]:
        files = [
            simulate.write(self.folder / f"{name}_R{mate}.fastq.gz", reads)
            for mate, reads in enumerate(mates, 1)
        ]
        reads = [{"file": self.upload(file)} for file in files]
        return self.run("create-sample", {"reads": reads}, name=name, **settings)

    def plant(self, divergence: float) -> tuple[list[Read], list[Read]]:
        rng = random.Random(7)
        sources = [Source("host", self.genome, 1 - OF_VIRUSES)]
        for name, isolate in self.isolates.items():
            sequences = [each["sequence"] for each in isolate["sequences"]]
            share = OF_VIRUSES * TRUTH[name] / sum(map(len, sequences))
            sources += [
                Source(name, simulate.diverged(rng, bases, divergence), share * len(bases))
                for bases in sequences
            ]
        return simulate.paired(rng, sources, PAIRS)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = start_server(tmp_path_factory.mktemp("home"))
    server.until_healthy()
    yield Lab(server, tmp_path_factory.mktemp("files"))
    server.stop()
    left = [process.cmdline() for process in server.processes()]
    assert not left, f"the server left processes behind: {left}"


@pytest.fixture(scope="module")
def index(lab: Lab) -> dict[str, Any]:
    job = lab.run("build-index", {"reference": {"file": lab.upload(VIRUSES)}})
    assert (job["summary"]["otus"], job["summary"]["isolates"], job["summary"]["sequences"]) == (14, 85, 103)
    return {"job": job["id"], "path": "index"}


@pytest.fixture(scope="module")
def subtraction(lab: Lab) -> dict[str, Any]:
    fasta = simulate.write_fasta(lab.folder / "tomato.fa", {"chr1 of a made-up tomato": lab.genome})
    job = lab.run("create-subtraction", {"genome": {"file": lab.upload(fasta)}}, name="tomato")
    return {"job": job["id"], "path": "subtraction"}


@pytest.fixture(scope="module")
def pathoscope(
    lab: Lab, index: dict[str, Any], subtraction: dict[str, Any]
) -> Callable[[str, float], dict[str, Any]]:
    def run(name: str, divergence: float) -> dict[str, Any]:
        sample = lab.sample(name, lab.plant(divergence))
        inputs = {
            "sample": {"job": sample["id"], "path": "sample"},
            "index": index,
            "subtractions": [subtraction],
        }
        return lab.run("pathoscope", inputs)

    return run


def test_clean_reads_name_isolates_and_weights_and_relatives_their_viruses(
    lab: Lab, pathoscope: Callable[[str, float], dict[str, Any]]
) -> None:
    clean = pathoscope("clean", 0.0)
    weights = {row["isolate_id"]: row["weight"] for row in lab.table(clean, "isolates")}
    for name, isolate in lab.isolates.items():
        assert weights.pop(isolate["id"]) == pytest.approx(TRUTH[name], abs=0.02), name
    assert max(weights.values(), default=0) <= 0.01, "nothing false"
    assert clean["summary"]["subtracted_reads"] > 100, "the host's piece of Potato virus X"
    assert {step["name"]: step["state"] for step in clean["steps"]} == dict.fromkeys(
        (
            "Map default isolates",
            "Build isolate index",
            "Map isolates",
            "Eliminate subtraction",
            "Reassign reads",
        ),
        "done",
    )

    relatives = pathoscope("relatives", 0.03)
    found = {row["otu"] for row in lab.table(relatives, "otus") if row["coverage"] >= 0.5}
    assert found == {lab.otus[name]["_id"] for name in TRUTH}

    report = lab.run(
        "virus-report",
        {"results": [{"job": job["id"], "path": "pathoscope.json"} for job in (clean, relatives)]},
    )
    assert report["summary"]["viruses"] == len(TRUTH) and report["summary"]["samples"] == 2
    assert report["warnings"] == []


def test_commands_versions_and_exit_codes_stand_in_the_log(lab: Lab, index: dict[str, Any]) -> None:
    with urllib.request.urlopen(
        urllib.request.Request(
            f"{lab.server.url}/api/v1/jobs/{index['job']}/log",
            headers={"Authorization": f"Bearer {lab.server.token}"},
        ),
        timeout=60,
    ) as answer:
        log = answer.read().decode()
    assert "$ bowtie2-build -f --threads" in log
    assert "bowtie2-build 2." in log, "its version"
    assert "ended with 0 after" in log


def test_deleting_the_job_leaves_what_it_made(lab: Lab, index: dict[str, Any]) -> None:
    (made,) = lab.server.ask("GET", f"/api/v1/jobs/{index['job']}/files")["files"]
    copy = lab.run("build-index", {"reference": {"file": lab.upload(VIRUSES)}})
    (of_copy,) = lab.server.ask("GET", f"/api/v1/jobs/{copy['id']}/files")["files"]
    lab.server.ask("DELETE", f"/api/v1/jobs/{copy['id']}")
    kept = lab.server.ask("GET", f"/api/v1/files/{of_copy['file']}")
    assert kept["format"] == "index" and kept["facts"]["otus"] == 14
    assert (
        kept["facts"]["version"] == lab.server.ask("GET", f"/api/v1/files/{made['file']}")["facts"]["version"]
    )


def test_real_reads_give_their_scaffolds_in_nuvs(lab: Lab, index: dict[str, Any]) -> None:
    reads = [{"file": lab.upload(NUVS / f"paired_{mate}.fq.gz")} for mate in (1, 2)]
    sample = lab.run("create-sample", {"reads": reads}, name="real reads")
    assert sample["summary"]["reads"] == 20_000
    job = lab.run(
        "nuvs",
        {
            "sample": {"job": sample["id"], "path": "sample"},
            "index": index,
            "subtractions": [],
            "hmms": {"file": lab.upload(NUVS / "profiles.hmm")},
        },
    )
    lengths = sorted((row["length"] for row in lab.table(job, "contigs")), reverse=True)
    assert lengths[0] > 7_500 and lengths[1] > 7_000
    assert job["usage"]["cpu_seconds"] > 1 and job["usage"]["peak_memory_bytes"] > 50_000_000
