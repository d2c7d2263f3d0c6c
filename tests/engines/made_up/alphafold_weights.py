"""Makes AlphaFold-2 weights of the right shapes out of made-up numbers, which predict noise.

    ENVIRONMENT/bin/python alphafold_weights.py FOLDER

Runs with the Python of the AlphaFold-2 environment. Each kind of weights (monomer, multimer) is made once, in about
5 MB, and linked under the five names that ColabFold wants.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
from alphafold.model import config, model
from colabfold.batch import generate_input_feature, mk_mock_template

SEQUENCE = "ACDEFGHIKLMN"
#: Kind -> (name in the configuration, file of model N, what tells ColabFold that nothing is left to download).
KINDS = {
    "alphafold2_ptm": ("model_3_ptm", "params_model_{}_ptm.npz", "download_finished.txt"),
    "alphafold2_multimer_v3": (
        "model_3_multimer_v3",
        "params_model_{}_multimer_v3.npz",
        "download_complexes_multimer_v3_finished.txt",
    ),
}
MODELS = range(1, 6)


def main(folder: Path) -> None:
    params = folder / "params"
    params.mkdir(parents=True, exist_ok=True)
    for kind, (name, file, finished) in KINDS.items():
        first = params / file.format(1)
        if not first.exists():
            temporary = first.with_suffix(".part.npz")
            np.savez_compressed(temporary, **made_up(shapes(kind, name)))
            temporary.rename(first)
        for number in MODELS:
            path = params / file.format(number)
            if not path.exists():
                os.link(first, path)
        (params / finished).touch()
    (folder / "MADE-UP.txt").write_text("Made-up numbers: predictions by these weights are noise.\n")


def shapes(kind: str, name: str) -> Mapping[str, Mapping[str, Any]]:
    """Scope -> parameter -> shape, without computing anything."""
    multimer = "multimer" in kind
    settings = config.model_config(name)
    settings.model.global_config.bfloat16 = False
    # The published files keep these projections apart; ColabFold fuses them while it loads.
    stacks = [settings.model.embeddings_and_evoformer.evoformer]
    if multimer:
        stacks.append(settings.model.embeddings_and_evoformer.template.template_pair_stack)
        # Fewer than the alignment has, so that some are left for the stack of extra sequences.
        settings.model.embeddings_and_evoformer.num_msa = 4
        settings.model.embeddings_and_evoformer.num_extra_msa = 4
    for stack in stacks:
        stack.triangle_multiplication_incoming.fuse_projection_weights = False
        stack.triangle_multiplication_outgoing.fuse_projection_weights = False
    if not multimer:
        settings.data.eval.num_ensemble = 1
    runner = model.RunModel(settings, None)
    copies = 2 if multimer else 1
    alignment = "".join(
        f">{row}\n{SEQUENCE[:row]}{'-' * (len(SEQUENCE) - row)}\n" for row in range(12, 4, -1)
    )
    features, _ = generate_input_feature(
        [SEQUENCE], [copies], [alignment], None, [mk_mock_template(SEQUENCE)], multimer, kind, 8
    )
    length = copies * len(SEQUENCE)
    if multimer:
        given = runner.process_features(features, random_seed=0)
    else:
        features["asym_id"] = np.zeros(length, int)
        processed = runner.process_features(features, random_seed=0)
        processed["asym_id"] = np.zeros((processed["aatype"].shape[0], length), int)
        given = jax.tree_util.tree_map(lambda value: value[:1], processed)
    given["prev"] = {
        "prev_msa_first_row": np.zeros((length, 256), np.float16),
        "prev_pair": np.zeros((length, length, 128), np.float16),
        "prev_pos": np.zeros((length, 37, 3), np.float16),
    }
    return jax.eval_shape(runner.init, jax.random.PRNGKey(0), given)


def made_up(scopes: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """A short row of random numbers over and over, which compresses well; biases 0 and scales 1."""
    row = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
    made = {}
    for scope, parameters in scopes.items():
        for name, wanted in parameters.items():
            made[f"{scope}//{name}"] = _array(name, tuple(wanted.shape), row)
    return made


def _array(name: str, shape: tuple[int, ...], row: np.ndarray) -> np.ndarray:
    if name == "scale":
        return np.ones(shape, np.float32)
    if "bias" in name or name in ("offset", "b"):
        return np.zeros(shape, np.float32)
    stacked = shape[0] if len(shape) > 2 else 1
    inputs = int(np.prod(shape[:-1])) // stacked
    values = np.resize(row, int(np.prod(shape))).reshape(shape) / np.sqrt(max(inputs, 64))
    return values.astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
