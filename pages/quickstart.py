"""A first run from start to end, with the way to each step; what is done already has a tick."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Job, JobFilter, Person, Status, Visibility
from pages.parts import human, session
from pages.parts.drawing import header, refusal
from tools.contract import Tool

#: The tools that the walk-through may take, the first that runs here.
FIRST_TOOLS = ("autodock-vina", "convert-sequences")
#: Of the person's newest jobs, looked at for what is done already.
LOOKED_AT = 50
#: Of a step, in pixels: lines that are read with ease.
WIDTH = 960


@dataclass(frozen=True)
class Step:
    title: str
    words: str
    done: bool = False
    #: Label, page and query of the way there.
    link: tuple[str, str, dict[str, str]] | None = None


def main(workbench: Workbench, person: Person) -> None:
    header(
        "Quickstart", "Your first run, from choosing a tool to sharing its result. It takes a few minutes."
    )
    try:
        statuses = workbench.tools(person)
        own = workbench.jobs(person, JobFilter(submitter=(person.id,)), limit=LOOKED_AT).jobs
        price = workbench.settings.jobs.credits
    except WellplateError as error:
        return refusal(error)
    tool = first_tool([status.tool for status in statuses if status.unavailable is None])
    if tool is None:
        st.info("No tool can run here yet. The Tools page says what is missing.", icon=":material/info:")
        return
    for number, step in enumerate(steps(tool, own, person, charged=price != "off"), start=1):
        draw(number, step)
    further()


def first_tool(ready: list[Tool]) -> Tool | None:
    by_id = {tool.id: tool for tool in ready if tool.example}
    return next((by_id[name] for name in FIRST_TOOLS if name in by_id), next(iter(by_id.values()), None))


def steps(tool: Tool, own: list[Job], person: Person, *, charged: bool) -> list[Step]:
    """The walk-through; ticks are set by the person's own jobs, the newest of which the later steps lead to."""
    name = human.markdown_text(tool.name)
    result = next((job for job in own if job.status is Status.COMPLETED), None)
    latest = own[0] if own else None
    cost = " The button shows what the run costs; nothing is charged before it starts." if charged else ""
    return [
        Step(
            "Sign in",
            f"You are {human.markdown_text(person.name)}, in the team "
            f"{human.markdown_text(person.team_name)}.",
            done=True,
        ),
        Step(
            "Choose a tool",
            f"**Tools** lists everything that runs here. This walk-through takes **{name}**.",
            done=bool(own),
            link=("All tools", "catalogue.py", {}),
        ),
        Step(
            "Load its example",
            "Press **Load example** on the tool's page, or follow this link: it fills in the form. "
            "Nothing needs to be uploaded.",
            done=bool(own),
            link=(f"{tool.name} with its example", "tool.py", {"tool": tool.id, "example": "1"}),
        ),
        Step("Run it", f"Press **Run**.{cost} The job then has a page of its own.", done=bool(own)),
        Step(
            "Watch",
            "The job's page shows its steps and its log while it runs. You may close it: the job goes on, "
            "and the bell at the top tells you when it has ended.",
            done=result is not None,
            link=("Your jobs", "jobs.py", {"submitter": "me"}) if latest is None else job_link(latest),
        ),
        Step(
            "Look at the result",
            "Figures and tables are on the job's page; **Downloads** beside them has the files, CSV and JSON.",
            done=result is not None,
            link=job_link(result) if result else None,
        ),
        Step(
            "Share it",
            "Press **Share** on the job's page and choose who sees it: your team, everybody here, people whom you "
            "invite by e-mail, or anyone with the link.",
            link=job_link(result) if result else None,
            done=any(
                job.visibility in (Visibility.USERS, Visibility.INVITED, Visibility.PUBLIC) for job in own
            ),
        ),
    ]


def job_link(job: Job) -> tuple[str, str, dict[str, str]]:
    return job.name, "jobs.py", {"jobId": job.id}


def draw(number: int, step: Step) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", width=WIDTH):
        mark, said = ("✓", "done") if step.done else (str(number), "not done yet")
        st.html(
            f'<span class="step-mark{" done" if step.done else ""}" role="img" '
            f'aria-label="Step {number}, {said}">{mark}</span>',
            width="content",
        )
        with st.container(gap=None, width="stretch"):
            st.markdown(f"**{step.title}**")
            st.markdown(step.words)
            if step.link:
                label, page, query = step.link
                st.page_link(
                    page,
                    label=human.markdown_text(label),
                    icon=":material/arrow_forward:",
                    query_params=query,
                )


def further() -> None:
    st.subheader("And then", anchor=False)
    st.markdown(
        "- **Duplicate** on a job's page opens the form again with everything filled in, ready to change.\n"
        "- **Status** tells how busy the workers are and why jobs wait; **Credits** where the credits went.\n"
        "- **Account** is where you say how you want to hear of ended jobs, and where tokens for scripts are made; "
        "the calls are at [/api/docs](/api/docs).\n"
        "- **Team** is where colleagues are invited."
    )


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
