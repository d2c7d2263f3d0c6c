"""Engines that are not there: their folders, weights and programs, as small as a test needs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tools import engines
from tools.engines import Engine


def at(folder: Path, monkeypatch: pytest.MonkeyPatch, **more: object) -> Path:
    """Engines are looked for in this folder."""
    monkeypatch.setenv(engines.VARIABLE, json.dumps({"folder": str(folder), **more}))
    return folder


def install(engine: Engine, script: str = "") -> Path:
    """A program that is this Python script, with empty weights."""
    program = engine.program()
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    put_weights(engine)
    return program


def put_weights(engine: Engine, files: tuple[str, ...] | None = None) -> None:
    for file in engine.weights if files is None else files:
        path = engine.weights_folder() / file.split(" or ")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
