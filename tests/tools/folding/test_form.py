"""What is shown before Run, and how many complexes become many runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.folding import places
from tools import alphafold, boltz, esmfold
from tools.contract import Given, Item, RowsPanel, Tool, WarningsPanel

MANY = "good, ACDE:GG\nbad, ACDE::\ngood, ACDE:smiles=CCO\nACDE\n"
YAML = "version: 1\nsequences:\n  - protein: {id: A, sequence: ACDE}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return places.at(tmp_path / "engines", monkeypatch)


def many(
    tool: Tool, tmp_path: Path, field: str, files: dict[str, str], msas: dict[str, str] | None = None
) -> Given:
    assert tool.batch
    inputs: dict[str, Any] = {field: [{"text": text, "name": name} for name, text in files.items()]}
    if msas:
        inputs["msas"] = [{"text": text, "name": name} for name, text in msas.items()]
    local = {
        name: [running._place(each, tmp_path / "in")[0] for each in listed] for name, listed in inputs.items()
    }
    return Given(tool.batch.Inputs.model_validate(inputs), tool.Settings(), local)


def items(tool: Tool, given: Given) -> list[Item]:
    assert tool.batch
    return list(tool.batch.split(given))


def test_every_line_is_a_run_and_a_bad_one_says_why(tmp_path: Path) -> None:
    found = items(boltz.TOOL, many(boltz.TOOL, tmp_path, "complexes", {"list.txt": MANY}))
    assert [(item.name, item.where) for item in found] == [
        ("good", "line 1"),
        ("bad", "line 2"),
        ("good-2", "line 3"),
        ("list-4", "line 4"),
    ]
    assert [bool(item.problem) for item in found] == [False, True, False, False]
    assert found[2].inputs == {"complex": {"text": ">good-2\nACDE:smiles=CCO\n", "name": "good-2.fasta"}}


def test_what_an_engine_cannot_take_is_a_problem_of_that_run(tmp_path: Path) -> None:
    given = many(esmfold.TOOL, tmp_path, "sequences", {"list.txt": MANY})
    assert [item.problem[:30] for item in items(esmfold.TOOL, given)] == [
        "ESMFold predicts one chain, an",
        "Chain B is empty: there is not",
        "ESMFold predicts proteins only",
        "",
    ]


@pytest.mark.parametrize(
    ("tool", "field"), [(boltz.TOOL, "complexes"), (alphafold.TOOL, "sequences"), (esmfold.TOOL, "sequences")]
)
def test_a_run_of_a_batch_is_a_job_of_its_own(tool: Tool, field: str, tmp_path: Path) -> None:
    given = many(tool, tmp_path, field, {"two.fasta": ">a b\nACDE\n>c\nACDEF\n"})
    for item in items(tool, given):
        one = running.given(tool, item.inputs, {}, tmp_path / "one")
        assert list(tool.check(one)) == [] and not item.problem
        assert list(tool.price(one)) and tool.title and tool.title(one).startswith(item.name)


def test_alignments_go_to_the_runs_that_have_their_chain(tmp_path: Path) -> None:
    files = {"list.txt": "a,ACDE\nb,GGG\nc,ACDE:GGG\n"}
    msa = {"a.a3m": ">q\nACDE\n", "g.a3m": ">q\nGGG\n"}
    found = items(alphafold.TOOL, many(alphafold.TOOL, tmp_path, "sequences", files, msa))
    given = [[file["name"] for file in item.inputs.get("msa", [])] for item in found]
    assert given[:2] == [["a.a3m"], ["g.a3m"]]


def test_yaml_files_are_given_on_as_they_came(tmp_path: Path) -> None:
    given = many(boltz.TOOL, tmp_path, "complexes", {"x.yaml": YAML, "y.yaml": "version: 1\nsequences: 3\n"})
    found = items(boltz.TOOL, given)
    assert found[0].inputs == {"complex": {"text": YAML, "name": "x.yaml"}}
    assert [(item.name, item.where, item.problem) for item in found] == [
        ("x", "x.yaml", ""),
        ("y", "y.yaml", "sequences must be a list."),
    ]


@pytest.mark.parametrize("tool", [boltz.TOOL, alphafold.TOOL, esmfold.TOOL], ids=lambda tool: tool.id)
def test_the_example_of_a_batch_has_no_bad_run(tool: Tool, tmp_path: Path) -> None:
    assert tool.batch
    example = tool.batch.example()
    (field,) = example.inputs
    files = {file["name"]: file["text"] for file in example.inputs[field]}
    found = items(tool, many(tool, tmp_path, field, files))
    problems = [item.problem for item in found if "multimer" not in item.problem]
    assert len(found) == 2 and not any(problems)
    tool.Settings.model_validate(example.settings)


def test_the_form_says_what_would_run_and_what_is_missing(tmp_path: Path) -> None:
    inputs = {
        "complex": {"text": ">x\nACDE:GGG:smiles=CCO\n", "name": "x.fasta"},
        "msa": {"text": ">q\nACDE\n>h\nAC-E\n", "name": "x.a3m"},
    }
    warnings, chains = boltz.preview(running.given(boltz.TOOL, inputs, {}, tmp_path))
    assert isinstance(warnings, WarningsPanel) and warnings.sentences[0].startswith("No MSA for chain B:")
    assert isinstance(chains, RowsPanel) and chains.title == "1 job, 3 chains"
    assert [row[:4] for row in chains.rows] == [
        ("A", "protein", "4", "2 sequences"),
        ("B", "protein", "3", "none"),
        ("C", "ligand", "3", "–"),
    ]
