"""The form of a tool: what it is filled with is what is submitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import streamlit as st

from pages import tool_history
from tests.pages.conftest import Open
from tests.pages.fake_workbench import DOCK, FakeWorkbench
from tools import registry
from tools.contract import Model, Tool

TOOLS = [DOCK, *(tool for tool in registry().values() if tool.example and tool.missing() is None)]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.id)
def test_example_survives_the_form(open_page: Open, tool: Tool) -> None:
    bench = FakeWorkbench()
    app = open_page("tool.py", bench, tool=tool.id, example="1")
    assert not app.exception
    assert app.title[0].value == tool.name
    app.button(key="tool.run").click().run()
    assert not app.exception
    assert tool.example is not None
    example, sent = tool.example(), bench.submitted[0]
    assert parsed(tool.Inputs, sent.inputs) == parsed(tool.Inputs, example.inputs)
    assert parsed(tool.Settings, sent.settings) == parsed(tool.Settings, example.settings)


def parsed(model: type[Model], values: Any) -> Model:
    """As the tool gets it: with defaults, so that what the form leaves out is the same as what it names."""
    return model.model_validate(values)


def test_running_leads_to_the_job(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("tool.py", bench, tool="dock", example="1")
    app.text_input(key=key_of(app, "name")).set_value("my job").run()
    app.button(key="tool.run").click().run()
    assert app.title[0].value == "my job"
    assert app.query_params["jobId"] in bench.records
    assert bench.submitted[0].expected_credits == 12
    assert bench.submitted[0].idempotency_key


def key_of(app: Any, name: str) -> str:
    return f"form.{app.session_state['tool.form'].id}.{name}"


def test_the_button_carries_the_cost_and_says_what_is_missing(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock")
    run = app.button(key="tool.run")
    assert run.label == "Run · 12 credits"
    assert run.disabled
    assert "receptor, ligands" in run.help


def test_too_few_credits_are_the_reason(open_page: Open) -> None:
    app = open_page("tool.py", FakeWorkbench(credits=5), tool="dock", example="1")
    run = app.button(key="tool.run")
    assert run.disabled
    assert "costs 12 credits, and the team has 5" in run.help


def test_a_problem_stands_at_its_field(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock", example="1")
    app.number_input(key=key_of(app, "settings.center.y")).set_value(None).run()
    assert not app.exception
    assert app.button(key="tool.run").disabled
    assert any("valid number" in text.value for text in app.markdown)


def test_duplicate_fills_the_form(open_page: Open) -> None:
    bench = FakeWorkbench()
    settings = {"center": [1.0, 2.0, 3.0], "size": [18.0, 18.0, 18.0], "exhaustiveness": 32, "mode": "batch"}
    job = bench.add(name="first", settings=settings).job
    app = open_page("tool.py", bench, tool="dock", **{"from": job.id})
    assert app.query_params == {"tool": "dock"}
    app.button(key="tool.run").click().run()
    again = bench.submitted[0]
    assert parsed(DOCK.Settings, again.settings) == parsed(DOCK.Settings, settings)
    assert again.inputs == bench.details[job.id].inputs


def test_form_survives_a_look_at_another_page(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock", example="1")
    app.number_input(key=key_of(app, "settings.exhaustiveness")).set_value(17).run()
    app.switch_page("credits.py").run()
    assert app.title[0].value == "Credits"
    app.query_params["tool"] = "dock"
    app.switch_page("tool.py").run()
    assert app.number_input(key=key_of(app, "settings.exhaustiveness")).value == 17


def test_pasted_text_becomes_a_file_with_the_formats_extension(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock")
    ligands = key_of(app, "inputs.ligands")
    app.get_by_key(f"{ligands}.source").set_value("Paste text").run()
    app.text_area(key=f"{ligands}.text").set_value("CCO ethanol")
    app.selectbox(key=f"{ligands}.format").set_value("smiles")
    app.button(key=f"{ligands}.use").click().run()
    assert not app.exception
    assert app.session_state[f"{ligands}.chosen"] == [{"text": "CCO ethanol", "name": "pasted-1.smi"}]
    app.button(key=f"{ligands}.0.remove").click().run()
    assert app.session_state[f"{ligands}.chosen"] == []


def test_a_result_of_an_earlier_job_becomes_an_input(open_page: Open) -> None:
    bench = FakeWorkbench(jobs=False)
    job = bench.add(name="prepared").job
    app = open_page("tool.py", bench, tool="dock")
    receptor = key_of(app, "inputs.receptor")
    app.get_by_key(f"{receptor}.source").set_value("Earlier job").run()
    app.selectbox(key=f"{receptor}.job").set_value(job.id).run()
    app.selectbox(key=f"{receptor}.path.{job.id}").set_value("receptor.pdb").run()
    assert not app.exception
    assert app.session_state[f"{receptor}.chosen"] == [{"job": job.id, "path": "receptor.pdb"}]


def test_pressing_run_twice_uses_one_key(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock", example="1")
    form = app.session_state["tool.form"]
    assert form.idempotency_key({"a": 1}) == form.idempotency_key({"a": 1})
    assert form.idempotency_key({"a": 1}) != form.idempotency_key({"a": 2})


def test_a_tool_without_an_example_says_what_one_needs_first(open_page: Open) -> None:
    bench = FakeWorkbench(jobs=False)
    later = replace(DOCK, id="later", example=None, first="Make a *sample* first.")
    bench.all_tools = lambda: {"later": later}  # type: ignore[method-assign]
    app = open_page("tool.py", bench, tool="later")
    assert not app.exception
    assert "Load example" not in [button.label for button in app.button]
    assert r"Make a \*sample\* first." in [caption.value for caption in app.caption]
    assert "tool.run" in [button.key for button in app.button]


def test_missing_program_offers_no_form(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="boltz-2")
    assert "make boltz" in app.warning[0].value
    assert not app.button


def test_unknown_tool_has_a_way_back(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="tea")
    assert not app.exception
    assert app.title[0].value == "This tool is not here"
    assert app.page_link


def test_a_job_is_restored_with_its_result_and_stays_in_the_url(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = next(job for job in bench.records.values() if job.name.startswith("imatinib"))
    app = open_page("tool.py", bench, tool="dock", jobId=job.id)
    assert not app.exception
    assert app.query_params == {"tool": "dock", "jobId": job.id}
    form = app.session_state["tool.form"]
    assert list(form.given["settings"]["center"]) == [15.6, 53.4, 15.5]
    assert "Result of “imatinib → ABL1 (1iep)”" in [human_text(each.value) for each in app.subheader]
    assert app.metric[0].value == "−13.2 kcal/mol"
    app.button(key="tool.clear").click().run()
    assert app.query_params == {"tool": "dock"}
    assert not app.metric


def human_text(text: str) -> str:
    return text.replace("\\", "")


def test_a_job_of_another_tool_leads_to_that_tool(open_page: Open) -> None:
    bench = FakeWorkbench()
    job = next(job for job in bench.records.values() if job.name.startswith("imatinib"))
    app = open_page("tool.py", bench, tool="convert-sequences", jobId=job.id)
    assert not app.exception
    assert app.title[0].value == "Dock"
    assert app.query_params == {"tool": "dock", "jobId": job.id}


def test_a_job_that_is_not_there_leaves_the_tool_with_a_way_on(open_page: Open) -> None:
    app = open_page("tool.py", None, tool="dock", jobId="11111111-1111-4111-8111-111111111111")
    assert not app.exception
    assert app.title[0].value == "Dock"
    assert "There is no such job" in app.error[0].value


def test_history_lists_the_tools_jobs_and_restores_the_one_that_is_clicked(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("tool.py", bench, tool="dock")
    app.button(key="tool.history").click().run()
    mine = list(app.dataframe[0].value["Name"])
    assert mine[0].startswith("asciminib") and len(mine) == 6
    app.segmented_control(key=tool_history._WHOSE).set_value("team").run()
    assert len(app.dataframe[0].value) == 8
    assert "1iep to mmCIF" not in list(app.dataframe[0].value["Name"])  # another tool's


def test_a_click_in_the_history_names_the_job_in_the_url() -> None:
    bench = FakeWorkbench()
    jobs = list(bench.records.values())
    st.session_state["click"] = {"row": 1, "label": jobs[1].name}
    tool_history._chosen("click", jobs)
    assert st.query_params.to_dict() == {"tool": jobs[1].tool, "jobId": jobs[1].id}
    st.session_state.clear()
    st.query_params.clear()


def test_the_cost_stands_against_the_balance_where_credits_count(open_page: Open) -> None:
    bench = FakeWorkbench(credits=60)
    app = open_page("tool.py", bench, tool="dock", example="1")
    assert any("60 credits available, 48 after this run" in each.value for each in app.caption)
    bench.credits.mode = "show"
    app.run()
    assert any("counted here, not asked for" in each.value for each in app.caption)
    bench.credits.mode = "off"
    app.run()
    assert app.button(key="tool.run").label == "Run"
    assert not any("credits" in each.value for each in app.caption)


def test_a_long_history_leads_to_the_list_of_jobs(open_page: Open) -> None:
    bench = FakeWorkbench(jobs=False)
    for number in range(31):
        bench.add(name=f"job {number}")
    app = open_page("tool.py", bench, tool="dock")
    app.button(key="tool.history").click().run()
    assert len(app.dataframe[0].value) == 30
    app.button(key="tool.history.all").click().run()
    assert app.title[0].value == "Jobs"
    assert app.query_params == {"tool": "dock", "submitter": "me"}
    assert "tool.history.open" not in app.session_state  # or it would open again on the way back
