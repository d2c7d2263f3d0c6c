"""The virus report: many Pathoscope results as one table, with controls and contamination marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.running import LocalJob, given, judge
from tools.contract import ChoicePanel, FigurePanel, Result, TablePanel
from tools.virus_report import TOOL, Cell, Sample, mark


def run(inputs: dict[str, Any], settings: dict[str, Any], folder: Path) -> Result:
    job = LocalJob(given(TOOL, inputs, settings, folder), folder)
    done = TOOL.run(job)
    judge(TOOL, job, done)
    return done


def example(tmp_path: Path) -> Result:
    shown = TOOL.example()
    return run(shown.inputs, shown.settings, tmp_path)


def result(name: str, version: str = "1", **otus: tuple[float, float, int, int]) -> dict[str, Any]:
    return {
        "sample": {"name": name},
        "index": {"name": "viruses", "version": version},
        "read_count": 100,
        "subtracted_count": 1,
        "otus": [
            {"id": otu, "name": otu, "weight": weight, "coverage": coverage, "depth": depth, "reads": reads}
            for otu, (weight, coverage, depth, reads) in otus.items()
        ],
    }


def texts(*results: dict[str, Any]) -> dict[str, Any]:
    return {
        "results": [
            {"text": json.dumps(each), "name": f"{number}.json"} for number, each in enumerate(results)
        ]
    }


def problems(inputs: dict[str, Any], settings: dict[str, Any], folder: Path) -> list[str]:
    return [problem.message for problem in TOOL.check(given(TOOL, inputs, settings, folder))]


def table(done: Result, name: str) -> list[dict[str, Any]]:
    found = next(each for each in done.tables if each.name == name)
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


def test_a_virus_is_found_from_the_coverage_on(tmp_path: Path) -> None:
    inputs = texts(result("a", tmv=(0.9, 0.5, 9, 90), pvx=(0.1, 0.499, 1, 10)))
    done = run(inputs, {}, tmp_path)
    assert {row["virus"]: row["found"] for row in table(done, "findings")} == {"tmv": True, "pvx": False}
    assert done.summary["viruses"] == done.summary["findings"] == 1


def test_a_control_makes_its_viruses_doubtful_everywhere(tmp_path: Path) -> None:
    done = example(tmp_path)
    doubts = {(row["sample"], row["abbreviation"]): row["doubt"] for row in table(done, "findings")}
    assert doubts["water", "TMV"] == "in a negative control; few reads beside another sample"
    assert doubts["field-1", "TMV"] == "also in a negative control"
    assert doubts["field-1", "PVX"] == ""
    assert any("Found in a negative control: Tobacco mosaic virus" in each for each in done.warnings)


def test_few_reads_beside_a_rich_sample_are_marked() -> None:
    samples = [Sample(name, False, "i", "1", 0, 0) for name in ("rich", "poor", "fair")]
    cells = [
        Cell("tmv", "TMV", "", name, 1, 0.9, 9, reads)
        for name, reads in (("rich", 10_000), ("poor", 99), ("fair", 100))
    ]
    assert mark(cells, samples, 0.01) == {("tmv", "poor"): ["few reads beside another sample"]}
    assert mark(cells, samples, 0) == {}


def test_different_indexes_are_told(tmp_path: Path) -> None:
    done = run(texts(result("a", "1"), result("b", "2")), {}, tmp_path)
    assert done.summary["index"] == "viruses (1), viruses (2)"
    assert "different indexes" in done.warnings[0]


def test_samples_without_any_virus_make_an_empty_report(tmp_path: Path) -> None:
    done = run(texts(result("a")), {}, tmp_path)
    assert done.summary["viruses"] == 0 and table(done, "samples")[0]["viruses"] == 0


@pytest.mark.parametrize(
    ("inputs", "settings", "sentence"),
    [
        (texts(result("a")), {"negative_controls": "NTC"}, "No result is of a sample named 'NTC'"),
        (texts(result("a"), result("a")), {}, "several results of the sample 'a'"),
        ({"results": [{"text": '{"x": 1}', "name": "x.json"}]}, {}, "x.json is no result of Pathoscope"),
        *(
            ({"results": [{"text": json.dumps(result("a") | spoilt), "name": "x.json"}]}, {}, "x.json is no")
            for spoilt in (
                {"sample": 3},
                {"sample": {}},
                {"index": None},
                {"read_count": "many"},
                {"otus": [{}]},
                {"otus": {"a": 1}},
            )
        ),
        ({"results": [{"text": "[" * 100_000, "name": "x.json"}]}, {}, "x.json is no result of Pathoscope"),
        ({"results": [{"text": "[1]", "name": "x.json"}]}, {}, "x.json is no result of Pathoscope"),
    ],
)
def test_what_cannot_be_compared_is_told_before(
    inputs: dict[str, Any], settings: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    (told,) = problems(inputs, settings, tmp_path)
    assert sentence in told


def test_the_map_has_every_virus_and_sample_with_the_controls_named(tmp_path: Path) -> None:
    shown = TOOL.example()
    job = LocalJob(given(TOOL, shown.inputs, shown.settings, tmp_path), tmp_path)
    panels = judge(TOOL, job, TOOL.run(job))
    maps = next(panel for panel in panels if isinstance(panel, ChoicePanel))
    assert [name for name, _ in maps.choices] == ["Coverage", "Weight", "Depth"]
    assert "Made-up viruses (0)" in maps.note
    for _, make in maps.choices:
        (panel,) = make()
        assert isinstance(panel, FigurePanel)
        drawn = panel.figure.data[0]
        assert list(drawn.x) == ["field-1", "field-2", "field-3", "water (control)"]
        assert drawn.zmin == 0 and drawn.zmax > 0, "without both, colours would start at the least value"
        assert len(drawn.y) == 3 and sum("⚠" in text for row in drawn.text for text in row) == 3
    doubtful = next(panel for panel in panels if isinstance(panel, TablePanel) and panel.table == "findings")
    assert doubtful.where is not None and not doubtful.where({"found": False, "doubt": ""})


def test_results_are_known_by_their_content(tmp_path: Path) -> None:
    shown = TOOL.example()
    found = given(TOOL, shown.inputs, shown.settings, tmp_path).files("results")
    assert {file.format for file in found} == {"pathoscope"}


def test_a_result_with_isolates_is_no_reference(tmp_path: Path) -> None:
    told = result("a", tmv=(0.9, 0.9, 9, 90))
    told["otus"][0]["isolates"] = [{"id": "x", "sequences": []}]
    (file,) = given(TOOL, texts(told), {}, tmp_path).files("results")
    assert file.format == "pathoscope"
