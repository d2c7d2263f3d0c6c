"""The app's view of the cluster: send assignments, stop runs, hear messages, notice workers that come and go.

Dask's own idea of a task's state is not used: `pending` stands there for queued, running and unknown alike. What
counts are the supervisors' messages, and which workers are present.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from distributed import Client, Future, KilledWorker
from distributed.security import Security

from compute import messages
from compute.cluster.local import LocalCluster
from compute.messages import TOPIC, Assignment
from compute.queue.needs import Need
from compute.settings import Settings
from compute.worker import supervisor
from compute.worker.slots import TemplateFailed

log = logging.getLogger("wellplate.cluster")

_CONNECT_TIMEOUT = "10s"
_CALL_TIMEOUT_S = 5.0
#: A local worker that ends more often than this within a minute is not started again at once.
_RESTARTS_PER_MINUTE = 20
#: How often the monitor looks whether its two processes are there.
_WATCH_S = 0.5
#: How long it is shown that a worker left because it could not carry jobs out.
_UNFIT_SHOWN_S = 120.0


@dataclass(frozen=True)
class Worker:
    address: str
    name: str
    cpus: int
    memory_mb: int
    gpus: int

    @property
    def offer(self) -> Need:
        return Need(self.cpus, self.memory_mb, self.gpus)

    def fits(self, cpus: int, memory_mb: int, gpus: int) -> bool:
        return self.cpus >= cpus and self.memory_mb >= memory_mb and self.gpus >= gpus


class End(Enum):
    """How a task left the cluster."""

    FINISHED = "finished"
    WORKER_DIED = "worker died"
    ERROR = "error"
    #: The worker that got it cannot carry out any job; nothing was tried.
    UNFIT = "its worker cannot carry jobs out"
    #: Withdrawn, or the connection is lost; if it had started, it goes on.
    CANCELLED = "cancelled"


@dataclass
class Listener:
    """What the dispatcher wants to hear. Called from threads of the cluster: return at once."""

    messages: Callable[[list[dict[str, Any]]], None]
    worker_came: Callable[[str], None]
    #: (address, whether that was expected)
    worker_left: Callable[[str, bool], None]
    #: Every task that was sent so far is forgotten; those that had started go on.
    disconnected: Callable[[], None]


class Cluster:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = LocalCluster(settings) if settings.cluster_address == "local" else None
        self._client: Client | None = None
        #: Tells a connection from the one that the client made anew by itself, in which it hears no events.
        self._comm: Any = None
        self._listener: Listener | None = None
        self._stopping = threading.Event()
        self._monitor = threading.Thread(target=self._watch, name="cluster-monitor", daemon=True)
        self._workers: dict[str, Worker] = {}
        self._workers_lock = threading.Lock()
        #: Workers that came or left so far.
        self._events = 0
        self._restarts: list[float] = []
        self._problem: str | None = None
        #: Why a worker left as unfit, and when.
        self._unfit: tuple[str, float] | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong at the moment, for those who ask how the site is."""
        unfit = self._unfit
        if unfit is not None and time.monotonic() - unfit[1] < _UNFIT_SHOWN_S:
            return unfit[0]
        return self._problem

    # Lifetime

    def start(self, listener: Listener) -> None:
        """A scheduler of somebody else that is not there yet is connected to later."""
        self._listener = listener
        if self._local is not None and not self._local.find():
            self._local.start()
        try:
            self._connect()
        except OSError as error:
            if self._local is not None:
                raise
            self._out_of_reach(error)
        self._monitor.start()

    def close(self, *, stop: bool) -> bool:
        """Leave the cluster; with `stop`, end the local one. Whether its workers were ended."""
        self._stopping.set()
        if self._monitor.is_alive():
            self._monitor.join()
        self._disconnect()
        if not stop or self._local is None:
            return False
        self._local.stop()
        return True

    # Verbs

    def send(
        self, key: str, assignments: list[Assignment], need: Need, ended: Callable[[End, str], None]
    ) -> Future:
        """Hand a task with one or several assignments to the scheduler. `ended` is called in a thread of Dask.

        One without cpus waits for nothing; others wait, the oldest first, until their resources are free.
        """
        quick = need.cpus == 0
        asked = {} if quick else {"cpus": need.cpus, "memory": need.memory_mb, "gpus": need.gpus}
        future = self._connected().submit(
            supervisor.run,
            assignments,
            key=key,
            pure=False,
            retries=0,
            priority=0 if quick else -assignments[0].seq,
            # A worker that does not declare a resource has none of it, not even nought.
            resources={name: amount for name, amount in asked.items() if amount} or None,
        )
        future.add_done_callback(lambda done: ended(*_how_it_ended(done)))
        return future

    def withdraw(self, future: Future) -> None:
        """Take back a task that has not started; a started one is not touched by this."""
        client = self._client
        if client is None or client.loop is None or not self.connected:
            return  # the scheduler forgets the tasks of a client that left
        client.loop.add_callback(client._cancel, [future], reason=None, msg=None, force=True)

    def stop_run(self, worker: str, run_id: str, reason: str) -> None:
        """Ask a worker to stop a run; its outcome tells the rest. One that does not answer is left to its lease."""
        client = self._connected()
        client.sync(
            _call, client, worker, supervisor.stop, run_id, reason, callback_timeout=3 * _CALL_TIMEOUT_S
        )

    def running(self) -> dict[str, list[dict[str, Any]]]:
        """What each worker that answers is running, by address."""
        client = self._connected()
        addresses = [worker.address for worker in self.workers()]
        if not addresses:
            return {}
        answers = client.sync(_ask, client, addresses, callback_timeout=3 * _CALL_TIMEOUT_S)
        return {address: answer for address, answer in answers.items() if answer is not None}

    def workers(self) -> list[Worker]:
        with self._workers_lock:
            return list(self._workers.values())

    def gone(self, address: str) -> bool:
        """Whether that worker is known to have ended: one of the local cluster that is not present."""
        return self._local is not None and all(worker.address != address for worker in self.workers())

    @property
    def connected(self) -> bool:
        client = self._client
        return client is not None and client.status == "running" and client.scheduler_comm is self._comm

    # Connection

    def _connected(self) -> Client:
        client = self._client
        if client is None or not self.connected:
            raise NotConnected("the scheduler does not answer at the moment")
        return client

    def _connect(self) -> None:
        address = self._local.address if self._local is not None else self._settings.cluster_address
        client = Client(
            address,
            security=self._security(),
            timeout=_CONNECT_TIMEOUT,
            set_as_default=False,
            name="wellplate",
        )
        settings = self._settings
        plugin = supervisor.WellplatePlugin(
            str(settings.files),
            str(settings.home / "cache"),
            lease_s=settings.cluster.lease_s,
            stop_grace_s=settings.cluster.stop_grace_s,
        )
        self._client, self._comm = client, client.scheduler_comm
        try:
            client.subscribe_topic(TOPIC, self._on_messages)
            client.subscribe_topic("all", self._on_cluster_event)
            _register(client, plugin)
            self._read_workers()
        except OSError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=2)
            if self._listener is not None:
                self._listener.disconnected()

    def _security(self) -> Security | None:
        if self._local is not None:
            authority, certificate, key = (
                str(path)
                for path in (
                    self._local.certificates.authority,
                    self._local.certificates.certificate,
                    self._local.certificates.key,
                )
            )
        else:
            given = self._settings.cluster
            authority, certificate, key = given.certificate_authority, given.certificate, given.key
        if not authority:
            return None
        return Security(
            require_encryption=True, tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key
        )

    def _read_workers(self) -> None:
        """An answer that an event overtook is not kept: it may miss a worker, or have one that is gone."""
        client = self._connected()
        while True:
            seen = self._events
            found = client.scheduler_info(n_workers=-1)["workers"]
            workers = {address: _worker(address, info) for address, info in found.items()}
            with self._workers_lock:
                if seen == self._events:
                    self._workers = workers
                    return

    # Events

    def _on_messages(self, event: tuple[float, list[dict[str, Any]]]) -> None:
        assert self._listener is not None
        for message in event[1]:
            if message["kind"] == messages.UNFIT:
                self._unfit = message["reason"], time.monotonic()
                log.error("worker %(worker)s cannot carry jobs out: %(reason)s", message)
        self._listener.messages(event[1])

    def _on_cluster_event(self, event: tuple[float, dict[str, Any]]) -> None:
        assert self._listener is not None
        message = event[1]
        action = message.get("action")
        if action not in ("add-worker", "remove-worker"):
            return
        with self._workers_lock:
            self._events += 1
        if action == "remove-worker":
            address = message["worker"]
            with self._workers_lock:
                self._workers.pop(address, None)
            self._listener.worker_left(address, bool(message.get("expected")))
        else:
            # This runs in the client's event loop, which must not wait for an answer to arrive in itself.
            threading.Thread(target=self._worker_came, args=(message["worker"],), daemon=True).start()

    def _worker_came(self, address: str) -> None:
        assert self._listener is not None
        try:
            self._read_workers()
        except (NotConnected, OSError) as error:
            log.info("worker %s came while the connection was lost: %s", address, error)
            return
        self._listener.worker_came(address)

    # The local cluster's processes

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_S):
            try:
                self._look_after()
            except OSError as error:
                self._out_of_reach(error)
            except Exception as error:
                # The thread's last line: if it ended, no worker would ever be started or found again, and no one told.
                log.exception("the cluster's monitor failed; it goes on")
                self._problem = f"The cluster's monitor met an error: {error!r}"

    def _look_after(self) -> None:
        dead = self._local.dead() if self._local is not None else []
        if "scheduler" in dead:
            self._restart_all()
        elif dead and self._may_restart():
            self._local_required().start_worker()
        elif not self.connected:
            self._reconnect()
        if not dead:
            self._problem = None

    def _out_of_reach(self, error: OSError) -> None:
        self._problem = f"The cluster cannot be reached: {error}"
        log.warning("%s", self._problem)

    def _restart_all(self) -> None:
        """Without its scheduler a worker ends its runs and closes: start both anew."""
        log.warning("the scheduler is gone; starting the cluster again")
        local = self._local_required()
        with self._workers_lock:
            lost, self._workers = list(self._workers), {}
        self._disconnect()
        local.end_worker()
        local.start()
        self._connect()
        assert self._listener is not None
        for address in lost:
            self._listener.worker_left(address, False)
        for worker in self.workers():
            self._listener.worker_came(worker.address)

    def _reconnect(self) -> None:
        self._disconnect()
        self._connect()
        assert self._listener is not None
        for worker in self.workers():
            self._listener.worker_came(worker.address)

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now - at < 60]
        if len(self._restarts) >= _RESTARTS_PER_MINUTE:
            self._problem = "The worker keeps ending; its log is run/worker.log in the home folder."
            return False
        self._restarts.append(now)
        log.warning("the worker is gone; starting another")
        return True

    def _local_required(self) -> LocalCluster:
        assert self._local is not None, "only the local cluster's processes are ours to start"
        return self._local


def _how_it_ended(future: Future) -> tuple[End, str]:
    if future.status == "finished":
        return End.FINISHED, ""
    if future.status != "error":
        return End.CANCELLED, ""
    error = future.exception()
    if isinstance(error, KilledWorker):
        return End.WORKER_DIED, "its worker died"
    if isinstance(error, supervisor.UnfitWorker):
        return End.UNFIT, str(error)
    return End.ERROR, f"it could not be started: {error}"


def _register(client: Client, plugin: supervisor.WellplatePlugin) -> None:
    """On all workers, also on those that come later. One that cannot carry jobs out says so itself, and leaves."""
    try:
        client.register_plugin(plugin)
    except (supervisor.UnfitWorker, TemplateFailed) as error:
        log.error("%s", error)


class NotConnected(OSError):
    """The scheduler does not answer at the moment."""


async def _call(client: Client, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The answer of one worker; None when it does not answer in time."""
    call = client._run(function, *arguments, workers=[worker], on_error="ignore")
    try:
        return (await asyncio.wait_for(call, _CALL_TIMEOUT_S)).get(worker)
    except (TimeoutError, OSError) as error:
        log.info("worker %s does not answer: %s", worker, error)
        return None


async def _ask(client: Client, addresses: list[str]) -> dict[str, list[dict[str, Any]] | None]:
    """What each worker is running."""
    answers = await asyncio.gather(*(_call(client, address, supervisor.running) for address in addresses))
    return dict(zip(addresses, answers, strict=True))


def _worker(address: str, info: dict[str, Any]) -> Worker:
    resources = info.get("resources", {})
    return Worker(
        address=address,
        name=str(info.get("name", address)),
        cpus=int(resources.get("cpus", 0)),
        memory_mb=int(resources.get("memory", 0)),
        gpus=int(resources.get("gpus", 0)),
    )
