"""Every page through `main.py`, as a browser would come to it, with a workbench in memory behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from compute import workbench
from tests.pages.fake_workbench import FakeWorkbench
from tests.pages.site import MAIN, lab, visit

__all__ = ["Open", "lab", "visit"]

Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def clean_caches() -> Iterator[None]:
    """Caches of Streamlit outlive an AppTest."""
    st.cache_data.clear()
    yield
    st.cache_data.clear()
    workbench.set_current(None)


@pytest.fixture
def open_page() -> Open:
    """`open_page("jobs.py", bench, jobId=...)`: the page, run once. Without a file: the start page."""

    def run(page: str | None = None, bench: FakeWorkbench | None = None, **query: str) -> AppTest:
        workbench.set_current(bench if bench is not None else FakeWorkbench())  # type: ignore[arg-type]
        app = AppTest.from_file(MAIN, default_timeout=20).run()
        for name, value in query.items():
            app.query_params[name] = value
        if page:
            app.switch_page(page)
        if page or query:
            app.run()
        return app

    return run
