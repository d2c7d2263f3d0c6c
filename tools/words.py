"""People's words inside texts that are drawn as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()#+!|<>$~:"})


def plain(text: str) -> str:
    """Shown as written, on one line, never as formatting, a link or an image."""
    return " ".join(text.translate(_SIGNS).split())


def told(value: object, form: str = "{}") -> str:
    """The value in this form; a dash where it is missing or of another kind."""
    try:
        return "–" if value is None else form.format(value)
    except (TypeError, ValueError):
        return "–"


def some(names: Sequence[str], most: int = 8) -> str:
    """The first of them in a sentence, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
