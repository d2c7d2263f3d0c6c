"""The browser parts in a real browser: uploads, live changes, structures, plates, and nothing loaded from elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Playwright, expect

from tests.conftest import CHROMIUM

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.e2e
QUIET = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
#: WebGL on the processor; slow, so for structures only.
SOFTWARE_GL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
#: Height of the table's header and of a row, in pixels.
HEADER, ROW = 36, 36
#: Where the columns of the star and of the menu are, from the table's left edge.
STAR, MENU = 56, 338


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "tests/pages/browser_app.py"]
    process = subprocess.Popen(
        [*command, f"--server.port={port}", "--server.address=127.0.0.1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "URL" in line:
            break
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(20)


@contextmanager
def launched(driver: Playwright, *arguments: str) -> Iterator[BrowserContext]:
    """One browser with one cache: each page need not load Streamlit anew."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])
    yield browser.new_context(viewport={"width": 1440, "height": 1000})
    browser.close()


@pytest.fixture(scope="module")
def browser(playwright_driver: Playwright) -> Iterator[BrowserContext]:
    with launched(playwright_driver, "--disable-gpu", "--disable-3d-apis") as context:
        yield context


@pytest.fixture(scope="module")
def browser_with_webgl(playwright_driver: Playwright) -> Iterator[BrowserContext]:
    with launched(playwright_driver, *SOFTWARE_GL) as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    yield from opened(browser)


@pytest.fixture
def page_in_3d(browser_with_webgl: BrowserContext) -> Iterator[Page]:
    yield from opened(browser_with_webgl)


def opened(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield page
    page.close()


def call(site: str, path: str) -> dict[str, str]:
    with urlopen(site + path, timeout=10) as answer:
        return dict(json.load(answer))


def job(site: str, name: str) -> str:
    found = next(id for each, id in call(site, "/test/jobs").items() if each.startswith(name))
    return f"{site}/app/jobs?jobId={found}"


def test_a_file_is_uploaded_and_a_refusal_is_a_sentence(site: str, page: Page, tmp_path: Path) -> None:
    good, empty = tmp_path / "my protein.pdb", tmp_path / "nothing.pdb"
    good.write_bytes(b"x" * 300_000)
    empty.write_bytes(b"")
    page.goto(f"{site}/app/tool?tool=dock")
    field = page.locator("input[type=file]").first
    field.set_input_files(empty)
    expect(page.get_by_text("nothing.pdb: This file is empty.")).to_be_visible()
    field.set_input_files(good)
    expect(page.get_by_text("my protein.pdb · 300 kB")).to_be_visible()


def test_of_several_uploads_at_once_none_is_lost(site: str, page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"ligand {number}.sdf" for number in range(5)]
    for file in files:
        file.write_bytes(b"x" * 1000)
    page.goto(f"{site}/app/tool?tool=dock")
    page.locator("input[type=file][multiple]").first.set_input_files(files)
    for file in files:
        expect(page.get_by_text(f"{file.name} · 1.0 kB")).to_have_count(1)


def test_a_new_job_appears_by_itself_and_again_after_a_broken_socket(site: str, page: Page) -> None:
    page.goto(f"{site}/app/jobs")
    count = page.get_by_text(re.compile(r"\d+ jobs on this page"))
    expect(count).to_be_visible()
    before = int(count.inner_text().split()[0])
    call(site, "/test/add?name=told")
    expect(page.get_by_text(f"{before + 1} jobs on this page")).to_be_visible()
    call(site, "/test/add?name=missed&silent=1")
    call(site, "/test/drop")
    expect(page.get_by_text(f"{before + 2} jobs on this page")).to_be_visible()


def test_a_rows_menu_and_star_leave_filter_and_order(site: str, page: Page) -> None:
    asked = f"{site}/app/jobs?q={quote('ABL1')}&not_status=queued"
    page.goto(asked)
    table = page.locator("[data-testid=stDataFrame]")
    count = page.get_by_text(re.compile(r"\d+ jobs on this page"))
    expect(count).to_be_visible()
    before = count.inner_text()
    box = table.bounding_box()
    assert box is not None
    row = box["y"] + HEADER + ROW / 2
    page.mouse.click(box["x"] + STAR, row)
    expect(page.get_by_role("gridcell", name="★", include_hidden=True)).to_have_count(1)
    page.mouse.click(box["x"] + MENU, row)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Remove star")).to_be_visible()
    expect(dialog.get_by_role("button", name="Retry")).to_be_disabled()
    dialog.get_by_role("button", name="Rename").click()
    name = page.get_by_role("textbox", name="Name", exact=True).last
    name.fill("axitinib, once more, ABL1")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("gridcell", name="axitinib, once more, ABL1", include_hidden=True)).to_have_count(
        1
    )
    assert count.inner_text() == before
    assert page.url == asked


def test_a_selected_list_stays_and_acts_on_what_was_selected(site: str, page: Page) -> None:
    page.goto(f"{site}/app/jobs?q={quote('axitinib')}")
    table = page.locator("[data-testid=stDataFrame]")
    expect(table).to_be_visible()
    expect(page.get_by_text("1 job on this page")).to_be_visible()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + HEADER + ROW / 2)
    expect(page.get_by_text("1 job selected")).to_be_visible()
    call(site, "/test/add?name=axitinib%20again")
    expect(page.get_by_text("1 job changed · Refresh")).to_be_visible()
    page.get_by_role("button", name="Cancel 1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile("axitinib.*ABL1"))).to_be_visible()
    expect(dialog.get_by_text("axitinib again")).to_have_count(0)
    dialog.get_by_role("button", name="Keep as it is").click()
    expect(dialog).to_have_count(0)


def test_a_structure_is_drawn_and_another_pose_chosen(site: str, page_in_3d: Page) -> None:
    errors: list[str] = []
    page_in_3d.on("pageerror", lambda error: errors.append(str(error)))
    page_in_3d.goto(job(site, "imatinib"))
    scene = page_in_3d.locator(".wp-structure")
    expect(scene).to_have_attribute("data-state", "drawn")
    expect(scene.locator(".wp-stage")).to_have_attribute(
        "aria-label", re.compile("receptor, Pose 1, and a box")
    )
    with page_in_3d.expect_response(re.compile("pose_2.sdf")):
        scene.locator("select").select_option(label="Pose 2")
    assert errors == []


def test_a_structure_that_could_not_be_loaded_does_not_end_the_viewer(site: str, page_in_3d: Page) -> None:
    page_in_3d.goto(job(site, "imatinib"))
    scene = page_in_3d.locator(".wp-structure")
    expect(scene).to_have_attribute("data-state", "drawn")
    page_in_3d.route(re.compile("pose_2.sdf"), lambda route: route.fulfill(status=503), times=1)
    scene.locator("select").select_option(label="Pose 2")
    expect(scene.get_by_text("Pose 2 could not be loaded (503).")).to_be_visible()
    scene.locator("select").select_option(label="Pose 1")
    expect(scene).to_have_attribute("data-state", "drawn")
    expect(scene.locator("canvas").first).to_be_visible()
    with page_in_3d.expect_response(re.compile("pose_2.sdf")):
        scene.locator("select").select_option(label="Pose 2")
    expect(scene).to_have_attribute("data-state", "drawn")
    expect(scene.get_by_text("could not be loaded")).to_have_count(0)


def test_without_webgl_there_is_a_sentence(site: str, page: Page) -> None:
    page.goto(job(site, "imatinib"))
    expect(page.get_by_text("cannot draw in 3D")).to_be_visible()


def batch(site: str, name: str, query: str = "") -> tuple[str, str]:
    """Its id and its page."""
    found = next(id for each, id in call(site, "/test/batches").items() if each.startswith(name))
    return found, f"{site}/app/batch?batchId={found}{query}"


def plate(page: Page, wells: int) -> Locator:
    """The plate, once it is drawn."""
    grid = page.get_by_role("grid", name=re.compile("^Plate of "))
    expect(grid).to_have_attribute("data-drawn", str(wells))
    return grid


def test_a_well_tells_what_it_is_and_opens_its_job_by_a_click(site: str, page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(batch(site, "Ten analogues")[1])
    grid = plate(page, 10)
    # A plate of 4 x 6, of which A1 is at the top left: a little right of the letters, below the numbers.
    at = {"x": 24 + 28, "y": 18 + 28}
    grid.hover(position=at)
    expect(page.locator(".tip")).to_contain_text(
        re.compile(r"A1ZINC10000000.*Completed · Affinity −\d.*kcal/mol")
    )
    grid.click(position=at)
    expect(page.get_by_role("heading", level=1)).to_have_text("ZINC10000000")
    page.get_by_role("link", name=re.compile("Well A1 of")).click()
    plate(page, 10)
    assert errors == []


def test_a_plate_is_walked_with_the_arrow_keys(site: str, page: Page) -> None:
    page.goto(batch(site, "Ten analogues")[1])
    grid = plate(page, 10)
    page.get_by_role("radio", name="RMSD").press("Tab")
    expect(grid).to_be_focused()
    cell = grid.get_by_role("gridcell")
    expect(cell).to_have_text(re.compile("^A1, ZINC10000000, .*Completed"))
    for key, well in [
        ("ArrowRight", "A2"),
        ("ArrowDown", "B2"),
        ("End", "B4"),
        ("Home", "B1"),
        ("ArrowUp", "A1"),
    ]:
        page.keyboard.press(key)
        expect(cell).to_have_text(re.compile(f"^{well}, "))
    page.keyboard.press("ArrowLeft")  # there is none
    expect(cell).to_have_text(re.compile("^A1, "))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=re.compile("Well B1 of"))).to_be_visible()


def test_a_plate_of_ten_thousand_wells_is_drawn_and_pointed_at(site: str, page: Page) -> None:
    page.goto(batch(site, "ZINC leads")[1])
    grid = plate(page, 10_000)
    box = grid.bounding_box()
    assert box is not None and box["width"] > 500 and box["height"] < 500
    pitch = (box["width"] - 44 - 14) / 140
    grid.hover(position={"x": 44 + 3.5 * pitch, "y": 18 + 2.5 * pitch})
    expect(page.locator(".tip")).to_contain_text("284ZINC")  # the third row's fourth
    expect(page.get_by_text("· lower is better")).to_be_visible()
    # What came out of it comes by itself when the plate stands.
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_well_that_ends_is_drawn_by_itself(site: str, page: Page) -> None:
    id, address = batch(site, "96 fragments", "&colour=status")
    page.goto(address)
    grid = plate(page, 96)
    expect(grid).to_have_accessible_name(re.compile("14 queued"))
    call(site, f"/test/end?batch={id}&well=95")
    expect(grid).to_have_accessible_name(re.compile("13 queued"))
    grid.hover(position={"x": 24 + 11.5 * 56, "y": 18 + 7.5 * 56})
    expect(page.locator(".tip")).to_contain_text(re.compile("H12.*Completed"))


def test_a_batch_that_is_deleted_while_it_is_shown_says_so(site: str, page: Page) -> None:
    id, address = batch(site, "Kinase library")
    page.goto(address)
    plate(page, 384)
    call(site, f"/test/forget?batch={id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("This batch is not here")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tools",
        "jobs",
        "batch",
        "tool?tool=dock&many=1",
        "tool?tool=dock&example=1",
        "credits",
        "account",
        "status",
    ],
)
def test_nothing_is_loaded_from_elsewhere(site: str, page: Page, path: str) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{site}/app/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert hosts - {None} == {"127.0.0.1"}
