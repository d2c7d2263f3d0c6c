"""Ten ligands at once, as a new user walks it in the browser: from a file with mistakes in it to the plate."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Server, settled

pytestmark = pytest.mark.e2e

#: One line is no SMILES; one molecule has an atom that Vina cannot type, which only Vina is sure of.
LIGANDS = """\
CCO ethanol
Oc1ccccc1 phenol
CC(=O)N acetamide
nonsense mistake
C[Se]C selenide
OCCO glycol
CC(C)O isopropanol
Cc1ccccc1 toluene
c1ccncc1 pyridine
CC(=O)O acetate
"""
BAD = "mistake cannot be docked: “nonsense” is not a valid SMILES."


@pytest.fixture(scope="module")
def ligands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ligands") / "ten.smi"
    path.write_text(LIGANDS)
    return path


def field(page: Page, label: str) -> Locator:
    return page.locator("[data-testid=stVerticalBlock]", has=page.get_by_text(label, exact=True)).last


def the_batch(server: Server) -> str:
    (batch,) = server.ask("GET", "/api/v1/batches")["batches"]
    return str(batch["id"])


def test_bad_lines_are_told_before_anything_starts(server: Server, page: Page, ligands: Path) -> None:
    page.goto(f"{server.url}/app/tool?tool=autodock-vina&many=1")
    page.get_by_role("button", name="Load example").click()
    expect(page.get_by_role("button", name=re.compile("Run 6 jobs"))).to_be_enabled(timeout=60_000)
    settled(page)
    field(page, "Ligands").get_by_role("button", name="Remove").click()
    settled(page)
    field(page, "Ligands").locator("input[type=file].files").set_input_files(ligands)
    expect(page.get_by_text("line 4 of ten.smi").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text(BAD)).to_be_visible()
    expect(page.get_by_text("line 5 of ten.smi").first).to_be_visible()
    expect(page.get_by_text(re.compile("Vina has no parameters for Se"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Run 9 jobs"))).to_be_disabled()
    assert server.ask("GET", "/api/v1/credits")["held"] == 0


@pytest.mark.timeout(600)
def test_the_others_run_and_the_plate_shows_them(server: Server, page: Page, ligands: Path) -> None:
    test_bad_lines_are_told_before_anything_starts(server, page, ligands)
    page.get_by_text("Go on without the 1 that cannot be run").click()
    page.get_by_role("button", name=re.compile("Run 9 jobs")).click()
    page.wait_for_url(re.compile(r"/batch\?batchId="))
    expect(page.get_by_role("grid")).to_be_visible()
    expect(page.get_by_text("✕ Ended, incomplete", exact=True).first).to_be_visible(timeout=500_000)

    batch = server.ask("GET", f"/api/v1/batches/{the_batch(server)}")
    assert batch["counts"] == {"completed": 8, "failed": 1}
    assert (batch["credits"], batch["refunded"]) == (45, 5)
    assert batch["problems"] == [{"where": "line 4 of ten.smi", "message": BAD}]
    assert server.ask("GET", "/api/v1/credits")["balance"] == 1000 - 40
    wells = server.ask("GET", f"/api/v1/batches/{batch['id']}/wells")["wells"]
    assert [well["name"] for well in wells if well["status"] == "failed"] == ["selenide"]
    assert all(well["best_affinity"] < 0 for well in wells if well["status"] == "completed")
    assert server.ask("GET", "/api/v1/jobs")["jobs"] == [], "children stand on the plate, not in the list"
    notices = server.ask("GET", "/api/v1/notices")["notices"]
    assert [(notice["kind"], notice["batch"]) for notice in notices] == [("batch_ended", batch["id"])]


def test_a_well_leads_to_its_job_and_back(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/batch?batchId={the_batch(server)}")
    page.get_by_role("grid").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs\?jobId="))
    expect(page.get_by_role("heading", name="ethanol")).to_be_visible()
    page.get_by_role("link", name=re.compile("AutoDock Vina: ethanol and 8 more")).click()
    page.wait_for_url(re.compile(r"/batch\?batchId="))


def test_its_results_are_one_table(server: Server, page: Page) -> None:
    batch = the_batch(server)
    page.goto(f"{server.url}/app/batch?batchId={batch}")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Export CSV")).first.click()
    lines = Path(download.value.path()).read_text().splitlines()
    rows = list(csv.DictReader(io.StringIO("\n".join(line for line in lines if not line.startswith("#")))))
    assert len(rows) == 9 and "Best affinity (kcal/mol)" in rows[0]


def test_a_retry_of_what_failed_stays_in_its_well(server: Server, page: Page) -> None:
    batch = the_batch(server)
    page.goto(f"{server.url}/app/batch?batchId={batch}")
    page.get_by_role("button", name=re.compile(r"Retry failed \(1\)")).click()
    dialog = page.get_by_test_id("stDialog")
    expect(dialog.get_by_text(re.compile("5 credits")).first).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Retry")).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_text("✕ Ended, incomplete", exact=True).first).to_be_visible(timeout=120_000)
    jobs = server.ask("GET", f"/api/v1/batches/{batch}/jobs")["jobs"]
    wells = {job["id"]: job["well"] for job in jobs if job["name"] == "selenide"}
    assert sorted(wells.values(), key=str) == [3, None]


def test_a_batch_is_deleted_with_its_jobs(server: Server, page: Page) -> None:
    batch = the_batch(server)
    job = server.ask("GET", f"/api/v1/batches/{batch}/jobs")["jobs"][0]["id"]
    page.goto(f"{server.url}/app/batch?batchId={batch}")
    page.get_by_role("button", name="All actions").click()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_test_id("stDialog")
    dialog.get_by_role("button", name=re.compile("Delete")).click()
    expect(dialog).to_be_hidden()
    page.goto(f"{server.url}/app/jobs?jobId={job}")
    expect(page.get_by_role("heading", name="This job is not here")).to_be_visible()
    assert server.ask("GET", "/api/v1/batches")["batches"] == []
