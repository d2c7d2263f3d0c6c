"""What a reference of viruses is made of, in Virtool's terms, and the form in which an index keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sequence:
    id: str
    accession: str
    definition: str
    host: str
    #: Name of a segment in the OTU's schema; empty where there is one only.
    segment: str
    sequence: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Isolate:
    id: str
    source_type: str
    source_name: str
    default: bool
    sequences: tuple[Sequence, ...]

    @property
    def name(self) -> str:
        """As Virtool shows it: Isolate USA."""
        words = f"{self.source_type} {self.source_name}".strip() or self.id
        return words[0].upper() + words[1:]

    @property
    def length(self) -> int:
        return sum(len(each.sequence) for each in self.sequences)


@dataclass(frozen=True, slots=True)
class Otu:
    id: str
    name: str
    abbreviation: str
    version: int
    #: Segments as Virtool has them: {"name", "molecule", "required"}.
    schema: tuple[Mapping[str, Any], ...]
    isolates: tuple[Isolate, ...]

    @property
    def default(self) -> Isolate:
        return next(each for each in self.isolates if each.default)

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(str(each.get("name", "")) for each in self.schema)

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        return tuple(sequence for isolate in self.isolates for sequence in isolate.sequences)


@dataclass(frozen=True)
class Reference:
    data_type: str
    organism: str
    name: str
    otus: tuple[Otu, ...]
    #: Which rules filled in what the file leaves open; sentences for people.
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        return {
            "otus": len(self.otus),
            "isolates": sum(len(otu.isolates) for otu in self.otus),
            "sequences": sum(len(otu.sequences) for otu in self.otus),
        }


def export(reference: Reference) -> dict[str, Any]:
    """What an index keeps of it, in Virtool's shape; `parse` reads it again."""
    return {
        "data_type": reference.data_type,
        "organism": "",
        "targets": None,
        "otus": [_export_otu(otu) for otu in reference.otus],
    }


def _export_otu(otu: Otu) -> dict[str, Any]:
    return {
        "_id": otu.id,
        "name": otu.name,
        "abbreviation": otu.abbreviation,
        "version": otu.version,
        "schema": [dict(each) for each in otu.schema],
        "isolates": [_export_isolate(each) for each in otu.isolates],
    }


def _export_isolate(isolate: Isolate) -> dict[str, Any]:
    return {
        "id": isolate.id,
        "source_type": isolate.source_type,
        "source_name": isolate.source_name,
        "default": isolate.default,
        "sequences": [
            {
                "_id": each.id,
                "accession": each.accession,
                "definition": each.definition,
                "host": each.host,
                "segment": each.segment,
                "sequence": each.sequence,
                "target": each.target,
            }
            for each in isolate.sequences
        ],
    }


def canonical(exported: Mapping[str, Any]) -> bytes:
    """The same bytes for the same content."""
    return json.dumps(exported, sort_keys=True, separators=(",", ":")).encode()


def version(content: bytes) -> str:
    """Names what an index holds: the same content has the same version, wherever it is built."""
    return hashlib.sha256(content).hexdigest()[:12]


def default_sequences(reference: Reference) -> Iterator[Sequence]:
    for otu in reference.otus:
        yield from otu.default.sequences
