"""What all HTML pages of ours share: one file that opens from disk, light and dark, on a screen, a phone and on paper.

A page needs no network and no font; a policy in its head lets nothing in but its own style, and its own script if it
has one.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Literal

from .excerpt import printable

Tone = Literal["danger", "warning", "calm", "fine"]  # a class of the style sheet

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #23262b; --soft: #62676f; --line: #e4e1da; --code: #f4f2ec;
  --danger: #a3241b; --danger-soft: #fbe7e3; --warning: #7d5200; --warning-soft: #fdf0d2;
  --fine: #1c6640; --fine-soft: #e2f1e7; --calm: #34557c; --calm-soft: #e8eef6; --link: #2a5a99; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #15171b; --card: #1c1f24; --ink: #e4e3df; --soft: #9aa0a8; --line: #30343b; --code: #24282e;
  --danger: #ff9d90; --danger-soft: #4a2320; --warning: #f2c46d; --warning-soft: #43341a;
  --fine: #8bd3a6; --fine-soft: #1e3a2b; --calm: #a9c4e8; --calm-soft: #24303f; --link: #8db8f0; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3, h4, p, li, dd, code { overflow-wrap: anywhere; }
td code, td a { overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; display: flex; gap: .7rem; align-items: flex-start; }
h2 { font-size: 1.15rem; margin: 0; display: flex; gap: .6rem; align-items: flex-start; }
h3 { font-size: .78rem; letter-spacing: .07em; text-transform: uppercase; color: var(--soft); margin: 1.8rem 0 .5rem; }
h4 { font-size: 1rem; margin: 0; display: flex; gap: .55rem; align-items: flex-start; }
p { margin: .4rem 0; } a { color: var(--link); }
.soft { color: var(--soft); font-size: .9rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
code { background: var(--code); border-radius: .25rem; padding: .08em .3em; }
pre { background: var(--code); border-radius: .45rem; padding: .7rem .85rem; margin: .5rem 0; line-height: 1.5;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.mark { flex: none; display: inline-grid; place-items: center; width: 1.5em; height: 1.5em; border-radius: 50%;
  font-size: .82em; font-weight: 700; margin-top: .1em; }
.danger { color: var(--danger); background: var(--danger-soft); }
.warning { color: var(--warning); background: var(--warning-soft); }
.fine { color: var(--fine); background: var(--fine-soft); }
.calm { color: var(--calm); background: var(--calm-soft); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.3rem 1.4rem 1.5rem;
  margin-top: 1.6rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: 600; } td, th { vertical-align: top; padding: .4rem .7rem .4rem 0; }
"""
_POLICY = "default-src 'none'; style-src {}; {}base-uri 'none'; form-action 'none'"


def page(title: str, style: str, body: Iterable[str], script: str = "") -> str:
    """Return a whole page.

    Args:
        title: Its title, as plain text.
        style: The style sheet, which begins with `STYLE`.
        body: The HTML of its body, which may hold text from anywhere only through `text`.
        script: The only script that the browser lets act; empty for none.
    """
    policy = _POLICY.format(_digest(style), f"script-src {_digest(script)}; " if script else "")
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
    ]
    acting = [f"<script>{script}</script>"] if script else []
    parts = ["<!doctype html>", '<html lang="en">', "<head>", *head, "</head>", "<body><main>", *body, "</main>"]
    return "\n".join([*parts, *acting, "</body>", "</html>"]) + "\n"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def text(text: str) -> str:
    """Return a text as HTML; characters that act on a screen are replaced."""
    return escape(printable(text))


def mark(tone: Tone, letter: str, label: str) -> str:
    """Return a round mark with a letter; `label` says it to those who do not see it."""
    return f'<span class="mark {tone}" role="img" aria-label="{label}">{letter}</span>'
