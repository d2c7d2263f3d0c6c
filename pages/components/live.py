"""Hears of changes through one WebSocket and reruns the fragment that it stands in; nothing is polled."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.components import source

_live = st.components.v2.component("wellplate_live", html='<span class="live"></span>', js=source("live.js"))


def listen(
    *,
    key: str,
    jobs: Sequence[str] = (),
    whole_list: bool = False,
    files: bool = False,
    unread: int | None = None,
) -> None:
    """Rerun this fragment, at most twice a second, when one of these jobs, the list of jobs, or with `files` the
    team's library changes.

    Also when there are not `unread` notices any more (None: notices do not matter).
    """
    data = {
        "jobs": list(jobs),
        "list": whole_list,
        "files": files,
        "notices": unread is not None,
        "drawn": unread,
    }
    _live(key=key, data=data, height=1, on_changed_change=lambda: None)
