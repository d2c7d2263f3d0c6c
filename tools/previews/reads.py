"""The quality of reads, of the first ones of a file."""

from __future__ import annotations

import io

from tools.contract import InputFailure, LocalFile, MetricsPanel, Panel
from tools.previews.head import Head, read
from tools.previews.sequences import lines

READS = 10_000


def fastq(file: LocalFile) -> list[Panel]:
    """Measured and drawn as those of a sample are. Raises InputFailure at a record that is none."""
    from tools.reads.fastq import Source, batches
    from tools.reads.figures import draw
    from tools.reads.quality import Tally, encoding_of, quality
    from tools.reads.tables import dictionaries, tables

    found = read(file.path)
    content = io.BytesIO(_reads(found))
    tally = Tally(file.name)
    for batch in batches(Source(file.name, content, content)):
        tally.add(batch)
    encoding = encoding_of([tally])
    measured = quality(tally, encoding)
    every = found.whole and len(content.getvalue()) == len(found.content)
    title = "All reads" if every else f"The first {tally.count:,} reads"
    metrics = [
        ("Reads looked at", f"{tally.count:,}", title),
        ("Length", _span(tally.shortest, tally.longest), "Shortest and longest of these reads"),
        ("GC", f"{measured['gc']} %", "Of A, C, G and T of these reads, cut off"),
        ("Qualities", encoding, "How quality is written, judged by these reads"),
    ]
    figures = draw(*map(dictionaries, tables({"files": [measured]})))
    return [MetricsPanel(title, metrics), *figures, lines(found)]


def _reads(found: Head) -> bytes:
    """The first records, whole ones where the file goes on."""
    written = found.content.split(b"\n", 4 * READS)
    if len(written) > 4 * READS:
        written.pop()
    elif found.whole:
        return found.content
    else:
        written = written[: (len(written) - 1) // 4 * 4]
    if not written:
        raise InputFailure("No whole read lies in the first 4 MB of the file.")
    return b"\n".join(written) + b"\n"


def _span(shortest: int, longest: int) -> str:
    return f"{longest:,} nt" if shortest == longest else f"{shortest:,}–{longest:,} nt"
