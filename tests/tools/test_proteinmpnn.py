"""ProteinMPNN without its program: the backbone that it is given, and the sequences that are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.folding import places
from tools import engines, proteinmpnn
from tools.contract import InputFailure, ToolFailure

PROGRAM = """
import sys
from pathlib import Path

print(sys.argv)
Path("out/seqs").mkdir(parents=True)
Path("out/seqs/backbone.fa").write_text(
    ">backbone, score=1.6334, global_score=1.6, fixed_chains=['B'], designed_chains=['A'], seed=42\\nAGS\\n"
    ">T=0.1, sample=1, score=0.9107, global_score=0.9, seq_recovery=0.3333\\nAKK/AC\\n"
    ">T=0.1, sample=2, score=0.8107, global_score=0.8, seq_recovery=0.6667\\nAGK/AC\\n"
)
"""


def residue(
    number: int, name: str, chain: str, place: int, atoms: tuple[str, ...] = ("N", "CA", "C", "O")
) -> str:
    lines = []
    for offset, atom in enumerate(atoms):
        x = place * 3.8 + offset
        lines.append(
            f"ATOM  {number + offset:5d}  {atom:<3} {name} {chain}{place:4d}    {x:8.3f}   0.000   0.000  1.00 10.00"
            f"           {atom[0]}  "
        )
    return "\n".join(lines) + "\n"


PDB = (
    residue(1, "ALA", "H", 1)
    + residue(5, "GLY", "H", 2)
    + residue(9, "SER", "H", 3, ("N", "CA"))
    + residue(11, "CYS", "L", 1)
    + "TER\nHETATM   20  O   HOH L 101      30.000   0.000   0.000  1.00 10.00           O  \nEND\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return places.at(tmp_path / "engines", monkeypatch)


def job(tmp_path: Path, text: str = PDB, **settings: Any) -> running.LocalJob:
    inputs = {"structure": {"text": text, "name": "fab.pdb"}}
    given = running.given(proteinmpnn.TOOL, inputs, settings, tmp_path / "in")
    return running.LocalJob(given, tmp_path / "job")


def test_designs_are_read_best_first_with_the_score_of_the_files_own(tmp_path: Path) -> None:
    places.install(engines.PROTEINMPNN, PROGRAM)
    one = job(tmp_path, chains="H", sequences_per_target=2)
    result = proteinmpnn.run(one)
    running.judge(proteinmpnn.TOOL, one, result)
    assert result.summary["best_score"] == 0.8107 and result.summary["native_score"] == 1.6334
    assert result.summary["recovery"] == pytest.approx(50)
    assert (one.out / "designs.fasta").read_text() == ">design-1\nAGK:AC\n>design-2\nAKK:AC\n"
    assert result.warnings[0] == "1 residues of chain H lack backbone atoms and were left out."
    assert any("'--pdb-path-chains', 'A'" in line for line in one.lines), "chains get letters from A"


def test_water_and_residues_without_a_backbone_are_left_out(tmp_path: Path) -> None:
    found = proteinmpnn.backbone(job(tmp_path).given)
    assert [(chain.name, chain.letter, chain.residues, chain.incomplete) for chain in found.chains] == [
        ("H", "A", 2, 1),
        ("L", "B", 1, 0),
    ]


@pytest.mark.parametrize(
    ("text", "settings", "field", "sentence"),
    [
        (PDB, {"chains": "H, X"}, "chains", "no protein chain X; there is H, L"),
        (residue(1, "ALA", "A", 1, ("CA",)), {}, "structure", "no amino acid with its backbone"),
        ("ACD", {}, "structure", "Give a protein structure"),
    ],
)
def test_problems_before_anything_is_charged(
    tmp_path: Path, text: str, settings: dict[str, Any], field: str, sentence: str
) -> None:
    (problem,) = proteinmpnn.check(job(tmp_path, text, **settings).given)
    assert problem.field == field and sentence in problem.message


def test_a_program_that_leaves_nothing_failed(tmp_path: Path) -> None:
    places.install(engines.PROTEINMPNN, "print('done')")
    with pytest.raises(ToolFailure, match="without a sequence"):
        proteinmpnn.run(job(tmp_path))


def test_a_batch_has_one_run_a_file_and_bad_ones_with_their_problem(tmp_path: Path) -> None:
    files = [{"text": text, "name": "x.pdb"} for text in (PDB, "ACD", PDB)]
    many = proteinmpnn.ManyInputs.model_validate({"structures": files})
    local = [running._place(file, tmp_path / "in")[0] for file in files]
    settings = proteinmpnn.Settings()
    items = list(proteinmpnn.split(proteinmpnn.Given(many, settings, {"structures": local})))
    assert [(item.name, bool(item.problem)) for item in items] == [
        ("x", False),
        ("x-2", True),
        ("x-3", False),
    ]
    assert items[0].inputs == {"structure": files[0]}


def test_a_file_without_a_protein_is_an_error_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="backbone atoms"):
        proteinmpnn.run(job(tmp_path, residue(1, "ALA", "A", 1, ("CA",))))
