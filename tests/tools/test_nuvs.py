"""NuVs on made-up reads with the real programs: what it finds, and every way to find nothing."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running, simulate
from tests.tools.simulate import Read, Source
from tests.tools.viruses import families, folders
from tools.contract import ChoicePanel, FilteredPanel, Panel, Result, TextPanel, ToolFailure
from tools.nuvs import TOOL
from tools.viruses import assembly, trimming

pytestmark = pytest.mark.skipif(TOOL.missing() is not None, reason=str(TOOL.missing()))


@dataclass(frozen=True)
class World:
    """A known virus, an unknown one with a gene on each strand, their host, and profiles of the genes' relatives."""

    known: str
    unknown: str
    host: str
    index: Path
    host_index: Path
    hmms: Path
    annotations: Path

    @property
    def sources(self) -> list[Source]:
        return [
            Source("known", self.known, 2),
            Source("unknown", self.unknown, 5),
            Source("host", self.host, 3),
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    rng = random.Random(7)
    known, host = simulate.sequence(rng, 2000), simulate.sequence(rng, 6000, 0.4)
    replicase, coat = families.protein(rng, 320), families.protein(rng, 160)
    unknown = (
        simulate.sequence(rng, 150)
        + families.gene(replicase)
        + simulate.sequence(rng, 80)
        + simulate.reverse_complement(families.gene(coat))
        + simulate.sequence(rng, 150)
    )
    aligned = {
        "vFam_11": [families.relative(rng, replicase, 0.3) for _ in range(6)],
        "vFam_12": [families.relative(rng, coat, 0.3) for _ in range(6)],
        "vFam_13": [families.protein(rng, 120)],
    }
    annotations = folder / "annotations.json.gz"
    annotations.write_bytes(
        gzip.compress(
            json.dumps(
                [
                    {
                        "_id": "abc",
                        "cluster": 11,
                        "names": ["replicase", "polymerase"],
                        "families": {"None": 9, "Virgaviridae": 3, "Bromoviridae": 5},
                    },
                    {"id": "def", "cluster": 12, "names": ["coat protein"], "families": {"Virgaviridae": 4}},
                ]
            ).encode()
        )
    )
    return World(
        known,
        unknown,
        host,
        folders.index(folder / "plant viruses", folders.virus_reference(folders.otu("known", {"": known}))),
        folders.subtraction(folder / "host", {"chr1": host}),
        families.profiles(folder / "set.hmm.gz", aligned),
        annotations,
    )


def run(
    world: World,
    sample: Path,
    tmp_path: Path,
    *,
    cpus: int = 2,
    inputs: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[running.LocalJob, Result]:
    given = {"sample": sample, "index": world.index, "subtractions": [world.host_index], "hmms": world.hmms}
    given |= inputs or {}
    whole = running.given(TOOL, given, settings, tmp_path / "given")
    assert list(TOOL.check(whole)) == []
    job = running.LocalJob(whole, tmp_path / "job", cpus=cpus)
    return job, TOOL.run(job)


def table(result: Result, name: str) -> list[dict[str, Any]]:
    found = next(each for each in result.tables if each.name == name)
    names = [column.name for column in found.columns]
    return [dict(zip(names, row, strict=True)) for row in found.rows]


def ends_with_nothing(job: running.LocalJob, result: Result, words: str) -> None:
    """It completes and says why, in the summary and above the page."""
    assert words in result.summary["outcome"]
    assert result.summary["outcome"] in result.warnings
    assert running.judge(TOOL, job, result)[0].title == "From reads to contigs"


def inner(panels: Iterable[Panel]) -> list[Panel]:
    """The panels that the page shows at first, those of the first choice too."""
    found: list[Panel] = []
    for panel in panels:
        if isinstance(panel, FilteredPanel):
            found += inner(panel.passing())
        else:
            found.append(panel)
        if isinstance(panel, ChoicePanel):
            found += inner(panel.choices[0][1]())
    return found


def reads_of(name: str, letters: str, number: int, rng: random.Random, length: int = 150) -> list[Read]:
    return simulate.single(rng, [Source(name, letters)], number, lengths=(length,))


# It finds what no index knows


@pytest.fixture(scope="module")
def found(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[running.LocalJob, Result]:
    folder = tmp_path_factory.mktemp("found") / "a place, with blanks"
    folder.mkdir()
    mates = simulate.paired(random.Random(1), world.sources, 1500)
    sample = folders.sample(folder / "leaf 7", *mates)
    return run(world, sample, folder, inputs={"annotations": world.annotations})


def test_the_unknown_virus_comes_back_whole(world: World, found: tuple[running.LocalJob, Result]) -> None:
    job, result = found
    assert result.warnings == []
    assert job.steps == list(TOOL.steps)
    best = min((row for row in table(result, "contigs") if row["e"] is not None), key=lambda row: row["e"])
    records = {each.name: each.sequence for each in assembly.scaffolds(job.out / "assembly.fa.gz")}
    contig = records[best["scaffold"]]
    assert len(contig) > 0.95 * len(world.unknown)
    assert contig in world.unknown or simulate.reverse_complement(contig) in world.unknown
    assert best["e"] < 1e-60
    assert best["annotated_orfs"] == 2
    assert best["families"] == "Bromoviridae, Virgaviridae"
    assert best["names"] == "replicase, polymerase, coat protein"
    assert result.summary["best_profile"] == "vFam_11"


def test_what_is_known_is_taken_away_first(world: World, found: tuple[running.LocalJob, Result]) -> None:
    summary = found[1].summary
    assert summary["reads"] == 3000
    trimmed = summary["trimmed_reads"]
    assert summary["in_index"] == pytest.approx(0.2 * trimmed, rel=0.1)
    assert summary["in_subtractions"] == pytest.approx(0.3 * trimmed, rel=0.1)
    assert summary["in_index"] + summary["in_subtractions"] + summary["unknown_reads"] == trimmed
    assert summary["assembled_pairs"] >= summary["unknown_reads"] / 2


def test_the_commands_are_virtools(found: tuple[running.LocalJob, Result]) -> None:
    lines = [line for line in found[0].lines if line.startswith("$ ")]
    skewer, otus, host, spades, press, scan = lines
    assert "-r 0.1 -d 0.03 -m pe -l 100 -q 20 -Q 25" in skewer and "-t 2 --quiet -z" in skewer
    assert "-p 2 -k 1 --very-fast-local" in otus and "-U trimmed/reads_1.fq.gz,trimmed/reads_2.fq.gz" in otus
    assert "unmapped_otus.fq" in host and "bowtie/subtraction" in host
    assert "-t 2 -m 8 -k 21,33,55,75" in spades and " -1 " in spades and " -2 " in spades
    assert press.startswith("$ hmmpress")
    assert "--noali --cpu 1" in scan and " -E " not in scan


def test_hits_have_score_and_bias_in_their_own_columns(found: tuple[running.LocalJob, Result]) -> None:
    job, result = found
    rows = [
        line.split() for line in (job.out / "hmm.tsv").read_text().splitlines() if not line.startswith("#")
    ]
    hits = {(row["contig"], row["orf"], row["profile"]): row for row in table(result, "hits")}
    assert len(hits) == len(rows) == result.summary["hits"]
    for row in rows:
        contig, orf = row[2].removeprefix("sequence_").split(".")
        hit = hits[int(contig), int(orf), row[0]]
        told = [
            hit[name] for name in ("full_e", "full_score", "full_bias", "best_e", "best_score", "best_bias")
        ]
        assert told == [float(each) for each in row[4:10]]
        assert hit["best_score"] > hit["best_bias"]


def test_the_report_is_virtools_hits(found: tuple[running.LocalJob, Result]) -> None:
    job, result = found
    report = json.loads((job.out / "nuvs.json").read_text())
    assert report["sample"] == "leaf 7"
    assert [hit["index"] for hit in report["hits"]] == list(range(result.summary["contigs"]))
    best = min((hit for hit in report["hits"] if hit["e"] is not None), key=lambda hit: hit["e"])
    assert best["annotatedOrfCount"] == 2
    orf = next(orf for orf in best["orfs"] if orf["hits"])
    assert set(orf) == {"index", "pro", "strand", "frame", "pos", "hits"}
    assert orf["hits"][0]["hit"] in ("abc", "def")
    proteins = {each.name: each.sequence for each in assembly.scaffolds(job.out / "orfs.fa.gz")}
    assert proteins[f"sequence_{best['index']}.{orf['index']}"] == orf["pro"]


def test_the_page_shows_contigs_with_hits_first(found: tuple[running.LocalJob, Result]) -> None:
    job, result = found
    panels = running.judge(TOOL, job, result)
    filtered = next(panel for panel in panels if isinstance(panel, FilteredPanel))
    assert filtered.hidden == result.summary["contigs"] - result.summary["significant"]
    assert filtered.label.endswith("more without a hit of E ≤ 1e-05")
    titles = [panel.title for panel in inner(panels) if not isinstance(panel, FilteredPanel)]
    assert titles[:4] == ["From reads to contigs", "Contigs to one scale", "Contigs", "One contig"]
    assert titles[4].startswith("Map of contig")
    assert titles[5:] == ["Hits of this contig", "Contig, FASTA", "Proteins of its ORFs, FASTA"]
    texts = [panel.text for panel in inner(panels) if isinstance(panel, TextPanel)]
    assert all(text.startswith(">") for text in texts)
    assert "vFam_11 E=" in texts[1]


def test_the_e_value_of_the_filter_is_a_setting(found: tuple[running.LocalJob, Result]) -> None:
    finished = replace(running.finished(*found), given_settings={"evalue": 1e-300})
    _, filtered = TOOL.view(finished)
    assert isinstance(filtered, FilteredPanel)
    assert filtered.hidden == found[1].summary["contigs"]
    (told,) = filtered.passing()
    assert isinstance(told, TextPanel) and told.text == "No contig has a hit of E ≤ 1e-300."


def test_progress_follows_spades_and_hmmscan(found: tuple[running.LocalJob, Result]) -> None:
    told = found[0].told
    sizes = [note for step, _, note in told if step == "Assemble" and note.startswith("K")]
    assert sizes == ["K21", "K33", "K55", "K75"]
    fractions = [fraction for step, fraction, _ in told if step == "VFam"]
    assert fractions == sorted(fractions) and fractions[-1] == 1


# Small RNAs


def test_small_rnas_find_their_virus(world: World, tmp_path: Path) -> None:
    reads = simulate.small_rna(random.Random(2), world.sources, 40_000)
    sample = folders.sample(tmp_path / "srna", reads, library_type="srna")
    job, result = run(world, sample, tmp_path, cpus=1)
    spades = next(line for line in job.lines if line.startswith("$ spades.py"))
    assert "-t 1 " in spades and "-k 17,21,23 " in spades and " -s " in spades
    assert result.summary["min_length"] == 18
    assert result.summary["trimmed_reads"] > 0.9 * result.summary["reads"]
    assert result.summary["best_profile"] == "vFam_11"
    assert result.summary["longest_contig"] > 0.9 * len(world.unknown)
    assert "Reunite pairs" not in job.steps


def test_few_small_rnas_are_assembled_with_the_k_mers_that_occur_often_enough(
    world: World, tmp_path: Path
) -> None:
    reads = simulate.small_rna(random.Random(3), [Source("unknown", world.unknown)], 2800)
    sample = folders.sample(tmp_path / "srna", reads, library_type="srna")
    job, result = run(world, sample, tmp_path)
    assert "Assembled with k-mers of 17" in result.warnings[0]
    assert "too seldom" in result.warnings[0]
    assert result.summary["kmers"] in ("17", "17, 21")
    assert any("Too few reads for k-mers" in line for line in job.lines)
    assert result.summary["contigs"] > 0


def test_small_rnas_of_another_library_type_are_told_to_be_too_short(world: World, tmp_path: Path) -> None:
    reads = simulate.small_rna(random.Random(2), world.sources, 2000)
    job, result = run(world, folders.sample(tmp_path / "sample", reads), tmp_path)
    ends_with_nothing(job, result, "Reads below 35 nt")
    assert "library of small RNAs" in result.summary["outcome"]
    assert "the longest read of the sample has 24 nt" in result.summary["outcome"]

    shutil.rmtree(tmp_path / "job")
    job, result = run(world, tmp_path / "sample", tmp_path, min_length=18)
    assert any("k-mers of 21 instead of 21, 33, 55, 75" in each for each in result.warnings) or (
        "too few" in result.summary["outcome"]
    )


# Nothing is left


def test_no_read_is_left_after_trimming(world: World, tmp_path: Path) -> None:
    mates = simulate.paired(random.Random(1), world.sources, 50)
    job, result = run(world, folders.sample(tmp_path / "s", *mates), tmp_path, min_length=200)
    ends_with_nothing(job, result, "No read was left after trimming, of 100")
    assert job.steps == ["Trim reads"]
    assert [file.path.name for file in result.files] == ["nuvs.json"]


def test_most_reads_are_lost_in_trimming(world: World, tmp_path: Path) -> None:
    rng = random.Random(1)
    reads = reads_of("known", world.known, 95, rng, 60) + reads_of("known", world.known, 5, rng)
    _, result = run(world, folders.sample(tmp_path / "s", reads), tmp_path)
    assert result.warnings[0].startswith("Trimming took 9")
    assert "% of the reads. Reads below 100 nt" in result.warnings[0]


def test_every_read_is_of_a_known_virus(world: World, tmp_path: Path) -> None:
    mates = simulate.paired(random.Random(1), [Source("known", world.known)], 100)
    job, result = run(world, folders.sample(tmp_path / "s", *mates), tmp_path)
    ends_with_nothing(job, result, "Every read maps to the index")
    assert job.steps[-1] == "Eliminate OTUs"


def test_every_read_is_of_a_known_virus_or_the_host(world: World, tmp_path: Path) -> None:
    reads = reads_of("known", world.known, 50, random.Random(1)) + reads_of(
        "h", world.host, 50, random.Random(1)
    )
    job, result = run(world, folders.sample(tmp_path / "s", reads), tmp_path)
    ends_with_nothing(job, result, "Every read maps to the index or a subtraction")
    summary = result.summary
    assert summary["in_index"] + summary["in_subtractions"] == summary["trimmed_reads"]
    assert min(summary["in_index"], summary["in_subtractions"]) > 40


@pytest.mark.parametrize("pairs", [1, 20])
def test_reads_too_few_for_spades(world: World, tmp_path: Path, pairs: int) -> None:
    mates = simulate.paired(random.Random(1), [Source("unknown", world.unknown)], pairs, error=0)
    job, result = run(world, folders.sample(tmp_path / "s", *mates), tmp_path)
    ends_with_nothing(job, result, "too few to assemble")
    assert job.steps[-1] == "Assemble"


def test_pairs_whose_distance_is_unknown_are_assembled(world: World, tmp_path: Path) -> None:
    """SPAdes writes contigs and no scaffolds then."""
    first, second = simulate.paired(random.Random(1), [Source("unknown", world.unknown)], 700)
    short = [Read(read.header, read.bases[:20], read.quality[:20]) for read in second]
    _, result = run(world, folders.sample(tmp_path / "s", first, short), tmp_path, min_length=15)
    assert "outcome" not in result.summary
    assert result.summary["longest_contig"] > len(world.unknown) - 100
    assert result.summary["significant"] == 1


def test_long_reads_are_assembled_without_correction(world: World, tmp_path: Path) -> None:
    """Which takes minutes for a hundred reads of 30 kb."""
    reads = reads_of("unknown", world.unknown, 60, random.Random(1), length=1200)
    job, result = run(world, folders.sample(tmp_path / "s", reads), tmp_path)
    assert " --only-assembler " in next(line for line in job.lines if line.startswith("$ spades.py"))
    assert "errors of short reads only" in result.warnings[0]
    assert result.summary["significant"] == 1


def test_reads_of_nothing_but_n(world: World, tmp_path: Path) -> None:
    reads = [Read(f"n{number}", "N" * 150, "F" * 150) for number in range(50)]
    job, result = run(world, folders.sample(tmp_path / "s", reads), tmp_path)
    assert "outcome" in result.summary
    running.judge(TOOL, job, result)


def test_no_contig_is_long_enough(world: World, tmp_path: Path) -> None:
    reads = reads_of("short", world.unknown[:260], 300, random.Random(1))
    job, result = run(world, folders.sample(tmp_path / "s", reads), tmp_path)
    ends_with_nothing(job, result, "no scaffold of 300 nt or more")
    assert (job.out / "assembly.fa.gz").stat().st_size > 0


def test_no_contig_has_an_orf(world: World, tmp_path: Path) -> None:
    rng = random.Random(4)
    stops = "".join(simulate.sequence(rng, 20) + "TAATTAATTAA" for _ in range(20))  # in all six frames
    job, result = run(world, folders.sample(tmp_path / "s", reads_of("x", stops, 400, rng)), tmp_path)
    ends_with_nothing(job, result, "No scaffold has an open reading frame of 100 residues")
    assert result.summary["long_scaffolds"] >= 1


def test_no_orf_resembles_a_profile(world: World, tmp_path: Path) -> None:
    rng = random.Random(5)
    other = families.profiles(tmp_path / "other.hmm", {"vFam_1": [families.protein(rng, 60)]})
    sample = folders.sample(tmp_path / "s", reads_of("unknown", world.unknown, 700, rng))
    job, result = run(world, sample, tmp_path, cpus=1, inputs={"hmms": other})
    ends_with_nothing(job, result, "ORFs resembles a profile")
    assert "--cpu 1 " in next(line for line in job.lines if line.startswith("$ hmmscan"))
    assert result.summary["contigs"] == 1 and result.summary["hits"] == 0


def test_a_failure_of_spades_stays_one(tmp_path: Path) -> None:
    """Not too few reads, but files that do not belong together."""
    first, second = simulate.paired(
        random.Random(1), [Source("x", simulate.sequence(random.Random(2), 900))], 300
    )
    reads = [simulate.write(tmp_path / "1.fq.gz", first), simulate.write(tmp_path / "2.fq.gz", second[:100])]
    job = running.LocalJob(None, tmp_path / "job")  # type: ignore[arg-type]
    with pytest.raises(ToolFailure, match=r"spades\.py ended with exit code"):
        assembly.assemble(job, reads, assembly.KMERS, memory_mb=4096)


# Before anything is charged


def problems(world: World, sample: Path, tmp_path: Path, **inputs: Any) -> dict[str, str]:
    given = {"sample": sample, "index": world.index, "hmms": world.hmms} | inputs
    return {
        each.field: each.message for each in TOOL.check(running.given(TOOL, given, {}, tmp_path / "given"))
    }


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return folders.sample(tmp_path / "sample", [Read("a", "A" * 30, "F" * 30)])


def test_check_finds_nothing_wrong(world: World, sample: Path, tmp_path: Path) -> None:
    assert problems(world, sample, tmp_path, annotations=world.annotations) == {}


def test_check_wants_whole_folders(world: World, sample: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(world.index, tmp_path / "broken")
    (broken / "bowtie" / "reference.rev.2.bt2").unlink()
    (sample / "reads_1.fq.gz").unlink()
    told = problems(world, sample, tmp_path, index=broken, subtractions=[world.host_index, world.index])
    assert set(told) == {"sample", "index", "subtractions"}
    assert "broken is no index, or not a whole one" in told["index"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[: len(text) // 2], "cut short"),
        (lambda text: text + text, "twice"),
        (lambda text: text.replace("ALPH  amino", "ALPH  DNA"), "profile of DNA sequences"),
        (lambda text: text + "nonsense\n", "not an HMM set"),
    ],
)
def test_check_reads_the_profiles(
    world: World, sample: Path, tmp_path: Path, change: Any, words: str
) -> None:
    path = tmp_path / "set.hmm"
    path.write_text(change(gzip.decompress(world.hmms.read_bytes()).decode()))
    assert words in problems(world, sample, tmp_path, hmms=path)["hmms"]


@pytest.mark.parametrize("text", ["{", "[1, 2]", '"x"', '[{"names": []}]', '{"2": {"names": "x"}}'])
def test_check_reads_the_annotations(world: World, sample: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    assert "table.json is" in problems(world, sample, tmp_path, annotations=path)["annotations"]


def test_price_grows_with_the_reads(world: World, sample: Path, tmp_path: Path) -> None:
    def credits() -> int:
        given = running.given(
            TOOL, {"sample": sample, "index": world.index, "hmms": world.hmms}, {}, tmp_path
        )
        return sum(line.credits for line in TOOL.price(given))

    assert credits() == 25
    with (sample / "reads_2.fq.gz").open("wb") as sparse:
        sparse.truncate(2_300_000_000)
    assert credits() == 45


@pytest.mark.parametrize(
    ("longest", "library_type", "minimum"),
    [(79, "normal", 35), (80, "normal", 100), (159, "other", 100), (160, "normal", 160), (24, "srna", 18)],
)
def test_the_minimum_length_is_virtools(longest: int, library_type: str, minimum: int) -> None:
    assert trimming.minimum_length(longest, small_rna=library_type == "srna") == minimum
