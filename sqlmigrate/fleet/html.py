"""A fleet as one HTML page: how many targets are where, what has failed and why, which were slow; and each target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output.html_page import Tone, page, text
from sqlmigrate.spelling import plural

from . import html_parts as parts, standings
from .html_parts import NOTHING, UNKNOWN, Call, Row
from .html_style import SCRIPT, STYLE
from .inspection import Standing
from .look import Order
from .results import SETTLED, Group, State, Summary
from .screens import WORDS, looked

_TONES: dict[State, Tone] = {
    "done": "fine", "tried": "fine", "tried in part": "warning", "not tried": "warning",
    "up to date": "fine", "failed": "danger", "locked": "warning", "another run": "warning", "unreachable": "danger",
    "left out": "warning", "interrupted": "warning", "not known": "danger", "not begun": "calm",
}  # fmt: skip


def run_page(summary: Summary, order: Order, call: Call) -> str:
    """Return the page of `fleet up` or `fleet down`."""
    groups = (
        *summary.groups("failed", "not known", "locked", "another run"),
        *summary.groups("unreachable", "left out"),
    )
    of_target = _first_groups(groups)
    places = {each.label: place for place, each in enumerate(order.migrations)}
    rows = []
    for target in summary.targets:
        ended, state = summary.ended.get(target.name), summary.state(target)
        newest = _newest(summary, target.name, order, places)
        rows.append(
            Row(
                target.name,
                _TONES[state],
                WORDS[state],
                _version(newest),
                places.get(newest or "", -1),
                f"{len(ended.executed):,}" if ended and ended.executed else "",
                f"{ended.duration_ms:,} ms" if ended and ended.duration_ms else "",
                of_target.get(target.name),
            )
        )
    counts = Counter((WORDS[state], _TONES[state]) for state in map(summary.state, summary.targets))
    rank = {words: place for place, words in enumerate(WORDS.values())}
    tiles = sorted(((tone, words, count) for (words, tone), count in counts.items()), key=lambda each: rank[each[1]])
    said = _said(summary, order)
    body = [
        *parts.head(_worst(rows), said, call, f" · run <code>{text(summary.run)}</code>" if summary.has_begun else ""),
        f'<p class="soft">{text(looked(summary, is_up=order.direction == "up"))}</p>',
        *parts.tiles(tiles),
        *(parts.notice(f"Stopped: {summary.stopped}") if summary.stopped else ()),
        *(
            parts.notice("The dry run was rolled back: the databases are unchanged")
            if order.is_dry_run and summary.has_executed
            else ()
        ),
        *parts.groups("What has failed, and what was left out", groups, rows),
        *parts.versions(rows),
        *parts.slowest_targets(summary),
        *parts.targets(rows),
        *parts.foot(call),
    ]
    return page(said, STYLE, body, SCRIPT)


def _first_groups(groups: Sequence[Group]) -> dict[str, int]:
    """Return the number of the first group of each target that has one."""
    return {name: number for number, group in reversed(list(enumerate(groups))) for name in group.names}


def _newest(summary: Summary, name: str, order: Order, places: Mapping[str, int]) -> str | None:
    """Return the newest migration of a target, by its look and by what was executed; None if that is not known."""
    look, ended = summary.looks.get(name), summary.ended.get(name)
    if look is None or look.newest is None:
        return None
    if look.error:
        return look.newest
    executed = ended.executed if ended and not order.is_dry_run else ()
    if order.direction == "down":
        return look.needs[len(executed)] if len(executed) < len(look.needs) else look.stays
    return max((look.newest, *executed), key=lambda label: places.get(label, -1))


def _said(summary: Summary, order: Order) -> str:
    """Say in a sentence how the run has ended."""
    total, done = len(summary.targets), len(summary.named(*SETTLED))
    word = "undone" if order.direction == "down" else "up to date" if not order.is_dry_run else "tried"
    if done == total:
        return f"All {plural(total, 'target')} {word}" if total > 1 else f"The target is {word}"
    return f"{done:,} of {plural(total, 'target')} {word}"


def status_page(found: Mapping[str, Standing], notes: Sequence[SqlmigrateError], call: Call, ask_all: str = "") -> str:
    """Return the page of `fleet status`; `notes` are those on the folder, `ask_all` asks targets not chosen, too."""
    groups = [
        replace(each, error=each.error.with_(state=None))  # a look changes nothing
        for each in (*standings.troubles(found, ask_all), *standings.stops(found), *standings.runs(found))
    ]
    of_target = _first_groups(groups)
    rows = [_standing(name, each, of_target.get(name)) for name, each in found.items()]
    kinds = {kind: [row for row in rows if standings.kind_of(found[row.name]) == kind] for kind in standings.KINDS}
    tiles = [(_worst(of_kind), kind, len(of_kind)) for kind, of_kind in kinds.items() if of_kind]
    settled = sum(each.is_settled for each in found.values())
    total, agreement = plural(len(found), "target"), standings.agreement(found)
    said = f"{total}, {agreement}" if agreement else f"{settled:,} of {total} up to date"
    body = [
        *parts.head(_worst(rows), said, call),
        *parts.tiles(tiles),
        *parts.notes(notes),
        *parts.groups("What is in the way", groups, rows),
        *parts.versions(rows),
        *parts.targets(rows),
        *parts.foot(call),
    ]
    return page(said, STYLE, body, SCRIPT)


def _standing(name: str, standing: Standing, group: int | None) -> Row:
    tone: Tone = "fine" if standing.is_settled else "danger" if standing.error or standing.failures else "warning"
    if not standing.error and (standing.pending or standing.run) and not (standing.attention or standing.stops):
        tone = "calm"
    kind = standings.kind_of(standing)  # the tile of the kind finds the row by this word
    attention = ", ".join(standings.attention_words(standing))
    words = f"{standing.pending} pending" if kind == "pending" else f"{kind}: {attention}" if attention else kind
    version = _version(None if standing.error else standing.newest)
    return Row(name, tone, words, version, standing.number, group=group)


def _version(label: str | None) -> str:
    return UNKNOWN if label is None else label or NOTHING


def _worst(rows: Sequence[Row]) -> Tone:
    tones = {row.tone for row in rows}
    order: tuple[Tone, ...] = ("danger", "warning", "calm", "fine")
    return next(tone for tone in order if tone in tones or tone == "fine")
