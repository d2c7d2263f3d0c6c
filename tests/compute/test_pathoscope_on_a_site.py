"""From uploads to viruses on a real site: index, sample, subtraction, Pathoscope, and what the job's page draws."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator

import pytest

from compute.workbench import Submission
from data.errors import BadInput, NotFound
from data.records import Status
from tests.sites import Site, opened, site_settings
from tests.tools import simulate
from tests.tools.simulate import Source
from tests.tools.viruses import folders
from tools.contract import ChoicePanel, FigurePanel
from tools.pathoscope import BASE_CREDITS, TOOL

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(TOOL.missing() is not None, reason=str(TOOL.missing())),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(site_settings(tmp_path_factory.mktemp("site"))) as site:
        yield site


def upload(site: Site, name: str, content: str) -> dict[str, str]:
    return {"file": site.workbench.upload(site.person, name, io.BytesIO(content.encode())).id}


def made(site: Site, tool: str, **inputs: object) -> dict[str, str]:
    """The library item that a job makes."""
    job_id = run(site, tool, inputs)
    return {
        "file": next(file["file"] for file in site.workbench.files(site.person, job_id) if file.get("file"))
    }


def run(site: Site, tool: str, inputs: dict[str, object]) -> str:
    job_id = site.workbench.submit(site.person, Submission(tool=tool, inputs=inputs, settings={})).id
    detail = site.ended(job_id)
    assert detail.job.status is Status.COMPLETED, detail.job.error
    return job_id


@pytest.fixture(scope="module")
def inputs(site: Site) -> dict[str, object]:
    rng = random.Random(11)
    virus, absent = simulate.sequence(rng, 4000), simulate.sequence(rng, 4000)
    known = folders.virus_reference(folders.otu("here", {"": virus}), folders.otu("absent", {"": absent}))
    host = simulate.host(rng, 50_000, absent[1000:2000])
    mates = simulate.paired(rng, [Source("here", virus, 1), Source("host", host, 3)], 2000)
    files = [
        upload(site, f"leaf_R{mate}.fastq", simulate.fastq(reads))
        for mate, reads in enumerate(mates, start=1)
    ]
    return {
        "sample": made(site, "create-sample", reads=files),
        "index": made(site, "build-index", reference=upload(site, "viruses.json", json.dumps(known))),
        "subtractions": [
            made(site, "create-subtraction", genome=upload(site, "tomato.fasta", f">chr1\n{host}\n"))
        ],
    }


def test_the_virus_is_found_and_the_hosts_fragment_is_not(site: Site, inputs: dict[str, object]) -> None:
    before = site.workbench.credits.balance(site.person).balance
    job_id = run(site, "pathoscope", inputs)
    detail = site.workbench.job(site.person, job_id)
    assert detail.summary["viruses"] == 1 and detail.summary["top_virus"] == "here virus"
    assert detail.summary["mapped_reads"] == 500 and detail.summary["subtracted_reads"] > 10
    assert before - site.workbench.credits.balance(site.person).balance == BASE_CREDITS
    assert [step.name for step in detail.steps] == list(TOOL.steps)
    assert [step.state for step in detail.steps] == ["done"] * len(TOOL.steps)
    files = {file["path"]: file for file in site.workbench.files(site.person, job_id)}
    assert files["pathoscope.json"]["format"] == "pathoscope" and "report.tsv" in files
    log = site.workbench.log(site.person, job_id)
    assert "# bowtie2 2." in log and "--reorder" in log
    panels = site.workbench.panels(site.person, job_id)
    (choice,) = (panel for panel in panels if isinstance(panel, ChoicePanel))
    ((name, drawn),) = choice.choices
    assert name == "here virus" and isinstance(drawn()[0], FigurePanel)


def test_an_index_is_no_sample(site: Site, inputs: dict[str, object]) -> None:
    wrong = Submission(tool="pathoscope", inputs={**inputs, "sample": inputs["index"]}, settings={})
    with pytest.raises(BadInput) as refused:
        site.workbench.submit(site.person, wrong)
    assert "sample" in (refused.value.field or "")


def test_there_is_no_example_but_what_one_needs_first(site: Site) -> None:
    with pytest.raises(NotFound, match=r"Pathoscope has no example\. Pathoscope needs a sample"):
        site.workbench.example(site.person, "pathoscope")
    (price,) = (each for each in site.workbench.credits.prices(site.person) if each.tool == "pathoscope")
    assert (price.example, price.credits, price.lines) == ("", None, [])
    assert price.rule.startswith(f"{BASE_CREDITS} credits")
