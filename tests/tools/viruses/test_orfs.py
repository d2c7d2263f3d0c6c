"""The ORF rule against a brute force of its words, and what it says at the edges."""

from __future__ import annotations

import random

import pytest
from Bio.Seq import Seq

from tools.viruses import assembly, contigs, orfs
from tools.viruses.orfs import Orf


def brute_force(sequence: str, least: int) -> list[Orf]:
    """Every stretch of codons, one after the other, with Biopython's translation."""
    found = []
    length = len(sequence)
    for strand in (1, -1):
        own = sequence if strand > 0 else str(Seq(sequence).reverse_complement())
        for frame in (0, 1, 2):
            residues = [str(Seq(own[at : at + 3]).translate()) for at in range(frame, length - 2, 3)]
            a = 0
            for b in range(len(residues) + 1):
                if b < len(residues) and residues[b] != "*":
                    continue
                if b - a >= least:
                    if strand > 0:
                        start, end = frame + 3 * a, min(length, frame + 3 * b + 3)
                    else:
                        start, end = length - frame - 3 * b - 3, length - frame - 3 * a
                    found.append(Orf("".join(residues[a:b]), strand, frame, max(0, start), end))
                a = b + 1
    return found


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    letters = "ACGT" if seed % 3 else "ACGTACGTACGTN"
    sequence = "".join(rng.choices(letters, k=rng.randrange(301, 900)))
    assert orfs.find(sequence, min_residues=20) == brute_force(sequence, 20)


def test_positions_give_back_the_protein_on_both_strands() -> None:
    rng = random.Random(5)
    sequence = "".join(rng.choices("ACGT", k=3000))
    found = orfs.find(sequence, min_residues=30)
    assert {orf.strand for orf in found} == {1, -1}
    for orf in found:
        own = sequence[orf.start : orf.end]
        own = own if orf.strand > 0 else orfs.reverse_complement(own)
        if orf.strand < 0 and orf.start == 0:
            continue  # it runs off the end: clamped, so the phase is the other end's
        assert orfs.translate(own).rstrip("*").startswith(orf.protein)


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_an_orf_without_a_stop_on_the_minus_strand_starts_at_the_contigs_start(frame: int) -> None:
    sequence = "GCC" * 110 + "GC"[:frame]
    starts = [orf.start for orf in orfs.find(sequence) if orf.strand < 0]
    assert len(starts) == 3
    assert all(0 <= start <= 2 for start in starts)
    assert 0 in starts


def test_needs_more_than_300_nt_and_100_residues() -> None:
    assert orfs.find("GCC" * 100) == []
    assert [len(orf.protein) for orf in orfs.find("GCC" * 100 + "G") if orf.frame == 0] == [100, 100]
    ended = "GCC" * 99 + "TAA" + "GCC" * 40
    assert not [orf for orf in orfs.find(ended) if (orf.strand, orf.frame) == (1, 0)]


@pytest.mark.parametrize(
    ("codon", "residue"),
    [
        ("GCN", "A"),  # four codons, one residue
        ("CTN", "L"),
        ("TTN", "X"),  # F or L
        ("TAN", "X"),
        ("NAA", "X"),
        ("ANA", "X"),
        ("GCR", "X"),  # only N is known in the third place
        ("TAA", "*"),
        ("TGA", "*"),
        ("ATG", "M"),
    ],
)
def test_unknown_letters(codon: str, residue: str) -> None:
    assert orfs.translate(codon) == residue


def test_no_start_codon_is_needed_and_case_does_not_matter() -> None:
    contig = "tgcc" * 100
    assert orfs.find(contig) == orfs.find(contig.upper()) != []


def test_a_shorter_contig_has_orfs_where_the_settings_allow() -> None:
    scaffold = assembly.Scaffold("NODE_1", "GCT" * 60)
    ((_, found),) = contigs.with_orfs(iter([scaffold]), 100, 50)
    assert found and len(found[0].protein) == 60
    ((_, none),) = contigs.with_orfs(iter([scaffold]), 180, 50)
    assert none == [], "an ORF needs a longer one"
