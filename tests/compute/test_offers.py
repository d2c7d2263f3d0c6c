"""What a site may change of a tool's limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from compute.offers import limits_by_id
from compute.settings import BadSettings
from compute.site import open_site
from tests.sites import site_settings


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"cpus_max": "8"}, "tools.limits.test-fault.cpus_max = '8'"),
        ({"memory_mb": 1.5}, "tools.limits.test-fault.memory_mb = 1.5"),
        ({"timeout_s": -1}, "tools.limits.test-fault.timeout_s = -1"),
        ({"gpus": True}, "tools.limits.test-fault.gpus = True"),
        ({"memory": 100}, "tools.limits.test-fault.memory is none; there are cpus_min"),
        ({"cpus_min": 9, "cpus_max": 3}, "tools.limits.test-fault: cpus_min is 9, more than cpus_max"),
    ],
)
def test_a_wrong_limit_is_named_before_anything_starts(
    tmp_path: Path, limits: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadSettings, match=re.escape(said)), open_site(site_settings(tmp_path, limits=limits)):
        pass
    assert not (tmp_path / "wellplate.duckdb").exists()


def test_a_limit_of_a_tool_that_does_not_exist_is_named(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    tools = settings.tools.model_copy(update={"limits": {"autodock-wine": {"cpus_max": 2}}})
    with (
        pytest.raises(BadSettings, match="autodock-wine: there is no such tool"),
        open_site(settings.model_copy(update={"tools": tools})),
    ):
        pass


def test_what_the_site_changed_is_in_force(tmp_path: Path) -> None:
    limits = limits_by_id("test-fault", site_settings(tmp_path, limits={"cpus_max": 7, "quick": False}))
    assert limits is not None
    assert (limits.cpus_max, limits.quick) == (7, False)
