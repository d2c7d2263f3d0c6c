"""HMM sets: what they hold, which are refused, whose annotation is whose, and hmmscan's columns."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.tools import running
from tests.tools.viruses import families
from tools import library
from tools.contract import InputFailure, LocalFile, RowsPanel
from tools.viruses import profiles


@pytest.fixture
def proteins() -> dict[str, list[str]]:
    rng = random.Random(1)
    return {name: [families.protein(rng, length)] for name, length in (("vFam_7", 60), ("Rep", 80))}


def hmm(path: Path) -> LocalFile:
    return LocalFile(path, path.name, "hmm")


@pytest.mark.parametrize("name", ["set.hmm", "set.hmm.gz"])
def test_facts_and_panels(tmp_path: Path, proteins: dict[str, list[str]], name: str) -> None:
    file = hmm(families.profiles(tmp_path / name, proteins))
    kind = library.KINDS["hmm"]
    facts = kind.look(file)
    assert facts == {"profiles": 2, "length": [60, 80], "alphabet": "amino"}
    (panel,) = kind.show(file, facts)
    assert isinstance(panel, RowsPanel)
    assert [column.name for column in panel.columns] == ["name", "length", "sequences"]
    assert panel.rows == [["vFam_7", 60, 1], ["Rep", 80, 1]]


def test_descriptions_are_shown_where_there_are_any(tmp_path: Path, proteins: dict[str, list[str]]) -> None:
    path = families.profiles(tmp_path / "set.hmm", proteins)
    path.write_text(path.read_text().replace("NAME  Rep\n", "NAME  Rep\nDESC  Viral replicase\n"))
    (panel,) = profiles.panels(hmm(path), {})
    assert isinstance(panel, RowsPanel)
    assert panel.rows[1] == ["Rep", "Viral replicase", 80, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "holds no profile"),
        (lambda text: "HMMER2.0\nNAME x\n//\n", "not an HMM set as HMMER 3"),
        (lambda text: ">x\nMKV\n", "not an HMM set"),
        (lambda text: text[:-400], "last profile has no end"),
        (lambda text: text.replace("//\n", "", 1), "a profile has no end"),
        (lambda text: text.replace("ALPH  amino", "ALPH  RNA"), "profile of RNA sequences"),
        (lambda text: text.replace("NAME  Rep", "NAME  vFam_7"), "has the profile vFam_7 twice"),
        (lambda text: text.replace("NAME  Rep\n", ""), "no name or no possible length for profile 2"),
        (lambda text: text.replace("NAME  Rep", "NAME  vFam_7 b"), "has the profile vFam_7 twice"),
        *(
            (lambda text, length=length: text.replace("LENG  80", f"LENG  {length}"), "no possible length")
            for length in ("many", "0", "²", "99999999999999999999", "9" * 5000)
        ),
    ],
)
def test_what_hmmer_could_not_search_is_refused(
    tmp_path: Path, proteins: dict[str, list[str]], change: Any, words: str
) -> None:
    path = families.profiles(tmp_path / "set.hmm", proteins)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputFailure, match=words):
        profiles.facts(hmm(path))


def test_what_unpacks_to_more_than_memory_has_is_refused(
    tmp_path: Path, proteins: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = families.profiles(tmp_path / "set.hmm", proteins)
    text = path.read_text()
    path.write_text(text.replace("LENG", "COM   " + "x" * profiles.LINE + "\nLENG", 1))
    with pytest.raises(InputFailure, match="a line that is longer"):
        profiles.facts(hmm(path))
    path.write_text(text)
    with gzip.open(tmp_path / "lines.hmm.gz", "wb") as packed:
        packed.write(text.encode() + b"\n" * 10_000_000)
    with pytest.raises(InputFailure, match="unpacks to more than"):
        profiles.facts(hmm(tmp_path / "lines.hmm.gz"))
    monkeypatch.setattr(profiles, "MOST", 1)
    with pytest.raises(InputFailure, match="more than 1 profiles"):
        profiles.facts(hmm(path))


def test_a_damaged_archive_is_told(tmp_path: Path, proteins: dict[str, list[str]]) -> None:
    path = families.profiles(tmp_path / "set.hmm.gz", proteins)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputFailure, match="damaged or cut short"):
        profiles.facts(hmm(path))


ROW = "{} - sequence_{} - 1e-30 100.1 0.5 2e-29 99.5 0.25 1.0 1 0 0 1 1 1 1 a description\n"


def test_columns_and_annotation() -> None:
    lines = ["# comment\n", ROW.format("vFam_2", "3.1"), ROW.format("Rep", "0.0"), "#\n"]
    annotated = {"2": {"id": "x", "names": ["coat"], "families": {"None": 7, "A": 1, "B": 4}}, "Rep": {}}
    first, second = profiles.hits(iter(lines), annotated)
    assert (first.contig, first.orf, first.profile, first.cluster) == (3, 1, "vFam_2", 2)
    assert (first.full_e, first.full_score, first.full_bias) == (1e-30, 100.1, 0.5)
    assert (first.best_e, first.best_score, first.best_bias) == (2e-29, 99.5, 0.25)
    assert (first.id, first.names, first.families) == ("x", ["coat"], ["B", "A"])
    assert (second.id, second.cluster, second.names, second.families) == ("Rep", None, [], [])


@pytest.mark.parametrize(("with_vfam", "expected"), [(True, {"vFam_7"}), (False, {"Rep"})])
def test_of_a_vfam_set_only_vfam_counts_and_another_set_is_used_whole(
    tmp_path: Path, proteins: dict[str, list[str]], with_vfam: bool, expected: set[str]
) -> None:
    named = proteins if with_vfam else {"Rep": proteins["Rep"]}
    file = hmm(families.profiles(tmp_path / "set.hmm", named))
    queries = tmp_path / "orfs.fa"
    queries.write_text("".join(f">sequence_0.{n}\n{each[0]}\n" for n, each in enumerate(proteins.values())))
    job = running.LocalJob(None, tmp_path / "job")  # type: ignore[arg-type]
    found = profiles.scan(job, file, queries, 2, job.out / "hmm.tsv", {})
    assert {hit.profile for hit in found if hit.full_e < 1e-10} == expected
    assert "Rep" in (job.out / "hmm.tsv").read_text(), "the table is hmmscan's own"


@pytest.mark.parametrize("name", ["table.json", "table.json.gz"])
@pytest.mark.parametrize(
    "told",
    [
        [{"cluster": 2, "names": ["a"], "families": {"F": 1}}],
        {"2": {"names": ["a"], "families": ["F"]}},
    ],
)
def test_annotation_tables(tmp_path: Path, name: str, told: Any) -> None:
    path = tmp_path / name
    content = json.dumps(told).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = profiles.read_annotations(LocalFile(path, name, "json"))
    assert found["2"]["names"] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '[{"cluster": 1, "families": {"F": "3", "G": "4"}}]',
        '[{"cluster": 1, "families": {"F": null}}]',
        '[{"cluster": 1, "families": {"F": NaN}}]',
        '[{"cluster": 1, "families": {"F": ' + "9" * 5000 + "}}]",
    ],
)
def test_what_is_no_annotation_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(InputFailure, match="annotation table"):
        profiles.read_annotations(LocalFile(path, path.name, "json"))


def test_an_annotation_is_always_text_that_a_file_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('[{"cluster": 1, "id": "\\ud800", "names": ["\\ud800"], "families": {"\\ud800": 1}}]')
    annotated = profiles.read_annotations(LocalFile(path, path.name, "json"))
    (hit,) = profiles.hits(iter([ROW.format("vFam_1", "0.0")]), annotated)
    assert (hit.id, hit.names, hit.families) == ("?", ["?"], ["?"])
