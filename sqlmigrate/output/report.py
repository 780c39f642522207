"""Plans, events, errors → screens and JSON.

A screen is lines of styled pieces, which `writer` writes; `machine` makes the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlmigrate.errors import SqlmigrateError, StatementError
from sqlmigrate.history.log import LogEntry
from sqlmigrate.history.state import State
from sqlmigrate.plan.plan import Planned, Step
from sqlmigrate.plan.rows import Row, missing_after

from . import json_values
from .excerpt import Line, draw, printable
from .status_lines import label_column, local, row_lines, totals
from .wrapping import folded
from .writer import Stream, Writer, terminal_width, width as screen_width

if TYPE_CHECKING:
    from sqlmigrate.executor import events
    from sqlmigrate.parsing.script import Script


Format = Literal["text", "json"]

_AFTER_ERROR, _AFTER_NAME, _AFTER_ACTION = 7, 11, 34  # columns where a message, a field, and a name in the log begin
_DURATION_WIDTH, _NARROWEST_LABEL = 13, 10
_OF_DIFFS = ("+", "-", " ", "@")  # how lines begin that are shown to the letter


class Report:
    """What a command says, as text or as JSON. `program` is how the user called us: hints repeat its flags.

    Where there is no terminal, a line every `line_seconds` tells of a statement that is under way.
    """

    def __init__(self, program: str, directory: str, form: Format = "text", line_seconds: float = 10) -> None:
        self.program = program
        self.directory = directory.rstrip("/") + "/"
        self.form = form
        self.place: str | None = None  # what to say for the database, where its own address means nothing
        self.writer = Writer()
        self._executed = self._failed = 0
        self._label_width = 0
        self._is_dry_run = False  # that of the plan which was told
        self._line_ms = self._next_line_ms = line_seconds * 1000

    def close(self, seconds: float | None = None) -> bool:
        """Wait until everything is written, for so many seconds at most; tells whether it is."""
        return self.writer.close(seconds)

    @property
    def loss(self) -> SqlmigrateError | None:
        """What could not be written, where a stream has taken no more: a full disk, a stream that is closed."""
        for stream, error in self.writer.lost.items():
            return SqlmigrateError(
                f"{stream} takes no more: {error.strerror or error}",
                detail=["the database is not touched by that: its history tells what was done"],
                next_steps=["sqlmigrate status"],
            )
        return None

    def text(self, *lines: Line | str, stream: Stream = "stdout") -> None:
        """Write lines of text (nothing where JSON is wanted)."""
        if self.form == "text":
            self.writer.write(stream, [[("", line)] if isinstance(line, str) else line for line in lines])

    def _folded(self, line: Line, indent: int = 3, stream: Stream = "stdout") -> None:
        """Write a line, folded where it is wider than the terminal."""
        self.text(*folded(line, terminal_width(stream), indent), stream=stream)

    def page(self, text: str) -> None:
        """Write a text to stdout that a command has drawn by itself, in whichever form."""
        self.writer.write("stdout", [[("", line)] for line in text.rstrip("\n").split("\n")])

    def json(self, value: Any, stream: Stream = "stdout") -> None:
        """Write one value as a line of JSON (nothing where text is wanted)."""
        if self.form == "json":
            self.writer.write(stream, [[("", json_values.line(value))]])

    def command(self, words: str) -> str:
        """Give a command of ours as something to paste: with the flags that this call was given."""
        return re.sub(r"(^|: )sqlmigrate (?=[a-z])", lambda match: f"{match[1]}{self.program} ", words, count=1)

    # looking

    def status(self, planned: Planned) -> None:
        """Draw the screen of `status`."""
        rows = planned.plan.rows
        if self.form == "json":
            self.json(json_values.status_value(planned, self.directory))
            return
        self._folded(self._head(planned, f"{self.directory} · history in {planned.state.history.name}"))
        self.text("")
        self.text(*row_lines(rows, planned.state.run, terminal_width("stdout")))
        if rows:
            self.text("")
        self._folded([("bold", part) for part in totals(rows)])
        self._end(rows)

    def _head(self, planned: Planned, rest: str) -> Line:
        return [("bold", self.place or planned.state.server.where), ("", f" · {rest}")]

    def _end(self, rows: Sequence[Row]) -> None:
        """Say what the rows mean as a whole, and what to do next."""
        if missing_after(rows):
            self._folded([("", "the history goes on after the newest file: this folder is older than the database")])
        if not rows:
            self.text(self.next_step('sqlmigrate create "my first table"'))
        elif any(row.state in ("changed", "missing") for row in rows):
            self.text(self.next_step("sqlmigrate verify"))
        elif any(row.state == "out of order" for row in rows):
            self.text(self.next_step("sqlmigrate up --out-of-order"))
        elif any(row.is_pending for row in rows):
            self.text(self.next_step("sqlmigrate up"))

    def next_step(self, words: str) -> Line:
        """Give the line that names the next command."""
        return [("", "next: "), ("cyan", self.command(words))]

    def log(self, state: State, entries: Sequence[LogEntry]) -> None:
        """Draw the screen of `log`, oldest first."""
        self.json([json_values.log_value(entry) for entry in entries])
        self._folded([("bold", self.place or state.server.where), ("", f" · log of {state.history.name}")])
        self.text("")
        width = label_column(f"{entry.version}_{entry.name}" for entry in entries)
        if room := terminal_width("stdout"):
            width = min(width, max(_NARROWEST_LABEL, room - _AFTER_ACTION - _DURATION_WIDTH))
        for entry in entries:
            mark, style = _LOG_MARKS[entry.action]
            duration = f"{entry.duration_ms:,} ms" if entry.duration_ms is not None else ""
            label = f"{entry.version}_{entry.name}"
            who = f"{entry.executed_by} from {entry.host}" if entry.host else entry.executed_by
            did = f" {local(entry.logged_at)}  {entry.action:<8}  {label:<{width}}  {duration:>9}  {who}"
            self._folded([(style, mark), ("", did)], _AFTER_ACTION)
            if entry.detail:
                self._folded([("dim", f"   {printable(entry.detail.splitlines()[0])}")])
        self.text(f"Total: {len(entries)}" if entries else "the log is empty: nothing was executed yet")

    # running

    def tell(self, happened: events.Event) -> None:  # noqa: C901, PLR0912 - one for each event
        """Tell one event of a run."""
        from sqlmigrate.executor import events  # noqa: PLC0415 - only where something is executed

        from . import progress_lines  # noqa: PLC0415 - only where something is executed

        if isinstance(happened, Planned):
            self._is_dry_run = happened.plan.dry_run
        if self.form == "json":
            self.json(json_values.event_value(happened, dry_run=self._is_dry_run))
        match happened:
            case Planned():
                self._planned(happened)
            case events.Waiting():
                self.text(*progress_lines.waiting(happened, screen_width()), stream="stderr")
            case events.Began(step):
                self._next_line_ms = self._line_ms
                self.text(*progress_lines.began(step), stream="stderr")
                for note in step.notes:
                    self.text(f"note: {step.label}: {note}", stream="stderr")
            case events.Noticed(step, severity, message):
                self.text([("dim", f"   {severity.lower()}: {printable(message)}")], stream="stderr")
            case events.Finished():
                self._finished(happened)
            case events.Failed():
                self._failure(happened)
            case events.NotTried(step, reason):
                self.text([("yellow", "⏸️"), ("", f" {step.label:<{self._label_width}}   not tried: {reason}")])
            case events.Watched():
                self._watched(happened)
            case events.Recovered():
                self.text(*progress_lines.recovered(happened, screen_width()), stream="stderr")
            case events.Blocked():
                self.text(*progress_lines.blocked(happened, screen_width()), stream="stderr")
            case events.StatementDone() | events.Executed():
                pass

    def _watched(self, seen: events.Watched) -> None:
        """Draw the live line on a terminal; elsewhere a line every ten seconds."""
        from . import progress_lines  # noqa: PLC0415 - only where something takes its time

        if self.form == "text" and self.writer.is_live:
            self.writer.live(progress_lines.live(seen, screen_width() - 1))
        elif seen.duration_ms >= self._next_line_ms:
            self._next_line_ms += self._line_ms * (1 + (seen.duration_ms - self._next_line_ms) // self._line_ms)
            self.text(*progress_lines.watched(seen, screen_width()), stream="stderr")

    def _planned(self, planned: Planned) -> None:
        steps, rows = planned.plan.steps, planned.plan.rows
        what = "pending" if planned.plan.direction == "up" else "to take back"
        self._label_width = label_column(step.label for step in steps)
        if steps:
            self.text(self._head(planned, f"{len(steps)} {what}"), "")
        elif planned.plan.direction == "down":
            self.text(self._head(planned, "nothing to take back"))
        else:
            left = sum(row.is_pending for row in rows)
            self.text(self._head(planned, f"nothing to do, {left} pending" if left else "up to date"))
            if missing_after(rows):
                self._end(rows)

    def _finished(self, finished: events.Finished) -> None:
        self._executed += 1
        mark = ("green", "✅") if finished.step.direction == "up" else ("green", "↩️")
        count = f"{finished.statements:,} statement{'s' * (finished.statements != 1)}"
        self.text(
            [mark, ("", f" {finished.step.label:<{self._label_width}}   {count:<16} {finished.duration_ms:>7,} ms")]
        )

    def _failure(self, failed: events.Failed) -> None:
        self._failed += 1
        where = f"statement {failed.number} of {failed.total}" if failed.number else "at its end"
        self.text(
            [
                ("red", "❌"),
                ("", f" {failed.step.label:<{self._label_width}}   {where:<16} {failed.duration_ms:>7,} ms"),
            ],
            "",
        )
        self.text(*self._error_lines(failed.error), stream="stderr")

    def ended(self, outcome: events.Failed | None, executed: Sequence[Step], *, rehearsed: bool) -> None:
        """Say how a run ended: what happened, what now, and the totals."""
        if outcome:
            self.text(*self._what_happened(outcome, executed, rehearsed=rehearsed), "", stream="stderr")
        if self._executed or self._failed:
            self.text(*([] if outcome else [""]), [("bold", self._tally(executed, rehearsed=rehearsed))])

    def _tally(self, executed: Sequence[Step], *, rehearsed: bool) -> str:
        backwards = bool(executed) and executed[0].direction == "down"
        word = "tried, and rolled back" if rehearsed else "taken back" if backwards else "executed"
        counts = [f"{self._executed} {word}"] if self._executed else []
        counts += [f"{self._failed} failed"] if self._failed else []
        self._executed = self._failed = 0
        return " · ".join(counts)

    def _what_happened(self, failed: events.Failed, executed: Sequence[Step], *, rehearsed: bool) -> Iterator[Line]:
        what, now = "what happened", "what now"
        label = failed.step.label
        if failed.step.script.mode == "transaction":
            happened = [*failed.kept] or [f"{label} was rolled back, nothing of it is in the database"]
            if failed.step.direction == "down" and not failed.kept:
                happened = [f"the down of {label} was rolled back: it stays executed, as a whole"]
        else:
            happened = [
                f"{label} runs without a transaction, and stopped at statement {failed.number} of {failed.total}"
            ]
            happened += failed.kept
        if rehearsed:
            happened = ["this was tried in a transaction that is rolled back: the database is as it was"]
        elif executed:
            stays = "stays executed" if failed.step.direction == "up" else "is taken back"
            happened.append(f"{executed[-1].label} before it {stays}")
        for index, line in enumerate(happened):
            yield [("bold", f"{what if not index else '':<16}"), ("", line)]
        steps = failed.error.next_steps or (f"fix the file, then: sqlmigrate {failed.step.direction}",)
        for index, line in enumerate(steps):
            yield [("bold", f"{now if not index else '':<16}"), ("", self.command(line))]

    # files and history

    def cuts(self, script: Script) -> None:
        """Show the statements of a file, a line each."""
        self.json(json_values.script_value(script))
        for each in script.statements:
            span = each.span
            lines = f"{span.line}-{span.end_line}" if span.end_line > span.line else f"{span.line}"
            data = f"  with {each.data.end_line - each.data.line + 1:,} lines of data" if each.data else ""
            self.text([("dim", f"{script.source.path}:{lines:<9} "), ("", printable(each.title) + data)])
        how = "in one transaction" if script.mode == "transaction" else "each on its own"
        self.text(f"{len(script.statements):,} statements, {how}")

    def created(self, up: Path, down: Path) -> None:
        """Say which files were made."""
        self.json({"up": str(up), "down": str(down)})
        self.text([("green", "✅"), ("", f" {up}")], [("green", "✅"), ("", f" {down}")])
        self.text(f"next: write the SQL into both, then: {self.command('sqlmigrate up')}")

    def verified(self, count: int, planned: Planned | None) -> None:
        """Say that nothing was found."""
        history = planned.state.history.name if planned else None
        self.json({"files": count, "history": history, "findings": []})
        files = f"{count:,} migration{'s' * (count != 1)} in {self.directory}: every file can be executed"
        self._folded([("green", "✅"), ("", f" {files}")])
        if planned:
            agrees = f" history in {history}: agrees with the files, "
            self._folded([("green", "✅"), ("", agrees), *(("", part) for part in totals(planned.plan.rows))])
        else:
            self.text("no database is named: the files alone were checked")

    def repaired(self, label: str, done: str) -> None:
        """Say what was repaired."""
        self.json({"repaired": label, "done": done})
        self._folded([("green", "✅"), ("", f" {done}")])
        self.text(self.next_step("sqlmigrate status"))

    def declared(self, rows: Sequence[Row]) -> None:
        """Say which migrations were declared to be in the database."""
        self.json({"baseline": [row.label for row in rows]})
        width = label_column(row.label for row in rows)
        self.text(*([("green", "✅"), ("", f" {row.label:<{width}}   recorded, not executed")] for row in rows))
        self.text(f"{len(rows)} recorded" if rows else "nothing to record: all of it is executed already")

    # errors

    def error(self, error: SqlmigrateError) -> None:
        """Draw an error, and those found together with it."""
        found = (error, *error.others)
        self.json({"error": [json_values.error_value(each) for each in found]}, stream="stderr")
        for each in found:
            self.text(*self._error_lines(each), stream="stderr")
        if error.others:
            self.text(f"{len(found)} errors" + (f", {error.state}" if error.state else ""), stream="stderr")

    def _error_lines(self, error: SqlmigrateError) -> Iterator[Line]:
        head: Line = [("bold red", "error"), ("bold", f": {printable(error.message)}")]
        yield from folded(head, terminal_width("stderr"), _AFTER_ERROR)
        if error.span and (error.span.end or error.span.start):
            yield from draw(error.span, screen_width())
        elif error.span:
            yield [("dim", "  ──▶ "), ("bold", error.span.source.path)]
        fields: list[tuple[str, str]] = [("", line) for line in error.detail]
        fields += [("", error.state)] if error.state and not error.others and not error.tells_state else []
        fields += error.fields if isinstance(error, StatementError) else []
        fields += [("hint", error.hint)] if error.hint else []
        for name, value in fields:
            yield from _field_lines(name, value)
        if not isinstance(error, StatementError):
            for index, step in enumerate(error.next_steps):
                yield [("bold", f"   {'next' if not index else '':<8}"), ("cyan", printable(self.command(step)))]
        yield []


def _field_lines(name: str, value: str) -> Iterator[Line]:
    if not name:
        style = {"+": "green", "-": "red"}.get(value[:1], "")
        room = None if value[:1] in _OF_DIFFS else terminal_width("stderr")
        yield from folded([(style, f"   {printable(value)}")], room, 3)
        return
    for index, line in enumerate(value.splitlines() or [""]):
        field: Line = [("bold", f"   {name if not index else '':<8}"), ("", printable(line))]
        yield from folded(field, terminal_width("stderr") if name == "hint" else None, _AFTER_NAME)


_LOG_MARKS = {
    "up": ("✅", "green"), "down": ("↩️", "green"), "failure": ("❌", "red"), "repair": ("🔧", "yellow"),
    "baseline": ("✅", "green"),
}  # fmt: skip
