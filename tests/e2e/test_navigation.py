"""Going from page to page on a busy site, where every page hears of changes all the time."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server

pytestmark = pytest.mark.e2e

NOOP = {"tool": "test-noop", "inputs": {}, "settings": {}}


def test_a_page_that_opens_while_jobs_come_and_go_is_whole(server: Server, page: Page) -> None:
    over = threading.Event()

    def submit() -> None:
        while not over.wait(0.1):
            server.ask("POST", "/api/v1/jobs", NOOP)

    busy = threading.Thread(target=submit)
    busy.start()
    try:
        for title in ["Status", "Jobs"] * 6:
            page.goto(f"{server.url}/app/")
            # At once, while the sockets of the page that is left open and tell.
            page.get_by_test_id("stTopNavLink").filter(has_text=title).click()
            expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
            page.get_by_test_id("stTopNavLink").filter(has_text="Account").click()
            expect(page.get_by_role("heading", name="Account", level=1)).to_be_visible()
    finally:
        over.set()
        busy.join()
