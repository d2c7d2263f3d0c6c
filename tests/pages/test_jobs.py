"""The list of jobs and a job's page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import streamlit as st

from compute import workbench
from compute.bulk import Verb
from data.records import Job, JobFilter, Status
from pages import job_actions, job_dialogs, job_table
from pages.parts import statuses
from tests.pages.conftest import Open
from tests.pages.fake_workbench import ANNA, FakeWorkbench


def named(bench: FakeWorkbench, name: str) -> Job:
    return next(job for job in bench.records.values() if job.name.startswith(name))


def test_newest_come_first(open_page: Open) -> None:
    table = open_page("jobs.py").dataframe[0].value
    assert list(table["name"])[:2] == ["asciminib → ABL1 myristate", "1iep to mmCIF"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"status": "failed"}, 1),
        ({"status": "failed,timeout"}, 2),
        ({"status": "nonsense"}, 10),  # what the URL does not know is left out
        ({"tool": "convert-sequences"}, 2),
        ({"q": "ABL1", "status": "cancelled"}, 1),
        ({"submitter": "me"}, 6),
        ({"not_submitter": "me"}, 4),
        ({"not_tool": "dock"}, 2),
        ({"not_status": "completed,failed"}, 6),
        ({"since": "1h"}, 2),
        ({"since": "24h", "submitter": "me"}, 3),
        ({"since": "not a day", "until": "0000-00-00"}, 10),
        ({"until": "9999-12-31"}, 10),
        ({"since": "9999-12-31"}, 0),
        ({"until": "0001-01-01"}, 0),
        ({"longer_s": "60", "shorter_s": "90"}, 6),
        ({"longer_s": "-1", "shorter_s": "1e9"}, 10),
        ({"starred": "1"}, 1),
        ({"tag": "kinase"}, 2),
        ({"tag": "kinase", "starred": "1", "q": "SRC"}, 0),
        ({"shared": "1"}, 0),
    ],
)
def test_filters_come_from_the_url(open_page: Open, query: dict[str, str], count: int) -> None:
    bench = FakeWorkbench()
    for name in ("imatinib", "dasatinib"):
        bench._put(replace(named(bench, name), tags=("kinase", "paper")))
    bench._put(replace(named(bench, "imatinib"), starred=True))
    app = open_page("jobs.py", bench, **query)
    assert not app.exception
    assert sum(len(table.value) for table in app.dataframe) == count
    assert app.query_params == query


def test_a_filter_goes_into_the_url_and_leaves_the_others(open_page: Open) -> None:
    app = open_page("jobs.py", None, status="completed")
    app.selectbox(key="jobs.tool").set_value("dock").run()
    assert app.query_params == {"status": "completed", "tool": "dock"}
    assert len(app.dataframe[0].value) == 2


def test_what_no_widget_shows_is_a_chip_that_can_be_taken_away(open_page: Open) -> None:
    app = open_page(
        "jobs.py", None, not_tool="dock", not_status="failed,timeout", longer_s="60", tool="boltz-2"
    )
    words = {button.key: button.label for button in app.button if (button.key or "").startswith("jobs.chip.")}
    assert words == {
        "jobs.chip.not_tool.dock": "not Dock",
        "jobs.chip.not_status.failed": "not failed",
        "jobs.chip.not_status.timeout": "not timeout",
        "jobs.chip.longer_s.60": "took at least 1 min 00 s",
    }
    app.button(key="jobs.chip.not_status.failed").click().run()
    app.button(key="jobs.chip.longer_s.60").click().run()
    assert app.query_params == {"not_tool": "dock", "not_status": "timeout", "tool": "boltz-2"}
    app.button(key="jobs.clear_filters").click().run()
    assert app.query_params == {}


def test_the_filters_behind_the_button_go_into_the_url(open_page: Open) -> None:
    app = open_page("jobs.py", FakeWorkbench(), status="completed")
    app.multiselect(key="jobs.not_tool").set_value(["dock"]).run()
    app.number_input(key="jobs.shorter_s").set_value(2.5).run()
    app.date_input(key="jobs.since.day").set_value(date(2026, 1, 31)).run()
    assert app.query_params == {
        "status": "completed",
        "not_tool": "dock",
        "shorter_s": "150",
        "since": "2026-01-31",
    }


def test_a_star_turns_where_it_stands() -> None:
    bench: Any = FakeWorkbench()
    workbench.set_current(bench)
    drawn = job_table.Drawn((), bench.jobs(ANNA), 0)
    job = drawn.page.jobs[2]
    st.session_state["click"] = {"row": 2, "label": job_table.NO_STAR}
    job_table._starred(bench, ANNA, "click", drawn)
    after: job_table.Drawn = st.session_state[job_table._DRAWN]
    st.session_state.clear()
    assert bench.records[job.id].starred
    assert after.key == drawn.key  # a selection stays, and stays right
    assert [each.starred for each in after.page.jobs[:3]] == [False, False, True]


def test_counts_stand_beside_each_status(open_page: Open) -> None:
    pills = open_page("jobs.py").get_by_key("jobs.status")
    assert "✓ Completed 3" in pills.options


def test_no_match_and_no_jobs_say_what_to_do(open_page: Open) -> None:
    app = open_page("jobs.py", None, q="zebrafish")
    assert any("No job matches" in text.value for text in app.markdown)
    app.button(key="jobs.all").click().run()
    assert app.query_params == {}
    assert len(app.dataframe[0].value) == 10
    empty = open_page("jobs.py", FakeWorkbench(jobs=False))
    assert any("No jobs yet" in text.value for text in empty.markdown)


def test_older_and_newer(open_page: Open) -> None:
    bench = FakeWorkbench(jobs=False)
    for number in range(120):
        bench.add(name=f"job {number}")
    app = open_page("jobs.py", bench)
    assert app.button(key="jobs.newer").disabled
    app.button(key="jobs.older").click().run()
    app.button(key="jobs.older").click().run()
    assert app.dataframe[0].value["name"].iloc[-1] == "job 0"
    assert app.button(key="jobs.older").disabled
    app.button(key="jobs.newer").click().run()
    assert app.dataframe[0].value["name"].iloc[0] == "job 69"


def test_the_tables_key_follows_its_ids() -> None:
    """Positions of another table must never be taken for positions of this one."""
    bench = FakeWorkbench()
    page = bench.jobs(bench.accounts.who, limit=5)  # type: ignore[arg-type]
    drawn = job_table.Drawn((), page, 0)
    fewer = replace(drawn, page=replace(page, jobs=page.jobs[1:]))
    changed = replace(drawn, page=replace(page, jobs=[replace(page.jobs[0], name="x"), *page.jobs[1:]]))
    assert drawn.key != fewer.key
    assert drawn.key == changed.key
    assert drawn.key != replace(drawn, generation=1).key


def test_a_table_with_a_selection_is_not_redrawn(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench)
    drawn: job_table.Drawn = app.session_state["jobs.drawn"]
    select(app, drawn, [2, 3])
    bench.add(name="while selected", status=Status.PENDING)
    bench._put(replace(named(bench, "axitinib"), status=Status.COMPLETED))
    select(app, drawn, [2, 3])
    assert "while selected" not in list(app.dataframe[0].value["name"])
    assert app.button(key="jobs.refresh").label == "2 jobs changed · Refresh"
    app.button(key="jobs.refresh").click().run()
    assert app.dataframe[0].value["name"].iloc[0] == "while selected"


def select(app, drawn: job_table.Drawn, rows: list[int]) -> None:  # type: ignore[no-untyped-def]
    app.session_state[f"{drawn.key}.table"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    assert not app.exception


def test_bulk_cancel_asks_by_name_and_reports_each(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench)
    select(app, app.session_state["jobs.drawn"], [0, 2, 7])  # queued, running, failed
    assert app.button(key="jobs.bulk.cancel").label == "Cancel 2"
    assert app.button(key="jobs.bulk.delete").label == "Delete 1"
    app.button(key="jobs.bulk.cancel").click().run()
    asked = " ".join(text.value for text in app.markdown)
    assert "asciminib" in asked and "axitinib" in asked and "ponatinib" not in asked
    assert "Cancelling now costs 12 credits" in asked
    bench._put(replace(named(bench, "asciminib"), status=Status.FAILED))  # ends in that moment
    app.button(key="ask.yes").click().run()
    assert [call[0] for call in bench.calls] == ["cancel"]
    assert "axitinib" in app.success[0].value
    assert "asciminib" in app.warning[0].value and "has ended already" in app.warning[0].value


def test_retry_tells_todays_price_and_agrees_to_no_other(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = bench._put(replace(named(bench, "ponatinib"), credits=5))  # it was cheaper then
    app = open_page("jobs.py", bench, jobId=job.id)
    app.button(key="job.retry").click().run()
    assert any("It **costs 12 credits**" in text.value for text in app.markdown)
    app.button(key="ask.yes").click().run()
    assert bench.calls == [("retry", job.id, 12)]


def test_cancelling_costs_only_what_runs_now() -> None:
    bench = FakeWorkbench()
    running, lost = named(bench, "axitinib"), named(bench, "bosutinib")  # what is tried again is refunded
    assert job_dialogs.cancel_sentence((lost,)) == "Cancelling now costs nothing."
    assert "costs 12 credits" in job_dialogs.cancel_sentence((running, lost))


def test_a_whole_filter_is_cancelled_not_only_its_page(open_page: Open) -> None:
    bench = FakeWorkbench(jobs=False)
    for number in range(260):
        bench.add(name=f"screen {number}", status=Status.QUEUED)
    bench.add(name="another", status=Status.QUEUED)
    app = open_page("jobs.py", bench)
    assert not whole(app)  # never everything by accident
    app = open_page("jobs.py", bench, q="screen")
    assert [option.partition(" ")[2] for option in whole(app)] == ["Cancel 260 that have not ended"]
    ask_whole(app, bench, "cancel", JobFilter(q="screen"))
    assert any("also what stands on other pages" in text.value for text in app.markdown)
    app.button(key="ask.yes").click().run()
    left = [job.name for job in bench.records.values() if job.live]
    assert left == ["another"]
    assert app.query_params == {"q": "screen"}


def test_a_whole_filter_retries_what_failed_timed_out_and_was_cancelled(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, tool="dock", status="failed,timeout,cancelled,completed")
    ask_whole(app, bench, "retry", JobFilter(tool=("dock",)))
    asked = " ".join(text.value for text in app.markdown)
    assert (
        all(name in asked for name in ("ponatinib", "12 fragments", "nilotinib")) and "imatinib" not in asked
    )
    assert "stays as it is" in " ".join(text.value for text in app.caption)  # a colleague's
    app.button(key="ask.yes").click().run()
    assert len([call for call in bench.calls if call[0] == "retry"]) == 3
    assert app.query_params == {"tool": "dock", "status": "failed,timeout,cancelled,completed"}


def whole(app) -> list[str]:  # type: ignore[no-untyped-def]
    """The entries for everything that matches."""
    return [option for menu in app.get("menu_button") for option in menu.proto.options]


def ask_whole(app, bench: FakeWorkbench, verb: Verb, filter: JobFilter) -> None:  # type: ignore[no-untyped-def]
    """AppTest cannot choose from a menu button: what its callback leaves in the session."""
    app.session_state["jobs.asked"] = job_actions.Asked(
        verb, tuple(bench.bulk.chosen(ANNA, verb, filter)), whole=True
    )
    app.run()


def test_saying_no_does_nothing(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, jobId=named(bench, "axitinib").id)
    app.button(key="job.cancel").click().run()
    app.button(key="ask.no").click().run()
    assert bench.calls == []
    assert not any(button.key == "ask.yes" for button in app.button)


def test_a_dialog_does_nothing_for_a_session_that_ended(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, jobId=named(bench, "axitinib").id)
    app.button(key="job.cancel").click().run()
    bench.accounts.who = None
    app.button(key="ask.yes").click().run()
    assert not app.exception
    assert bench.calls == []
    assert not any(button.key == "ask.yes" for button in app.button)


def test_a_job_named_like_a_menus_item_is_opened_by_its_name() -> None:
    bench = FakeWorkbench(jobs=False)
    bench.add(name=job_table.MENU)
    drawn = job_table.Drawn((), bench.jobs(ANNA), 0)
    st.session_state["click"] = {"row": 0, "label": job_table.MENU}
    job_table._opened("click", drawn)
    assert st.session_state[job_actions._GO].action == "open"
    assert job_actions._ASKED not in st.session_state
    job_table._menu("click", drawn)
    assert st.session_state[job_actions._ASKED].action == "menu"
    st.session_state.clear()


@pytest.mark.parametrize("status", list(Status))
def test_a_job_in_every_status_has_a_page(open_page: Open, status: Status) -> None:
    bench = FakeWorkbench()
    job = next(job for job in bench.records.values() if job.status is status)
    app = open_page("jobs.py", bench, jobId=job.id)
    assert not app.exception
    assert app.title[0].value.replace("\\", "") == job.name
    assert any(statuses.look(job).word in text.value for text in app.markdown)


@pytest.mark.parametrize("name", ["phage genomes", "1iep to"])  # ended, live
def test_a_colleagues_private_job_shows_its_row_only(open_page: Open, name: str) -> None:
    bench = FakeWorkbench()
    job = named(bench, name)
    bench.private.add(job.id)
    app = open_page("jobs.py", bench, jobId=job.id)
    assert not app.exception
    assert app.title[0].value == job.name
    assert app.info[0].value == "This job is private to Ben Okafor."
    assert [heading.value for heading in app.subheader] == ["About"]


@pytest.mark.parametrize("name", ["imatinib", "axitinib"])  # ended, live
def test_a_job_without_its_folder_has_a_page(open_page: Open, name: str) -> None:
    bench = FakeWorkbench()
    job = named(bench, name)
    bench.lost.add(job.id)
    app = open_page("jobs.py", bench, jobId=job.id)
    assert not app.exception
    assert "The files of this job are not on this server." in app.error[0].value
    assert "Settings" in [heading.value for heading in app.subheader]


def test_a_quick_job_asks_for_one_cpu_and_memory_is_counted_as_elsewhere(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = bench._put(replace(named(bench, "phage"), cpus_min=0, cpus_max=1, memory_mb=1000))
    app = open_page("jobs.py", bench, jobId=job.id)
    about = next(html.proto.body for html in app.get("html") if "Asked for" in html.proto.body)
    assert "<dd>1 CPU, 1.0 GB</dd>" in about


def test_a_waiting_job_says_why(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, jobId=named(bench, "1iep to").id)
    assert "Both slots are taken" in app.info[0].value


def test_a_cancelled_job_whose_worker_is_out_of_reach_says_so(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = bench._put(replace(named(bench, "axitinib"), cancel_requested=True))
    assert "in a few seconds" in open_page("jobs.py", bench, jobId=job.id).warning[0].value
    bench.delayed[job.id] = "Its worker is out of reach."
    assert open_page("jobs.py", bench, jobId=job.id).warning[0].value == "Its worker is out of reach."


def test_a_failed_job_says_why_and_what_to_do(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, jobId=named(bench, "ponatinib").id)
    assert "outside of the box" in app.error[0].value
    assert "Duplicate the job" in app.error[0].value
    assert "outside the grid box" in app.code[0].value


def test_a_completed_job_shows_warnings_first_and_units(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("jobs.py", bench, jobId=named(bench, "imatinib").id)
    assert "missing atoms" in app.warning[0].value
    assert app.metric[0].value == "−13.2 kcal/mol"
    assert "kcal/mol" in app.dataframe[0].proto.columns
    assert "pose_1" not in app.dataframe[0].value.columns


@pytest.mark.parametrize("job_id", ["nope", "", "11111111-1111-4111-8111-111111111111", "../../etc/passwd"])
def test_no_job_and_no_right_look_the_same(open_page: Open, job_id: str) -> None:
    app = open_page("jobs.py", None, jobId=job_id)
    assert not app.exception
    assert app.title[0].value == "This job is not here"
    app.button(key="job.back.lost").click().run()
    assert app.title[0].value == "Jobs"


def test_rename_and_delete_from_the_jobs_page(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = named(bench, "ponatinib")
    app = open_page("jobs.py", bench, jobId=job.id)
    app.button(key="menu.rename").click().run()
    app.text_input(key=f"ask.name.{job.id}").set_value("another *name*")
    app.button(key="ask.yes").click().run()
    assert bench.records[job.id].name == "another *name*"
    app.button(key="menu.delete").click().run()
    app.button(key="ask.yes").click().run()
    assert job.id not in bench.records
    assert app.title[0].value == "This job is not here"


def test_every_status_has_its_own_sign_and_word() -> None:
    looks = statuses.every()
    assert len({look.word for look in looks}) == len(looks) == len(Status) + 1
    signs = [statuses.LOOKS[status].sign for status in Status]
    assert len(set(signs)) == len(signs)
