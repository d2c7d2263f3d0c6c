"""The pages of /auth: plain HTML that needs neither scripts nor anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

STYLE = """
:root { color-scheme: light dark; --back: #fbfcfc; --card: #fff; --line: #d3dcdf; --text: #18252b;
  --soft: #5c6a70; --accent: #0b6477; --press: #084b59; --on-accent: #fff; --field: #fff; --bad: #a3380a;
  --bad-back: #fdf1ea; --good: #00654a; --good-back: #e9f6f1; }
@media (prefers-color-scheme: dark) { :root { --back: #10181b; --card: #162126; --line: #2d3b42;
  --text: #dfe8ea; --soft: #9aa8ae; --accent: #1c8299; --press: #2493ac; --on-accent: #fff; --field: #10181b;
  --bad: #f5a37c; --bad-back: #35201a; --good: #6fd9b9; --good-back: #14302a; } }
* { box-sizing: border-box; }
html { height: 100%; }
body { margin: 0; min-height: 100%; display: grid; place-items: center; padding: 24px 16px;
  background: var(--back); color: var(--text);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { width: 100%; max-width: 360px; }
.brand { display: flex; align-items: center; gap: 10px; margin: 0 0 16px 2px; font-size: 19px;
  font-weight: 600; letter-spacing: -.01em; }
.brand svg { width: 32px; height: 32px; flex: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 22px 24px 24px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 5%); }
h1 { font-size: 17px; line-height: 1.3; margin: 0 0 4px; font-weight: 600; }
p { margin: 0 0 14px; color: var(--soft); }
p strong { color: var(--text); font-weight: 600; }
label { display: block; margin: 12px 0 4px; font-weight: 500; }
label small { font-weight: 400; color: var(--soft); }
input { width: 100%; height: 36px; padding: 0 10px; font: inherit; color: inherit; background: var(--field);
  border: 1px solid var(--line); border-radius: 4px; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 1px; }
input[aria-invalid] { border-color: var(--bad); }
button, a.go { width: 100%; height: 38px; margin-top: 20px; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-accent); background: var(--accent); border: 0; border-radius: 4px; }
button:hover, a.go:hover { background: var(--press); }
a.go { display: block; line-height: 38px; text-align: center; text-decoration: none; }
a.go.plain { margin-top: 10px; line-height: 36px; color: var(--text); background: var(--field);
  border: 1px solid var(--line); }
a.go.plain:hover { border-color: var(--accent); }
.or { display: flex; align-items: center; gap: 10px; margin: 16px 0 0; color: var(--soft); font-size: 13px; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
.said { margin: 12px 0 4px; padding: 8px 11px; border-radius: 4px; color: var(--bad);
  background: var(--bad-back); }
.said.good { color: var(--good); background: var(--good-back); }
.below { margin: 14px 2px 0; font-size: 13px; color: var(--soft); }
a { color: var(--accent); }
@media (prefers-color-scheme: dark) { a:not(.go) { color: #6cc4d8; } }
"""

LOGO = """<svg viewBox="0 0 32 32" aria-hidden="true">
<path d="M5 2h22a3 3 0 0 1 3 3v22a3 3 0 0 1-3 3H8l-6-6V5a3 3 0 0 1 3-3z" fill="#1c8299"/>
<g fill="#fff"><circle cx="9" cy="9" r="2.7"/><circle cx="16" cy="9" r="2.7" opacity=".45"/>
<circle cx="23" cy="9" r="2.7" opacity=".45"/><circle cx="9" cy="16" r="2.7" opacity=".45"/>
<circle cx="16" cy="16" r="2.7"/><circle cx="23" cy="16" r="2.7" opacity=".45"/>
<circle cx="9" cy="23" r="2.7" opacity=".45"/><circle cx="16" cy="23" r="2.7" opacity=".45"/></g>
<circle cx="23" cy="23" r="2.7" fill="#f0b429"/></svg>"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# A picture of one well, so that a browser does not ask for a file.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect x='2' y='2' width='28' height='28' rx='5' fill='%230b6477'/%3E"
    "%3Ccircle cx='16' cy='16' r='7' fill='%23f0b429'/%3E%3C/svg%3E"
)


def page(title: str, body: str, *, status: int = 200, below: str = "", on_to: str = "") -> HTMLResponse:
    """A page with one card. `body` and `below` are HTML: build them with `field` and `said`, which escape.

    `on_to` is an address to which the browser goes on by itself.
    """
    onward = f'<meta http-equiv="refresh" content="0;url={escape(on_to)}">\n' if on_to else ""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Wellplate</title>
{onward}<link rel="icon" href="{ICON}">
<style>{STYLE}</style>
</head>
<body>
<main>
<div class="brand">{LOGO}<span>Wellplate</span></div>
<div class="card">
<h1>{escape(title)}</h1>
{body}
</div>
{f'<p class="below">{below}</p>' if below else ""}
</main>
</body>
</html>
""",
        status_code=status,
        headers={"Content-Security-Policy": POLICY},
    )


def form(action: str, button: str, *parts: str) -> str:
    """A form that posts its parts."""
    inside = "\n".join(part for part in parts if part)
    return f'<form method="post" action="{action}">\n{inside}\n<button>{escape(button)}</button>\n</form>'


def go(path: str, words: str, *, plain: bool = False) -> str:
    """A link that looks like a button."""
    return f'<a class="go{" plain" if plain else ""}" href="{escape(path)}">{escape(words)}</a>'


def said(sentence: str, *, good: bool = False) -> str:
    """A sentence that the person must see; empty for none."""
    if not sentence:
        return ""
    return f'<div class="said{" good" if good else ""}" role="alert">{escape(sentence)}</div>'


def field(
    name: str,
    label: str,
    *,
    kind: str = "text",
    value: str = "",
    hint: str = "",
    more: str = "",
    bad: str = "",
    here: bool = False,
) -> str:
    """A labelled input. `bad` is the name of the field that the last answer refused; `here` puts the cursor in."""
    note = f" <small>{escape(hint)}</small>" if hint else ""
    marks = (' aria-invalid="true"' if bad == name else "") + (" autofocus" if here else "")
    return (
        f'<label for="{name}">{escape(label)}{note}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}" {more}{marks}>'
    )


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'
