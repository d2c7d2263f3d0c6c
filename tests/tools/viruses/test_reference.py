"""References as people have them: Virtool's exports, plain FASTA, and what is wrong with either."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.viruses import folders
from tools import formats, library
from tools.contract import InputFailure, LocalFile, RowsPanel
from tools.viruses import made_up, otus, reference
from tools.viruses.reference import Reference

Content = dict[str, Any]


def read(path: Path, content: Content | str) -> Reference:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return reference.read(path, path.name)


@pytest.fixture
def content() -> Content:
    return folders.virus_reference(
        folders.otu("one", {"": "ACGTACGT"}, {"": "TTTTACGT"}),
        folders.otu("two", {"RNA 1": "GGGGCCCC", "RNA 2": "CCCC"}, schema=["RNA 1", "RNA 2"]),
    )


@pytest.mark.parametrize("packed", [False, True])
def test_an_export_of_virtool(tmp_path: Path, content: Content, packed: bool) -> None:
    path = tmp_path / ("plants.json.gz" if packed else "plants.json")
    text = json.dumps(content).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    found = reference.read(path, path.name)
    assert (found.data_type, found.organism, found.name, found.notes) == ("genome", "virus", "plants", ())
    assert found.counts == {"otus": 2, "isolates": 3, "sequences": 4}
    one, two = found.otus
    assert (one.id, one.name, one.abbreviation, one.version) == ("one", "one virus", "ONE", 3)
    assert [each.name for each in one.isolates] == ["Isolate 0", "Isolate 1"]
    assert two.segments == ("RNA 1", "RNA 2")
    assert [(each.id, each.segment, each.sequence) for each in two.sequences] == [
        ("two.0.0", "RNA 1", "GGGGCCCC"),
        ("two.0.1", "RNA 2", "CCCC"),
    ]
    assert two.default.length == 12


def test_its_own_name_comes_before_the_files(tmp_path: Path, content: Content) -> None:
    assert read(tmp_path / "x.json", content | {"name": "Plant Viruses"}).name == "Plant Viruses"


def test_remote_ids_replace_local_ones(tmp_path: Path, content: Content) -> None:
    content["otus"][0]["remote"] = {"id": "far"}
    content["otus"][0]["isolates"][0]["sequences"][0]["remote"] = {"id": "away"}
    first = read(tmp_path / "x.json", content).otus[0]
    assert (first.id, first.sequences[0].id, first.sequences[1].id) == ("far", "away", "one.1.0")


def test_ids_may_be_called_id_and_an_accession_stands_in(tmp_path: Path, content: Content) -> None:
    first = content["otus"][0]
    first["id"] = first.pop("_id")
    del first["isolates"][0]["sequences"][0]["_id"]
    otu = read(tmp_path / "x.json", content).otus[0]
    assert (otu.id, otu.sequences[0].id) == ("one", "one00")


def test_odd_fields_do_no_harm(tmp_path: Path, content: Content) -> None:
    content["otus"][0].update(schema=7, version="new", abbreviation=None, name="half \ud800")
    content["otus"][1].update(schema=["RNA 1", "RNA 2"])
    found = read(tmp_path / "x.json", content)
    first, second = found.otus
    assert (first.name, first.abbreviation, first.version, first.schema) == ("half ?", "", 0, ())
    assert second.segments == ("RNA 1", "RNA 2")
    otus.canonical(otus.export(found))


def test_letters_become_upper_case_dna(tmp_path: Path, content: Content) -> None:
    content["otus"][0]["isolates"][0]["sequences"][0]["sequence"] = "acgu\nUUryn"
    assert read(tmp_path / "x.json", content).otus[0].sequences[0].sequence == "ACGTTTRYN"


@pytest.mark.parametrize(("marks", "default"), [((False, False), 0), ((True, True), 0), ((False, True), 1)])
def test_there_is_one_default_isolate(
    tmp_path: Path, content: Content, marks: tuple[bool, bool], default: int
) -> None:
    for isolate, mark in zip(content["otus"][0]["isolates"], marks, strict=True):
        isolate["default"] = mark
    found = read(tmp_path / "x.json", content)
    assert [each.default for each in found.otus[0].isolates] == [default == 0, default == 1]
    assert bool(found.notes) == (marks.count(True) != 1)
    assert all("one virus" in note for note in found.notes)


def first_sequence(content: Content) -> Content:
    sequence: Content = content["otus"][0]["isolates"][0]["sequences"][0]
    return sequence


def otu(content: Content) -> Content:
    found: Content = content["otus"][0]
    return found


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.update(data_type="barcode"), "a reference of the type barcode"),
        (lambda c: otu(c).update(isolates=[]), r"OTU one virus has no isolate\. Add one"),
        (lambda c: otu(c).update(name=" "), "OTU 1 has no name"),
        (lambda c: otu(c).pop("_id"), "OTU one virus has no id"),
        (lambda c: otu(c)["isolates"][0].update(sequences=[]), "Isolate 1 of OTU one virus has no sequences"),
        (
            lambda c: otu(c)["isolates"][1].pop("sequences"),
            "Isolate 2 of OTU one virus has no list “sequences”",
        ),
        (lambda c: otu(c)["isolates"][1].update(sequences=["ACGT"]), "a sequence that is no object"),
        (lambda c: otu(c)["isolates"][1].update(id="one.0"), r"Two isolates of OTU one virus .* id: one\.0"),
        (lambda c: otu(c)["isolates"].insert(0, "x"), "Isolate 1 of OTU one virus has no list"),
        (lambda c: c["otus"].append(None), "OTU 3 has no list “isolates”"),
        (
            lambda c: c["otus"].append(copy.deepcopy(otu(c))),
            r"id one\.0\.0 occurs more than once \(in one virus\)",
        ),
        (
            lambda c: c["otus"][1].update(_id="one"),
            r"OTU id one occurs more than once \(one virus, two virus\)",
        ),
        (
            lambda c: first_sequence(c).update(_id="two.0.1"),
            r"two\.0\.1 .* \(in one virus and in two virus\)",
        ),
        (lambda c: first_sequence(c).update(_id="a b"), "has the id 'a b', which mapped reads cannot carry"),
        (lambda c: first_sequence(c).update(_id="*"), "mapped reads cannot carry"),
        (
            lambda c: first_sequence(c).update(sequence=""),
            r"one\.0\.0 \(Isolate 1 of OTU one virus\) is empty",
        ),
        (lambda c: first_sequence(c).update(sequence=None), "is empty"),
        (lambda c: first_sequence(c).update(sequence="MKLE"), r"what stands for no nucleotide \(E, L\)"),
        (lambda c: first_sequence(c).update(sequence="NNN-"), r"no nucleotide \(-\)"),
        (lambda c: first_sequence(c).update(sequence="AC\ud800"), r"no nucleotide \(\?\)"),
        (lambda c: first_sequence(c).update(sequence="NNRR"), "holds no A, C, G or T"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, content: Content, spoil: Callable[[Content], Any], message: str
) -> None:
    spoil(content)
    with pytest.raises(InputFailure, match=message):
        read(tmp_path / "x.json", content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"otus": []}', r"x\.json is a JSON file\. Give a reference as Virtool exports it"),
        ("[1]", "is a JSON file"),
        ("", "is an empty file"),
        (made_up.reference()[:-1] + ', "x": ' + "[" * 200_000, r"x\.json is nested deeper"),
        (made_up.reference()[:-1] + ', "x": ' + "9" * 5000 + "}", r"x\.json holds what no reference does"),
        (made_up.reference()[:-100], r"x\.json is damaged or cut short: .* in line \d+\. Export it again"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        read(tmp_path / "x.json", text)


def test_more_values_than_memory_has_are_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "VALUES", 1000)
    text = made_up.reference()[:-1] + ', "x": [' + "[]," * 1000 + "0]}"
    with pytest.raises(InputFailure, match="more values than any reference does"):
        read(tmp_path / "x.json", text)


def test_a_gzipped_reference_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(made_up.reference().encode())[:-20])
    with pytest.raises(InputFailure, match="The compressed file is damaged or cut short"):
        reference.read(path, path.name)


def test_records_of_a_fasta_file_are_otus_with_one_isolate(tmp_path: Path) -> None:
    found = read(tmp_path / "mine.fa", ">a|1 Apple virus X\r\nACGU\r\nNN\r\n>b\nacgt")
    assert found.name == "mine"
    assert [(each.id, each.name, each.default.default) for each in found.otus] == [
        ("a|1", "Apple virus X", True),
        ("b", "b", True),
    ]
    assert [each.sequence for each in found.otus[0].sequences] == ["ACGTNN"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nACGT\n>a\nACGT\n", "The sequence id a occurs more than once"),
        (">a\nACGT\n>b\n\n>c\nACGT\n", "Record b is empty"),
        (">a\nACGT\n>p some\nMKLVEFQ\n", "Record p holds .* looks like a protein"),
        (">a\nNNN\n", "Record a holds no A, C, G or T"),
        (">\nACGT\n", "Record 1 has no name"),
        (">ä\nACGT\n", "Record 1 has the id"),
    ],
)
def test_what_is_wrong_with_a_fasta_file_names_the_record(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        read(tmp_path / "x.fa", text)


def test_an_export_is_read_again_and_has_the_same_version(tmp_path: Path, content: Content) -> None:
    found = read(tmp_path / "x.json", content)
    exported = otus.canonical(otus.export(found))
    assert set(json.loads(exported)) == {"data_type", "organism", "targets", "otus"}
    again = read(tmp_path / "again.json", exported.decode())
    assert again.otus == found.otus
    assert otus.version(otus.canonical(otus.export(again))) == otus.version(exported)
    first_sequence(content)["sequence"] = "ACGTACGA"
    changed = otus.canonical(otus.export(read(tmp_path / "x.json", content)))
    assert otus.version(changed) != otus.version(exported)


def test_an_index_is_opened(tmp_path: Path, content: Content) -> None:
    index = reference.open_index(folders.index(tmp_path / "index", content))
    assert (index.name, index.version) == ("index", "0123456789ab")
    assert index.manifest == {"one": 3, "two": 3}
    found, isolate = index.places["one.1.0"]
    assert (found.id, isolate.id) == ("one", "one.1")
    assert Path(f"{index.bowtie}.rev.2.bt2").is_file()


def test_a_reference_shows_its_otus(
    tmp_path: Path, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    file = LocalFile(path, "x.json", "reference")
    kind = library.KINDS["reference"]
    facts = kind.look(file)
    assert {key for key, _, _ in kind.columns} <= set(facts)
    (panel,) = kind.show(file, facts)
    assert isinstance(panel, RowsPanel)
    assert panel.rows == [("one virus", "ONE", 2, 2, 8, 8), ("two virus", "TWO", 1, 2, 8, 12)]
    monkeypatch.setattr(reference, "SHOWN", 1)
    (panel,) = kind.show(file, facts)
    assert isinstance(panel, RowsPanel)
    assert (len(panel.rows), panel.note) == (1, "The first 1 of 2 OTUs.")


@pytest.mark.parametrize("indent", [None, 1])
def test_a_reference_is_recognised_by_what_it_holds(
    tmp_path: Path, content: Content, indent: int | None
) -> None:
    path = tmp_path / "export"
    path.write_text(json.dumps(content, indent=indent))
    assert formats.detect(path, "export") == "reference"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert formats.detect(path, "export.json.gz") == "reference"
    path.write_text(json.dumps({"otus": [{"name": "no isolates"}]}))
    assert formats.detect(path, "export.json") == "json"


@pytest.mark.skipif(not folders.VIRUSES.is_file(), reason="the shared data is absent")
def test_the_real_subset() -> None:
    found = reference.read(folders.VIRUSES, "reference_subset.json")
    assert found.counts == {"otus": 14, "isolates": 85, "sequences": 103}
    wilt = next(each for each in found.otus if each.abbreviation == "TSWV")
    assert wilt.segments == ("RNA L", "RNA M", "RNA S")
    assert [each.segment for each in wilt.default.sequences] == ["RNA S", "RNA M", "RNA L"]
    assert sum(1 for _ in otus.default_sequences(found)) == 18


@pytest.mark.parametrize(("told", "kept"), [(7, 7), (10**30, 0), (-1, 0), ("x", 0)])
def test_a_version_that_no_table_holds_is_none(
    tmp_path: Path, content: Content, told: object, kept: int
) -> None:
    otu(content)["version"] = told
    assert read(tmp_path / "x.json", content).otus[0].version == kept
