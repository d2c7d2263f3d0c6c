"""Reads and judges references in Virtool's JSON. What is wrong is told with its place, by InputFailure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tools.contract import InputFailure
from tools.viruses import fasta
from tools.viruses.otus import Isolate, Otu, Reference, Sequence
from tools.words import some

#: What a SAM file can carry as a name.
_ID = re.compile(r"[!-)+-<>-~][!-~]*")
_BLANK = re.compile(r"\s+")
_UNAMBIGUOUS = re.compile("[ACGT]")


def parse(raw: Any, name: str) -> Reference:
    """From the content of Virtool's JSON; `name` where it has none of its own. Raises InputFailure."""
    raw_otus = _list(raw, "otus", "The reference")
    data_type = _text(raw, "data_type") or "genome"
    if data_type != "genome":
        raise InputFailure(f"This is a reference of the type {data_type}; only genomes can be built.")
    if not raw_otus:
        raise InputFailure("The reference holds no OTUs.")
    undecided: list[str] = []
    otus = tuple(_otu(each, number, undecided) for number, each in enumerate(raw_otus, 1))
    refuse_twins(otus)
    notes = []
    if undecided:
        notes.append(
            f"Not exactly one isolate is marked as default in {some(undecided)}: "
            "the first that is marked was taken, or the first of all."
        )
    return Reference(data_type, _text(raw, "organism"), _text(raw, "name") or name, otus, tuple(notes))


def _otu(raw: Any, number: int, undecided: list[str]) -> Otu:
    name = _text(raw, "name")
    place = f"OTU {name or number}"
    isolates = [_isolate(each, number, place) for number, each in enumerate(_list(raw, "isolates", place), 1)]
    if not name:
        raise InputFailure(f"{place} has no name.")
    if not isolates:
        raise InputFailure(f"{place} has no isolate. Add one with its sequences, or take the OTU out.")
    if [each.default for each in isolates].count(True) != 1:
        undecided.append(name)
    first = next((place for place, each in enumerate(isolates) if each.default), 0)
    segments = raw["schema"] if isinstance(raw.get("schema"), list) else []
    schema = [each if isinstance(each, Mapping) else {"name": str(each)} for each in segments]
    version = raw.get("version", 0)
    return Otu(
        _id(raw, place),
        name,
        _text(raw, "abbreviation"),
        version if isinstance(version, int) and 0 <= version < 2**63 else 0,
        tuple(schema),
        tuple(replace(each, default=place == first) for place, each in enumerate(isolates)),
    )


def _isolate(raw: Any, number: int, otu: str) -> Isolate:
    place = f"Isolate {number} of {otu}"
    sequences = tuple(_sequence(each, place) for each in _list(raw, "sequences", place))
    if not sequences:
        raise InputFailure(f"{place} has no sequences. Add them, or take the isolate out.")
    return Isolate(
        _id(raw, place),
        _text(raw, "source_type"),
        _text(raw, "source_name"),
        raw.get("default") is True,
        sequences,
    )


def _sequence(raw: Any, place: str) -> Sequence:
    if not isinstance(raw, dict):
        raise InputFailure(f"{place} has a sequence that is no object with fields.")
    id = _id(raw, f"A sequence of {place}", fallback=_text(raw, "accession"))
    letters = letters_of(raw.get("sequence"), f"Sequence {id} ({place})")
    target = raw.get("target")
    return Sequence(
        id,
        _text(raw, "accession"),
        _text(raw, "definition"),
        _text(raw, "host"),
        _text(raw, "segment"),
        letters,
        None if target is None else str(target),
    )


def letters_of(raw: object, place: str) -> str:
    """Upper-case DNA. Raises InputFailure where there is none, or what is no nucleotide."""
    letters = "".join(raw.split()).upper() if isinstance(raw, str) else ""
    if not letters:
        raise InputFailure(f"{place} is empty.")
    wrong = letters.encode(errors="replace").translate(None, fasta.NUCLEOTIDES).decode()
    if wrong:
        raise InputFailure(f"{place} holds what stands for no nucleotide ({some(sorted(set(wrong)))}).")
    letters = letters.replace("U", "T")
    if not _UNAMBIGUOUS.search(letters):
        raise InputFailure(f"{place} holds no A, C, G or T: no read can be mapped to it.")
    return letters


def refuse_twins(otus: Iterable[Otu]) -> None:
    """Raises InputFailure where two OTUs, two isolates of one OTU, or two sequences have the same id."""
    owners: dict[str, str] = {}
    seen: dict[str, str] = {}
    for otu in otus:
        isolates = Counter(isolate.id for isolate in otu.isolates)
        if twins := [id for id, times in isolates.items() if times > 1]:
            raise InputFailure(f"Two isolates of OTU {otu.name} have the same id: {some(twins)}.")
        for sequence in otu.sequences:
            if sequence.id in owners:
                told = {owners[sequence.id]: 1, otu.name: 1}
                raise InputFailure(
                    f"The sequence id {sequence.id} occurs more than once (in {' and in '.join(told)}). "
                    "Each sequence needs an id of its own."
                )
            owners[sequence.id] = otu.name
        if otu.id in seen:
            raise InputFailure(f"The OTU id {otu.id} occurs more than once ({seen[otu.id]}, {otu.name}).")
        seen[otu.id] = otu.name


def _list(raw: Any, key: str, place: str) -> list[Any]:
    value = raw.get(key) if isinstance(raw, dict) else None
    if not isinstance(value, list):
        raise InputFailure(f"{place} has no list “{key}”, as Virtool's references have.")
    return value


def _text(raw: Any, key: str) -> str:
    value = raw.get(key) if isinstance(raw, dict) else None
    if value is None:
        return ""
    whole = str(value).encode(errors="replace").decode()  # JSON may hold half a surrogate pair
    return _BLANK.sub(" ", whole).strip()


def _id(raw: Mapping[str, Any], place: str, *, fallback: str = "") -> str:
    remote = raw.get("remote")
    id = _text(remote, "id") or _text(raw, "_id") or _text(raw, "id") or fallback
    if not id:
        raise InputFailure(f"{place} has no id.")
    return judge_id(id, place)


def judge_id(id: str, place: str) -> str:
    """The id itself. Raises InputFailure where a SAM file could not carry it."""
    if not _ID.fullmatch(id):
        raise InputFailure(
            f"{place} has the id {id!r}, which mapped reads cannot carry: use letters, digits, . _ and - only."
        )
    return id
