"""Contigs with their ORFs and hits: what NuVs finds, as tables, as Virtool's JSON and as FASTA files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tools.contract import Column, Table
from tools.viruses import orfs
from tools.viruses.assembly import Scaffold
from tools.viruses.orfs import Orf
from tools.viruses.profiles import Hit

#: Families and names of a contig in a table, in the order of its hits.
MOST_NAMES = 5


@dataclass
class Contig:
    """A scaffold with at least one ORF. `hits` are by number of the ORF."""

    index: int
    scaffold: Scaffold
    orfs: list[Orf]
    hits: dict[int, list[Hit]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.scaffold.sequence)

    @cached_property
    def by_e(self) -> list[Hit]:
        """All hits, the best first."""
        return sorted((hit for each in self.hits.values() for hit in each), key=lambda hit: hit.full_e)

    @property
    def e(self) -> float | None:
        """The lowest E-value over its ORFs."""
        return self.by_e[0].full_e if self.by_e else None


def with_orfs(
    scaffolds: Iterator[Scaffold], min_contig: int, min_orf: int
) -> Iterator[tuple[Scaffold, list[Orf]]]:
    """Every scaffold of at least `min_contig` nt with its ORFs of at least `min_orf` residues, which may be none.

    As in Virtool a scaffold of just `min_contig` nt is counted, but has no ORFs.
    """
    for scaffold in scaffolds:
        if len(scaffold.sequence) >= min_contig:
            yield scaffold, orfs.find(scaffold.sequence, min_residues=min_orf, longer_than=min_contig)


def add_hits(contigs: Sequence[Contig], hits: Sequence[Hit]) -> None:
    for hit in hits:
        contigs[hit.contig].hits.setdefault(hit.orf, []).append(hit)


def proteins(contigs: Sequence[Contig]) -> Iterator[str]:
    """FASTA records of every ORF, as hmmscan gets them: `sequence_<contig>.<orf>`."""
    for contig in contigs:
        for number, orf in enumerate(contig.orfs):
            yield f">sequence_{contig.index}.{number}\n{orf.protein}\n"


def report(contigs: Sequence[Contig]) -> Iterator[dict[str, Any]]:
    """Virtool's hits: contigs with their sequence and ORFs, with what its page adds to each contig.

    Positions count from 0 with the end excluded. The bias and the score of the best domain are each in their own
    field, which Virtool stores the wrong way round.
    """
    for contig in contigs:
        yield {
            "index": contig.index,
            "name": contig.scaffold.name,
            "sequence": contig.scaffold.sequence,
            "orfs": [
                {
                    "index": number,
                    "pro": orf.protein,
                    "strand": orf.strand,
                    "frame": orf.frame,
                    "pos": [orf.start, orf.end],
                    "hits": [_hit(hit) for hit in contig.hits.get(number, ())],
                }
                for number, orf in enumerate(contig.orfs)
            ],
            "annotatedOrfCount": len(contig.hits),
            "e": contig.e,
            "families": _union(hit.families for hit in contig.by_e),
            "names": _union(hit.names for hit in contig.by_e),
        }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "hit": hit.id,
        "profile": hit.profile,
        "cluster": hit.cluster,
        "names": hit.names,
        "families": hit.families,
        "full_e": hit.full_e,
        "full_score": hit.full_score,
        "full_bias": hit.full_bias,
        "best_e": hit.best_e,
        "best_score": hit.best_score,
        "best_bias": hit.best_bias,
    }


def tables(contigs: Sequence[Contig]) -> list[Table]:
    return [contig_table(contigs), orf_table(contigs), hit_table(contigs)]


_CONTIG = Column(
    "contig", "Contig", "", "BIGINT", "Number of the contig, from 0, by its place in the assembly"
)
_ORF = Column("orf", "ORF", "", "BIGINT", "Number of the ORF in its contig, from 0")
_PROFILE = Column("profile", "Best profile", help="The profile with the lowest E-value")
_E = Column("e", "E-value", "", "DOUBLE", "Lowest E-value of whole ORFs; empty without a hit")
_FAMILIES = Column("families", "Families", help="Of viruses, from the annotation of the profiles that hit")
_NAMES = Column(
    "names", "Names", help="Of proteins, from the annotation; the profiles' names where there is none"
)


def contig_table(contigs: Sequence[Contig]) -> Table:
    columns = [
        _CONTIG,
        Column("length", "Length", "nt", "BIGINT"),
        Column(
            "coverage", "k-mer coverage", "×", "DOUBLE", "As SPAdes gives it, of k-mers of its largest size"
        ),
        Column("orfs", "ORFs", "", "BIGINT"),
        Column("annotated_orfs", "ORFs with a hit", "", "BIGINT"),
        _E,
        _PROFILE,
        _FAMILIES,
        _NAMES,
        Column("scaffold", "Scaffold", help="The contig's name in assembly.fa.gz"),
    ]
    rows = [
        [
            contig.index,
            contig.length,
            contig.scaffold.coverage,
            len(contig.orfs),
            len(contig.hits),
            contig.e,
            *_found(contig.by_e),
            contig.scaffold.name,
        ]
        for contig in contigs
    ]
    return Table("contigs", "Contigs", columns, rows)


def orf_table(contigs: Sequence[Contig]) -> Table:
    columns = [
        _CONTIG,
        _ORF,
        Column("strand", "Strand"),
        Column("frame", "Frame", "", "BIGINT", "1, 2 or 3, from the first nucleotide of its own strand"),
        Column("first", "From", "nt", "BIGINT", "On the plus strand, counted from 1"),
        Column(
            "last", "To", "nt", "BIGINT", "On the plus strand; the stop codon is within, where there is one"
        ),
        Column("residues", "Residues", "aa", "BIGINT"),
        Column("hits", "Hits", "", "BIGINT"),
        _E,
        _PROFILE,
        _FAMILIES,
        _NAMES,
    ]
    rows = []
    for contig in contigs:
        for number, orf in enumerate(contig.orfs):
            own = sorted(contig.hits.get(number, ()), key=lambda hit: hit.full_e)
            rows.append(
                [
                    contig.index,
                    number,
                    "+" if orf.strand > 0 else "−",
                    orf.frame + 1,
                    orf.start + 1,
                    orf.end,
                    len(orf.protein),
                    len(own),
                    own[0].full_e if own else None,
                    *_found(own),
                ]
            )
    return Table("orfs", "ORFs", columns, rows)


def hit_table(contigs: Sequence[Contig]) -> Table:
    columns = [
        _CONTIG,
        _ORF,
        Column("profile", "Profile"),
        Column("cluster", "vFam cluster", "", "BIGINT"),
        _NAMES,
        _FAMILIES,
        Column("full_e", "E-value", "", "DOUBLE", "Of the whole ORF"),
        Column("full_score", "Score", "bits", "DOUBLE", "Of the whole ORF"),
        Column(
            "full_bias", "Bias", "bits", "DOUBLE", "Taken off the score for composition, of the whole ORF"
        ),
        Column("best_e", "E-value, best domain", "", "DOUBLE"),
        Column("best_score", "Score, best domain", "bits", "DOUBLE"),
        Column("best_bias", "Bias, best domain", "bits", "DOUBLE"),
    ]
    rows = [
        [
            hit.contig,
            hit.orf,
            hit.profile,
            hit.cluster,
            _list([hit.names or [hit.profile]]),
            _list([hit.families]),
            hit.full_e,
            hit.full_score,
            hit.full_bias,
            hit.best_e,
            hit.best_score,
            hit.best_bias,
        ]
        for contig in contigs
        for hit in contig.by_e
    ]
    return Table("hits", "Hits", columns, rows)


def _found(hits: Sequence[Hit]) -> tuple[str | None, str, str]:
    """Best profile, families and names of hits."""
    best = hits[0].profile if hits else None
    return best, _list(hit.families for hit in hits), _list(hit.names or [hit.profile] for hit in hits)


def _list(lists: Iterable[Sequence[str]]) -> str:
    """The first few of all, in words."""
    found = _union(lists)
    more = f", and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(found[:MOST_NAMES]) + more


def _union(lists: Iterable[Sequence[str]]) -> list[str]:
    """Each once, in the order of the first."""
    return list(dict.fromkeys(each for several in lists for each in several))
