"""ESMFold without ESMFold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import running
from tests.tools.folding import places
from tools import engines, esmfold
from tools.contract import ToolFailure

PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np

assert sys.argv[1].endswith("esmfold_program.py") and sys.argv[3] == "ACD"
out = Path(sys.argv[6])
out.mkdir()
rows = [f"ATOM  {n:5d}  CA  ALA A{n:4d}    {n * 3.8:8.3f}   0.000   0.000  1.00 81.00           C  " for n in (1, 2, 3)]
(out / "model.pdb").write_text("\\n".join(rows) + "\\nEND\\n")
np.savez(out / "pae.npz", pae=np.ones((3, 3), np.float32))
(out / "confidence.json").write_text(json.dumps({"plddt": 81.0, "ptm": 0.6}))
"""


def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, text: str = "ACD") -> running.LocalJob:
    places.at(tmp_path / "engines", monkeypatch)
    places.install(engines.ESMFOLD, program)
    inputs = {"sequence": {"text": text, "name": "x.txt"}}
    return running.LocalJob(running.given(esmfold.TOOL, inputs, {}, tmp_path / "in"), tmp_path / "job")


def test_it_needs_no_alignment_and_has_no_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(tmp_path, monkeypatch, PROGRAM)
    result = esmfold.run(one)
    running.judge(esmfold.TOOL, one, result)
    assert result.summary["plddt"] == 81 and result.warnings == []
    assert "seed" not in result.summary and "msa" not in result.summary


def test_a_program_that_leaves_nothing_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolFailure, match="without a prediction"):
        esmfold.run(job(tmp_path, monkeypatch, "print('done')"))


def test_complexes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(tmp_path, monkeypatch, PROGRAM, "ACD:ACD")
    assert "predicts one chain, and this has 2" in next(iter(esmfold.check(one.given))).message
