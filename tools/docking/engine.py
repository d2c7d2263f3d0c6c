"""AutoDock Vina through its Python API: maps once per receptor and box, and docking with live progress.

Vina's Python call holds the interpreter until it is done, so nothing could tell how far it is. Each docking therefore
runs in a fork of the process that holds the loaded maps, and the parent reads the stars that Vina prints. Every ligand
starts from the same state, and a ligand on which Vina crashes takes nothing else with it.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.contract import Box, ToolFailure
from tools.docking.box import volume
from tools.docking.shelf import Shelf

SPACING = 0.375  # Å between grid points: Vina's default
#: Maps of larger boxes (Å³) cost hundreds of MB: they are computed for the ligand's own atom types, and not kept.
KEPT_VOLUME = 40**3
SHELF_BYTES = 2_000_000_000
#: Vina prints this many stars until it is done.
STARS = 51

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Docked:
    #: All poses, as Vina wrote them.
    pdbqt: str
    #: Per pose: total, inter, intra, torsions, intra of the best pose (kcal/mol).
    energies: list[list[float]]


class Engine:
    """A receptor and a box, ready for any number of ligands."""

    def __init__(
        self, receptor_pdbqt: str, box: Box, *, work: Path, cache: Path, cpus: int, seed: int
    ) -> None:
        self._box, self._work, self._cpus, self._seed = box, work, cpus, seed
        self._receptor = work / "receptor.pdbqt"
        self._receptor.write_text(receptor_pdbqt)
        self._maps = work / "maps"
        self._shelf = Shelf(cache / "vina-maps", SHELF_BYTES)
        self._vina: Any = None
        self.maps_were_kept = False

    @property
    def keeps_maps(self) -> bool:
        return volume(self._box) <= KEPT_VOLUME

    def load(self, log: Callable[[str], None]) -> None:
        """Have the maps ready: from the shelf, or computed and put there."""
        with _stdout_to(self._work / "vina-maps.txt", log):
            self._vina = self._new()
            if not self.keeps_maps:
                return
            self.maps_were_kept = self._shelf.fetch(self._key(), self._maps, self._write_maps)
            # Also after computing: the files hold three decimals, and a result must not depend on the shelf.
            # Vina refines poses against the receptor's own atoms only after it has computed maps itself; a coarse
            # map of the same box, an eighth of the points, is enough for that, and loading replaces it.
            self._vina.compute_vina_maps(list(self._box.center), self._span(), spacing=2 * SPACING)
            self._vina.load_maps(str(self._maps / "map"))

    def _new(self) -> Any:
        from vina import Vina

        vina = Vina(sf_name="vina", cpu=self._cpus, seed=self._seed, verbosity=1)
        vina.set_receptor(str(self._receptor))
        return vina

    def _key(self) -> str:
        told = json.dumps([version("vina"), "vina", SPACING, self._box.center, self._box.size])
        return hashlib.sha256(told.encode() + self._receptor.read_bytes()).hexdigest()

    def _span(self) -> list[float]:
        """Edges of the maps: Vina writes maps only with an even number of voxels."""
        return [2 * SPACING * math.ceil(edge / (2 * SPACING)) for edge in self._box.size]

    def _write_maps(self, folder: Path) -> None:
        vina = self._new()
        vina.compute_vina_maps(list(self._box.center), self._span(), spacing=SPACING, force_even_voxels=True)
        vina.write_maps(str(folder / "map"))

    def dock(
        self,
        ligands: Sequence[str],
        *,
        exhaustiveness: int,
        poses: int,
        energy_range: float,
        progress: Callable[[float], None],
        log: Callable[[str], None],
    ) -> Docked:
        """Dock one ligand, or several at the same time. Raises ToolFailure with Vina's words."""
        target = self._work / "docked.json"
        target.unlink(missing_ok=True)

        def work() -> None:
            self._vina.set_ligand_from_string(list(ligands))
            if not self.keeps_maps:
                self._vina.compute_vina_maps(list(self._box.center), list(self._box.size))
            self._vina.dock(exhaustiveness=exhaustiveness, n_poses=poses)
            energies = self._vina.energies(poses, energy_range).tolist()
            target.write_text(json.dumps([self._vina.poses(poses, energy_range), energies]))

        failure = _apart(work, _Reader(progress, log))
        if failure:
            raise ToolFailure(f"Vina failed: {failure}")
        pdbqt, energies = json.loads(target.read_text())
        if not energies:
            raise ToolFailure(
                "Vina found no pose in this box. Make it larger, or move it into the binding site."
            )
        return Docked(pdbqt, energies)


class _Reader:
    """Turns what Vina prints into progress and log lines.

    0%   10   20   30   40   50   60   70   80   90   100%
    |----|----|----|----|----|----|----|----|----|----|
    ***************************************************
    """

    def __init__(self, progress: Callable[[float], None], log: Callable[[str], None]) -> None:
        self._progress, self._log = progress, log
        self._stars = 0
        self._line = ""

    def __call__(self, text: str) -> None:
        if "*" in text:
            self._stars = min(STARS, self._stars + text.count("*"))
            self._progress(self._stars / STARS)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._log(line)


def _apart(work: Callable[[], None], told: Callable[[str], None]) -> str | None:
    """Run `work` in a fork, and tell what it prints. None when it went well, otherwise what went wrong."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _in_child(work, writing)
    os.close(writing)
    try:
        printed = _read_all(reading, told)
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return None
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return (printed.strip().splitlines() or [f"exit code {code}"])[-1]


def _in_child(work: Callable[[], None], writing: int) -> None:
    """Never returns, and never outlives its parent."""
    code = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # elsewhere the next star finds the pipe closed
        os.dup2(writing, 1)
        work()
        code = 0
    except (RuntimeError, ValueError, TypeError) as error:  # Vina's own complaints
        os.write(1, f"\n{error}\n".encode())
    finally:
        os._exit(code)


def _read_all(reading: int, told: Callable[[str], None]) -> str:
    """The last part of what was printed."""
    tail = ""
    while chunk := os.read(reading, 4096):
        text = chunk.decode("utf-8", "replace")
        told(text)
        tail = (tail + text)[-2000:]
    return tail


@contextmanager
def _stdout_to(path: Path, log: Callable[[str], None]) -> Iterator[None]:
    """Vina prints from C++: what goes to file descriptor 1 meanwhile goes into the log."""
    sys.stdout.flush()
    kept = os.dup(1)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
    for line in path.read_text(errors="replace").splitlines():
        log(line)
