"""The Quickstart page is true: a new person follows it from the first step to the last, by its own links and words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server

pytestmark = pytest.mark.e2e

STEPS = ("Sign in", "Choose a tool", "Load its example", "Run it", "Watch", "Look at the result", "Share it")


def steps(page: Page, done: int) -> None:
    """The page has these steps, of which the first so many have a tick."""
    expect(page.get_by_role("heading", name="Quickstart")).to_be_visible()
    for number, title in enumerate(STEPS, start=1):
        said = "done" if number <= done else "not done yet"
        expect(page.get_by_role("img", name=f"Step {number}, {said}", exact=True)).to_be_visible()
        expect(page.get_by_text(title, exact=True).first).to_be_visible()


def test_the_walk_through_leads_from_nothing_to_a_shared_result(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/app/")
    page.get_by_role("link", name="Quickstart", exact=True).first.click()
    steps(page, done=1)
    expect(page.get_by_text("You are Ada, in the team").first).to_be_visible()

    page.get_by_role("link", name=re.compile("All tools")).click()
    expect(page.get_by_role("heading", name="Tools")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name=re.compile("with its example")).click()
    run = page.get_by_role("button", name=re.compile(r"Run · \d+ credits"))
    expect(run).to_be_enabled()
    run.click()
    page.wait_for_url(re.compile(r"/jobs\?jobId="))
    expect(page.get_by_text("Completed").first).to_be_visible(timeout=180_000)

    page.get_by_role("link", name="Quickstart", exact=True).first.click()
    steps(page, done=6)
    (job,) = server.ask("GET", "/api/v1/jobs")["jobs"]
    page.get_by_role("link", name=re.compile(re.escape(job["name"]))).last.click()
    expect(page.get_by_role("heading", name=job["name"])).to_be_visible()
    expect(page.get_by_role("heading", name="Downloads")).to_be_visible()
    page.get_by_role("button", name="Share").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radiogroup").get_by_text("Everybody who is signed in").click()
    expect(dialog.get_by_text(re.compile("Who can see it now: Everybody who is signed in"))).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_be_hidden()

    page.get_by_role("link", name="Quickstart", exact=True).first.click()
    steps(page, done=7)
    for word, path in (
        ("Status", "status"),
        ("Credits", "credits"),
        ("Account", "account"),
        ("Team", "team"),
    ):
        expect(page.get_by_role("link", name=word, exact=True).first).to_have_attribute(
            "href", re.compile(f"/app/{path}$")
        )
    with page.expect_popup() as docs:
        page.get_by_role("link", name="/api/docs").click()
    expect(docs.value).to_have_title(re.compile("API|Wellplate"))
