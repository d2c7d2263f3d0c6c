"""A list page by page: how much of it, and what it gives to go on from and takes back."""

from __future__ import annotations

from data.errors import BadInput

#: Rows of a page.
MOST = 500


def refuse_size(limit: int, most: int = MOST) -> None:
    """Raises BadInput for a page of no rows, or of too many."""
    if not 1 <= limit <= most:
        raise BadInput(f"limit is from 1 to {most}.", field="limit")


def number(cursor: str | None) -> int | None:
    """A row's running number; None for the start. Raises BadInput for what no list gave."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise no_cursor()
    return int(cursor)


def no_cursor() -> BadInput:
    return BadInput("This cursor is none that a list gave.", field="cursor")
