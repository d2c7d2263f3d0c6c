"""The page of all files on a real site: uploads and made things, results of jobs, previews, and space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from data.records import ResultFile, Role, Visibility, new_id, utcnow
from pages import files_bring, files_table
from tests.laboratory import Laboratory
from tests.pages.site import Visit, press, words
from tests.pages.stocked import folder, submitted, uploaded


@pytest.mark.parametrize("view", ["files", "results", "space"])
@pytest.mark.parametrize("role", list(Role))
def test_every_view_draws_for_every_role(lab: Laboratory, visit: Visit, role: Role, view: str) -> None:
    app = visit(lab.join("ben", role), "files.py", view=view)
    assert app.title[0].value == "Files"
    assert not app.error


def test_nobody_sees_only_the_way_to_sign_in(lab: Laboratory, visit: Visit) -> None:
    assert visit(None, "files.py").title[0].value == "Sign in to Wellplate"


def test_uploads_and_made_things_are_one_list(lab: Laboratory, visit: Visit) -> None:
    uploaded(lab, lab.admin)
    folder(lab, lab.admin, "TMV", tool="convert-sequences")
    table = visit(lab.admin, "files.py").dataframe[0].value
    assert list(table["name"]) == ["TMV", "genome.fasta"]
    assert list(table["format"]) == ["Sample", "FASTA"]
    assert list(table["origin"]) == ["Convert sequences", "Upload"]
    assert table["facts"][0].startswith("20,000 reads")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "geno"}, ["genome.fasta"]),
        ({"format": "sample"}, ["TMV"]),
        ({"owner": "me"}, ["genome.fasta"]),
        ({"origin": "made"}, ["TMV"]),
        ({"origin": "nonsense"}, ["TMV", "genome.fasta"]),
        ({"q": "zebra"}, []),
    ],
)
def test_filters_come_from_the_url(
    lab: Laboratory, visit: Visit, query: dict[str, str], names: list[str]
) -> None:
    uploaded(lab, lab.admin)
    folder(lab, lab.join("ben"), "TMV", tool="create-sample", job=new_id())
    app = visit(lab.admin, "files.py", **query)
    assert [name for table in app.dataframe for name in table.value["name"]] == names


def test_a_filter_goes_into_the_url_and_comes_off(lab: Laboratory, visit: Visit) -> None:
    uploaded(lab, lab.admin)
    app = visit(lab.admin, "files.py")
    app.selectbox("files.format").set_value("bam").run()
    assert app.query_params == {"format": "bam"}
    assert "No file matches these filters." in words(app)
    press(app, "Clear the filters")
    assert app.query_params == {}
    assert len(app.dataframe[0].value) == 1


def test_older_and_newer(lab: Laboratory, visit: Visit) -> None:
    for number in range(files_table.PAGE + 2):
        folder(lab, lab.admin, f"s{number}")
    app = visit(lab.admin, "files.py")
    app.button("files.files.older").click().run()
    assert list(app.dataframe[0].value["name"]) == ["s1", "s0"]
    app.button("files.files.newer").click().run()
    assert len(app.dataframe[0].value) == files_table.PAGE


def test_the_views_change_the_url(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "files.py", q="x")
    app.get_by_key("files.view").set_value("results").run()
    assert app.query_params == {"view": "results"}
    assert "No results yet." in words(app)
    app.get_by_key("files.view").set_value("files").run()
    assert app.query_params == {}


def test_a_chosen_file_is_shown_beside_the_list(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = visit(lab.admin, "files.py", show=file.id)
    assert list(app.dataframe[0].value.columns) == ["name", "format", "made", "size"]
    assert "**genome.fasta**" in words(app)
    assert f'href="/api/v1/files/{file.id}/content"' in html(app)
    assert any("seq1" in str(table.value.to_dict()) for table in app.dataframe[1:]) or "seq1" in said(app)
    press(app, "Open its page")
    assert app.query_params == {"item": file.id}


def test_the_way_back_leads_to_the_list_as_it_was(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = visit(lab.admin, "library.py", item=file.id)
    app.session_state["library.left"] = ("files.py", {"q": ["geno"], "show": [file.id]})
    press(app.run(), "Files")
    assert app.query_params == {"q": "geno", "show": file.id}


def html(app: Any) -> str:
    return "\n".join(each.proto.body for each in app.get("html"))


def said(app: Any) -> str:
    return words(app) + "\n".join(each.value for each in app.code)


def test_closing_the_preview_leaves_the_list(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "files.py", show=uploaded(lab, lab.admin).id)
    app.button("files.close").click().run()
    assert app.query_params == {}


def test_a_file_that_has_gone_is_said_and_forgotten(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    lab.workbench.library.delete(lab.admin, file.id)
    uploaded(lab, lab.admin, "other.fasta")
    app = visit(lab.admin, "files.py", show=file.id)
    assert app.error
    assert list(app.dataframe[0].value["name"]) == ["other.fasta"]


def test_a_colleagues_private_file_is_a_row(lab: Laboratory, visit: Visit) -> None:
    file = uploaded(lab, lab.admin)
    app = visit(lab.join("ben"), "files.py", show=file.id)
    assert list(app.dataframe[0].value["name"]) == ["🔒 genome.fasta"]
    assert "private to Admin" in words(app)
    assert "/content" not in html(app)


def test_results_of_jobs_lead_to_a_preview_a_job_and_a_next_step(lab: Laboratory, visit: Visit) -> None:
    job = submitted(lab, lab.admin, "to text", uploaded(lab, lab.admin))
    lab.start(job.id)
    lab.complete(job.id, {"out.fasta": b">first\nACGT\n", "notes.txt": b"all well\n"})
    app = visit(lab.admin, "files.py", view="results")
    table = app.dataframe[0].value
    assert sorted(table["name"]) == ["notes.txt", "out.fasta"]
    assert set(table["job"]) == {"to text"}
    app = visit(lab.admin, "files.py", view="results", show=f"{job.id}/notes.txt")
    assert "all well" in said(app)
    assert f'href="/api/v1/jobs/{job.id}/files/notes.txt"' in html(app)
    press(app, "Open the job")
    assert app.query_params == {"jobId": job.id}


def test_the_results_of_a_private_job_are_not_listed(lab: Laboratory, visit: Visit) -> None:
    job = submitted(lab, lab.admin, "secret", uploaded(lab, lab.admin))
    lab.workbench.sharing.change(lab.admin, job.id, Visibility.PRIVATE, None)
    lab.start(job.id)
    lab.complete(job.id, {"out.txt": b"x"})
    assert not visit(lab.join("ben"), "files.py", view="results").dataframe


def test_a_click_is_about_the_row_that_was_drawn() -> None:
    row = ResultFile(
        job="j", job_name="n", tool="t", submitter="p", submitter_name="P", path="a/b.txt", title="B",
        format="text", size=1, created_at=utcnow(), seq=1,
    )  # fmt: skip
    drawn = files_table.Drawn("results", [row], None)
    st.session_state["click"] = {"row": 0, "label": "B"}
    files_table._to_job("click", drawn)
    assert st.session_state["files.job"] == "j"
    assert files_table.token(row) == "j/a/b.txt"
    st.session_state.clear()


def test_what_came_is_said_by_name() -> None:
    came = [{"id": str(n), "name": f"reads_{n}.fastq", "size": 1, "format": "fastq"} for n in range(8)]
    st.session_state["files.upload"] = type("Told", (), {"uploaded": came})
    files_bring._arrived()
    sentence = st.session_state["files.came"]
    assert "“reads\\_0.fastq”" in sentence and "and 2 more" in sentence
    st.session_state.clear()


def test_space_is_told_by_person(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    uploaded(lab, ben, content=b">a\n" + b"ACGT" * 500)
    uploaded(lab, lab.admin, "small.fasta")
    app = visit(ben, "files.py", view="space")
    body = html(app)
    assert body.index("<td>Ben</td>") < body.index("<td>Admin</td>")
    assert "2.0 kB" in body
    assert any("Lab ·" in each.value for each in app.subheader)


def test_no_space_is_a_sentence(lab: Laboratory, visit: Visit) -> None:
    assert "Nothing takes space yet." in words(visit(lab.admin, "files.py", view="space"))


def test_files_are_imported_from_an_opened_folder(tmp_path: Path, visit: Visit) -> None:
    runs = tmp_path / "runs"
    (runs / "2026-01").mkdir(parents=True)
    (runs / "2026-01" / "a_R1.fastq").write_bytes(b"@a\nAC\n+\nII\n")
    (runs / "2026-01" / "b_R1.fastq").write_bytes(b"@b\nAC\n+\nII\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(f'[uploads]\nimport_folders = {{"Sequencer" = "{runs}"}}\n')
    lab = Laboratory(home)
    try:
        app = press(visit(lab.admin, "files.py", site=lab), "Import from the server")
        assert "Sequencer" in words(app)
        app.button("import.open.2026-01").click().run()
        assert "Sequencer / 2026" in words(app)
        (key,) = [each.proto.id for each in app.dataframe if list(each.value.columns) == ["File", "Size"]]
        name = key.rpartition("-")[2]
        app.session_state[name] = {"selection": {"rows": [1], "columns": [], "cells": []}}
        app.run()
        press(app, "Import 1 file, 11 B")
        assert "Imported 1 file." in words(app)
        assert [file.name for file in lab.workbench.library.list(lab.admin).files] == ["b_R1.fastq"]
    finally:
        lab.close()


def test_without_an_opened_folder_nothing_is_offered(lab: Laboratory, visit: Visit) -> None:
    assert not any(each.key == "files.import" for each in visit(lab.admin, "files.py").button)
