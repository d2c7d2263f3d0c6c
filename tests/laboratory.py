"""A site for tests: real store, folders, people and workbench; nobody carries jobs out but the test itself."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.testclient import TestClient

import api
from api.guard import COOKIE
from compute import settings, workbench
from compute.notices.outbox import Outbox
from compute.people.accounts import Accounts, SignedIn
from compute.people.passwords import Passwords
from compute.workbench import Workbench
from data import jobs
from data.folders import Folders
from data.records import Claim, ErrorKind, Job, JobError, Outcome, Person, Progress, Role, Status, new_id
from data.store import Store

PASSWORD = "correct horse battery"
ORIGIN = "http://testserver"
BODY = {
    "tool": "convert-sequences",
    "inputs": {"sequences": {"text": ">a\nACGT\n", "name": "a.fasta"}},
    "settings": {"to": "tab"},
}


class NoCluster:
    """A cluster without workers, and a dispatcher that leaves all jobs waiting."""

    problem = None
    connected = True

    def workers(self) -> list[Any]:
        return []

    def running_on(self) -> dict[str, int]:
        return {}

    def free_slots(self) -> int:
        return 0

    def why_waiting(self, job: Job) -> str:
        return "Waits for a worker."

    def cancelled(self, job: Job) -> None:
        return

    def remove_folders(self, ids: list[str], mark: Path) -> None:
        mark.unlink(missing_ok=True)


@functools.cache
def _app() -> Starlette:
    """Finds the workbench when it is asked, and holds nothing else; to build it takes a third of a second."""
    return Starlette(routes=api.routes())


class Laboratory:
    def __init__(self, home: Path, **environment: str) -> None:
        self.settings = settings.load({"WELLPLATE_HOME": str(home), **environment})
        self.store = Store(self.settings.database)
        self.folders = Folders(self.settings.files)
        # The weakest argon2: the tests sign in often.
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.outbox = Outbox(self.store, self.settings)
        self.accounts = Accounts(self.store, self.settings, self.outbox, passwords=cheap)
        self.link = self.accounts.first_start()
        admin = self.accounts.admin()
        assert admin is not None
        self.admin = admin
        nothing: Any = NoCluster()
        self.workbench = Workbench(self.settings, self.store, self.folders, self.accounts, nothing, nothing)
        workbench.set_current(self.workbench)
        self.app = _app()

    def close(self) -> None:
        workbench.set_current(None)
        self.store.close()

    def join(self, name: str, role: Role = Role.MEMBER) -> Person:
        """A new colleague in the admin's team, who signs in with PASSWORD."""
        return self.accounts.add_member(self.admin.team, f"{name}@lab.example", name.title(), role, PASSWORD)

    def found(self, name: str) -> Person:
        """The owner of a new team of their own."""
        return self.accounts.add_team(f"{name}'s lab", f"{name}@other.example", name.title(), PASSWORD)

    def sign_in(self, person: Person) -> SignedIn:
        return self.accounts.sign_in(person.email, PASSWORD, client="test")

    def browser(self, person: Person | None = None) -> TestClient:
        """A browser on our own pages, signed in as this person."""
        client = TestClient(self.app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False)
        if person is not None:
            client.cookies.set(COOKIE, self.sign_in(person).cookie, domain="testserver.local")
        return client

    def script(self, person: Person, *scopes: str) -> TestClient:
        """A program with a token of this person."""
        wanted = scopes or ("jobs:read", "jobs:write", "files:read", "files:write")
        _, secret = self.accounts.create_token(person, "script", wanted)
        return self.bearer(secret)

    def bearer(self, secret: str) -> TestClient:
        return TestClient(self.app, base_url=ORIGIN, headers={"Authorization": f"Bearer {secret}"})

    # What the dispatcher would do ----------------------------------------------------------------------------

    def start(self, job_id: str) -> str:
        """The run that owns the job from now on."""
        job = self.job(job_id)
        run_id = new_id()
        claim = Claim(job=job.id, seq=job.seq, attempt=job.attempt, run_id=run_id, worker="w", cpus=1)
        assert jobs.claim(self.store, claim).result()
        return run_id

    def report(self, job_id: str, percent: float) -> None:
        job = self.job(job_id)
        assert job.run_id is not None
        steps = [{"name": "Convert", "state": "running", "started_at": None, "ended_at": None}]
        report = Progress(
            job=job.id,
            seq=job.seq,
            run_id=job.run_id,
            progress=percent,
            step="Convert",
            note=None,
            steps=steps,
        )
        assert jobs.progress(self.store, report).result()

    def complete(self, job_id: str, files: dict[str, bytes]) -> Path:
        """End a started job with these result files; the folder that they are in."""
        job = self.job(job_id)
        assert job.run_id is not None
        results = self.folders.results(job.id)
        results.mkdir(parents=True)
        for name, content in files.items():
            (results / name).write_bytes(content)
        outcome = Outcome(
            job=job.id,
            seq=job.seq,
            attempt=job.attempt,
            run_id=job.run_id,
            status=Status.COMPLETED,
            summary={"sequences": 1, "score": float("nan")},
            files=[
                {"path": name, "title": name, "format": "text", "bytes": len(content)}
                for name, content in files.items()
            ],
        )
        assert jobs.finish(self.store, outcome).result() is not None
        return results

    def fail(self, job_id: str, message: str) -> None:
        job = self.job(job_id)
        error = JobError(kind=ErrorKind.INPUT, message=message, log_tail=message)
        assert jobs.refuse(self.store, job.id, job.attempt, error).result() is not None

    def job(self, job_id: str) -> Job:
        job = jobs.get(self.store, job_id)
        assert job is not None
        return job
