"""Why jobs wait in numbers, what an admin sees of the disk, and that nobody else does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from compute import status
from compute.cluster.client import Worker
from compute.status import SiteStatus, why_waiting
from compute.workbench import Submission
from data.errors import Forbidden
from data.records import Person, Status, new_id
from data.status import Waiting
from tests.laboratory import BODY, Laboratory

EARLY, LATE = datetime(2026, 11, 1), datetime(2026, 11, 2)
SMALL = Worker(address="a", name="small", cpus=2, memory_mb=4000, gpus=0)


def group(
    jobs: int, oldest: datetime = LATE, *, queued: bool = False, cpus: int = 1, gpus: int = 0
) -> Waiting:
    return Waiting(queued=queued, cpus=cpus, memory_mb=2000, gpus=gpus, jobs=jobs, oldest=oldest)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


def submit(lab: Laboratory, person: Person) -> str:
    return lab.workbench.submit(person, Submission(**BODY)).id


@pytest.mark.parametrize(
    ("groups", "workers", "expected"),
    [
        ([], [SMALL], []),
        ([group(3)], [], [(status.NO_WORKER, 3, LATE)]),
        ([group(3, queued=True)], [], [(status.BATCH, 3, LATE)]),
        ([group(2), group(1, EARLY, cpus=2)], [SMALL], [(status.SLOT, 3, EARLY)]),
        ([group(1), group(4, cpus=0)], [SMALL], [(status.SOON, 4, LATE), (status.SLOT, 1, LATE)]),
        (
            [group(2, cpus=8, gpus=1)],
            [SMALL],
            [("No worker that is connected offers 8 CPUs, 2000 MB of memory and 1 GPU.", 2, LATE)],
        ),
    ],
)
def test_groups_of_waiting_jobs_become_reasons(
    groups: list[Waiting], workers: list[Worker], expected: list[tuple[str, int, datetime]]
) -> None:
    found = why_waiting(groups, workers)
    assert [(reason.words, reason.jobs, reason.oldest) for reason in found] == expected


def test_the_queue_is_everybodys_and_names_nobody(lab: Laboratory) -> None:
    stranger = lab.found("mia")
    mine, theirs = submit(lab, lab.admin), submit(lab, stranger)
    queue = lab.workbench.status.queue()
    assert (queue.waiting, queue.oldest) == (2, lab.job(mine).created_at)
    assert [(reason.words, reason.jobs) for reason in queue.reasons] == [(status.NO_WORKER, 2)]
    assert (queue.ended, queue.typical_wait_s) == ({}, None)
    lab.start(mine)
    lab.complete(mine, {})
    lab.fail(theirs, "No.")
    queue = lab.workbench.status.queue()
    assert (queue.waiting, queue.oldest) == (0, None)
    assert queue.ended == {Status.COMPLETED: 1, Status.FAILED: 1}


def test_the_typical_wait_is_that_of_jobs_that_take_cpus(lab: Laboratory) -> None:
    quick = submit(lab, lab.admin)
    lab.start(quick)
    assert lab.job(quick).cpus_min == 0
    assert lab.workbench.status.queue().typical_wait_s is None
    docked = lab.workbench.submit(
        lab.admin,
        Submission(
            tool="autodock-vina",
            **{
                "inputs": (example := lab.workbench.example(lab.admin, "autodock-vina")).inputs,
                "settings": example.settings,
            },
        ),
    )
    lab.start(docked.id)
    started = lab.job(docked.id)
    assert started.started_at is not None
    waited = (started.started_at - started.created_at).total_seconds()
    assert lab.workbench.status.queue().typical_wait_s == pytest.approx(waited, abs=0.01)


def test_the_disk_is_counted_once_per_file_and_not_on_every_look(lab: Laboratory, tmp_path: Path) -> None:
    now = [0.0]
    nothing: Any = None
    site = SiteStatus(lab.settings, lab.store, lab.folders, nothing, clock=lambda: now[0])
    upload = lab.folders.upload(new_id())
    upload.write_bytes(b"x" * 5000)
    inputs = lab.folders.job(new_id()) / "inputs"
    inputs.mkdir(parents=True)
    os.link(upload, inputs / "a-0")
    (inputs / "b-0").write_bytes(b"y" * 300)
    first = site.disk(lab.admin)
    assert (first.uploads, first.jobs, first.backups) == (5000, 300, 0)
    assert first.database >= lab.settings.database.stat().st_size > 0
    assert first.free > 0
    (inputs / "c-0").write_bytes(b"z" * 200)
    now[0] = status.COUNT_AGAIN_S - 1
    assert site.disk(lab.admin) == first
    now[0] = status.COUNT_AGAIN_S + 1
    assert site.disk(lab.admin).jobs == 500


def test_only_the_sites_admin_sees_the_disk(lab: Laboratory) -> None:
    owner = lab.found("mia")
    limited = replace(lab.admin, scopes=frozenset({"jobs:read"}))
    for person in (owner, limited):
        with pytest.raises(Forbidden, match="Only the site's admin"):
            lab.workbench.status.disk(person)


def test_the_dashboard_has_an_address_only_where_it_runs(lab: Laboratory) -> None:
    assert lab.workbench.status.dashboard is None
    cluster = lab.settings.cluster.model_copy(update={"dashboard_port": 8787})
    on = lab.settings.model_copy(update={"cluster": cluster})
    nothing: Any = None
    assert SiteStatus(on, nothing, nothing, nothing).dashboard == "http://127.0.0.1:8787/status"
    elsewhere = on.model_copy(update={"cluster_address": "tls://nodes:8786"})
    assert SiteStatus(elsewhere, nothing, nothing, nothing).dashboard is None
