"""AlphaFold-2 without ColabFold: what is asked of the program, and what is made of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.folding import fakes, places
from tools import alphafold, engines
from tools.contract import Given, InputFailure, Result, ToolFailure


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return places.at(tmp_path / "engines", monkeypatch)


def given(tmp_path: Path, text: str, msa: str = "", **settings: Any) -> Given:
    inputs: dict[str, Any] = {"sequence": {"text": text, "name": "x.txt"}}
    if msa:
        inputs["msa"] = {"text": msa, "name": "x.a3m"}
    return running.given(alphafold.TOOL, inputs, settings, tmp_path / "in")


def run(
    tmp_path: Path, text: str, program: str = fakes.COLABFOLD, **more: Any
) -> tuple[running.LocalJob, Result]:
    places.install(engines.ALPHAFOLD, program)
    places.put_weights(engines.ALPHAFOLD, engines.MULTIMER_WEIGHTS)
    job = running.LocalJob(given(tmp_path, text, **more), tmp_path / "job")
    return job, alphafold.run(job)


def told(tmp_path: Path, text: str, **more: Any) -> dict[str, str]:
    return {problem.field: problem.message for problem in alphafold.check(given(tmp_path, text, **more))}


def test_one_chain_is_ranked_by_plddt(tmp_path: Path) -> None:
    job, result = run(tmp_path, "ACDE", models=3, recycles=0)
    running.judge(alphafold.TOOL, job, result)
    assert result.summary["plddt"] == 89 and result.summary["models"] == 3 and "iptm" not in result.summary
    confidence = next(table for table in result.tables if table.name == "confidence")
    assert [row[-1] for row in confidence.rows] == [f"alphafold2_ptm_model_{number}" for number in (1, 2, 3)]
    assert [fraction for _, fraction, _ in job.told if fraction is not None][-1] == 1.0


def test_a_complex_has_its_iptm_first(tmp_path: Path) -> None:
    job, result = run(tmp_path, "ACDE:GG:ACDE", models=2)
    running.judge(alphafold.TOOL, job, result)
    assert next(iter(result.summary)) == "iptm" and result.summary["iptm"] == 0.6
    confidence = next(table for table in result.tables if table.name == "confidence")
    assert confidence.rows[0][4] == pytest.approx(0.8 * 0.6 + 0.2 * 0.5)
    assert result.warnings[0].startswith("No MSA for chains A, B and C")


def test_an_alignment_reaches_the_program(tmp_path: Path) -> None:
    job, result = run(tmp_path, "ACDE", msa=">q\nACDE\n>h\nA-DE\n")
    assert (job.work / "query.a3m").read_text() == ">q\nACDE\n>h\nA-DE\n"
    assert result.warnings == []


def test_a_program_that_leaves_nothing_failed(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match="without a prediction"):
        run(tmp_path, "ACDE", fakes.NOTHING)


def test_weights_that_went_away_are_told_before_anything_could_be_fetched(tmp_path: Path) -> None:
    places.install(engines.ALPHAFOLD, fakes.COLABFOLD)
    (engines.ALPHAFOLD.weights_folder() / "params/params_model_3_ptm.npz").unlink()
    job = running.LocalJob(given(tmp_path, "ACDE"), tmp_path / "job")
    with pytest.raises(ToolFailure, match=r"params_model_3_ptm\.npz"):
        alphafold.run(job)
    assert job.lines == []


def test_complexes_need_weights_of_their_own(tmp_path: Path) -> None:
    places.install(engines.ALPHAFOLD, fakes.COLABFOLD)
    assert told(tmp_path, "ACDE") == {}
    assert "params_model_1_multimer_v3.npz" in told(tmp_path, "ACDE:GG")["sequence"]
    job = running.LocalJob(given(tmp_path, "ACDE:GG"), tmp_path / "job")
    with pytest.raises(InputFailure, match="Complexes cannot be predicted here"):
        alphafold.run(job)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ACDE:smiles=CO", "proteins only; chain B is ligand"),
        ("dna=ACGT", "proteins only; chain A is DNA"),
        ("ACD1", "letter '1' at position 4"),
        ("A" * 1501, "1,500 are the most"),
        ("sequences:\n- protein: {id: A, sequence: ACD, cyclic: true}", "cyclic chains"),
    ],
)
def test_problems_before_anything_is_charged(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in told(tmp_path, text)["sequence"]


def test_an_alignment_of_something_else_is_refused(tmp_path: Path) -> None:
    assert "none of the protein chains (A: 4)" in told(tmp_path, "ACDE", msa=">q\nGGGG\n")["msa"]


def test_the_server_is_asked_only_where_the_site_and_the_person_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no MSA server" in told(tmp_path, "ACDE", msa_server=True)["msa_server"]
    places.at(tmp_path / "engines", monkeypatch, msa_server="http://10.0.0.5:8080")
    program = fakes.COLABFOLD.replace("query.a3m", "query.fasta")
    job, _ = run(tmp_path, "ACDE", program, msa_server=True)
    assert "--msa-mode mmseqs2_uniref_env --host-url http://10.0.0.5:8080" in job.lines[0]


def test_the_price_is_the_rule_in_words(tmp_path: Path) -> None:
    assert [line.credits for line in alphafold.price(given(tmp_path, "A" * 100, models=2, recycles=3))] == [
        3 + 2
    ]
    largest = given(tmp_path, "A" * 1500, models=5, recycles=12)
    assert sum(line.credits for line in alphafold.price(largest)) <= 250
