"""The parts of the page of a fleet: head, counts, errors by their cause, versions, the table of all targets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.output.excerpt import draw
from sqlmigrate.output.html_page import Tone, mark, text
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

from .formats import slowest
from .results import Group, Summary

_LETTERS: dict[Tone, str] = {"danger": "✕", "warning": "!", "calm": "·", "fine": "✓"}
_OPEN = 24  # so many names of a group are shown at once
_MOST_OWN = 5
_EXCERPT_WIDTH = 100
_TO_THE_LETTER = re.compile(r"[-+ @]|select .*;$|.*\bselect pg_terminate_backend")  # a diff, a statement to paste
UNKNOWN, NOTHING = "not known", "nothing executed"


@dataclass(frozen=True)
class Call:
    """What the page says of the call that it is about.

    Attributes:
        command: The command, as it was called.
        directory: The folder of the migrations.
        at: When it was called.
        again: The command to go on with; empty if there is nothing to do.
        differing: Another command, which says what differs from the files; empty if nothing does.
    """

    command: str
    directory: str
    at: datetime
    again: str
    differing: str = ""


@dataclass(frozen=True)
class Row:
    """A target in the table of all: its name, how it is, at which version, what was done, how long it took, why.

    `place` tells which version is newer.
    """

    name: str
    tone: Tone
    state: str
    version: str
    place: int
    done: str = ""
    duration: str = ""
    group: int | None = None


def head(tone: Tone, said: str, call: Call, more: str = "") -> Iterator[str]:
    """Return the heading: what the page says in a sentence, and about which call."""
    yield f"<h1>{mark(tone, _LETTERS[tone], tone)}<span>{text(said)}</span></h1>"
    yield f'<p class="soft"><code>{text(call.command)}</code> · {text(call.directory)} · {moment(call.at)}{more}</p>'


def tiles(counts: Sequence[tuple[Tone, str, int]]) -> Iterator[str]:
    """Return the number of targets in each state, as tiles and as a bar."""
    yield '<ul class="tiles">'
    for tone, words, count in counts:
        link = f'<a href="#targets" data-find="{text(words)}"><b>{count:,}</b><span>{text(words)}</span></a>'
        yield f'<li class="{tone}">{link}</li>'
    yield "</ul>"
    yield _bar([(tone, count) for tone, _, count in counts], sum(count for *_, count in counts))


def _bar(parts: Iterable[tuple[Tone, int]], total: int) -> str:
    """Return a bar with a part for each number."""
    drawn, at = [], 0.0
    for tone, count in parts:
        width = 1000 * count / max(1, total)
        drawn.append(f'<rect class="{tone}" x="{at:.1f}" y="0" width="{width:.1f}" height="10"/>')
        at += width
    return (
        f'<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{"".join(drawn)}</svg>'
    )


def notice(said: str) -> Iterator[str]:
    """Return a sentence that stands out."""
    yield f'<p class="notice">{text(said)}</p>'


def notes(found: Sequence[SqlmigrateError]) -> Iterator[str]:
    """Return what is wrong with the files."""
    for note in found:
        yield f'<div class="notice"><p>{text(str(note))}</p>{"".join(_cure(note))}</div>'


def groups(title: str, found: Sequence[Group], rows: Sequence[Row]) -> Iterator[str]:
    """Return errors, each once, with the names of the targets that have it; nothing if there are none."""
    if not found:
        return
    numbers = {row.name: number for number, row in enumerate(rows)}
    yield f"<article><h2>{title}</h2>"
    for number, group in enumerate(found):
        tone = rows[numbers[group.names[0]]].tone
        heading = f"{mark(tone, _LETTERS[tone], tone)}<span>{text(group.error.message)}</span>"
        yield f'<section class="group is-{tone}" id="g{number}"><h4>{heading}</h4>'
        yield from _error(group.error)
        yield from _names(group.names, numbers)
        yield from _own(group)
        yield "</section>"
    yield "</article>"


def _error(error: SqlmigrateError) -> Iterator[str]:
    fields = dict(error.fields) if isinstance(error, StatementError) else {}
    said = [fields["code"]] if "code" in fields else []
    said += [str(error.span)] if error.span else []
    if said:
        yield f'<p class="soft">{text(" · ".join(said))}</p>'
    if error.span and (error.span.end or error.span.start):
        _, *lines = ("".join(part for _, part in line) for line in draw(error.span, _EXCERPT_WIDTH))
        drawn = "\n".join(text(line) for line in lines if line.strip(" │"))
        yield f'<pre class="excerpt" tabindex="0">{drawn}</pre>'
    yield from _cure(error)


def _cure(error: SqlmigrateError) -> Iterator[str]:
    """Return what an error says beyond its message and its place: a diff, and whatever is to be pasted, to the letter.

    What PostgreSQL refused is mended in the file: the foot of the page has the next command.
    """
    fields = dict(error.fields) if isinstance(error, StatementError) else {}
    for is_code, lines in groupby(error.detail, lambda line: bool(_TO_THE_LETTER.match(line))):
        if is_code:
            drawn = "\n".join(map(text, lines))
            yield f'<pre class="excerpt" tabindex="0">{drawn}</pre>'
        else:
            yield from (f"<p>{text(line)}</p>" for line in lines)
    yield from (f"<p>{text(fields[name])}</p>" for name in ("detail",) if name in fields)
    if error.state:
        yield f"<p>{text(error.state)}</p>"
    hint, *more = error.hint.splitlines() if error.hint else [""]
    if hint:
        yield f"<p><strong>Hint:</strong> {text(hint)}</p>"
    yield from (f"<p>{text(line)}</p>" for line in more)
    if error.next_steps and not isinstance(error, StatementError):
        steps = "\n".join(map(text, error.next_steps))
        yield f'<p><strong>Next:</strong></p><pre class="commands">{steps}</pre>'


def _own(group: Group) -> Iterator[str]:
    """Return what is true for single targets of a group, the first of them open."""
    parts = [
        f"<h5>{text(name)}</h5>{f'<p>{text(error.message)}</p>' if error.message else ''}{''.join(_cure(error))}"
        for name, error in group.own
    ]
    yield from parts[:_MOST_OWN]
    if len(parts) > _MOST_OWN:
        rest = "".join(parts[_MOST_OWN:])
        yield f"<details><summary>and {len(parts) - _MOST_OWN:,} more, each with its own</summary>{rest}</details>"


def _names(names: Sequence[str], numbers: Mapping[str, int]) -> Iterator[str]:
    items = [f'<li><a href="#t{numbers[name]}">{text(name)}</a></li>' for name in names]
    yield f'<ul class="names">{"".join(items[:_OPEN])}</ul>'
    if len(items) > _OPEN:
        yield f"<details><summary>and {len(items) - _OPEN:,} more</summary>"
        yield f'<ul class="names">{"".join(items[_OPEN:])}</ul></details>'


def versions(rows: Sequence[Row]) -> Iterator[str]:
    """Return the table of versions, the newest first."""
    counts = Counter(row.version for row in rows)
    places = {row.version: (row.place, row.version != UNKNOWN) for row in rows}
    tones = {version: Counter(row.tone for row in rows if row.version == version) for version in counts}
    yield '<article><h2>Versions</h2><table class="facts"><thead><tr><th>version</th>'
    yield '<th class="number">targets</th><th class="wide"></th></tr></thead><tbody>'
    for version, count in sorted(counts.items(), key=lambda each: places[each[0]], reverse=True):
        shown = text(version) if version in (UNKNOWN, NOTHING) else f"<code>{text(version)}</code>"
        bar = _bar(tones[version].most_common(), len(rows))
        yield f'<tr><td>{shown}</td><td class="number">{count:,}</td><td class="wide">{bar}</td></tr>'
    yield "</tbody></table></article>"


def slowest_targets(summary: Summary) -> Iterator[str]:
    """Return the targets whose run took longest."""
    found = slowest(summary)
    if not found:
        return
    numbers = {target.name: number for number, target in enumerate(summary.targets)}
    yield '<article><h2>Slowest</h2><table class="facts"><tbody>'
    for name, ended in found:
        bar = _bar([("calm", ended.duration_ms)], found[0][1].duration_ms)
        link = f'<a href="#t{numbers[name]}">{text(name)}</a>'
        yield f'<tr><td>{link}</td><td class="number">{ended.duration_ms:,} ms</td><td class="wide">{bar}</td></tr>'
    yield "</tbody></table></article>"


def targets(rows: Sequence[Row]) -> Iterator[str]:
    """Return the table of all targets, without the columns that are empty for all of them."""
    columns = [
        ("target", "", [f"{mark(row.tone, _LETTERS[row.tone], row.tone)}{text(row.name)}" for row in rows]),
        ("state", "", [text(row.state) for row in rows]),
        ("version", "", [text(row.version) for row in rows]),
        ("executed", "number", [row.done for row in rows]),
        ("took", "number", [row.duration for row in rows]),
        ("", "", ["" if row.group is None else f'<a href="#g{row.group}">why</a>' for row in rows]),
    ]
    shown = [(f' class="{style}"' if style else "", name, cells) for name, style, cells in columns if any(cells)]
    yield f'<article id="targets"><h2>{plural(len(rows), "target")}</h2>'
    yield '<input class="find" type="search" placeholder="find: a name, a version, a state" aria-label="find targets" '
    yield 'autocomplete="off" hidden><table class="facts targets"><thead><tr>'
    yield from (f"<th{style}>{name}</th>" for style, name, _ in shown)
    yield "</tr></thead><tbody>"
    for number in range(len(rows)):
        cells = "".join(f'<td{style} data-name="{name}">{cells[number]}</td>' for style, name, cells in shown)
        yield f'<tr id="t{number}">{cells}</tr>'
    yield "</tbody></table></article>"


def foot(call: Call) -> Iterator[str]:
    """Return the next command, if there is one."""
    if call.again:
        more = f"<p>Or, for what differs: <code>{text(call.differing)}</code></p>" if call.differing else ""
        yield f"<footer><p>Next: <code>{text(call.again)}</code></p>{more}</footer>"
