"""The style sheet of the page: light and dark, on a screen, a phone and on paper."""

from __future__ import annotations

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
.summary { margin-top: 1.6rem; }
.summary td:nth-child(2) { min-width: 15rem; } .summary td:nth-child(3) { min-width: 14rem; }
.summary td:nth-child(4) { min-width: 5rem; }
.summary th, .rows th { color: var(--soft); font-weight: 500; font-size: .82rem; }
.summary tbody tr, .rows tbody tr { border-top: 1px solid var(--line); }
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.6rem; margin: .7rem 0 0; font-size: .92rem; }
.facts div { display: flex; gap: .5rem; min-width: 0; } .facts dt { color: var(--soft); } .facts dd { margin: 0; }
.scroller { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
.locks { width: auto; border-collapse: separate; border-spacing: 0; font-size: .8rem; line-height: 1.3; }
.locks th, .locks td { padding: .4rem .55rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
.locks tr:last-child th, .locks tr:last-child td { border-bottom: 0; }
.locks thead th { color: var(--soft); font-weight: 500; min-width: 7.2rem; }
.locks tbody th, .locks thead th:first-child { position: sticky; left: 0; background: var(--card); font-weight: 600;
  border-right: 1px solid var(--line); min-width: 15rem; white-space: normal; overflow-wrap: anywhere; }
.locks td { border-left: 2px solid var(--card); }
.locks td.works, .legend .frame { box-shadow: inset 0 0 0 2px currentColor; }
.locks summary { cursor: pointer; font: inherit; color: inherit; text-transform: none; letter-spacing: 0; margin: 0; }
.locks b { display: inline-block; min-width: 1.15em; } .locks small { display: block; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1rem; margin: 1.4rem 0 0; padding: 0; list-style: none;
  font-size: .82rem; color: var(--soft); }
.legend b { border-radius: .25rem; padding: .05rem .4rem; margin-right: .35rem; }
.statements, .changes { list-style: none; padding: 0; margin: 0; }
.statements li { display: grid; grid-template-columns: 2.2rem minmax(0, 1fr) 7.2rem; gap: .1rem .4rem;
  padding: .3rem 0; }
.statements pre { margin: 0; } .statements .number { color: var(--soft); font-size: .85rem; padding-top: .62rem; }
.statements { margin-top: .9rem; }
.statements .soft { text-align: right; padding-top: .55rem; line-height: 1.3; }
.changes li { padding: .22rem 0; display: flex; gap: .6rem; align-items: baseline; }
.changes .tag { flex: none; min-width: 4.9rem; text-align: center; }
.changes ul { padding-left: 0; list-style: none; font-size: .9rem; }
.changes li li { display: block; }
.tag { border-radius: 1rem; padding: .05rem .6rem; font-size: .78rem; font-weight: 600; }
details > summary { cursor: pointer; font-size: .78rem; letter-spacing: .07em; text-transform: uppercase;
  color: var(--soft); font-weight: 700; margin: 1.8rem 0 .5rem; }
.trip { list-style: none; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .5rem .4rem; font-size: .9rem; }
.trip li { border-radius: .45rem; padding: .25rem .7rem; }
.trip li + li::before { content: "→"; margin-right: .5rem; color: var(--soft); }
.finding { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin-top: 1.2rem; }
.finding.is-danger { border-color: var(--danger); } .finding.is-warning { border-color: var(--warning); }
footer { margin-top: 2.2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
footer p { margin: .15rem 0; }
@media (max-width: 40rem) {
  main { padding: 1.4rem .8rem 3rem; } h1 { font-size: 1.28rem; }
  article { padding: 1rem .9rem 1.1rem; border-radius: .6rem; }
  .summary, .summary tbody { display: block; } .summary td code, .summary td a { overflow-wrap: anywhere; }
  .summary thead { display: none; } .summary tr { display: block; padding: .6rem 0; }
  .summary td { display: block; padding: .1rem 0 .1rem 2.1rem; }
  .summary td:first-child { float: left; padding: 0; } .summary td:nth-child(n+2) { min-width: 0; }
  .summary td[data-name]::before { content: attr(data-name); color: var(--soft); margin-right: .5rem;
    font-size: .85rem; }
  .statements li { grid-template-columns: 2.2rem minmax(0, 1fr); }
  .statements .soft { grid-column: 2; text-align: left; padding-top: 0; }
  .facts { display: block; } .facts dt { flex: none; width: 6.5rem; }
  .locks tbody th, .locks thead th:first-child { min-width: 8.5rem; }
}
@media print {
  :root { color-scheme: light; } body { font-size: 10.5pt; background: none; } main { max-width: none; padding: 0; }
  article { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 1rem 0; }
  .finding, .statements li, .locks tr { break-inside: avoid; } h2, h3, h4 { break-after: avoid; }
  .scroller { overflow: visible; } .locks th, .locks td { white-space: normal; min-width: 0; }
  .locks thead th { min-width: 0; } details::details-content { content-visibility: visible; height: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
