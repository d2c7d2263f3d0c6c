"""packages.sh: a start must not end because a package cannot be installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("mode", "code"), [([], 0), (["strict"], 1)])
def test_without_network_only_a_strict_list_fails(tmp_path: Path, mode: list[str], code: int) -> None:
    for name, script in (("apt-get", "exit 100"), ("id", "echo 0"), ("dpkg-query", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "list").write_text("chromium  # a browser\n")
    run = subprocess.run(
        ["sh", ROOT / "packages.sh", tmp_path / "list", *mode],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.returncode == code
    assert ("sudo apt-get install chromium" in run.stdout) == (not mode)
