"""Files and folders of the library as inputs: what the job gets of them, and what is remembered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute import submissions, workbench
from compute.submissions import Found
from compute.submitting import Submission
from data import library
from data.errors import BadInput, NotFound
from data.records import Job, Person, StoredFile
from tests.laboratory import Laboratory
from tests.shelf import folder_at, given, made, uploaded
from tools.contract import Given, InputFile, Limits, Model, Problem, file_field
from tools.developer import FAULT


class Inputs(Model):
    subtractions: list[InputFile] = file_field("Hosts.", ["subtraction"])
    reads: InputFile | None = file_field("Reads.", ["fastq", "fasta"], optional=True)


class NoSettings(Model):
    pass


#: What check was given last.
SEEN: list[Given[Any, Any]] = []


def check(given: Given[Any, Any]) -> Sequence[Problem]:
    SEEN.append(given)
    return []


TOOL = replace(
    FAULT,
    id="maps-away",
    name="Maps away",
    Inputs=Inputs,
    Settings=NoSettings,
    check=check,
    price=lambda given: [],
    limits=Limits(input_mb=1),
    title=None,
)


@pytest.fixture(autouse=True)
def tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "catalogue", lambda settings: [TOOL])


@pytest.fixture
def host(lab: Laboratory, ada: Person) -> StoredFile:
    return made(lab, given(lab, ada), name="Potato")


def submit(lab: Laboratory, person: Person, *hosts: dict[str, Any], **more: Any) -> Job:
    inputs = {"subtractions": list(hosts), **more}
    return lab.workbench.submit(person, Submission(tool=TOOL.id, inputs=inputs, settings={}))


def inputs_of(lab: Laboratory, job: Job) -> Path:
    return lab.folders.job(job.id) / "inputs"


def uses(lab: Laboratory, job: Job) -> list[str]:
    return library.of_jobs(lab.store, [job.id])[job.id].given


def test_a_folder_is_linked_into_the_job(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    job = submit(lab, ada, {"file": host.id})
    folder = inputs_of(lab, job) / "subtractions-0"
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert found == ["about.json", "bowtie", "bowtie/subtraction.1.bt2"], "and no link that leads out"
    one = Path("bowtie") / "subtraction.1.bt2"
    assert (folder / one).stat().st_ino == (lab.folders.upload(host.id) / one).stat().st_ino
    (local,) = SEEN[-1].files("subtractions")
    assert (local.path, local.name, local.format) == (folder, "Potato", "subtraction")
    request = lab.folders.request(job.id)
    assert request["files"] == {
        "subtractions": [[f"jobs/{job.id}/inputs/subtractions-0", "Potato", "subtraction"]]
    }


def test_what_a_job_was_given_survives_the_file(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    job = submit(lab, ada, {"file": host.id})
    lab.workbench.library.delete(ada, host.id, even_if_used=True)
    assert not lab.folders.upload(host.id).exists()
    kept = inputs_of(lab, job) / "subtractions-0" / "bowtie" / "subtraction.1.bt2"
    assert kept.read_bytes() == b"index" * 100


def test_the_job_that_made_it_names_it_too(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    job = submit(lab, ada, {"job": str(host.job), "path": "subtraction"})
    assert uses(lab, job) == [host.id]
    assert (inputs_of(lab, job) / "subtractions-0" / "about.json").exists()


def test_what_a_job_was_given_is_remembered_once(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    other = made(lab, given(lab, ada), name="Tomato")
    reads = uploaded(lab, ada)
    through_job = {"job": str(host.job), "path": "subtraction"}
    job = submit(lab, ada, {"file": host.id}, {"file": other.id}, through_job, reads={"file": reads.id})
    assert set(uses(lab, job)) == {host.id, other.id, reads.id} and len(uses(lab, job)) == 3
    assert library.used_by(lab.store, host.id) == (1, 0)
    pasted = submit(lab, ada, {"file": host.id}, reads={"text": ">a\nACGT\n", "name": "a.fasta"})
    assert uses(lab, pasted) == [host.id]


def test_a_result_that_is_no_file_of_the_library_is_not_remembered(
    lab: Laboratory, ada: Person, host: StoredFile
) -> None:
    (lab.folders.results(str(host.job)) / "report.tsv").write_bytes(b">a\nACGT\n")
    job = submit(lab, ada, {"file": host.id}, reads={"job": str(host.job), "path": "report.tsv"})
    assert uses(lab, job) == [host.id]


def test_a_deleted_item_is_told(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    lab.workbench.library.delete(ada, host.id)
    for reference in ({"file": host.id}, {"job": str(host.job), "path": "subtraction"}):
        with pytest.raises(BadInput) as refused:
            submit(lab, ada, reference)
        assert refused.value.field == "subtractions"
    assert not [job for job in (lab.folders.root / "jobs").iterdir() if job.name != host.job]


def test_a_file_where_a_folder_is_wanted_is_told(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    with pytest.raises(BadInput, match=r"a\.fasta is a FASTA file; give a subtraction"):
        submit(lab, ada, {"file": uploaded(lab, ada).id})
    with pytest.raises(BadInput, match="Potato is a subtraction; give a FASTQ file or a FASTA file"):
        submit(lab, ada, {"file": host.id}, reads={"file": host.id})


def test_the_files_of_a_folder_count_together(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    for number in range(3):
        (lab.folders.upload(host.id) / f"{number}.bt2").write_bytes(b"0" * (400 << 10))
    with pytest.raises(BadInput, match="Potato has 2 MB; Maps away takes at most 1 MB"):
        submit(lab, ada, {"file": host.id})


def gone(tmp_path: Path) -> Found:
    return Found(tmp_path / "gone", "Potato")


def test_a_file_that_is_deleted_while_it_is_looked_at_is_told(
    lab: Laboratory, ada: Person, tmp_path: Path
) -> None:
    inputs = Inputs(subtractions=[InputFile(file=ada.id)])
    collected = submissions.collect(TOOL, inputs, ada, tmp_path, lambda *_: gone(tmp_path), lab.settings)
    assert [(one.field, one.message) for one in collected.problems] == [
        ("subtractions", "Potato is not there any more; it was deleted.")
    ]
    assert not collected.uses


def test_a_folder_that_goes_away_half_way_is_told(
    lab: Laboratory, ada: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_at(tmp_path / "source")

    def linked(file: Path, target: Path) -> None:
        raise FileNotFoundError(file)

    monkeypatch.setattr("data.folders.link_or_copy", linked)
    with pytest.raises(NotFound, match="it was deleted"):
        submissions._link(Found(source, "Potato"), tmp_path / "target")


def test_a_job_runs_again_when_the_item_of_another_job_was_deleted(
    lab: Laboratory, ada: Person, host: StoredFile
) -> None:
    reference = {"job": str(host.job), "path": "subtraction"}
    job = submit(lab, ada, reference)
    assert lab.workbench.submission(ada, job.id).inputs["subtractions"] == [reference]
    lab.fail(job.id, "odd")
    lab.workbench.library.delete(ada, host.id, even_if_used=True)
    copy = {"job": job.id, "path": "inputs/subtractions/0"}
    assert lab.workbench.submission(ada, job.id).inputs["subtractions"] == [copy]
    again = lab.workbench.retry(ada, job.id)
    assert (inputs_of(lab, again) / "subtractions-0" / "about.json").is_file()


@pytest.mark.parametrize("number", ["²", "9" * 5000, "-1", ""])
def test_an_input_of_another_job_has_a_plain_number(
    lab: Laboratory, ada: Person, host: StoredFile, number: str
) -> None:
    job = submit(lab, ada, {"file": host.id})
    with pytest.raises(BadInput, match="no such"):
        submit(lab, ada, {"job": job.id, "path": f"inputs/subtractions/{number}"})


def test_a_folder_that_a_job_was_given_comes_as_a_zip(lab: Laboratory, ada: Person, host: StoredFile) -> None:
    job = submit(lab, ada, {"file": host.id})
    answer = lab.browser(ada).get(f"/api/v1/jobs/{job.id}/inputs/subtractions/0")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "Potato/about.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    stranger = lab.browser(lab.found("eve")).get(f"/api/v1/jobs/{job.id}/inputs/subtractions/0")
    assert stranger.status_code == 404
