"""What `drift` has found for programs: as JSON, and as one comment in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output.excerpt import printable
from sqlmigrate.output.json_values import error_value
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

from .drift_result import WHO, Item, Result, not_compared_lines, sql_of, who

MARKER = "<!-- sqlmigrate drift -->"
LIMIT = 65_000  # characters of a comment
_VALUE = 300  # characters of a value in the comment
_ACTIVE = re.compile(r"([\\`*_\[\]~|#@!<>&])")


def json_value(result: Result, *, with_sql: bool = False) -> dict[str, Any]:
    """Return the result as JSON; `with_sql` with the statements that put back what differs."""
    value = {
        "database": result.database,
        "against": result.against or None,
        "version": result.version,
        "taken_at": _iso(result.taken_at),
        "problem": error_value(result.problem) if result.problem else None,
        "objects": result.objects,
        "drift": [_item_value(item) for _, items in result.groups for item in items],
        "not_compared": [
            {
                "kind": each.kind, "name": each.name, "attribute": each.attribute,
                "why": "not visible" if each.is_unseen else "written differently",
            }
            for each in result.not_compared
        ],
        "ignored": result.ignored,
        "notes": list(result.notes),
        "could_be_made_by": {owner: list(members) for owner, members in (result.could or {}).items()},
        "superusers": list(result.superusers),
    }  # fmt: skip
    return value | ({"sql": sql_of(result)} if with_sql else {})


def _item_value(item: Item) -> dict[str, Any]:
    return {
        "change": item.change, "kind": item.kind, "name": item.name, "table": item.table or None,
        "attributes": [{"name": name, "expected": old, "found": new} for name, old, new in item.attributes],
        "definition": [f"{each};" for each in item.definition],
        "owner": item.owner, "written_at": _iso(item.written),
    }  # fmt: skip


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def markdown(result: Result) -> str:
    """Return one comment of at most `LIMIT` characters; it begins with a marker, so that a bot finds it again."""
    rows = [row for table, items in result.groups for item in items for row in _rows(table, item)]
    most = len(rows)
    while len(drawn := _drawn(result, rows, most)) > LIMIT:
        most = most * 9 // 10
    return drawn


def _drawn(result: Result, rows: list[str], most: int) -> str:
    against = f", compared with {_plain(result.against)}" if result.against else ""
    parts = [MARKER, f"### {_title(result)}", "", _plain(result.database) + against]
    if rows:
        parts += ["", "| | object | expected | found |", "|---|---|---|---|", *rows[:most]]
        parts += ["", f"… and {plural(len(rows) - most, 'row')} more."] if most < len(rows) else []
    parts += ["", *(f"- {_plain(line)}" for line in _end(result))]
    return "\n".join(parts).rstrip() + "\n"


def _title(result: Result) -> str:
    if result.problem and not result.items:
        return f"⚠️ {_plain(result.problem.message)}"
    return f"⚠️ {_plain(result.counts)}" if result.items else "✅ no drift"


def _rows(table: str, item: Item) -> Iterator[str]:  # noqa: ARG001 - the name of an object has its table
    first = f"| {item.change} | {item.kind} {_code(item.name)} |"
    if not item.attributes:
        sql = _code("\n".join(f"{each};" for each in item.definition)) if item.definition else ""
        yield f"{first} {sql} | |" if item.change == "missing" else f"{first} | {sql} |"
    for number, (name, old, new) in enumerate(item.shown):
        begin = f"| | {_plain(name)}:" if number else f"{first[:-2]}: {_plain(name)}"
        yield f"{begin} | {_code(old)} | {_code(new)} |"


def _code(value: str | None) -> str:
    if value is None:
        return "none"
    text = printable(value)
    cut = text[:_VALUE] + ("…" if len(text) > _VALUE else "")
    return "<code>" + html.escape(cut).replace("|", "&#124;").replace("\n", "<br>") + "</code>"


def _plain(text: str) -> str:
    return _ACTIVE.sub(r"\\\1", printable(text)).replace("\n", " ")


def _end(result: Result) -> Iterator[str]:
    if result.problem and not result.items:
        yield from _problem(result.problem)
        return
    if found := list(who(result)):
        yield f"{WHO} {'; '.join(found)}"
    if result.ignored:
        yield f"ignored by drift_ignore: {plural(result.ignored, 'object')}"
    yield from not_compared_lines(result)
    yield from (f"note: {note}" for note in result.notes)
    written = [f"{each.name} at {moment(each.written)}" for each in result.items if each.written]
    if written:
        yield f"rows written: {', '.join(written)}"
    if result.problem:
        yield result.problem.message
        yield from _problem(result.problem)


def _problem(problem: SqlmigrateError) -> Iterator[str]:
    yield from filter(None, (*problem.detail, problem.hint, *problem.next_steps))
