"""What a browser tab remembers, and of whom."""

from __future__ import annotations

import pytest
import streamlit as st

from pages.parts import session


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    state: dict[str, object] = {session._SEEN: ("ada", "team"), "jobs.view": "all"}
    monkeypatch.setattr(st, "session_state", state)
    return state


def test_a_changed_widget_calls_its_callback(remembered: dict[str, object]) -> None:
    said: list[object] = []
    session.on_change(said.append)("hello")
    assert said == ["hello"]


@pytest.mark.parametrize("now", [None, ("ada", "another"), ("bob", "team")])
def test_nothing_is_called_that_was_drawn_for_somebody_else(
    remembered: dict[str, object], now: object
) -> None:
    """A browser resends what it still shows after the tab was forgotten: the widget's key is gone."""
    callback = session.on_change(lambda: remembered["jobs.view"])
    remembered.clear()
    if now:
        remembered[session._SEEN] = now
    callback()
