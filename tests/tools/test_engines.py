"""Where the engines and their weights lie, and what is said where they do not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import tools
from compute import settings
from tests.tools.folding import places
from tools import engines

TOOLS = {
    "boltz-2": engines.BOLTZ,
    "alphafold-2": engines.ALPHAFOLD,
    "esmfold": engines.ESMFOLD,
    "proteinmpnn": engines.PROTEINMPNN,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return places.at(tmp_path, monkeypatch)


@pytest.mark.parametrize("tool_id", TOOLS)
def test_an_engine_that_is_not_there_says_what_installs_it(tool_id: str) -> None:
    told = tools.find(tool_id).missing()
    assert told and f"make engines-{TOOLS[tool_id].id}" in told


@pytest.mark.parametrize("engine", [each for each in engines.ALL if each.weights], ids=lambda each: each.id)
def test_missing_weights_are_named_with_the_folder(engine: engines.Engine) -> None:
    places.install(engine)
    assert engine.missing() is None
    last = engine.weights[-1].split(" or ")[0]
    (engine.weights_folder() / last).unlink()
    told = engine.missing()
    assert told and last in told and str(engine.weights_folder()) in told
    assert all(file not in told for file in engine.weights[:-1])


def test_either_of_two_forms_of_weights_will_do() -> None:
    places.install(engines.ESMFOLD)
    (engines.ESMFOLD.weights_folder() / "model.safetensors").rename(
        engines.ESMFOLD.weights_folder() / "pytorch_model.bin"
    )
    assert engines.ESMFOLD.missing() is None


def test_program_and_weights_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places.at(tmp_path, monkeypatch, boltz={"program": "/opt/b/bin/boltz", "weights": str(tmp_path / "w")})
    assert engines.BOLTZ.program() == Path("/opt/b/bin/boltz")
    assert engines.BOLTZ.weights_folder() == tmp_path / "w"
    assert engines.ALPHAFOLD.program() == tmp_path / "alphafold/bin/colabfold_batch"


def test_a_marker_among_the_weights_tells_that_they_are_made_up() -> None:
    places.install(engines.BOLTZ)
    assert not engines.BOLTZ.made_up()
    (engines.BOLTZ.weights_folder() / engines.MARKER).touch()
    assert engines.BOLTZ.made_up()


def test_the_version_is_that_of_the_environment(folder: Path) -> None:
    assert engines.BOLTZ.version() == "Boltz-2"
    about = folder / "boltz/lib/python3.11/site-packages/boltz_community-2.12.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: boltz-community\nVersion: 2.12.0\n")
    assert engines.BOLTZ.version() == "boltz-community 2.12.0"


def test_the_settings_tell_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(
        '[engines]\nmsa_server = "http://10.0.0.5:8080"\n[engines.boltz]\nweights = "/data/boltz"\n'
    )
    monkeypatch.setenv(engines.VARIABLE, "")
    engines.configure(settings.load({"WELLPLATE_HOME": str(home)}).engine_places)
    assert engines.BOLTZ.program() == home / "engines/boltz/bin/boltz"
    assert engines.BOLTZ.weights_folder() == Path("/data/boltz")
    assert engines.msa_server() == "http://10.0.0.5:8080"
    assert json.loads(os.environ[engines.VARIABLE])["folder"] == str(home / "engines")


def test_a_run_knows_its_gpu_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, there in (("", False), ("-1", False), ("0", True)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert engines.gpu() is there


def test_every_engine_has_its_requirements_pinned_and_without_addresses() -> None:
    folder = Path(engines.__file__).parents[1] / "engines"
    assert {path.stem for path in folder.glob("*.txt")} == {engine.id for engine in engines.ALL}
    for path in folder.glob("*.txt"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert all(line.count("==") == 1 and "/" not in line for line in lines), path.name
        engine = next(each for each in engines.ALL if each.id == path.stem)
        assert any(line.startswith(f"{engine.package}==") for line in lines)
