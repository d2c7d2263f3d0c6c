"""The table of docs/access.md: who may do what to a job of each visibility."""

from __future__ import annotations

from pathlib import Path

from compute.access import Action
from data.records import Visibility

PAGE = Path(__file__).parents[1] / "docs" / "access.md"

GROUPS = {
    "row": {Action.SEE_ROW},
    "read": {Action.SEE, Action.LOG, Action.EVENTS, Action.EXPORT, Action.FILE, Action.DOWNLOAD},
    "order": {Action.CANCEL, Action.DELETE},
    "own": {Action.RENAME, Action.RETRY, Action.SHARE},
}


def rights() -> list[tuple[str, Visibility, set[Action]]]:
    """Cell by cell: the person as the table calls them, the visibility, and what is allowed."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    heading, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert heading[1:] == [visibility.value for visibility in Visibility]
    return [
        (who, visibility, set().union(*(GROUPS[word] for word in cell.split() if word != "–")))
        for who, *cells in rows
        for visibility, cell in zip(Visibility, cells, strict=True)
    ]
