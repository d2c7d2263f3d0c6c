"""What every tool must fulfil. A new tool is done when these pass."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from pydantic.fields import FieldInfo

import tools
from tests.tools import running
from tools.contract import InputFile, PriceLine, Tool

TOOLS = list(tools.registry().values())
SHOWN = [tool for tool in TOOLS if not tool.hidden]
WITH_EXAMPLE = [tool for tool in SHOWN if tool.example]
#: Their examples take longer than a contract test may; a science test runs them.
HEAVY = {"autodock-vina", "boltz-2", "alphafold-2", "esmfold", "proteinmpnn"}
#: Kinds that only a job makes.
FOLDERS = {"index", "sample", "subtraction"}


def ids(listed: list[Tool]) -> list[str]:
    return [tool.id for tool in listed]


def test_every_listed_module_is_in_the_registry_in_order() -> None:
    assert ids(SHOWN) == list(tools.MODULES)


def test_unknown_tool_is_refused_with_a_sentence() -> None:
    with pytest.raises(KeyError, match="There is no tool 'autodock-wine'"):
        tools.find("autodock-wine")


@pytest.mark.parametrize("tool", TOOLS, ids=ids(TOOLS))
def test_facts_are_complete(tool: Tool) -> None:
    assert tools.faults(tool) == []
    assert tool.summary.endswith(".") and len(tool.summary) <= 160
    assert re.fullmatch(r"10\.\d{4,9}/\S+", tool.doi) or tool.doi == ""
    assert tool.homepage.startswith("https://") or tool.hidden
    assert re.search(r"\d", tool.version()) or tool.missing()


@pytest.mark.parametrize("tool", TOOLS, ids=ids(TOOLS))
def test_every_field_is_described_and_settings_have_valid_defaults(tool: Tool) -> None:
    for model in (tool.Inputs, tool.Settings):
        schema = model.model_json_schema()
        json.dumps(schema)
        for name, spec in schema.get("properties", {}).items():
            assert spec.get("description"), f"{name} has no description"
    defaults = tool.Settings()
    assert tool.Settings.model_validate(defaults.model_dump(mode="json")) == defaults


@pytest.mark.parametrize("tool", TOOLS, ids=ids(TOOLS))
def test_files_name_their_formats(tool: Tool) -> None:
    for name, field in tool.Inputs.model_fields.items():
        if "InputFile" in str(field.annotation):
            assert isinstance(field.json_schema_extra, dict) and field.json_schema_extra["formats"], name


@pytest.mark.parametrize("tool", WITH_EXAMPLE, ids=ids(WITH_EXAMPLE))
def test_example_validates_is_priced_and_passes_check(tool: Tool, tmp_path: Path) -> None:
    example = tool.example()
    given = running.given(tool, example.inputs, example.settings, tmp_path)
    assert list(tool.check(given)) == []
    lines = list(tool.price(given))
    assert all(isinstance(line, PriceLine) and line.credits > 0 for line in lines)
    assert len({line.label for line in lines}) == len(lines)
    assert sum(line.credits for line in lines) <= 250
    assert lines == list(tool.price(given)), "a price is a pure function"
    assert tool.title is None or 0 < len(tool.title(given)) <= 200


@pytest.mark.parametrize("tool", WITH_EXAMPLE, ids=ids(WITH_EXAMPLE))
def test_example_is_in_the_form_of_the_api(tool: Tool) -> None:
    example = tool.example()
    assert json.loads(json.dumps(example.inputs)) == example.inputs
    for value in example.inputs.values():
        for item in value if isinstance(value, list) else [value]:
            assert InputFile.model_validate(item).text, "an example brings its data along"


@pytest.mark.parametrize("tool", [t for t in WITH_EXAMPLE if t.id not in HEAVY], ids=lambda tool: tool.id)
def test_example_runs_and_can_be_viewed(tool: Tool, tmp_path: Path) -> None:
    example = tool.example()
    job = running.LocalJob(running.given(tool, example.inputs, example.settings, tmp_path / "in"), tmp_path)
    running.judge(tool, job, tool.run(job))


def test_a_tool_has_no_example_only_where_it_needs_what_another_job_made() -> None:
    for tool in SHOWN:
        assert (tool.example is None) == any(map(_only_folders, tool.Inputs.model_fields.values())), tool.id


def _only_folders(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return field.is_required() and isinstance(extra, dict) and set(extra.get("formats", "")) <= FOLDERS


@pytest.mark.parametrize("tool", SHOWN, ids=ids(SHOWN))
def test_unknown_setting_nan_and_infinity_are_refused(tool: Tool) -> None:
    numbers = [
        name
        for name, spec in tool.Settings.model_json_schema()["properties"].items()
        if "number" in str(spec)
    ]
    for values in [{"no_such_setting": 1}, *({name: float("nan")} for name in numbers)]:
        with pytest.raises(ValueError):
            tool.Settings.model_validate(values)


class TestRegistry:
    """A tool file that is broken in one way or another."""

    @pytest.fixture
    def modules(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        listed: dict[str, str] = {}
        monkeypatch.setattr(tools, "MODULES", listed)
        tools.registry.cache_clear()
        yield listed  # type: ignore[misc]
        monkeypatch.undo()
        tools.registry.cache_clear()

    def test_a_tool_that_cannot_be_imported_stays_listed_with_the_reason(
        self, modules: dict[str, str]
    ) -> None:
        modules["lost-tool"] = "tools.no_such_module"
        tool = tools.find("lost-tool")
        assert "no_such_module" in (tool.missing() or "")

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"id": "Convert Sequences"}, "lower-case words"),
            ({"licence": ""}, "licence must be given"),
            ({"keywords": ()}, "keywords"),
            ({"Inputs": dict}, "subclasses"),
            ({"example": None}, "what one needs first"),
        ],
    )
    def test_a_malformed_tool_stops_the_start_and_names_its_file(
        self, modules: dict[str, str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], told: str
    ) -> None:
        broken = replace(SHOWN[1], **changes)
        modules[broken.id] = "tools.broken"
        self._install(monkeypatch, "tools.broken", broken)
        with pytest.raises(tools.MalformedTool, match=rf"tools/broken\.py: .*{told}"):
            tools.registry()

    def test_an_id_that_differs_from_its_listing_stops_the_start(
        self, modules: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        modules["other"] = "tools.broken"
        self._install(monkeypatch, "tools.broken", SHOWN[1])
        with pytest.raises(tools.MalformedTool, match="listed as 'other'"):
            tools.registry()

    def test_a_twice_used_id_stops_the_start(
        self, modules: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        developer = ModuleType("tools.twice")
        developer.TOOLS = [SHOWN[1], SHOWN[1]]  # type: ignore[attr-defined]
        monkeypatch.setitem(__import__("sys").modules, "tools.twice", developer)
        monkeypatch.setattr(tools, "DEVELOPER", "tools.twice")
        monkeypatch.setattr(tools, "find_spec", lambda name: True)
        with pytest.raises(tools.MalformedTool, match=r"tools/twice\.py: .* used twice"):
            tools.registry()

    @staticmethod
    def _install(monkeypatch: pytest.MonkeyPatch, name: str, tool: Tool) -> None:
        module = ModuleType(name)
        module.TOOL = tool  # type: ignore[attr-defined]
        monkeypatch.setitem(__import__("sys").modules, name, module)
