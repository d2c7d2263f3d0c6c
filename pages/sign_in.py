"""What somebody sees who is not signed in and may not see the page."""

from __future__ import annotations

import streamlit as st

from pages.parts import session
from pages.parts.drawing import header


def ask() -> None:
    header("Sign in to Wellplate", "Run bioinformatics tools, watch the jobs, explore the results.")
    st.markdown(
        "You are not signed in on this browser, or your session has ended. "
        "After signing in you come back to this page."
    )
    st.html(f'<a class="primary-link" target="_self" href="{session.sign_in_link()}">Sign in</a>')
    st.caption("No account yet? Ask the person who runs this server for an invitation.")
