"""The template and its slots, without a supervisor: who ends whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from compute.worker import processes
from compute.worker.slots import SlotLost, Slots, TemplateFailed
from compute.worker.template import NEVER, POOLS
from tests.compute.worker.running import gone, until


@pytest.fixture
def slots() -> Iterator[Slots]:
    slots = Slots(print)
    slots.start()
    yield slots
    slots.close()


def template_of(slots: Slots) -> psutil.Process:
    return psutil.Process(slots.template_pid)


def test_the_template_has_one_thread_and_one_name(slots: Slots) -> None:
    template = template_of(slots)
    assert template.num_threads() == 1
    assert template.name() == processes.TEMPLATE
    assert os.getsid(template.pid) == template.pid


def test_jobs_use_what_others_leave_of_the_cpus(slots: Slots) -> None:
    template = template_of(slots)
    assert template.nice() == processes.NICE
    group = Path(f"/proc/{template.pid}/autogroup")
    assert not group.exists() or group.read_text().endswith(f"nice {processes.NICE}\n")


def test_the_template_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLPLATE_TOKEN", "a-secret-token")
    slots = Slots(print)
    slots.start()
    environment = processes.environment_of(template_of(slots).pid)
    slots.close()
    assert "a-secret-token" not in environment.values()
    assert {name: environment[name] for name in POOLS} == dict.fromkeys(POOLS, "1")


def test_what_starts_threads_is_not_imported() -> None:
    code = (
        "import sys; from compute.worker import template; template.prepare()\n"
        f"print([each for each in {NEVER!r} if each in sys.modules])"
    )
    environment = {**os.environ, **dict.fromkeys(POOLS, "1")}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == "[]\n"


def test_an_import_that_starts_threads_is_refused() -> None:
    code = (
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from compute.worker import template; template.prepare()"
    )
    environment = {**os.environ, **dict.fromkeys(POOLS, "1")}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1
    assert "UnfitTemplate: the imports started 1 threads" in told.stderr


def test_a_slot_is_forked_and_used_again(slots: Slots) -> None:
    first = slots.take()
    slots.give_back(first)
    assert slots.take() is first
    until(lambda: psutil.Process(first.pid).name() == processes.SLOT, "its name")
    assert psutil.Process(first.pid).ppid() == slots.template_pid


def test_slots_are_kept_apart_by_what_they_imported(slots: Slots) -> None:
    plain, chemistry = slots.take(), slots.take(("rdkit.Chem",))
    for each in (plain, chemistry):
        slots.give_back(each)

    def maps(pid: int) -> str:
        return Path(f"/proc/{pid}/maps").read_text()

    until(lambda: "rdchem" in maps(chemistry.pid), "its import")
    assert "rdchem" not in maps(plain.pid)
    assert slots.take(("rdkit.Chem",)) is chemistry
    assert slots.take() is plain


def test_a_slot_that_died_while_it_was_free_is_not_given_out(slots: Slots) -> None:
    first = slots.take()
    slots.give_back(first)
    os.kill(first.pid, signal.SIGKILL)
    assert gone([first.pid])
    assert slots.take().pid != first.pid


def test_a_template_that_died_is_started_again(slots: Slots) -> None:
    first = slots.take()
    before = template_of(slots)
    before.kill()
    assert gone([before.pid, first.pid]), "a slot ends with its template"
    with pytest.raises(SlotLost):
        list(first.messages())
    assert psutil.Process(slots.take().pid).ppid() == slots.template_pid != before.pid


def test_a_slot_ends_when_its_socket_does(slots: Slots) -> None:
    first = slots.take()
    first.close()
    assert gone([first.pid])
    assert template_of(slots).is_running()


def test_the_template_ends_with_its_slots_when_it_is_told_to(slots: Slots) -> None:
    handles = [slots.take(), slots.take()]
    template = template_of(slots)
    template.terminate()
    assert gone([template.pid, *(each.pid for each in handles)])


def test_closing_ends_all(slots: Slots) -> None:
    handle = slots.take()
    pids = [template_of(slots).pid, handle.pid]
    slots.give_back(handle)
    slots.close()
    assert gone(pids)
    with pytest.raises(TemplateFailed, match="closing"):
        slots.take()


def test_a_template_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compute.worker.slots.ROOT", Path("/"))
    with pytest.raises(TemplateFailed, match="its reason is in the worker's log"):
        Slots(print).start()


def test_an_orphan_of_a_killed_slot_is_ended_by_the_template(slots: Slots, tmp_path: Path) -> None:
    """The supervisor is not needed for it: this is what holds when the worker is busy."""
    from tests.compute.worker.running import Worker, assignment

    worker = Worker(tmp_path).start()
    worker.begin(assignment("a", "grandchild"))
    note = worker.inbox.wait("progress", "a", lambda each: each["note"])["note"]
    daemon = int(note.split()[1])
    (slot,) = worker.named(processes.SLOT)
    os.kill(slot.pid, signal.SIGKILL)
    assert gone([daemon])
    until(lambda: worker.inbox.of("lost", "a"), "the loss")
    worker.close()
