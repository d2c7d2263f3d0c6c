"""What the tests put into a team's library: uploads, and folders as jobs make them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from compute.submitting import Submission
from data import jobs, library
from data.records import Job, NewJob, Outcome, Person, Status, StoredFile, Visibility, new_id
from tests.laboratory import BODY, Laboratory

FASTA = b">a\nACGT\n"


def uploaded(
    lab: Laboratory,
    person: Person,
    name: str = "a.fasta",
    content: bytes = FASTA,
    visibility: Visibility | None = None,
) -> StoredFile:
    file = lab.workbench.upload(person, name, io.BytesIO(content))
    return file if visibility is None else lab.workbench.library.share(person, file.id, visibility)


def submitted(lab: Laboratory, person: Person, file: StoredFile, **more: Any) -> Job:
    """A real job that is given this upload."""
    inputs = {"inputs": {"sequences": {"file": file.id}}}
    return lab.workbench.submit(person, Submission(**BODY | inputs | more))


def given(lab: Laboratory, person: Person, *files: StoredFile, **more: Any) -> Job:
    """A job that was given these files, whatever they are; it has no folder."""
    new = NewJob(
        id=new_id(),
        team=person.team,
        submitter=person.id,
        tool="made-up",
        name=more.get("name", "made up"),
        visibility=more.get("visibility", Visibility.PRIVATE),
        credits=0,
        price=[],
        inputs={"files": [{"file": file.id} for file in files]},
        settings={},
        cpus_min=1,
        cpus_max=1,
        memory_mb=1,
        gpus=0,
        timeout_s=1,
        made_from=more.get("made_from", ()),
        uses=tuple(file.id for file in files),
    )
    return jobs.submit(lab.store, new).result().job


def made(
    lab: Laboratory, job: Job, name: str = "Potato", format: str = "subtraction", **facts: Any
) -> StoredFile:
    """The folder that this job makes for the library with its end."""
    if lab.job(job.id).run_id is None:
        lab.start(job.id)
    file_id = new_id()
    folder = folder_at(lab.folders.upload(file_id), format)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    item = {"id": file_id, "name": name, "format": format, "facts": facts, "bytes": size}
    outcome = Outcome(
        job=job.id,
        seq=job.seq,
        attempt=job.attempt,
        run_id=str(lab.job(job.id).run_id),
        status=Status.COMPLETED,
        files=[
            {"path": format, "title": name, "format": format, "bytes": size, "file": file_id},
            {"path": "report.tsv", "title": "Report", "format": "tsv", "bytes": 8},
        ],
        library=[item],
    )
    results = lab.folders.results(job.id)
    results.mkdir(parents=True)
    (results / "report.tsv").write_bytes(b"a\tb\n1\t2\n")
    (lab.folders.job(job.id) / "job.json").write_text(json.dumps({"files": {}}))
    assert jobs.finish(lab.store, outcome).result() is not None
    file = library.get(lab.store, file_id)
    assert file is not None
    return file


def folder_at(folder: Path, format: str = "subtraction") -> Path:
    """With a file in a folder of its own, and a link that leads out."""
    (folder / "bowtie").mkdir(parents=True)
    (folder / "about.json").write_text(json.dumps({"format": format, "name": "x", "facts": {}}))
    (folder / "bowtie" / "subtraction.1.bt2").write_bytes(b"index" * 100)
    (folder / "out").symlink_to(folder.parent)
    return folder
