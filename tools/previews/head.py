"""The beginning of a file: so much is read for a preview, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools import formats
from tools.contract import InputFailure

#: Unpacked bytes.
HEAD = 4 * formats.MB
#: Characters of a line.
LINE = 400


@dataclass(frozen=True)
class Head:
    content: bytes
    #: Whether that is all there is.
    whole: bool

    @property
    def text(self) -> str:
        """With bytes that are no UTF-8 replaced."""
        return self.content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")

    def lines(self) -> list[str]:
        """Without what may be a part of a line only."""
        lines = self.text.split("\n")
        # After the last line feed there is nothing, or the beginning of a line that goes on.
        ends = self.whole and lines[-1] != ""
        return lines if ends or len(lines) == 1 else lines[:-1]


def read(path: Path, limit: int = HEAD) -> Head:
    """Raises InputFailure when a compressed file is damaged within it."""
    # The reader takes blocks of up to a megabyte, which count.
    with formats.open_binary(path, limit + 2 * formats.MB) as content:
        found = content.read(limit + 1)
    return Head(found[:limit], len(found) <= limit)


def whole(path: Path, limit: int) -> bytes:
    """All of it. Raises InputFailure when it is larger, or damaged."""
    found = read(path, limit)
    if not found.whole:
        raise InputFailure(
            f"It is larger than {limit // formats.MB} MB, too large to be shown here. Download it to look at it."
        )
    return found.content


def short(line: str, limit: int = LINE) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
