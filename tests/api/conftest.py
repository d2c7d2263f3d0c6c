from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from data.records import Person
from tests.laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def ada(lab: Laboratory) -> Person:
    return lab.join("ada")


@pytest.fixture
def browser(lab: Laboratory, ada: Person) -> TestClient:
    """Ada's browser."""
    return lab.browser(ada)
