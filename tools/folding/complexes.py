"""Complexes as text: one syntax for every tool that predicts structures.

    NLYIQWLKDGG:GSHMKTAYIAK          one complex a line; `:` joins its chains
    dimer, NLYIQWLKDGG:NLYIQWLKDGG   a name before a comma or a tab
    mixed, NLYIQWLKDGG:dna=ACGT:rna=ACGU:smiles=CCO:ccd=ATP
    # a remark

    >dimer                           a FASTA record is one complex; its sequence may have several lines
    NLYIQWLKDGG:
    NLYIQWLKDGG

A chain without a prefix is a protein. Within square brackets `:` is SMILES's own and joins nothing. Chains are called
A, B, ... in the order of the text. A Boltz YAML file (boltz_yaml.py) is the other way to write the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

from tools import formats
from tools.contract import InputFailure, LocalFile
from tools.docking.ligands import quiet_rdkit

Kind = Literal["protein", "dna", "rna", "smiles", "ccd"]
POLYMERS: tuple[Kind, ...] = ("protein", "dna", "rna")
LIGANDS: tuple[Kind, ...] = ("smiles", "ccd")

#: Letters of a polymer; X and N stand for any.
ALPHABETS: dict[str, str] = {"protein": "ACDEFGHIKLMNPQRSTVWYX", "dna": "ACGTN", "rna": "ACGUN"}
WORDS: dict[str, str] = {
    "protein": "protein",
    "dna": "DNA",
    "rna": "RNA",
    "smiles": "ligand",
    "ccd": "ligand",
}

MOST_CHAINS = 26
#: Of a text with many complexes, in MB.
TEXT_MB = 20
#: Of one complex, in letters.
MOST_LETTERS = 20_000
#: Heavy atoms that a component of the dictionary counts for, where only its code is known.
CCD_ATOMS = 30
NAME_LENGTH = 100
#: Letters between the spaces of a printed sequence.
BLOCK = 10

_CHAIN = re.compile(r"\s*(protein|dna|rna|smiles|ccd)\s*=(.*)", re.IGNORECASE | re.DOTALL)
_CCD = re.compile(r"[A-Z0-9]{1,5}")
_COLONS = re.compile(r":(?![^\[\]]*\])")
#: What the header of a table says above its sequences.
_HEADINGS = frozenset({"sequence", "sequences", "complex", "chains"})


class BadComplex(Exception):
    """A text is no complex: a sentence."""


@dataclass(frozen=True, slots=True)
class Chain:
    id: str
    kind: Kind
    #: Sequence in upper case, SMILES, or the code of a component.
    content: str
    #: (position from 1, code of the component)
    modifications: tuple[tuple[int, str], ...] = ()
    cyclic: bool = False

    @property
    def polymer(self) -> bool:
        return self.kind in POLYMERS

    @property
    def tokens(self) -> int:
        """What the engines' time grows with: residues, nucleotides, heavy atoms of a ligand."""
        if self.polymer:
            return len(self.content)
        return CCD_ATOMS if self.kind == "ccd" else heavy_atoms(self.content)

    def described(self) -> str:
        if self.polymer:
            unit = "residues" if self.kind == "protein" else "nucleotides"
            return f"{WORDS[self.kind]}, {len(self.content):,} {unit}"
        return f"ligand {self.content}"


@dataclass(frozen=True)
class Complex:
    name: str
    chains: tuple[Chain, ...]
    #: As Boltz takes them: bonds, pockets, contacts.
    constraints: tuple[dict[str, Any], ...] = field(default=())
    #: The chain whose affinity is asked for in the file.
    binder: str | None = None

    @property
    def tokens(self) -> int:
        return sum(chain.tokens for chain in self.chains)

    @property
    def proteins(self) -> list[Chain]:
        return [chain for chain in self.chains if chain.kind == "protein"]

    @property
    def ligands(self) -> list[Chain]:
        return [chain for chain in self.chains if not chain.polymer]


@dataclass(frozen=True)
class Entry:
    """One complex of a text, or why it is none."""

    name: str
    #: "line 3", "record 2".
    where: str
    #: Its chains as text.
    content: str
    complex: Complex | None = None
    problem: str = ""
    #: Whether it is a file of its own.
    whole: bool = False


def entries(text: str, name: str) -> Iterator[Entry]:
    """Every complex of a text, bad ones with a sentence. `name` is of the text, for what has no name of its own."""
    fasta = _is_fasta(text)
    records = _records(text) if fasta else _lines(text)
    for number, (called, where, content) in enumerate(records, start=1):
        own = " ".join(called.split())[:NAME_LENGTH] or (name if number == 1 else f"{name}-{number}")
        try:
            if not fasta:
                _refuse_spaces(content)
            content = "".join(content.split())
            yield Entry(own, where, content, complex=Complex(own, chains(content)))
        except BadComplex as error:
            yield Entry(own, where, content, problem=str(error))


def _is_fasta(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    return first.startswith(">")


def _records(text: str) -> Iterator[tuple[str, str, str]]:
    number, called, parts = 0, "", list[str]()
    for line in text.splitlines():
        if not line.startswith(">"):
            parts += [] if line.startswith("#") else [line.strip()]
            continue
        if number:
            yield called, f"record {number}", "".join(parts)
        number, called, parts = number + 1, (line[1:].split() or [""])[0], []
    if number:
        yield called, f"record {number}", "".join(parts)


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        separator = "\t" if "\t" in content else ","
        called, found, rest = content.partition(separator)
        if not found:
            called, rest = "", content
        if rest.strip().lower() in _HEADINGS:
            continue
        yield called, f"line {number}", rest.strip()


def _refuse_spaces(line: str) -> None:
    """A name that only a space parts from its sequence would be folded too. Databases print blocks of ten."""
    for part in _COLONS.split(line):
        found = _CHAIN.fullmatch(part.strip())
        *blocks, last = (found[2] if found else part).split() or [""]
        if blocks and (any(len(block) != BLOCK for block in blocks) or len(last) > BLOCK):
            raise BadComplex(
                f"There is a space after {_short(blocks[0])}. If that is a name, write a comma after it; if it "
                "belongs to the sequence, take the space out."
            )


def chains(text: str) -> tuple[Chain, ...]:
    """The chains of one complex. Raises BadComplex."""
    if len(text) > MOST_LETTERS:
        raise BadComplex(f"It has {len(text):,} letters; {MOST_LETTERS:,} are the most.")
    parts = _COLONS.split(text)
    if len(parts) > MOST_CHAINS:
        raise BadComplex(f"It has {len(parts)} chains; {MOST_CHAINS} are the most.")
    return tuple(_chain(id, part) for id, part in zip(ascii_uppercase, parts, strict=False))


def _chain(id: str, text: str) -> Chain:
    found = _CHAIN.fullmatch(text)
    kind, content = (found[1].lower(), found[2]) if found else ("protein", text)
    return chain(id, kind, content)  # type: ignore[arg-type]


def chain(id: str, kind: Kind, text: str) -> Chain:
    """One chain, looked at. Raises BadComplex with a sentence that names it."""
    content = "".join(text.split())
    if not content:
        raise BadComplex(f"Chain {id} is empty: there is nothing between two colons, or at an end.")
    if kind == "smiles":
        if not heavy_atoms(content):
            raise BadComplex(f"Chain {id}: {_short(content)} is no SMILES that RDKit can read.")
        return Chain(id, kind, content)
    content = content.upper()
    if kind == "ccd":
        if not _CCD.fullmatch(content):
            raise BadComplex(
                f"Chain {id}: {_short(content)} is no code of the chemical component dictionary (1 to 5 "
                "letters and digits, such as ATP)."
            )
        return Chain(id, kind, content)
    content = content.rstrip("*") if kind == "protein" else content
    _refuse_letters(id, kind, content)
    return Chain(id, kind, content)


def _refuse_letters(id: str, kind: Kind, content: str) -> None:
    bad = [place for place, letter in enumerate(content, start=1) if letter not in ALPHABETS[kind]]
    if not content or len(bad) == len(content):
        raise BadComplex(f"Chain {id}: {_short(content) or '*'} is no {WORDS[kind]} sequence.")
    if not bad:
        return
    letter = content[bad[0] - 1]
    hint = ""
    if kind == "protein" and set(content) <= set("ACGUTN"):
        hint = " For a nucleic acid write dna= or rna= before it."
    elif letter in "JBZUO" and kind == "protein":
        hint = " Write X for a residue that is not known or not standard."
    elif letter == "=":
        hint = " The prefixes are protein=, dna=, rna=, smiles= and ccd=."
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    raise BadComplex(
        f"Chain {id} has the letter {letter!r} at position {bad[0]}{more}, which a {WORDS[kind]} does not have.{hint}"
    )


def heavy_atoms(smiles: str) -> int:
    """0 where it is no SMILES, or one without atoms."""
    from rdkit import Chem

    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles) if len(smiles) <= 2000 else None
    return 0 if mol is None else mol.GetNumHeavyAtoms()


def looks_like_dna(complex: Complex) -> list[str]:
    """Sentences about proteins that are most likely something else."""
    return [
        f"Chain {chain.id} has no other letters than A, C, G and T and is taken as a protein. "
        "Write dna= before it if it is DNA."
        for chain in complex.proteins
        if len(chain.content) >= 8 and set(chain.content) <= set("ACGT")
    ]


def read(file: LocalFile) -> list[Entry]:
    """All complexes of a file: text, FASTA or a Boltz YAML. Raises InputFailure when it cannot be read at all."""
    from tools.folding import boltz_yaml

    text = formats.read_text(file.path, TEXT_MB * formats.MB)
    name = Path(file.name).stem or "complex"
    if boltz_yaml.is_one(text):
        try:
            return [Entry(name, file.name, "", complex=boltz_yaml.read(text, name), whole=True)]
        except BadComplex as error:
            return [Entry(name, file.name, "", problem=str(error), whole=True)]
    found = list(entries(text, name))
    if not found:
        raise InputFailure(f"{file.name} holds no sequence.")
    return found


def only(file: LocalFile) -> Complex:
    """The complex of a file that holds one. Raises InputFailure."""
    found = read(file)
    if len(found) > 1:
        raise InputFailure(
            f"{file.name} holds {len(found):,} complexes ({found[0].where}, {found[1].where}, ...); a job takes one. "
            "Join the chains of one complex by “:”; put “>name” above a sequence that has several lines; "
            "give many complexes as a batch."
        )
    entry = found[0]
    if entry.complex is None:
        raise InputFailure(f"{entry.where}: {entry.problem}" if len(found) > 1 else entry.problem)
    return entry.complex


def refuse_all_but_proteins(complex: Complex, engine: str) -> None:
    """Raises InputFailure for ligands and nucleic acids."""
    others = [chain for chain in complex.chains if chain.kind != "protein"]
    if not others:
        return
    told = " and ".join(dict.fromkeys(WORDS[chain.kind] for chain in others))
    ids = ", ".join(chain.id for chain in others)
    raise InputFailure(
        f"{engine} predicts proteins only; chain {ids} is {told}. Boltz-2 takes ligands, DNA and RNA."
    )


def grouped(complex: Complex) -> Complex:
    """The same with equal chains beside each other, which is how ColabFold writes them, and named anew."""
    order = list(dict.fromkeys(chain.content for chain in complex.chains))
    sorted_chains = sorted(complex.chains, key=lambda chain: order.index(chain.content))
    renamed = tuple(
        Chain(id, chain.kind, chain.content)
        for id, chain in zip(ascii_uppercase, sorted_chains, strict=False)
    )
    return Complex(complex.name, renamed)


def named(complex: Complex, ids: Sequence[str]) -> str:
    """`chain A`, `chains A and B`."""
    told = " and ".join(part for part in (", ".join(ids[:-1]), *ids[-1:]) if part)
    return f"chain{'s' if len(ids) > 1 else ''} {told}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
