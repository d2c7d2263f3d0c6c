"""The worker's side of the template: starts it, asks it for slots, keeps them for the next run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from compute.messages import Lines, encode
from compute.worker.template import POOLS
from tools import engines

#: The template's imports on a cold disk, in seconds.
START_S = 120.0

#: The template ends its slots and itself when its socket closes; after this it is killed, in seconds.
END_S = 10.0

ROOT = Path(__file__).resolve().parents[2]

#: What the template keeps of the worker's environment; nothing in it is secret.
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", engines.VARIABLE)


class SlotLost(Exception):
    """The slot or the template died: its run is gone."""


class TemplateFailed(Exception):
    """The template did not start; its own words are in the worker's log."""


class SlotHandle:
    """One end of the conversation with a slot."""

    def __init__(self, connection: socket.socket, pid: int, imports: tuple[str, ...] = ()) -> None:
        self.pid = pid
        self.imports = imports
        self._connection = connection
        self._lines = Lines()
        self._sending = threading.Lock()

    def prepare(self) -> None:
        if self.imports:
            self._send({"import": self.imports})

    def carry_out(self, spec: dict[str, Any]) -> None:
        self._send({"run": spec})

    def stop(self, reason: str) -> None:
        self._send({"stop": reason})

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the slot says; ends after the report. Raises SlotLost."""
        while True:
            try:
                data = self._connection.recv(1 << 16)
            except OSError as error:
                raise SlotLost(f"the connection to the slot broke: {error}") from error
            if not data:
                raise SlotLost("the process that runs jobs was killed")
            for message in self._lines.feed(data):
                yield message
                if "report" in message:
                    return

    def close(self) -> None:
        """The slot sees the end of its socket, kills its tree and ends."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it is gone already

    def release(self) -> None:
        self._connection.close()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            with self._sending:
                self._connection.sendall(encode(message))
        except OSError as error:
            raise SlotLost(f"the slot does not listen: {error}") from error


class Slots:
    """The template, and the slots that wait for a run."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._free: dict[tuple[str, ...], list[SlotHandle]] = {}
        self._template: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._closed = False

    @property
    def template_pid(self) -> int | None:
        return self._template.pid if self._template else None

    def start(self) -> None:
        """Starts the template and waits until it is ready. Raises TemplateFailed."""
        with self._lock:
            self._start()

    def take(self, imports: tuple[str, ...] = ()) -> SlotHandle:
        """A free slot with these imports, or a new one. Starts a template that died. Raises TemplateFailed."""
        with self._lock:
            free = self._free.setdefault(imports, [])
            while free:
                handle = free.pop()
                if _alive(handle._connection):
                    return handle
                handle.release()
            if self._closed:
                raise TemplateFailed("the worker is closing")
            for _ in range(2):
                try:
                    return self._fork(imports)
                except (OSError, SlotLost):
                    self._log("the template died; starting it again")
                    self._start()
            raise TemplateFailed("the template died twice in a row; its reason is in the worker's log")

    def give_back(self, handle: SlotHandle) -> None:
        with self._lock:
            if not self._closed:
                self._free.setdefault(handle.imports, []).append(handle)
                return
        handle.close()
        handle.release()

    def close(self) -> None:
        """Ends the template and the free slots; slots with a run end when their run's thread closes them."""
        with self._lock:
            self._closed = True
            for handle in [each for free in self._free.values() for each in free]:
                handle.close()
                handle.release()
            self._free.clear()
            self._end_template()

    def _start(self) -> None:
        self._end_template()
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', os.defpath)}"
        environment |= {name: "1" for name in POOLS}
        with theirs:
            self._template = subprocess.Popen(
                [sys.executable, "-m", "compute.worker.template", str(theirs.fileno())],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._connection = ours
        ours.settimeout(START_S)
        try:
            answer = self._answer()
        except (OSError, SlotLost) as error:
            self._end_template()
            raise TemplateFailed(
                f"the process that starts jobs did not start ({error}); its reason is in the worker's log"
            ) from error
        assert "ready" in answer

    def _fork(self, imports: tuple[str, ...]) -> SlotHandle:
        if self._connection is None:
            raise SlotLost("there is no template")
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._connection, [b"s"], [theirs.fileno()])
                handle = SlotHandle(ours, self._answer()["forked"], imports)
                handle.prepare()
                return handle
            except (OSError, SlotLost):
                ours.close()
                raise

    def _answer(self) -> dict[str, Any]:
        """The template's next line; it never says two at once, because it is asked one thing at a time."""
        assert self._connection
        lines = Lines()
        while True:
            data = self._connection.recv(4096)
            if not data:
                raise SlotLost("the template ended")
            for message in lines.feed(data):
                return message

    def _end_template(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._template is not None:
            try:
                self._template.wait(END_S)
            except subprocess.TimeoutExpired:
                self._template.kill()
                self._template.wait()
            self._template = None


def _alive(connection: socket.socket) -> bool:
    """Whether the other end is open: a free slot says nothing, so there is nothing to read."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
