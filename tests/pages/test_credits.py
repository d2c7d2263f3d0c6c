"""The credits page on a real site, and what its figures are made of."""

from __future__ import annotations

from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from compute.workbench import Submission
from data import jobs
from data.records import ErrorKind, Job, JobError, Outcome, Person, Role, Spent, Status
from pages import credits_figures
from pages.credits_grant import outcome
from tests.data.conftest import execute
from tests.laboratory import Laboratory
from tests.pages.site import Visit, press, words

DOCK = "autodock-vina"


def charged(lab: Laboratory, person: Person, *, fails: bool = False) -> Job:
    """The example of docking, started; its price."""
    example = lab.workbench.example(person, DOCK)
    job = lab.workbench.submit(
        person, Submission(tool=DOCK, inputs=example.inputs, settings=example.settings)
    )
    run_id = lab.start(job.id)
    if fails:
        error = JobError(kind=ErrorKind.TOOL, message="It broke.")
        ended = Outcome(job=job.id, seq=job.seq, attempt=1, run_id=run_id, status=Status.FAILED, error=error)
        assert jobs.finish(lab.store, ended).result()
    return job


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def ledger(app: AppTest) -> list[tuple[str, str, str]]:
    frame = app.dataframe[0].value
    return list(zip(frame["What"], frame["By"], frame["Job"].fillna(""), strict=True))


def test_what_is_there_and_what_one_may_use(lab: Laboratory, visit: Visit) -> None:
    ada = lab.join("ada")
    execute(lab.store, "update teams set person_credits = 1200, monthly_credits = 500")
    price = charged(lab, ada).credits
    shown = metrics(visit(ada, "credits.py"))
    left = f"{1500 - price:,}"
    assert (shown["Available"], shown["Held"], shown["Balance"]) == (left, "0", left)
    assert (shown["Used by you this month"], shown["Every month"]) == (f"{price} of 1,200", "+500")
    assert metrics(visit(lab.admin, "credits.py"))["Used by you this month"] == "0 of 1,200"


def test_a_refund_is_linked_to_its_job_and_is_not_spent(lab: Laboratory, visit: Visit) -> None:
    ada = lab.join("ada")
    kept, lost = charged(lab, ada), charged(lab, ada, fails=True)
    app = visit(ada, "credits.py")
    assert ledger(app)[0] == ("Refunded", "Ada", f"/app/jobs?jobId={lost.id}")
    assert f"{kept.credits} credits for 2 jobs" in words(app)


def test_filters_are_in_the_url(lab: Laboratory, visit: Visit) -> None:
    ada, ben = lab.join("ada"), lab.join("ben")
    mine, _ = charged(lab, ada), charged(lab, ben)
    link = f"/app/jobs?jobId={mine.id}"
    app = visit(lab.admin, "credits.py", submitter=ada.id, tool=DOCK, days="7")
    assert ledger(app) == [("Charged", "Ada", link), ("Held for a job", "Ada", link)]
    app.selectbox("credits.kind").select("hold").run()
    assert app.query_params["kind"] == "hold"
    assert ledger(app) == [("Held for a job", "Ada", link)]
    press(app, "Clear filters")
    assert len(ledger(app)) == 5
    assert set(app.query_params) & {"kind", "tool", "submitter", "days"} == set()


def test_what_a_url_cannot_mean_narrows_nothing(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "credits.py", kind="gift", submitter="x' or 1=1", days="-3", rows="x", period="7")
    assert [what for what, _, _ in ledger(app)] == ["Granted"]
    assert "No row" not in words(app)
    nothing = visit(lab.admin, "credits.py", tool="no-such-tool")
    assert "No row of the ledger fits these filters." in words(nothing)


def test_low_credits_warn(lab: Laboratory, visit: Visit) -> None:
    ada = lab.join("ada")
    assert not visit(ada, "credits.py").warning
    lab.workbench.credits.grant(lab.admin, lab.admin.team, -960, "back")
    assert "40 credits left" in visit(ada, "credits.py").warning[0].value


def test_prices_are_told_with_their_rule(lab: Laboratory, visit: Visit) -> None:
    said = "\n".join(html.value for html in visit(lab.join("vera", Role.VIEWER), "credits.py").html)
    assert "for each ligand 3 per 8 of exhaustiveness" in said
    assert "<b>Free:</b>" in said and "Convert sequences" in said.partition("Free:")[2]


def form(app: AppTest) -> AppTest:
    """With the dialog open: a browser runs it alone, AppTest the whole page, so that it has to be opened every time."""
    app.button("credits.grant").click()
    return app


def test_the_sites_admin_grants_to_any_team(lab: Laboratory, visit: Visit) -> None:
    bob = lab.found("bob")
    app = form(visit(lab.admin, "credits.py")).run()
    assert app.button("credits.grant.confirm").disabled
    app.selectbox("credits.grant.team").select(bob.team)
    app.number_input("credits.grant.credits").set_value(250)
    app.text_input("credits.grant.note").set_value("Poster")
    form(app).run()
    assert "0 credits available, and 250 afterwards" in words(app)
    press(form(app), "Grant 250 credits")
    assert "has 250 credits available now" in words(app)
    assert lab.workbench.credits.balance(bob).balance == 250
    assert lab.workbench.credits.entries(bob)[0].note == "Poster"


def test_more_than_is_there_is_not_taken_back(lab: Laboratory, visit: Visit) -> None:
    app = form(visit(lab.admin, "credits.py")).run()
    app.number_input("credits.grant.credits").set_value(-1001)
    press(form(form(app).run()), "Take back 1,001 credits")
    assert "Only 1000 credits can be taken back" in words(app)
    assert lab.workbench.credits.balance(lab.admin).balance == 1000


def test_nobody_else_is_offered_grants(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.join("ada", Role.OWNER), "credits.py")
    assert "Grant credits …" not in {button.label for button in app.button}


def test_the_outcome_of_a_grant_is_told_before(lab: Laboratory) -> None:
    team = lab.workbench.credits.team(lab.admin)
    assert outcome(team, -10).endswith("has 1,000 credits available, and 990 afterwards.")


# Figures ---------------------------------------------------------------------------------------------------------


def spent(day: str, tool: str, credits: int) -> Spent:
    return Spent(
        day=date.fromisoformat(day), tool=tool, person="p", person_name="Ada", credits=credits, jobs=1
    )


ROWS = [spent("2026-09-30", "b", 5), spent("2026-10-01", "a", 4), spent("2026-11-22", "a", 3)]


@pytest.mark.parametrize(
    ("days", "bars", "dates", "a"),
    [
        (30, 30, ("2026-10-24", "2026-11-22"), {"2026-11-22": 3}),
        (90, 13, ("2026-08-24", "2026-11-16"), {"2026-09-28": 4, "2026-11-16": 3}),
        (365, 13, ("2025-11-01", "2026-11-01"), {"2026-10-01": 4, "2026-11-01": 3}),
    ],
)
def test_every_day_week_or_month_has_its_place(
    days: int, bars: int, dates: tuple[str, str], a: dict[str, int]
) -> None:
    rows = ROWS[2:] if days == 30 else ROWS
    figure = credits_figures.over_time(rows, {"a": "Tool A"}, date(2026, 11, 23), days)
    trace = next(trace for trace in figure.data if trace.name == "Tool A")
    assert (len(trace.x), trace.x[0], trace.x[-1]) == (bars, *dates)
    assert {x: y for x, y in zip(trace.x, trace.y, strict=True) if y} == a
    assert sum(sum(trace.y) for trace in figure.data) == sum(row.credits for row in rows)


def test_what_has_no_place_of_its_own_is_others() -> None:
    rows = [spent("2026-11-22", f"t{number}", 100 - number) for number in range(12)]
    figure = credits_figures.over_time(rows, {}, date(2026, 11, 23), 30)
    assert [trace.name for trace in figure.data] == [f"t{number}" for number in range(6)] + ["others"]
    assert sum(sum(trace.y) for trace in figure.data) == sum(row.credits for row in rows)
    lying = credits_figures.bars(credits_figures.by_tool(rows, {}), {}).data[0]
    assert (lying.y[0], lying.y[-1], sum(lying.x)) == ("t0", "4 others", sum(row.credits for row in rows))
