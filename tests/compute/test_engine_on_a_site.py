"""An engine on a real site: where it lies, which the settings tell, reaches the run on the worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compute.workbench import Submission
from data.records import Status
from tests.sites import Site, opened, site_settings
from tests.tools.folding import fakes, places
from tests.tools.test_proteinmpnn import PDB, PROGRAM
from tools import engines

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    settings = site_settings(home)
    settings = settings.model_copy(
        update={"engines": settings.engines.model_copy(update={"folder": str(home / "elsewhere")})}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engines.VARIABLE, "{}")
        with opened(settings) as site:
            yield site


def test_a_run_finds_the_engine_where_the_site_says(site: Site) -> None:
    places.install(engines.PROTEINMPNN, PROGRAM)
    assert "elsewhere" in str(engines.PROTEINMPNN.program())
    submission = Submission(
        tool="proteinmpnn",
        inputs={"structure": {"text": PDB, "name": "fab.pdb"}},
        settings={"chains": "H"},
    )
    detail = site.ended(site.workbench.submit(site.person, submission).id)
    assert detail.job.status is Status.COMPLETED, detail.job.error
    assert detail.summary["recovery"] == pytest.approx(50)
    assert any("lack backbone atoms" in warning for warning in detail.warnings)
    assert site.workbench.panels(site.person, detail.job.id)


def test_a_complex_without_a_table_of_its_interfaces_is_shown_all_the_same(site: Site) -> None:
    places.install(engines.ALPHAFOLD, fakes.COLABFOLD)
    places.put_weights(engines.ALPHAFOLD, engines.MULTIMER_WEIGHTS)
    submission = Submission(
        tool="alphafold-2",
        inputs={"sequence": {"text": "ACDE:GG", "name": "pair.txt"}},
        settings={"models": 1},
    )
    detail = site.ended(site.workbench.submit(site.person, submission).id)
    assert detail.job.status is Status.COMPLETED, detail.job.error
    assert "interfaces" not in {table["name"] for table in detail.tables}
    titles = [panel.title for panel in site.workbench.panels(site.person, detail.job.id)]
    assert titles[0] == "Best model" and "Confidence" in titles and "Pairs of chains" not in titles
