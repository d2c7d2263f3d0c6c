"""Pathoscope: what is refused, what it costs, what comes out of every corner, and whether it finds the truth."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools import simulate
from tests.tools.running import LocalJob, finished, given, judge
from tests.tools.simulate import Read, Source
from tests.tools.viruses import folders
from tools import programs
from tools.contract import ChoicePanel, FigurePanel, FilteredPanel, InputFailure, Result, TablePanel
from tools.pathoscope import TOOL, Settings

pytestmark = pytest.mark.skipif(bool(TOOL.missing()), reason=TOOL.missing() or "")


@dataclass(frozen=True)
class Bench:
    """Two viruses: `abc` with two isolates 8 % apart, `seg` with two segments; a host that carries a part of abc."""

    root: Path
    abc: str
    other: str
    segments: dict[str, str]
    host: str

    @property
    def index(self) -> Path:
        return self.root / "viruses"

    @property
    def tomato(self) -> Path:
        return self.root / "tomato"

    def sample(self, *sources: Source, pairs: int = 600, **options: Any) -> Path:
        folder = self.root / f"leaf-{len(list(self.root.iterdir()))}"
        return folders.sample(folder, *simulate.paired(random.Random(1), sources, pairs, **options))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    rng = random.Random(2026)
    root = tmp_path_factory.mktemp("library")
    abc = simulate.sequence(rng, 3000)
    other = simulate.diverged(rng, abc, 0.08)
    segments = {"RNA 1": simulate.sequence(rng, 2500), "RNA 2": simulate.sequence(rng, 1200)}
    host = simulate.host(rng, 30_000, abc[500:1500])
    content = folders.virus_reference(
        folders.otu("abc", {"Genome": abc}, {"Genome": other}, schema=["Genome"]),
        folders.otu("seg", segments, schema=["RNA 1", "RNA 2"]),
    )
    folders.index(root / "viruses", content)
    folders.subtraction(root / "tomato", {"chr1": host})
    return Bench(root, abc, other, segments, host)


def run(
    folder: Path, sample: Path, index: Path, *subtractions: Path, cpus: int = 2, **settings: Any
) -> tuple[Result, LocalJob]:
    inputs = {"sample": sample, "index": index, "subtractions": list(subtractions)}
    job = LocalJob(given(TOOL, inputs, settings, folder / "in"), folder, cpus=cpus)
    return TOOL.run(job), job


def table(done: Result, name: str) -> list[dict[str, Any]]:
    found = next(each for each in done.tables if each.name == name)
    return [dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows]


def weights(done: Result, name: str = "otus", key: str = "otu") -> dict[str, float]:
    return {row[key]: row["weight"] for row in table(done, name)}


def content(job: LocalJob) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((job.out / "pathoscope.json").read_text())
    return read


def problems(sample: Path, index: Path, *subtractions: Path, folder: Path) -> dict[str, str]:
    inputs = {"sample": sample, "index": index, "subtractions": list(subtractions)}
    return {problem.field: problem.message for problem in TOOL.check(given(TOOL, inputs, {}, folder))}


# What comes out --------------------------------------------------------------------------------------------------


def test_result_has_every_number_that_virtool_keeps(bench: Bench, tmp_path: Path) -> None:
    sources = [Source("abc", bench.abc, 2), *(Source(name, bases) for name, bases in bench.segments.items())]
    done, job = run(tmp_path, bench.sample(*sources), bench.index)
    judge(TOOL, job, done)
    assert job.steps == list(TOOL.steps)
    told = content(job)
    assert told["sample"]["name"].startswith("leaf") and told["index"]["version"] == "0123456789ab"
    assert told["read_count"] == done.summary["mapped_reads"] == 600, "mates count once"
    assert told["total_reads"] == 1200 and told["subtracted_count"] == 0 and told["subtractions"] == []
    by_id = {hit["id"]: hit for hit in told["hits"]}
    assert set(by_id) == {"abc.0.0", "seg.0.0", "seg.0.1"}
    hit = by_id["abc.0.0"]
    assert hit["otu"] == {"id": "abc", "version": 3}
    assert len(hit["align"]) == 3000 and hit["depth"] == round(sum(hit["align"]) / 3000)
    assert hit["coverage"] == round(1 - hit["align"].count(0) / 3000, 3)
    assert set(hit["final"]) == set(hit["initial"]) == {"pi", "best", "high", "low", "reads"}
    assert hit["final"]["reads"] == 300 and hit["final"]["best"] == 0.5
    assert sum(each["final"]["pi"] for each in told["hits"]) == pytest.approx(1, abs=1e-6)
    abc, seg = sorted(told["otus"], key=lambda otu: otu["id"])
    assert (abc["name"], abc["abbreviation"], abc["reads"]) == ("abc virus", "ABC", 300)
    assert seg["weight"] == pytest.approx(by_id["seg.0.0"]["final"]["pi"] + by_id["seg.0.1"]["final"]["pi"])
    assert seg["segments"] == ["RNA 1", "RNA 2"] and seg["segments_missing"] == []


def test_report_has_two_rows_of_headers(bench: Bench, tmp_path: Path) -> None:
    _, job = run(tmp_path, bench.sample(Source("abc", bench.abc)), bench.index)
    rows = list(csv.reader((job.out / "report.tsv").open(), delimiter="\t"))
    assert rows[0] == ["Total Number of Aligned Reads:", "600", "Total Number of Mapped Genomes:", "2"]
    assert rows[1][:3] == ["Genome", "Final Guess", "Final Best Hit"] and len(rows[1]) == 11
    assert rows[2][0] == "abc.0.0" and float(rows[2][1]) > 0.99 and len(rows[2]) == 11


def test_a_missing_segment_is_told(bench: Bench, tmp_path: Path) -> None:
    done, _ = run(tmp_path, bench.sample(Source("seg", bench.segments["RNA 1"])), bench.index)
    (row,) = table(done, "otus")
    assert row["missing"] == "RNA 2" and row["coverage"] > 0.99
    assert "seg virus: no read was assigned to RNA 2" in done.warnings[0]
    assert table(done, "isolates")[0]["sequences"] == "1 of 2"


def test_the_number_of_cpus_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    sample = bench.sample(Source("abc", bench.abc), Source("other", bench.other))
    (_, one), (_, two) = (run(tmp_path / f"{n}", sample, bench.index, cpus=n) for n in (1, 2))
    assert (one.out / "pathoscope.json").read_bytes() == (two.out / "pathoscope.json").read_bytes()


def test_no_candidate_is_a_result(bench: Bench, tmp_path: Path) -> None:
    done, job = run(tmp_path, bench.sample(Source("host", bench.host[:10_000])), bench.index, bench.tomato)
    judge(TOOL, job, done)
    told = content(job)
    assert (told["read_count"], told["subtracted_count"], told["hits"], told["otus"]) == (0, 0, [], [])
    assert done.warnings == ["No read aligns to a virus of this index."]
    assert done.summary["viruses"] == 0 and done.summary["top_virus"] is None
    assert len((job.out / "report.tsv").read_text().splitlines()) == 2


def test_nothing_left_after_subtraction_is_a_result(bench: Bench, tmp_path: Path) -> None:
    done, job = run(tmp_path, bench.sample(Source("host", bench.abc[500:1500])), bench.index, bench.tomato)
    judge(TOOL, job, done)
    assert "Every read that aligns to a virus matches a subtraction as well: 600 reads" in done.warnings[0]
    assert content(job)["read_count"] == 0 and content(job)["subtracted_count"] == 600


def test_subtractions_are_chained(bench: Bench, tmp_path: Path) -> None:
    rng = random.Random(5)
    second = folders.subtraction(
        tmp_path / "potato", {"chr1": simulate.host(rng, 20_000, bench.abc[2000:2800])}
    )
    sample = bench.sample(Source("abc", bench.abc))
    done, job = run(tmp_path, sample, bench.index, bench.tomato, second)
    align = content(job)["hits"][0]["align"]
    assert max(align[650:1350]) == 0 and max(align[2150:2650]) == 0, "what a host has is gone"
    assert min(align[100:300]) > 0 and min(align[1700:1850]) > 0
    assert content(job)["subtractions"] == ["tomato", "potato"]
    assert (
        done.summary["mapped_reads"]
        < 600
        < done.summary["mapped_reads"] + done.summary["subtracted_reads"] + 400
    )


@pytest.mark.parametrize(
    ("style", "reads"),
    [
        ("sim:{}:{} {}:N:0:ACGT", 50),  # mates share what comes before the blank
        ("sim:{}:{}/{}", 100),  # bowtie2 takes them for two reads, as Virtool does
    ],
)
def test_what_is_subtracted_is_found_again_whatever_follows_the_name(
    bench: Bench, tmp_path: Path, style: str, reads: int
) -> None:
    mates = simulate.paired(random.Random(3), [Source("abc", bench.abc[500:1500])], 50)
    renamed = [
        [Read(style.format("abc", n, mate), read.bases, read.quality) for n, read in enumerate(reads)]
        for mate, reads in enumerate(mates, start=1)
    ]
    sample = folders.sample(tmp_path / "leaf", *renamed)
    found, _ = run(tmp_path / "without", sample, bench.index)
    assert found.summary["mapped_reads"] == reads
    gone, _ = run(tmp_path / "with", sample, bench.index, bench.tomato)
    assert (gone.summary["mapped_reads"], gone.summary["subtracted_reads"]) == (0, reads)


def test_small_rnas_find_their_virus(bench: Bench, tmp_path: Path) -> None:
    reads = simulate.small_rna(random.Random(4), [Source("abc", bench.abc)], 3000, error=0)
    done, _ = run(tmp_path, folders.sample(tmp_path / "srna", reads, library_type="srna"), bench.index)
    assert table(done, "otus")[0]["otu"] == "abc" and table(done, "otus")[0]["coverage"] > 0.95
    assert "aligned only where nearly every base matches" in done.warnings[0]


def test_settings_reach_the_reassignment(bench: Bench, tmp_path: Path) -> None:
    sample = bench.sample(Source("abc", bench.abc), Source("other", bench.other))
    done, _ = run(tmp_path, sample, bench.index, max_iterations=1, alignments_per_read=1)
    assert done.summary["iterations"] == 1
    assert done.summary["multi_reads"] < run(tmp_path / "b", sample, bench.index)[0].summary["multi_reads"]
    assert Settings().max_iterations == 50


def test_collapsing_leaves_nearly_the_same_isolates_out(bench: Bench, tmp_path: Path) -> None:
    near = simulate.diverged(random.Random(8), bench.abc, 0.003)
    known = folders.virus_reference(folders.otu("abc", {"": bench.abc}, {"": near}, {"": bench.other}))
    index = folders.index(tmp_path / "near", known)
    sample = bench.sample(Source("near", near))
    whole, _ = run(tmp_path / "whole", sample, index)
    assert weights(whole, "isolates", "isolate_id")["abc.1"] > 0.99
    collapsed, _ = run(tmp_path / "collapsed", sample, index, collapse_reference=True)
    assert weights(collapsed, "isolates", "isolate_id") == {"abc.0": pytest.approx(1, abs=0.01)}


def test_isolates_too_many_to_stand_out_are_told(tmp_path: Path) -> None:
    """Each has less than a hundredth of the weight and of each read, at which the published report ends."""
    rng = random.Random(1)
    same = simulate.sequence(rng, 500)
    index = folders.index(
        tmp_path / "same", folders.virus_reference(folders.otu("abc", *[{"": same} for _ in range(120)]))
    )
    reads = folders.sample(tmp_path / "leaf", simulate.single(rng, [Source("abc", same)], 50))
    done, _ = run(tmp_path / "all", reads, index, alignments_per_read=1000)
    assert table(done, "otus") == []
    assert done.warnings[0].startswith(
        "Sequences that have 100.0% of the weight together are not in the report"
    )
    if not programs.missing("cd-hit-est"):
        collapsed, _ = run(tmp_path / "one", reads, index, alignments_per_read=1000, collapse_reference=True)
        assert weights(collapsed) == {"abc": 1.0} and not collapsed.warnings


def test_collapsing_needs_its_program(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"sample": bench.sample(Source("abc", bench.abc)), "index": bench.index}
    asked = given(TOOL, inputs, {"collapse_reference": True}, tmp_path / "in")
    assert list(TOOL.check(asked)) == []
    monkeypatch.setenv("PATH", "/nowhere")
    (problem,) = TOOL.check(asked)
    assert problem.field == "collapse_reference" and "apt-get install cd-hit" in problem.message


# The page --------------------------------------------------------------------------------------------------------


def test_view_hides_low_coverage_and_draws_the_chosen_virus(bench: Bench, tmp_path: Path) -> None:
    sources = [Source("seg", bench.segments["RNA 1"]), Source("abc", bench.abc[:600], 0.3)]
    done, job = run(tmp_path, bench.sample(*sources), bench.index)
    panels = judge(TOOL, job, done)
    shown = next(panel for panel in panels if isinstance(panel, FilteredPanel))
    assert (shown.hidden, shown.label) == (1, "Show 1 more with a coverage below 0.5")
    rows = finished(job, done).rows("otus")
    (passing,), (everything,) = shown.passing(), shown.everything()
    assert isinstance(passing, TablePanel) and isinstance(everything, TablePanel)
    assert passing.where is not None and everything.where is None
    assert [row["otu"] for row in rows if passing.where(row)] == ["seg"]
    choice = next(panel for panel in panels if isinstance(panel, ChoicePanel))
    assert [name for name, _ in choice.choices] == ["seg virus", "abc virus"]
    figure, isolates, _ = choice.choices[0][1]()
    assert isinstance(figure, FigurePanel) and "Depth of reads along RNA 1 of seg virus" in figure.alt
    assert [trace.name for trace in figure.figure.data] == ["Maximum of all isolates", "Isolate 0"]
    assert isinstance(isolates, TablePanel) and isolates.where is not None
    assert [row["otu"] for row in finished(job, done).rows("isolates") if isolates.where(row)] == ["seg"]


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lost", "sentence"),
    [
        ("sample", "reads_1.fq.gz", "leaf is no sample, or its reads are gone"),
        ("sample", "about.json", "leaf is no sample, or its reads are gone"),
        ("index", "reference.json.gz", "viruses is no index, or not a whole one. Build it again"),
        ("index", "bowtie/reference.rev.2.bt2", "viruses is no index, or not a whole one"),
        ("subtractions", "bowtie/subtraction.1.bt2", "tomato is no subtraction, or not a whole one"),
    ],
)
def test_what_is_not_whole_is_refused(
    bench: Bench, tmp_path: Path, field: str, lost: str, sentence: str
) -> None:
    inputs = {
        "sample": folders.sample(
            tmp_path / "leaf", simulate.single(random.Random(1), [Source("a", bench.abc)], 9)
        ),
        "index": Path(shutil.copytree(bench.index, tmp_path / "viruses")),
        "subtractions": Path(shutil.copytree(bench.tomato, tmp_path / "tomato")),
    }
    assert problems(*inputs.values(), folder=tmp_path / "in") == {}
    (inputs[field] / lost).unlink()
    told = problems(*inputs.values(), folder=tmp_path / "in")
    assert list(told) == [field] and sentence in told[field]
    with pytest.raises(InputFailure, match=sentence):
        run(tmp_path / "job", *inputs.values())


def test_a_sample_without_reads_is_refused(bench: Bench, tmp_path: Path) -> None:
    told = problems(folders.sample(tmp_path / "empty", []), bench.index, folder=tmp_path / "in")
    assert told == {"sample": "empty has no reads. Choose another sample."}


def test_swapped_folders_are_refused(bench: Bench, tmp_path: Path) -> None:
    assert set(problems(bench.index, bench.tomato, folder=tmp_path / "in")) == {"sample", "index"}


@pytest.mark.parametrize(("gigabytes", "credits"), [(0.2, [10]), (1.0, [10]), (1.1, [10, 2]), (3.5, [10, 6])])
def test_price_grows_with_the_reads(
    bench: Bench, tmp_path: Path, gigabytes: float, credits: list[int]
) -> None:
    sample = folders.sample(tmp_path / "leaf", [])
    with (sample / "reads_1.fq.gz").open("r+b") as file:
        file.truncate(round(gigabytes * 10**9))  # takes no space
    inputs = given(TOOL, {"sample": sample, "index": bench.index}, {}, tmp_path / "in")
    assert [line.credits for line in TOOL.price(inputs)] == credits


# Known answers ---------------------------------------------------------------------------------------------------

science = pytest.mark.skipif(not folders.VIRUSES.exists(), reason="the real viruses are not here")

#: Abbreviation -> share of the virus reads.
TRUTH = {"TMV": 0.4, "TSWV": 0.25, "PepMV": 0.2, "PVY": 0.1, "CMV": 0.05}
PAIRS, OF_VIRUSES = 20_000, 0.3


@dataclass(frozen=True)
class Plant:
    """Real viruses in a made-up host that carries 2,000 nt of Potato virus X."""

    root: Path
    #: Isolate id -> share of the virus reads; and of the OTUs.
    isolates: dict[str, float]
    otus: dict[str, float]
    sequences: dict[str, list[str]]
    host: str
    fragment_otu: str

    def sample(self, divergence: float) -> Path:
        rng = random.Random(7)
        sources = [Source("host", self.host, 1 - OF_VIRUSES)]
        for isolate, weight in self.isolates.items():
            length = sum(map(len, self.sequences[isolate]))
            sources += [
                Source(
                    isolate,
                    simulate.diverged(rng, bases, divergence),
                    OF_VIRUSES * weight * len(bases) / length,
                )
                for bases in self.sequences[isolate]
            ]
        folder = self.root / f"leaf-{divergence}"
        return folder if folder.exists() else folders.sample(folder, *simulate.paired(rng, sources, PAIRS))


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    rng = random.Random(11)
    root = tmp_path_factory.mktemp("plant")
    content = json.loads(folders.VIRUSES.read_text())
    folders.index(root / "plant viruses", content)
    otus = {otu["abbreviation"]: otu for otu in content["otus"]}
    isolates, sequences = {}, {}
    for name, weight in TRUTH.items():
        isolate = rng.choice(otus[name]["isolates"])
        isolates[isolate["id"]] = weight
        sequences[isolate["id"]] = [each["sequence"] for each in isolate["sequences"]]
    fragment = otus["PVX"]["isolates"][0]["sequences"][0]["sequence"][1000:3000]
    host = simulate.host(rng, 200_000, fragment)
    folders.subtraction(root / "host", {"chr1": host})
    of_otus = {otus[name]["_id"]: weight for name, weight in TRUTH.items()}
    return Plant(root, isolates, of_otus, sequences, host, otus["PVX"]["_id"])


@science
def test_clean_reads_give_back_isolates_and_weights(plant: Plant, tmp_path: Path) -> None:
    done, _ = run(tmp_path, plant.sample(0), plant.root / "plant viruses", plant.root / "host")
    found = weights(done, "isolates", "isolate_id")
    for isolate, truth in plant.isolates.items():
        assert found.pop(isolate) == pytest.approx(truth, abs=0.02)
    assert max(found.values(), default=0) <= 0.01
    assert done.summary["viruses"] == len(TRUTH)


@science
def test_reads_of_the_hosts_virus_fragment_are_subtracted(plant: Plant, tmp_path: Path) -> None:
    sample = plant.sample(0)
    without, _ = run(tmp_path / "without", sample, plant.root / "plant viruses")
    done, _ = run(tmp_path / "with", sample, plant.root / "plant viruses", plant.root / "host")
    assert weights(without)[plant.fragment_otu] > 0.01 and plant.fragment_otu not in weights(done)
    assert done.summary["subtracted_reads"] > 100
    assert without.summary["mapped_reads"] == done.summary["mapped_reads"] + done.summary["subtracted_reads"]


@science
def test_reads_of_relatives_give_back_the_viruses(plant: Plant, tmp_path: Path) -> None:
    done, _ = run(tmp_path, plant.sample(0.03), plant.root / "plant viruses", plant.root / "host")
    found = {row["otu"]: row["share"] for row in table(done, "otus") if row["coverage"] >= 0.5}
    assert set(found) == set(plant.otus)
    # Weights are no shares here: exp of the score makes a read with one error less weigh several times as much.
    for otu, truth in plant.otus.items():
        assert found[otu] == pytest.approx(truth, abs=0.02)
