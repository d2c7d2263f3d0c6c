"""The library and the files in a real browser: clicks on a table's rows, what comes by itself, and a deletion."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Server, uploaded

pytestmark = pytest.mark.e2e
#: Of a table's row, and of the head above the first.
ROW, HEAD = 36, 32


def row(table: Locator, number: int, x: int) -> None:
    """Click into a row of a table, which is drawn on a canvas."""
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": x, "y": HEAD + ROW * number + ROW // 2})


def test_a_file_is_found_looked_into_used_and_deleted(server: Server, page: Page) -> None:
    for name in ("first.fasta", "second.fasta"):
        uploaded(page, server, name, f">{name}\nACGTACGTAC\n")
    page.goto(f"{server.url}/app/files")
    table = page.get_by_test_id("stDataFrame").first
    row(table, 1, 60)
    page.wait_for_url("**show=**")
    beside = page.locator(".st-key-files-preview")
    expect(beside.get_by_text("first.fasta").first).to_be_visible()
    beside.get_by_role("button", name="Open its page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first.fasta")
    item = page.url
    page.get_by_role("button", name="Convert sequences").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Convert sequences")
    expect(page.get_by_text(re.compile("first.fasta · "))).to_be_visible()
    page.goto(item)
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Nothing was made from it.")).to_be_visible()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("“first.fasta” is deleted.")).to_be_visible()
    names = [file["name"] for file in page.request.get(f"{server.url}/api/v1/files").json()["files"]]
    assert names == ["second.fasta"]


def test_what_comes_into_the_library_stands_there_by_itself(server: Server, page: Page) -> None:
    profile = "HMMER3/f [3.3.2]\nNAME  vFam_1\nLENG  2\nALPH  amino\nHMM\n//\n"
    page.goto(f"{server.url}/app/library?kind=hmm-sets")
    expect(page.get_by_text("No HMM sets yet.")).to_be_visible()
    uploaded(page, server, "vFam.hmm", profile)
    table = page.get_by_test_id("stDataFrame")
    row(table, 0, 60)
    expect(page.get_by_role("heading", level=1)).to_have_text("vFam.hmm")
    page.get_by_role("button", name="HMM sets").click()
    page.wait_for_url("**/app/library?kind=hmm-sets")
    expect(table).to_be_visible()
