"""A file field that streams to the API; `st.file_uploader` would hold the bytes in the app's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components import source

_upload = st.components.v2.component(
    "wellplate_upload", html='<div class="upload"></div>', css=source("upload.css"), js=source("upload.js")
)


def upload(
    label: str, *, key: str, accept: Sequence[str], several: bool, on_done: Callable[[], None]
) -> None:
    """Draw the field. `on_done` runs after an upload; `uploaded(key)` is then `{id, name, size, format}`."""
    _upload(
        key=key,
        data={"label": label, "accept": list(accept), "several": several, "url": "/api/v1/files"},
        on_uploaded_change=on_done,
    )


def uploaded(key: str) -> dict[str, object] | None:
    """The file that has just arrived, inside `on_done`."""
    return getattr(st.session_state.get(key), "uploaded", None)
