"""ESMFold as a program: runs with the Python of its own environment and imports nothing of this project.

    python esmfold_program.py WEIGHTS SEQUENCE RECYCLES CHUNK OUT

Leaves OUT/model.pdb (pLDDT 0-100 as B-factor), OUT/confidence.json and OUT/pae.npz (Å).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import EsmForProteinFolding

#: Residues in the order of AlphaFold, by which the model numbers them.
LETTERS = "ARNDCQEGHILKMFPSTWYVX"


def main(weights: str, sequence: str, recycles: int, chunk: int, out: Path) -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print("loads the weights", flush=True)
    model = EsmForProteinFolding.from_pretrained(weights, local_files_only=True).eval().to(device)
    if device == "cpu":
        model = model.float()
    model.trunk.set_chunk_size(chunk or None)
    print(f"predicts {len(sequence)} residues on {device}", flush=True)
    given = torch.tensor([[LETTERS.index(letter) for letter in sequence]], device=device)
    with torch.no_grad():
        found = model(given, num_recycles=recycles)
    write(model, found, out)
    print("done", flush=True)


def write(model: Any, found: Any, out: Path) -> None:
    out.mkdir(exist_ok=True)
    exists = found["atom37_atom_exists"]
    found["plddt"] = 100 * found["plddt"]
    plddt = (found["plddt"] * exists).sum() / exists.sum()
    (out / "model.pdb").write_text(model.output_to_pdb(found)[0])
    np.savez_compressed(out / "pae.npz", pae=found["predicted_aligned_error"][0].float().cpu().numpy())
    confidence = {"plddt": float(plddt), "ptm": float(found["ptm"])}
    (out / "confidence.json").write_text(json.dumps(confidence))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
