"""The browser's driver: one for the whole run, because two in one process do not go together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    if not Path(CHROMIUM).exists():
        assert not os.environ.get("CI"), "chromium is missing; packages-test.txt names it"
        pytest.skip("chromium is not installed (packages-test.txt)")
    with sync_playwright() as playwright:
        yield playwright
