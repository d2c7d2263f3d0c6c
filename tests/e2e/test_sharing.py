"""Three browsers at once: Ada who owns the jobs, Ben of her team, and somebody who is not signed in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Server, join, on, register
from tests.e2e.test_home import wait_for

pytestmark = pytest.mark.e2e

BODY = {
    "tool": "convert-sequences",
    "inputs": {"sequences": {"text": ">a\nGATTACA\n>b\nACGTACGT\n", "name": "a.fasta"}},
    "settings": {"to": "tab"},
}
#: A page that is open hears within a moment that it may show a job no more.
SOON = 10_000


@pytest.fixture(scope="module")
def colleague(server: Server, signed_in: object, browser: Browser) -> Iterator[Page]:
    """Ben, who came into the team by the link of an invitation."""
    page = join(server, browser, "Ben")
    yield page
    page.context.close()


@pytest.fixture
def nobody(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def job(server: Server, *, ends: str = "completed", **changes: Any) -> dict[str, Any]:
    """One that has ended so."""
    made: dict[str, Any] = server.ask("POST", "/api/v1/jobs", BODY | changes)
    wait_for(server, made["id"], ends)
    return made


def address(server: Server, made: dict[str, Any]) -> str:
    return f"{server.url}/app/jobs?jobId={made['id']}"


def share(page: Page) -> Locator:
    page.get_by_role("button", name="Share", exact=False).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Who can see this job")).to_be_visible()
    return dialog


def choose(dialog: Locator, words: str) -> None:
    dialog.get_by_role("radiogroup").get_by_text(words, exact=False).first.click()
    expect(dialog.get_by_text(re.compile(f"Who can see it now: {words}"))).to_be_visible()


def sees(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("Completed").first).to_be_visible()
    expect(page.get_by_text("This job is private to")).to_have_count(0)


def test_each_visibility_shows_it_to_whom_it_says(
    server: Server, page: Page, colleague: Page, nobody: Page
) -> None:
    made = job(server, name="Shared step by step", visibility="private")
    url = address(server, made)
    page.goto(url)
    sees(page, "Shared step by step")
    dialog = share(page)

    colleague.goto(url)
    expect(colleague.get_by_text("This job is private to Ada")).to_be_visible()
    nobody.goto(url)
    expect(nobody.get_by_role("link", name="Sign in").first).to_be_visible()
    expect(nobody.get_by_text("Shared step by step")).to_have_count(0)

    for words in ("Everybody in", "Everybody who is signed in"):
        choose(dialog, words)
        colleague.goto(url)
        sees(colleague, "Shared step by step")
        expect(colleague.get_by_role("button", name="Share")).to_have_count(0)
        nobody.goto(url)
        expect(nobody.get_by_text("Shared step by step")).to_have_count(0)

    choose(dialog, "Anyone with the link")
    nobody.goto(url)
    sees(nobody, "Shared step by step")
    expect(nobody.get_by_text("You see this job because its link is public")).to_be_visible()

    # Revoked: what is open ends by itself.
    choose(dialog, "Only you")
    expect(nobody.get_by_text("You are not signed in on this browser")).to_be_visible(timeout=SOON)
    expect(nobody.get_by_text("Shared step by step")).to_have_count(0)
    expect(colleague.get_by_text("This job is private to Ada")).to_be_visible(timeout=SOON)
    assert nobody.request.get(f"{server.url}/api/v1/jobs/{made['id']}").status == 404
    assert colleague.request.get(f"{server.url}/api/v1/jobs/{made['id']}/files").status == 403


def test_an_invited_guest_comes_by_the_link_and_goes_when_removed(
    server: Server, page: Page, browser: Browser, colleague: Page
) -> None:
    made = job(server, name="For a guest", visibility="private")
    page.goto(address(server, made))
    dialog = share(page)
    dialog.get_by_role("radiogroup").get_by_text("People you invite").first.click()
    dialog.get_by_label("E-mail addresses").fill("guest@elsewhere.example")
    dialog.get_by_role("button", name="Invite").click()
    expect(dialog.get_by_text("Pending", exact=True)).to_be_visible()
    link = dialog.get_by_text(re.compile("/auth/invitation")).inner_text()

    guest = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    register(guest, on(server, link.strip()), "Guest")
    sees(guest, "For a guest")
    colleague.goto(address(server, made))
    expect(colleague.get_by_text("This job is private to Ada")).to_be_visible()

    page.reload()
    dialog = share(page)
    expect(dialog.get_by_text("Accepted", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Remove").click()
    expect(guest.get_by_text("This job is not here")).to_be_visible(timeout=SOON)
    guest.context.close()


def test_a_failed_job_is_run_again(server: Server, page: Page) -> None:
    made = job(
        server,
        ends="failed",
        tool="test-fault",
        inputs={},
        settings={"fault": "bad-input"},
        name="Fails",
        visibility="team",
    )
    page.goto(address(server, made))
    expect(page.get_by_text("Failed").first).to_be_visible()
    page.get_by_role("button", name="Retry").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page.get_by_text("Running again: 1 job: “Fails”.")).to_be_visible()
    page.get_by_role("link", name="Open the new job").click()
    page.wait_for_url(lambda url: "jobId=" in url and made["id"] not in url)
    expect(page.get_by_role("heading", name="Fails")).to_be_visible()
    found = server.ask("GET", "/api/v1/jobs?q=Fails")["jobs"]
    assert len(found) == 2
    assert made["id"] in {one["id"] for one in found}


def test_a_duplicate_is_changed_before_it_runs(server: Server, page: Page) -> None:
    made = job(server, name="To be changed")
    page.goto(address(server, made))
    page.get_by_role("button", name="Duplicate").first.click()
    expect(page.get_by_role("heading", name="Convert sequences")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("^to", re.I)).first.click()
    page.get_by_role("option", name="fasta", exact=True).click()
    run = page.get_by_role("button", name=re.compile(r"\bRun\b"))
    expect(run).to_be_enabled()
    run.click()
    page.wait_for_url(re.compile(r"/jobs\?jobId="))
    new_id = re.findall(r"jobId=([0-9a-f-]+)", page.url)[0]
    assert new_id != made["id"]
    new = server.ask("GET", f"/api/v1/jobs/{new_id}/submission")
    old = server.ask("GET", f"/api/v1/jobs/{made['id']}/submission")
    assert new["inputs"] == old["inputs"]
    assert (old["settings"]["to"], new["settings"]["to"]) == ("tab", "fasta")


def test_rename_export_and_delete_are_seen_by_a_colleague(
    server: Server, page: Page, colleague: Page, tmp_path: Path
) -> None:
    made = job(server, name="Old name", visibility="team")
    page.goto(address(server, made))
    colleague.goto(address(server, made))
    sees(colleague, "Old name")

    page.get_by_role("button", name="All actions").click()
    page.get_by_role("button", name="Rename").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("New name")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="New name")).to_be_visible()
    expect(colleague.get_by_role("heading", name="New name")).to_be_visible(timeout=SOON)

    colleague.get_by_role("button", name="All actions").click()
    expect(colleague.get_by_role("button", name="Rename")).to_be_disabled()
    expect(colleague.get_by_role("button", name="Delete")).to_be_disabled()
    with colleague.expect_download() as waiting:
        colleague.get_by_role("link", name="Export JSON").click()
    waiting.value.save_as(tmp_path / "export.json")
    assert json.loads((tmp_path / "export.json").read_text())["name"] == "New name"

    page.get_by_role("button", name="All actions").click()
    page.get_by_role("button", name="Delete").click()
    # Not the menu's own entry, which stays for a moment.
    page.get_by_role("button", name="Delete 1 job").click()
    expect(page.get_by_role("dialog", name="Delete for good?")).to_be_hidden()
    expect(colleague.get_by_text("This job is not here")).to_be_visible(timeout=SOON)
    assert page.request.get(f"{server.url}/api/v1/jobs/{made['id']}").status == 404
