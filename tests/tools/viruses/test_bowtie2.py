"""Building indexes with the real bowtie2-build."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tools.running import LocalJob
from tools.contract import Given, Model, ToolFailure
from tools.programs import missing
from tools.viruses import bowtie2, made_up

pytestmark = pytest.mark.skipif(missing("bowtie2-build") is not None, reason="bowtie2 is not installed")


class Nothing(Model):
    pass


@pytest.fixture
def job(tmp_path: Path) -> LocalJob:
    """In a folder whose name would be a list for bowtie2, and two words for a shell."""
    return LocalJob(Given(Nothing(), Nothing(), {}), tmp_path / "a, b $HOME")


def test_an_index_is_built_where_a_path_has_commas_and_blanks(job: LocalJob) -> None:
    (job.work / "x.fa").write_text(made_up.fasta({"one": made_up.sequence(1, 500)}))
    bowtie2.build(job, job.work / "x.fa", job.out / "bowtie" / "x")
    assert [path.name for path in bowtie2.files(job.out / "bowtie" / "x")] == [
        f"x{part}" for part in bowtie2.PARTS
    ]
    words = ["bowtie2-inspect", bowtie2.relative(job, job.out / "bowtie" / "x")]
    inspected = subprocess.run(words, cwd=job.work, capture_output=True, text=True).stdout
    assert inspected == (job.work / "x.fa").read_text()


def test_progress_goes_through_both_passes(job: LocalJob) -> None:
    (job.work / "x.fa").write_text(made_up.fasta({"one": made_up.sequence(1, 20_000)}))
    bowtie2.build(job, job.work / "x.fa", job.out / "x")
    told = [fraction for _, fraction, _ in job.told if fraction is not None]
    assert told == sorted(told)
    assert 0 in told and 0.5 in told and any(0.5 < each < 1 for each in told)


def test_nothing_to_build_from(job: LocalJob) -> None:
    (job.work / "x.fa").write_text(">n\nNNNN\n")
    with pytest.raises(ToolFailure, match="No unambiguous stretches"):
        bowtie2.build(job, job.work / "x.fa", job.out / "x")


def test_a_large_index_is_one_too_and_half_an_index_is_none(job: LocalJob) -> None:
    (job.work / "x.fa").write_text(made_up.fasta({"one": made_up.sequence(1, 500)}))
    job.command(["bowtie2-build", "-q", "--large-index", "x.fa", "x"])
    found = bowtie2.files(job.work / "x")
    assert [path.suffix for path in found] == [".bt2l"] * 6
    found[-1].unlink()
    with pytest.raises(ToolFailure, match=r"The bowtie2 index x is incomplete"):
        bowtie2.files(job.work / "x")
