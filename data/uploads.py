"""The library of uploaded files: what is registered. Their bytes lie in data/folders.py's `uploads/`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from data.records import StoredFile, Visibility
from data.store import Store, Transaction


def add(store: Store, file: StoredFile) -> Future[StoredFile]:
    """Register a file whose bytes are on disk under its id."""
    return store.write(_add, file)


def get(store: Store, file_id: str) -> StoredFile | None:
    rows = store.read("upload_by_id", id=file_id)
    return _stored(rows[0]) if rows else None


def page(
    store: Store, team: str, owner: str, formats: Sequence[str] | None, limit: int = 200
) -> list[StoredFile]:
    """A person's newest uploads in a team, of these formats (None: of every format)."""
    wanted = None if formats is None else list(formats)
    rows = store.read("uploads_of_team", team=team, owner=owner, formats=wanted, limit=limit)
    return [_stored(row) for row in rows]


def _add(tx: Transaction, files: list[StoredFile]) -> list[Any]:
    first = tx.next_seq(len(files))
    names = ("id", "team", "owner", "name", "size", "sha256", "format", "created_at")
    columns = {name: [getattr(file, name) for file in files] for name in names}
    tx.run(
        "add_uploads",
        seq=list(range(first, first + len(files))),
        visibility=[Visibility.TEAM.value] * len(files),
        **columns,
    )
    return list(files)


def _stored(row: dict[str, Any]) -> StoredFile:
    return StoredFile(**{name: row[name] for name in StoredFile.__dataclass_fields__})
