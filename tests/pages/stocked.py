"""A library with things in it, for the tests of its pages: rows as jobs leave them, over real folders."""

from __future__ import annotations

import io
import json
from typing import Any

from compute.workbench import Submission
from data import jobs, library
from data.records import Job, Outcome, Person, Status, StoredFile, Visibility, new_id, utcnow
from tests.laboratory import Laboratory

#: As create-subtraction tells them.
GRAPE = {
    "nickname": "grape",
    "count": 19,
    "length": 486_000_000,
    "gc": 34.5,
    "n": 0.1,
    "shares": {"a": 0.327, "t": 0.328, "g": 0.172, "c": 0.172, "n": 0.001},
    "built_with": "bowtie2 2.5.0",
}
FASTA = b">seq1 a virus\nACGTACGTAC\n>seq2\nGGGGCC\n"


def uploaded(
    lab: Laboratory, person: Person, name: str = "genome.fasta", content: bytes = FASTA
) -> StoredFile:
    return lab.workbench.upload(person, name, io.BytesIO(content))


def folder(lab: Laboratory, person: Person, name: str, format: str = "sample", **more: Any) -> StoredFile:
    """An item that no job of this site made."""
    facts = more.pop("facts", {"count": 20_000, "length": [100, 100], "gc": 45.2, "library_type": "normal"})
    file = StoredFile(
        id=new_id(),
        team=person.team,
        owner=person.id,
        name=name,
        size=1_500_000,
        sha256="",
        format=format,
        created_at=utcnow(),
        visibility=more.pop("visibility", Visibility.TEAM),
        folder=True,
        facts=facts,
        **more,
    )
    fill(lab.folders.upload(file.id), name, format)
    return library.add(lab.store, file).result()


def fill(path: Any, name: str, format: str) -> None:
    path.mkdir(parents=True)
    (path / "about.json").write_text(json.dumps({"format": format, "name": name, "facts": {}}))
    (path / "reads_1.fq.gz").write_bytes(b"reads")


def submitted(lab: Laboratory, person: Person, name: str, given: StoredFile) -> Job:
    """A job that was given a file of the library."""
    inputs = {"sequences": {"file": given.id}}
    return lab.workbench.submit(
        person, Submission(tool="convert-sequences", inputs=inputs, settings={"to": "tab"}, name=name)
    )


def made(lab: Laboratory, person: Person, job: Job, name: str, format: str = "subtraction") -> StoredFile:
    """End the job with this in the library."""
    lab.start(job.id)
    now, file_id = lab.job(job.id), new_id()
    assert now.run_id is not None
    fill(lab.folders.upload(file_id), name, format)
    item = {"id": file_id, "name": name, "format": format, "facts": GRAPE, "bytes": 1_000}
    listed = {"path": format, "title": name, "format": format, "bytes": 1_000, "file": file_id}
    outcome = Outcome(
        job=now.id,
        seq=now.seq,
        attempt=now.attempt,
        run_id=now.run_id,
        status=Status.COMPLETED,
        files=[listed],
        library=[item],
    )
    assert jobs.finish(lab.store, outcome).result() is not None
    return lab.workbench.library.file(person, file_id)
