from __future__ import annotations

import pytest

from tools.contract import Box
from tools.docking import box as boxes
from tools.docking.receptor import Residue

RESIDUES = [
    Residue("A:10", "ALA", ((0.0, 0.0, 0.0), (2.0, 0.0, 0.0))),
    Residue("A:11", "GLY", ((10.0, 0.0, 0.0),)),
    Residue("A:11B", "SER", ((11.0, 0.0, 0.0),)),
    Residue("B:-5", "LEU", ((0.0, 50.0, 0.0),)),
]


def test_a_box_round_points() -> None:
    assert boxes.around([(0, 0, 0), (10, 2, 4)], 4) == Box((5, 1, 2), (18, 10, 12))


def test_a_box_is_never_smaller_or_larger_than_vina_can_use() -> None:
    assert boxes.around([(0, 0, 0)], 0).size == (8, 8, 8)
    assert boxes.around([(0, 0, 0), (500, 0, 0)], 5).size == (70, 10, 10)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("A:10", ["A:10"]),
        ("A:10, A:11", ["A:10", "A:11", "A:11B"]),  # without a code, every residue of that number
        ("A:11B", ["A:11B"]),
        ("A:10-11", ["A:10", "A:11", "A:11B"]),
        ("B:-5", ["B:-5"]),
        ("B:-9--1", ["B:-5"]),
        (" A:10 ;B:-5 ", ["A:10", "B:-5"]),
    ],
)
def test_chosen_residues(text: str, chosen: list[str]) -> None:
    assert [residue.id for residue in boxes.choose_residues(text, RESIDUES)] == chosen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Name the residues"),
        ("315", "is not a residue"),
        ("A:x", "is not a residue"),
        ("A:99", r"no residue A:99\. It has A:10 to A:11, B:-5 to B:-5"),
        ("C:10", "no residue C:10"),
    ],
)
def test_residues_that_are_not_there_are_told(text: str, told: str) -> None:
    with pytest.raises(boxes.BadBox, match=told) as raised:
        boxes.choose_residues(text, RESIDUES)
    assert raised.value.problem.field == "residues"


def test_an_empty_box_says_how_far_the_receptor_is() -> None:
    (problem,) = boxes.problems(Box((30, 0, 0), (10, 10, 10)), [(0, 0, 0), (2, 0, 0)])
    assert (
        problem.field == "center"
        and "nearest is 23.0 Å away" in problem.message
        and "1.0, 0.0, 0.0" in problem.message
    )
    assert boxes.problems(Box((6, 0, 0), (10, 10, 10)), [(2, 0, 0)]) == []


def test_a_huge_box_at_low_exhaustiveness_is_warned_of() -> None:
    atoms = [(float(n), 0.0, 0.0) for n in range(-15, 15)]
    huge = Box((0, 0, 0), (60, 60, 60))
    assert "set exhaustiveness to 64" in boxes.warnings(huge, atoms, 8)[0]
    assert boxes.warnings(huge, atoms, 64) == []
    assert boxes.warnings(Box((0, 0, 0), (30, 30, 30)), atoms, 8) == []
    assert "Only 3 receptor atoms" in boxes.warnings(Box((0, 0, 0), (2, 8, 8)), atoms, 8)[0]


def test_length_is_the_largest_distance() -> None:
    assert boxes.length([(0, 0, 0), (3, 4, 0), (1, 1, 0)]) == pytest.approx(5)
    assert boxes.length([(0, 0, 0)]) == 0


def test_residues_without_a_number_are_passed_over() -> None:
    odd = [*RESIDUES, Residue("A:?", "LIG", ((0.0, 0.0, 0.0),))]
    with pytest.raises(boxes.BadBox, match=r"no residue A:99\. It has A:10 to A:11"):
        boxes.choose_residues("A:99", odd)
    with pytest.raises(boxes.BadBox, match="None of its residues has a number"):
        boxes.choose_residues("A:99", odd[-1:])


def test_a_cut_box_is_told() -> None:
    cut = boxes.around([(0, 0, 0), (500, 0, 0)], 5)
    assert any("was cut to 70 Å" in told for told in boxes.warnings(cut, [], 64, fitted=True))
    assert not any("was cut" in told for told in boxes.warnings(cut, [], 64))
