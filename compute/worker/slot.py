"""A slot: one single-threaded process that carries out one run at a time, each in a child that it forks.

It is the subreaper of everything that the child starts, so nothing leaves the tree below it: not by setsid,
not by a parent that ends. It measures the tree, keeps to memory and time, and reports when nobody is left.

    supervisor -> slot   {"import": names}        once, before the first run
    supervisor -> slot   {"run": spec}            {"stop": reason}
    slot -> supervisor   {"progress": {...}}      {"report": {"exit", "signal", "stopped", "usage", ...}}

End of file on the socket means that the worker died, SIGTERM that the template did: the slot kills the tree
and ends.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections import deque
from pathlib import Path
from typing import Any

from compute.messages import Lines, encode
from compute.worker import child, processes
from compute.worker.usage import Meter

#: The latest progress goes on at most this often, in seconds.
PROGRESS_EVERY = 1.0

#: Blocked while one process becomes two, so that none is taken by the wrong one.
SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def serve(connection: socket.socket, template: int) -> None:
    """Carries out runs until the worker or the template is gone."""
    processes.call_itself(processes.SLOT)
    processes.become_subreaper()
    Slot(connection, template).serve()


class _OwnerGone(Exception):
    """The worker or the template died."""


class Slot:
    def __init__(self, connection: socket.socket, template: int) -> None:
        self._connection = connection
        self._lines = Lines()
        self._messages: deque[dict[str, Any]] = deque()
        self._wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        processes.die_with_parent(signal.SIGTERM)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._template = template

    def serve(self) -> None:
        if os.getppid() != self._template:
            return  # it died before this process could ask to be told
        try:
            while True:
                self._wait(None)
                while self._messages:
                    message = self._messages.popleft()
                    if "import" in message:
                        _import(message["import"])
                    if "run" in message:  # a stop that came after its run ended says nothing
                        self._carry_out(message["run"])
        except _OwnerGone:
            return

    def _wait(self, deadline: float | None) -> None:
        """Until a message, the deadline, a signal, or data in the pipe. Raises _OwnerGone."""
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = {descriptor for descriptor, _ in self._poll.poll(timeout)}
        if self._wake in ready and signal.SIGTERM in os.read(self._wake, 1024):
            raise _OwnerGone
        if self._connection.fileno() not in ready:
            return
        try:
            data = self._connection.recv(1 << 16)
        except ConnectionResetError as error:
            raise _OwnerGone from error
        if not data:
            raise _OwnerGone
        self._messages.extend(self._lines.feed(data))

    def _carry_out(self, spec: dict[str, Any]) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        slot = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_child(spec, writer, slot)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(writer)
        run = _Run(pid, reader, spec)
        try:
            self._watch(run)
        except _OwnerGone:
            run.stop_now()
            while not run.reap():
                run.stop_now()
                time.sleep(0.01)
            raise
        finally:
            os.close(reader)
            run.forget()
        self._send({"report": run.report()})

    def _watch(self, run: _Run) -> None:
        """Until the child and everything below it is gone."""
        self._poll.register(run.pipe, select.POLLIN)
        listening = True
        while True:
            while self._messages:  # a stop may come together with its run
                message = self._messages.popleft()
                if "stop" in message:
                    run.stop(message["stop"])
            self._wait(run.next_event())
            if not run.read_pipe() and listening:
                self._poll.unregister(run.pipe)  # a pipe without writers would wake us again and again
                listening = False
            if run.reap():
                break
            run.act()
            progress = run.due_progress()
            if progress is not None:
                self._send({"progress": progress})
        if listening:
            self._poll.unregister(run.pipe)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.sendall(encode(message))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _OwnerGone from error


def _import(names: list[str]) -> None:
    from compute.worker.template import import_all

    import_all(names)


class _Run:
    """One child and everything below it."""

    def __init__(self, pid: int, pipe: int, spec: dict[str, Any]) -> None:
        self._pid = pid
        self.pipe = pipe
        self._lines = Lines()
        self._record = Path(spec["record"])
        self._recorded: set[tuple[int, int]] = set()
        self._grace = float(spec["stop_grace_s"])
        self._meter = Meter(spec["memory_mb"] << 20)
        self._deadline = time.monotonic() + float(spec["timeout_s"])
        self._stopped: str | None = None
        #: When KILL follows; None before TERM.
        self._kill_at: float | None = None
        self._status: int | None = None
        self._progress: dict[str, Any] | None = None
        self._progress_sent = True
        self._next_progress = 0.0
        self._failure: dict[str, Any] | None = None

    def next_event(self) -> float:
        times = [self._meter.next_sample] if self._status is None else []
        if self._status is None and self._stopped is None:
            times.append(self._deadline)
        if self._kill_at is not None:
            times.append(self._kill_at)
        if not self._progress_sent:
            times.append(self._next_progress)
        return min(times)

    def read_pipe(self) -> bool:
        """The child's messages; the latest progress is kept. False when nobody can write any more."""
        while True:
            try:
                data = os.read(self.pipe, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            for message in self._lines.feed(data):
                if "failure" in message:
                    self._failure = message["failure"]
                    continue
                self._progress = message
                self._progress_sent = False

    def due_progress(self) -> dict[str, Any] | None:
        now = time.monotonic()
        if self._progress_sent or now < self._next_progress:
            return None
        self._progress_sent = True
        self._next_progress = now + PROGRESS_EVERY
        return self._progress

    def reap(self) -> bool:
        """Waits for those that ended. True when the child and everything that it left are gone."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            if ended is None:
                break
            io = processes.io_bytes(ended.si_pid)
            _, status, used = os.wait4(ended.si_pid, 0)
            self._meter.reap(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, io)
            if ended.si_pid == self._pid:
                self._status = status
                self.read_pipe()
        if self._status is not None:
            self.stop_now()  # what the tool left behind goes before anything is reported
            self._kill_at = time.monotonic() + 0.05
        return False

    def act(self) -> None:
        """What is due by now: a sample, an end."""
        now = time.monotonic()
        if now >= self._meter.next_sample and self._status is None:
            tree = processes.descendants(os.getpid())
            if self._meter.sample(tree):
                self.stop("memory")
            self._remember(tree)
        if now >= self._deadline:
            self.stop("timeout")
        if self._kill_at is not None and now >= self._kill_at:
            self.stop_now()
            self._kill_at = now + 0.05

    def stop(self, reason: str) -> None:
        """TERM to all now, KILL after the grace. The first reason counts, and none once the tool ended."""
        if self._stopped is not None or self._status is not None:
            return
        if reason != "memory" and os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        self._stopped = reason
        if reason == "memory":
            self._kill_at = time.monotonic()
            return
        for process in processes.descendants(os.getpid()):
            processes.send_signal(process, signal.SIGTERM)
        self._kill_at = time.monotonic() + self._grace

    def stop_now(self) -> None:
        for process in processes.descendants(os.getpid()):
            processes.send_signal(process, signal.SIGKILL)

    def _remember(self, tree: list[processes.Process]) -> None:
        """For the next start, should worker, template and slot be killed at once."""
        present = {(each.pid, each.started) for each in tree}
        if present == self._recorded:
            return
        try:
            processes.write_record(self._record, tree)
        except OSError:
            return  # no room: the marker in the environment remains
        self._recorded = present

    def forget(self) -> None:
        if self._recorded:
            self._record.unlink(missing_ok=True)

    def report(self) -> dict[str, Any]:
        status = self._status or 0
        return {
            "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "stopped": self._stopped,
            "usage": self._meter.usage(),
            "progress": self._progress,
            "failure": self._failure,
        }


def _become_child(spec: dict[str, Any], pipe: int, slot: int) -> None:
    """The forked side: never returns."""
    processes.die_with_parent(signal.SIGKILL)
    if os.getppid() != slot:  # it died before the line above
        os._exit(1)
    processes.call_itself(processes.CHILD)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # Not a session of its own: Linux would give it as much of the cpus as the whole app.
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, 1024)
    os._exit(child.main(spec, pipe))
