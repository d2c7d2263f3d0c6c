"""Kept maps, live progress and isolation of the docking engine, with the real Vina."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools import structures as real
from tools.contract import Box, LocalFile, ToolFailure
from tools.docking import engine as engines
from tools.docking import ligands, receptor
from tools.docking.engine import Docked, Engine
from tools.docking.shelf import Shelf

BOX = Box(real.SITE, (10.0, 10.0, 10.0))


@pytest.fixture(scope="module")
def receptor_pdbqt(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("receptor") / "receptor"
    path.write_text(real.receptor())
    return receptor.prepare(receptor.select(receptor.read(LocalFile(path, "x.pdb", "pdb"))).pdb).pdbqt


def pdbqt(tmp_path: Path, smiles: str = "CCO") -> str:
    path = tmp_path / "x"
    path.write_text(smiles)
    (ligand,) = ligands.read([LocalFile(path, "x.smi", "smiles")], 1)
    ligands.prepare(ligand, 7)
    assert ligand.pdbqt
    return ligand.pdbqt


def engine(receptor_pdbqt: str, tmp_path: Path, name: str, *, box: Box = BOX, cpus: int = 1) -> Engine:
    work = tmp_path / name
    work.mkdir()
    made = Engine(receptor_pdbqt, box, work=work, cache=tmp_path / "cache", cpus=cpus, seed=7)
    made.load(lambda line: None)
    return made


def dock(made: Engine, *texts: str, told: Callable[[float], None] = lambda f: None) -> Docked:
    return made.dock(texts, exhaustiveness=1, poses=3, energy_range=3.0, progress=told, log=lambda line: None)


def test_kept_maps_give_the_very_same_poses_as_computed_ones(receptor_pdbqt: str, tmp_path: Path) -> None:
    text = pdbqt(tmp_path)
    first = engine(receptor_pdbqt, tmp_path, "first")
    second = engine(receptor_pdbqt, tmp_path, "second")
    assert (first.maps_were_kept, second.maps_were_kept) == (False, True)
    assert dock(first, text) == dock(second, text)


def test_maps_from_files_score_as_vina_alone_does(receptor_pdbqt: str, tmp_path: Path) -> None:
    """The files hold three decimals, and poses are refined against the receptor's atoms all the same."""
    from vina import Vina

    text = pdbqt(tmp_path, "c1ccccc1C(=O)O")
    ours = dock(engine(receptor_pdbqt, tmp_path, "ours"), text)
    alone = Vina(sf_name="vina", cpu=1, seed=7, verbosity=0)
    alone.set_receptor(str(tmp_path / "ours" / "receptor.pdbqt"))
    alone.compute_vina_maps(list(BOX.center), list(BOX.size), force_even_voxels=True)
    alone.set_ligand_from_string(text)
    alone.dock(exhaustiveness=1, n_poses=3)
    assert ours.energies[0][0] == pytest.approx(float(alone.energies(1)[0][0]), abs=0.05)


def test_another_box_or_receptor_has_maps_of_its_own(receptor_pdbqt: str, tmp_path: Path) -> None:
    engine(receptor_pdbqt, tmp_path, "first")
    moved = Box((BOX.center[0] + 1, *BOX.center[1:]), BOX.size)
    assert not engine(receptor_pdbqt, tmp_path, "moved", box=moved).maps_were_kept
    changed = receptor_pdbqt.replace("VAL", "ALA", 1)
    assert not engine(changed, tmp_path, "changed").maps_were_kept


def test_a_large_box_is_docked_without_keeping_maps(
    receptor_pdbqt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "KEPT_VOLUME", 100)
    made = engine(receptor_pdbqt, tmp_path, "large")
    assert dock(made, pdbqt(tmp_path)).energies and not any((tmp_path / "cache" / "vina-maps").iterdir())


def test_progress_comes_while_vina_runs(receptor_pdbqt: str, tmp_path: Path) -> None:
    told: list[float] = []
    made = engine(receptor_pdbqt, tmp_path, "first")

    def progress(fraction: float) -> None:
        # The docking is another process, which writes its poses only at its end.
        told.append(fraction)
        if fraction < 0.9:
            assert not (tmp_path / "first" / "docked.json").exists()

    dock(made, pdbqt(tmp_path, "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O"), told=progress)
    assert len(told) > 10 and told == sorted(told) and told[0] < 0.2 and told[-1] == 1.0


def test_a_ligand_that_vina_refuses_fails_alone(receptor_pdbqt: str, tmp_path: Path) -> None:
    made = engine(receptor_pdbqt, tmp_path, "first")
    with pytest.raises(ToolFailure, match="Vina failed"):
        dock(made, "this is no PDBQT\n")
    assert dock(made, pdbqt(tmp_path)).energies


def test_a_docking_that_is_killed_is_told(tmp_path: Path) -> None:
    assert engines._apart(lambda: os.kill(os.getpid(), 9), lambda text: None) == "it was ended by SIGKILL"


def test_the_docking_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """The parent is killed while its docking would go on for ever."""
    script = (
        "import os, signal; from tools.docking.engine import _apart\n"
        "_apart(lambda: (os.write(1, str(os.getpid()).encode()), signal.pause()),"
        " lambda text: (os.write(1, text.encode()), os.kill(os.getpid(), 9)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == -9
    assert gone(int(done.stdout))


def gone(pid: int) -> bool:
    """Whether a process that is not our child has ended, or ends within ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_output_of_the_docking_is_told_and_its_last_line_is_the_reason() -> None:
    told: list[str] = []

    def fails() -> None:
        os.write(1, b"first words\n")
        raise RuntimeError("the reason")

    assert engines._apart(fails, told.append) == "the reason"
    assert "first words" in "".join(told)


def test_nothing_is_printed_to_our_own_standard_output(
    receptor_pdbqt: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dock(engine(receptor_pdbqt, tmp_path, "first"), pdbqt(tmp_path))
    assert capfd.readouterr().out == ""


class TestShelf:
    @staticmethod
    def make(size: int) -> Callable[[Path], None]:
        return lambda folder: (folder / "map").write_bytes(b"x" * size) and None  # type: ignore[return-value]

    def test_the_longest_unused_goes_first(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "shelf", 250)
        for number, key in enumerate(("a", "b")):
            shelf.fetch(key, tmp_path / "into", self.make(100))
            os.utime(tmp_path / "shelf" / key, (number, number))
        assert shelf.fetch("a", tmp_path / "into", self.make(100)), "a use makes it young again"
        shelf.fetch("c", tmp_path / "into", self.make(100))
        assert sorted(path.name for path in (tmp_path / "shelf").iterdir()) == ["a", "c"]

    def test_one_that_is_too_large_is_still_given(self, tmp_path: Path) -> None:
        assert not Shelf(tmp_path / "shelf", 10).fetch("a", tmp_path / "into", self.make(100))
        assert (tmp_path / "into" / "map").stat().st_size == 100

    def test_what_was_taken_outlives_its_removal(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "shelf", 150)
        shelf.fetch("a", tmp_path / "mine", self.make(100))
        os.utime(tmp_path / "shelf" / "a", (0, 0))
        shelf.fetch("b", tmp_path / "other", self.make(100))
        assert (
            not (tmp_path / "shelf" / "a").exists() and (tmp_path / "mine" / "map").read_bytes() == b"x" * 100
        )

    def test_a_failed_making_leaves_nothing(self, tmp_path: Path) -> None:
        def fail(folder: Path) -> None:
            (folder / "half").write_text("half")
            raise ToolFailure("no")

        shelf = Shelf(tmp_path / "shelf", 1000)
        with pytest.raises(ToolFailure):
            shelf.fetch("a", tmp_path / "into", fail)
        assert list((tmp_path / "shelf").iterdir()) == []

    def test_left_overs_of_a_job_that_died_go_after_a_day(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path / "shelf", 1000)
        for name, age in ((".old", 0), (".new", None)):
            (tmp_path / "shelf" / name).mkdir()
            os.utime(tmp_path / "shelf" / name, None if age is None else (age, age))
        shelf.fetch("a", tmp_path / "into", self.make(1))
        assert sorted(path.name for path in (tmp_path / "shelf").iterdir()) == [".new", "a"]

    def test_two_jobs_at_once_both_get_whole_files(self, tmp_path: Path) -> None:
        both = threading.Barrier(2, timeout=20)

        def make(folder: Path) -> None:
            both.wait()  # each finds the shelf empty
            (folder / "map").write_bytes(b"x" * 1000)
            both.wait()

        found: list[bool] = []
        threads = [
            threading.Thread(
                target=lambda n=n: found.append(
                    Shelf(tmp_path / "shelf", 10_000).fetch("a", tmp_path / f"{n}", make)
                )
            )
            for n in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert found == [False, False]
        assert [(tmp_path / f"{n}" / "map").stat().st_size for n in range(2)] == [1000, 1000]
        assert [path.name for path in (tmp_path / "shelf").iterdir()] == ["a"]
