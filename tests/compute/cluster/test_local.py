"""What the local cluster is found by, and what its worker declares."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import psutil
import pytest
from distributed import Client
from distributed.security import Security

from compute.cluster.local import LocalCluster, memory_bytes
from tests.sites import PATIENCE_S, site_settings


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


@pytest.mark.cluster
def test_the_dashboard_answers_on_loopback_at_the_port_of_the_settings(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = site_settings(tmp_path, dashboard_port=port)
    cluster = LocalCluster(settings)
    cluster.start()
    try:
        tls = cluster.certificates
        security = Security(
            require_encryption=True,
            tls_ca_file=str(tls.authority),
            tls_client_cert=str(tls.certificate),
            tls_client_key=str(tls.key),
        )
        with Client(cluster.address, security=security, timeout=PATIENCE_S):
            answer = httpx.get(f"http://127.0.0.1:{port}/status", timeout=PATIENCE_S)
        assert answer.status_code == 200
        assert "Dask" in answer.text
        assert cluster.scheduler is not None
        process = cluster.scheduler.find()
        assert process is not None
        listening = {each.laddr for each in process.net_connections() if each.status == psutil.CONN_LISTEN}
        assert {ip for ip, _ in listening} == {"127.0.0.1"}
        assert port in {bound for _, bound in listening}
        assert LocalCluster(settings).find()
        record = json.loads((settings.run_folder / "cluster.json").read_text())
        assert record["dashboard_port"] == port
    finally:
        cluster.stop()


@pytest.mark.cluster
def test_a_cluster_with_another_dashboard_is_replaced(tmp_path: Path) -> None:
    cluster = LocalCluster(site_settings(tmp_path))
    cluster.start()
    try:
        assert not LocalCluster(site_settings(tmp_path, dashboard_port=8787)).find()
        assert cluster.dead() == ["scheduler", "worker"]
    finally:
        cluster.stop()
