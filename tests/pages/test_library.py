"""The library's pages on a real site: its lists by kind, an item's page, and what starts from it."""

from __future__ import annotations

from typing import Any

import pytest

from data.errors import NotFound
from data.records import Role, StoredFile, Visibility
from pages import library_list
from pages.parts import items, lineage
from pages.parts.lineage import Chip
from tests.laboratory import Laboratory
from tests.pages.site import Visit, press, words
from tests.pages.stocked import GRAPE, folder, made, submitted, uploaded


@pytest.mark.parametrize("role", list(Role))
def test_every_role_sees_the_kinds(lab: Laboratory, visit: Visit, role: Role) -> None:
    app = visit(lab.join("ben", role), "library.py")
    assert app.title[0].value == "Library"
    assert "No samples yet." in words(app)
    assert [option.rpartition(" ")[2] for option in app.get_by_key("library.kind").options] == [
        "References", "Indexes", "Samples", "Subtractions", "sets",
    ]  # fmt: skip


def test_a_list_shows_the_facts_of_its_kind(lab: Laboratory, visit: Visit) -> None:
    folder(lab, lab.admin, "TMV sample")
    folder(lab, lab.join("ben"), "sRNA", facts={"count": 5, "length": [21, 24], "library_type": "srna"})
    folder(lab, lab.admin, "vitis", "subtraction", facts={"count": 19})
    table = visit(lab.admin, "library.py", kind="samples").dataframe[0].value
    assert list(table["name"]) == ["sRNA", "TMV sample"]
    assert list(table["count"]) == [5, 20_000]
    assert list(table["length"]) == ["21–24", "100"]
    assert list(table["library.by"]) == ["Ben", "me"]
    assert "host" not in table  # nothing stands in it


def test_the_kind_and_a_search_stand_in_the_url(lab: Laboratory, visit: Visit) -> None:
    folder(lab, lab.admin, "vitis", "subtraction", facts={"count": 19})
    app = visit(lab.admin, "library.py", kind="subtractions")
    assert list(app.dataframe[0].value["name"]) == ["vitis"]
    app.text_input("library.q").set_value("zebra").run()
    assert app.query_params == {"kind": "subtractions", "q": "zebra"}
    assert "No subtraction matches." in words(app)
    press(app, "Show all")
    assert app.query_params == {"kind": "subtractions"}
    app.get_by_key("library.kind").set_value("hmm").run()
    assert app.query_params == {"kind": "hmm-sets"}
    assert "No HMM sets yet." in words(app)


def test_mine_are_mine(lab: Laboratory, visit: Visit) -> None:
    folder(lab, lab.admin, "theirs")
    ben = lab.join("ben")
    folder(lab, ben, "own")
    assert list(visit(ben, "library.py", mine="1").dataframe[0].value["name"]) == ["own"]


def test_older_and_newer(lab: Laboratory, visit: Visit) -> None:
    for number in range(library_list.PAGE + 5):
        folder(lab, lab.admin, f"s{number}")
    app = visit(lab.admin, "library.py")
    assert app.button("library.newer").disabled
    app.button("library.older").click().run()
    assert list(app.dataframe[0].value["name"]) == ["s4", "s3", "s2", "s1", "s0"]
    assert app.button("library.older").disabled
    app.button("library.newer").click().run()
    assert len(app.dataframe[0].value) == library_list.PAGE


def test_a_list_with_a_selection_is_not_redrawn(lab: Laboratory, visit: Visit) -> None:
    for name in ("one", "two"):
        folder(lab, lab.admin, name)
    app = visit(lab.admin, "library.py")
    select(app, [0, 1])
    folder(lab, lab.admin, "three")
    app.run()
    assert list(app.dataframe[0].value["name"]) == ["two", "one"]
    assert "2 samples selected" in words(app)
    press(app, "Clear selection")
    assert len(app.dataframe[0].value) == 3


def test_several_samples_go_on_together(lab: Laboratory, visit: Visit) -> None:
    one, two, _ = (folder(lab, lab.admin, name) for name in ("one", "two", "three"))
    app = visit(lab.admin, "library.py")
    select(app, [1, 2])
    press(app, "Run Pathoscope on 2 samples")
    assert app.title[0].value == "Many samples"
    assert app.query_params == {"sample": [two.id, one.id]}


def select(app: Any, rows: list[int]) -> None:
    drawn: library_list.Drawn = app.session_state["library.drawn"]
    app.session_state[f"{drawn.key}.table"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    assert not app.exception


def test_a_colleagues_private_item_is_a_row(lab: Laboratory, visit: Visit) -> None:
    secret = folder(lab, lab.admin, "secret", visibility=Visibility.PRIVATE)
    ben = lab.join("ben")
    table = visit(ben, "library.py").dataframe[0].value
    assert list(table["name"]) == ["🔒 secret"]
    assert "count" not in table
    app = visit(ben, "library.py", item=secret.id)
    assert "private to Admin" in words(app)
    assert "Files in it" not in words(app)


# An item


def test_an_item_says_what_it_is_and_who_sees_it(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = visit(lab.admin, "library.py", item=file.id)
    said = words(app)
    assert app.title[0].value == "genome.fasta"
    assert "FASTA" in said and "Only you" in said
    assert file.sha256 in page(app)
    assert [each.label for each in app.button if each.label in ("Share", "Rename", "Delete")] == [
        "Share", "Rename", "Delete",
    ]  # fmt: skip


def page(app: Any) -> str:
    """The HTML that the page draws."""
    return "\n".join(each.proto.body for each in app.get("html"))


def test_a_folder_lists_its_files_and_facts(lab: Laboratory, visit: Visit) -> None:
    file = folder(lab, lab.admin, "vitis", "subtraction", facts=GRAPE)
    html = page(visit(lab.join("ben"), "library.py", item=file.id))
    assert f'href="/api/v1/files/{file.id}/content/reads_1.fq.gz"' in html
    assert "<dt>Nickname</dt><dd>grape</dd>" in html
    assert "<dt>Shares</dt><dd>a 0.327, t 0.328," in html


def test_colleagues_and_viewers_change_nothing(lab: Laboratory, visit: Visit) -> None:
    file = folder(lab, lab.join("ben"), "TMV", "subtraction", facts=GRAPE)
    for who in (lab.join("eve"), lab.join("joe", Role.VIEWER)):
        labels = {each.label for each in visit(who, "library.py", item=file.id).button}
        assert not labels & {"Share", "Rename", "Delete"}


def test_what_comes_next_fills_the_form(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = press(visit(lab.admin, "library.py", item=file.id), "Convert sequences")
    assert app.title[0].value == "Convert sequences"
    assert app.session_state["tool.form"].given["inputs"]["sequences"] == {"file": file.id}
    assert "genome.fasta" in words(app)


def test_the_url_fills_inputs_with_files_and_results(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = visit(lab.admin, "tool.py", tool="convert-sequences", sequences=file.id)
    assert app.query_params == {"tool": "convert-sequences"}
    job = submitted(lab, lab.admin, "first", file)
    app = visit(lab.admin, "tool.py", tool="convert-sequences", sequences=f"{job.id}/out/a.fasta")
    given = app.session_state["tool.form"].given["inputs"]
    assert given["sequences"] == {"job": job.id, "path": "out/a.fasta"}


def test_a_file_that_has_gone_is_said_in_the_form(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    lab.workbench.library.delete(lab.admin, file.id)
    app = visit(lab.admin, "tool.py", tool="convert-sequences", sequences=file.id)
    assert "a file that is not here any more" in words(app)


def test_renaming(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = press(visit(lab.admin, "library.py", item=file.id), "Rename")
    app.text_input(f"file.name.{file.id}").set_value("grape.fasta")
    press(app, "Save")
    assert app.title[0].value == "grape.fasta"
    assert "new name" in words(app)


def test_a_name_that_is_none_is_refused_in_the_dialog(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = press(visit(lab.admin, "library.py", item=file.id), "Rename")
    app.text_input(f"file.name.{file.id}").set_value("   ")
    press(app, "Save")
    assert app.error
    assert lab.workbench.library.file(lab.admin, file.id).name == "genome.fasta"


def test_sharing_holds_at_once_and_says_so(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = press(visit(lab.admin, "library.py", item=file.id), "Share")
    app.radio(f"file.share.{file.id}").set_value(Visibility.PUBLIC)
    press(app, "Save")
    assert lab.workbench.library.file(lab.admin, file.id).visibility is Visibility.PUBLIC
    assert "Anyone with the link" in words(app)
    assert visit(None, "library.py", item=file.id).title[0].value == "genome.fasta"


def test_nobody_sees_what_is_not_public(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    assert visit(None, "library.py", item=file.id).title[0].value == "Sign in to Wellplate"
    assert visit(None, "library.py").title[0].value == "Sign in to Wellplate"
    stranger = visit(lab.found("eve"), "library.py", item=file.id)
    assert stranger.title[0].value == "This file is not here"


def test_deleting_what_nothing_was_made_from(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = press(visit(lab.admin, "library.py", item=file.id), "Delete")
    assert "Nothing was made from it." in words(app)
    app.button("file.yes").click().run()
    assert app.title[0].value == "Files"
    assert "is deleted" in words(app)
    with pytest.raises(NotFound):
        lab.workbench.library.file(lab.admin, file.id)


def test_deleting_says_what_was_made_from_it(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    job = submitted(lab, lab.admin, "the host", file)
    item = made(lab, lab.admin, job, "grape")
    app = press(visit(lab.admin, "library.py", item=file.id), "Delete")
    said = words(app)
    assert "1 job used it, and 1 file of the library came from it" in said
    assert "the host (job)" in said and "- grape" in said
    press(app, "Delete it nevertheless")
    assert lab.workbench.library.file(lab.admin, item.id).name == "grape"
    assert lab.workbench.input_files(lab.admin, job.id)["sequences"][0]["name"] == "genome.fasta"


# Inputs of tools


def test_what_jobs_make_comes_from_the_library_only(lab: Laboratory, visit: Visit) -> None:
    folder(lab, lab.admin, "TMV sample")
    app = visit(lab.admin, "tool.py", tool="nuvs")
    form = app.session_state["tool.form"].id
    (sample,) = [each for each in app.selectbox if each.label == "Sample from the library"]
    assert sample.options == ["TMV sample · 20,000 reads · length 100 nt · GC 45.2 % · just now"]
    assert "No index in the library yet. Build one from a reference." in words(app)
    sources = {each.key: each.options for each in app.get("button_group") if each.key.endswith(".source")}
    assert f"form.{form}.inputs.sample.source" not in sources
    hmms = sources[f"form.{form}.inputs.hmms.source"]
    assert [each.rpartition(": ")[2] for each in hmms] == ["Library", "Upload", "Paste text"]
    sample.set_value(sample.options[0]).run()
    assert "TMV sample · 20,000 reads" in words(app)


# The picture


def test_the_picture_leads_from_ancestors_to_descendants(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    job = submitted(lab, lab.admin, "the host", file)
    item = made(lab, lab.admin, job, "grape")
    for query in ({"item": file.id}, {"item": item.id}):
        html = page(visit(lab.admin, "library.py", **query))
        picture = html[html.index("<ol class=") :]
        order = [picture.index(f"<b>{name}</b>") for name in ("genome.fasta", "the host", "grape")]
        assert order == sorted(order)
    on_job = page(visit(lab.admin, "jobs.py", jobId=job.id))
    picture = on_job[on_job.index("<ol class=") :]
    order = [picture.index(f"<b>{name}</b>") for name in ("genome.fasta", "the host", "grape")]
    assert order == sorted(order)
    assert f'href="/app/library?item={item.id}" target="_self">grape (Subtraction)' in on_job


def test_private_neighbours_are_counted_and_not_named(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    file = uploaded(lab, ben)
    lab.workbench.library.share(ben, file.id, Visibility.TEAM)
    submitted(lab, ben, "bens secret", file)
    app = visit(lab.join("eve"), "library.py", item=file.id)
    assert "One more is private to somebody else." in words(app)
    assert "bens secret" not in page(app)


def test_a_long_level_is_folded_and_names_are_escaped() -> None:
    many = [Chip(str(n), f"<b>{n}", "Job", f"/app/jobs?jobId={n}", job=True) for n in range(20)]
    html = lineage.html([], Chip("x", "this & that", "Sample", "/x"), [many])
    assert "<summary>14 more</summary>" in html
    assert "&lt;b&gt;19" in html and "<b><b>" not in html
    assert "this &amp; that" in html


def test_families_side_by_side_name_each_thing_once() -> None:
    a, b, c, d = (Chip(name, name, "x", "/") for name in "abcd")
    assert lineage.merged([[a, b]], [[c], [d]], [[c]]) == [[a, b], [c], [d]]


# Words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (20_000, "20,000"),
        (45.25, "45.25"),
        (True, "yes"),
        ([21, 24], "21–24"),
        ([100, 100], "100"),
        (["a", "b"], "a, b"),
        ({"a": 0.25}, "a 0.25"),
        (None, "–"),
        ("", "–"),
        ([], "–"),
    ],
)
def test_facts_read_as_people_write_them(value: object, said: str) -> None:
    assert items.fact(value) == said


def test_the_short_line_tells_samples_apart(lab: Laboratory) -> None:
    file: StoredFile = folder(lab, lab.admin, "TMV")
    assert items.short(file) == "20,000 reads · length 100 nt · GC 45.2 %"
    broken = folder(lab, lab.admin, "x", facts={"problem": "It has no OTU."})
    assert items.short(broken) == "cannot be used"
