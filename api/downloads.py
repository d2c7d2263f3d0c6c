"""Files as answers: attachments that have no rights on this site, whatever they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from starlette.responses import FileResponse, Response, StreamingResponse

#: What a browser may show instead of saving. Never HTML or SVG, which can carry scripts.
INLINE = {
    ".png": "image/png",
    ".pdb": "text/plain; charset=utf-8",
    ".pdbqt": "text/plain; charset=utf-8",
    ".cif": "text/plain; charset=utf-8",
    ".mmcif": "text/plain; charset=utf-8",
    ".sdf": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".tsv": "text/plain; charset=utf-8",
    ".fasta": "text/plain; charset=utf-8",
}
#: Whatever a file is, a browser gives it no rights on this site.
CONFINED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-cache",
}


def sent(found: Path, name: str, *, inline: bool) -> Response:
    """A file, also in byte ranges."""
    shown = INLINE.get(Path(name).suffix.lower()) if inline else None
    return FileResponse(
        found,
        media_type=shown or "application/octet-stream",
        filename=name,
        content_disposition_type="inline" if shown else "attachment",
        headers=CONFINED,
    )


def streamed(name: str, pieces: Iterator[bytes]) -> Response:
    """A zip that is made while it is sent."""
    # A generator refuses only when it is asked for its first piece: ask before the answer begins.
    first = next(pieces, b"")
    return StreamingResponse(
        itertools.chain([first], pieces),
        media_type="application/zip",
        headers=_attached(name),
    )


def whole(name: str, media_type: str, content: bytes) -> Response:
    """What was made in memory."""
    return Response(content, media_type=media_type, headers=_attached(name))


def _attached(name: str) -> dict[str, str]:
    return CONFINED | {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}
