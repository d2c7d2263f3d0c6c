"""Many samples at once, on the pages: from files or a run sheet to jobs, and from samples to a report."""

from __future__ import annotations

import io

import pytest

from data.records import JobFilter
from tests.compute.test_many import READS
from tests.laboratory import Laboratory
from tests.pages.site import Visit, press, words
from tests.pages.stocked import folder


def upload(lab: Laboratory, name: str, content: str = READS) -> str:
    return lab.workbench.upload(lab.admin, name, io.BytesIO(content.encode())).id


def button(app, start: str) -> str:  # type: ignore[no-untyped-def]
    return next(each.label for each in app.button if each.label.startswith(start))


def test_a_run_sheet_is_looked_at_by_row_and_then_started(lab: Laboratory, visit: Visit) -> None:
    upload(lab, "a.fq")
    upload(lab, "bad.fq", "no reads")
    app = visit(lab.admin, "samples.py")
    assert "nothing starts before you say so" in words(app)

    app.text_area("samples.sheet").set_value("name,reads,host\na,a.fq,tomato\nb,missing.fq,\n").run()
    assert list(app.dataframe[0].value["Name"]) == ["a", "b"]
    assert "no FASTQ file missing.fq" in app.dataframe[0].value["Problem"][1]

    press(app, "Look into the files of 2 samples")
    assert "1 sample cannot be made" in words(app)
    press(app, button(app, "Make 1 sample"))
    assert "1 job started" in words(app)
    (job,) = lab.workbench.jobs(lab.admin).jobs
    assert (job.tool, job.name) == ("create-sample", "Sample a")
    assert job.tags and job.tags[0].startswith("run ")

    press(app, button(app, "Make 1 sample"))
    assert len(lab.workbench.jobs(lab.admin).jobs) == 1, "pressed twice makes it once"


def test_a_tag_that_cannot_be_is_told_and_starts_nothing(
    lab: Laboratory, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(lab, "a.fq")
    app = visit(lab.admin, "samples.py")
    app.text_area("samples.sheet").set_value("name,reads\na,a.fq\n").run()
    press(app, "Look into the files of 1 sample")
    monkeypatch.setattr(lab.workbench, "quote", None)  # the price is known by now
    app.text_input("samples.make.tag").set_value("monday, tuesday").run()
    press(app, button(app, "Make 1 sample"))
    assert not app.exception
    assert "has a comma" in words(app)
    assert not lab.workbench.jobs(lab.admin).jobs


def test_a_sheet_that_is_none_says_what_one_is(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "samples.py")
    app.text_area("samples.sheet").set_value("nonsense").run()
    assert not app.exception
    assert "A run sheet starts with a line of column names" in words(app)


def test_without_samples_or_index_the_second_step_says_what_is_needed(lab: Laboratory, visit: Visit) -> None:
    assert "There are no samples yet" in words(visit(lab.admin, "samples.py", step="map"))
    folder(lab, lab.admin, "TMV sample")
    assert "There is no index yet" in words(visit(lab.admin, "samples.py", step="map"))


def test_samples_of_the_url_are_chosen(lab: Laboratory, visit: Visit) -> None:
    sample = folder(lab, lab.admin, "TMV sample")
    folder(lab, lab.admin, "another")
    folder(lab, lab.admin, "viruses", "index", facts={"version": "1"})
    app = visit(lab.admin, "samples.py", sample=sample.id)
    assert app.multiselect("samples.chosen").value == [sample.id]
    assert button(app, "Run Pathoscope on 1 sample")


def test_the_third_step_waits_for_results(lab: Laboratory, visit: Visit) -> None:
    assert "No result of Pathoscope yet" in words(visit(lab.admin, "samples.py", step="compare"))
    assert not lab.workbench.jobs(lab.admin, JobFilter()).jobs
