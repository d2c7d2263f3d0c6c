"""The real engines with weights that are made up here: full runs of the real programs, whose results are noise.

`make test-engines` builds the environments and runs these. Where one is missing its tests are skipped, in CI they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tools import engines
from tools.engines import Engine

MAKERS = Path(__file__).with_name("made_up")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


class Site:
    """Engines with weights made up for them, once a run of the tests."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def use(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        program = engine.program()
        if not program.exists():
            assert not os.environ.get("CI"), f"{program} is missing: make engines-{engine.id}"
            pytest.skip(f"{engine.name} is not installed: make engines-{engine.id}")
        folder = self._weights / engine.id
        if engine.weights and not folder.exists():
            maker = MAKERS / f"{engine.id}_weights.py"
            subprocess.run([program.with_name("python"), maker, folder], check=True, timeout=200)
        mine = {engine.id: {"program": str(program), "weights": str(folder)}}
        monkeypatch.setenv(engines.VARIABLE, json.dumps(engines.places() | mine))


@pytest.fixture
def site(weights: Path) -> Site:
    return Site(weights)
