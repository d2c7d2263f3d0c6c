"""The script that Streamlit runs: who is signed in, then the page that the URL names."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from compute.access import may_administer
from data.records import Person
from pages import sign_in
from pages.parts import human, session, top_bar
from pages.parts.drawing import STATIC

#: What the URL of a page names that anybody might be let see.
NAMED = {"jobs": "jobId", "batch": "batchId", "library": "item"}


def tools_by_name() -> None:
    """`/tools` is the start page under the name that people type."""
    st.switch_page("catalogue.py", query_params=st.query_params.to_dict())


def pages(who: Person | None) -> list[st.Page]:
    """What this person can go to. No icons: Streamlit would fetch the page's one from a font server as the favicon."""
    every = [
        st.Page(
            "catalogue.py",
            title="Tools",
            default=True,
            help="Everything that can be run here, with its price.",
        ),
        st.Page(tools_by_name, title="Tools", url_path="tools", visibility="hidden"),
        st.Page("tool.py", title="Tool", url_path="tool", visibility="hidden"),
        st.Page(
            "jobs.py",
            title="Jobs",
            url_path="jobs",
            help="What ran, runs and waits, with its results.",
        ),
        st.Page(
            "batch.py",
            title="Batches",
            url_path="batch",
            help="Many inputs to one tool at once, on a plate.",
        ),
        st.Page(
            "library.py",
            title="Library",
            url_path="library",
            help="References, indexes, samples, subtractions and HMM sets of the team.",
        ),
        st.Page(
            "files.py",
            title="Files",
            url_path="files",
            help="Uploads, results of jobs, and the space that they take.",
        ),
        st.Page("samples.py", title="Many samples", url_path="samples", visibility="hidden"),
        st.Page(
            "credits.py",
            title="Credits",
            url_path="credits",
            help="The team's balance, and where credits went.",
        ),
        st.Page(
            "team.py",
            title="Team",
            url_path="team",
            help="Who is in the team, invitations, and how it is set up.",
        ),
        st.Page(
            "account.py",
            title="Account",
            url_path="account",
            help="Your profile, notices, teams, sessions and API tokens.",
        ),
        st.Page(
            "status.py",
            title="Status",
            url_path="status",
            help="Workers, free slots, why jobs wait, and whether everything answers.",
        ),
        st.Page(
            "quickstart.py",
            title="Quickstart",
            url_path="quickstart",
            help="Your first run, step by step.",
        ),
    ]
    if may_administer(who):
        every.append(
            st.Page("admin.py", title="Site", url_path="site", help="People, teams, audit log and disk.")
        )
    return every


def may_be_public(path: str) -> bool:
    """Whether the URL names a job, a batch or a file: its page decides who sees it."""
    return path in NAMED and NAMED[path] in st.query_params


def main() -> None:
    st.logo(STATIC / "wellplate.svg", size="large")
    who = session.person()
    page = st.navigation(pages(who), position="top" if who else "hidden")
    st.set_page_config(page_title=f"{page.title} · Wellplate", page_icon=STATIC / "wells.svg", layout="wide")
    st.html(STATIC / "wellplate.css")
    if sentence := workbench.current().read_only:
        st.warning(
            f"**The database did not open cleanly.** {human.markdown_text(sentence)}",
            icon=":material/warning:",
        )
    if who is None and not may_be_public(page.url_path):
        return sign_in.ask()
    if who is None:
        return page.run()
    top_bar.draw(workbench.current(), who)
    page.run()
    params = st.query_params
    top_bar.seen(workbench.current(), who, params.get("jobId") or params.get("batchId"))


main()
