"""Structures in 3D by Mol*, which the app serves itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from pages.components import source
from tools.contract import Box, Layer

#: Where the app mounts the viewer's files (the folder static/molstar of the package molstar-cli).
VIEWER = "/vendor/molstar"

_structure = st.components.v2.component(
    "wellplate_structure",
    html='<div class="wp-structure"></div>',
    css=source("structure.css"),
    js=source("structure.js"),
    isolate_styles=False,
)


def structure(
    *,
    key: str,
    alt: str,
    layers: Sequence[Layer],
    choices: Sequence[Layer] = (),
    box: Box | None = None,
    job: str | None = None,
    height: int = 460,
) -> None:
    """Draw a scene. Layers without text are result files of `job`."""
    _structure(
        key=key,
        data={
            "viewer": VIEWER,
            "alt": alt,
            "height": height,
            "layers": [_layer(layer, job) for layer in layers],
            "choices": [_layer(layer, job) for layer in choices],
            "box": {"center": list(box.center), "size": list(box.size)} if box else None,
        },
    )


def _layer(layer: Layer, job: str | None) -> dict[str, Any]:
    return {
        "label": layer.label,
        "role": layer.role,
        "format": layer.format,
        "text": layer.text,
        "url": None if job is None else f"/api/v1/jobs/{job}/files/{quote(layer.path)}?inline=1",
    }
