"""Makes a small ESMFold out of made-up numbers, which predicts noise.

    ENVIRONMENT/bin/python esmfold_weights.py FOLDER

Runs with the Python of the ESMFold environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import EsmConfig, EsmForProteinFolding
from transformers.models.esm.configuration_esm import get_default_vocab_list

SMALL = {
    "esm_type": "esm2_t2",
    "fp16_esm": False,
    "trunk": {
        "num_blocks": 1,
        "sequence_state_dim": 64,
        "pairwise_state_dim": 32,
        "sequence_head_width": 16,
        "pairwise_head_width": 8,
        "structure_module": {"sequence_dim": 32, "pairwise_dim": 32, "num_blocks": 1, "num_heads_ipa": 2},
    },
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    letters = get_default_vocab_list()
    config = EsmConfig(
        vocab_size=len(letters),
        mask_token_id=letters.index("<mask>"),
        pad_token_id=letters.index("<pad>"),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        position_embedding_type="rotary",
        token_dropout=True,
        is_folding_model=True,
        esmfold_config=SMALL,
        vocab_list=letters,
    )
    torch.manual_seed(0)
    model = EsmForProteinFolding(config)
    # Some start as zeros, with which every residue would lie in one place.
    for values in model.parameters():
        torch.nn.init.normal_(values, std=0.2)
    model.save_pretrained(folder)
    (folder / "MADE-UP.txt").write_text("Made-up numbers: predictions by these weights are noise.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
