"""Every failure that must end right, caused for real: scheduler, worker, template and children are processes.

See docs/protocol.md for what must come of each.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from compute.cluster.local import LocalCluster
from compute.messages import LOST, REFUSED
from compute.site import open_site
from data.errors import Unavailable, WrongState
from data.records import ErrorKind, JobDetail, Status, Visibility
from tests.disks import fill, small_disk
from tests.sites import (
    PATIENCE_S,
    OtherApp,
    Site,
    assert_gone,
    cluster_tree,
    opened,
    site_settings,
    until,
    work_folder,
)
from tools.library import about

pytestmark = pytest.mark.cluster

CHARGED = ["hold", "charge"]
REFUNDED = ["hold", "charge", "refund"]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Little memory and time for each job."""
    limits = {"memory_mb": 300, "timeout_s": 4, "file_size_mb": 4}
    with opened(site_settings(tmp_path_factory.mktemp("strict"), limits=limits)) as site:
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(site_settings(tmp_path_factory.mktemp("site"))) as site:
        yield site


def ends(detail: JobDetail) -> list[str]:
    """The terminal statuses in the job's history: one."""
    return [entry.to_status.value for entry in detail.history if entry.to_status.terminal]


def assert_settled(site: Site, job_id: str) -> None:
    """Only what belongs to an ended job is on disk."""
    files = site.workbench.settings.files
    until(lambda: not (files / "live" / job_id).exists(), "the job's folder is settled")
    assert not (files / "jobs" / job_id / "attempts").exists()
    completed = site.job(job_id).status is Status.COMPLETED
    assert (files / "jobs" / job_id / "results").exists() == completed


def in_library(site: Site, job_id: str) -> list[str]:
    """What a job made for the library, by id; nothing else is there."""
    ids = [file["file"] for file in site.detail(job_id).files if file.get("file")]
    files = site.workbench.settings.files
    for file_id in ids:
        file = site.workbench.library.file(site.person, file_id)
        assert (file.job, file.format, file.visibility) == (job_id, "sample", Visibility.TEAM)
        assert about(files / "uploads" / file_id)["name"] == file.name
    assert not (files / "jobs" / job_id / "results" / "library").exists()
    return ids


# What a tool does


@pytest.mark.parametrize(
    ("fault", "settings", "status", "kind", "ledger"),
    [
        ("raise", {}, Status.FAILED, ErrorKind.TOOL, REFUNDED),
        ("exit", {}, Status.FAILED, ErrorKind.TOOL, REFUNDED),
        ("segfault", {}, Status.FAILED, ErrorKind.TOOL, REFUNDED),
        ("program-fails", {}, Status.FAILED, ErrorKind.TOOL, REFUNDED),
        ("memory", {"amount": 900, "seconds": 4}, Status.FAILED, ErrorKind.LIMIT, REFUNDED),
        ("bad-input", {}, Status.FAILED, ErrorKind.INPUT, CHARGED),
        ("sleep", {"seconds": 60}, Status.TIMEOUT, None, CHARGED),
        ("none", {}, Status.COMPLETED, None, CHARGED),
    ],
)
def test_a_tool_that_goes_wrong_ends_its_job_once(
    strict: Site,
    fault: str,
    settings: dict[str, Any],
    status: Status,
    kind: ErrorKind | None,
    ledger: list[str],
) -> None:
    job_id = strict.submit(fault, credits=3, **settings)
    detail = strict.ended(job_id)
    assert detail.job.status is status
    assert ends(detail) == [status.value]
    assert detail.job.retries == 0
    assert strict.ledger(job_id) == ledger
    if kind is not None:
        assert detail.job.error is not None
        assert detail.job.error.kind is kind
        assert detail.job.error.message
    assert_settled(strict, job_id)


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_only_a_job_that_completes_adds_to_the_library(site: Site, end: str) -> None:
    library = site.workbench.library
    before = len(library.list(site.person).files)
    job_id = site.submit({"completed": "none", "failed": "program-fails"}.get(end, "wait-for-file"), items=2)
    if end == "cancelled":
        site.running(job_id)
        site.cancel(job_id)
    assert site.ended(job_id).job.status == end
    assert_settled(site, job_id)
    assert len(in_library(site, job_id)) == (2 if end == "completed" else 0)
    after = [file.id for file in library.list(site.person).files]
    assert len(after) == before + (2 if end == "completed" else 0)
    uploads = site.workbench.settings.files / "uploads"
    assert sorted(entry.name for entry in uploads.iterdir()) == sorted(after)


# Cancelling


def test_cancelled_while_pending_it_never_runs(site: Site) -> None:
    blockers = [site.submit("wait-for-file") for _ in range(2)]
    for blocker in blockers:
        site.running(blocker)
    waiting = [site.submit("none", credits=3) for _ in range(4)]  # two in the cluster's buffer, two not
    assert all("free slot" in (site.workbench.waiting(site.person, each) or "") for each in waiting)
    for job_id in waiting:
        assert site.cancel(job_id).status is Status.CANCELLED
        assert site.ledger(job_id) == ["hold", "release"]
    for blocker in blockers:
        site.go(blocker)
        assert site.ended(blocker).job.status is Status.COMPLETED
    for job_id in waiting:
        assert [entry.to_status for entry in site.detail(job_id).history] == [
            Status.PENDING,
            Status.CANCELLED,
        ]
        assert_settled(site, job_id)


@pytest.mark.parametrize("fault", ["grandchild", "stream"])
def test_cancelled_while_processing_its_programs_are_gone(site: Site, fault: str) -> None:
    job_id = site.submit(fault, seconds=600, credits=3)
    note = site.until(job_id, lambda job: bool(job.note and job.note.startswith("daemon"))).job.note or ""
    daemon = psutil.Process(int(note.split()[1]))
    marked = site.cancel(job_id)
    assert marked.cancel_requested or marked.status is Status.CANCELLED
    detail = site.ended(job_id)
    assert detail.job.status is Status.CANCELLED
    assert site.ledger(job_id) == CHARGED
    assert not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE
    assert_settled(site, job_id)


def test_cancelled_in_the_very_moment_it_finishes(site: Site) -> None:
    """Whoever is first wins, and the other finds that it is too late."""
    statuses = set()
    for fault in [None, "wait-for-file"] * 12:
        job_id = site.submit(fault, credits=1)
        site.until(job_id, lambda job: job.status is not Status.PENDING)
        try:
            if fault:
                site.go(job_id)
            site.cancel(job_id)
        except (WrongState, FileNotFoundError):
            assert site.job(job_id).status is Status.COMPLETED
        detail = site.ended(job_id)
        statuses.add(detail.job.status)
        assert ends(detail) == [detail.job.status.value]
        assert site.ledger(job_id) == CHARGED
        assert_settled(site, job_id)
    assert statuses <= {Status.COMPLETED, Status.CANCELLED}


# What dies


def test_a_killed_worker_is_replaced_and_the_job_completes_at_the_second_attempt(site: Site) -> None:
    job_id = site.submit("wait-for-file", credits=3)
    site.running(job_id)
    site.process("worker").kill()
    site.running(job_id, attempt=2)
    site.go(job_id)
    detail = site.ended(job_id)
    assert (detail.job.status, detail.job.attempt, detail.job.retries) == (Status.COMPLETED, 2, 1)
    assert site.ledger(job_id) == CHARGED
    assert_settled(site, job_id)


def test_three_killed_workers_fail_the_job_with_a_refund(site: Site) -> None:
    job_id = site.submit("wait-for-file", credits=3)
    for attempt in (1, 2, 3):
        site.running(job_id, attempt)
        site.process("worker").kill()
    detail = site.ended(job_id)
    assert detail.job.status is Status.FAILED
    assert detail.job.error is not None
    assert detail.job.error.kind is ErrorKind.PLATFORM
    assert site.ledger(job_id) == REFUNDED
    assert_settled(site, job_id)


def test_a_killed_template_is_replaced_and_the_job_runs_again(site: Site) -> None:
    job_id = site.submit("wait-for-file")
    site.running(job_id)
    site.child("wp-template").kill()
    site.running(job_id, attempt=2)
    site.go(job_id)
    assert site.ended(job_id).job.status is Status.COMPLETED
    assert_settled(site, job_id)


def test_a_worker_retired_as_expected_costs_no_retry_and_gives_one_result(site: Site) -> None:
    job_id = site.submit("wait-for-file", credits=3)
    address = site.running(job_id).job.worker
    with site.client() as client:
        client.retire_workers([address], close_workers=True)
    site.running(job_id, attempt=2)
    site.go(job_id)
    detail = site.ended(job_id)
    assert (detail.job.status, detail.job.attempt, detail.job.retries) == (Status.COMPLETED, 2, 0)
    assert ends(detail) == ["completed"]
    assert site.ledger(job_id) == CHARGED
    assert_settled(site, job_id)


def test_dask_runs_the_attempt_of_a_retired_worker_again_and_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app hears neither that the worker left nor that the run is lost, so it does not take the task back."""
    job_id = site.submit("wait-for-file", credits=3)
    address = site.running(job_id).job.worker
    listener = site.workbench._cluster._listener
    assert listener is not None
    heard = listener.messages
    monkeypatch.setattr(listener, "worker_left", lambda address, expected: None)
    monkeypatch.setattr(
        listener, "messages", lambda said: heard([each for each in said if each["kind"] != LOST])
    )
    refused = threading.Event()
    stop_run = site.workbench._cluster.stop_run

    def stop(worker: str, run_id: str, reason: str) -> None:
        stop_run(worker, run_id, reason)
        if reason == REFUSED:
            refused.set()

    monkeypatch.setattr(site.workbench._cluster, "stop_run", stop)
    with site.client() as client:
        client.retire_workers([address], close_workers=True)
    assert refused.wait(PATIENCE_S)
    site.running(job_id, attempt=2)
    site.go(job_id)
    detail = site.ended(job_id)
    assert (detail.job.status, detail.job.attempt) == (Status.COMPLETED, 2)
    assert ends(detail) == ["completed"]
    assert site.ledger(job_id) == CHARGED
    assert_settled(site, job_id)


def test_a_killed_scheduler_is_replaced_with_its_worker(site: Site) -> None:
    running, waiting = site.submit("wait-for-file"), [site.submit("none") for _ in range(4)]
    site.running(running)
    before = cluster_tree(site.workbench.settings)
    site.process("scheduler").kill()
    site.running(running, attempt=2)
    site.go(running)
    for job_id in [running, *waiting]:
        assert site.ended(job_id).job.status is Status.COMPLETED
    until(lambda: not any(each.is_running() for each in before), "scheduler, worker and template are new")


# Messages


@pytest.mark.parametrize("fate", ["never", "twice", "late"])
def test_messages_that_come_never_twice_or_late(site: Site, fate: str, monkeypatch: Any) -> None:
    """A message is a hint: what it was about is found by asking the worker and on disk."""
    listener = site.workbench._cluster._listener
    assert listener is not None
    hear: Callable[[list[dict[str, Any]]], None] = listener.messages
    kept: list[list[dict[str, Any]]] = []

    def heard(received: list[dict[str, Any]]) -> None:
        if fate == "twice":
            hear(received)
            hear(received)
        if fate == "late":
            kept.append(received)

    monkeypatch.setattr(listener, "messages", heard)
    held = site.submit("wait-for-file", credits=3)
    quick = [site.submit(None) for _ in range(3)]
    site.running(held)
    site.go(held)
    for job_id in [held, *quick]:
        detail = site.ended(job_id)
        assert (detail.job.status, detail.job.attempt) == (Status.COMPLETED, 1)
    assert site.ledger(held) == CHARGED
    before = [site.detail(job_id) for job_id in [held, *quick]]
    for received in kept:
        hear(received)
    monkeypatch.undo()
    assert site.ended(site.submit(None)).job.status is Status.COMPLETED  # behind the late ones
    assert [site.detail(job_id) for job_id in [held, *quick]] == before
    for job_id in [held, *quick]:
        assert_settled(site, job_id)


# The app


def test_an_app_that_is_killed_finds_its_cluster_again(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    app = OtherApp(tmp_path)
    meanwhile = app.submit("wait-for-file", credits=3, items=1)
    afterwards = app.submit("wait-for-file", credits=3, items=2)
    waiting = [app.submit("none", credits=3) for _ in range(4)]
    app.running(meanwhile)
    app.running(afterwards)
    app.kill()
    cluster = json.loads((settings.run_folder / "cluster.json").read_text())
    (work,) = (settings.files / "jobs" / meanwhile / "attempts").glob("1-*/work")
    (work / "go").touch()
    until((work.parent / "outcome.json").exists, "the run ends while no app is there")
    with opened(settings) as site:
        assert json.loads((settings.run_folder / "cluster.json").read_text()) == cluster
        assert site.ended(meanwhile).job.status is Status.COMPLETED
        assert site.job(afterwards).status is Status.PROCESSING
        site.go(afterwards)
        for job_id in [meanwhile, afterwards, *waiting]:
            detail = site.ended(job_id)
            assert (detail.job.status, detail.job.attempt) == (Status.COMPLETED, 1)
            assert ends(detail) == ["completed"]
            assert site.ledger(job_id) == CHARGED
            assert_settled(site, job_id)
        assert [len(in_library(site, job_id)) for job_id in (meanwhile, afterwards)] == [1, 2]
        assert site.workbench.credits.balance(site.person).held == 0
        assert site.workbench.health().slots == 2


#: What a line of the batch below asks for, and how its child ends.
LINES = [
    ("none", Status.COMPLETED),
    ("bad-input", Status.FAILED),
    ("none", Status.COMPLETED),
    ("raise", Status.FAILED),
    ("none", Status.COMPLETED),
    ("segfault", Status.FAILED),
    ("sleep", Status.COMPLETED),
    ("none", Status.COMPLETED),
    ("sleep", Status.COMPLETED),
    ("program-fails", Status.FAILED),
    ("none", Status.COMPLETED),
    ("raise", Status.FAILED),
]


def test_an_app_that_is_killed_in_the_middle_of_a_batch_ends_every_child_once(tmp_path: Path) -> None:
    """Four may be outside the queue, so that the others have to wait for the next app."""
    different = {"batch_concurrency": 4}
    settings = site_settings(tmp_path, **different)
    app = OtherApp(tmp_path, **different)
    batch_id = app.submit_batch([fault for fault, _ in LINES], credits=3, seconds=0.5)
    app.some_ended(batch_id, 3)
    app.kill()
    with opened(settings) as site:
        verbs, person = site.workbench.batches, site.person
        batch = site.batch_ended(batch_id)
        wells = verbs.wells(person, batch_id)
        assert [well.status for well in wells] == [status for _, status in LINES]
        for well in wells:
            detail = site.detail(well.job)
            assert ends(detail) == [well.status.value]
            assert site.ledger(well.job) == (CHARGED if well.status is Status.COMPLETED else REFUNDED)
            assert_settled(site, well.job)
            if well.status is Status.COMPLETED:
                assert well.summary["energy"] == -7.5
        balance = site.workbench.credits.balance(person)
        assert (balance.balance, balance.held) == (1000 - 3 * 7, 0)
        assert (batch.credits, batch.refunded) == (3 * 12, 3 * 5)
        notices = [each for each in site.workbench.notices.list(person) if each.batch == batch_id]
        assert [each.text.rpartition(": ")[2] for each in notices] == ["7 completed, 5 failed."]


def test_a_clean_stop_ends_the_runs_which_go_on_without_using_up_a_retry(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    app = OtherApp(tmp_path)
    running, waiting = app.submit("wait-for-file", credits=3), [app.submit("none") for _ in range(3)]
    app.running(running)
    tree = cluster_tree(settings)
    app.stop()
    assert_gone(settings, tree)
    with opened(settings) as site:
        site.running(running, attempt=2)
        site.go(running)
        for job_id in [running, *waiting]:
            detail = site.ended(job_id)
            assert (detail.job.status, detail.job.retries) == (Status.COMPLETED, 0)
            assert_settled(site, job_id)
        assert site.ledger(running) == CHARGED


def test_a_cancel_that_the_app_did_not_live_to_tell_is_told_by_the_next(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    app = OtherApp(tmp_path)
    job_id = app.submit("wait-for-file", credits=3)
    app.running(job_id)
    app.kill()
    with opened(settings) as site:
        site.running(job_id)
        site.cancel(job_id)
        assert site.ended(job_id).job.status is Status.CANCELLED
        assert_settled(site, job_id)


def test_without_an_app_the_cluster_ends_after_the_grace_time(tmp_path: Path) -> None:
    app = OtherApp(tmp_path, grace_s=2.0)
    job_id = app.submit("wait-for-file", seconds=600)
    app.running(job_id)
    settings = site_settings(tmp_path)
    tree = cluster_tree(settings)
    assert len(tree) >= 4  # scheduler, worker, template, slot
    app.kill()
    assert_gone(settings, tree)
    with opened(settings) as site:
        site.running(job_id, attempt=2)
        site.go(job_id)
        assert site.ended(job_id).job.status is Status.COMPLETED


def test_a_start_that_fails_leaves_no_process(tmp_path: Path, monkeypatch: Any) -> None:
    settings = site_settings(tmp_path)
    started: list[psutil.Process] = []

    def fail(*arguments: Any) -> None:
        started.extend(cluster_tree(settings))
        raise OSError("no room for server.json")

    monkeypatch.setattr("compute.site.write_private", fail)
    with pytest.raises(OSError, match="no room"), opened(settings):
        pass
    assert len(started) >= 2
    assert_gone(settings, started)


# Elsewhere


def test_a_full_disk_keeps_the_outcome_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "3m") as files:
        settings = site_settings(tmp_path / "home", files=files, free_disk_mb=1)
        with opened(settings) as site:
            job_id = site.submit("wait-for-file", credits=3)
            site.running(job_id)
            ballast = fill(files)
            with pytest.raises(Unavailable, match="disk"):
                site.submit("none")
            child = site.child("wp-run")
            child.kill()
            child.wait(30)
            assert site.job(job_id).status is Status.PROCESSING
            ballast.unlink()
            detail = site.ended(job_id)
            assert (detail.job.status, detail.job.attempt) == (Status.FAILED, 1)
            assert site.ended(site.submit("none")).job.status is Status.COMPLETED
            assert_settled(site, job_id)


def test_a_cluster_of_somebody_else_by_address_and_certificates(tmp_path: Path) -> None:
    """Its jobs go on while the app is stopped, and are taken up again."""
    theirs = LocalCluster(site_settings(tmp_path / "theirs"))
    theirs.start()
    try:
        given = theirs.certificates
        settings = site_settings(
            tmp_path / "home",
            cluster_address=theirs.address,
            certificate_authority=str(given.authority),
            certificate=str(given.certificate),
            key=str(given.key),
        )
        with open_site(settings) as workbench:
            site = Site(workbench)
            running = site.submit("wait-for-file")
            owner = site.running(running).job
        work = work_folder(settings, owner)
        (work / "go").touch()
        until((work.parent / "outcome.json").exists, "the run ends while the app is stopped")
        with open_site(settings) as workbench:
            site = Site(workbench)
            detail = site.ended(running)
            assert (detail.job.status, detail.job.run_id) == (Status.COMPLETED, owner.run_id)
            assert_settled(site, running)
            assert site.ended(site.submit(None)).job.status is Status.COMPLETED
    finally:
        theirs.stop()


def test_nobody_without_the_certificates_gets_in(site: Site) -> None:
    local = site.workbench._cluster._local
    assert local is not None
    host, _, port = local.address.removeprefix("tls://").partition(":")
    assert host == "127.0.0.1"
    context = ssl.create_default_context(cafile=str(local.certificates.authority))
    context.check_hostname = False
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as stranger:
        with pytest.raises(ssl.SSLError):
            stranger.recv(1)
