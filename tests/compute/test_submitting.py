"""A submit takes a while; what it was allowed by can end before the job is on disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tools
from compute.cluster.client import Worker
from data.errors import Forbidden
from data.records import JobFilter, Person, Role
from tests.compute.submitting import submit
from tests.laboratory import Laboratory
from tools.contract import Limits


def before_it_is_kept(lab: Laboratory, monkeypatch: pytest.MonkeyPatch, event: Callable[[], Any]) -> None:
    """Something happens while a submit has looked at everything and writes its folder."""
    write = lab.folders.write_request

    def written(folder: Path, request: dict[str, Any], *, durable: bool) -> None:
        write(folder, request, durable=durable)
        event()

    monkeypatch.setattr(lab.folders, "write_request", written)


@pytest.mark.parametrize("end", ["removed", "made a viewer", "switched off"])
def test_who_may_not_run_jobs_any_more_leaves_none_behind(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """It would be charged to a team that they have left, and nobody would have inherited it."""
    ends = {
        "removed": lambda: lab.workbench.teams.remove(lab.admin, ada.id),
        "made a viewer": lambda: lab.workbench.teams.set_role(lab.admin, ada.id, Role.VIEWER),
        "switched off": lambda: lab.workbench.teams.deactivate(lab.admin, ada.id),
    }
    balance = lab.workbench.credits.balance(lab.admin)
    before_it_is_kept(lab, monkeypatch, ends[end])
    with pytest.raises(Forbidden):
        submit(lab, ada)
    assert lab.workbench.jobs(lab.admin, JobFilter()).jobs == []
    assert lab.workbench.credits.balance(lab.admin) == balance
    assert not list((lab.folders.root / "jobs").iterdir())
    assert not list((lab.folders.root / "staging").iterdir())


def test_what_happens_to_others_meanwhile_disturbs_nobody(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = lab.join("bob")
    before_it_is_kept(lab, monkeypatch, lambda: lab.workbench.teams.remove(lab.admin, bob.id))
    assert lab.job(submit(lab, ada).id).submitter == ada.id


def test_an_upload_that_arrives_after_the_removal_is_not_kept(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large files take minutes to arrive."""
    receive = lab.folders.receive

    def received(*given: Any) -> tuple[int, str]:
        arrived = receive(*given)
        lab.workbench.teams.remove(lab.admin, ada.id)
        return arrived

    monkeypatch.setattr(lab.folders, "receive", received)
    with pytest.raises(Forbidden, match="not in the team"):
        lab.workbench.upload(ada, "a.fasta", io.BytesIO(b">a\nACGT\n"))
    assert not list((lab.folders.root / "uploads").iterdir())
    assert not list((lab.folders.root / "staging").iterdir())


@pytest.mark.parametrize(("gpus", "taken"), [(0, 0), (2, 1)])
def test_a_tool_that_is_quicker_on_a_gpu_gets_one_where_a_worker_has_any(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch, gpus: int, taken: int
) -> None:
    worker = Worker("tcp://w", "w", cpus=8, memory_mb=64_000, gpus=gpus)
    monkeypatch.setattr(lab.workbench._submitter._cluster, "workers", lambda: [worker], raising=False)
    quicker = replace(tools.find("convert-sequences"), limits=Limits(gpu_if_there=True))
    monkeypatch.setitem(tools.registry(), "convert-sequences", quicker)
    assert lab.job(submit(lab, ada).id).gpus == taken


def test_other_tools_get_none(lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker("tcp://w", "w", cpus=8, memory_mb=64_000, gpus=2)
    monkeypatch.setattr(lab.workbench._submitter._cluster, "workers", lambda: [worker], raising=False)
    assert lab.job(submit(lab, ada).id).gpus == 0
