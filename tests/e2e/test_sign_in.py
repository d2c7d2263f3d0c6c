"""One revocable sign-in for pages, API and live sockets, tried with two browsers."""

from __future__ import annotations

import re

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Server, sign_in

pytestmark = pytest.mark.e2e


def test_it_listens_on_this_machine_only(server: Server) -> None:
    bound = {
        connection.laddr.ip
        for process in server.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert bound == {"127.0.0.1"}


def test_the_one_time_link_works_once(server: Server, page: Page, browser: Browser) -> None:
    page.goto(f"{server.url}/app/")
    expect(page.get_by_role("heading", name="Tools")).to_be_visible()
    assert not (server.home / "run" / "sign-in-link").exists()


def test_nobody_sees_anything_without_signing_in(server: Server, browser: Browser, page: Page) -> None:
    stranger = browser.new_context().new_page()
    stranger.goto(f"{server.url}/app/jobs")
    expect(stranger.get_by_text(re.compile("Sign in")).first).to_be_visible()
    expect(stranger.get_by_text("Find by name")).to_have_count(0)
    assert stranger.request.get(f"{server.url}/api/v1/jobs").status == 401
    stranger.context.close()


def test_signing_out_elsewhere_ends_an_open_page(server: Server, page: Page, browser: Browser) -> None:
    other = browser.new_context().new_page()
    sign_in(other, f"{server.url}/app/jobs")
    expect(other.get_by_role("heading", name="Jobs")).to_be_visible()
    cookies = {cookie["name"]: cookie["value"] for cookie in other.context.cookies()}
    assert other.request.get(f"{server.url}/api/v1/jobs").ok

    page.goto(f"{server.url}/app/account")
    page.get_by_role("button", name="Sign out there").first.click()

    expect(other.get_by_text(re.compile("Sign in")).first).to_be_visible()
    expect(other.get_by_role("heading", name="Jobs")).to_have_count(0)
    stale = {"Cookie": f"wellplate_session={cookies['wellplate_session']}"}
    assert other.request.get(f"{server.url}/api/v1/jobs", headers=stale).status == 401
    other.context.close()
