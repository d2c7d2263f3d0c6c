"""One driver of browsers for the whole run, as two in one process do not go together; and no engines of other tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tools import engines

CHROMIUM = "/usr/bin/chromium"


def pytest_collection_finish() -> None:
    """Thousands of collected tests are no garbage: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    if not Path(CHROMIUM).exists():
        assert not os.environ.get("CI"), "chromium is missing; packages-test.txt names it"
        pytest.skip("chromium is not installed (packages-test.txt)")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(autouse=True, scope="module")
def engines_as_before() -> Iterator[None]:
    """A site that is opened here tells this process where its engines lie; others must not hear of it."""
    before = os.environ.get(engines.VARIABLE)
    yield
    os.environ.pop(engines.VARIABLE, None)
    if before is not None:
        os.environ[engines.VARIABLE] = before
