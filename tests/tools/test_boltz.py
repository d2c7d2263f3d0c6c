"""Boltz-2 without Boltz: what is asked of the program, and what is made of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools import running
from tests.tools.folding import fakes, places
from tools import boltz, engines
from tools.contract import Given, InputFailure, Result, ToolFailure, WarningsPanel


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return places.at(tmp_path / "engines", monkeypatch)


def given(
    tmp_path: Path, text: str = ">x\nACD:smiles=CO\n", msa: list[str] | None = None, **settings: Any
) -> Given:
    inputs: dict[str, Any] = {"complex": {"text": text, "name": "x.fasta"}}
    if msa:
        inputs["msa"] = [{"text": each, "name": f"{n}.a3m"} for n, each in enumerate(msa)]
    return running.given(boltz.TOOL, inputs, settings, tmp_path / "in")


def run(tmp_path: Path, program: str = fakes.BOLTZ, **more: Any) -> tuple[running.LocalJob, Result]:
    places.install(engines.BOLTZ, program)
    job = running.LocalJob(given(tmp_path, **more), tmp_path / "job")
    return job, boltz.run(job)


def told(tmp_path: Path, **more: Any) -> dict[str, str]:
    return {problem.field: problem.message for problem in boltz.check(given(tmp_path, **more))}


def test_confidence_comes_on_one_scale_and_the_affinity_with_its_unit(tmp_path: Path) -> None:
    job, result = run(tmp_path, samples=2, affinity=True, seed=7)
    running.judge(boltz.TOOL, job, result)
    assert result.summary["plddt"] == 75 and result.summary["iptm"] == 0.6 and result.summary["seed"] == 7
    assert result.summary["affinity"] == -2 and result.summary["binding_probability"] == 0.9
    tables = {table.name: table for table in result.tables}
    assert [column.name for column in tables["confidence"].columns][:3] == ["model", "iptm", "ligand_iptm"]
    assert tables["affinity"].rows == [("B", -2.0, 0.01, 0.9)]
    assert tables["interfaces"].rows[0] == (1, "A", "B", 0.61)
    assert [(row[1], row[4], row[5]) for row in tables["plddt"].rows[:4]] == [
        ("A", 95, 1),
        ("A", 75, 1),
        ("A", 40, 1),
        ("B", 55, 2),
    ]
    assert any("checks failed for model 2:" in warning for warning in result.warnings)
    assert "Predict affinity" in job.steps


def test_a_chain_without_an_alignment_is_told_wherever_the_result_goes(tmp_path: Path) -> None:
    job, result = run(tmp_path)
    assert result.warnings[0].startswith("No MSA for chain A")
    assert result.summary["msa"] == "A: none" and result.summary["marks"] == "no MSA for A"
    figures = [panel for panel in running.judge(boltz.TOOL, job, result) if hasattr(panel, "figure")]
    assert figures and all("No MSA for A" in panel.figure.to_json() for panel in figures)


def test_an_alignment_reaches_the_program(tmp_path: Path) -> None:
    job, result = run(tmp_path, msa=[">q\nACD\n>h\nA-D\n"])
    asked = yaml.safe_load((job.work / "complex.yaml").read_text())
    assert asked["sequences"][0]["protein"]["msa"] == "msa_A.a3m"
    assert (job.work / "msa_A.a3m").read_text() == ">q\nACD\n>h\nA-D\n"
    assert result.warnings == [] and result.summary["msa"] == "A: 2 sequences"


def test_one_alignment_may_be_given_without_a_list(tmp_path: Path) -> None:
    inputs = boltz.Inputs.model_validate({"complex": {"file": "1"}, "msa": {"file": "2"}})
    assert [each.file for each in inputs.msa] == ["2"]


def test_made_up_weights_are_the_first_warning_and_in_the_form(tmp_path: Path) -> None:
    places.put_weights(engines.BOLTZ, (*engines.BOLTZ.weights, engines.MARKER))
    _, result = run(tmp_path)
    assert result.warnings[0] == engines.MADE_UP
    first = boltz.preview(given(tmp_path))[0]
    assert isinstance(first, WarningsPanel) and first.sentences[0] == engines.MADE_UP


def test_a_program_that_exits_0_without_a_prediction_failed(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="without a prediction"):
        run(tmp_path, fakes.NOTHING)


def test_what_the_program_refuses_is_an_error_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="refused the complex: CCD component XYZ not found"):
        run(tmp_path, fakes.BOLTZ_THAT_LEAVES_NOTHING)


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="ran out of memory"):
        run(tmp_path, fakes.BOLTZ_WITHOUT_MEMORY)


def test_an_affinity_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="no affinity"):
        run(tmp_path, fakes.BOLTZ.replace('"affinity" in', '"never" in'), affinity=True)


def test_nothing_is_fetched_and_threads_are_those_granted(tmp_path: Path) -> None:
    program = "import os\nprint(os.environ['HF_HUB_OFFLINE'], os.environ['OMP_NUM_THREADS'])\n" + fakes.BOLTZ
    job, _ = run(tmp_path, program)
    assert "1 2" in job.lines
    assert not any("msa_server" in line for line in job.lines)


@pytest.mark.parametrize(
    ("text", "settings", "field", "sentence"),
    [
        ("ACD:", {}, "complex", "Chain B is empty"),
        ("A" * 1501, {}, "complex", "1,501 residues and ligand atoms; 1,500 are the most"),
        ("ACD", {"affinity": True}, "affinity", "exactly one ligand, and the complex has none"),
        ("ACD:ccd=ATP:ccd=MG", {"affinity": True}, "affinity", "complex has 2"),
        ("dna=ACGT:smiles=CO", {"affinity": True}, "affinity", "needs a protein"),
        ("ACD", {"msa_server": True}, "msa_server", "no MSA server"),
        ("AC\nDE", {}, "complex", "holds 2 complexes"),
    ],
)
def test_problems_before_anything_is_charged(
    tmp_path: Path, text: str, settings: dict[str, Any], field: str, sentence: str
) -> None:
    assert sentence in told(tmp_path, text=text, **settings)[field]


def test_a_component_that_this_site_does_not_have_is_named(tmp_path: Path) -> None:
    places.install(engines.BOLTZ)
    assert "XYZ is not in the chemical component dictionary" in told(tmp_path, text="ACD:ccd=XYZ")["complex"]


def test_the_server_is_asked_only_where_the_site_and_the_person_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places.at(tmp_path / "engines", monkeypatch, msa_server="http://10.0.0.5:8080")
    job, _ = run(tmp_path, msa_server=True)
    assert "--msa_server_url http://10.0.0.5:8080" in job.lines[0]
    assert "msa" not in yaml.safe_load((job.work / "complex.yaml").read_text())["sequences"][0]["protein"]


def test_the_price_is_the_rule_in_words(tmp_path: Path) -> None:
    asked = given(tmp_path, text="A" * 100, affinity=True, samples=2, recycling_steps=3, sampling_steps=200)
    assert [line.credits for line in boltz.price(asked)] == [3 + 2, 1, 5]
    largest = given(
        tmp_path, text="A" * 1500, affinity=True, samples=10, recycling_steps=10, sampling_steps=500
    )
    assert sum(line.credits for line in boltz.price(largest)) <= 250
