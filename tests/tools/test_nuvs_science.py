"""NuVs on real data: Virtool's reads give Virtool's scaffolds and hits, and a virus left out of the index is found."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running, simulate
from tests.tools.simulate import Source
from tests.tools.test_nuvs import table
from tests.tools.viruses import families, folders
from tools import library
from tools.contract import Result
from tools.nuvs import TOOL
from tools.viruses import assembly, orfs
from tools.viruses.assembly import Scaffold

NUVS = folders.DATA / "virtool_nuvs"

pytestmark = [
    pytest.mark.science,
    pytest.mark.skipif(not NUVS.is_dir(), reason="the shared data is not here"),
    pytest.mark.skipif(TOOL.missing() is not None, reason=str(TOOL.missing())),
]


def either_strand(sequence: str) -> str:
    return min(sequence, simulate.reverse_complement(sequence))


def scaffolds(path: Path) -> list[Scaffold]:
    return list(assembly.scaffolds(path))


def test_spades_gives_the_scaffolds_that_virtool_stores(tmp_path: Path) -> None:
    """They were made of the first reads of the pairs, as they are in the file."""
    job = running.LocalJob(None, tmp_path)  # type: ignore[arg-type]
    made = assembly.assemble(job, [NUVS / "paired_1.fq.gz"], assembly.KMERS, memory_mb=8192)
    assert made.kmers == (21, 33, 55, 75) and made.scaffolds
    found, stored = scaffolds(made.scaffolds), scaffolds(NUVS / "scaffolds.fasta")
    assert [len(each.sequence) for each in found[:3]] == [7909, 7853, 3591]
    ours, theirs = ([either_strand(each.sequence) for each in several] for several in (found, stored))
    assert ours[:3] == theirs[:3]
    long = [sum(len(each) >= 300 for each in several) for several in (ours, theirs)]
    assert long == [55, 55]
    assert len(set(ours) & set(theirs)) > 0.9 * len(theirs)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[running.LocalJob, Any]:
    """Virtool's read pairs, and among them those of a made-up virus with the two proteins that Virtool stores."""
    folder = tmp_path_factory.mktemp("real")
    rng = random.Random(1)
    proteins = [record.sequence for record in assembly.scaffolds(NUVS / "orfs.fa")]
    spacers = [simulate.sequence(rng, 120) for _ in range(3)]
    genes = [families.gene(each) for each in proteins]
    genome = spacers[0] + genes[0] + spacers[1] + genes[1] + spacers[2]
    sample = folder / "sample"
    mates = simulate.paired(rng, [Source("added", genome)], 600)
    folders.sample(sample, *mates)
    for number in (1, 2):
        reads = sample / f"reads_{number}.fq.gz"
        with reads.open("ab") as out, (NUVS / f"paired_{number}.fq.gz").open("rb") as source:
            shutil.copyfileobj(source, out)  # gzip members add up
    _tell_length(sample, 151)
    index = folders.index(folder / "index", json.loads(folders.VIRUSES.read_text()))
    given = {"sample": sample, "index": index, "hmms": NUVS / "profiles.hmm"}
    job = running.LocalJob(running.given(TOOL, given, {}, folder / "given"), folder / "job")
    return job, TOOL.run(job)


def _tell_length(sample: Path, longest: int) -> None:
    told = library.about(sample)
    told["facts"]["length"][1] = longest
    (sample / library.ABOUT).write_text(json.dumps(told))


def test_real_pairs_give_the_same_genomes(real: tuple[running.LocalJob, Any]) -> None:
    job, result = real
    assert result.summary["reads"] == 21_200
    found = [each.sequence for each in scaffolds(job.out / "assembly.fa.gz")]
    stored = [each.sequence for each in scaffolds(NUVS / "scaffolds.fasta")]
    for whole in (stored[0], stored[2]):  # 7,909 and 3,591 nt; trimming takes a few nt of the ends
        core = whole[200:-200]
        assert any(core in each or simulate.reverse_complement(core) in each for each in found)
    assert result.summary["long_scaffolds"] == pytest.approx(73, abs=5)


def test_both_hits_come_back(real: tuple[running.LocalJob, Any]) -> None:
    job, result = real
    hits = {row["profile"]: row for row in table(result, "hits")}
    assert hits["vFam_9"]["full_e"] < 1e-125 and hits["vFam_9"]["full_score"] == pytest.approx(440, abs=15)
    assert hits["vFam_2"]["full_e"] < 1e-115 and hits["vFam_2"]["full_score"] == pytest.approx(401, abs=15)
    assert hits["vFam_9"]["best_score"] == pytest.approx(440, abs=15)
    assert result.summary["significant"] == 1
    running.judge(TOOL, job, result)


@dataclass(frozen=True)
class Unknown:
    """A tobamovirus that the index lacks, beside viruses that it holds."""

    genome: str
    known: str
    index: Path
    hmms: Path


@pytest.fixture(scope="module")
def tmv(tmp_path_factory: pytest.TempPathFactory) -> Unknown:
    folder = tmp_path_factory.mktemp("tmv")
    content = json.loads(folders.VIRUSES.read_text())
    otus = {otu["abbreviation"]: otu for otu in content["otus"]}
    content["otus"].remove(otus["TMV"])
    relatives = [bases for name in ("ToMV", "TBRFV") for bases in genomes(otus[name])]
    return Unknown(
        genomes(otus["TMV"])[0],
        genomes(otus["PVY"])[0],
        folders.index(folder / "index", content),
        families.profiles(folder / "tobamoviruses.hmm", tobamovirus_families(relatives)),
    )


def genomes(otu: dict[str, Any]) -> list[str]:
    return [each["sequence"].upper() for isolate in otu["isolates"] for each in isolate["sequences"]]


def test_a_virus_that_the_index_lacks_is_found_by_its_relatives(tmv: Unknown, tmp_path: Path) -> None:
    rng = random.Random(3)
    host = simulate.host(rng, 40_000)
    sources = [Source("TMV", tmv.genome, 4), Source("PVY", tmv.known, 3), Source("host", host, 3)]
    sample = folders.sample(tmp_path / "sample", *simulate.paired(rng, sources, 5000))
    subtraction = folders.subtraction(tmp_path / "host", {"chr1": host})
    best, contig, result = found_in(sample, tmv, tmp_path, subtractions=[subtraction])
    assert best["length"] == pytest.approx(6395, abs=60)
    assert best["annotated_orfs"] == 4
    assert best["e"] < 1e-100
    core = contig[60:-60]
    assert core in tmv.genome or simulate.reverse_complement(core) in tmv.genome
    assert result.summary["significant"] == 1, "nothing else resembles a tobamovirus"


def test_its_small_rnas_give_the_whole_genome(tmv: Unknown, tmp_path: Path) -> None:
    """SPAdes gives up at k = 23, for which only reads of 24 nt count; the smaller sizes do."""
    reads = simulate.small_rna(random.Random(3), [Source("TMV", tmv.genome)], 30_000)
    sample = folders.sample(tmp_path / "sample", reads, library_type="srna")
    best, contig, result = found_in(sample, tmv, tmp_path)
    assert result.summary["trimmed_reads"] > 0.95 * 30_000
    assert "k-mers of 17, 21 instead of 17, 21, 23" in result.warnings[0]
    assert best["annotated_orfs"] == 4
    assert len(contig) > 6300
    core = contig[30:-30]
    assert core in tmv.genome or simulate.reverse_complement(core) in tmv.genome


def found_in(sample: Path, tmv: Unknown, folder: Path, **inputs: Any) -> tuple[dict[str, Any], str, Result]:
    """The contig with the lowest E-value, its sequence, and all of the result."""
    given = {"sample": sample, "index": tmv.index, "hmms": tmv.hmms} | inputs
    job = running.LocalJob(running.given(TOOL, given, {}, folder / "given"), folder / "job")
    result = TOOL.run(job)
    best = min((row for row in table(result, "contigs") if row["e"] is not None), key=lambda row: row["e"])
    records = {each.name: each.sequence for each in scaffolds(job.out / "assembly.fa.gz")}
    return best, records[best["scaffold"]], result


def tobamovirus_families(relatives: Sequence[str]) -> dict[str, list[str]]:
    """Aligned proteins: the two parts of the replicase, the movement and the coat protein, along the genome."""
    from pyfamsa import Aligner
    from pyfamsa import Sequence as Unaligned

    of_each = []
    for genome in relatives:
        longest = sorted(
            (orf for orf in orfs.find(genome) if orf.strand > 0), key=lambda orf: -len(orf.protein)
        )
        of_each.append(sorted(longest[:4], key=lambda orf: orf.start))
    names = ("vFam_1", "vFam_2", "vFam_3", "vFam_4")
    aligned = {}
    for name, proteins in zip(names, zip(*of_each, strict=True), strict=True):
        rows = Aligner(threads=1).align(
            Unaligned(f"{place}".encode(), orf.protein.encode()) for place, orf in enumerate(proteins)
        )
        aligned[name] = [row.sequence.decode() for row in rows]
    return aligned
