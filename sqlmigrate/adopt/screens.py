"""What `adopt` shows, as lines of text and as JSON values."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlmigrate.errors import SqlmigrateError
from sqlmigrate.output.excerpt import Line, printable
from sqlmigrate.plan.up import faults_in
from sqlmigrate.spelling import plural
from sqlmigrate.times import moment

from .adoption import Adoption, Entry
from .checks import errors_of
from .record import said_of
from .tools.tool import Tool

_SHOWN = 10
_FEW = 3  # places of one remark that are listed
_MARK = {
    "executed": ("✅", "green"), "baseline": ("✅", "green"), "pending": ("⏸️", "yellow"),
    "failed": ("❌", "red"), "running": ("❌", "red"),
}  # fmt: skip


def found_lines(adoption: Adoption, *, has_database: bool = True) -> Iterator[Line]:
    """Say which tool was found, where its files and its history are, and how far it is."""
    reading, history = adoption.reading, adoption.history
    yield [("bold", "sqlmigrate" if adoption.is_ours else reading.tools)]
    placed = "read as they are" if reading.in_place else "to be converted"
    yield [("", f"   files     {reading.folder}/ · {plural(len(reading.migrations), 'migration')}, {placed}")]
    if adoption.is_ours:
        executed, pending = len(adoption.executed_here), len(adoption.pending)
        yield [("", f"   history   that of sqlmigrate · {executed} executed, {pending} pending")]
        return
    if history is None:
        yield [("", f"   history   {'none was found' if has_database else 'not looked for: no database is named'}")]
        return
    yield [("", f"   history   {history.shown} · {_counts(adoption)}")]
    if since := _since(adoption):
        yield [("", f"             {since}")]


def _counts(adoption: Adoption) -> str:
    if adoption.history and adoption.history.is_one_row:
        if adoption.missing:
            return f"at {adoption.missing[0].key}, which has no file: it is not known what is executed"
        if adoption.unfinished:
            return f"{adoption.unfinished[0].key} has failed or is not finished: it is not known what is executed"
    counts = [f"{len(adoption.executed)} executed"]
    counts += [f"{len(adoption.executed_here)} executed by sqlmigrate since"] if adoption.executed_here else []
    counts += [f"{len(adoption.pending)} pending"]
    counts += [f"{len(adoption.unfinished)} failed"] if adoption.unfinished else []
    counts += [f"{len(adoption.missing)} without a file"] if adoption.missing else []
    return ", ".join(counts)


def _since(adoption: Adoption) -> str:
    records = [each.record for each in adoption.executed if each.record]
    times = sorted(each.executed_at for each in records if each.executed_at)
    by = list(dict.fromkeys(each.executed_by for each in records if each.executed_by))
    said = f"from {moment(times[0])} to {moment(times[-1])}" if times else ""
    return said + (f"{' ' if said else ''}by {', '.join(by[:3])}" if by else "")


def entry_lines(adoption: Adoption) -> Iterator[Line]:
    """Return a line for each migration: what the tool has done with it, and how it is recorded."""
    width = max((len(each.label) for each in adoption.entries), default=0)
    for entry in adoption.entries:
        state = entry.record.state if entry.record else "executed" if entry.is_recorded else "pending"
        mark, style = _MARK[state]
        yield [(style, mark), ("", f" {entry.label:<{width}}   {_said(entry, adoption.tool, state)}".rstrip())]


def _said(entry: Entry, tool: Tool, state: str) -> str:
    if not entry.is_executed:
        return "executed by sqlmigrate" if entry.is_recorded else state
    when = f" {moment(entry.record.executed_at)}" if entry.record and entry.record.executed_at else ""
    known = "recorded already" if entry.is_recorded else said_of(entry, tool).partition("; ")[2]
    return f"{state}{when}  {known}"


def file_lines(adoption: Adoption) -> Iterator[Line]:
    """Return a line for each file to write, with the file that it is made of."""
    for entry in adoption.entries:
        for path in () if entry.pair.is_written else entry.pair.texts:
            yield [("", f"{entry.pair.foreign.path} ──▶ {path}")]


def remarks(adoption: Adoption, *, ignore_missing: bool = False) -> Iterator[Line]:
    """Return what keeps the migrations from being taken over, what is converted with a change, and what is left out."""
    errors = list(errors_of(adoption, trust=False, ignore_missing=ignore_missing))
    yield from remark_lines(errors, "❌", "red")
    yield from remark_lines(adoption.notes, "⚠️", "yellow")
    is_known = adoption.history is not None  # without a history every migration looks pending; `verify` reads them all
    pending = [each.pair.migration for each in adoption.pending if is_known and each.pair.migration]
    refused = [
        error.with_(message=f"pending, and `up` will refuse it: {error.message}") for error in faults_in(pending)
    ]
    yield from remark_lines(refused, "⚠️", "yellow")
    if adoption.missing and not errors:
        keys = ", ".join(each.key for each in adoption.missing[:_SHOWN])
        yield [("yellow", "⚠️"), ("", f" executed, and no file has it, so it is not recorded: {keys}")]


def ending(
    adoption: Adoption, directory: str, *, is_dry_run: bool = False, ignore_missing: bool = False
) -> tuple[bool, str, str]:
    """Return whether nothing is in the way, what the state of things is, and the next command.

    A dry run shows what is in the way of each file: it says more only if not all of that was shown.
    """
    if errors := list(errors_of(adoption, trust=False, ignore_missing=ignore_missing)):
        said = "it cannot be taken over yet; nothing was written: mend what is marked ❌"
        is_all_shown = is_dry_run or len(set(_said_of_all(errors))) <= _SHOWN
        return False, said, "sqlmigrate adopt" if is_all_shown else "sqlmigrate adopt --dry-run"
    return True, *_ending_without_errors(adoption, directory, ignore_missing=ignore_missing)


def _ending_without_errors(adoption: Adoption, directory: str, *, ignore_missing: bool) -> tuple[str, str]:
    if adoption.is_ours:
        return "nothing to take over: sqlmigrate looks after this folder already", status_command(adoption, directory)
    if not adoption.is_done:
        return "nothing was written", f"sqlmigrate adopt --write{' --ignore-missing' if ignore_missing else ''}"
    if adoption.history is None:
        return "no file has to be written; no history was found to take over", status_command(adoption, directory)
    return "nothing to do: everything is taken over", status_command(adoption, directory)


def status_command(adoption: Adoption, directory: str) -> str:
    """Return the command that shows the migrations where they are."""
    folder = adoption.reading.folder
    if adoption.reading.in_place and folder != directory.rstrip("/"):
        return f"sqlmigrate status --directory {shlex.quote(folder)}"
    return "sqlmigrate status"


def remark_lines(errors: Sequence[SqlmigrateError], mark: str, style: str) -> Iterator[Line]:
    """Return a line for each of the first remarks, and one with the number of all others.

    What is said of many places is one line, with the first place.
    """
    said = list(dict.fromkeys(_said_of_all(errors)))
    for line in said[:_SHOWN]:
        yield [(style, mark), ("", f" {printable(line)}")]
    if (more := len(said) - _SHOWN) > 0:
        yield [(style, mark), ("", f" and {more} more")]


def _said_of_all(errors: Sequence[SqlmigrateError]) -> Iterator[str]:
    counts = Counter((error.message, error.hint) for error in errors)
    told = set()
    for error in errors:
        key = error.message, error.hint
        text = ": ".join(filter(None, key))
        if counts[key] <= _FEW or not error.span:
            yield f"{error.span}: {text}" if error.span else text
        elif key not in told:
            told.add(key)
            yield f"{text} ({counts[key]:,} places, the first is {error.span})"


def value(adoption: Adoption) -> dict[str, Any]:
    """Return what was found as a JSON value."""
    history = adoption.history
    return {
        "tool": adoption.tool.name,
        "folder": adoption.reading.folder,
        "in_place": adoption.reading.in_place,
        "history": history.shown if history else None,
        "migrations": [_entry_value(entry, adoption.tool) for entry in adoption.entries],
        "missing": [record.key for record in adoption.missing],
        "notes": [_remark(error) for error in adoption.notes],
        "obstacles": [_remark(error) for error in errors_of(adoption, trust=False)],
    }


def _entry_value(entry: Entry, tool: Tool) -> dict[str, Any]:
    record, migration = entry.record, entry.pair.migration
    return {
        "key": entry.pair.foreign.key,
        "from": entry.pair.foreign.path,
        "version": migration.version if migration else None,
        "name": migration.name if migration else None,
        "files": list(entry.pair.texts),
        "state": record.state if record else "executed" if entry.is_recorded else "pending",
        "executed_at": record.executed_at.isoformat() if record and record.executed_at else None,
        "duration_ms": record.duration_ms if record else None,
        "executed_by": record.executed_by if record else None,
        "verdict": entry.verdict,
        "recorded": entry.is_recorded,
        "detail": said_of(entry, tool) if entry.is_executed else None,
    }


def _remark(error: SqlmigrateError) -> dict[str, Any]:
    span = error.span
    return {
        "message": error.message,
        "path": span.source.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "hint": error.hint,
    }
