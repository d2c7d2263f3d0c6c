"""Reads that the tests make themselves."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from pathlib import Path


def record(name: str, letters: str, quality: str | None = None) -> str:
    return f"@{name}\n{letters}\n+\n{'I' * len(letters) if quality is None else quality}\n"


def reads(
    number: int = 200,
    lengths: tuple[int, int] = (60, 60),
    *,
    mate: int = 1,
    seed: int = 1,
    lowest: int = 2,
    highest: int = 40,
    offset: int = 33,
) -> list[tuple[str, str, str]]:
    """(name, letters, qualities), seeded: some N, qualities that fall along the read."""
    chance = random.Random(seed * 10 + mate)
    made = []
    for index in range(number):
        length = chance.randint(*lengths)
        letters = "".join(chance.choices("ACGTN", weights=(30, 20, 25, 24, 1), k=length))
        scores = (chance.gauss(highest - 2 - 12 * cycle / max(length, 1), 4) for cycle in range(length))
        quality = "".join(chr(offset + max(lowest, min(highest, round(score)))) for score in scores)
        made.append((f"run:{index} {mate}:N:0:ACGT", letters, quality))
    return made


def text(records: Sequence[tuple[str, str, str]]) -> str:
    return "".join(record(*one) for one in records)


def write(path: Path, content: str | bytes) -> Path:
    """Gzipped when the name ends with .gz."""
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path) -> list[tuple[str, str, str]]:
    """Records by a simple reader, to judge ours by."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    assert lines.pop() == "" and len(lines) % 4 == 0
    assert all(line == "+" for line in lines[2::4])
    return [
        (name.removeprefix("@"), letters, quality)
        for name, letters, quality in zip(lines[0::4], lines[1::4], lines[3::4], strict=True)
    ]
