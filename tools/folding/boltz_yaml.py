"""Boltz's own input files: read with care, and written for the program.

What is read is never handed on as it stands: it may name files of the server (`msa`, `templates`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tools.folding.complexes import MOST_CHAINS, BadComplex, Chain, Complex, chain

_TOP = frozenset({"version", "sequences", "constraints", "properties"})
_POLYMER = frozenset({"id", "sequence", "msa", "modifications", "cyclic"})
_LIGAND = frozenset({"id", "smiles", "ccd"})
_CONSTRAINTS = frozenset({"bond", "pocket", "contact"})
_ID = re.compile(r"[A-Za-z0-9]{1,4}")
#: Letters; one with thousands of chains is no use to anybody.
LONGEST = 200_000


def is_one(text: str) -> bool:
    return re.search(r"^\s*sequences\s*:", text, re.MULTILINE) is not None


def read(text: str, name: str) -> Complex:
    """Raises BadComplex."""
    top = _top(text)
    chains = [each for entry in _list(top.get("sequences"), "sequences") for each in _chains(entry)]
    if not chains or len(chains) > MOST_CHAINS:
        raise BadComplex(f"The file has {len(chains)} chains; 1 to {MOST_CHAINS} are possible.")
    ids = [each.id for each in chains]
    if len(set(ids)) < len(ids):
        raise BadComplex("Two chains of the file have the same id.")
    binder = _binder(top, ids)
    return Complex(name, tuple(chains), tuple(_constraints(top)), binder)


def _top(text: str) -> Mapping[str, Any]:
    if len(text) > LONGEST:
        raise BadComplex(f"The file is longer than {LONGEST:,} letters.")
    try:
        top = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place else ""
        raise BadComplex(f"The file is no valid YAML{where}.") from error
    if not isinstance(top, dict):
        raise BadComplex("The file is no Boltz input: it has no list of sequences.")
    _refuse_others(top, _TOP, "the file", {"templates": "Templates are not offered here."})
    return top


def _chains(entry: Any) -> list[Chain]:
    if not isinstance(entry, dict) or len(entry) != 1:
        raise BadComplex("Each entry of sequences is one of protein, dna, rna and ligand.")
    ((kind, values),) = entry.items()
    if kind not in ("protein", "dna", "rna", "ligand") or not isinstance(values, dict):
        raise BadComplex(f"{kind!r} is no kind of chain; there are protein, dna, rna and ligand.")
    _refuse_others(values, _LIGAND if kind == "ligand" else _POLYMER, f"a {kind}", {})
    ids = values.get("id")
    listed = [str(id) for id in ids] if isinstance(ids, list) else [str(ids)]
    for id in listed:
        if not _ID.fullmatch(id):
            raise BadComplex(f"{id!r} is no id of a chain: 1 to 4 letters and digits.")
    return [_chain(id, kind, values) for id in listed]


def _chain(id: str, kind: str, values: Mapping[str, Any]) -> Chain:
    if kind == "ligand":
        given = [each for each in ("smiles", "ccd") if values.get(each) is not None]
        if len(given) != 1 or isinstance(values[given[0]], list | dict):
            raise BadComplex(f"Ligand {id} needs either smiles or ccd, with one value.")
        return chain(id, given[0], str(values[given[0]]))  # type: ignore[arg-type]
    if values.get("msa") not in (None, "empty"):
        raise BadComplex(
            f"Chain {id} names the file of an alignment. Give the alignment itself as MSA, and leave msa out."
        )
    made = chain(id, kind, str(values.get("sequence") or ""))  # type: ignore[arg-type]
    cyclic = values.get("cyclic", False)
    if not isinstance(cyclic, bool):
        raise BadComplex(f"Chain {id}: cyclic is true or false.")
    return Chain(
        id, made.kind, made.content, tuple(_modifications(made, values.get("modifications"))), cyclic
    )


def _modifications(made: Chain, listed: Any) -> list[tuple[int, str]]:
    found = []
    for each in _list(listed or [], f"modifications of chain {made.id}"):
        position, code = (each.get("position"), each.get("ccd")) if isinstance(each, dict) else (None, None)
        if type(position) is not int or not 1 <= position <= len(made.content) or not isinstance(code, str):
            raise BadComplex(
                f"A modification of chain {made.id} needs a position within the chain and the ccd code."
            )
        found.append((position, chain(made.id, "ccd", code).content))
    return found


def _binder(top: Mapping[str, Any], ids: list[str]) -> str | None:
    asked = _list(top.get("properties") or [], "properties")
    if not asked:
        return None
    affinity = asked[0].get("affinity") if len(asked) == 1 and isinstance(asked[0], dict) else None
    binder = str(affinity.get("binder")) if isinstance(affinity, dict) else None
    if binder not in ids:
        raise BadComplex("properties may ask for the affinity of one binder, which is the id of a chain.")
    return binder


def _constraints(top: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for each in _list(top.get("constraints") or [], "constraints"):
        if not isinstance(each, dict) or len(each) != 1 or not set(each) <= _CONSTRAINTS:
            raise BadComplex("Each constraint is one of bond, pocket and contact.")
        if not _plain(each, depth=4):
            raise BadComplex("A constraint holds something else than ids, numbers and names of atoms.")
        found.append(each)
    return found


def _plain(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(isinstance(k, str) and _plain(v, depth - 1) for k, v in value.items())
    if isinstance(value, list):
        return depth > 0 and len(value) <= 1000 and all(_plain(each, depth - 1) for each in value)
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 40


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadComplex(f"{what} must be a list.")
    return value


def _refuse_others(
    values: Mapping[Any, Any], known: frozenset[str], where: str, why: Mapping[str, str]
) -> None:
    for name in values:
        if name not in known:
            raise BadComplex(f"{name} of {where} is not read here. {why.get(str(name), '')}".strip())


def write(complex: Complex, msas: Mapping[str, str], *, binder: str | None, ask_server: bool) -> str:
    """The program's input. `msas`: chain -> file of its alignment."""
    listed = [_written(each, msas, ask_server) for each in complex.chains]
    top: dict[str, Any] = {"version": 1, "sequences": listed}
    if complex.constraints:
        top["constraints"] = list(complex.constraints)
    if binder is not None:
        top["properties"] = [{"affinity": {"binder": binder}}]
    return yaml.safe_dump(top, sort_keys=False, allow_unicode=True)


def _written(each: Chain, msas: Mapping[str, str], ask_server: bool) -> dict[str, Any]:
    if not each.polymer:
        return {"ligand": {"id": each.id, each.kind: each.content}}
    values: dict[str, Any] = {"id": each.id, "sequence": each.content}
    if each.modifications:
        values["modifications"] = [
            {"position": position, "ccd": code} for position, code in each.modifications
        ]
    if each.cyclic:
        values["cyclic"] = True
    if each.kind == "protein" and (each.id in msas or not ask_server):
        values["msa"] = msas.get(each.id, "empty")
    return {each.kind: values}
