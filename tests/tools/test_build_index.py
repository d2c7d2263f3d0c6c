"""Build Index on made-up viruses and on real ones, with the real bowtie2."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.viruses.folders import VIRUSES
from tools import library
from tools.build_index import TOOL
from tools.contract import LocalFile, MetricsPanel, Result, RowsPanel, TablePanel
from tools.programs import missing
from tools.viruses import bowtie2, made_up

needs_bowtie2 = pytest.mark.skipif(missing("bowtie2-build") is not None, reason="bowtie2 is not installed")


def started(folder: Path, source: Path | dict[str, Any], *, cpus: int = 2) -> tuple[running.LocalJob, Result]:
    given = running.given(TOOL, {"reference": source}, {}, folder / "in")
    assert list(TOOL.check(given)) == []
    job = running.LocalJob(given, folder / "job", cpus=cpus)
    return job, TOOL.run(job)


def inspected(prefix: Path) -> dict[str, str]:
    """What bowtie2 itself finds in an index."""
    text = subprocess.run(
        ["bowtie2-inspect", "-a", "0", prefix], check=True, capture_output=True, text=True
    ).stdout
    return fasta(text)


def fasta(text: str) -> dict[str, str]:
    records = (record.partition("\n") for record in text.split(">")[1:])
    return {name.strip(): letters.replace("\n", "") for name, _, letters in records}


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


@needs_bowtie2
def test_an_index_holds_export_fasta_and_bowtie(tmp_path: Path) -> None:
    job, result = started(tmp_path, {"text": made_up.reference(), "name": "three.json"})
    (item,) = result.library
    assert (item.name, item.format) == ("three", "index")
    held = {path.relative_to(item.path).as_posix() for path in item.path.rglob("*") if path.is_file()}
    bowtie = {f"bowtie/reference{part}" for part in bowtie2.PARTS}
    assert held == {"reference.json.gz", "reference.fa.gz", *bowtie}
    assert {key for key, _, _ in library.KINDS["index"].columns} <= set(item.facts)
    content = unpacked(item.path / "reference.json.gz")
    assert item.facts["version"] == hashlib.sha256(content.encode()).hexdigest()[:12]
    assert {otu["_id"]: otu["version"] for otu in json.loads(content)["otus"]} == {
        "otu1": 1,
        "otu2": 1,
        "otu3": 1,
    }
    defaults = fasta(unpacked(item.path / "reference.fa.gz"))
    assert list(defaults) == ["otu1_0_0", "otu2_0_0", "otu3_0_0", "otu3_0_1"]
    assert inspected(item.path / "bowtie" / "reference") == defaults
    assert job.steps == ["Process OTUs", "Bowtie build", "Finalize"]
    assert result.summary["mapped_against"] == 4


@needs_bowtie2
def test_the_same_reference_has_the_same_version(tmp_path: Path) -> None:
    text = made_up.reference()
    compact = json.dumps(json.loads(text), separators=(",", ":"))
    versions = [
        started(tmp_path / str(number), {"text": each, "name": f"{number}.json"}, cpus=number)[1].summary[
            "version"
        ]
        for number, each in enumerate([text, compact], 1)
    ]
    assert versions[0] == versions[1]


@needs_bowtie2
def test_a_plain_fasta_of_rna_maps_as_dna(tmp_path: Path) -> None:
    """bowtie2-build would leave every U out."""
    letters = made_up.sequence(1, 300)
    text = f">one Apple virus X\n{letters.replace('T', 'U')}\n"
    _, result = started(tmp_path, {"text": text, "name": "rna.fasta"})
    assert inspected(result.library[0].path / "bowtie" / "reference") == {"one": letters}


@needs_bowtie2
def test_what_was_built_can_be_viewed_as_result_and_as_index(tmp_path: Path) -> None:
    content = json.loads(made_up.reference())
    del content["otus"][0]["isolates"][0]["default"]
    job, result = started(tmp_path, {"text": json.dumps(content), "name": "three.json"})
    metrics, table = running.judge(TOOL, job, result)
    assert isinstance(metrics, MetricsPanel) and isinstance(table, TablePanel)
    assert [row[1] for row in result.tables[0].rows] == [
        "Made-up mosaic virus",
        "Made-up ringspot virus",
        "Made-up wilt virus",
    ]
    assert "Made-up mosaic virus" in result.warnings[0]
    (item,) = result.library
    about = {"format": item.format, "name": item.name, "facts": dict(item.facts)}
    (item.path / "about.json").write_text(json.dumps(about))
    metrics, rows = library.KINDS["index"].show(LocalFile(item.path, item.name, "index"), item.facts)
    assert isinstance(rows, RowsPanel)
    assert [row[2:] for row in rows.rows] == [(1, 1, 1200, 1200), (2, 2, 1500, 1500), (1, 2, 1400, 2300)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("{}", "x.json", "x.json is a JSON file. Give a reference as Virtool exports it"),
        ("@r\nACGT\n+\nIIII\n", "x.fq", "x.fq is a FASTQ file. Give a reference"),
        (">p\nMKLVEFQ\n", "p.fasta", "looks like a protein"),
        (made_up.reference().replace("otu2_0_0", "otu1_0_0"), "x.json", "otu1_0_0 occurs more than once"),
        (made_up.reference()[:-50], "x.json", "damaged or cut short"),
    ],
)
def test_a_bad_reference_is_refused_before_anything_is_charged(
    tmp_path: Path, text: str, name: str, message: str
) -> None:
    given = running.given(TOOL, {"reference": {"text": text, "name": name}}, {}, tmp_path)
    (problem,) = TOOL.check(given)
    assert problem.field == "reference"
    assert message in problem.message


def test_a_file_that_changed_is_judged_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(">p\nMKLVEFQ\n")
    given = running.given(TOOL, {"reference": path}, {}, tmp_path)
    assert list(TOOL.check(given))
    path.write_text(">n\nACGT\n")
    assert not list(TOOL.check(given))


def test_the_price_is_three_credits(tmp_path: Path) -> None:
    given = running.given(TOOL, TOOL.example().inputs, {}, tmp_path)  # type: ignore[misc]
    assert [line.credits for line in TOOL.price(given)] == [3]


@needs_bowtie2
@pytest.mark.skipif(not VIRUSES.is_file(), reason="the shared data is absent")
def test_real_viruses(tmp_path: Path) -> None:
    job, result = started(tmp_path, VIRUSES)
    facts = result.library[0].facts
    assert (facts["otus"], facts["isolates"], facts["sequences"]) == (14, 85, 103)
    expected = {
        sequence["_id"]: sequence["sequence"]
        for otu in json.loads(VIRUSES.read_text())["otus"]
        for isolate in otu["isolates"]
        if isolate["default"]
        for sequence in isolate["sequences"]
    }
    assert len(expected) == 18
    assert fasta(unpacked(result.library[0].path / "reference.fa.gz")) == expected
    # bowtie2 keeps no letters beside A, C, G, T and N.
    found = inspected(result.library[0].path / "bowtie" / "reference")
    assert {id: len(letters) for id, letters in found.items()} == {
        id: len(seq) for id, seq in expected.items()
    }
    unlike = {id for id, letters in found.items() if letters != expected[id]}
    assert all(set(expected[id]) - set("ACGTN") for id in unlike)
    running.judge(TOOL, job, result)
