"""Index, sample and subtraction as jobs leave them in the library, made from content that a test knows."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.tools import simulate
from tests.tools.simulate import Read
from tools.viruses import reference

DATA = Path(__file__).parents[4] / "shared" / "data"
VIRUSES = DATA / "virtool_reference" / "reference_subset.json"


def index(folder: Path, content: dict[str, Any]) -> Path:
    """From a reference in Virtool's shape."""
    (folder / "bowtie").mkdir(parents=True)
    text = json.dumps(content)
    (folder / "reference.json.gz").write_bytes(gzip.compress(text.encode(), 1))
    _about(folder, "index", {"version": "0123456789ab", "reference": "viruses"})
    default = {
        sequence.id: sequence.sequence
        for otu in reference.open_index(folder).reference.otus
        for sequence in otu.default.sequences
    }
    build(folder / "bowtie" / "reference", default)
    return folder


def subtraction(folder: Path, genome: dict[str, str]) -> Path:
    (folder / "bowtie").mkdir(parents=True)
    _about(folder, "subtraction", {"nickname": "", "count": len(genome)})
    build(folder / "bowtie" / "subtraction", genome)
    return folder


def sample(folder: Path, *files: Sequence[Read], library_type: str = "normal") -> Path:
    folder.mkdir(parents=True)
    for number, reads in enumerate(files, start=1):
        simulate.write(folder / f"reads_{number}.fq.gz", reads)
    lengths = [len(read.bases) for reads in files for read in reads] or [0]
    facts = {
        "count": sum(map(len, files)),
        "paired": len(files) == 2,
        "length": [min(lengths), max(lengths)],
        "encoding": "Sanger / Illumina 1.9",
        "library_type": library_type,
    }
    _about(folder, "sample", facts)
    return folder


def build(prefix: Path, sequences: dict[str, str]) -> None:
    fasta = simulate.write_fasta(prefix.with_suffix(".fa"), sequences)
    subprocess.run(["bowtie2-build", "--quiet", fasta, prefix], check=True, capture_output=True)
    fasta.unlink()


def _about(folder: Path, format: str, facts: dict[str, Any]) -> None:
    told = {"format": format, "name": folder.name, "facts": facts, "tool": "test", "versions": {}}
    (folder / "about.json").write_text(json.dumps(told))


def otu(name: str, *isolates: dict[str, str], schema: Sequence[str] = ()) -> dict[str, Any]:
    """An OTU in Virtool's shape: isolates are segment -> sequence; ids are made from the name."""
    return {
        "_id": name,
        "name": f"{name} virus",
        "abbreviation": name.upper(),
        "version": 3,
        "schema": [{"name": segment, "molecule": "", "required": True} for segment in schema],
        "isolates": [
            {
                "id": f"{name}.{number}",
                "source_type": "isolate",
                "source_name": str(number),
                "default": number == 0,
                "sequences": [
                    {
                        "_id": f"{name}.{number}.{place}",
                        "accession": f"{name}{number}{place}",
                        "definition": f"{name}, isolate {number}",
                        "host": "",
                        "segment": segment,
                        "sequence": bases,
                    }
                    for place, (segment, bases) in enumerate(isolate.items())
                ],
            }
            for number, isolate in enumerate(isolates)
        ],
    }


def virus_reference(*otus: dict[str, Any]) -> dict[str, Any]:
    return {"data_type": "genome", "organism": "virus", "otus": list(otus)}
