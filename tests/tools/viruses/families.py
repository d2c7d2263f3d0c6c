"""Made-up proteins with relatives, genes for them, and HMMs of families."""

from __future__ import annotations

import gzip
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

#: A codon for each residue, so that a protein can be put into a genome.
CODONS = {
    "A": "GCT", "C": "TGT", "D": "GAT", "E": "GAA", "F": "TTT", "G": "GGT", "H": "CAT", "I": "ATT", "K": "AAA",
    "L": "CTT", "M": "ATG", "N": "AAT", "P": "CCT", "Q": "CAA", "R": "CGT", "S": "TCT", "T": "ACT", "V": "GTT",
    "W": "TGG", "Y": "TAT",
}  # fmt: skip


def protein(rng: random.Random, length: int) -> str:
    return "".join(rng.choices(list(CODONS), k=length))


def relative(rng: random.Random, residues: str, divergence: float) -> str:
    return "".join(rng.choice(list(CODONS)) if rng.random() < divergence else each for each in residues)


def gene(residues: str) -> str:
    return "".join(CODONS[each] for each in residues) + "TAA"


def profiles(path: Path, aligned: Mapping[str, Sequence[str]]) -> Path:
    """HMMs of families of aligned proteins, as HMMER 3 writes them; gzipped when the name ends so."""
    from pyhmmer.easel import Alphabet, TextMSA, TextSequence
    from pyhmmer.plan7 import Background, Builder

    alphabet = Alphabet.amino()
    builder, background = Builder(alphabet), Background(alphabet)
    with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as out:
        for name, members in aligned.items():
            rows = [TextSequence(name=f"{name}-{place}", sequence=each) for place, each in enumerate(members)]
            hmm, _, _ = builder.build_msa(TextMSA(name=name, sequences=rows).digitize(alphabet), background)
            hmm.write(out)
    return path
