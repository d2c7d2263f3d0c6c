"""No-op jobs through the whole path, beside rq with redis and beside Dask alone."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.queues import SLOTS, SUBMITTERS, dask_alone, rq_with_redis, spread_over
from benchmarks.report import Goal, Report, Table, p, spread
from benchmarks.site import Client, Ended, Site, running_site

TOOL = "test-noop"
#: One credit, so that the ledger's rows are written as for a real job.
SETTINGS = {"credits": 1}
#: The same tool as one that takes a cpu: each job in a task of the cluster by itself.
ONE_BY_ONE = f'[tools.limits."{TOOL}"]\nquick = false\ncpus_min = 1\ncpus_max = 1\n'


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job's way through the submit, as the client saw it."""

    id: str
    asked: datetime
    answered: datetime


class Wellplate:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._here = threading.local()
        self._ended = Ended(site)
        self.stages: list[dict[str, float]] = []

    def close(self) -> None:
        self._ended.close()

    def jobs_per_second(self, count: int) -> float:
        """From the first submit until the last job was heard to be completed (which is after its commit)."""
        began = datetime.now(UTC)
        submitted: list[Any] = spread_over(self._submit, count)
        last = self._ended.wait([job.id for job in submitted])
        self._look_into(submitted)
        return count / (last - began).total_seconds()

    def latencies(self, count: int) -> list[float]:
        found = []
        for number in range(count):
            began = datetime.now(UTC)
            last = self._ended.wait([self._submit(number).id])
            found.append((last - began).total_seconds())
        return found

    def _submit(self, number: int) -> Submitted:
        client = self._client()
        asked = datetime.now(UTC)
        job = client.submit(TOOL, SETTINGS)
        return Submitted(job["id"], asked, datetime.now(UTC))

    def _client(self) -> Client:
        """One kept-open connection for each thread."""
        if not hasattr(self._here, "client"):
            self._here.client = self._site.client()
        return self._here.client

    def _look_into(self, submitted: list[Submitted]) -> None:
        """Where the time of each job went. All clocks are this machine's."""
        rows = {row["id"]: row for row in self._client().newest(len(submitted))}
        for job in submitted:
            row = rows[job.id]
            if row["status"] != "completed":
                raise AssertionError(f"job {job.id} is {row['status']}: {row['error']}")
            created, started, ended = (
                datetime.fromisoformat(row["times"][name]) for name in ("created", "started", "ended")
            )
            self.stages.append(
                {
                    "submit: HTTP, checks, wait for the writer": (created - job.asked).total_seconds(),
                    "submit: commit and answer": (job.answered - created).total_seconds(),
                    "pending -> processing": (started - created).total_seconds(),
                    "processing -> completed": (ended - started).total_seconds(),
                }
            )


def measure(*, quick: bool) -> Report:
    count, singles, rounds = (60, 5, 1) if quick else (600, 30, 5)
    throughput: dict[str, list[float]] = {}
    latency: dict[str, list[float]] = {}
    with ExitStack() as stack:
        site = stack.enter_context(running_site())
        wellplate = Wellplate(site)
        stack.callback(wellplate.close)
        peers: dict[str, Any] = {
            "Wellplate": wellplate,
            "rq, redis with fsync": stack.enter_context(rq_with_redis()),
            "dask.submit alone": stack.enter_context(dask_alone()),
        }
        for peer in peers.values():
            peer.jobs_per_second(40)  # warm
        wellplate.stages.clear()
        for _ in range(rounds):
            for name, peer in peers.items():
                throughput.setdefault(name, []).append(peer.jobs_per_second(count))
        burst = list(wellplate.stages)
        for name, peer in peers.items():
            latency[name] = peer.latencies(singles)
        alone = _stages_alone(wellplate, singles)
    name = "Wellplate, a task of the cluster per job"
    with running_site(ONE_BY_ONE) as site:
        one_by_one = Wellplate(site)
        one_by_one.jobs_per_second(40)
        throughput[name] = [one_by_one.jobs_per_second(count // 2) for _ in range(min(rounds, 3))]
        latency[name] = one_by_one.latencies(singles)
        one_by_one.close()
    return _report(throughput, latency, burst, alone, count, rounds)


def _stages_alone(wellplate: Wellplate, count: int) -> list[dict[str, float]]:
    wellplate.stages.clear()
    for _ in range(count):
        wellplate.jobs_per_second(1)
    return wellplate.stages


def _report(
    throughput: dict[str, list[float]],
    latency: dict[str, list[float]],
    burst: list[dict[str, float]],
    alone: list[dict[str, float]],
    count: int,
    rounds: int,
) -> Report:
    rq = median(throughput["rq, redis with fsync"])
    ratio = median(throughput["Wellplate"]) / rq
    rows = [
        [
            name,
            spread(found),
            f"{median(found) / rq:.2f}",
            f"{median(latency[name]) * 1000:.0f}",
            f"{p(latency[name], 95) * 1000:.0f}",
        ]
        for name, found in throughput.items()
    ]
    columns = ("", "jobs/s: median (range)", "x rq", "one job: p50 ms", "p95 ms")
    stages = [
        [stage, *(f"{_ms(found, stage, percent):.1f}" for found in (alone, burst) for percent in (50, 95))]
        for stage in burst[0]
    ]
    return Report(
        "jobs",
        {"jobs per round": count, "rounds": rounds, "slots": SLOTS, "connections": SUBMITTERS},
        [
            Table("No-op jobs, submit -> completed", columns, rows),
            Table(
                "Where Wellplate's time goes (ms)",
                ("", "one job: p50", "p95", f"{count} at once: p50", "p95"),
                stages,
            ),
        ],
        [Goal("2 x rq with everything on disk (stretch 3 x)", f"{ratio:.2f} x", ratio >= 2)],
    )


def _ms(found: list[dict[str, float]], stage: str, percent: float) -> float:
    return 1000 * p([one[stage] for one in found], percent)
