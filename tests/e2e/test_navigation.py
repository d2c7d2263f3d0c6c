"""Going from page to page on a busy site, where every page hears of changes all the time."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.e2e.conftest import Server, settled, uploaded

pytestmark = pytest.mark.e2e

STREAM = re.compile("/_stcore/stream")
#: A busy browser: the timer with which Streamlit sends what it was told comes a second late.
LATE = """
const later = setTimeout;
globalThis.late = 0;
globalThis.setTimeout = (run, delay, ...rest) => {
  const sends = String(run).includes("sendUpdateWidgetsMessage");
  globalThis.late += sends;
  return later(run, sends ? 1000 : delay, ...rest);
};
"""
#: Counts what listeners hear of jobs.
HEARING = """
globalThis.heard = 0;
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    if (!this.url.endsWith("/api/v1/live")) return;
    this.addEventListener("message", ({ data }) => { heard += /"(job|again)"/.test(data); });
  }
};
"""
NOOP = {"tool": "test-noop", "inputs": {}, "settings": {}}


def change(server: Server, page: Page) -> None:
    """Something that a listener of this page hears of."""
    before = page.evaluate("heard")
    server.ask("POST", "/api/v1/jobs", NOOP)
    page.wait_for_function("before => heard > before", arg=before)


def test_a_page_that_opens_while_jobs_come_and_go_is_whole(server: Server, page: Page) -> None:
    over = threading.Event()

    def submit() -> None:
        while not over.wait(0.1):
            server.ask("POST", "/api/v1/jobs", NOOP)

    busy = threading.Thread(target=submit)
    busy.start()
    try:
        for title in ["Status", "Jobs"] * 3:
            page.goto(f"{server.url}/app/")
            # At once, while the sockets of the page that is left open and tell.
            page.get_by_test_id("stTopNavLink").filter(has_text=title).click()
            expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
            page.get_by_test_id("stTopNavLink").filter(has_text="Account").click()
            expect(page.get_by_role("heading", name="Account", level=1)).to_be_visible()
    finally:
        over.set()
        busy.join()


def test_what_is_told_on_the_way_to_another_page_does_not_clear_it(server: Server, page: Page) -> None:
    on_the_way: list[str | bytes] | None = None
    streams: list[WebSocketRoute] = []

    def pass_on(browser: WebSocketRoute) -> None:
        stream = browser.connect_to_server()
        streams.append(stream)
        browser.on_message(
            lambda message: (stream.send if on_the_way is None else on_the_way.append)(message)
        )

    page.clock.install()
    page.route_web_socket(STREAM, pass_on)
    page.add_init_script(HEARING)
    page.goto(f"{server.url}/app/jobs")
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()
    settled(page)
    on_the_way = []
    page.get_by_test_id("stTopNavLink").filter(has_text="Account").click()
    change(server, page)
    page.clock.run_for(5_000)
    arrived, on_the_way = on_the_way, None
    for message in arrived:
        streams[-1].send(message)
    expect(page.get_by_role("heading", name="Account", level=1)).to_be_visible()
    settled(page)
    expect(page.get_by_role("heading", name="Account", level=1)).to_be_visible()


def test_a_click_right_after_a_change_was_told_is_not_lost(server: Server, page: Page) -> None:
    file = uploaded(page, server, "plant.fa", ">chromosome\n" + "ACGT" * 100 + "\n")
    page.add_init_script(LATE)
    page.add_init_script(HEARING)
    page.goto(f"{server.url}/app/library?item={file['id']}")
    button = page.get_by_role("button", name="Create subtraction")
    expect(button).to_be_visible()
    settled(page)
    change(server, page)
    button.click()
    page.wait_for_url(re.compile("/app/tool"))
    assert page.evaluate("late") > 0


def test_a_page_that_is_opened_by_its_address_connects_at_once(server: Server, page: Page) -> None:
    """Streamlit's client would look for its server below the page first, and start the page when all had answered."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/app/status")
    expect(page.get_by_role("heading", name="Status", exact=True)).to_be_visible()
    assert not [url for url in asked if "/status/_stcore/" in url]
