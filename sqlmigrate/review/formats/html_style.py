"""The style sheet of the page, behind what all pages share."""

from __future__ import annotations

from sqlmigrate.output import html_page

STYLE = (
    html_page.STYLE
    + """\
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
)
