"""Pictures, and structures in 3D."""

from __future__ import annotations

import struct
from typing import Literal

from tools import formats
from tools.contract import ImagePanel, InputFailure, Layer, LocalFile, Panel, StructurePanel, TextPanel
from tools.previews.head import read, whole

#: Bytes and pixels of a picture; a small file can hold a picture that fills the browser's memory.
IMAGE = 8 * formats.MB
PIXELS = 40_000_000
#: Bytes of a structure.
STRUCTURE = 8 * formats.MB
#: Molecules of an SDF file that are offered.
MOLECULES = 50

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


def image(file: LocalFile) -> list[Panel]:
    """PNG and JPEG. Raises InputFailure."""
    if file.path.stat().st_size > IMAGE:
        raise InputFailure("The picture is too large to be shown here. Download it to look at it.")
    content = file.path.read_bytes()
    width, height = _png_size(content) if content.startswith(PNG) else _jpeg_size(content)
    if width * height > PIXELS:
        raise InputFailure(
            f"The picture has {width:,} × {height:,} pixels, too many to be shown here. Download it."
        )
    return [
        ImagePanel("Picture", content, alt=f"{file.name}, a picture", note=f"{width:,} × {height:,} pixels")
    ]


def _png_size(content: bytes) -> tuple[int, int]:
    if content[12:16] != b"IHDR" or len(content) < 24:
        raise InputFailure("The picture is damaged. Upload it again.")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """From the frame's header (SOF), which comes after other segments."""
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    raise InputFailure("The picture is damaged. Upload it again.")


def is_jpeg(file: LocalFile) -> bool:
    with file.path.open("rb") as content:
        return content.read(3) == JPEG


def structure(file: LocalFile) -> list[Panel]:
    """PDB and mmCIF. Raises InputFailure."""
    format: Literal["pdb", "mmcif"] = "mmcif" if file.format == "mmcif" else "pdb"
    text = whole(file.path, STRUCTURE).decode("utf-8-sig", "replace")
    if format == "pdb" and not any(line.startswith(("ATOM  ", "HETATM")) for line in text.splitlines()):
        raise InputFailure("The file holds no atoms.")
    layer = Layer("", format, file.name, "receptor", text)
    return [StructurePanel("Structure", [layer]), *_facts(text, format)]


def _facts(text: str, format: str) -> list[Panel]:
    """What the depositors say about it, where they do."""
    if format != "pdb":
        return []
    said = [line[10:].strip() for line in text.splitlines()[:200] if line.startswith("TITLE ")]
    return [TextPanel("Title", " ".join(said), language="text")] if said else []


def molecules(file: LocalFile) -> list[Panel]:
    """The first molecules of an SDF file, of which one is shown at a time. Raises InputFailure."""
    found = read(file.path)
    records = found.text.split("$$$$\n")
    if not found.whole and len(records) > 1:
        records = records[:-1]
    records = [record for record in records if "M  END" in record or "V3000" in record]
    if not records:
        raise InputFailure("The file holds no whole molecule.")
    layers = [
        Layer(
            "", "sdf", f"{number}. {record.partition(chr(10))[0].strip()[:80] or 'unnamed'}", "ligand", record
        )
        for number, record in enumerate(records[:MOLECULES], 1)
    ]
    note = "" if found.whole and len(records) <= MOLECULES else f"The first {len(layers)} molecules."
    return [StructurePanel("Molecules", [], layers, note=note)]
