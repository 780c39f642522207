"""A review as one HTML page that opens from disk: it needs no network, no script and no font.

For each migration it shows the findings, a time line of the locks, the changes of the schema, and what down does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlmigrate.catalog.objects import NOTHING, Catalog, Change, Difference, Identity
from sqlmigrate.identifiers import displayed, is_same
from sqlmigrate.output.html_page import Tone, mark, page, text as _text
from sqlmigrate.review.measure.facts import FileRun, Relation, RoundTrip, StatementFacts
from sqlmigrate.review.measure.lock_modes import blocks
from sqlmigrate.review.results import Review, Reviewed
from sqlmigrate.review.rules.rule import INSTEAD, Severity
from sqlmigrate.spelling import plural

from . import located, wording
from .html_style import STYLE
from .located import LocatedFinding
from .lock_timeline import Cell, timeline
from .waiting import waits_words

_LONGEST = 4_000  # characters of one statement
_MOST = 200  # changes and statements of one migration
_MOST_NAMES = 4  # relations of one row
_BREAKS = re.compile(r"([_.])(?=\w)")  # where a long name may go on in the next line
_CODE = re.compile(r"`([^`\n]+)`")
_CLASSES: dict[Severity | None, Tone] = {"danger": "danger", "warning": "warning", "note": "calm", None: "fine"}
_LETTERS: dict[Severity | None, str] = {"danger": "✕", "warning": "!", "note": "i", None: "✓"}
_WHO = {"everyone": ("E", "danger", "everyone"), "writers": ("W", "warning", "writers"),
        "nobody": ("N", "calm", "no one")}  # fmt: skip
_CHANGES = {"new": "fine", "gone": "danger", "renamed": "warning", "moved": "warning", "altered": "calm"}
_DIFFERENCES = {"left over": "warning", "missing": "danger", "different": "warning", "column order": "calm"}


def draw(review: Review) -> str:
    """Return the whole page."""
    severity, said = wording.verdict(review)
    findings = located.found(review)
    shown: dict[str, str] = {}  # the advice
    body = [
        f"<h1>{_mark(severity)}<span>{_words(wording.sentence(said).rstrip('.'))}</span></h1>",
        f'<p class="soft">{plural(len(review.migrations), "new migration")} {_against(review)}</p>',
        *_findings("The folder", located.of(None, findings), shown),
        *_summary(review),
        *_legend(review),
        *(part for each in review.migrations for part in _migration(each, located.of(each, findings), shown)),
        "<footer>",
        *(f'<p class="soft">{_words(sentence)}</p>' for sentence in wording.basis(review)),
        "</footer>",
    ]
    return page(said, STYLE, body)


def _against(review: Review) -> str:
    return f"against <code>{_text(review.basis.base)}</code>" + (f" · {review.seconds:.1f} s" if review.seconds else "")


def _summary(review: Review) -> Iterator[str]:
    if len(review.migrations) < 2:  # noqa: PLR2004 - a table of one row says nothing new
        return
    yield '<table class="summary"><thead><tr><th></th><th>migration</th><th>strongest lock</th><th>who waits</th>'
    yield "<th>down</th></tr></thead><tbody>"
    for each in review.migrations:
        label = _text(each.migration.label)
        name = _breakable(label)
        facts = "".join(f'<td data-name="{name}">{_words(said)}</td>' for name, said in _said(each))
        yield f'<tr><td>{_mark(wording.severity(each))}</td><td><a href="#{label}">{name}</a></td>{facts}</tr>'
    yield "</tbody></table>"


def _said(reviewed: Reviewed) -> tuple[tuple[str, str], ...]:
    return (
        ("strongest lock", wording.strongest_words(reviewed)),
        ("who waits", waits_words(reviewed)),
        ("down", wording.down_words(reviewed)),
    )


def _migration(reviewed: Reviewed, findings: Sequence[LocatedFinding], shown: dict[str, str]) -> Iterator[str]:
    label = _text(reviewed.migration.label)
    yield f'<article id="{label}"><h2>{_mark(wording.severity(reviewed))}<span>{_breakable(label)}</span></h2>'
    facts = "".join(f"<div><dt>{name}</dt><dd>{_words(said)}</dd></div>" for name, said in _said(reviewed))
    yield f'<dl class="facts">{facts}</dl>'
    yield from _findings("Findings", findings, shown)
    if trip := reviewed.trip:
        yield "<h3>Locks of the up file</h3>"
        yield from _locks(trip.up, trip.after)
        yield from _changes(trip.changes)
        yield from _way_back(trip)
        if trip.down and trip.down.statements:
            yield "<details><summary>Locks of the down file</summary>"
            yield from _locks(trip.down, trip.before)
            yield "</details>"
    elif reviewed.up:
        yield f"<h3>The up file (not executed)</h3>{_sql(reviewed.up.source.text)}"
    yield "</article>"


def _findings(title: str, findings: Sequence[LocatedFinding], shown: dict[str, str]) -> Iterator[str]:
    if findings:
        yield f"<h3>{title}</h3>"
    for each in findings:
        yield from _finding(each, shown)


def _finding(each: LocatedFinding, shown: dict[str, str]) -> Iterator[str]:
    finding = each.finding
    is_allowed = finding.allowed is not None
    mark = _mark(None if is_allowed else each.severity)
    yield f'<section class="finding{"" if is_allowed else f" is-{each.severity}"}">'
    yield f"<h4>{mark}<span>{_words(wording.sentence(finding.message))}</span></h4>"
    rule = f'<a href="{_text(finding.rule.documentation)}">{_text(finding.rule.name)}</a>'
    waits = f" · who waits: {_words(finding.waits)}" if wording.blocked(finding) else ""
    yield f'<p class="soft">{each.severity} {rule} · {_text(each.place)}{waits}</p>'
    if finding.allowed is not None:
        yield f"<p><strong>Allowed:</strong> {_words(wording.sentence(finding.allowed))}</p></section>"
        return
    yield _sql(each.sql)
    yield from _what_now(finding.what_now)
    instead, earlier = located.advice(each, shown)
    if earlier:
        yield f"<p><strong>{wording.sentence(INSTEAD + ':')}</strong> as above, for {_text(earlier)}</p>"
    if instead:
        yield f"<p><strong>{wording.sentence(INSTEAD + ':')}</strong></p>{_files(instead)}"
    if each.exception:
        yield f'<p class="soft">To allow it, {each.exception_place}: <code>{_text(each.exception)}</code></p>'
    yield "</section>"


def _what_now(text: str) -> Iterator[str]:
    """Return the advice, and what is to be pasted, which follows on lines of its own."""
    if text:
        advice, _, commands = text.partition("\n")
        yield f"<p><strong>What now:</strong> {_words(advice)}</p>{_sql(commands)}"


def _locks(done: FileRun, later: Catalog | None) -> Iterator[str]:
    """Return the time line of a file; `later` is the catalog after it."""
    line = timeline(done)
    if line.rows:
        heads = "".join(f'<th scope="col">{_head(done, facts)}</th>' for facts in line.statements)
        yield '<div class="scroller" tabindex="0" role="region" aria-label="locks, statement by statement">'
        yield f'<table class="locks"><thead><tr><th scope="col">relation</th>{heads}</tr></thead><tbody>'
        for row in line.rows:
            bars = "".join(_bar(cell, width) for cell, width in row.bars())
            yield f'<tr><th scope="row">{_relations(row.relations, later)}</th>{bars}</tr>'
        yield "</tbody></table></div>"
        if line.left_out:
            yield f'<p class="soft">{plural(line.left_out, "statement")} without a lock left out</p>'
    else:
        until = " before it failed" if done.error else ""
        yield f'<p class="soft">No lock on existing tables{until}.</p>'
    yield from _statements(done)


def _head(done: FileRun, facts: StatementFacts) -> str:
    statement = wording.statement(done, facts)
    does = statement.kind.verb.lower() if statement else ""
    return f"{facts.number} · {_text(does)}<small>line {statement.line if statement else '?'}</small>"


def _relations(relations: Sequence[Relation], later: Catalog | None) -> str:
    """Return the names of a row, with those that the file gives them; many are folded."""
    names = [_breakable(_text(_named(each, later))) for each in relations]
    if len(names) <= _MOST_NAMES:
        return "<br>".join(names)
    rest = "<br>".join(names[1:])
    return f"<details><summary>{names[0]} and {len(names) - 1:,} more</summary>{rest}</details>"


def _named(relation: Relation, later: Catalog | None) -> str:
    """Return the name that a relation has before a file, with the one after it: another may have its name then."""
    found = later.by_identity.get(Identity("pg_class", relation.oid, 0)) if later else None
    if found is None or is_same(found.name, relation.name):
        return displayed(relation.name)
    return f"{displayed(relation.name)} (now {displayed(found.name)})"


def _bar(cell: Cell | None, width: int) -> str:
    span = f' colspan="{width}"' if width > 1 else ""
    if cell is None:
        return f"<td{span}></td>"
    letter, style, _ = _WHO[blocks(cell.mode)]
    work = f"<small>{_text(', '.join(cell.work))}</small>" if cell.work else ""
    style += " works" if cell.work and blocks(cell.mode) != "nobody" else ""
    return f'<td class="{style}"{span}><b>{letter}</b> {_text(cell.mode)}{work}</td>'


def _legend(review: Review) -> Iterator[str]:
    """Explain the letters and the frame of all time lines, once."""
    if any(reviewed.trip for reviewed in review.migrations):
        items = [f'<li><b class="{style}">{letter}</b>{waits}</li>' for letter, style, waits in _WHO.values()]
        items.append('<li><b class="frame">work</b>done under the lock</li>')
        yield '<ul class="legend"><li>In the tables of locks, a bar lasts from the statement that takes the lock to its'
        yield f" release. Who waits until then:</li>{''.join(items)}</ul>"


def _statements(done: FileRun) -> Iterator[str]:
    yield '<ol class="statements">'
    for facts in done.statements[:_MOST]:
        statement = wording.statement(done, facts)
        sql = _sql(statement.text) if statement else ""
        alone = "<br>no transaction" if facts.is_alone else ""
        yield f'<li><span class="number">{facts.number}</span><div>{sql}</div>'
        yield f'<span class="soft">{facts.duration_ms:,.1f} ms{alone}</span></li>'
    if done.error:
        place = f"statement {done.failed_at}: " if done.failed_at else ""
        yield f'<li><span class="number">{_mark("danger")}</span><p>{place}{_text(done.error.message)}</p></li>'
    yield "</ol>"
    if len(done.statements) > _MOST:
        yield f'<p class="soft">{plural(len(done.statements) - _MOST, "statement")} more</p>'


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    yield "<h3>Changes of the schema</h3>"
    items = [_item(change.change, _CHANGES, _changed(change)) for change in _in_order(changes)[:_MOST]]
    yield from _list(items, len(changes), "no changes")


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """Return changes with the columns of each table in the order that they have there."""
    places: dict[tuple[str, int], list[int]] = {}
    for place, each in enumerate(changes):
        if each.kind == "column":
            places.setdefault((each.change, _identity(each).oid), []).append(place)
    ordered = list(changes)
    for columns in places.values():
        by_number = sorted((changes[place] for place in columns), key=lambda each: _identity(each).sub)
        for place, each in zip(columns, by_number, strict=True):
            ordered[place] = each
    return ordered


def _identity(change: Change) -> Identity:
    return (change.after or change.before or NOTHING).identity


def _changed(change: Change) -> str:
    before, after = change.before, change.after
    one = after or before
    name = f"{_text(change.kind)} <code>{_text(wording.last(change.kind, one.name if one else ''))}</code>"
    if not before or not after:
        return name
    if before.name != after.name:
        return f"{name}, formerly <code>{_text(wording.last(change.kind, before.name))}</code>"
    keys = dict.fromkeys((*before.attributes, *after.attributes))
    told = [(key, before.attributes.get(key), after.attributes.get(key)) for key in keys]
    return name + _attributes([each for each in told if each[1] != each[2]])


def _attributes(told: Iterable[tuple[str, str | None, str | None]]) -> str:
    items = "".join(f"<li>{_text(name)}: {_value(before)} → {_value(after)}</li>" for name, before, after in told)
    return f"<ul>{items}</ul>" if items else ""


def _value(value: str | None) -> str:
    return "none" if value is None else f"<code>{_text(value[:_LONGEST])}</code>"


def _item(tag: str, styles: dict[str, str], said: str) -> str:
    return f'<li><span class="tag {styles[tag]}">{tag}</span><div>{said}</div></li>'


def _list(items: Sequence[str], count: int, nothing: str) -> Iterator[str]:
    if not items:
        yield f'<p class="soft">{nothing}</p>'
        return
    yield f'<ul class="changes">{"".join(items)}</ul>'
    if count > len(items):
        yield f'<p class="soft">{count - len(items):,} more</p>'


def _way_back(trip: RoundTrip) -> Iterator[str]:
    yield "<h3>Up, down, and up again</h3>"
    stations = "".join(f'<li class="{style}">{_text(said)}</li>' for style, said in _stations(trip))
    yield f'<ol class="trip">{stations}</ol>'
    for title, differences in (("After down", trip.left), ("After up again", trip.again)):
        if differences:
            yield f'<p class="soft">{title}:</p>'
            items = [_item(each.change, _DIFFERENCES, _difference(each)) for each in differences[:_MOST]]
            yield from _list(items, len(differences), "")
    for error in (trip.down.error if trip.down else None, trip.again_error):
        yield f"<p>{_text(error.message)}</p>" if error else ""
    yield from _rows(trip)
    if trip.broken:
        items = [f"<li><code>{_text(each.function)}</code> {_text(each.reason)}</li>" for each in trip.broken]
        yield f'<p class="soft">Functions that no longer work:</p><ul class="changes">{"".join(items)}</ul>'


def _stations(trip: RoundTrip) -> Iterator[tuple[str, str]]:
    yield ("danger", "up fails") if trip.up.error or trip.certain_failure("up") else ("fine", "up")
    if trip.up.error:
        return
    if trip.down is None:
        yield "calm", "down not tried"
        return
    if trip.down.error or trip.certain_failure("down"):
        yield "danger", "down fails"
        return
    real = [each for each in trip.left if each.matters]
    is_reordered = any(each.change == "column order" for each in trip.left)
    rest = ("calm", "down: other column order") if is_reordered else ("fine", "down: everything restored")
    yield ("warning", f"down: {plural(len(real), 'difference')}") if real else rest
    if trip.again_error:
        yield "danger", "up again fails"
    else:
        is_different = any(each.matters for each in trip.again)
        yield ("warning", "up again: different") if is_different else ("fine", "up again: the same")


def _difference(each: Difference) -> str:
    return f"{_text(each.kind)} <code>{_text(wording.last(each.kind, each.name))}</code>{_attributes(each.attributes)}"


def _rows(trip: RoundTrip) -> Iterator[str]:
    if not trip.rows_before:
        return
    changed = dict(wording.rows_changed(trip))
    if not changed:
        if trip.rows_back:
            tables = plural(len(trip.rows_before), "table")
            yield f'<p class="soft">Rows: unchanged after up and down ({tables} compared).</p>'
        return
    heads = "".join(f"<th>{name}</th>" for name in ("rows of", "before", "after up", "after down"))
    yield f'<table class="rows"><thead><tr>{heads}</tr></thead>'
    for table, how in list(changed.items())[:_MOST]:
        counts = [each.get(table) for each in (trip.rows_before, trip.rows_after, trip.rows_back)]
        cells = "".join(f"<td>{f'{rows.count:,}' if rows else 'table missing'}</td>" for rows in counts)
        note = " (other values)" if how == "changes" else ""
        yield f"<tr><td><code>{_text(displayed(table))}</code>{note}</td>{cells}</tr>"
    yield "</table>"


def _breakable(name: str) -> str:
    """Return a name that is HTML already, with the places where it may go on in the next line."""
    return _BREAKS.sub(r"\1<wbr>", name)


def _words(text: str) -> str:
    """Return a sentence as HTML; words between backticks become code."""
    return _CODE.sub(r"<code>\1</code>", _text(text))


def _sql(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not text:
        return ""
    more = f"\n-- … {plural(len(text) - _LONGEST, 'character')} more" if len(text) > _LONGEST else ""
    return f"<pre>{_text(text[:_LONGEST])}{more}</pre>"


def _files(advice: str) -> str:
    """Return an advice as HTML, in which the names of the files stand out."""
    lines = (_text(each) for each in advice.strip("\n").split("\n"))
    said = "\n".join(f"<strong>{each}</strong>" if located.names_file(each) else each for each in lines)
    return f"<pre>{said}</pre>"


def _mark(severity: Severity | None) -> str:
    return mark(_CLASSES[severity], _LETTERS[severity], severity or "fine")
