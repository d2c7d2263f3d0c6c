"""Makes Boltz-2 checkpoints of the right form out of made-up numbers, which predict noise, and a few components.

    ENVIRONMENT/bin/python boltz_weights.py FOLDER

Runs with the Python of the Boltz-2 environment. The checkpoints are as narrow as the program allows (64 pairformer
blocks are its own); the components are the standard residues and nucleotides, ATP and magnesium, built by RDKit.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from boltz.data import const
from boltz.main import Boltz2DiffusionParams, BoltzSteeringParams, MSAModuleArgs, PairformerArgsV2
from boltz.model.models.boltz2 import Boltz2
from omegaconf import OmegaConf
from rdkit import Chem
from rdkit.Chem import AllChem

#: Numbers per token, pair of tokens, atom, and pair of atoms.
SINGLE, PAIR, ATOM, ATOM_PAIR = 32, 16, 16, 8

#: RDKit's flavours of `MolFromSequence` that have a phosphate at the 5' end.
RNA, DNA = 3, 7
ATP = "c1nc(c2c(n1)n(cn2)C3C(C(C(O3)COP(=O)(O)OP(=O)(O)OP(=O)(O)O)O)O)N"
SUGAR_AND_PHOSPHATE = {"OP3"} | {name for name in const.ref_atoms["N"]}


def main(folder: Path) -> None:
    mols = folder / "mols"
    mols.mkdir(parents=True, exist_ok=True)
    Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions.AllProps)
    for name, mol in components():
        (mols / f"{name}.pkl").write_bytes(pickle.dumps(component(name, mol)))
    (folder / "mols.tar").touch()
    for file, affinity in (("boltz2_conf.ckpt", False), ("boltz2_aff.ckpt", True)):
        torch.manual_seed(0)
        settings = hyper_parameters(affinity)
        torch.save(
            {
                "state_dict": Boltz2(**settings).state_dict(),
                "hyper_parameters": settings,
                "pytorch-lightning_version": "2.5.0",
                "epoch": 0,
                "global_step": 0,
            },
            folder / file,
        )
    (folder / "MADE-UP.txt").write_text("Made-up numbers: predictions by these weights are noise.\n")


def components() -> Iterator[tuple[str, Chem.Mol]]:
    for letter, name in const.prot_letter_to_token.items():
        if name in const.canonical_tokens and name != "UNK":
            yield name, Chem.MolFromSequence(letter)
    yield "UNK", Chem.MolFromSequence("A")
    for prefix, letters, flavour in (("", "ACGU", RNA), ("D", "ACGT", DNA)):
        for letter in letters:
            yield prefix + letter, Chem.MolFromSequence(letter, flavor=flavour)
        yield prefix + "N", without_base(Chem.MolFromSequence("A", flavor=flavour))
    yield "ATP", numbered(Chem.MolFromSmiles(ATP))
    yield "MG", numbered(Chem.MolFromSmiles("[Mg+2]"))


def without_base(mol: Chem.Mol) -> Chem.Mol:
    edited = Chem.RWMol(mol)
    for atom in reversed(list(mol.GetAtoms())):
        if atom.GetPDBResidueInfo().GetName().strip() not in SUGAR_AND_PHOSPHATE:
            edited.RemoveAtom(atom.GetIdx())
    for atom in edited.GetAtoms():
        if atom.GetDegree() < 3:
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    Chem.SanitizeMol(edited)
    return edited.GetMol()


def numbered(mol: Chem.Mol) -> Chem.Mol:
    """Atoms named C1, C2, N1, ..."""
    counts: dict[str, int] = {}
    for atom in mol.GetAtoms():
        symbol = atom.GetSymbol().upper()
        counts[symbol] = counts.get(symbol, 0) + 1
        alone = mol.GetNumAtoms() == 1
        atom.SetMonomerInfo(Chem.AtomPDBResidueInfo(symbol if alone else f"{symbol}{counts[symbol]}"))
    return mol


def component(name: str, mol: Chem.Mol) -> Chem.Mol:
    """As Boltz-2 keeps one: atoms with names, what leaves when it is bonded, and an ideal conformer."""
    for atom in mol.GetAtoms():
        atom_name = atom.GetPDBResidueInfo().GetName().strip()
        atom.SetProp("name", atom_name)
        atom.SetProp("leaving_atom", "1" if atom_name in ("OXT", "OP3") else "0")
    AllChem.EmbedMolecule(mol, randomSeed=1)
    mol.GetConformer(0).SetProp("name", "Ideal")
    mol.SetProp("_Name", name)
    mol.SetProp("name", name)
    return mol


def hyper_parameters(affinity: bool) -> dict[str, Any]:
    training = {"max_lr": 1e-3, "base_lr": 0.0, "diffusion_multiplicity": 1, "weight_decay": 0.0}
    made = {
        "atom_s": ATOM,
        "atom_z": ATOM_PAIR,
        "token_s": SINGLE,
        "token_z": PAIR,
        "num_bins": 64,
        "training_args": OmegaConf.create({**training, "recycling_steps": 3, "diffusion_samples": 1}),
        "validation_args": {},
        "embedder_args": {
            "atom_encoder_depth": 1,
            "atom_encoder_heads": 2,
            "add_mol_type_feat": True,
            "add_method_conditioning": True,
            "add_modified_flag": True,
            "add_cyclic_flag": True,
        },
        "msa_args": asdict(
            MSAModuleArgs(subsample_msa=False, num_subsampled_msa=1024, use_paired_feature=True)
        ),
        "pairformer_args": asdict(PairformerArgsV2()),
        "score_model_args": {
            "sigma_data": 16,
            "dim_fourier": 32,
            "atom_encoder_depth": 1,
            "atom_encoder_heads": 2,
            "token_transformer_depth": 2,
            "token_transformer_heads": 4,
            "atom_decoder_depth": 1,
            "atom_decoder_heads": 2,
            "conditioning_transition_layers": 2,
            "activation_checkpointing": False,
        },
        "diffusion_process_args": asdict(Boltz2DiffusionParams()),
        "diffusion_loss_args": {},
        "confidence_model_args": {
            "num_dist_bins": 64,
            "max_dist": 22,
            "add_s_to_z_prod": True,
            "add_s_input_to_s": True,
            "add_z_input_to_z": True,
            "confidence_args": {
                "num_plddt_bins": 50,
                "num_pde_bins": 64,
                "num_pae_bins": 64,
                "use_separate_heads": True,
            },
            "pairformer_args": pairformer(heads=4),
        },
        "atom_feature_dim": 388,
        "validate_structure": False,
        "alpha_pae": 1.0,
        "bond_type_feature": True,
        "fix_sym_check": True,
        "cyclic_pos_enc": True,
        "steering_args": asdict(BoltzSteeringParams()),
        "predict_bfactor": True,
    }
    if affinity:
        head = {
            "num_dist_bins": 64,
            "max_dist": 22,
            "pairformer_args": pairformer(),
            "transformer_args": {
                "token_s": SINGLE,
                "num_blocks": 1,
                "num_heads": 2,
                "activation_checkpointing": False,
            },
        }
        made |= {
            "affinity_prediction": True,
            "affinity_ensemble": True,
            "affinity_model_args1": head,
            "affinity_model_args2": head,
            "skip_run_structure": False,
        }
    return made


def pairformer(heads: int | None = None) -> dict[str, Any]:
    made = {"num_blocks": 2, "dropout": 0.0, "v2": True, "pairwise_head_width": 8, "pairwise_num_heads": 2}
    return made if heads is None else made | {"num_heads": heads}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
