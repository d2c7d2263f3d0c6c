"""What a file holds, at a glance: a few megabytes of it are read and unpacked at most.

HTML and SVG are texts here: of what a file says the browser draws pictures (PNG, JPEG) and structures, no more.
"""

from __future__ import annotations

from collections.abc import Callable

from tools import formats
from tools.contract import InputFailure, LocalFile, Panel, TextPanel
from tools.previews import alignments, pictures, reads, sequences, texts

_VIEWS: dict[str, Callable[[LocalFile], list[Panel]]] = {
    "fasta": sequences.fasta,
    "a3m": sequences.fasta,
    "genbank": sequences.annotated,
    "embl": sequences.annotated,
    "swiss": sequences.annotated,
    "fastq": reads.fastq,
    "sam": alignments.sam,
    "bam": alignments.bam,
    "vcf": alignments.vcf,
    "csv": texts.table,
    "tsv": texts.table,
    "tab": texts.table,
    "bed": texts.headless,
    "gff": texts.headless,
    "pdb": pictures.structure,
    "mmcif": pictures.structure,
    "sdf": pictures.molecules,
    "png": pictures.image,
    "jpeg": pictures.image,
}

#: What is no text, and has no view of its own.
_OPAQUE = frozenset({"binary", "cram", "bai", "csi", "zip", "pdf", "hdf5", "sqlite", "parquet"})


def preview(file: LocalFile) -> list[Panel]:
    """Panels of what a file holds; of a damaged one, or of one that cannot be shown, a sentence."""
    if file.format == "empty":
        return [_sentence("The file is empty.")]
    try:
        if file.format == "binary" and pictures.is_jpeg(file):
            return pictures.image(file)
        if file.format in _OPAQUE:
            return [_sentence(f"This is {formats.describe(file.format)}; download it to look at it.")]
        return _VIEWS.get(file.format, texts.text)(file)
    except InputFailure as failure:
        return [_sentence(str(failure))]


def _sentence(text: str) -> Panel:
    return TextPanel("Preview", text, language="text")
