"""Each engine runs for real, from the tool's inputs to the panels of its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tools
from tests.engines.conftest import Site
from tests.tools import running
from tools import engines, proteinmpnn
from tools.contract import InputFailure, Result, Tool, ToolFailure

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

SHARED = Path(__file__).parents[3] / "shared" / "data"


def run(tool: Tool, inputs: dict[str, Any], settings: dict[str, Any], tmp_path: Path) -> Result:
    assert tool.missing() is None
    given = running.given(tool, inputs, settings, tmp_path / "in")
    assert list(tool.check(given)) == []
    job = running.LocalJob(given, tmp_path, cpus=1)
    result = tool.run(job)
    running.judge(tool, job, result)
    return result


def rows(result: Result, name: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for table in result.tables if table.name == name for row in table.rows]


def test_boltz_predicts_a_complex_of_everything_and_an_affinity(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(engines.BOLTZ, monkeypatch)
    text = ">all\nNLYIQW:dna=ACG:rna=ACGU:smiles=OCC(O)CO:ccd=MG\n"
    yaml_of_it = (
        "version: 1\nsequences:\n  - protein: {id: A, sequence: NLYIQW}\n  - dna: {id: B, sequence: ACG}\n"
        "  - rna: {id: C, sequence: ACGU}\n  - ligand: {id: D, smiles: 'OCC(O)CO'}\n  - ligand: {id: E, ccd: MG}\n"
        "properties:\n  - affinity: {binder: D}\n"
    )
    settings = {"sampling_steps": 5, "recycling_steps": 0, "samples": 2, "seed": 3}
    tool = tools.find("boltz-2")
    assert "exactly one ligand" in str(
        list(
            tool.check(
                running.given(
                    tool, {"complex": {"text": text, "name": "x.txt"}}, {"affinity": True}, tmp_path
                )
            )
        )
    )
    inputs = {
        "complex": {"text": yaml_of_it, "name": "all.yaml"},
        "msa": {"text": ">q\nNLYIQW\n>h\nNL-aIQW\n", "name": "a.a3m"},
    }
    result = run(tool, inputs, settings, tmp_path)
    assert result.warnings[0] == engines.MADE_UP
    assert not any("No MSA" in warning for warning in result.warnings)
    assert 0 <= result.summary["iptm"] <= 1 and 1 < result.summary["plddt"] <= 100
    assert 0 <= result.summary["binding_probability"] <= 1 and "affinity" in result.summary
    residues = [row for row in rows(result, "plddt") if row[0] == 1]
    assert [row[1] for row in residues] == list("AAAAAABBBCCCCDE")
    with np.load(tmp_path / "out/pae_1.npz") as stored:
        assert len(stored["pae"]) == sum(row[5] for row in residues) == 6 + 3 + 4 + 6 + 1
    assert {row[1:3] for row in rows(result, "interfaces")} >= {("A", "B"), ("D", "E")}


@pytest.mark.parametrize(
    ("name", "text", "msa", "chains"),
    [
        ("one chain", "NLYIQWLKDG", ">q\nNLYIQWLKDG\n>h\nNLYaIQW-KDG\n", "A" * 10),
        # ColabFold writes equal chains beside each other.
        ("complex", "NLYIQ:GSHMKT:NLYIQ", "", "A" * 5 + "B" * 5 + "C" * 6),
    ],
)
def test_alphafold_predicts_with_either_weights(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, msa: str, chains: str
) -> None:
    site.use(engines.ALPHAFOLD, monkeypatch)
    inputs: dict[str, Any] = {"sequence": {"text": text, "name": "x.txt"}}
    if msa:
        inputs["msa"] = {"text": msa, "name": "x.a3m"}
    result = run(tools.find("alphafold-2"), inputs, {"models": 1, "recycles": 0, "seed": 3}, tmp_path)
    assert result.warnings[0] == engines.MADE_UP
    assert any("No MSA" in warning for warning in result.warnings) is not bool(msa)
    assert ("iptm" in result.summary) is (":" in text) and 1 < result.summary["plddt"] <= 100
    assert "".join(row[1] for row in rows(result, "plddt")) == chains
    with np.load(tmp_path / "out/pae_1.npz") as stored:
        assert stored["pae"].shape == (len(chains), len(chains))


def test_esmfold_predicts(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.use(engines.ESMFOLD, monkeypatch)
    tool = tools.find("esmfold")
    result = run(tool, {"sequence": {"text": "NLYIQWLKDGXP", "name": "x.txt"}}, {"recycles": 1}, tmp_path)
    assert result.warnings[0] == engines.MADE_UP and "unknown residues (X)" in result.warnings[1]
    assert 1 < result.summary["plddt"] <= 100
    assert [row[2] for row in rows(result, "plddt")] == [*range(1, 11), 12]


def test_a_component_without_a_file_is_refused_by_a_sentence(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(engines.BOLTZ, monkeypatch)
    tool = tools.find("boltz-2")
    given = running.given(tool, {"complex": {"text": "NLY:ccd=ZZZZZ", "name": "x.txt"}}, {}, tmp_path / "in")
    with pytest.raises(InputFailure, match="ZZZZZ is not in the chemical component dictionary"):
        tool.run(running.LocalJob(given, tmp_path))


def test_what_boltz_itself_refuses_ends_with_a_sentence(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bond between atoms that are not there: only the program can know."""
    site.use(engines.BOLTZ, monkeypatch)
    text = (
        "version: 1\nsequences:\n  - protein: {id: A, sequence: NLY}\n  - ligand: {id: B, smiles: CCO}\n"
        "constraints:\n  - bond: {atom1: [A, 99, SG], atom2: [B, 1, C1]}\n"
    )
    tool = tools.find("boltz-2")
    given = running.given(tool, {"complex": {"text": text, "name": "x.yaml"}}, {}, tmp_path / "in")
    with pytest.raises(ToolFailure) as failure:
        tool.run(running.LocalJob(given, tmp_path))
    assert "Traceback" not in str(failure.value)


def test_a_weight_file_that_went_away_is_told_and_nothing_is_fetched(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(engines.BOLTZ, monkeypatch)
    gone = engines.BOLTZ.weights_folder() / "boltz2_aff.ckpt"
    kept = gone.rename(gone.with_suffix(".kept"))
    try:
        given = running.given(
            tools.find("boltz-2"), {"complex": {"text": "NLY", "name": "x.txt"}}, {}, tmp_path / "in"
        )
        job = running.LocalJob(given, tmp_path)
        with pytest.raises(ToolFailure, match=r"Put boltz2_aff\.ckpt into"):
            tools.find("boltz-2").run(job)
        assert job.lines == []
    finally:
        kept.rename(gone)


#: Backbone -> residues that are designed, and the share of them that should come out as in nature.
RECOVERY = (35, 60)


def test_proteinmpnn_recovers_about_half_of_a_natural_protein(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its real weights, on dihydrofolate reductase (186 residues)."""
    site.use(engines.PROTEINMPNN, monkeypatch)
    example = proteinmpnn.example()
    result = run(tools.find("proteinmpnn"), example.inputs, {"sequences_per_target": 4}, tmp_path)
    assert RECOVERY[0] <= result.summary["recovery"] <= RECOVERY[1]
    assert result.summary["best_score"] < result.summary["native_score"]
    sequences = [row[3] for row in rows(result, "designs")]
    assert len(set(sequences)) == 4 and {len(each) for each in sequences} == {186}
    # The file of the designs is an input of the others as it is.
    given = {"complex": {"text": (tmp_path / "out/designs.fasta").read_text(), "name": "designs.fasta"}}
    with pytest.raises(InputFailure, match="holds 4 complexes"):
        tools.find("boltz-2").preview(running.given(tools.find("boltz-2"), given, {}, tmp_path / "in"))  # type: ignore[misc]


def test_proteinmpnn_recovers_about_half_of_the_kinase_abl(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receptor = SHARED / "vina_1iep" / "1iep_receptorH.pdb"
    if not receptor.exists():
        pytest.skip("the receptor of 1iep is not at hand")
    site.use(engines.PROTEINMPNN, monkeypatch)
    tool = tools.find("proteinmpnn")
    result = run(tool, {"structure": receptor}, {"sequences_per_target": 2}, tmp_path)
    assert result.summary["residues"] == 274
    assert RECOVERY[0] <= result.summary["recovery"] <= RECOVERY[1]


def test_the_same_seed_designs_the_same_sequences(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.use(engines.PROTEINMPNN, monkeypatch)
    inputs = {"structure": {"text": "".join(_helix()), "name": "helix.pdb"}}
    found = [
        rows(
            run(
                tools.find("proteinmpnn"), inputs, {"sequences_per_target": 1, "seed": seed}, tmp_path / name
            ),
            "designs",
        )
        for name, seed in (("a", 5), ("b", 5))
    ]
    assert found[0] == found[1]


def _helix() -> list[str]:
    """Twelve alanines on an ideal helix: rise 1.5 Å and 100° a residue."""
    lines = []
    #: Radius and angle (°) and height of N, CA, C, O from the first.
    atoms = {"N": (1.55, 0, 0.0), "CA": (2.29, 28, 0.9), "C": (1.66, 54, 2.0), "O": (2.0, 60, 3.2)}
    for residue in range(12):
        for atom, (radius, angle, height) in atoms.items():
            turn = np.radians(angle + 100 * residue)
            x, y, z = radius * np.cos(turn), radius * np.sin(turn), height + 1.5 * residue
            lines.append(
                f"ATOM  {len(lines) + 1:5d}  {atom:<3} ALA A{residue + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
                f"  1.00 10.00           {atom[0]}  \n"
            )
    return lines
