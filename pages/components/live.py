"""Hears of changes through one WebSocket and reruns the fragment that it stands in; nothing is polled."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from compute.workbench import current
from pages.components import source

_live = st.components.v2.component(
    "wellplate_live", html='<span class="live"></span>', js=source("telling.js") + source("live.js")
)

#: Before every change: whoever has seen this much is told to read anew.
NOTHING_YET = -1


def listen(
    *,
    key: str,
    jobs: Sequence[str] = (),
    whole_list: bool = False,
    files: bool = False,
    batches: Sequence[str] = (),
    batch_list: bool = False,
    unread: int | None = None,
    pause: float = 0.5,
    at_once: bool = False,
) -> None:
    """Rerun this fragment when one of these jobs or batches, a whole list of them, or with `files` the library changes.

    Also when there are not `unread` notices any more (None: notices do not matter). At most once in `pause` seconds.
    Call it before what is shown is read: what changes from then on is told. With `at_once` nothing was read yet, and
    the fragment reruns as soon as the rest of the page stands.
    """
    data = {
        "since": NOTHING_YET if at_once else current().last_change(),
        "jobs": list(jobs),
        "list": whole_list,
        "files": files,
        "batches": list(batches),
        "batch_list": batch_list,
        "pause": pause,
        "notices": unread is not None,
        "drawn": unread,
    }
    _live(key=key, data=data, height=1, on_changed_change=lambda: None)
