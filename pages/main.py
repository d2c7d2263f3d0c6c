"""The script that Streamlit runs: who is signed in, then the page that the URL names."""

from __future__ import annotations

import streamlit as st

from compute import workbench
from pages import human, session
from pages.drawing import STATIC, header


def tools_by_name() -> None:
    """`/tools` is the start page under the name that people type."""
    st.switch_page("catalogue.py", query_params=st.query_params.to_dict())


# No icons: Streamlit would fetch the page's one from a font server as the favicon.
PAGES = [
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
        "credits.py",
        title="Credits",
        url_path="credits",
        help="The team's balance, and where credits went.",
    ),
    st.Page(
        "account.py",
        title="Account",
        url_path="account",
        help="Sessions, password and API tokens.",
    ),
    st.Page(
        "server.py",
        title="Server",
        url_path="server",
        help="Workers, free slots, and whether everything answers.",
    ),
]


def main() -> None:
    st.logo(STATIC / "wellplate.svg", size="large")
    who = session.person()
    page = st.navigation(PAGES, position="top" if who else "hidden")
    st.set_page_config(page_title=f"{page.title} · Wellplate", page_icon=STATIC / "wells.svg", layout="wide")
    st.html(STATIC / "wellplate.css")
    if sentence := workbench.current().read_only:
        st.warning(
            f"**The database did not open cleanly.** {human.markdown_text(sentence)}",
            icon=":material/warning:",
        )
    if who is None:
        return sign_in()
    page.run()


def sign_in() -> None:
    header("Sign in to Wellplate", "Run bioinformatics tools, watch the jobs, explore the results.")
    st.markdown(
        "You are not signed in on this browser, or your session has ended. "
        "After signing in you come back to this page."
    )
    st.html(f'<a class="primary-link" target="_self" href="{session.sign_in_link()}">Sign in</a>')
    st.caption("No account yet? Ask the person who runs this server for an invitation.")


main()
