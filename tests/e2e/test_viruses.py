"""Viruses, as a new user walks it in the browser: from uploads to a coverage plot, a new virus, and a report."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, settled
from tests.tools import simulate
from tests.tools.simulate import Source
from tests.tools.viruses import families, folders
from tools.programs import PROGRAMS, missing

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(missing(*PROGRAMS) is not None, reason=str(missing(*PROGRAMS))),
]


@dataclass(frozen=True)
class Files:
    reference: Path
    genome: Path
    reads: list[Path]
    hmms: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A reference with two viruses; a plant with one of them and with one that the reference lacks; its genome."""
    folder = tmp_path_factory.mktemp("files")
    rng = random.Random(4)
    known, other = simulate.sequence(rng, 3000), simulate.sequence(rng, 2500)
    residues = families.protein(rng, 400)
    unknown = simulate.sequence(rng, 300) + families.gene(residues) + simulate.sequence(rng, 300)
    host = simulate.host(rng, 30_000, known[200:600])
    content = folders.virus_reference(
        folders.otu("abc", {"Genome": known}, schema=["Genome"]),
        folders.otu("xyz", {"Genome": other}, schema=["Genome"]),
    )
    (folder / "viruses.json").write_text(json.dumps(content))
    sources = [Source("known", known, 3), Source("unknown", unknown, 3), Source("host", host, 4)]
    mates = simulate.paired(rng, sources, 2500)
    relatives = [families.relative(rng, residues, 0.2) for _ in range(4)]
    return Files(
        folder / "viruses.json",
        simulate.write_fasta(folder / "plant.fa", {"chr1": host}),
        [simulate.write(folder / f"leaf_R{n}.fastq.gz", reads) for n, reads in enumerate(mates, 1)],
        families.profiles(folder / "families.hmm", {"vFam_1": relatives}),
    )


def library_id(server: Server, format: str) -> str:
    (file,) = server.ask("GET", f"/api/v1/files?format={format}")["files"]
    return str(file["id"])


def run(page: Page) -> None:
    """Press Run, and wait until the job is done."""
    button = page.get_by_role("button", name=re.compile(r"^\s*(play_arrow)?\s*Run( ·.*)?$"))
    expect(button).to_be_enabled(timeout=30_000)
    button.click()
    page.wait_for_url(re.compile(r"/jobs\?jobId="))
    expect(page.get_by_text("✓ Completed", exact=True).first).to_be_visible(timeout=180_000)


def choose(page: Page, field: str, option: str) -> None:
    """One of the library, in the field of a tool's form."""
    settled(page)  # a form that is drawn anew closes what was opened in it
    box = page.locator("[data-testid=stVerticalBlock]", has=page.get_by_text(field, exact=True)).last
    box.get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile(option)).click()
    expect(page.get_by_text(re.compile(rf"{option} ·")).first).to_be_visible()


def test_a_reference_becomes_an_index(server: Server, page: Page, files: Files) -> None:
    page.goto(f"{server.url}/app/library?kind=references")
    expect(page.get_by_text("No references yet.")).to_be_visible()
    page.locator("input[type=file]").first.set_input_files(files.reference)
    expect(page.get_by_text("No references yet.")).to_be_hidden()

    page.goto(f"{server.url}/app/library?item={library_id(server, 'reference')}")
    expect(page.get_by_role("heading", name="viruses.json")).to_be_visible()
    page.get_by_role("button", name="Build index").click()
    run(page)
    expect(page.get_by_text("Bowtie build")).to_have_count(
        0
    )  # the steps of a job that is done are folded away
    page.goto(f"{server.url}/app/library?item={library_id(server, 'index')}")
    expect(page.get_by_text("2 OTUs").first).to_be_visible()
    expect(page.get_by_text("Origin and use")).to_be_visible()


def test_a_genome_becomes_a_subtraction(server: Server, page: Page, files: Files) -> None:
    page.goto(f"{server.url}/app/tool?tool=create-subtraction")
    page.locator("input[type=file]").first.set_input_files(files.genome)
    expect(page.get_by_text(re.compile("^plant.fa ·")).first).to_be_visible()
    page.get_by_label("Name", exact=True).fill("plant")
    page.get_by_label("Name", exact=True).press("Tab")
    run(page)


def test_reads_become_a_sample_with_its_quality(server: Server, page: Page, files: Files) -> None:
    page.goto(f"{server.url}/app/samples")
    page.locator("input[type=file]").first.set_input_files(files.reads)
    page.get_by_role("button", name="Look into the files of 1 sample").click()
    page.get_by_role("button", name=re.compile("Make 1 sample")).click()
    expect(page.get_by_text("1 job started.")).to_be_visible()
    (job,) = server.ask("GET", "/api/v1/jobs?tool=create-sample")["jobs"]
    assert server.until_ended(job["id"])["status"] == "completed"

    page.goto(f"{server.url}/app/library?item={library_id(server, 'sample')}")
    expect(page.get_by_role("heading", name="leaf")).to_be_visible()
    expect(page.get_by_text("5,000 reads")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def test_pathoscope_shows_the_virus_with_its_coverage(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/library?item={library_id(server, 'sample')}")
    page.get_by_role("button", name="Pathoscope").click()
    choose(page, "Index", "viruses")
    choose(page, "Subtractions", "plant")
    run(page)
    expect(page.get_by_role("heading", name="Coverage of Genome")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    (job,) = server.ask("GET", "/api/v1/jobs?tool=pathoscope")["jobs"]
    tables = server.ask("GET", f"/api/v1/jobs/{job['id']}/export?format=json")["tables"]
    (otu,) = (row for row in tables["otus"]["rows"] if row["coverage"] >= 0.5)
    assert otu["otu"] == "abc" and otu["weight"] > 0.99 and otu["coverage"] > 0.95


def test_nuvs_finds_the_virus_that_the_index_lacks(server: Server, page: Page, files: Files) -> None:
    page.goto(f"{server.url}/app/library?kind=hmm-sets")
    page.locator("input[type=file]").first.set_input_files(files.hmms)
    expect(page.get_by_text("No HMM sets yet.")).to_be_hidden()
    page.goto(f"{server.url}/app/library?item={library_id(server, 'sample')}")
    page.get_by_role("button", name="NuVs").click()
    choose(page, "Index", "viruses")
    choose(page, "Subtractions", "plant")
    choose(page, "HMM set", "families.hmm")
    run(page)
    expect(page.get_by_role("heading", name="Contigs").first).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    (job,) = server.ask("GET", "/api/v1/jobs?tool=nuvs")["jobs"]
    tables = server.ask("GET", f"/api/v1/jobs/{job['id']}/export?format=json")["tables"]
    (hit,) = tables["hits"]["rows"]
    assert hit["profile"] == "vFam_1" and hit["full_e"] < 1e-50


def test_results_become_a_report(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/samples?step=compare")
    page.get_by_role("button", name="Compare 1 sample").click()
    page.wait_for_url(re.compile(r"/jobs\?jobId="))
    expect(page.get_by_text("✓ Completed", exact=True).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Viruses × samples")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def test_deleting_what_others_were_made_from_says_so(server: Server, page: Page) -> None:
    index = library_id(server, "index")
    page.goto(f"{server.url}/app/library?item={index}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_test_id("stDialog")
    expect(dialog.get_by_text(re.compile("2 jobs"))).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Delete")).click()
    expect(dialog).to_be_hidden()
    page.goto(f"{server.url}/app/library?item={index}")
    expect(page.get_by_text("This file is not here")).to_be_visible()
    (job,) = server.ask("GET", "/api/v1/jobs?tool=pathoscope")["jobs"]
    page.goto(f"{server.url}/app/jobs?jobId={job['id']}")
    expect(page.get_by_role("heading", name="Coverage of Genome")).to_be_visible()
