"""Isolates that are nearly the same are left out, by the real cd-hit-est."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tools import simulate
from tests.tools.running import LocalJob
from tests.tools.viruses import folders
from tools import programs
from tools.contract import Given, Model
from tools.viruses import virtool
from tools.viruses.collapse import collapse

pytestmark = pytest.mark.skipif(
    programs.missing("cd-hit-est") is not None, reason=str(programs.missing("cd-hit-est"))
)

RNG = random.Random(3)
A, B = simulate.sequence(RNG, 2000), simulate.sequence(RNG, 1500)
NEAR_A, NEAR_B = simulate.diverged(RNG, A, 0.004), simulate.diverged(RNG, B, 0.004)
FAR_A = simulate.diverged(RNG, A, 0.05)


def left(
    tmp_path: Path, *isolates: dict[str, str], default: int = 0, schema: Sequence[str] = ()
) -> list[int]:
    """Numbers of the isolates that stay."""
    otu = folders.otu("v", *isolates, schema=schema)
    for number, isolate in enumerate(otu["isolates"]):
        isolate["default"] = number == default
    (parsed,) = virtool.parse(folders.virus_reference(otu), "viruses").otus
    job = LocalJob(Given(Model(), Model(), {}), tmp_path)
    (collapsed,) = collapse(job, [parsed])
    return [int(isolate.source_name) for isolate in collapsed.isolates]


def test_what_is_nearly_the_same_goes_and_what_differs_stays(tmp_path: Path) -> None:
    assert left(tmp_path, {"": A}, {"": NEAR_A}, {"": FAR_A}) == [0, 2]


def test_the_default_isolate_stays(tmp_path: Path) -> None:
    assert left(tmp_path, {"": A}, {"": NEAR_A}, default=1) == [0, 1]


def test_every_segment_has_to_be_nearly_the_same(tmp_path: Path) -> None:
    isolates = ({"L": A, "S": B}, {"L": NEAR_A, "S": NEAR_B}, {"L": FAR_A, "S": NEAR_B})
    assert left(tmp_path, *isolates, schema=["L", "S"]) == [0, 2]


@pytest.mark.parametrize(
    "isolates",
    [
        pytest.param(({"": A},), id="one isolate"),
        pytest.param(({"L": A, "S": B}, {"L": NEAR_A}), id="a segment is missing"),
        pytest.param(({"L": A}, {"": NEAR_A}), id="a segment has no name"),
    ],
)
def test_what_cannot_be_compared_stays(tmp_path: Path, isolates: tuple[dict[str, str], ...]) -> None:
    assert left(tmp_path, *isolates, schema=["L", "S"]) == list(range(len(isolates)))


def test_a_sequence_too_short_for_cd_hit_stands_for_itself(tmp_path: Path) -> None:
    assert left(tmp_path, {"": "ACGTACGT"}, {"": A}, {"": NEAR_A}) == [0, 1]
