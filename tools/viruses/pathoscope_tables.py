"""The tables of a Pathoscope result: viruses, isolates, sequences, and the curves of their depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.contract import Column, Table
from tools.viruses import coverage

#: Rows of the table of curves at most; curves become coarser when there are many.
CURVE_ROWS = 100_000
FEWEST_POINTS = 100

_WEIGHT = Column("weight", "Weight", "", "DOUBLE", "Share of the mapped reads, weighted by their scores (pi)")
_COVERAGE = Column("coverage", "Coverage", "", "DOUBLE", "Share of the positions with a read")
_DEPTH = Column("depth", "Depth", "×", "BIGINT", "Median depth")
_READS = Column("reads", "Reads", "", "BIGINT", "Reads whose best hit it is")
_SHARE = Column("share", "Share of reads", "", "DOUBLE", "Of the mapped reads, those whose best hit it is")
_OTU = Column("otu", "OTU", help="Its id in the reference")
_VIRUS = Column("name", "Virus")


def tables(found: Sequence[Mapping[str, Any]]) -> list[Table]:
    return [_otus(found), _isolates(found), _sequences(found), _curves(found)]


def _otus(found: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        _VIRUS,
        Column("abbreviation", "Abbreviation"),
        _WEIGHT,
        _DEPTH,
        Column("coverage", "Coverage", "", "DOUBLE", "Of the isolate with the highest"),
        _READS,
        _SHARE,
        Column("max_depth", "Deepest", "×", "BIGINT"),
        Column("isolates", "Isolates", "", "BIGINT", "With a hit"),
        Column("missing", "Segments without a hit"),
        _OTU,
        Column("version", "Version", "", "BIGINT", "Of the OTU in this index"),
    ]
    rows = [
        (
            virus["name"],
            virus["abbreviation"],
            virus["weight"],
            virus["depth"],
            virus["coverage"],
            virus["reads"],
            virus["share"],
            virus["max_depth"],
            len(virus["isolates"]),
            ", ".join(virus["segments_missing"]),
            virus["id"],
            virus["version"],
        )
        for virus in found
    ]
    return Table("otus", "Viruses", columns, rows)


def _isolates(found: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        _VIRUS,
        Column("isolate", "Isolate"),
        _WEIGHT,
        _DEPTH,
        _COVERAGE,
        _READS,
        _SHARE,
        Column("length", "Length", "nt", "BIGINT", "Of the sequences with a hit"),
        Column("sequences", "Sequences", help="With a hit, of all that the isolate has"),
        Column("default", "Default", "", "BOOLEAN", "The OTU's default isolate"),
        _OTU,
        Column("isolate_id", "Isolate's id"),
    ]
    rows = [
        (
            virus["name"],
            isolate["name"],
            isolate["weight"],
            isolate["depth"],
            isolate["coverage"],
            isolate["reads"],
            isolate["share"],
            isolate["length"],
            f"{isolate['found']} of {isolate['of']}",
            isolate["default"],
            virus["id"],
            isolate["id"],
        )
        for virus in found
        for isolate in virus["isolates"]
    ]
    return Table("isolates", "Isolates", columns, rows)


def _sequences(found: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        _VIRUS,
        Column("isolate", "Isolate"),
        Column("accession", "Accession"),
        Column("segment", "Segment"),
        _WEIGHT,
        _DEPTH,
        Column("mean_depth", "Mean depth", "×", "DOUBLE"),
        _COVERAGE,
        _READS,
        Column("best", "Best hits", "", "DOUBLE", "Share of the reads whose best hit it is"),
        Column("high", "High confidence", "", "DOUBLE", "Best hits with a posterior of 0.5 or more"),
        Column("low", "Low confidence", "", "DOUBLE", "Best hits with a posterior from 0.01 to 0.5"),
        Column("initial_weight", "Weight at first", "", "DOUBLE", "After the first iteration"),
        Column("length", "Length", "nt", "BIGINT"),
        Column("definition", "Definition"),
        _OTU,
        Column("sequence", "Sequence's id"),
    ]
    rows = [
        (
            virus["name"],
            isolate["name"],
            sequence["accession"],
            sequence["segment"],
            sequence["final"]["pi"],
            sequence["depth"],
            sequence["mean_depth"],
            sequence["coverage"],
            sequence["final"]["reads"],
            sequence["final"]["best"],
            sequence["final"]["high"],
            sequence["final"]["low"],
            sequence["initial"]["pi"],
            sequence["length"],
            sequence["definition"],
            virus["id"],
            sequence["id"],
        )
        for virus in found
        for isolate in virus["isolates"]
        for sequence in isolate["sequences"]
    ]
    return Table("sequences", "Sequences", columns, rows)


def _curves(found: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        _OTU,
        Column("segment", "Segment"),
        Column("isolate", "Isolate", help="Its id; empty for the maximum over all isolates"),
        Column("position", "Position", "nt", "BIGINT"),
        Column("depth", "Depth", "×", "BIGINT"),
    ]
    curves = [
        (virus["id"], name, isolate, curve)
        for virus in found
        for name, highest, pieces in virus["curves"]
        for isolate, curve in [("", highest), *((piece.isolate, piece.depth) for piece in pieces)]
    ]
    points = min(coverage.POINTS, max(FEWEST_POINTS, CURVE_ROWS // max(1, len(curves))))
    rows = [
        (otu, segment, isolate, position, depth)
        for otu, segment, isolate, curve in curves
        for position, depth in zip(
            *(column.tolist() for column in coverage.thinned(curve, points)), strict=True
        )
    ]
    return Table("coverage", "Coverage (thinned)", columns, rows)
