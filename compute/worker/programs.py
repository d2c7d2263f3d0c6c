"""The programs that a run starts: what they say, how far they have read, and how they end."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, cast

from compute.worker import processes
from tools import programs
from tools.contract import ToolFailure

#: Lines of a failed program's output that its error repeats.
LAST_LINES = 6

#: How often a program's place in its files is looked at, in seconds.
LOOK_EVERY = 0.5

#: What a program that failed has to end by itself when its reader stumbles over what it left, in seconds.
OWN_END = 0.2

#: Bytes of a program's output that are read at once.
_BUFFER = 1 << 18

#: SIGXFSZ as it comes through: itself, from a shell, from a Python wrapper (bowtie2-build), in Perl's words (bowtie2).
_FILE_TOO_LARGE = {-signal.SIGXFSZ, 128 + signal.SIGXFSZ, 256 - signal.SIGXFSZ}
_FILE_TOO_LARGE_WORDS = "signal 25 (XFSZ)"


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class LimitFailure(ToolFailure):
    """Memory, disk or file size ran out."""


class Programs:
    """Runs programs in one working folder; tools.contract.RunningJob says what the two ways promise."""

    def __init__(self, work: Path, log: Callable[[str], None], progress: Callable[[float], None]) -> None:
        self._work = work
        self._log = log
        self._progress = progress
        self._versions: set[str] = set()

    @property
    def versions(self) -> list[str]:
        """Of the programs that were started so far, as `bowtie2 2.5.0`."""
        return [programs.version(name) for name in sorted(self._versions)]

    def command(
        self,
        arguments: Sequence[str | Path],
        on_line: Callable[[str], None] | None,
        reads: Sequence[Path],
        quiet: bool,
        part: tuple[int, int] = (1, 1),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        with self._running(arguments, subprocess.STDOUT, environment) as (program, last):
            with self._watched(program, reads, part), _ended_by_an_exception(program):
                for line in _lines(program.stdout):
                    last.append(line)
                    if not quiet:
                        self._log(line)
                    if on_line:
                        on_line(line)

    @contextmanager
    def stream(
        self, arguments: Sequence[str | Path], reads: Sequence[Path], part: tuple[int, int] = (1, 1)
    ) -> Iterator[BinaryIO]:
        with self._running(arguments, subprocess.PIPE) as (program, last):
            output = cast(BinaryIO, program.stdout)
            with (
                self._heard(program, last),
                self._watched(program, reads, part),
                _ended_by_an_exception(program),
            ):
                yield output
                while output.read(_BUFFER):
                    pass

    @contextmanager
    def _running(
        self, arguments: Sequence[str | Path], errors: int, environment: Mapping[str, str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], deque[str]]]:
        """The program, and where its last lines go, by which its failure is told."""
        words = [str(each) for each in arguments]
        name = Path(words[0]).name
        self._log("$ " + " ".join(words))
        self._log_version(words[0])
        last: deque[str] = deque(maxlen=LAST_LINES)
        started = time.monotonic()
        program = self._started(words, errors, environment)
        try:
            with program:
                yield program, last
        except Exception as error:
            if _stumbled(error, program.returncode):
                raise _failure(name, program.returncode, last) from error
            raise
        finally:
            self._log(f"# {name} ended with {program.returncode} after {time.monotonic() - started:.2f} s")
        if program.returncode:
            raise _failure(name, program.returncode, last)

    def _started(
        self, words: list[str], errors: int, environment: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                words,
                cwd=self._work,
                env=os.environ | environment if environment else None,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=_BUFFER,
                preexec_fn=processes.die_with_parent,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ToolFailure(f"The program {words[0]} could not be started: {error.strerror}.") from error

    def _log_version(self, name: str) -> None:
        if name in self._versions:
            return
        self._versions.add(name)
        version = programs.version(name)
        if version != name:
            self._log(f"# {version}")

    @contextmanager
    def _heard(self, program: subprocess.Popen[bytes], last: deque[str]) -> Iterator[None]:
        """What it says on standard error goes into the log meanwhile."""

        def listen() -> None:
            for line in _lines(program.stderr):
                last.append(line)
                self._log(line)

        with _thread(listen):
            yield

    @contextmanager
    def _watched(
        self, program: subprocess.Popen[bytes], reads: Sequence[Path], part: tuple[int, int]
    ) -> Iterator[None]:
        """Progress by its place in the files that it reads."""
        if not reads:
            yield
            return
        over = threading.Event()
        reading = Reading(reads)
        number, programs_in_step = part

        def look() -> None:
            while not over.wait(LOOK_EVERY):
                fraction = reading.look(program.pid)
                if fraction is not None:
                    self._progress((number - 1 + fraction) / programs_in_step)

        with _thread(look):
            try:
                yield
            finally:
                over.set()


class Reading:
    """How far a program and its descendants have come in some files, which are read in this order or at once."""

    def __init__(self, files: Sequence[Path]) -> None:
        found = [file.stat() for file in files]
        self._places = {(each.st_dev, each.st_ino): place for place, each in enumerate(found)}
        self._sizes = [each.st_size for each in found]
        self._last = -1

    def look(self, root: int) -> float | None:
        """Share of the bytes that were read by now; None before any of the files was opened."""
        positions = self._positions(root)
        self._last = max(self._last, *positions, -1)
        if self._last < 0:
            return None
        # What comes before an open file, and is not open itself, was read to its end.
        done = sum(
            min(size, positions.get(place, size)) for place, size in enumerate(self._sizes[: self._last + 1])
        )
        return done / max(1, sum(self._sizes))

    def _positions(self, root: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for pid in [root, *(each.pid for each in processes.descendants(root))]:
            for (device, inode), position in processes.open_files(pid):
                place = self._places.get((device, inode))
                if place is not None:
                    found[place] = max(position, found.get(place, 0))
        return found


def _lines(output: IO[bytes] | None) -> Iterator[str]:
    """Lines as they come; a carriage return ends one too, as progress bars write it."""
    for line in io.TextIOWrapper(cast(BinaryIO, output), encoding="utf-8", errors="replace"):
        yield _COLOURS.sub("", line.rstrip("\n"))


@contextmanager
def _thread(work: Callable[[], None]) -> Iterator[None]:
    """Runs beside the block, and has ended when the block has."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def _ended_by_an_exception(program: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(subprocess.TimeoutExpired):
            program.wait(OWN_END)
        end(program)
        raise


def end(program: subprocess.Popen[bytes]) -> None:
    """Ends it with everything below it: bowtie2 is a Perl script that starts the real one.

    They are halted first, parents before children, so that none starts another or is left to the init process.
    """
    if program.poll() is not None:
        return
    root = processes.read(program.pid)
    halted: dict[tuple[int, int], processes.Process] = {}
    while root:
        tree = [root, *processes.descendants(program.pid)]
        new = [each for each in tree if (each.pid, each.started) not in halted]
        if not new:
            break
        for each in new:
            processes.send_signal(each, signal.SIGSTOP)
            halted[each.pid, each.started] = each
    for each in halted.values():
        processes.send_signal(each, signal.SIGKILL)
    program.wait()
    processes.wait_gone(halted.values(), timeout_s=5)


def _stumbled(error: Exception, code: int) -> bool:
    """Whether the reader's error only follows from the program's own failure, and is no sentence of the tool."""
    return not isinstance(error, ToolFailure) and code not in (0, -signal.SIGKILL)


def _failure(name: str, code: int, last: Sequence[str]) -> ToolFailure:
    said = " / ".join(line.strip() for line in last if line.strip())
    if code in _FILE_TOO_LARGE or _FILE_TOO_LARGE_WORDS in said:
        return LimitFailure(f"{name} wrote a file that is larger than this job may write.")
    if os.strerror(errno.ENOSPC) in said:
        return LimitFailure("The disk of the worker is full.")
    if code < 0:
        how = f"was ended by signal {-code} ({signal.strsignal(-code)})"
    else:
        how = f"ended with exit code {code}"
    return ToolFailure(f"{name} {how}. Its last lines: {said}" if said else f"{name} {how} and said nothing.")
