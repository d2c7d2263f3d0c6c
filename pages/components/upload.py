"""A file field that streams to the API and goes on after a broken connection, of files of any size.

`st.file_uploader` would hold the bytes in the app's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.components import source

_upload = st.components.v2.component(
    "wellplate_upload",
    html='<div class="upload"></div>',
    css=source("upload.css"),
    js=source("telling.js") + source("sending.js") + source("upload.js"),
)


def upload(
    label: str,
    *,
    key: str,
    accept: Sequence[str],
    several: bool,
    on_done: Callable[[], None],
    folder: bool = False,
) -> None:
    """Draw the field. `on_done` runs after an upload, though perhaps once for several that came together.

    With `folder` whole folders can be chosen and dropped too: their files come, without the hidden ones.
    """
    data = {"label": label, "accept": list(accept), "several": several, "folder": folder}
    _upload(key=key, data=data | {"url": "/api/v1/uploads"}, on_uploaded_change=on_done)


def uploaded(key: str) -> list[dict[str, Any]]:
    """Inside `on_done`: the files that arrived and were not told before, each `{id, name, size, format}`."""
    arrived = getattr(st.session_state.get(key), "uploaded", None) or []
    seen: set[str] = st.session_state.setdefault(f"{key}.seen", set())
    new = [file for file in arrived if file["id"] not in seen]
    seen.update(file["id"] for file in new)
    return new
