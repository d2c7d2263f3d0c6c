"""What a team can spend, and who may know and change it: on a real site."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compute.submitting import Submission
from data.errors import BadInput, Forbidden, NotEnoughCredits, NotFound
from data.records import Job, LedgerKind, Person, Role, utcnow
from tests.data.conftest import execute
from tests.laboratory import Laboratory
from tools import vina
from tools.contract import Given, LocalFile

Site = Callable[..., Laboratory]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """`site(credits="show")`: a laboratory with this setting of jobs."""
    made: list[Laboratory] = []

    def make(credits: str = "enforce") -> Laboratory:
        home = tmp_path / credits
        home.mkdir()
        text = f'[jobs]\ncredits = "{credits}"\nfirst_grant = 100\n[tools]\ndeveloper = true\n'
        (home / "settings.toml").write_text(text)
        made.append(Laboratory(home))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


def run(lab: Laboratory, person: Person, credits: int) -> Job:
    submission = Submission(tool="test-noop", inputs={}, settings={"credits": credits})
    return lab.workbench.submit(person, submission)


def quote(lab: Laboratory, person: Person, credits: int) -> str | None:
    submission = Submission(tool="test-noop", inputs={}, settings={"credits": credits})
    told = lab.workbench.quote(person, submission)
    assert told.affordable == (told.lack is None)
    return told.lack


def cap(lab: Laboratory, credits: int) -> None:
    """The team's cap per person: `Teams.change` sets it."""
    execute(lab.store, "update teams set person_credits = $credits", credits=credits)


def test_the_quote_says_what_the_submit_will_say(site: Site) -> None:
    lab = site()
    ada = lab.join("ada")
    cap(lab, 60)
    assert quote(lab, ada, 60) is None
    run(lab, ada, 50)
    for price in (11, 51):
        sentence = quote(lab, ada, price)
        assert sentence
        with pytest.raises(NotEnoughCredits, match=re.escape(sentence)):
            run(lab, ada, price)
    assert "you may use 10 more this month" in str(quote(lab, ada, 11))
    assert "50 are available: 1 missing" in str(quote(lab, ada, 51))
    assert lab.workbench.credits.mine(ada).left == 10
    assert lab.workbench.credits.mine(lab.admin).left == 60


def test_a_balance_brings_the_allowance(site: Site) -> None:
    lab = site()
    credits = lab.workbench.credits
    bob = lab.found("bob")
    assert credits.balance(bob).balance == 0
    # As if the allowance had been set in an earlier month.
    execute(lab.store, "update teams set monthly_credits = 30 where id = $team", team=bob.team)
    assert credits.balance(bob).balance == 30
    assert credits.balance(bob).balance == 30
    assert credits.allow(lab.admin, bob.team, 80).monthly_credits == 80
    assert [team.balance for team in credits.teams(lab.admin) if team.id == bob.team] == [30]
    assert credits.allow(lab.admin, lab.admin.team, 5).balance == 105
    assert run(lab, bob, 30).credits == 30


def test_low_credits_are_told_where_they_matter(site: Site) -> None:
    lab = site()
    assert lab.workbench.credits.low(lab.admin) is None
    run(lab, lab.admin, 51)
    assert "49 credits left" in str(lab.workbench.credits.low(lab.admin))
    assert lab.workbench.credits.low(lab.join("vera", Role.VIEWER)) is None
    shown = site("show")
    run(shown, shown.admin, 90)
    assert shown.workbench.credits.low(shown.admin) is None


def test_credits_that_are_only_shown_refuse_nothing(site: Site) -> None:
    lab = site("show")
    cap(lab, 10)
    assert quote(lab, lab.admin, 500) is None
    run(lab, lab.admin, 500)
    assert lab.workbench.credits.balance(lab.admin).available == -400


def test_credits_that_are_off_cost_nothing(site: Site) -> None:
    lab = site("off")
    assert run(lab, lab.admin, 500).credits == 0
    assert lab.workbench.credits.balance(lab.admin).available == 100
    assert {price.credits for price in lab.workbench.credits.prices(lab.admin)} <= {0, None}


def test_the_ledger_is_the_teams_own(site: Site) -> None:
    lab = site()
    ada, bob = lab.join("ada"), lab.found("bob")
    job = run(lab, ada, 7)
    credits = lab.workbench.credits
    assert [entry.job for entry in credits.entries(ada, persons=[ada.id])] == [job.id]
    assert credits.entries(ada, persons=["nobody"]) == []
    assert [entry.kind for entry in credits.entries(lab.admin)] == [LedgerKind.HOLD, LedgerKind.GRANT]
    assert credits.entries(bob) == []
    lab.start(job.id)
    now = utcnow()
    week = {"since": now - timedelta(days=7), "until": now + timedelta(days=1)}
    assert [(row.person_name, row.credits) for row in credits.spent(lab.admin, **week)] == [("Ada", 7)]
    assert credits.spent(bob, **week) == []
    with pytest.raises(BadInput):
        credits.entries(ada, limit=0)


def test_a_viewer_sees_where_credits_went(site: Site) -> None:
    lab = site()
    viewer = lab.join("vera", Role.VIEWER)
    assert lab.workbench.credits.balance(viewer).balance == 100
    assert lab.workbench.credits.entries(viewer)


def test_a_token_needs_the_scope(site: Site) -> None:
    lab = site()
    token = replace(lab.admin, scopes=frozenset({"files:read"}))
    credits = lab.workbench.credits
    with pytest.raises(Forbidden):
        credits.entries(token)
    with pytest.raises(Forbidden):
        credits.spent(token, since=utcnow(), until=utcnow())
    with pytest.raises(Forbidden):
        credits.teams(token)


def test_only_the_sites_admin_grants(site: Site) -> None:
    lab = site()
    credits, owner = lab.workbench.credits, lab.found("bob")
    for refused in (
        lambda: credits.grant(owner, owner.team, 5, ""),
        lambda: credits.allow(owner, owner.team, 5),
        lambda: credits.teams(owner),
    ):
        with pytest.raises(Forbidden, match="Only the site's admin"):
            refused()
    assert credits.balance(owner).balance == 0


def test_grants_are_checked(site: Site) -> None:
    lab = site()
    credits = lab.workbench.credits
    with pytest.raises(NotFound):
        credits.grant(lab.admin, "nobody", 5, "")
    with pytest.raises(BadInput, match="At most"):
        credits.grant(lab.admin, lab.admin.team, 10**9 + 1, "")
    with pytest.raises(BadInput, match="1 credit or more"):
        credits.allow(lab.admin, lab.admin.team, 0)
    with pytest.raises(BadInput, match="500 characters"):
        credits.grant(lab.admin, lab.admin.team, 5, "x" * 501)
    for _ in range(2):  # a form that is sent twice
        assert credits.grant(lab.admin, lab.admin.team, 5, " Thanks ", key="form 1").balance == 105
    grant = credits.entries(lab.admin)[0]
    assert (grant.note, grant.person) == ("Thanks", lab.admin.id)


def test_a_key_of_a_grant_is_no_allowances(site: Site) -> None:
    lab = site()
    credits = lab.workbench.credits
    month = f"{utcnow():%Y-%m}"
    credits.grant(lab.admin, lab.admin.team, 1, "", key=f"allowance:{lab.admin.team}:{month}")
    assert credits.allow(lab.admin, lab.admin.team, 10).balance == 111


# Prices ----------------------------------------------------------------------------------------------------------


def test_every_tool_that_costs_says_how_much(site: Site) -> None:
    lab = site()
    for price in lab.workbench.credits.prices(lab.admin):
        if price.credits:
            assert price.rule, price.tool
            assert price.credits == sum(line.credits for line in price.lines)


@pytest.mark.parametrize("exhaustiveness", [1, 8, 9, 32, 64])
@pytest.mark.parametrize("ligands", [1, 3])
def test_the_words_of_docking_are_its_price(tmp_path: Path, exhaustiveness: int, ligands: int) -> None:
    maps, each, per, least = map(int, re.findall(r"\d+", vina.TOOL.pricing))
    smiles = tmp_path / "ligands.smi"
    smiles.write_text("".join(f"{'C' * (number + 2)} l{number}\n" for number in range(ligands)))
    given = Given(
        vina.Inputs.model_validate(
            {"receptor": {"text": "ATOM", "name": "r.pdb"}, "ligands": [{"text": "CC", "name": "l.smi"}]}
        ),
        vina.Settings.model_validate({"exhaustiveness": exhaustiveness, "mode": "batch"}),
        {"ligands": [LocalFile(smiles, "ligands.smi", "smiles")]},
    )
    rounded_up = -(-exhaustiveness * each // per)
    assert sum(line.credits for line in vina.TOOL.price(given)) == maps + ligands * max(least, rounded_up)
