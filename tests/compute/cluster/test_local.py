"""What the local cluster is found by, and what its worker declares."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from compute.cluster.local import LocalCluster, memory_bytes
from tests.sites import site_settings


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"scheduler": {"pid": 1}, "worker": {}}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, record: str) -> None:
    settings = site_settings(tmp_path)
    settings.run_folder.mkdir(parents=True)
    (settings.run_folder / "cluster.json").write_text(record)
    assert not LocalCluster(settings).find()


@pytest.mark.parametrize(
    ("own", "file", "limit", "expected"),
    [
        ("0::/a/b\n", "a/b/memory.max", "1048576\n", 1048576),
        ("0::/a/b\n", "a/memory.max", "1048576\n", 1048576),
        ("0::/a/b\n", "memory.max", "1048576\n", 1048576),
        ("0::/\n", "memory.max", "max\n", None),
        ("4:cpu,memory:/a\n1:name=x:/\n", "memory/a/memory.limit_in_bytes", "1048576\n", 1048576),
        ("4:memory:/a\n", "memory/a/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("0::/a\n", "elsewhere/memory.max", "1\n", None),
    ],
)
def test_memory_is_what_the_control_group_allows(
    tmp_path: Path, own: str, file: str, limit: str, expected: int | None
) -> None:
    (tmp_path / "own").write_text(own)
    path = tmp_path / "controllers" / file
    path.parent.mkdir(parents=True)
    path.write_text(limit)
    found = memory_bytes(tmp_path / "controllers", tmp_path / "own")
    assert found == (expected or psutil.virtual_memory().total)
