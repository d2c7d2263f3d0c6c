"""The peers of the queue: rq with redis, and Dask by itself. Both on loopback, with two slots."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import distributed
import redis
import rq

from benchmarks.noop import noop
from benchmarks.processes import NotReady, free_port, process, until

#: Connections that submit at the same time, the same for everybody.
SUBMITTERS = 32
SLOTS = 2


def spread_over(submit: Callable[[int], object], count: int) -> list[object]:
    """Call `submit` so many times from several threads."""
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        return list(pool.map(submit, range(count)))


class Rq:
    """rq: one fork per job, results kept; every write of redis is on disk before it is answered."""

    def __init__(self, connection: redis.Redis) -> None:
        self._queue = rq.Queue("bench", connection=connection)

    def jobs_per_second(self, count: int) -> float:
        began = time.monotonic()
        jobs = spread_over(lambda _: self._queue.enqueue(noop), count)
        self._wait(jobs)
        return count / (time.monotonic() - began)

    def enqueue_many(self, count: int) -> float:
        """Seconds for so many in one go; they are taken away again before the workers have done more than a few."""
        began = time.perf_counter()
        self._queue.enqueue_many([rq.Queue.prepare_data(noop) for _ in range(count)])
        took = time.perf_counter() - began
        self._queue.empty()
        return took

    def latencies(self, count: int) -> list[float]:
        """Seconds from enqueue to its result, one job after the other."""
        found = []
        for _ in range(count):
            began = time.perf_counter()
            job = self._queue.enqueue(noop)
            result = job.latest_result(timeout=30)
            if result is None:
                raise NotReady("rq: a job has no result after 30 s")
            found.append(time.perf_counter() - began)
        return found

    def _wait(self, jobs: Sequence[object]) -> None:
        registry = self._queue.finished_job_registry
        done = registry.get_job_count(cleanup=False)
        until(lambda: registry.get_job_count(cleanup=False) >= len(jobs), f"rq: {done} of {len(jobs)}")
        for job in registry.get_job_ids(cleanup=False):
            registry.remove(job)


@contextmanager
def rq_with_redis() -> Iterator[Rq]:
    server = shutil.which("redis-server")
    if server is None:
        raise NotReady("redis-server is not installed: apt-get install redis-server")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellplate-redis-")))
        port = free_port()
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command: list[str | Path] = [
            server,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            folder,
            *durable,
        ]
        stack.enter_context(process(command, folder / "redis.log"))
        connection = redis.Redis(port=port)
        stack.callback(connection.close)
        until(lambda: _answers(connection), "redis", folder / "redis.log")
        worker = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "--url", f"redis://127.0.0.1:{port}"]
        for number in range(SLOTS):
            log = folder / f"worker-{number}.log"
            stack.enter_context(process([*worker, "bench"], log))
        until(lambda: len(rq.Worker.all(connection=connection)) == SLOTS, "the rq workers", log)
        yield Rq(connection)


def _answers(connection: redis.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis.ConnectionError:
        return False


class Dask:
    """`Client.submit` of a function that does nothing: no isolation, nothing on disk."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = client

    def jobs_per_second(self, count: int) -> float:
        began = time.monotonic()
        futures = spread_over(lambda _: self._client.submit(noop, pure=False), count)
        distributed.wait(futures, timeout=300)
        return count / (time.monotonic() - began)

    def latencies(self, count: int) -> list[float]:
        found = []
        for _ in range(count):
            began = time.perf_counter()
            self._client.submit(noop, pure=False).result(timeout=30)
            found.append(time.perf_counter() - began)
        return found


@contextmanager
def dask_alone() -> Iterator[Dask]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellplate-dask-")))
        address = f"tcp://127.0.0.1:{free_port()}"
        loopback = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", *loopback]
        stack.enter_context(process([*scheduler, "--port", address.split(":")[-1]], folder / "scheduler.log"))
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *loopback, "--no-nanny"]
        worker += ["--nthreads", str(SLOTS), "--local-directory", str(folder)]
        stack.enter_context(process(worker, folder / "worker.log"))
        client = stack.enter_context(distributed.Client(address, timeout=60))
        client.wait_for_workers(1, timeout=60)
        yield Dask(client)
