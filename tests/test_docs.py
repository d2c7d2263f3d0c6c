"""The documentation is true where a machine can tell."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import tools
from compute.settings import DEFAULTS, load
from tests.tools.running import LocalJob
from tools.contract import Given, LocalFile, Tool

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_tool_of_the_tutorial_keeps_the_contract_and_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/add-a-tool.md").read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(compile(code[1], "add-a-tool.md", "exec", dont_inherit=True), names)  # noqa: S102  our own page
    tool = names["TOOL"]
    assert isinstance(tool, Tool)
    assert tools.faults(tool) == []
    fasta = tmp_path / "two.fasta"
    fasta.write_text(">a\nGGCC\n>b\nGATT\n")
    example = tool.example()
    given = Given(
        tool.Inputs.model_validate(example.inputs),
        tool.Settings.model_validate(example.settings),
        {"sequences": [LocalFile(fasta, "two.fasta", "fasta")]},
    )
    result = tool.run(LocalJob(given, tmp_path))
    assert [tuple(row) for row in result.tables[0].rows] == [("a", 100.0), ("b", 25.0)]


def test_every_setting_of_the_model_is_in_the_commented_file_and_loads(tmp_path: Path) -> None:
    settings = load({"WELLPLATE_HOME": str(tmp_path)})
    for section, values in tomllib.loads(DEFAULTS.read_text()).items():
        # Limits come from the tools, secrets from the environment.
        known = set(type(getattr(settings, section)).model_fields) - {"limits", "password", "secret"}
        assert set(values) == known, section


def test_every_environment_variable_is_documented() -> None:
    used = set(re.findall(r'"(WELLPLATE_[A-Z_]+)"', (ROOT / "compute/settings.py").read_text()))
    documented = set(re.findall(r"WELLPLATE_[A-Z_]+", (ROOT / "docs/operating.md").read_text()))
    assert used <= documented, used - documented


def test_every_tool_says_where_it_comes_from() -> None:
    for tool in tools.registry().values():
        assert tool.homepage.startswith("https://"), tool.id
        assert tool.licence, tool.id
