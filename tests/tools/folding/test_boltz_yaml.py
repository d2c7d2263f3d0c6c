"""Boltz's own files: what is read, what is refused, and that they are written again as they were meant."""

from __future__ import annotations

import pytest
import yaml

from tools.folding import boltz_yaml
from tools.folding.complexes import BadComplex

GOOD = """
version: 1
sequences:
  - protein: {id: [A, B], sequence: ACDE, msa: empty, modifications: [{position: 2, ccd: CSO}]}
  - dna: {id: C, sequence: ACGT}
  - rna: {id: D, sequence: ACGU, cyclic: true}
  - ligand: {id: E, smiles: 'CC(=O)O'}
  - ligand: {id: F, ccd: ATP}
constraints:
  - pocket: {binder: E, contacts: [[A, 2], [A, 3]]}
properties:
  - affinity: {binder: E}
"""


def test_a_file_is_read_and_written_as_it_was_meant() -> None:
    found = boltz_yaml.read(GOOD, "x")
    assert [(chain.id, chain.kind, chain.content) for chain in found.chains] == [
        ("A", "protein", "ACDE"),
        ("B", "protein", "ACDE"),
        ("C", "dna", "ACGT"),
        ("D", "rna", "ACGU"),
        ("E", "smiles", "CC(=O)O"),
        ("F", "ccd", "ATP"),
    ]
    assert found.binder == "E" and found.chains[0].modifications == ((2, "CSO"),) and found.chains[3].cyclic
    written = boltz_yaml.write(found, {"A": "msa_A.a3m"}, binder="E", ask_server=False)
    again = yaml.safe_load(written)
    assert again["sequences"][0]["protein"]["msa"] == "msa_A.a3m"
    assert again["sequences"][1]["protein"]["msa"] == "empty"
    assert "msa" not in again["sequences"][2]["dna"]
    assert again["constraints"] == [{"pocket": {"binder": "E", "contacts": [["A", 2], ["A", 3]]}}]
    assert again["properties"] == [{"affinity": {"binder": "E"}}]


def test_a_server_is_asked_only_for_what_was_not_given() -> None:
    found = boltz_yaml.read(GOOD, "x")
    written = yaml.safe_load(boltz_yaml.write(found, {"A": "a"}, binder=None, ask_server=True))
    assert "msa" not in written["sequences"][1]["protein"] and "properties" not in written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("msa: empty", "msa: /etc/passwd"), "names the file of an alignment"),
        (("version: 1", "version: 1\ntemplates: [{cif: /etc/passwd}]"), "Templates are not offered"),
        (("id: C", "id: A"), "same id"),
        (("ACGT", "ACGU"), "letter 'U'"),
        (("position: 2", "position: 9"), "position within the chain"),
        (("- dna", "- peptide"), "no kind of chain"),
        (("id: C", "id: ../C"), "no id of a chain"),
        (("binder: E}\n", "binder: Z}\n"), "which is the id of a chain"),
        (("smiles: 'CC(=O)O'", "smiles: [C, C]"), "either smiles or ccd"),
        (("ccd: ATP", "ccd: ATP, smiles: C"), "either smiles or ccd"),
        (("contacts: [[A, 2], [A, 3]]", "contacts: {a: {b: {c: {d: 1}}}}"), "something else"),
        (("- pocket", "- run"), "bond, pocket and contact"),
        (("sequences:", "sequences: &x [*x]\nothers:"), "is not read here"),
        (("version: 1", "version: ["), "no valid YAML"),
        (("version: 1", "a: " + "[" * 5000), "no valid YAML"),
        (("cyclic: true", "cyclic: perhaps"), "cyclic is true or false"),
    ],
)
def test_what_is_refused(change: tuple[str, str], told: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(BadComplex, match=told):
        boltz_yaml.read(GOOD.replace(*change, 1), "x")


def test_which_texts_are_such_files() -> None:
    assert boltz_yaml.is_one(GOOD)
    assert not boltz_yaml.is_one(">sequences\nACD\n")
    assert not boltz_yaml.is_one("id,sequence\n")
