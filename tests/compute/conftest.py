"""A site for the verbs: see tests/laboratory.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.records import Person
from tests.laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def ada(lab: Laboratory) -> Person:
    """A member of the first team."""
    return lab.join("ada")
