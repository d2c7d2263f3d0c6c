"""The template: `python -m compute.worker.template FD`. One small process per worker with the contract and the tools.

Heavy modules are not in it: their memory maps make the fork of every job slower, whatever its tool (DuckDB, numpy,
Biopython and pysam together by half). Slots whose tools ask for them import them once (Tool.imports).

It forks slots (see compute.worker.slot) and does nothing else. It must have one thread, because a fork copies
only one. Every orphan of a slot that was killed becomes a child of the template, which ends it.

    supervisor -> template   {"slot": true} with one end of a socket pair
    template -> supervisor   {"ready": true}      {"forked": pid}

End of file on the socket means that the worker died: slots get SIGTERM, kill their trees, and the template
ends after them.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from compute.messages import encode
from compute.worker import processes, slot

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: One thread each until a child says otherwise; numpy reads these when it is imported.
POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

#: These start threads when they are imported.
NEVER = ("pandas", "pyarrow", "plotly", "streamlit", "distributed")


class UnfitTemplate(Exception):
    """The template cannot fork safely."""


@cache
def thread_pools() -> ThreadpoolController:
    """The thread pools of the loaded libraries; found once, in the template."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def main(descriptor: int) -> None:
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    processes.call_itself(processes.TEMPLATE)
    processes.become_subreaper()
    processes.give_way()
    prepare()
    connection.sendall(encode({"ready": True}))
    Template(connection).serve()
    os._exit(0)  # without the end of the imported libraries: DuckDB's complains about its own leaks


def prepare() -> None:
    """Imports, and the check that nothing of it started a thread. Raises UnfitTemplate."""
    import tools

    tools.registry()
    import_all(())  # checks the threads and freezes what is there


def import_all(names: Sequence[str]) -> None:
    """For a process that forks afterwards. Raises UnfitTemplate."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:  # its tools are listed as unavailable
            print(f"template: {name} is not here: {error}", file=sys.stderr)
    thread_pools.cache_clear()
    thread_pools()
    unwanted = [name for name in NEVER if name in sys.modules]
    if unwanted:
        raise UnfitTemplate(f"a tool imports {', '.join(unwanted)} at its top; import it inside the function")
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise UnfitTemplate(f"the imports started {threads - 1} threads; a fork would lose them")
    gc.collect()
    gc.freeze()


class Template:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._slots: set[int] = set()
        self._wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: None)

    def serve(self) -> None:
        """Until the worker is gone."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake in ready and signal.SIGTERM in os.read(self._wake, 1024):
                break
            self._reap()
            if self._connection.fileno() in ready and not self._answer():
                break
        self._end()

    def _answer(self) -> bool:
        """Forks a slot for each request. False when the worker is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._connection, 64, 1)
        except ConnectionResetError:
            return False
        if not data:
            return False
        for descriptor in descriptors:
            pid = self._fork(descriptor)
            self._connection.sendall(encode({"forked": pid}))
        return True

    def _fork(self, descriptor: int) -> int:
        template = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, slot.SIGNALS)  # until the slot has handlers of its own
        pid = os.fork()
        if pid == 0:
            try:
                self._become_slot(descriptor, template)
            finally:
                os._exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, slot.SIGNALS)
        os.close(descriptor)
        self._slots.add(pid)
        return pid

    def _become_slot(self, descriptor: int, template: int) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._wake)
        self._connection.close()
        own = socket.socket(fileno=descriptor)
        own.set_inheritable(False)
        slot.serve(own, template)

    def _reap(self) -> None:
        """Waits for those that ended; when a slot did, ends what it left behind."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            self._slots.discard(pid)
        for process in self._strays():
            processes.send_signal(process, signal.SIGKILL)

    def _strays(self) -> list[processes.Process]:
        known = processes.everybody()
        strays = [
            each for each in known.values() if each.parent == os.getpid() and each.pid not in self._slots
        ]
        return [each for stray in strays for each in [stray, *processes.descendants(stray.pid, known)]]

    def _end(self) -> None:
        """Slots end their trees by themselves; what is left after them is ended here."""
        for pid in self._slots:
            os.kill(pid, signal.SIGTERM)  # our own children, not waited for yet: the ids are theirs
        while True:
            self._reap()
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                return


if __name__ == "__main__":
    for pool in POOLS:
        os.environ[pool] = "1"
    # Under this name the module would exist twice: here, and as compute.worker.template in the children.
    from compute.worker.template import main as run

    run(int(sys.argv[1]))
