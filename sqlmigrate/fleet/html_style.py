"""The style sheet of the page of a fleet, behind what all pages share."""

from __future__ import annotations

from sqlmigrate.output import html_page

STYLE = (
    html_page.STYLE
    + """\
h2 { margin-bottom: .8rem; }
.tiles { list-style: none; display: grid; grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: .7rem;
  margin: 1.6rem 0 .9rem; padding: 0; }
.tiles li { border-radius: .7rem; } .tiles a { display: block; padding: .7rem .95rem .65rem; color: inherit;
  text-decoration: none; }
.tiles b { display: block; font-size: 1.7rem; line-height: 1.15; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles span { font-size: .88rem; }
.bar { display: block; width: 100%; height: .55rem; border-radius: .3rem; background: var(--code); }
rect.danger { fill: var(--danger); } rect.warning { fill: var(--warning); } rect.fine { fill: var(--fine); }
rect.calm { fill: var(--calm); } rect { opacity: .75; }
.notice { border-left: 3px solid var(--warning); padding: .1rem 0 .1rem .9rem; margin: 1.2rem 0 0; }
.group { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin-top: 1.5rem; }
.group:first-of-type { margin-top: 0; }
.group.is-danger { border-color: var(--danger); } .group.is-warning { border-color: var(--warning); }
.group h5 { margin: 1rem 0 .3rem; } .group h5 ~ p { margin: .2rem 0; }
.names { list-style: none; padding: 0; margin: .6rem 0 0; display: flex; flex-wrap: wrap; gap: .3rem .4rem; }
.names a { display: inline-block; border-radius: 1rem; padding: .05rem .65rem; background: var(--code);
  font-size: .86rem; text-decoration: none; overflow-wrap: anywhere; }
details > summary { cursor: pointer; color: var(--soft); font-size: .88rem; margin-top: .6rem; }
.facts td { border-top: 1px solid var(--line); vertical-align: middle; }
.facts th { color: var(--soft); font-weight: 500; font-size: .82rem; }
.facts .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.facts .wide { width: 38%; padding-right: 0; }
.facts td:first-child { overflow-wrap: anywhere; } .facts td:first-child .mark { margin-right: .5rem; }
.excerpt { white-space: pre; overflow-x: auto; }
.commands { white-space: pre-wrap; overflow-wrap: anywhere; }
footer code, h1 + p code { overflow-wrap: anywhere; }
.find { width: 100%; max-width: 26rem; font: inherit; color: inherit; background: var(--paper);
  border: 1px solid var(--line); border-radius: .5rem; padding: .45rem .75rem; margin-bottom: .6rem; }
.find:focus { outline: 2px solid var(--link); outline-offset: 1px; }
tr:target td { background: var(--warning-soft); }
footer { margin-top: 2.2rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 40rem) {
  main { padding: 1.4rem .8rem 3rem; } h1 { font-size: 1.28rem; }
  article { padding: 1rem .9rem 1.1rem; border-radius: .6rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: .5rem; }
  .facts .wide { display: none; }
  .targets thead { display: none; }
  .targets tr { display: block; border-top: 1px solid var(--line); padding: .55rem 0; }
  .targets td { display: inline-block; border: 0; padding: 0 .8rem 0 0; }
  .targets td:first-child { display: block; font-weight: 600; } .targets td:last-child { display: block; }
  .targets td[data-name="executed"]::before { content: "executed "; color: var(--soft); }
  .targets td:empty { display: none; } .targets tr[hidden] { display: none; }
}
@media print {
  :root { color-scheme: light; } body { font-size: 10.5pt; background: none; } main { max-width: none; padding: 0; }
  article { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 1rem 0; }
  .group, tr { break-inside: avoid; } h2, h4 { break-after: avoid; } .find { display: none; }
  details::details-content { content-visibility: visible; height: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
)

# Without it the page has everything; with it, a field that leaves only the targets with the words typed into it.
SCRIPT = """
const field = document.querySelector(".find"), rows = [...document.querySelectorAll(".targets tbody tr")];
const show = () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const row of rows) {
    const text = row.innerText.toLowerCase() + " " + row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
};
field.hidden = false;
field.addEventListener("input", show);
for (const each of document.querySelectorAll("[data-find]")) {
  each.addEventListener("click", () => { field.value = each.dataset.find; show(); });
}
for (const each of document.querySelectorAll('a[href^="#t"]:not([data-find])')) {
  each.addEventListener("click", () => { field.value = ""; show(); });
}
"""
