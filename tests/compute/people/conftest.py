from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def posting(tmp_path: Path) -> Iterator[Laboratory]:
    """A site where anybody may register, and which has a mail server."""
    home = tmp_path / "posting"
    home.mkdir()
    (home / "settings.toml").write_text('[mail]\nhost = "127.0.0.1"\nsender = "lab@lab.example"\n')
    lab = Laboratory(home, WELLPLATE_REGISTRATION="open")
    yield lab
    lab.close()
