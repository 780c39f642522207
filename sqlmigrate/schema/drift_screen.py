"""The screen of `drift`: an object a line, those of a table together."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output.excerpt import Line, cell_count, printable
from sqlmigrate.output.wrapping import folded
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

from .drift_result import COMPARED, WHO, Item, Result, not_compared_lines, who

MARKS = {"left over": ("+", "yellow"), "missing": ("-", "red"), "different": ("~", "yellow")}
_NONE, _DEFAULT_RIGHTS = "none", "the default rights"
_VALUES = 6  # the indent of values
_DEFINITION = 4  # lines of a definition
_NARROWEST = 40
_HEAD = 2  # the number of the line behind the names of the files


def lines(result: Result, room: int | None) -> Iterator[Line]:
    """Return the screen; without `room` no line is folded."""
    against = f" · compared with {result.against}" if result.against else ""
    yield from folded([("bold", result.database), ("", against)], room, 3)
    yield []
    for table, items in result.groups:
        yield [("bold", printable(table) or "other objects")]
        for item in items:
            yield from _item_lines(item, room)
        yield []
    yield from _end(result, room)


def _item_lines(item: Item, room: int | None) -> Iterator[Line]:
    mark, style = MARKS[item.change]
    name = f"{item.kind} {printable(item.name)}"
    yield from folded([(style, f"  {mark} {item.change:<9}"), ("", f"  {name}")], room, 15)
    yield from _definition_lines(item, room)
    for attribute, before, after in item.shown:
        yield from value_lines(attribute, before, after, room)
    if item.written:
        yield from folded([("dim", f"      its row was written at {moment(item.written)}")], room, _VALUES)


def _definition_lines(item: Item, room: int | None) -> Iterator[Line]:
    """Return the first lines of what creates an object that is left over or missing."""
    found = [line for sql in item.definition for line in f"{printable(sql)};".splitlines()]
    most = _DEFINITION if len(found) > _DEFINITION + 1 else len(found)  # a last line is not left out
    for text in found[:most]:
        indent = " " * (_VALUES + len(text) - len(text.lstrip()))
        yield from folded([("dim", f"{indent}{text.lstrip()}")], room, len(indent) + 2)
    if len(found) > most:
        yield [("dim", f"{' ' * _VALUES}… {plural(len(found) - most, 'more line')}: --sql")]


def value_lines(attribute: str, before: str | None, after: str | None, room: int | None) -> Iterator[Line]:
    """Return the two values of an attribute: in one line if they fit, or what differs line by line."""
    indent = " " * _VALUES
    if attribute == "column order":
        yield [("", f"{indent}its columns are in another order")]
        return
    nothing = _DEFAULT_RIGHTS if attribute == "acl" else "false" if "true" in (before, after) else _NONE
    old, new = (nothing if each is None else printable(each) for each in (before, after))
    line = f"{indent}{attribute}: {old} ──▶ {new}"
    if "\n" not in line and (room is None or cell_count(line) <= room):
        yield [("", f"{indent}{attribute}: "), ("red", old), ("", " ──▶ "), ("green", new)]
        return
    yield [("", f"{indent}{attribute}:")]
    for change, text in _changed_lines(old, new):
        style = {"-": "red", "+": "green"}.get(change, "dim")
        yield from folded([(style, f"{indent}  {change} {text}")], room, _VALUES + 6)


def _changed_lines(old: str, new: str) -> Iterator[tuple[str, str]]:
    """Return the lines that differ with those around them, each with its mark."""
    found = unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    for number, line in enumerate(found):
        if number > _HEAD:  # the names of the files, and the place of the first lines
            yield ("…", "") if line.startswith("@@") else (line[:1], line[1:])


def _end(result: Result, room: int | None) -> Iterator[Line]:
    """Say what the lines mean together: how many, who could have done it, what was not compared, what to do."""
    if result.problem and not result.items:
        yield from _problem(result.problem, room)
        return
    if result.items:
        yield from folded([("bold", result.counts)], room, 3)
        found = list(who(result))
        if found:
            yield from folded([("", WHO)], room, 3)
        for said in found:
            yield from folded([("", f"   {printable(said)}")], room, 5)
    else:
        yield from folded([("green", "✅"), ("", f" no drift: {plural(result.objects, 'object')} {COMPARED}")], room, 3)
    if result.ignored:
        yield from folded([("", f"ignored by drift_ignore: {plural(result.ignored, 'object')}")], room, 3)
    for said in not_compared_lines(result):
        yield from folded([("yellow", "⚠️"), ("", f" {printable(said)}")], room, 3)
    for note in result.notes:
        yield from folded([("yellow", "⚠️"), ("", f" note: {printable(note)}")], room, 3)
    if result.problem:
        yield from _problem(result.problem, room)


def _problem(problem: SqlmigrateError, room: int | None) -> Iterator[Line]:
    yield from folded([("yellow", "⚠️"), ("", f" {printable(problem.message)}")], room, 3)
    for each in problem.detail:
        yield from folded([("", f"   {printable(each)}")], room, 3)
    if problem.hint:
        yield from folded([("", f"   {printable(problem.hint)}")], room, 3)
