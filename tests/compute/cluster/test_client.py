"""The monitor: what it survives, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.cluster import client, local
from compute.cluster.client import Cluster, Listener
from compute.cluster.local import LocalCluster
from tests.sites import site_settings, until


@pytest.fixture
def nobody() -> Listener:
    return Listener(*[lambda *heard: None] * 4)


@pytest.fixture
def cluster(tmp_path: Path, nobody: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Of a scheduler that is not there yet."""
    monkeypatch.setattr(client, "_CONNECT_TIMEOUT", "1s")
    monkeypatch.setattr(client, "_WATCH_S", 0.01)
    theirs = LocalCluster(site_settings(tmp_path / "theirs")).certificates
    settings = site_settings(
        tmp_path / "home",
        cluster_address=f"tls://127.0.0.1:{local._free_port()}",
        certificate_authority=str(theirs.authority),
        certificate=str(theirs.certificate),
        key=str(theirs.key),
    )
    settings.files.mkdir(parents=True)
    cluster = Cluster(settings)
    cluster.start(nobody)
    yield cluster
    cluster.close(stop=False)


def test_a_surprise_does_not_end_the_monitor(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise() -> Any:
        raise RuntimeError("a surprise")

    with monkeypatch.context() as for_now:
        for_now.setattr(cluster, "_look_after", surprise)
        until(lambda: "a surprise" in str(cluster.problem), "the surprise is told")
    until(lambda: "cannot be reached" in str(cluster.problem), "the monitor goes on")


@pytest.mark.cluster
def test_a_scheduler_that_comes_later_is_found(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be reached" in str(cluster.problem)
    port = int(cluster._settings.cluster_address.rpartition(":")[2])
    monkeypatch.setattr(local, "_free_port", lambda: port)
    theirs = LocalCluster(site_settings(tmp_path / "theirs"))
    theirs.start()
    try:
        until(lambda: cluster.workers(), "the worker is seen")
        until(lambda: cluster.problem is None, "nothing is wrong any more")
    finally:
        theirs.stop()
