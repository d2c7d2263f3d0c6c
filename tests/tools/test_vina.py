"""AutoDock Vina as a tool: what is refused and why, prices, the box, the three modes, and what the result tells."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from tests.tools import running
from tests.tools import structures as real
from tools.contract import (
    Box,
    Finished,
    Given,
    InputFailure,
    LocalFile,
    Result,
    StructurePanel,
    TablePanel,
    TextPanel,
)
from tools.vina import TOOL

SMALL_BOX = {"center": list(real.SITE), "size": [12, 12, 12]}
QUICK = {**SMALL_BOX, "exhaustiveness": 1, "poses": 2, "check_poses": 1}


def text(content: str, name: str) -> dict[str, str]:
    return {"text": content, "name": name}


def inputs(ligands: str = "CCO ethanol\n", receptor: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "receptor": text(receptor or real.receptor(), "1s3v.pdb"),
        "ligands": [text(ligands, "ligands.smi")],
        **more,
    }


def problems(tmp_path: Path, given: dict[str, Any], settings: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p.field, p.message) for p in TOOL.check(running.given(TOOL, given, settings, tmp_path))]


def run(
    tmp_path: Path, given: dict[str, Any], settings: dict[str, Any], **options: Any
) -> tuple[Result, Any, Any]:
    job = running.LocalJob(running.given(TOOL, given, settings, tmp_path / "in"), tmp_path / "job", **options)
    result = TOOL.run(job)
    return result, running.judge(TOOL, job, result), job


def rows(result: Result, table: str) -> list[dict[str, Any]]:
    found = next(each for each in result.tables if each.name == table)
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


class TestCheck:
    @pytest.mark.parametrize(
        ("receptor", "name", "told"),
        [
            (">a\nACGT\n", "x.pdb", "x.pdb is a FASTA file"),
            ("HEADER    X\nREMARK   1 NOTHING\nEND\n", "x.pdb", "holds no atoms"),
            ("words\n", "x.pdb", "plain text"),
            (real.hetatm("HOH", "O", "O", real.SITE) + "END\n", "x.pdb", "nothing to dock against"),
            ("data_x\n_entry.id x\n", "x.cif", "holds no atoms"),
        ],
    )
    def test_bad_receptors(self, tmp_path: Path, receptor: str, name: str, told: str) -> None:
        found = problems(tmp_path, {**inputs(), "receptor": text(receptor, name)}, SMALL_BOX)
        assert [field for field, _ in found] == ["receptor"] and told in found[0][1]

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"", "x.pdb"),
            (bytes(range(256)) * 9, "x.pdb"),
            (gzip.compress(b"A" * 400_000_000, 1), "x.pdb.gz"),
        ],
        ids=["empty", "noise", "bomb"],
    )
    def test_bad_files(self, tmp_path: Path, content: bytes, name: str) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        (found,) = problems(tmp_path, {**inputs(), "receptor": path}, SMALL_BOX)
        assert found[0] == "receptor"

    @pytest.mark.parametrize(
        ("ligands", "mode", "field", "told"),
        [
            ("nonsense x\n", "single", "ligands", "“nonsense” is not a valid SMILES"),
            ("CCO\nCCC\n", "single", "ligands", "Choose batch or simultaneous"),
            ("C\n" * 11, "batch", "ligands", "More than 10 ligands"),
            ("C\n" * 11, "simultaneous", "ligands", "More than 10 ligands"),
            ("CCO\n", "simultaneous", "mode", "at least two"),
            ("CCO\nnonsense\n", "simultaneous", "ligands", "not a valid SMILES"),
            ("nonsense\nrubbish\n", "batch", "ligands", "not a valid SMILES"),
            ("[Fe]\n", "single", "ligands", "no parameters for Fe"),
            ("C" * 200 + "\n", "single", "ligands", "200 heavy atoms"),
            ("# only a comment\n", "single", "ligands", "holds no ligand"),
        ],
    )
    def test_bad_ligands(self, tmp_path: Path, ligands: str, mode: str, field: str, told: str) -> None:
        found = problems(tmp_path, inputs(ligands), {**SMALL_BOX, "mode": mode})
        assert found and {each for each, _ in found} == {field} and told in found[0][1]

    def test_one_bad_ligand_of_a_batch_is_no_problem(self, tmp_path: Path) -> None:
        assert problems(tmp_path, inputs("CCO\nnonsense\n"), {**SMALL_BOX, "mode": "batch"}) == []

    @pytest.mark.parametrize(
        ("settings", "field", "told"),
        [
            ({}, "center", "Give the centre of the box"),
            ({"center": [500, 500, 500]}, "center", "No receptor atom lies in the box"),
            ({"box_from": "residues"}, "residues", "Name the residues"),
            ({"box_from": "residues", "residues": "A:9999"}, "residues", "no residue A:9999"),
            ({"box_from": "ligand"}, "reference_ligand", "holds no ligand"),
            ({**SMALL_BOX, "chains": "Q"}, "receptor", "no chain Q"),
        ],
    )
    def test_bad_boxes(self, tmp_path: Path, settings: dict[str, Any], field: str, told: str) -> None:
        (found,) = problems(tmp_path, inputs(), settings)
        assert found[0] == field and told in found[1]

    @pytest.mark.parametrize(
        "settings",
        [
            {"center": [float("nan"), 0, 0]},
            {"center": [float("inf"), 0, 0]},
            {"center": [0, 0]},
            {"size": [0, 20, 20]},
            {"size": [500, 20, 20]},
            {"exhaustiveness": 0},
            {"exhaustiveness": 10**9},
            {"energy_range": -1},
            {"mode": "all"},
            {"seed": -1},
        ],
        ids=str,
    )
    def test_bad_numbers_are_refused_by_the_model(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            TOOL.Settings.model_validate(settings)

    def test_a_reference_without_coordinates_is_refused(self, tmp_path: Path) -> None:
        flat = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
        found = problems(tmp_path, inputs(reference_ligand=text(flat, "flat.sdf")), {"box_from": "ligand"})
        assert found[0][0] == "reference_ligand" and "no 3D coordinates" in found[0][1]

    def test_a_ligand_longer_than_the_box_is_left_to_bend(self, tmp_path: Path) -> None:
        moved = real.ligand().replace("\n   -0.0220   32.0840", "\n   60.0220   32.0840")
        assert moved != real.ligand()
        for mode in ("single", "batch"):
            given = {**inputs(), "ligands": [text(moved, "x.sdf")]}
            assert problems(tmp_path, given, {**SMALL_BOX, "mode": mode}) == []

    def test_residues_in_the_box_that_lack_atoms_are_an_error_unless_allowed(self, tmp_path: Path) -> None:
        given = inputs(receptor=real.without_atoms("A 115", "CB"))
        (found,) = problems(tmp_path, given, SMALL_BOX)
        assert found[0] == "receptor" and "A:115 (lacks CB)" in found[1]
        assert problems(tmp_path, given, {**SMALL_BOX, "allow_incomplete": True}) == []

    def test_a_modified_residue_in_the_box_is_an_error_and_no_ligand(self, tmp_path: Path) -> None:
        modified = "\n".join(
            "HETATM" + line[6:17] + "KCX" + line[20:]
            if line.startswith("ATOM") and line[21:26] == "A 115"
            else line
            for line in real.receptor().splitlines()
        )
        given = inputs(receptor=modified)
        (found,) = problems(tmp_path, given, SMALL_BOX)
        assert found[0] == "receptor" and "KCX A:115" in found[1]
        assert problems(tmp_path, given, {**SMALL_BOX, "allow_incomplete": True}) == []
        (found,) = problems(tmp_path, given, {"box_from": "ligand"})
        assert found[0] == "reference_ligand" and "holds no ligand" in found[1]


@pytest.mark.parametrize(
    ("ligands", "settings", "credits"),
    [
        ("CCO\n", {}, 5),
        ("CCO\n", {"exhaustiveness": 1}, 5),
        ("CCO\n", {"exhaustiveness": 32}, 14),
        ("CCO\nnonsense\nCCC\n", {"mode": "batch"}, 11),
        ("CCO\n" * 10, {"mode": "batch", "exhaustiveness": 64}, 242),
        ("CCO\nCCC\n", {"mode": "simultaneous"}, 8),
    ],
)
def test_price(tmp_path: Path, ligands: str, settings: dict[str, Any], credits: int) -> None:
    lines = list(TOOL.price(running.given(TOOL, inputs(ligands), settings, tmp_path)))
    assert sum(line.credits for line in lines) == credits
    assert len({line.label for line in lines}) == len(lines)


class TestPreview:
    def preview(self, tmp_path: Path, given: dict[str, Any], settings: dict[str, Any]) -> StructurePanel:
        assert TOOL.preview
        (panel,) = TOOL.preview(running.given(TOOL, given, settings, tmp_path))
        assert isinstance(panel, StructurePanel) and panel.layers[0].text and "ATOM" in panel.layers[0].text
        return panel

    def test_a_box_by_hand(self, tmp_path: Path) -> None:
        assert self.preview(tmp_path, inputs(), SMALL_BOX).box == Box(real.SITE, (12, 12, 12))

    def test_a_box_round_the_reference_ligand_shows_it(self, tmp_path: Path) -> None:
        given = inputs(reference_ligand=text(real.ligand(), "crystal.sdf"))
        panel = self.preview(tmp_path, given, {"box_from": "ligand", "padding": 4})
        assert panel.box and [layer.role for layer in panel.layers] == ["receptor", "reference"]
        assert panel.box.center == pytest.approx(real.SITE, abs=1)

    def test_a_box_round_the_only_ligand_of_the_receptor_file(self, tmp_path: Path) -> None:
        atoms = [real.hetatm("LIG", f"C{n}", "C", (real.SITE[0] + n, *real.SITE[1:])) for n in range(8)]
        given = inputs(receptor=real.with_lines(*atoms))
        panel = self.preview(tmp_path, given, {"box_from": "ligand", "padding": 2})
        assert panel.box and panel.box.size == pytest.approx((11, 8, 8), abs=0.01)
        assert (
            self.preview(tmp_path, given, {"box_from": "residues", "residues": "B:1", "padding": 2}).box
            == panel.box
        )

    def test_without_a_box_the_receptor_is_shown_with_what_is_missing(self, tmp_path: Path) -> None:
        panel = self.preview(tmp_path, inputs(), {})
        assert panel.box is None and "Give the centre" in panel.note

    def test_a_box_in_the_void_is_told(self, tmp_path: Path) -> None:
        assert (
            "No receptor atom lies in the box"
            in self.preview(tmp_path, inputs(), {"center": [500, 0, 0]}).note
        )

    def test_a_bad_receptor_is_a_sentence(self, tmp_path: Path) -> None:
        assert TOOL.preview
        given = running.given(TOOL, {**inputs(), "receptor": text(">a\nA\n", "x.pdb")}, {}, tmp_path)
        with pytest.raises(InputFailure, match="FASTA"):
            TOOL.preview(given)


class TestRun:
    def test_a_batch_docks_the_good_and_tells_the_bad(self, tmp_path: Path) -> None:
        given = inputs("CCO ethanol\nnonsense bad\nCC(=O)[O-].[Na+] acetate\n")
        result, panels, job = run(tmp_path, given, {**QUICK, "mode": "batch"})
        assert result.failed_items == ["Ligand bad"]
        labels = [line.label for line in TOOL.price(job.given)]
        assert set(result.failed_items) <= set(labels), "the refund finds its price line"
        listed = {row["ligand"]: row for row in rows(result, "ligands")}
        assert [row["status"] for row in listed.values()] == ["ok", "failed", "ok"]
        assert "not a valid SMILES" in listed["bad"]["reason"] and "[Na+]" in listed["acetate"]["notes"]
        assert {row["ligand"] for row in rows(result, "poses")} == {"ethanol", "acetate"}
        assert any("bad (line 2 of ligands.smi) was not docked" in warning for warning in result.warnings)
        assert any(isinstance(panel, TablePanel) and panel.table == "ligands" for panel in panels)
        assert job.steps == list(TOOL.steps)
        fractions = [fraction for step, fraction, _ in job.told if step == "Dock"]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(fractions) > 50

        records = [mol for mol in Chem.SDMolSupplier(str(job.out / "ethanol.sdf"))]
        own = [row for row in rows(result, "poses") if row["ligand"] == "ethanol"]
        assert [float(mol.GetProp("affinity_kcal_per_mol")) for mol in records] == [
            row["affinity"] for row in own
        ]
        assert own[0]["rmsd_ub"] == 0 and own[0]["plausible"] is True and own[0]["affinity"] < 0
        assert Chem.MolToSmiles(records[0]) == "CCO"

        again, _, second = run(tmp_path / "again", given, {**QUICK, "mode": "batch"}, cache=job.cache, cpus=1)
        assert "Maps taken from an earlier job." in second.lines
        assert "Receptor taken from an earlier job." in second.lines
        third, _, _ = run(tmp_path / "third", given, {**QUICK, "mode": "batch"}, cache=job.cache, cpus=1)
        assert rows(again, "poses") == rows(third, "poses"), "on one CPU a seed repeats exactly"

    def test_simultaneous_energies_belong_to_the_set(self, tmp_path: Path) -> None:
        result, panels, job = run(tmp_path, inputs("CCO a\nCC(N)=O b\n"), {**QUICK, "mode": "simultaneous"})
        assert {row["ligand"] for row in rows(result, "poses")} == {"set"}
        assert rows(result, "poses")[0]["plausible"] is True
        assert len({row["best_affinity"] for row in rows(result, "ligands")}) == 1
        pose = next(iter(Chem.SDMolSupplier(str(job.out / "poses" / "set" / "pose_01.sdf"))))
        assert sorted(Chem.MolToSmiles(pose).split(".")) == ["CC(N)=O", "CCO"]
        notes = " ".join(panel.note for panel in panels if isinstance(panel, TablePanel))
        assert "belong to the set" in notes and "not to a crystal" in notes

    def test_a_ligand_that_hardly_fits_is_warned_of(self, tmp_path: Path) -> None:
        settings = {**QUICK, "size": [8, 8, 8], "check_poses": 0}
        result, _, _ = run(tmp_path, inputs("CC#CC#CC#CC#CC#CC#CC rod\n"), settings)
        assert any(
            "rod may not fit" in warning and "only when bent" in warning for warning in result.warnings
        )
        assert rows(result, "poses")[0]["plausible"] is None, "nothing was checked"

    def test_what_was_changed_is_reported(self, tmp_path: Path) -> None:
        x, y, z = real.SITE
        receptor = real.with_lines(
            real.hetatm("HOH", "O", "O", (x, y, z)),
            real.hetatm("NDP", "PA", "P", (x + 1, y, z), number=2),
            real.hetatm("ZN", "ZN", "ZN", (x, y + 9, z), number=3),
            text=real.without_atoms("A 115", "CB"),
        )
        result, panels, _ = run(
            tmp_path, inputs(receptor=receptor), {**QUICK, "allow_incomplete": True, "seed": 0}
        )
        told = " ".join(result.warnings)
        for words in (
            "Left out of the receptor, in or near the box:",
            "A:115",
            "NDP B:2",
            "1 waters",
            "ZN B:3",
        ):
            assert words in told
        report = next(
            panel for panel in panels if isinstance(panel, TextPanel) and panel.title.startswith("How")
        )
        words = report.text.replace("\\", "")
        assert "A:115" in words and "Protonation" in words and "Metal ions kept (1): ZN B:3" in words
        assert result.summary["seed"] > 0, "a random seed is recorded"

    def test_a_residue_in_the_box_that_meeko_cannot_prepare_ends_the_run(self, tmp_path: Path) -> None:
        """An atom that touches its neighbour looks like a bond, which only Meeko finds."""
        lines = real.receptor().splitlines()
        moved = next(i for i, line in enumerate(lines) if line[12:26] == " CD2 LEU A  22")
        other = next(line for line in lines if line[12:26] == " CE1 PHE A  31")
        lines[moved] = (
            lines[moved][:30] + f"{float(other[30:38]) + 1.4:8.3f}" + other[38:54] + lines[moved][54:]
        )
        given = running.given(TOOL, inputs(receptor="\n".join(lines)), QUICK, tmp_path)
        assert list(TOOL.check(given)) == []
        with pytest.raises(InputFailure, match=r"could not be prepared: .*LEU A:22"):
            TOOL.run(running.LocalJob(given, tmp_path / "job"))


@pytest.mark.parametrize(
    ("center", "box"),
    [
        ("1 2 3", Box((1.0, 2.0, 3.0), (20.0, 20.0, 20.0))),
        ([1, 2, 3], Box((1.0, 2.0, 3.0), (20.0, 20.0, 20.0))),
        (None, None),
        (7.5, None),
        ("1 2", None),
        ({"x": 1}, None),
    ],
)
def test_a_result_of_another_form_is_drawn_without_a_box(
    tmp_path: Path, center: Any, box: Box | None
) -> None:
    (tmp_path / "report.json").write_text('{"report": {}}')
    summary = {"box_center": center, "box_size": "20 20 20"}
    pose = {"ligand": "x", "pose": 1, "affinity": -7.0, "plausible": None}
    finished = Finished({}, {}, summary, (), tmp_path, lambda table: [pose] if table == "poses" else [])
    (scene,) = (panel for panel in TOOL.view(finished) if isinstance(panel, StructurePanel))
    assert scene.box == box


@pytest.mark.parametrize(("mode", "refused"), [("batch", False), ("single", True)])
def test_on_a_plate_an_atom_that_vina_cannot_type_is_told_at_its_line(
    tmp_path: Path, mode: str, refused: bool
) -> None:
    """The mode batch leaves it to the program; the others refuse it, as a single job does."""
    assert TOOL.batch is not None
    receptor, ligands = tmp_path / "x.pdb", tmp_path / "list.smi"
    receptor.write_text("END\n")
    ligands.write_text("CCO ethanol\nC[Se]C selenide\n")
    local = {
        "receptors": [LocalFile(receptor, receptor.name, "pdb")],
        "ligands": [LocalFile(ligands, ligands.name, "smiles")],
    }
    given = Given(
        TOOL.batch.Inputs.model_validate({name: [{"file": name}] for name in local}),
        TOOL.Settings.model_validate({"mode": mode}),
        local,
    )
    good, strange = TOOL.batch.split(given)
    assert (good.problem, good.doubt) == ("", "")
    assert strange.where == "line 2 of list.smi"
    assert strange.problem == ("selenide cannot be docked: Vina has no parameters for Se." if refused else "")
    assert ("most likely fail" in strange.doubt) != refused
