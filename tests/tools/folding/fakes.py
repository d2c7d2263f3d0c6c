"""Programs in the place of the real ones: they leave files of the same shape, at once."""

#: Boltz: two samples of a complex of chain A (3 residues) and ligand B (2 atoms).
BOLTZ = """
import json, sys
from pathlib import Path
import numpy as np

arguments = sys.argv
assert arguments[1:3] == ["predict", "complex.yaml"]
print("Seed set to", arguments[arguments.index("--seed") + 1])
left = Path("out/boltz_results_complex/predictions/complex")
left.mkdir(parents=True)
ATOMS = [("ATOM", "C", "CA", "ALA", "1", "A", 95), ("ATOM", "C", "CA", "CYS", "2", "A", 75),
         ("ATOM", "C", "CA", "ASP", "3", "A", 40), ("HETATM", "C", "C1", "LIG", ".", "B", 60),
         ("HETATM", "O", "O1", "LIG", ".", "B", 50)]
FIELDS = ("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id",
          "label_entity_id", "label_seq_id", "auth_seq_id", "auth_asym_id", "Cartn_x", "Cartn_y", "Cartn_z",
          "occupancy", "B_iso_or_equiv", "pdbx_PDB_model_num")
for model in range(int(arguments[arguments.index("--diffusion_samples") + 1])):
    lines = ["data_x", "loop_", *("_atom_site." + field for field in FIELDS)]
    for number, (group, symbol, atom, residue, place, chain, plddt) in enumerate(ATOMS, 1):
        seq = place if place != "." else "1"
        lines.append(f"{group} {number} {symbol} {atom} . {residue} {chain} 1 {place} {seq} {chain} "
                     f"{number * 3.8} 0 0 1 {plddt} 1")
    (left / f"complex_model_{model}.cif").write_text("\\n".join(lines) + "\\n")
    np.savez(left / f"pae_complex_model_{model}.npz", pae=np.full((5, 5), 4.0 + model, np.float32))
    (left / f"confidence_complex_model_{model}.json").write_text(json.dumps({
        "confidence_score": 0.8 - model / 10, "ptm": 0.7, "iptm": 0.6 - model / 10, "ligand_iptm": 0.5,
        "complex_plddt": 0.75, "pair_chains_iptm": {"0": {"0": 1, "1": 0.61}, "1": {"0": 0.62, "1": 1}},
        "structure_checks_passed": model == 0}))
if "affinity" in Path("complex.yaml").read_text():
    print("Predicting property: affinity")
    (left / "affinity_complex.json").write_text(json.dumps(
        {"affinity_pred_value": -2.0, "affinity_probability_binary": 0.9}))
"""

#: What stock Boltz does with an input that it cannot read.
BOLTZ_THAT_LEAVES_NOTHING = """
print("Failed to process complex.yaml. Skipping. Error: CCD component XYZ not found!")
"""
BOLTZ_WITHOUT_MEMORY = """
import os
os.makedirs("out/boltz_results_complex/predictions/complex")
print("| WARNING: ran out of memory, skipping batch")
"""

#: ColabFold: as many models as asked for, of the chains of the A3M file.
COLABFOLD = """
import json, sys
from pathlib import Path

arguments = sys.argv
assert arguments[1:3] == ["query.a3m", "out"]
models = int(arguments[arguments.index("--num-models") + 1])
lines = Path("query.a3m").read_text().splitlines()
lengths, copies = [len(lines[1])], [1]
if lines[0].startswith("#"):
    lengths, copies = [list(map(int, part.split(","))) for part in lines[0][1:].split("\\t")]
chains = [length for length, count in zip(lengths, copies) for _ in range(count)]
kind = "alphafold2_multimer_v3" if len(chains) > 1 else "alphafold2_ptm"
size = sum(chains)
for rank in range(1, models + 1):
    name = f"rank_{rank:03d}_{kind}_model_{rank}_seed_007"
    print(f"2026-11-30 08:26:29,560 {kind}_model_{rank}_seed_007 recycle=0 pLDDT={90 - rank} pTM=0.5")
    print(f"2026-11-30 08:26:29,560 {kind}_model_{rank}_seed_007 took 1.0s (0 recycles)")
    told = {"plddt": [90.0 - rank] * size, "ptm": 0.5, "pae": [[3.0] * size] * size, "max_pae": 3.0}
    if len(chains) > 1:
        told["iptm"] = 0.7 - rank / 10
    Path("out").mkdir(exist_ok=True)
    Path(f"out/query_scores_{name}.json").write_text(json.dumps(told))
    rows, number = [], 0
    for chain, length in zip("ABCDEFG", chains):
        for place in range(1, length + 1):
            number += 1
            rows.append(f"ATOM  {number:5d}  CA  ALA {chain}{place:4d}    {number * 3.8:8.3f}   0.000   0.000  1.00"
                        f"{90.0 - rank:6.2f}           C  ")
    Path(f"out/query_unrelaxed_{name}.pdb").write_text("\\n".join(rows) + "\\nEND\\n")
"""
NOTHING = "print('done')\n"
