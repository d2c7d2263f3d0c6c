"""The list of batches, a batch's page, and the form for many jobs at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import streamlit as st

from compute import plates
from compute.batches import Line, Plan
from data.records import Batch, Role, Status, Visibility, utcnow
from pages import batch_dialogs, batch_list, batch_menu, batch_numbers, batch_plate, batch_results, tool_many
from pages.components import plate as plate_component
from pages.parts import asking, statuses
from tests.pages.conftest import Open
from tests.pages.fake_batches import MEMORY, OUTSIDE, Batches, make_well, screen
from tests.pages.fake_workbench import ANNA, BEN_ID, DOCK, FakeWorkbench
from tests.pages.site import press, words
from tools.contract import Metric, PriceLine

MIXED = [
    Status.COMPLETED,
    Status.COMPLETED,
    Status.COMPLETED,
    Status.FAILED,
    Status.TIMEOUT,
    Status.CANCELLED,
    Status.PROCESSING,
    Status.QUEUED,
]


def bench_with(statuses: list[Status], **more: Any) -> tuple[FakeWorkbench, Batch]:
    bench = FakeWorkbench()
    return bench, bench.batches.add(name="eight rings", statuses=statuses, **more)


# The list


def test_an_empty_list_says_how_to_begin(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("batch.py", bench)
    assert not app.exception
    assert app.title[0].value == "Batches"
    assert "No batches yet" in words(app)
    many = [each.tool.name for each in bench.tools(ANNA) if each.tool.batch]
    assert [link.proto.label for link in app.page_link] == many
    assert not app.dataframe


def test_batches_are_listed_newest_first_with_how_they_stand(open_page: Open) -> None:
    bench, _ = bench_with(MIXED)
    bench.batches.add(name="all done", statuses=[Status.COMPLETED] * 3, submitter=(BEN_ID, "Ben Okafor"))
    bench.batches.add(name="some lost", statuses=[Status.COMPLETED, Status.FAILED])
    table = open_page("batch.py", bench).dataframe[0].value
    assert list(table["name"]) == ["some lost", "all done", "eight rings"]
    assert [each[0] for each in table["status"]] == [
        batch_list.INCOMPLETE,
        batch_list.ENDED,
        batch_list.RUNNING,
    ]
    assert list(table["jobs"]) == [2, 3, 8]
    assert list(table["failed"]) == [1, 0, 3]
    assert list(table["progress"]) == [100, 100, 75]
    assert list(table["submitter"]) == ["me", "Ben Okafor", "me"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "RINGS"}, ["eight rings"]),
        ({"live": "1"}, ["eight rings"]),
        ({"starred": "1"}, ["all done"]),
        ({"tool": "dock"}, ["all done", "eight rings"]),
        ({"tool": "boltz-2"}, []),
        ({"shared": "1"}, []),
    ],
)
def test_the_list_is_narrowed_by_the_url(open_page: Open, query: dict[str, str], names: list[str]) -> None:
    bench, _ = bench_with(MIXED)
    done = bench.batches.add(name="all done", statuses=[Status.COMPLETED])
    bench.batches.change(ANNA, done.id, starred=True)
    app = open_page("batch.py", bench, **query)
    assert not app.exception
    assert [name for table in app.dataframe for name in table.value["name"]] == names
    assert app.query_params == query


def test_a_click_is_resolved_against_the_rows_that_were_drawn() -> None:
    bench, batch = bench_with(MIXED)
    drawn = batch_list.Drawn((batch,))
    st.session_state["click"] = {"row": 0, "label": batch.name}
    bench.batches.add(name="came meanwhile", statuses=MIXED)
    batch_list._opened("click", drawn)
    assert st.session_state[batch_list._GO] == batch.id
    batch_list._menu("click", drawn)
    assert st.session_state[asking._ASKED].about == batch
    st.session_state.clear()


# One batch


def test_a_batch_tells_how_it_goes_and_what_it_cost(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    assert not app.exception
    assert app.title[0].value == "eight rings"
    bar = app.get("progress")[0].proto
    assert (bar.value, bar.text) == (75, "**6** of 8 jobs ended · 3 completed")
    told = " ".join(html.proto.body for html in app.get("html"))
    # 6 started at 12 credits, of which the failed and the timed out were given back; one waits.
    assert "<b>48 credits</b>" in told and "72 credits" in told and "24 credits" in told
    assert '12 credits <span class="quiet">for jobs that wait' in told
    assert {"✓ Completed 3", "✕ Failed 1", "⋯ Queued 1"} <= set(app.get_by_key("batch.status").options)


def test_why_wells_failed_stands_above_the_table(open_page: Open) -> None:
    bench, batch = bench_with([Status.FAILED] * 30 + [Status.TIMEOUT])
    app = open_page("batch.py", bench, batchId=batch.id)
    told = next(html.proto.body for html in app.get("html") if "reasons" in html.proto.body)
    assert "Why 31 wells failed or ran out of time" in told
    assert told.index(OUTSIDE) < told.index(MEMORY) < told.index("Stopped at the time limit")
    assert f'href="/app/jobs?jobId={bench.batches.plates[batch.id][30].job}"' in told


def test_the_results_are_one_table_with_units_narrowed_by_the_chips(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    table = app.dataframe[0]
    assert list(table.value["well"]) == ["A1", "A2", "A3", "A4", "A5", "A6", "B1", "B2"]
    assert "Affinity (kcal/mol)" in table.proto.columns
    assert list(table.value.columns)[3:5] == ["result.affinity", "result.rmsd"]  # the metrics first
    app.get_by_key("batch.status").set_value(["failed", "timeout"]).run()
    assert app.query_params["status"] == "failed,timeout"
    assert list(app.dataframe[0].value["well"]) == ["A4", "A5"]
    app = open_page("batch.py", bench, batchId=batch.id, status="pending")
    assert "No well has this status now." in words(app)


def test_the_plate_of_a_large_batch_comes_before_the_table(open_page: Open) -> None:
    bench, batch = bench_with([Status.COMPLETED] * batch_results.LARGE)
    app = open_page("batch.py", bench, batchId=batch.id)
    assert not app.dataframe
    app.run()  # as the page does when it listens
    assert len(app.dataframe[0].value) == batch_results.LARGE


def test_a_click_in_the_results_opens_the_job_that_stood_there(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    drawn = batch_results.Drawn(batch.id, bench.batches.table(ANNA, batch.id)[1][3:5])
    st.session_state["click"] = {"row": 1, "label": "x"}
    batch_results._opened("click", drawn)
    assert st.session_state[batch_results._GO] == bench.batches.plates[batch.id][4].job
    st.session_state.clear()


def test_the_tables_key_follows_its_wells_and_not_what_is_in_them() -> None:
    bench, batch = bench_with(MIXED)
    rows = bench.batches.table(ANNA, batch.id)[1]
    drawn = batch_results.Drawn(batch.id, rows)
    assert drawn.key == replace(drawn, rows=[{**rows[0], "job": "another"}, *rows[1:]]).key
    assert drawn.key != replace(drawn, rows=rows[1:]).key


def test_a_childs_page_leads_back_to_its_well(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    job = bench.batches.plates[batch.id][6].job
    app = open_page("jobs.py", bench, jobId=job)
    assert not app.exception
    link = app.page_link[0].proto
    assert link.label == "Well B1 of “eight rings”"
    assert link.query_string == f"batchId={batch.id}"
    bench._put(replace(bench.records[job], well=None))
    app = open_page("jobs.py", bench, jobId=job)
    assert app.page_link[0].proto.label == "A job that a retry replaced of “eight rings”"


def test_children_are_not_in_the_list_of_jobs(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    before = len(open_page("jobs.py", bench).dataframe[0].value)
    bench.job(ANNA, bench.batches.plates[batch.id][0].job)
    assert len(open_page("jobs.py", bench).dataframe[0].value) == before


@pytest.mark.parametrize("batch_id", ["nope", "", "11111111-1111-4111-8111-111111111111", "../../etc/passwd"])
def test_no_batch_and_no_right_look_the_same(open_page: Open, batch_id: str) -> None:
    app = open_page("batch.py", None, batchId=batch_id)
    assert not app.exception
    assert app.title[0].value == "This batch is not here"
    app.button(key="batch.back.lost").click().run()
    assert app.title[0].value == "Batches"


def test_a_public_batch_opens_for_nobody_and_shows_nothing_else(open_page: Open) -> None:
    bench = FakeWorkbench(person=None)
    public = bench.batches.add(name="for all", statuses=MIXED, visibility=Visibility.PUBLIC)
    private = bench.batches.add(name="for me", statuses=MIXED)
    app = open_page("batch.py", bench, batchId=public.id)
    assert not app.exception
    assert app.title[0].value == "for all"
    assert "because its link is public" in words(app)
    possible = {button.key for button in app.button if not button.disabled}
    assert not possible & {"batch.retry_failed", "batch.cancel", "batch.share", "batch.star", "batch.back"}
    assert open_page("batch.py", bench, batchId=private.id).title[0].value == "Sign in to Wellplate"
    assert open_page("batch.py", bench).title[0].value == "Sign in to Wellplate"


def test_a_batch_that_goes_while_it_is_shown_says_so(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    bench.batches.gone(batch.id)
    app.get_by_key("batch.status").set_value(["failed"]).run()  # anything that draws the plate anew
    assert not app.exception
    assert app.title[0].value == "This batch is not here"


# What is done with it


def test_what_cannot_be_done_is_off_with_the_reason(open_page: Open) -> None:
    bench, batch = bench_with([Status.COMPLETED] * 3)
    app = open_page("batch.py", bench, batchId=batch.id)
    cancel, retry = app.button(key="menu.cancel"), app.button(key="menu.retry_failed")
    assert cancel.disabled and cancel.help == "It has ended."
    assert retry.disabled and "Nothing failed" in retry.help
    assert not app.button(key="menu.delete").disabled
    keys = {button.key for button in app.button}
    assert not {"batch.cancel", "batch.retry_failed"} & keys
    assert set(bench.batches.actions(ANNA, batch)) == set(batch_menu.LOOKS)


def test_retry_asks_with_number_and_price_and_puts_them_into_the_same_wells(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    press(app, "Retry failed (3)")
    assert "1 failed, 1 timed out and 1 cancelled jobs" in words(app)
    assert "into the same wells" in words(app) and "**36 credits**" in words(app)
    press(app, "Retry 3 jobs · 36 credits")
    assert bench.batches.calls == [("retry_failed", batch.id, 36)]
    assert [well.status for well in bench.batches.plates[batch.id]][3:6] == [Status.PENDING] * 3
    assert "Running 3 jobs again." in words(app)


def test_cancel_all_says_what_it_costs(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    press(app, "Cancel all (2)")
    assert "**1 job** not started: taken out at once, at no cost" in words(app)
    assert "**1 job** running: stopped within seconds; their 12 credits are not given back" in words(app)
    press(app, "Keep as it is")
    assert bench.batches.calls == []
    press(app, "Cancel all (2)")
    press(app, "Cancel 2 jobs")
    assert bench.batches.calls == [("cancel", batch.id)]


def test_rename_star_and_share(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    app.button(key="batch.star").click().run()
    assert bench.batches.records[batch.id].starred
    app.session_state["asking.asked"] = asking.Asked("batch.rename", batch)
    app.run()
    app.text_input(key=f"ask.name.{batch.id}").set_value("nine *rings*")
    press(app, "Save")
    assert app.title[0].value == r"nine \*rings\*"
    press(app, "Share")
    app.radio(key=f"share.{batch.id}").set_value(Visibility.PUBLIC).run()
    assert bench.batches.records[batch.id].visibility is Visibility.PUBLIC
    assert any(f"/app/batch?batchId={batch.id}" in code.value for code in app.code)
    press(app, "Done")
    assert "Who can see this: **Anyone with the link**" in words(app)


def test_deleting_says_what_goes_and_what_stays(open_page: Open) -> None:
    bench, batch = bench_with([Status.COMPLETED] * 8)
    app = open_page("batch.py", bench, batchId=batch.id)
    app.session_state["asking.asked"] = asking.Asked("batch.delete", batch)
    app.run()
    assert "eight rings" in words(app) and "**Stays:** uploaded files" in words(app)
    press(app, "Delete the batch and 8 jobs")
    assert batch.id not in bench.batches.records
    assert app.title[0].value == "This batch is not here"
    assert "Deleted “eight rings”." in words(app).replace("\\", "")


def test_a_colleague_looks_and_changes_nothing(open_page: Open) -> None:
    bench, batch = bench_with(MIXED, submitter=(BEN_ID, "Ben Okafor"), visibility=Visibility.TEAM)
    bench.accounts.who = replace(ANNA, role=Role.MEMBER, site_admin=False)
    app = open_page("batch.py", bench, batchId=batch.id)
    assert not app.exception and app.dataframe
    keys = {button.key for button in app.button}
    assert not {"batch.cancel", "batch.retry_failed", "batch.share"} & keys
    assert app.button(key="menu.delete").disabled


def test_a_colleagues_private_batch_shows_its_row_only(open_page: Open) -> None:
    bench, batch = bench_with(MIXED, submitter=(BEN_ID, "Ben Okafor"))
    bench.accounts.who = replace(ANNA, role=Role.MEMBER, site_admin=False)
    app = open_page("batch.py", bench, batchId=batch.id)
    assert not app.exception
    assert app.info[0].value == "This batch is private to Ben Okafor."
    assert not app.dataframe and not app.get("progress")


def test_what_was_left_out_is_told(open_page: Open) -> None:
    left_out = [{"where": "line 4", "message": "“c1(” is <not> a valid SMILES."}]
    bench, batch = bench_with(MIXED, left_out=left_out)
    app = open_page("batch.py", bench, batchId=batch.id)
    assert "1 line left out" in [expander.label for expander in app.expander]
    assert any("c1(” is &lt;not&gt; a valid" in html.proto.body for html in app.get("html"))


# Figures


def test_time_left_is_told_only_once_enough_have_ended() -> None:
    now = utcnow()
    waiting = [make_well(number, "x", Status.QUEUED) for number in range(10)]
    ended = [
        make_well(number, "x", Status.COMPLETED)._replace(
            started_at=now - timedelta(seconds=60), ended_at=now - timedelta(seconds=60 - 20 * number)
        )
        for number in range(1, 4)
    ]
    assert batch_numbers.left_s([*waiting, *ended[:2]], now) is None
    pace = batch_numbers.pace([*waiting, *ended], now)
    assert pace is not None and pace.per_minute == pytest.approx(3)
    assert batch_numbers.left_s([*waiting, *ended], now) == pytest.approx(200)
    # One that stands still has a pace that falls.
    later = batch_numbers.pace([*waiting, *ended], now + timedelta(minutes=9))
    assert later is not None and later.per_minute == pytest.approx(0.3)


# The plate


@pytest.mark.parametrize(
    ("number", "last", "shape"),
    [
        (1, "A1", (4, 6)),
        (24, "D6", (4, 6)),
        (25, "C01", (8, 12)),
        (96, "H12", (8, 12)),
        (384, "P24", (16, 24)),
        (1536, "AF48", (32, 48)),
        (1537, "1537", (26, 60)),
        (10_000, "10000", (72, 140)),
    ],
)
def test_wells_are_named_as_on_the_plates_of_a_lab(number: int, last: str, shape: tuple[int, int]) -> None:
    layout = plates.layout(number)
    assert (layout.rows, layout.columns) == shape
    assert layout.name(number - 1) == last
    assert layout.rows * layout.columns >= number


@pytest.mark.parametrize("number", [8, 96, 1536, 1537])
def test_a_table_that_is_sorted_by_wells_has_the_order_of_the_plate(number: int) -> None:
    layout = plates.layout(number)
    names = batch_results.sortable([layout.name(each) for each in range(number)])
    assert sorted(names) == names and len({name.strip() for name in names}) == number


def test_what_the_plate_gets_is_compact_and_honest() -> None:
    bench, batch = bench_with(MIXED)
    rows = bench.batches.plates[batch.id]
    picture = batch_plate.picture(batch, rows, DOCK.batch.metrics[0] if DOCK.batch else None)
    words = [statuses.every()[int(digit)].word for digit in picture.statuses]
    assert words[:4] == ["Completed", "Completed", "Completed", "Failed"]
    assert set(picture.progress) == {6} and set(picture.errors) == {3}
    assert [value is not None for value in picture.values] == [True] * 3 + [False] * 5
    assert picture.scale is not None and picture.scale.low == min(filter(None, picture.values))
    assert "Coloured by Affinity, lower is better" in picture.alt
    data = plate_component._data(picture)
    assert data["names"].count("\n") == 7


def test_a_status_is_shown_where_no_well_has_a_value_yet() -> None:
    bench, batch = bench_with([Status.QUEUED] * 4)
    assert DOCK.batch is not None
    picture = batch_plate.picture(batch, bench.batches.plates[batch.id], DOCK.batch.metrics[0])
    assert picture.scale is None and picture.values == []


def test_a_few_far_off_do_not_squeeze_the_scale() -> None:
    assert DOCK.batch is not None
    scale = batch_plate.scale_of(
        DOCK.batch.metrics[0], [-900.0, *[-8 + number / 100 for number in range(200)]]
    )
    assert scale.low > -9 and scale.below and scale.high < -6
    few = batch_plate.scale_of(DOCK.batch.metrics[0], [-900.0, -8.0, -7.0])
    assert (few.low, few.high, few.below, few.above) == (-900.0, -7.0, False, False)


def test_the_colour_is_chosen_in_the_url(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = open_page("batch.py", bench, batchId=batch.id)
    control = app.get_by_key("batch.colour")
    assert control.value == "affinity" and list(control.options) == ["Status", "Affinity", "RMSD"]
    control.set_value("status").run()
    assert app.query_params["colour"] == "status"
    app = open_page("batch.py", bench, batchId=batch.id, colour="rmsd")
    assert app.get_by_key("batch.colour").value == "rmsd"


# The form for many


def many(open_page: Open, bench: FakeWorkbench | None = None, **query: str) -> Any:
    app = open_page("tool.py", bench, tool="dock", many="1", **query)
    assert not app.exception
    return app


def test_bad_lines_are_shown_by_line_and_one_goes_on_without_them(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = many(open_page, bench, example="1")
    assert app.query_params == {"tool": "dock", "many": "1"}
    run = app.button(key="tool.run")
    assert run.label == "Run 4 jobs · 48 credits" and run.disabled
    assert "1 of 5 lines cannot be run" in run.help
    told = " ".join(html.proto.body for html in app.get("html"))
    assert "ligands.smi, line 4" in told and "“c1ccccc1(” is not a valid SMILES." in told
    assert "Together" in told and "acetic acid" in told
    app.checkbox[0].check().run()
    assert "940 credits available, 892 after this batch." in words(app)
    app.button(key="tool.run").click().run()
    assert not app.exception
    sent = bench.batches.submitted[0]
    assert sent.skip_invalid and sent.expected_credits == 48 and sent.idempotency_key
    assert sent.inputs is not None and sent.inputs["pairing"] == "each"
    assert app.title[0].value == "New batch"
    assert app.query_params["batchId"] in bench.batches.records


def test_lines_are_looked_at_again_only_when_something_changed(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = many(open_page, bench, example="1")
    app.text_input(key=f"form.{form_of(app).id}.name").set_value("a name").run()
    app.checkbox[0].check().run()
    assert bench.batches.planned == 1
    app.number_input(key=f"form.{form_of(app).id}.settings.exhaustiveness").set_value(9).run()
    assert bench.batches.planned == 2


def form_of(app: Any) -> Any:
    return app.session_state["tool.form.many"]


def test_missing_inputs_and_credits_are_the_reason(open_page: Open) -> None:
    app = many(open_page)
    assert app.button(key="tool.run").disabled
    assert "Still needed: receptor, ligands." in app.button(key="tool.run").help
    app = many(open_page, FakeWorkbench(credits=30), example="1")
    app.checkbox[0].check().run()
    assert "18 credits missing" in app.button(key="tool.run").help


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (["2 chains"] * 5, "5 jobs, 2 chains each"),
        (["2 chains"], "1 job, 2 chains"),
        (["2 chains", "1 chain", "2 chains"], "3 jobs: 2 of 2 chains, 1 of 1 chain"),
        (["", ""], "2 jobs"),
        (["1 chain", "2 chains", "3 chains", "4 chains"], "4 jobs"),
    ],
)
def test_how_much_will_be_run_is_said_before(sizes: list[str], told: str) -> None:
    lines = [Line(name="x", where="line 1", credits=1, size=size) for size in sizes]
    assert tool_many.summed(lines) == told


def test_a_price_of_thousands_of_lines_is_told_in_a_few() -> None:
    price = [PriceLine("Maps", 20), *(PriceLine(f"Ligand {number}", 3) for number in range(5_000))]
    plan = Plan(lines=[], credits=15_020, price=price, available=0, affordable=True, problems=[], most=10_000)
    told = tool_many.price_of(plan)
    assert len(told) == tool_many.PRICED
    assert told[0] == ("Maps", 20) and told[-1] == ("4,994 more like these", 14_982)
    assert sum(credits for _, credits in told) == plan.credits


def test_nothing_is_run_when_no_line_can_be(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = many(open_page, bench, example="1")
    key = f"form.{form_of(app).id}.inputs.ligands.chosen"
    app.session_state[key] = [{"text": "C(\nC((", "name": "bad.smi"}]
    app.run()
    assert app.button(key="tool.run").help == "None of the lines can be run."
    assert not app.checkbox


def test_the_switch_keeps_both_forms_and_takes_the_settings_along(open_page: Open) -> None:
    app = open_page("tool.py", FakeWorkbench(), tool="dock", example="1")
    one = app.session_state["tool.form"].id
    app.number_input(key=f"form.{one}.settings.exhaustiveness").set_value(17).run()
    app.get_by_key("tool.many").set_value("many").run()
    assert not app.exception
    assert app.query_params == {"tool": "dock", "many": "1"}
    assert app.number_input(key=f"form.{form_of(app).id}.settings.exhaustiveness").value == 17
    app.get_by_key("tool.many").set_value("one").run()
    assert app.query_params == {"tool": "dock"}
    assert app.session_state["tool.form"].id == one


def test_a_tool_for_one_job_at_a_time_has_no_switch(open_page: Open) -> None:
    app = open_page("tool.py", FakeWorkbench(), tool="convert-sequences", many="1")
    assert not app.exception
    assert "tool.many" not in app.session_state
    assert "tool.form.many" not in app.session_state


def test_duplicating_fills_the_form(open_page: Open) -> None:
    bench, batch = bench_with(MIXED)
    app = many(open_page, bench, **{"from": batch.id})
    assert app.query_params == {"tool": "dock", "many": "1"}
    assert form_of(app).given["settings"]["exhaustiveness"] == 8
    assert len(form_of(app).given["inputs"]["ligands"]) == 1
    assert app.text_input(key=f"form.{form_of(app).id}.name").value == "eight rings"


def test_statuses_that_retry_takes_are_those_that_ended_without_a_result() -> None:
    assert {status for status in Status if status.terminal} - set(batch_dialogs.AGAIN) == {Status.COMPLETED}
    assert isinstance(FakeWorkbench().batches, Batches)
    assert len(screen(96)) == 96


# What a reader must see


def test_warnings_of_the_results_stand_above_the_plate(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, batch = bench_with([Status.COMPLETED] * 3)
    wells = [
        well._replace(warnings=("This is NOT a prediction.", f"Only in {well.number}."))
        for well in bench.batches.wells(ANNA, batch.id)
    ]
    monkeypatch.setattr(bench.batches, "wells", lambda person, batch_id: wells)
    (shown,) = open_page("batch.py", bench, batchId=batch.id).warning
    assert shown.value.splitlines()[0] == "- This is NOT a prediction."
    assert "Only in 0." in shown.value and "1 of the wells" in shown.value


def test_a_metric_that_no_well_has_is_not_offered() -> None:
    first, second, third = (Metric(key, key, "lower") for key in ("a", "b", "c"))
    well = make_well(0, "x", Status.COMPLETED)._replace(summary={"b": 1.0, "c": None})
    assert batch_numbers.measured([first, second, third], [well]) == [first, second]
