"""Every page draws, with its title, when full, when empty, when the store does not answer, and for nobody."""

from __future__ import annotations

import pytest

from tests.pages.conftest import Open
from tests.pages.fake_workbench import BrokenWorkbench, FakeWorkbench

TITLES = {
    "catalogue.py": "Tools",
    "jobs.py": "Jobs",
    "credits.py": "Credits",
}


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_page_draws_its_title(open_page: Open, page: str, title: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert app.title[0].value == title


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_page_draws_in_an_empty_lab(open_page: Open, page: str, title: str) -> None:
    app = open_page(page, FakeWorkbench(jobs=False))
    assert not app.exception
    assert app.title[0].value == title


@pytest.mark.parametrize("page", ["catalogue.py", "jobs.py", "credits.py"])
def test_a_store_that_does_not_answer_is_told_in_a_sentence(open_page: Open, page: str) -> None:
    app = open_page(page, BrokenWorkbench())
    assert not app.exception
    assert "The disk is full" in app.error[0].value


@pytest.mark.parametrize("page", [None, *TITLES])
def test_nobody_sees_only_the_way_to_sign_in(open_page: Open, page: str | None) -> None:
    app = open_page(page, FakeWorkbench(person=None))
    assert not app.exception
    assert app.title[0].value == "Sign in to Wellplate"
    assert not app.dataframe and not app.button
    assert any("/auth/login?next=" in html.value for html in app.html)


def test_read_only_store_is_told_on_every_page(open_page: Open) -> None:
    bench = FakeWorkbench()
    bench.read_only = "Run make move-wal-aside, then start again."
    for page in TITLES:
        app = open_page(page, bench)
        assert "did not open cleanly" in app.warning[0].value


def test_a_revoked_session_loses_what_the_tab_knew(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page(None, bench)
    app.session_state["tool.form"] = "a colleague's draft"
    bench.accounts.who = None
    app.run()
    assert app.title[0].value == "Sign in to Wellplate"
    assert "tool.form" not in app.session_state
