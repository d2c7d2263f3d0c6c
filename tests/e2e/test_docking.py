"""The main path, as a new user walks it: example, run, watch, poses, a second browser, cancel, delete."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.conftest import CHROMIUM
from tests.e2e.conftest import WITH_WEBGL, Server, sign_in

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=WITH_WEBGL)
    yield browser
    browser.close()


def test_the_example_is_docked_watched_and_seen_in_3d(server: Server, page: Page, browser: Browser) -> None:
    page.goto(f"{server.url}/app/")
    page.get_by_text("Load the example of AutoDock Vina").click()
    expect(page.get_by_role("heading", name="AutoDock Vina")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    run = page.get_by_role("button", name=re.compile(r"Run · \d+ credits"))
    expect(run).to_be_enabled()
    run.click()
    page.wait_for_url(re.compile("jobId="))
    expect(page.get_by_text("Dock", exact=True)).to_be_visible()
    expect(page.get_by_text("Completed").first).to_be_visible(timeout=180_000)
    expect(page.get_by_role("heading", name="Poses in the receptor")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"-\d+\.\d+ kcal/mol")).first).to_be_visible()

    second = browser.new_context().new_page()
    sign_in(second, page.url)
    expect(second.get_by_text("Completed").first).to_be_visible()
    expect(second.get_by_role("heading", name="Poses in the receptor")).to_be_visible()
    second.context.close()


def test_a_job_from_one_tab_shows_in_another_within_a_second(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/jobs")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(
        page.get_by_text("Find by name").or_(page.get_by_placeholder("Find by name")).first
    ).to_be_visible()
    completed = page.get_by_text(re.compile(r"Completed \d+")).first
    expect(completed).to_be_visible()
    before = int(re.findall(r"\d+", completed.inner_text())[0])
    server.ask("POST", "/api/v1/jobs", {"tool": "test-noop", "inputs": {}, "settings": {}})
    expect(page.get_by_text(f"Completed {before + 1}").first).to_be_visible(timeout=3_000)


def test_a_cancelled_job_leaves_no_process_and_can_be_deleted(server: Server, page: Page) -> None:
    job = server.ask(
        "POST",
        "/api/v1/jobs",
        {"tool": "test-fault", "inputs": {}, "settings": {"fault": "grandchild", "seconds": 300}},
    )
    page.goto(f"{server.url}/app/jobs?jobId={job['id']}")
    expect(page.get_by_text("Processing").first).to_be_visible()
    _until(lambda: _of_runs(server))
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("Cancel")).click()
    expect(page.get_by_text("⊘ Cancelled").first).to_be_visible()
    assert _of_runs(server) == []

    page.get_by_role("button", name="All actions").click()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_test_id("stDialog")  # the menu, which closes behind it, is a dialog too
    expect(dialog.get_by_text(job["name"]).first).to_be_visible()
    dialog.get_by_role("button", name=re.compile("Delete")).click()
    expect(dialog).to_be_hidden()  # it closes when the job is gone
    page.goto(f"{server.url}/app/jobs?jobId={job['id']}")
    expect(page.get_by_text("This job is not here")).to_be_visible()


def test_nonsense_is_answered_with_a_sentence_and_cannot_be_run(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/tool?tool=convert-sequences")
    page.get_by_text("Paste text").first.click()
    page.get_by_label(re.compile("^Content of")).fill("this is no sequence file")
    page.get_by_role("button", name=re.compile("Use")).first.click()
    expect(page.get_by_text(re.compile("plain text of unknown kind")).first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^play_arrow.*Run|^Run"))).to_be_disabled()


def _of_runs(server: Server) -> list[int]:
    """Processes that work for a job of this server."""
    return [process.pid for process in server.processes() if _is_run(process)]


def _is_run(process: psutil.Process) -> bool:
    try:
        return "WELLPLATE_RUN" in process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _until(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
