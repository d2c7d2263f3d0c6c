"""What the forms of the engines share: looking before Run, and many complexes at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tools import engines
from tools.contract import (
    Column,
    Given,
    InputFailure,
    InputFile,
    Item,
    Metric,
    Panel,
    Problem,
    RowsPanel,
    WarningsPanel,
)
from tools.folding import complexes, msas
from tools.folding.complexes import Complex, Entry
from tools.folding.msas import Alignment

#: What a complex is written in.
FORMATS = ("fasta", "text", "yaml", "csv", "tsv", "tab", "smiles")


def _several(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


#: One alignment, or a list of them.
Alignments = Annotated[list[InputFile], BeforeValidator(_several), Field(max_length=complexes.MOST_CHAINS)]


def msa_field() -> Any:
    return Field(
        default_factory=list,
        title="MSA",
        description="Alignment (MSA) of a protein chain as A3M, whose first sequence is the chain's own; one file for "
        "each. Equal chains share one. Without it most natural proteins come out wrong.",
        json_schema_extra={"formats": list(msas.FORMATS)},
    )


def msa_server_field() -> Any:
    return Field(
        False,
        title="MSA server",
        description="Ask this site's MSA server for the alignments that were not given; it sees the sequences.",
        json_schema_extra={"advanced": True},
    )


def seed_field() -> Any:
    return Field(
        42,
        ge=0,
        le=2_147_483_647,
        description="Start of the random numbers. 0 takes a random one and records it.",
        json_schema_extra={"advanced": True},
    )


PLDDT = Metric("plddt", "pLDDT", "higher", help="Mean over the best model, 0-100")
IPTM = Metric("iptm", "ipTM", "higher", help="0-1; of complexes only")
PTM = Metric("ptm", "pTM", "higher", help="0-1")

#: Looks at a complex, and changes its order where the engine does. Raises InputFailure.
Fit = Callable[[Complex], Complex]


def complex_or_problem(given: Given, field: str, fit: Fit) -> Complex | Problem:
    try:
        return fit(complexes.only(given.file(field)))
    except InputFailure as error:
        return Problem(field, str(error))


def complex_for_price(given: Given, field: str) -> Complex | None:
    """None where there is none; `check` tells why."""
    try:
        return complexes.only(given.file(field)) if given.files(field) else None
    except InputFailure:
        return None


def seed(settings: Any) -> int:
    return settings.seed or random.SystemRandom().randint(1, 2_147_483_647)


def title(given: Given, field: str, engine: str) -> str:
    found = complex_for_price(given, field)
    return f"{found.name if found else given.file(field).stem}: {engine}"


def check_size(complex: Complex, most: int) -> None:
    """Raises InputFailure."""
    if complex.tokens > most:
        raise InputFailure(
            f"The complex has {complex.tokens:,} residues and ligand atoms; {most:,} are the most here. "
            "Predict a part of it."
        )


def check_msa_server(given: Given) -> Iterator[Problem]:
    if given.settings.msa_server and not engines.msa_server():
        yield Problem(
            "msa_server",
            "This site has no MSA server. Give an alignment, or go without one: switch this off.",
        )


def preview(given: Given, field: str, engine: engines.Engine, fit: Fit, *, aligned: bool) -> Sequence[Panel]:
    """What would run, chain by chain, and what a reader of the result will be warned of. Raises InputFailure."""
    if not given.files(field):
        return []
    found = fit(complexes.only(given.file(field)))
    alignments = msas.given(found, given.files("msa")) if aligned else {}
    asked = aligned and given.settings.msa_server
    sentences = [engines.MADE_UP] if engine.made_up() else []
    if aligned and not asked and (absent := msas.without(found, alignments)):
        sentences.append(msas.warning(found, absent))
    sentences += complexes.looks_like_dna(found)
    panels: list[Panel] = [WarningsPanel("Warnings", sentences)] if sentences else []
    return [*panels, _chains(found, alignments, aligned, asked)]


def _chains(found: Complex, alignments: Mapping[str, Alignment], aligned: bool, asked: bool) -> RowsPanel:
    rows = []
    for chain in found.chains:
        told = f"{alignments[chain.id].depth:,} sequences" if chain.id in alignments else "none"
        msa = ("asked for" if asked and told == "none" else told) if chain.kind == "protein" else "–"
        size = f"{len(chain.content):,}" if chain.polymer else f"{chain.tokens}"
        rows.append(
            (chain.id, complexes.WORDS[chain.kind], size, *([msa] if aligned else []), _short(chain.content))
        )
    columns = [Column("chain", "Chain"), Column("kind", "Kind"), Column("size", "Residues or atoms")]
    columns += [Column("msa", "MSA")] if aligned else []
    count = len(found.chains)
    return RowsPanel(
        f"1 job, {count} chain{'s' if count > 1 else ''}",
        [*columns, Column("content", "Sequence or ligand")],
        rows,
        f"{found.name}. It may take minutes to hours on a CPU; a GPU is taken where there is one.",
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def split(given: Given, field: str, fit: Fit, *, name_of_run: str) -> Iterator[Item]:
    """One run a complex. `field` is of the form for many, `name_of_run` of the form for one.

    An alignment goes to every complex that has a chain with its first sequence.
    """
    alignments = _alignments(given) if "msas" in type(given.inputs).model_fields else None
    names: dict[str, int] = {}
    files = given.files(field)
    for file, reference in zip(files, getattr(given.inputs, field), strict=True):
        for entry in complexes.read(file):
            where = f"{entry.where} of {file.name}" if len(files) > 1 and not entry.whole else entry.where
            name = _unique(entry.name, names)
            text = {
                "text": f">{'_'.join(name.split())}\n{entry.content}\n",
                "name": f"{_file_name(name)}.fasta",
            }
            inputs = {name_of_run: reference.model_dump(exclude_none=True) if entry.whole else text}
            yield _item(entry, Item(name, where, inputs), fit, alignments)


def _alignments(given: Given) -> list[tuple[Alignment, dict[str, Any]]]:
    pairs = zip(given.files("msas"), given.inputs.msas, strict=True)
    return [(msas.read(file), reference.model_dump(exclude_none=True)) for file, reference in pairs]


def _item(
    entry: Entry, item: Item, fit: Fit, alignments: Sequence[tuple[Alignment, dict[str, Any]]] | None
) -> Item:
    if entry.complex is None:
        return replace(item, problem=entry.problem)
    try:
        found = fit(entry.complex)
    except InputFailure as error:
        return replace(item, problem=str(error))
    own = [reference for alignment, reference in alignments or () if _belongs(alignment, found)]
    inputs = {**item.inputs, "msa": own} if own else item.inputs
    queries = None if alignments is None else {alignment.query for alignment, _ in alignments}
    return replace(item, inputs=inputs, size=_size(found, queries))


def _size(found: Complex, queries: Container[str] | None) -> str:
    """ "2 chains without MSA"; `queries`: sequences that have one, None where none is asked about."""
    chains = "1 chain" if len(found.chains) == 1 else f"{len(found.chains)} chains"
    if queries is None:
        return chains
    bare = sum(chain.content not in queries for chain in found.proteins)
    if bare in (0, len(found.chains)):
        return f"{chains} without MSA" if bare else chains
    return f"{chains}, {bare} without MSA"


def _belongs(alignment: Alignment, found: Complex) -> bool:
    return any(chain.content == alignment.query for chain in found.proteins)


def _unique(name: str, seen: dict[str, int]) -> str:
    """The name, with a number behind it where an earlier one has it."""
    while name in seen:
        seen[name] += 1
        name = f"{name}-{seen[name]}"
    seen[name] = 1
    return name


def _file_name(name: str) -> str:
    """As a person may name a file; see compute/submissions.py for what must not be in it."""
    return (
        "".join(sign if sign.isalnum() or sign in " ._-" else "_" for sign in name).strip(" .") or "complex"
    )
