"""Browser parts that Streamlit has not: uploads that stream to disk, live changes, 3D structures, plates of batches."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def source(name: str) -> str:
    """The text of a JavaScript or CSS file beside this one."""
    return (FOLDER / name).read_text(encoding="utf-8")
