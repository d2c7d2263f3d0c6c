"""Workflows with real programs on a worker: what their logs and steps tell, and that a cancelled one leaves nothing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import psutil
import pytest

import tools
from compute.messages import CANCELLED, OUTCOME, PROGRESS, Assignment
from tests.compute.worker.running import Worker, assignment, gone, until
from tools.programs import missing
from tools.viruses import made_up

pytestmark = pytest.mark.skipif(missing("bowtie2") is not None, reason="bowtie2 is not installed")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path_factory.mktemp("worker")).start()
    yield worker
    tree = [each.pid for each in worker.tree()]
    worker.close()
    assert gone(tree)


@pytest.fixture
def job() -> str:
    return str(uuid.uuid4())


def workflow(
    worker: Worker, job: str, tool: str, field: str, name: str, content: str, format: str
) -> Assignment:
    """With one uploaded file."""
    path = f"uploads/{job}"
    (worker.files / path).parent.mkdir(exist_ok=True)
    (worker.files / path).write_text(content)
    return assignment(
        job,
        tool=tool,
        steps=tuple(tools.find(tool).steps),
        inputs={field: {"file": job}},
        files={field: [(path, name, format)]},
    )


def test_the_log_and_the_steps_of_an_index(worker: Worker, job: str) -> None:
    given = workflow(worker, job, "build-index", "reference", "three.json", made_up.reference(), "reference")
    outcome = worker.outcome(given)
    assert outcome["status"] == "completed"
    assert [(each["name"], each["state"]) for each in outcome["steps"]] == [
        ("Process OTUs", "done"),
        ("Bowtie build", "done"),
        ("Finalize", "done"),
    ]
    log = worker.log(job)
    assert re.search(
        r"^\$ bowtie2-build -f --threads 1 reference\.fa \.\./out/index/bowtie/reference$", log, re.M
    )
    assert re.search(r"^# bowtie2-build \d+(\.\d+)+$", log, re.M)
    assert re.search(r"^# bowtie2-build ended with 0 after \d+\.\d\d s$", log, re.M)
    (item,) = outcome["library"]
    assert (item["name"], item["format"], item["facts"]["otus"]) == ("three", "index", 3)


@pytest.fixture(scope="module")
def genome() -> str:
    """Large enough that bowtie2-build takes some seconds."""
    return made_up.fasta({"chromosome": made_up.sequence(1, 6_000_000)})


def builder(worker: Worker) -> psutil.Process | None:
    return next((each for each in worker.tree() if each.name().startswith("bowtie2-build-")), None)


def test_a_build_that_is_cancelled_leaves_no_process_and_nothing_to_promote(
    worker: Worker, job: str, genome: str
) -> None:
    given = workflow(worker, job, "create-subtraction", "genome", "host.fa", genome, "fasta")
    run_id = worker.begin(given)
    worker.inbox.wait(PROGRESS, job, lambda each: each["step"] == "Build index")
    program = until(lambda: builder(worker), "bowtie2-build runs")
    assert worker.supervisor.stop(run_id, CANCELLED)
    outcome = worker.inbox.wait(OUTCOME, job)
    assert outcome["status"] == "cancelled"
    assert gone([program.pid], 0), "it was announced before nobody was left"
    assert [each.name() for each in worker.tree()] == ["wp-template", "wp-slot"]
    assert (outcome["files"], outcome["library"]) == ([], [])


def test_the_progress_of_a_build_follows_bowtie2(worker: Worker, job: str) -> None:
    genome = made_up.fasta({"chromosome": made_up.sequence(1, 2_000_000)})
    given = workflow(worker, job, "create-subtraction", "genome", "host.fa", genome, "fasta")
    assert worker.outcome(given)["status"] == "completed"
    told = [each["progress"] for each in worker.inbox.of(PROGRESS, job) if each["step"] == "Build index"]
    assert told == sorted(told)
    assert all(50 <= each <= 75 for each in told)
