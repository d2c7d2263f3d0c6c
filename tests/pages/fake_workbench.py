"""A workbench in memory with the data of a small lab: what the pages are drawn and tested with.

It follows the signatures of `compute.workbench.Workbench` and keeps their rules (who may do what, which job can be
cancelled), but runs nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from compute.bulk import STATUSES, OnProgress, Outcomes, Verb
from compute.credits import ToolPrice, Used
from compute.gate import row_only
from compute.menu import menu
from compute.workbench import Health, Quote, Submission, ToolStatus
from data import tables
from data.errors import BadInput, Forbidden, NotEnoughCredits, NotFound, Unavailable, WrongState
from data.people import ApiToken, Membership, Session
from data.records import (
    Balance,
    ErrorKind,
    Family,
    HistoryEntry,
    Job,
    JobDetail,
    JobError,
    JobFilter,
    JobPage,
    LedgerEntry,
    LedgerKind,
    Lineage,
    Notice,
    Person,
    Role,
    Spent,
    Status,
    Step,
    StoredFile,
    Team,
    Usage,
    Visibility,
    new_id,
    utcnow,
)
from tests.pages.fake_batches import Batches
from tests.pages.fake_tools import ABSENT, DOCK, LIGAND, RECEPTOR
from tools import registry
from tools.contract import (
    Box,
    Example,
    FigurePanel,
    Layer,
    MetricsPanel,
    Model,
    Panel,
    PriceLine,
    Problem,
    StructurePanel,
    TablePanel,
    TextPanel,
    Tool,
)

ANNA = Person(
    id="11111111-1111-4111-8111-111111111111",
    email="anna@lab.example",
    name="Anna Berg",
    site_admin=True,
    team="22222222-2222-4222-8222-222222222222",
    team_name="Structural biology",
    role=Role.OWNER,
    credential="a" * 64,
)
BEN_ID = "33333333-3333-4333-8333-333333333333"

__all__ = ["ABSENT", "ANNA", "DOCK", "LIGAND", "RECEPTOR", "BrokenWorkbench", "FakeWorkbench"]

EVERYTHING = JobFilter()
NOW = datetime(2026, 11, 22, 9, 30)


class Accounts:
    """Whoever comes is the person it was made with."""

    def __init__(self, person: Person | None) -> None:
        self.who = person

        self.open = [
            Session(
                hash=hash,
                person=ANNA.id,
                team=ANNA.team,
                created_at=NOW,
                expires_at=NOW + timedelta(days=30),
                agent=f"Mozilla/5.0 ({system}) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            )
            for hash, system in [("a" * 64, "X11; Linux x86_64"), ("b" * 64, "Windows NT 10.0")]
        ]
        self.made: list[ApiToken] = []

    def person(self, cookie: str | None) -> Person | None:
        return self.who

    def teams(self, person: Person) -> list[Membership]:
        return [Membership(person=person.id, team=person.team, team_name=person.team_name, role=person.role)]

    def sessions(self, person: Person) -> list[Session]:
        return list(self.open)

    def revoke(self, credentials: Iterable[str | None]) -> None:
        self.open = [session for session in self.open if session.hash not in set(credentials)]

    def tokens(self, person: Person) -> list[ApiToken]:
        return list(self.made)

    def create_token(self, person: Person, name: str, scopes: Iterable[str]) -> tuple[ApiToken, str]:
        if not name.strip():
            raise BadInput("Give the token a name of 1 to 100 characters.", field="name")
        token = ApiToken(
            id=new_id(),
            hash="0",
            person=person.id,
            team=person.team,
            name=name,
            scopes=frozenset(scopes),
            created_at=utcnow(),
        )
        self.made.append(token)
        return token, "wp_secret"

    def revoke_token(self, person: Person, token_id: str) -> None:
        self.made = [token for token in self.made if token.id != token_id]


class Credits:
    """The money of the lab: what was granted, and a charged job."""

    mode = "enforce"

    def __init__(self, bench: FakeWorkbench, available: int) -> None:
        self.bench = bench
        self.available = available

    def balance(self, person: Person) -> Balance:
        if isinstance(self.bench, BrokenWorkbench):
            self.bench._refuse()
        return Balance(balance=self.available + 12, held=12)

    def low(self, person: Person) -> str | None:
        return f"{person.team_name} has {self.available} credits left." if self.available < 50 else None

    def team(self, person: Person) -> Team:
        return Team(
            id=person.team,
            name=person.team_name,
            default_visibility=Visibility.PRIVATE,
            concurrency=None,
            monthly_credits=None,
            person_credits=None,
            balance=self.available + 12,
            held=12,
            created_at=NOW,
        )

    def mine(self, person: Person) -> Used:
        return Used(cap=None, used=12)

    def refusal(self, person: Person, credits: int, subject: str = "job") -> str | None:
        return None if credits <= self.available else f"{credits - self.available} credits missing."

    def entries(self, person: Person, **filters: Any) -> list[LedgerEntry]:
        jobs = self.bench.records.values()
        done = next((job for job in jobs if job.status is Status.COMPLETED), None)
        grant = LedgerEntry(
            at=NOW - timedelta(days=9),
            kind=LedgerKind.GRANT,
            balance=1000,
            held=0,
            job=None,
            note="First start",
        )
        if done is None:
            return [grant]
        return [
            LedgerEntry(at=NOW, kind=LedgerKind.CHARGE, balance=-12, held=-12, job=done.id, note=done.tool),
            LedgerEntry(at=NOW, kind=LedgerKind.HOLD, balance=0, held=12, job=done.id, note=done.tool),
            grant,
        ]

    def spent(self, person: Person, *, since: datetime, until: datetime) -> list[Spent]:
        return []

    def prices(self, person: Person) -> list[ToolPrice]:
        return []

    def teams(self, person: Person) -> list[Team]:
        return []


class Notices:
    """Nothing happened."""

    def unread(self, person: Person) -> int:
        return 0

    def list(self, person: Person, limit: int = 50) -> list[Notice]:
        return []


class Sharing:
    """Nothing is shared."""

    def words(self, person: Person | None, job: Job) -> str:
        return "Only you" if person and person.id == job.submitter else f"Only {job.submitter_name}"


class Marks:
    def __init__(self, bench: FakeWorkbench) -> None:
        self.bench = bench

    def star(self, person: Person, job_id: str, on: bool) -> None:
        self.bench._put(replace(self.bench.records[job_id], starred=on))

    def tag(self, person: Person, job_id: str, tags: list[str]) -> Job:
        return self.bench._put(replace(self.bench.records[job_id], tags=tuple(tags)))

    def tags(self, person: Person) -> list[str]:
        return sorted({tag for job in self.bench.records.values() for tag in job.tags})


class Bulk:
    """One after the other; refuses by state only."""

    def __init__(self, bench: FakeWorkbench) -> None:
        self.bench = bench

    def chosen(self, person: Person, verb: Verb, chosen: JobFilter) -> list[Job]:
        return [job for job in self.bench._matching(chosen) if job.status in STATUSES[verb]]

    def cancel(self, person: Person, jobs: list[str], on_progress: OnProgress) -> Outcomes:
        return self._each(jobs, lambda id: self.bench.cancel(person, id))

    def delete(self, person: Person, jobs: list[str], on_progress: OnProgress) -> Outcomes:
        return self._each(jobs, lambda id: self.bench.delete(person, id))

    def retry(self, person: Person, jobs: list[str], on_progress: OnProgress) -> Outcomes:
        return self._each(jobs, lambda id: self.bench.retry(person, id))

    def _each(self, jobs: list[str], action: Callable[[str], Job | None]) -> Outcomes:
        outcomes = Outcomes(done=[], refused=[])
        for job_id in jobs:
            name = self.bench.records[job_id].name
            try:
                job = action(job_id)
                outcomes.done.append((job.id if job else job_id, name))
            except WrongState as error:
                outcomes.refused.append((name, error.message))
        return outcomes


class Library(list[StoredFile]):
    """Files that stand alone."""

    def file(self, person: Person | None, file_id: str) -> StoredFile:
        for file in self:
            if file.id == file_id:
                return file
        raise NotFound("There is no such file.")

    def family(self, person: Person | None, file_id: str) -> Family:
        return Family(made_from=[], led_to=[])


class FakeWorkbench:
    def __init__(self, person: Person | None = ANNA, *, jobs: bool = True, credits: int = 940) -> None:
        self.accounts = Accounts(person)
        self.read_only: str | None = None
        self.credits = Credits(self, credits)
        self.notices = Notices()
        self.sharing = Sharing()
        self.marks = Marks(self)
        self.bulk = Bulk(self)
        self.anna = ANNA
        self.batches = Batches(self)
        self.relatives: dict[str, Lineage] = {}
        self.records: dict[str, Job] = {}
        self.details: dict[str, JobDetail] = {}
        self.submitted: list[Submission] = []
        self.library = Library()
        self.calls: list[tuple[Any, ...]] = []
        #: Jobs of which the person may see the row only.
        self.private: set[str] = set()
        #: What delays a job that runs.
        self.delayed: dict[str, str] = {}
        #: Jobs whose folder is missing.
        self.lost: set[str] = set()
        #: What happened while a page was open.
        self.changes = 0
        if jobs:
            self._fill()

    def last_change(self) -> int:
        return self.changes

    # Tools

    def all_tools(self) -> dict[str, Tool]:
        return {"dock": DOCK, **registry(), "boltz-2": ABSENT}

    def tools(self, person: Person | None) -> list[ToolStatus]:
        return [
            ToolStatus(tool=t, unavailable=t.missing()) for t in self.all_tools().values() if not t.hidden
        ]

    def tool(self, person: Person | None, tool_id: str) -> ToolStatus:
        if tool_id not in self.all_tools():
            raise NotFound(f"There is no tool “{tool_id}”.")
        tool = self.all_tools()[tool_id]
        return ToolStatus(tool=tool, unavailable=tool.missing())

    def example(self, person: Person, tool_id: str) -> Example:
        tool = self.all_tools()[tool_id]
        if tool.example is None:
            raise NotFound(f"{tool.name} has no example.")
        return tool.example()

    # Jobs

    def quote(self, person: Person, submission: Submission, *, content: bool = True) -> Quote:
        tool = self.all_tools()[submission.tool]
        problems = [
            *_problems(tool.Inputs, submission.inputs),
            *_problems(tool.Settings, submission.settings),
        ]
        price = 12 if tool.id == "dock" else 0
        lines = [PriceLine("Docking, 1 ligand", 10), PriceLine("Pose checks", 2)] if price else []
        available = self.credits.available
        enough = price <= available
        lack = None if enough else f"This costs {price} credits, and the team has {available}."
        return Quote(
            credits=price, lines=lines, available=available, affordable=enough, problems=problems, lack=lack
        )

    def preview(self, person: Person, submission: Submission) -> list[Panel]:
        text = submission.inputs.get("receptor", {}).get("text")
        center, size = submission.settings.get("center"), submission.settings.get("size")
        if submission.tool != "dock" or not text or not center or not size:
            return []
        layer = Layer("receptor.pdb", "pdb", "receptor", "receptor", text)
        return [StructurePanel("Receptor and box", [layer], box=Box(tuple(center), tuple(size)))]

    def submit(self, person: Person, submission: Submission) -> Job:
        quote = self.quote(person, submission)
        if quote.problems:
            raise BadInput(quote.problems[0].message, field=quote.problems[0].field)
        if not quote.affordable:
            raise NotEnoughCredits("This costs 12 credits and the team has fewer.")
        self.submitted.append(submission)
        return self.add(
            name=submission.name or "New job",
            tool=submission.tool,
            status=Status.PENDING,
            inputs=dict(submission.inputs),
            settings=dict(submission.settings),
        ).job

    def jobs(
        self, person: Person, filter: JobFilter = EVERYTHING, *, limit: int = 50, cursor: str | None = None
    ) -> JobPage:
        rows = sorted(self._matching(filter), key=lambda job: -job.seq)
        if cursor:
            rows = [job for job in rows if job.seq < int(cursor)]
        page = rows[:limit]
        return JobPage(jobs=page, next_cursor=str(page[-1].seq) if len(rows) > limit else None)

    def counts(self, person: Person, filter: JobFilter = EVERYTHING) -> dict[Status, int]:
        return dict(Counter(job.status for job in self._matching(replace(filter, status=()))))

    def submitters(self, person: Person) -> list[tuple[str, str]]:
        return sorted({(job.submitter, job.submitter_name) for job in self.records.values()})

    def job(self, person: Person | None, job_id: str) -> JobDetail:
        if job_id not in self.records and not self._child(job_id):
            raise NotFound("There is no such job, or it is not shared with you.")
        detail = replace(self.details[job_id], job=self.records[job_id])
        return row_only(detail) if job_id in self.private else detail

    def actions(self, person: Person | None, job: Job) -> dict[str, str | None]:
        return menu(person, job)

    def lineage(self, person: Person | None, job_id: str) -> Lineage:
        return self.relatives.get(job_id, Lineage(made_from=[], led_to=[]))

    def waiting(self, person: Person | None, job_id: str) -> str | None:
        if self.records[job_id].status is not Status.PENDING:
            return self.delayed.get(job_id)
        return "Both slots are taken; 1 job is before it."

    def cancel(self, person: Person, job_id: str) -> Job:
        job = self.records[job_id]
        if not job.live:
            raise WrongState(f"“{job.name}” has ended already.")
        self.calls.append(("cancel", job_id))
        running = job.status is Status.PROCESSING
        return self._put(
            replace(job, cancel_requested=True) if running else replace(job, status=Status.CANCELLED)
        )

    def retry(self, person: Person, job_id: str, *, expected_credits: int | None = None) -> Job:
        self.calls.append(("retry", job_id, expected_credits))
        old = self.records[job_id]
        return self.add(name=old.name, tool=old.tool, status=Status.PENDING).job

    def rename(self, person: Person, job_id: str, name: str) -> Job:
        if not name.strip():
            raise BadInput("Give the job a name.", field="name")
        return self._put(replace(self.records[job_id], name=name))

    def delete(self, person: Person, job_id: str) -> None:
        job = self.records[job_id]
        if job.live:
            raise WrongState(f"“{job.name}” runs; cancel it first.")
        self.calls.append(("delete", job_id))
        del self.records[job_id]

    def submission(self, person: Person, job_id: str) -> Submission:
        detail = self.job(person, job_id)
        return Submission(
            tool=detail.job.tool, inputs=detail.inputs, settings=detail.settings, name=detail.job.name
        )

    # Results

    def panels(self, person: Person | None, job_id: str) -> list[Panel]:
        import plotly.graph_objects as go

        energies = [-13.2, -11.9, -11.4, -10.8, -10.6]
        figure = go.Figure(go.Bar(x=list(range(1, 6)), y=energies))
        figure.update_layout(xaxis_title="Pose", yaxis_title="Affinity (kcal/mol)")
        return [
            MetricsPanel(
                "Best pose", [("Affinity", "−13.2 kcal/mol", "Lower binds stronger"), ("Poses", "5", "")]
            ),
            FigurePanel(
                "Affinities", figure, "Of the poses within 3 kcal/mol.", "Five poses, −13.2 to −10.6 kcal/mol"
            ),
            TablePanel("Poses", "poses", "RMSD bounds are to pose 1, not to a crystal."),
            StructurePanel(
                "Poses in the receptor",
                [Layer("receptor.pdb", "pdb", "receptor", "receptor")],
                [
                    Layer("pose_1.sdf", "sdf", "Pose 1", "ligand"),
                    Layer("pose_2.sdf", "sdf", "Pose 2", "ligand"),
                ],
                Box((0.0, 0.0, 10.0), (12.0, 12.0, 12.0)),
            ),
            TextPanel("Preparation", "- 2 waters removed\n- HIS 361 kept as HIE"),
        ]

    def table(self, person: Person | None, job_id: str, table: str) -> list[dict[str, Any]]:
        return [
            {"pose": 1, "affinity": -13.2, "rmsd_lb": 0.0, "plausible": True},
            {"pose": 2, "affinity": -11.9, "rmsd_lb": 2.1, "plausible": True},
        ]

    def table_csv(self, person: Person | None, job_id: str, table: str) -> bytes:
        detail = self.details[job_id]
        columns = next(each["columns"] for each in detail.tables if each["name"] == table)
        return tables.to_csv(self.table(person, job_id, table), columns, detail.warnings).encode()

    def log(self, person: Person | None, job_id: str, *, tail: int | None = None) -> str:
        self._need_all_of(job_id)
        return "Computing Vina grid ... done.\nPerforming docking (seed: 1) ...\n0%   10   20   30\n|----|----|--"

    def _need_all_of(self, job_id: str) -> None:
        if job_id in self.private:
            raise Forbidden("You may not see this job.")
        if job_id in self.lost:
            raise NotFound("The files of this job are not on this server.")

    def files(self, person: Person | None, job_id: str) -> list[dict[str, Any]]:
        return self.details[job_id].files

    def input_files(self, person: Person | None, job_id: str) -> dict[str, list[dict[str, Any]]]:
        self._need_all_of(job_id)
        return {
            "receptor": [{"name": "1iep.pdb", "format": "pdb", "bytes": len(RECEPTOR)}],
            "ligands": [{"name": "benzene.smi", "format": "smiles", "bytes": 16}],
        }

    # Files

    def uploads(self, person: Person, formats: list[str] | None = None) -> list[StoredFile]:
        return [file for file in self.library if not formats or file.format in formats]

    # Site

    def health(self) -> Health:
        return Health(
            ok=True,
            version="0.1.0",
            store="ok",
            cluster="ok",
            workers=[
                {
                    "name": "local-0",
                    "cpus": 2,
                    "memory_mb": 7800,
                    "gpus": 0,
                    "running": 2,
                }
            ],
            slots=0,
            jobs={str(status): n for status, n in Counter(j.status for j in self.records.values()).items()},
        )

    # The lab's past

    def add(self, **given: Any) -> JobDetail:
        detail = make_detail(seq=len(self.records) + len(self.details) + 1, **given)
        self.records[detail.job.id] = detail.job
        self.details[detail.job.id] = detail
        return detail

    def _child(self, job_id: str) -> bool:
        """Makes the job of a well when somebody looks at it: a plate has thousands."""
        for batch_id, plate in self.batches.plates.items():
            if well := next((each for each in plate if each.job == job_id), None):
                batch = self.batches.records[batch_id]
                detail = self.add(
                    name=well.name,
                    tool=batch.tool,
                    status=well.status,
                    error=well.error,
                    progress=well.progress,
                    batch=batch_id,
                    well=well.number,
                )
                del self.records[detail.job.id], self.details[detail.job.id]
                job = replace(detail.job, id=job_id, visibility=batch.visibility)
                self.records[job_id], self.details[job_id] = job, replace(detail, job=job)
                return True
        return False

    def _fill(self) -> None:
        ben = {"submitter": BEN_ID, "submitter_name": "Ben Okafor"}
        hour = timedelta(hours=1)
        for age, name, tool, status, more in [
            (98, "phage genomes to FASTA", "convert-sequences", Status.COMPLETED, ben),
            (75, "imatinib → ABL1 (1iep)", "dock", Status.COMPLETED, {}),
            (74, "ponatinib → ABL1 (1iep)", "dock", Status.FAILED, {"error": FAILURE}),
            (50, "12 fragments → BRD4", "dock", Status.TIMEOUT, ben),
            (30, "nilotinib → ABL1, wide box", "dock", Status.CANCELLED, {}),
            (22, "dasatinib → SRC", "dock", Status.COMPLETED, ben),
            (3, "bosutinib → SRC", "dock", Status.RETRY, {"attempt": 2}),
            (1.2, "axitinib → ABL1 T315I", "dock", Status.PROCESSING, {"progress": 45.0}),
            (0.4, "1iep to mmCIF", "convert-sequences", Status.PENDING, ben),
            (0.1, "asciminib → ABL1 myristate", "dock", Status.QUEUED, {}),
        ]:
            self.add(name=name, tool=tool, status=status, created_at=utcnow() - age * hour, **more)

    def _matching(self, filter: JobFilter) -> list[Job]:
        return [
            job
            for job in self.records.values()
            if (not filter.tool or job.tool in filter.tool)
            and job.tool not in filter.not_tool
            and (not filter.status or job.status in filter.status)
            and job.status not in filter.not_status
            and (not filter.submitter or job.submitter in filter.submitter)
            and job.submitter not in filter.not_submitter
            and (not filter.q or filter.q.lower() in job.name.lower())
            and (filter.tag is None or filter.tag in job.tags)
            and (not filter.starred or job.starred)
            and (filter.since is None or job.created_at >= filter.since)
            and (filter.until is None or job.created_at < filter.until)
            and _within(job, filter.longer_s, filter.shorter_s)
            and job.batch == filter.batch
            and not filter.shared
        ]

    def _put(self, job: Job) -> Job:
        self.records[job.id] = job
        return job


def _within(job: Job, longer_s: float | None, shorter_s: float | None) -> bool:
    if longer_s is None and shorter_s is None:
        return True
    if job.started_at is None:
        return False
    took = ((job.ended_at or utcnow()) - job.started_at).total_seconds()
    return (longer_s or 0) <= took <= (shorter_s or math.inf)


FAILURE = JobError(
    kind=ErrorKind.TOOL,
    message="Vina could not place the ligand: every atom lies outside of the box. Move the box or make it larger.",
    log_tail="ERROR: The ligand is outside the grid box.\nexit code 1",
)


class BrokenWorkbench(FakeWorkbench):
    """One whose store does not answer."""

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise Unavailable("The disk is full. Nothing can be read or written until there is space.")

    tools = tool = jobs = counts = job = _refuse


def make_detail(
    *,
    seq: int,
    name: str = "imatinib → ABL1",
    tool: str = "dock",
    status: Status = Status.COMPLETED,
    created_at: datetime | None = None,
    inputs: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> JobDetail:
    created_at = created_at or utcnow()
    started = status in (Status.PROCESSING, Status.RETRY, Status.COMPLETED, Status.FAILED, Status.TIMEOUT)
    started_at = created_at + timedelta(seconds=4) if started or status is Status.CANCELLED else None
    ended_at = created_at + timedelta(seconds=83) if status.terminal else None
    job = Job(
        seq=seq,
        id=new_id(),
        team=ANNA.team,
        visibility=Visibility.PRIVATE,
        tool=tool,
        name=name,
        status=status,
        credits=12 if tool == "dock" else 0,
        retries=0,
        run_id=None,
        worker="local-0" if started else None,
        step="Dock" if status is Status.PROCESSING else None,
        note="ligand 1 of 1" if status is Status.PROCESSING else None,
        cancel_requested=False,
        cpus_min=1,
        cpus_max=4,
        memory_mb=2048,
        gpus=0,
        timeout_s=3600,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        **{
            "submitter": ANNA.id,
            "submitter_name": ANNA.name,
            "attempt": 1,
            "progress": None,
            "error": None,
            **more,
        },
    )
    done = status is Status.COMPLETED
    steps = [
        Step(name="Prepare", state="done", started_at=started_at, ended_at=created_at + timedelta(seconds=9)),
        Step(name="Maps", state="done", started_at=started_at, ended_at=created_at + timedelta(seconds=12)),
        Step(name="Dock", state="done" if done else "running", started_at=started_at, ended_at=ended_at),
        Step(name="Check", state="done" if done else "waiting", started_at=ended_at, ended_at=ended_at),
    ]
    history = [HistoryEntry(at=created_at, from_status=None, to_status=Status.PENDING, attempt=1, note="")]
    if started_at:
        history.append(
            HistoryEntry(
                at=started_at, from_status=Status.PENDING, to_status=Status.PROCESSING, attempt=1, note=""
            )
        )
    if ended_at:
        history.append(
            HistoryEntry(at=ended_at, from_status=Status.PROCESSING, to_status=status, attempt=1, note="")
        )
    return JobDetail(
        job=job,
        inputs=inputs
        or {
            "receptor": {"text": RECEPTOR, "name": "1iep.pdb"},
            "ligands": [{"text": "c1ccccc1 benzene", "name": "benzene.smi"}],
        },
        settings=settings
        or {"mode": "single", "center": [15.6, 53.4, 15.5], "size": [20, 20, 20], "exhaustiveness": 8},
        price=[{"label": "Docking, 1 ligand", "credits": 10}, {"label": "Pose checks", "credits": 2}],
        steps=steps if started else [],
        history=history,
        summary={"best affinity": -13.2} if done else {},
        warnings=["Residues 12-14 of chain A have missing atoms and were left out."] if done else [],
        tables=[
            {
                "name": "poses",
                "title": "Poses",
                "file": "poses.parquet",
                "columns": [
                    {"name": "pose", "label": "Pose", "unit": ""},
                    {
                        "name": "affinity",
                        "label": "Affinity",
                        "unit": "kcal/mol",
                        "help": "Lower binds stronger.",
                    },
                    {"name": "rmsd_lb", "label": "RMSD, lower bound", "unit": "Å"},
                    {"name": "plausible", "label": "Plausible", "unit": ""},
                ],
            }
        ]
        if done
        else [],
        files=[
            {"path": "receptor.pdb", "title": "Receptor as docked", "format": "pdb", "bytes": 210_433},
            {"path": "poses.sdf", "title": "All poses", "format": "sdf", "bytes": 18_211},
        ]
        if done
        else [],
        usage=Usage(
            cpu_seconds=140.2,
            peak_memory_bytes=312_000_000,
            read_bytes=4_000_000,
            written_bytes=900_000,
            wall_seconds=79.0,
            series=[
                [float(t), 1.9 if t > 6 else 0.8, 1.2e8 + t * 2.4e6, t * 5e4, t * 1e4]
                for t in range(0, 79, 2)
            ],
        )
        if status.terminal and started
        else None,
        refunded=12 if status is Status.FAILED else 0,
    )


def _problems(model: type[Model], values: Any) -> list[Problem]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [
            Problem(".".join(str(part) for part in fault["loc"]), str(fault["msg"]))
            for fault in error.errors(include_url=False)
        ]
    return []
