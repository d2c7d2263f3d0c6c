"""The docking box: by hand, around a ligand, or around residues; and what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import combinations

from tools.contract import Box, Problem
from tools.docking.receptor import Point, Residue

#: Vina itself warns above this volume (Å³) at the default exhaustiveness.
USUAL_VOLUME = 27_000
SMALLEST_EDGE = 8.0
LARGEST_EDGE = 70.0

_RESIDUES = re.compile(r"(?P<chain>[^:\s]*):(?P<first>-?\d+)(?P<code>[A-Za-z]?)(?:-(?P<last>-?\d+))?")


class BadBox(ValueError):
    """The box cannot be made: the field, and a sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(field, message)


def around(points: Sequence[Point], padding: float) -> Box:
    """The smallest box round these points with `padding` Å on every side, edges between 8 and 70 Å."""
    low = [min(point[axis] for point in points) for axis in range(3)]
    high = [max(point[axis] for point in points) for axis in range(3)]
    center = tuple(round((a + b) / 2, 3) for a, b in zip(low, high, strict=True))
    size = tuple(
        round(min(LARGEST_EDGE, max(SMALLEST_EDGE, b - a + 2 * padding)), 3)
        for a, b in zip(low, high, strict=True)
    )
    return Box(center, size)  # type: ignore[arg-type]


def choose_residues(text: str, residues: Sequence[Residue]) -> list[Residue]:
    """The residues that "A:315, A:317-320" names. Raises BadBox naming what is not there."""
    parts = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    if not parts:
        raise BadBox("residues", "Name the residues round which the box goes, such as A:315, A:317-320.")
    chosen: list[Residue] = []
    for part in parts:
        match = _RESIDUES.fullmatch(part)
        if not match:
            raise BadBox(
                "residues", f"“{part[:40]}” is not a residue. Write chain and number, such as A:315."
            )
        found = [residue for residue in residues if _matches(residue, match)]
        if not found:
            raise BadBox("residues", f"The receptor has no residue {part[:40]}. {_present(residues)}")
        chosen += found
    return chosen


def _matches(residue: Residue, wanted: re.Match[str]) -> bool:
    chain, _, number = residue.id.rpartition(":")
    found = re.fullmatch(r"(-?\d+)([A-Za-z]?)", number)
    if found is None or chain != wanted["chain"]:
        return False
    first, last = int(wanted["first"]), int(wanted["last"] or wanted["first"])
    if not first <= int(found[1]) <= last:
        return False
    return not wanted["code"] or found[2] == wanted["code"]


def _present(residues: Sequence[Residue]) -> str:
    spans: dict[str, list[int]] = {}
    for residue in residues:
        chain, _, number = residue.id.rpartition(":")
        digits = re.match(r"-?\d+", number)
        if digits:  # mmCIF may hold residues without a number
            spans.setdefault(chain, []).append(int(digits[0]))
    told = ", ".join(f"{chain}:{min(n)} to {chain}:{max(n)}" for chain, n in list(spans.items())[:6])
    return f"It has {told}." if told else "None of its residues has a number."


def inside(points: Sequence[Point], box: Box, margin: float = 0.0) -> int:
    """How many of the points lie in the box, widened by `margin` Å on every side."""
    return sum(
        all(
            abs(value - middle) <= edge / 2 + margin
            for value, middle, edge in zip(point, box.center, box.size, strict=True)
        )
        for point in points
    )


def volume(box: Box) -> float:
    return box.size[0] * box.size[1] * box.size[2]


def length(points: Sequence[Point]) -> float:
    """The largest distance between two of the points in Å."""
    return max((math.dist(a, b) for a, b in combinations(points, 2)), default=0.0)


def problems(box: Box, atoms: Sequence[Point]) -> list[Problem]:
    """Why nothing can be docked into this box."""
    if inside(atoms, box):
        return []
    nearest = min(
        sum(max(0.0, abs(v - c) - s / 2) ** 2 for v, c, s in zip(atom, box.center, box.size, strict=True))
        ** 0.5
        for atom in atoms
    )
    middle = tuple(round(sum(atom[axis] for atom in atoms) / len(atoms), 1) for axis in range(3))
    return [
        Problem(
            "center",
            f"No receptor atom lies in the box; the nearest is {nearest:.1f} Å away. The receptor's middle is at "
            f"{middle[0]}, {middle[1]}, {middle[2]}: move the box to the binding site.",
        )
    ]


def warnings(box: Box, atoms: Sequence[Point], exhaustiveness: int, *, fitted: bool = False) -> list[str]:
    """What a person should think about before docking into this box; `fitted`: made by `around`."""
    told = []
    if fitted and LARGEST_EDGE in box.size:
        told.append(
            f"The box was cut to {LARGEST_EDGE:g} Å, the longest edge possible: it does not hold all of what it goes "
            "around. Name fewer residues, or give a smaller ligand."
        )
    if inside(atoms, box) < 20:
        told.append(f"Only {inside(atoms, box)} receptor atoms lie in the box: is it at the binding site?")
    needed = round(8 * volume(box) / USUAL_VOLUME)
    if volume(box) > USUAL_VOLUME and exhaustiveness < needed:
        told.append(
            f"The box is large ({volume(box):,.0f} Å³) for exhaustiveness {exhaustiveness}: the search may miss "
            f"good poses. Make the box smaller, or set exhaustiveness to {min(64, needed)}."
        )
    return told
